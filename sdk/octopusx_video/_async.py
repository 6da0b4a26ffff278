"""The asynchronous shell: performs what flows ask for, on an asynchronous httpx client (asyncio or trio)."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, TypeVar, cast

import anyio
import anyio.to_thread
import httpx

from octopusx_video import _http
from octopusx_video._effects import Answer, Do, Effect, Failure, Flow, Head, Open, Outgoing, Pull, Send, Sleep, Tell
from octopusx_video._errors import NotSentError, OctopusXError
from octopusx_video._settings import Settings

T = TypeVar("T")


class AsyncShell:
    """Runs flows; what may block is done in a thread.

    Args:
        client: Sends what is sent.
        settings: The key, and who is trusted with it.
        monotonic: The clock of deadlines.
        sleep: Lets seconds pass; what it returns is awaited where it can be.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        settings: Settings,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Any] | None = None,
    ) -> None:
        self.closed = False
        self._client = client
        self._settings = settings
        self._monotonic = monotonic
        self._sleep = sleep or anyio.sleep

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return what it returns; what it raises is raised."""
        if self.closed or self._client.is_closed:
            raise NotSentError("the client is closed; make another")
        stream = _Stream()
        outcome: Any = None
        step: Callable[[Any], Effect] = flow.send
        try:
            while True:
                effect = step(outcome)
                try:
                    outcome, step = await self._perform(effect, stream), flow.send
                except BaseException as error:  # noqa: BLE001 - the flow cleans up, and raises it again
                    outcome, step = error, flow.throw
        except StopIteration as end:
            ended: T = end.value
            return ended
        except OctopusXError as error:
            self._settings.key.clean(error)
            raise
        finally:
            flow.close()
            await stream.close()

    async def _perform(self, effect: Effect, stream: _Stream) -> Any:
        match effect:
            case Send(request, until):
                return await self._send(request, until)
            case Open(request, until):
                return await self._open(request, until, stream)
            case Pull(until):
                return await self._pull(until, stream)
            case Sleep(seconds):
                await _awaited(self._sleep(seconds))
            case Do(call):
                return await anyio.to_thread.run_sync(call)
            case Tell(listener, arguments) if listener is not None:
                await _awaited(listener(*arguments))
        return None

    def _left(self, until: float | None) -> float | None:
        return None if until is None else max(0.001, until - self._monotonic())

    async def _begin(self, made: httpx.Request) -> httpx.Response:
        return await self._client.send(made, stream=True, auth=None, follow_redirects=False)

    async def _send(self, request: Outgoing, until: float | None) -> Answer | Failure:
        made: httpx.Request | None = None
        outcome: Answer | Failure = _http.TOO_LATE
        try:
            made = _http.prepared(self._client, self._settings, request, self._left(until))
            with anyio.move_on_after(self._left(until)):
                response = await self._begin(made)
                try:
                    outcome = await _whole(response)
                finally:
                    with anyio.CancelScope(shield=True):
                        await response.aclose()
        except Exception as error:  # noqa: BLE001 - nothing from below escapes
            outcome = _http.failed(error, self._settings, made)
        _http.told(request, outcome)
        return outcome

    async def _open(self, request: Outgoing, until: float | None, stream: _Stream) -> Head | Failure:
        await stream.close()
        made: httpx.Request | None = None
        outcome: Head | Failure = _http.TOO_LATE
        try:
            made = _http.prepared(self._client, self._settings, request, self._left(until))
            with anyio.move_on_after(self._left(until)):
                stream.begin(await self._begin(made))
                outcome = _http.head(stream.response)
        except Exception as error:  # noqa: BLE001 - nothing from below escapes
            outcome = _http.failed(error, self._settings, made)
        _http.told(request, outcome)
        return outcome

    async def _pull(self, until: float | None, stream: _Stream) -> bytes | Failure:
        if until is not None and self._monotonic() > until:
            return _http.TOO_LATE
        try:
            with anyio.move_on_after(self._left(until)):
                return await anext(stream.pieces, b"")
        except Exception as error:  # noqa: BLE001 - nothing from below escapes
            return _http.failure(error, self._settings)
        return _http.TOO_LATE


async def _awaited(value: Any) -> None:
    if inspect.isawaitable(value):
        await value


async def _whole(response: httpx.Response) -> Answer | Failure:
    content = bytearray()
    async with contextlib.aclosing(_pieces(response.aiter_bytes())) as pieces:
        async for piece in pieces:
            content += piece
            if len(content) > _http.MOST_BYTES:
                return _http.TOO_LARGE
    return Answer(response.status_code, dict(response.headers.items()), bytes(content))


def _pieces(arriving: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    # It is a generator, which has to be closed where it is left half way; httpx promises no more than an iterator.
    return cast("AsyncGenerator[bytes]", arriving)


class _Stream:
    """The answer that is arriving in pieces, one at a time."""

    response: httpx.Response
    pieces: AsyncGenerator[bytes]

    def __init__(self) -> None:
        self._open = False

    def begin(self, response: httpx.Response) -> None:
        self.response = response
        self._open = True
        # As they arrive: pieces of a size of ours would be lost where the answer breaks off.
        self.pieces = _pieces(response.aiter_raw())

    async def close(self) -> None:
        if self._open:
            self._open = False
            with anyio.CancelScope(shield=True), contextlib.suppress(Exception):
                await self.pieces.aclose()
                await self.response.aclose()
