"""The clients behind one interface, on a mock whose clock their sleeping turns; the asynchronous one in two loops."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Literal

import anyio.from_thread
import httpx
from octopusx_video import AsyncOctopusX, OctopusX
from octopusx_video_mock import Mock

KEY = "sk-tests"
SOURCE = "grok:f673ba58-b053-4d8d-8938-c0b429de4d7f"
"""A finished task that every mock has: an example of the contract."""
BASE_URL = "http://localhost"

Kind = Literal["sync", "async", "trio"]
KINDS: tuple[Kind, ...] = ("sync", "async", "trio")
CLIENTS: tuple[Kind, ...] = ("sync", "async")
"""One of each client, for what takes long."""

EXTEND = {"model": "grok-video-3", "prompt": "play with another white cat"}
CREATE = {**EXTEND, "start_time": 4, "duration": 6}


class Blocking:
    """An asynchronous object whose coroutines are run to their end.

    Args:
        wrapped: The object.
        run: Calls a function with its arguments, and awaits it to its end.
    """

    def __init__(self, wrapped: Any, run: Callable[..., Any]) -> None:
        self._wrapped = wrapped
        self._run = run

    def __getattr__(self, name: str) -> Any:
        """A coroutine function becomes one that waits; a part of the client is wrapped in its turn."""
        value = getattr(self._wrapped, name)
        if inspect.iscoroutinefunction(value):
            return lambda *arguments, **options: self._run(functools.partial(value, *arguments, **options))
        return Blocking(value, self._run) if type(value).__module__.startswith("octopusx_video.") else value


@contextlib.contextmanager
def connected(kind: Kind, transport: Any, clock: Any = None, **options: Any) -> Iterator[Any]:
    """A client of either kind over a transport, with the tests' key unless another is given."""
    options = {"api_key": KEY, "base_url": BASE_URL, **options}
    if clock is not None:
        options |= {"sleep": clock.advance, "clock": clock.now}
    if kind == "sync":
        with OctopusX(transport=transport, **options) as client:
            yield client
        return
    with _asyncio() if kind == "async" else _trio() as run:
        asynchronous = AsyncOctopusX(transport=transport, **options)
        try:
            yield Blocking(asynchronous, run)
        finally:
            run(asynchronous.close)


@contextlib.contextmanager
def _asyncio() -> Iterator[Callable[..., Any]]:
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        try:
            yield lambda call: loop.run_until_complete(call())
        finally:
            loop.run_until_complete(_end_tasks())
            loop.run_until_complete(loop.shutdown_default_executor())


async def _end_tasks() -> None:
    """End what an interrupt left waiting: it keeps a thread of anyio's, and with it the process."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@contextlib.contextmanager
def _trio() -> Iterator[Callable[..., Any]]:
    with anyio.from_thread.start_blocking_portal("trio") as portal:
        yield portal.call


class Between(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Stands in front of a transport: ``handle`` gets each request and a function that passes it on.

    ``requests`` holds what came.
    """

    def __init__(
        self,
        behind: httpx.BaseTransport | None = None,
        handle: Callable[[httpx.Request, Callable[[httpx.Request], httpx.Response]], httpx.Response] | None = None,
    ) -> None:
        self._behind = behind
        self._handle = handle or (lambda request, pass_on: pass_on(request))
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Called by ``httpx.Client``."""
        self.requests.append(request)
        return self._handle(request, self._pass_on)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Called by ``httpx.AsyncClient``."""
        await request.aread()
        return self.handle_request(request)

    def _pass_on(self, request: httpx.Request) -> httpx.Response:
        assert self._behind is not None
        return self._behind.handle_request(request)


def answering(*answers: httpx.Response | BaseException | Callable[[httpx.Request], httpx.Response]) -> Between:
    """A transport that gives these answers in turn, the last one again and again."""
    left = list(answers)

    def handle(request: httpx.Request, _pass_on: Any) -> httpx.Response:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, httpx.Response):
            # An answer can be read once.
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        return answer(request)

    return Between(handle=handle)


def on_mock(kind: Kind, mock: Mock, **options: Any) -> contextlib.AbstractContextManager[Any]:
    """A client of either kind on a mock, whose clock it turns where it would wait."""
    return connected(kind, mock.transport, mock.clock, **options)
