"""The synchronous shell: performs what flows ask for, on an httpx client."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx

from octopusx_video._drivers import http
from octopusx_video._drivers.base import BaseShell
from octopusx_video._errors import OctopusXError
from octopusx_video._flows.effects import Do, Effect, Flow, Open, Pull, Send, Sleep, Tell
from octopusx_video._messages.exchange import MOST_BYTES, Answer, Failure, Head, Outgoing, Received
from octopusx_video._settings import Settings

T = TypeVar("T")


class Shell(BaseShell[httpx.Client]):
    """Runs flows.

    Args:
        client: Sends what is sent.
        settings: The key, and who is trusted with it.
        monotonic: The clock of deadlines.
        sleep: Lets seconds pass.
        is_ours: Whether this package made the client.
    """

    def __init__(
        self,
        client: httpx.Client,
        settings: Settings,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Any] | None = None,
        *,
        is_ours: bool,
    ) -> None:
        from octopusx_video._drivers import deadline  # noqa: PLC0415 - brings httpcore, which httpx too loads only now

        super().__init__(client, settings, monotonic, http.hide_location, is_ours=is_ours)
        self._sleep = sleep or time.sleep
        deadline.bound(client)
        self._deadline = deadline.DEADLINE
        self._reads = threading.Semaphore(http.READS_AT_ONCE)
        self._submits = threading.Semaphore(http.SUBMITS_AT_ONCE)
        self._streams = threading.Semaphore(http.STREAMS_AT_ONCE)

    def close(self) -> None:
        """Run no more flows, and close the connections of a client of this package's own."""
        if self._is_to_close():
            self._client.close()

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return what it returns; what it raises is raised."""
        self._claim()
        with contextlib.closing(_Stream(self._streams)) as stream:
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
            except BaseException as error:
                # An interrupt may come between two effects, where the flow has not seen it.
                flow.throw(error)
                raise
            finally:
                flow.close()

    def _perform(self, effect: Effect, stream: _Stream) -> Any:
        match effect:
            case Send():
                return self._send(effect)
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

    def _send(self, effect: Send) -> Answer | Failure:
        request, received, until, within = effect
        slots = self._reads if within is None else self._submits
        if not slots.acquire(timeout=self._left(until)):
            return http.TOO_LATE
        try:
            outcome, response = self._exchange(request, received, until, within)
        finally:
            slots.release()
        if response is not None and self._client.event_hooks["response"]:
            # Behind the slot, since a hook may send requests with the same client.
            self._call_hooks(http.for_hooks(response, received))
        http.told(request, outcome)
        return outcome

    def _call_hooks(self, response: httpx.Response) -> None:
        for hook in self._client.event_hooks["response"]:
            try:
                hook(response)
            except Exception as error:  # noqa: BLE001 - see hook_failed
                http.hook_failed(error)

    def _exchange(
        self, request: Outgoing, received: Received, until: float | None, within: float | None
    ) -> tuple[Answer | Failure, httpx.Response | None]:
        """Send a request and read its response; with the response where it began."""
        made: httpx.Request | None = None
        response: httpx.Response | None = None
        progress = None if within is None else http.Progress(within, self._deadline.set)
        try:
            left = self._left(until)
            trace = None if progress is None else (lambda name, _: progress.event(name))
            draft = self._prepared(request, left, within, trace)
            for hook in self._client.event_hooks["request"]:
                hook(draft)
            made = draft
            with self._deadline.within(left or within):
                received.sent = True
                with contextlib.closing(_begin(self._without_hooks(), made)) as response:
                    return self._whole(response, received), response
        except Exception as error:  # noqa: BLE001 - nothing from below escapes
            return http.failed(error, self._settings, made, received), response

    def _whole(self, response: httpx.Response, received: Received) -> Answer | Failure:
        received.head = http.head(response)
        for piece in _pieces(response):
            received.content += piece
            if len(received.content) > MOST_BYTES:
                return Failure(sent=True, reason=http.TOO_LARGE, permanent=True, partial=received.partial())
            self._deadline.left(None)  # a transport that was handed in may have sockets that don't keep it
        received.whole = True
        return received.answer()

    def _open(self, request: Outgoing, until: float | None, stream: _Stream) -> Head | Failure:
        stream.close()
        made: httpx.Request | None = None
        outcome: Head | Failure
        if not stream.acquire(self._left(until)):
            return http.TOO_LATE
        try:
            made = self._prepared(request, self._left(until))
            with self._deadline.within(self._left(until)):
                stream.begin(_begin(self._with_hooks(), made))
            outcome = http.head(stream.response)
        except Exception as error:  # noqa: BLE001 - nothing from below escapes
            stream.close()
            outcome = http.failed(error, self._settings, made)
        http.told(request, outcome)
        return outcome

    def _pull(self, until: float | None, stream: _Stream) -> bytes | Failure:
        if until is not None and self._monotonic() > until:
            return http.TOO_LATE
        try:
            with self._deadline.within(self._left(until)):
                return next(stream.pieces, b"")
        except Exception as error:  # noqa: BLE001 - nothing from below escapes
            return http.broken(error, self._settings)


def _begin(client: httpx.Client, made: httpx.Request) -> httpx.Response:
    return client.send(made, stream=True, auth=None, follow_redirects=False)


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    """The body as it arrives: pieces of a size of ours would be lost where the response breaks off."""
    content = http.read_already(response)
    return filter(None, response.iter_raw() if content is None else (content,))


class _Stream:
    """The response that is arriving in pieces, one at a time, and its place among the others."""

    response: httpx.Response
    pieces: Iterator[bytes]

    def __init__(self, slots: threading.Semaphore) -> None:
        self._slots = slots
        self._held: contextvars.Token[bool] | None = None
        self._open = False

    def acquire(self, seconds: float | None) -> bool:
        """Wait for a place among the streams of the client; False where there is none in time.

        A download within a listener of another one shares its place: all the places might wait for one another.
        """
        if http.HOLDS_STREAM.get():
            return True
        if not self._slots.acquire(timeout=seconds):
            return False
        self._held = http.HOLDS_STREAM.set(True)
        return True

    def begin(self, response: httpx.Response) -> None:
        self.response = response
        self._open = True
        self.pieces = _pieces(response)

    def close(self) -> None:
        try:
            if self._open:
                self._open = False
                with contextlib.suppress(Exception):
                    self.response.close()
        finally:
            if self._held is not None:
                http.HOLDS_STREAM.reset(self._held)
                self._held = None
                self._slots.release()
