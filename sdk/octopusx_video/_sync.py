"""The synchronous shell: performs what flows ask for, on an httpx client."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx

from octopusx_video import _http
from octopusx_video._effects import Answer, Do, Effect, Failure, Flow, Head, Open, Outgoing, Pull, Send, Sleep, Tell
from octopusx_video._errors import NotSentError, OctopusXError
from octopusx_video._settings import Settings

T = TypeVar("T")


class Shell:
    """Runs flows.

    Args:
        client: Sends what is sent.
        settings: The key, and who is trusted with it.
        monotonic: The clock of deadlines.
        sleep: Lets seconds pass.
        owned: Whether the client is of our own making, and may be held to deadlines.
    """

    def __init__(
        self,
        client: httpx.Client,
        settings: Settings,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Any] | None = None,
        *,
        owned: bool = False,
    ) -> None:
        self.closed = False
        self._client = client
        self._settings = settings
        self._monotonic = monotonic
        self._sleep = sleep or time.sleep
        self._within: Callable[[float | None], contextlib.AbstractContextManager[None]] = _unbounded
        if owned:
            from octopusx_video import _deadline  # noqa: PLC0415 - brings httpcore, which httpx too loads only now

            self._within = _deadline.kept(client)

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return what it returns; what it raises is raised."""
        if self.closed or self._client.is_closed:
            raise NotSentError("the client is closed; make another")
        with contextlib.closing(_Stream()) as stream:
            outcome: Any = None
            step: Callable[[Any], Effect] = flow.send
            try:
                while True:
                    effect = step(outcome)
                    try:
                        outcome, step = self._perform(effect, stream), flow.send
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

    def _perform(self, effect: Effect, stream: _Stream) -> Any:
        match effect:
            case Send(request, until):
                return self._send(request, until)
            case Open(request, until):
                return self._open(request, until, stream)
            case Pull(until):
                return self._pull(until, stream)
            case Sleep(seconds):
                self._sleep(seconds)
            case Do(call):
                return call()
            case Tell(listener, arguments) if listener is not None:
                listener(*arguments)
        return None

    def _left(self, until: float | None) -> float | None:
        return None if until is None else max(0.001, until - self._monotonic())

    def _send(self, request: Outgoing, until: float | None) -> Answer | Failure:
        made: httpx.Request | None = None
        outcome: Answer | Failure
        try:
            made = _http.prepared(self._client, self._settings, request, self._left(until))
            with self._within(self._left(until)), contextlib.closing(self._begin(made)) as response:
                outcome = _whole(response)
        except Exception as error:  # noqa: BLE001 - nothing from below escapes
            outcome = _http.failed(error, self._settings, made)
        _http.told(request, outcome)
        return outcome

    def _begin(self, made: httpx.Request) -> httpx.Response:
        return self._client.send(made, stream=True, auth=None, follow_redirects=False)

    def _open(self, request: Outgoing, until: float | None, stream: _Stream) -> Head | Failure:
        stream.close()
        made: httpx.Request | None = None
        outcome: Head | Failure
        try:
            made = _http.prepared(self._client, self._settings, request, self._left(until))
            with self._within(self._left(until)):
                stream.begin(self._begin(made))
            outcome = _http.head(stream.response)
        except Exception as error:  # noqa: BLE001 - nothing from below escapes
            outcome = _http.failed(error, self._settings, made)
        _http.told(request, outcome)
        return outcome

    def _pull(self, until: float | None, stream: _Stream) -> bytes | Failure:
        if until is not None and self._monotonic() > until:
            return _http.TOO_LATE
        try:
            with self._within(self._left(until)):
                return next(stream.pieces, b"")
        except Exception as error:  # noqa: BLE001 - nothing from below escapes
            return _http.failure(error, self._settings)


def _unbounded(_: float | None) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def _whole(response: httpx.Response) -> Answer | Failure:
    content = bytearray()
    for piece in response.iter_bytes():
        content += piece
        if len(content) > _http.MOST_BYTES:
            return _http.TOO_LARGE
    return Answer(response.status_code, dict(response.headers.items()), bytes(content))


class _Stream:
    """The answer that is arriving in pieces, one at a time."""

    response: httpx.Response
    pieces: Iterator[bytes]

    def __init__(self) -> None:
        self._open = False

    def begin(self, response: httpx.Response) -> None:
        self.response = response
        self._open = True
        # As they arrive: pieces of a size of ours would be lost where the answer breaks off.
        self.pieces = response.iter_raw()

    def close(self) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(Exception):
                self.response.close()
