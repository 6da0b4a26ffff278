"""The synchronous driver: performs what flows ask for, on an httpx client."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx

from octopusx_video._drivers import deadline, failures, hooks, limits, translation
from octopusx_video._drivers.base import HOLDS_STREAM, BaseDriver, BaseStream
from octopusx_video._drivers.submit_timer import SubmitTimer
from octopusx_video._errors import OctopusXError
from octopusx_video._flows.context import CallContext
from octopusx_video._flows.effects import Do, Effect, Flow, Notify, Open, Pull, Send, Sleep
from octopusx_video._messages.exchange import MAX_BYTES, Failure, Received, Request, Response, ResponseHead

T = TypeVar("T")


class Driver(BaseDriver[httpx.Client]):
    """Runs flows; ``sleep`` lets seconds pass, and ``BaseDriver`` has the other arguments."""

    def __init__(
        self, client: httpx.Client, context: CallContext, sleep: Callable[[float], Any] | None, *, is_ours: bool
    ) -> None:
        super().__init__(client, context, hooks.hide_location, is_ours=is_ours)
        self._sleep = sleep or time.sleep
        deadline.bound(client)
        self._deadline = deadline.DEADLINE
        self._reads = threading.Semaphore(limits.MAX_READS)
        self._submits = threading.Semaphore(limits.MAX_SUBMITS)
        self._streams = threading.Semaphore(limits.MAX_STREAMS)

    def close(self) -> None:
        """Run no more flows, and close the connections of a client of this package's own."""
        if self._is_to_close():
            self._client.close()

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return what it returns; what it raises is raised."""
        self._claim()
        with contextlib.closing(_Stream(self._streams)) as stream:
            result: Any = None
            step: Callable[[Any], Effect] = flow.send
            try:
                while True:
                    effect = step(result)
                    try:
                        result, step = self._perform(effect, stream), flow.send
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
            case Notify(listener, arguments) if listener is not None:
                listener(*arguments)
        return None

    def _send(self, effect: Send) -> Response | Failure:
        request, received, until, within = effect
        slots = self._reads if within is None else self._submits
        if not slots.acquire(timeout=self._left(until)):
            return failures.TOO_LATE
        try:
            reply, response = self._exchange(request, received, until, within)
        finally:
            slots.release()
        if response is not None and self._client.event_hooks["response"]:
            # Behind the slot, since a hook may send requests with the same client.
            self._call_hooks(hooks.for_hooks(response, received))
        translation.log_exchange(request, reply)
        return reply

    def _call_hooks(self, response: httpx.Response) -> None:
        for hook in self._client.event_hooks["response"]:
            try:
                hook(response)
            except Exception as error:  # noqa: BLE001 - see log_failed
                hooks.log_failed(error)

    def _exchange(
        self, request: Request, received: Received, until: float | None, within: float | None
    ) -> tuple[Response | Failure, httpx.Response | None]:
        """Send a request and read its response; with the response where it began."""
        made: httpx.Request | None = None
        response: httpx.Response | None = None
        timer = None if within is None else SubmitTimer(within, self._deadline.set)
        try:
            left = self._left(until)
            trace = None if timer is None else (lambda name, _: timer.event(name))
            draft = self._prepared(request, left, within, trace)
            for hook in self._client.event_hooks["request"]:
                hook(draft)
            made = draft
            with self._deadline.within(left or within):
                received.sent = True
                with contextlib.closing(_begin(self._without_hooks(), made)) as response:
                    return self._whole(response, received), response
        except Exception as error:  # noqa: BLE001 - nothing from below escapes
            return failures.failed(error, self._settings, made, received), response

    def _whole(self, response: httpx.Response, received: Received) -> Response | Failure:
        received.head = translation.head(response)
        for piece in _pieces(response):
            received.content += piece
            if len(received.content) > MAX_BYTES:
                return Failure(sent=True, reason=failures.TOO_LARGE, permanent=True, partial=received.partial())
            self._deadline.left(None)  # a transport that was handed in may have sockets that don't keep it
        received.whole = True
        return received.response()

    def _open(self, request: Request, until: float | None, stream: _Stream) -> ResponseHead | Failure:
        stream.close()
        made: httpx.Request | None = None
        reply: ResponseHead | Failure
        if not stream.acquire(self._left(until)):
            return failures.TOO_LATE
        try:
            made = self._prepared(request, self._left(until))
            with self._deadline.within(self._left(until)):
                stream.begin(_begin(self._with_hooks(), made), _pieces)
            reply = translation.head(stream.response)
        except Exception as error:  # noqa: BLE001 - nothing from below escapes
            stream.close()
            reply = failures.failed(error, self._settings, made)
        translation.log_exchange(request, reply)
        return reply

    def _pull(self, until: float | None, stream: _Stream) -> bytes | Failure:
        if self._is_late(until):
            return failures.TOO_LATE
        try:
            with self._deadline.within(self._left(until)):
                piece: bytes = next(stream.pieces, b"")
                return piece
        except Exception as error:  # noqa: BLE001 - nothing from below escapes
            return failures.broken(error, self._settings)


def _begin(client: httpx.Client, made: httpx.Request) -> httpx.Response:
    return client.send(made, stream=True, auth=None, follow_redirects=False)


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    """The body as it arrives: pieces of a size of ours would be lost where the response breaks off."""
    content = translation.read_already(response)
    return filter(None, response.iter_raw() if content is None else (content,))


class _Stream(BaseStream):
    def acquire(self, seconds: float | None) -> bool:
        """Wait for a place among the streams of the client; False where there is none in time.

        A download within a listener of another one shares its place: all the places might wait for one another.
        """
        if HOLDS_STREAM.get():
            return True
        if not self._slots.acquire(timeout=seconds):
            return False
        self._hold()
        return True

    def close(self) -> None:
        try:
            if self._open:
                self._open = False
                with contextlib.suppress(Exception):
                    self.response.close()
        finally:
            self._release()
