"""The asynchronous driver: performs what flows ask for, on an asynchronous httpx client (asyncio or trio)."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx

from octopusx_video._drivers import failures, hooks, limits, translation
from octopusx_video._drivers.base import HOLDS_STREAM, BaseDriver, BaseStream
from octopusx_video._drivers.submit_timer import SubmitTimer
from octopusx_video._errors import OctopusXError
from octopusx_video._flows.context import CallContext
from octopusx_video._flows.effects import Do, Effect, Flow, Notify, Open, Pull, Send, Sleep
from octopusx_video._messages.exchange import MAX_BYTES, Failure, Received, Request, Response, ResponseHead

T = TypeVar("T")


class AsyncDriver(BaseDriver[httpx.AsyncClient]):
    """Runs flows; what may block is done in a thread.

    ``sleep`` lets seconds pass, and is awaited where it can be; ``BaseDriver`` has the other arguments.
    """

    def __init__(
        self, client: httpx.AsyncClient, context: CallContext, sleep: Callable[[float], Any] | None, *, is_ours: bool
    ) -> None:
        super().__init__(client, context, _hide_location, is_ours=is_ours)
        self._sleep = sleep or anyio.sleep
        self._reads = anyio.Semaphore(limits.MAX_READS)
        self._submits = anyio.Semaphore(limits.MAX_SUBMITS)
        self._streams = anyio.Semaphore(limits.MAX_STREAMS)

    async def close(self) -> None:
        """Run no more flows, and close the connections of a client of this package's own."""
        if self._is_to_close(anyio.lowlevel.current_token()):
            await self._client.aclose()

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return what it returns; what it raises is raised."""
        self._claim(anyio.lowlevel.current_token())
        stream = _Stream(self._streams)
        result: Any = None
        step: Callable[[Any], Effect] = flow.send
        try:
            while True:
                effect = step(result)
                try:
                    result, step = await self._perform(effect, stream), flow.send
                except BaseException as error:  # noqa: BLE001 - the flow cleans up, and raises it again
                    result, step = error, flow.throw
        except StopIteration as end:
            ended: T = end.value
            return ended
        except OctopusXError as error:
            self._settings.key.clean(error)
            raise
        except BaseException as error:
            # An interrupt may come between two effects, where the flow has not seen it.
            flow.throw(error)
            raise
        finally:
            flow.close()
            await stream.close()

    async def _perform(self, effect: Effect, stream: _Stream) -> Any:
        match effect:
            case Send():
                return await self._send(effect)
            case Open(request, until):
                return await self._open(request, until, stream)
            case Pull(until):
                return await self._pull(until, stream)
            case Sleep(seconds):
                await _awaited(self._sleep(seconds))
            case Do(call):
                return await anyio.to_thread.run_sync(call)
            case Notify(listener, arguments) if listener is not None:
                await _awaited(listener(*arguments))
        return None

    async def _send(self, effect: Send) -> Response | Failure:
        request, received, until, within = effect
        async with self._reads if within is None else self._submits:
            reply, response = await self._exchange(request, received, until, within)
        if response is not None and self._client.event_hooks["response"]:
            # Behind the slot, since a hook may send requests with the same client.
            await self._call_hooks(hooks.for_hooks(response, received))
        translation.log_exchange(request, reply)
        return reply

    async def _call_hooks(self, response: httpx.Response) -> None:
        for hook in self._client.event_hooks["response"]:
            try:
                await hook(response)
            except Exception as error:  # noqa: BLE001 - see log_failed
                hooks.log_failed(error)

    async def _exchange(
        self, request: Request, received: Received, until: float | None, within: float | None
    ) -> tuple[Response | Failure, httpx.Response | None]:
        """Send a request and read its response; with the response where it began."""
        made: httpx.Request | None = None
        response: httpx.Response | None = None
        reply: Response | Failure | None = None
        left = self._left(until)
        with anyio.CancelScope() as scope:

            def set_deadline(seconds: float | None) -> None:
                scope.deadline = math.inf if seconds is None else anyio.current_time() + seconds

            set_deadline(left or within)
            timer = None if within is None else SubmitTimer(within, set_deadline)

            async def trace(name: str, _: Any) -> None:
                assert timer is not None  # noqa: S101 - for the type checker
                timer.event(name)

            try:
                draft = self._prepared(request, left, within, trace if timer else None)
                for hook in self._client.event_hooks["request"]:
                    await hook(draft)
                made = draft
                received.sent = True
                response = await _begin(self._without_hooks(), made)
                try:
                    reply = await _whole(response, received)
                finally:
                    with anyio.CancelScope(shield=True):
                        await response.aclose()
            except Exception as error:  # noqa: BLE001 - nothing from below escapes
                reply = failures.failed(error, self._settings, made, received)
        if reply is None:  # it was given up; what had arrived whole all the same counts
            is_sent = timer is None or not timer.is_connecting
            late = failures.TOO_LATE._replace(sent=is_sent, partial=received.partial())
            reply = received.response() if received.whole else late
        return reply, response

    async def _open(self, request: Request, until: float | None, stream: _Stream) -> ResponseHead | Failure:
        await stream.close()
        made: httpx.Request | None = None
        reply: ResponseHead | Failure = failures.TOO_LATE
        try:
            with anyio.move_on_after(self._left(until)):
                await stream.acquire()
                made = self._prepared(request, self._left(until))
                stream.begin(await _begin(self._with_hooks(), made), _pieces)
                reply = translation.head(stream.response)
        except Exception as error:  # noqa: BLE001 - nothing from below escapes
            await stream.close()
            reply = failures.failed(error, self._settings, made)
        translation.log_exchange(request, reply)
        return reply

    async def _pull(self, until: float | None, stream: _Stream) -> bytes | Failure:
        if self._is_late(until):
            return failures.TOO_LATE
        try:
            with anyio.move_on_after(self._left(until)):
                return await _next(stream.pieces)
        except Exception as error:  # noqa: BLE001 - nothing from below escapes
            return failures.broken(error, self._settings)
        return failures.TOO_LATE


async def _awaited(value: Any) -> None:
    if inspect.isawaitable(value):
        await value


async def _hide_location(response: httpx.Response) -> None:
    hooks.hide_location(response)


async def _begin(client: httpx.AsyncClient, made: httpx.Request) -> httpx.Response:
    return await client.send(made, stream=True, auth=None, follow_redirects=False)


async def _whole(response: httpx.Response, received: Received) -> Response | Failure:
    received.head = translation.head(response)
    pieces = _pieces(response)
    async for piece in pieces:
        received.content += piece
        if len(received.content) > MAX_BYTES:
            await _end(response, pieces)
            return Failure(sent=True, reason=failures.TOO_LARGE, permanent=True, partial=received.partial())
    received.whole = True
    return received.response()


def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it arrives: pieces of a size of ours would be lost where the response breaks off."""
    content = translation.read_already(response)
    return response.aiter_raw() if content is None else _one(content)


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _next(pieces: AsyncIterator[bytes]) -> bytes:
    """The next piece that is not empty; ``b""`` at the end."""
    async for piece in pieces:
        if piece:
            return piece
    return b""


async def _end(response: httpx.Response, pieces: AsyncIterator[bytes] | None) -> None:
    """Close a response and the generators that httpx and httpcore read it with.

    Each holds the next one, and closing the first leaves the others unfinished, which trio warns of. Reading on after
    the connection is closed ends them all.
    """
    with anyio.CancelScope(shield=True):
        with contextlib.suppress(Exception):
            await response.aclose()
        with contextlib.suppress(Exception):
            while pieces is not None and await _next(pieces):
                pass


class _Stream(BaseStream):
    async def acquire(self) -> None:
        """Wait for a place among the streams of the client.

        A download within a listener of another one shares its place: all the places might wait for one another.
        """
        if not HOLDS_STREAM.get():
            await self._slots.acquire()
            self._hold()

    async def close(self) -> None:
        try:
            if self._open:
                self._open = False
                await _end(self.response, self.pieces)
        finally:
            self._release()
