"""What the synchronous and the asynchronous driver have in common: all of it that waits for nothing."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any, Generic

import httpx

from octopusx_video._drivers import hooks, ownership, translation
from octopusx_video._drivers.hooks import Client
from octopusx_video._errors import NotSentError
from octopusx_video._flows.context import CallContext
from octopusx_video._messages.exchange import Request

HOLDS_STREAM: contextvars.ContextVar[bool] = contextvars.ContextVar("holds_stream", default=False)
"""Whether the running call is within a download, which has a place among the streams."""


class BaseStream:
    """The response that is arriving in pieces, one at a time, and its place among the others."""

    response: httpx.Response
    pieces: Any

    def __init__(self, slots: Any) -> None:
        self._slots = slots
        self._held: contextvars.Token[bool] | None = None
        self._open = False

    def begin(self, response: httpx.Response, pieces: Callable[[httpx.Response], Any]) -> None:
        """The response has begun to arrive; ``pieces`` gives its body, and may fail."""
        self.response, self.pieces = response, None
        self._open = True
        self.pieces = pieces(response)

    def _hold(self) -> None:
        self._held = HOLDS_STREAM.set(True)

    def _release(self) -> None:
        if self._held is not None:
            HOLDS_STREAM.reset(self._held)
            self._held = None
            self._slots.release()


class BaseDriver(Generic[Client]):
    """What a driver has.

    Args:
        client: Sends what is sent.
        context: The key, who is trusted with it, and the clock of deadlines.
        hide_location: ``hooks.hide_location``, as a hook of this kind of client.
        is_ours: Whether this package made the client.
    """

    def __init__(
        self,
        client: Client,
        context: CallContext,
        hide_location: Callable[[httpx.Response], Any],
        *,
        is_ours: bool,
    ) -> None:
        self.closed = False
        self._client: Client = client
        self._settings = context.settings
        self._monotonic = context.environment.monotonic
        self._hide_location = hide_location
        # One of our own has no other hooks, now or later.
        self._ours: Client | None = hooks.hooked(client, {"response": [hide_location]}) if is_ours else None

    def _claim(self, loop: object = None) -> None:
        """Refuse to run a flow where it can't be run."""
        if self.closed or self._client.is_closed:
            raise NotSentError("the client is closed; make another")
        ownership.claim(self._client, loop)

    def _is_to_close(self, loop: object = None) -> bool:
        """Run no more flows; whether the connections are this package's to close."""
        self.closed = True
        return self._ours is not None and ownership.is_owner(self._client, loop)

    def _left(self, until: float | None) -> float | None:
        return None if until is None else max(0.001, until - self._monotonic())

    def _is_late(self, until: float | None) -> bool:
        return until is not None and self._monotonic() > until

    def _prepared(
        self,
        request: Request,
        left: float | None,
        within: float | None = None,
        trace: Callable[..., Any] | None = None,
    ) -> httpx.Request:
        is_ours = self._ours is not None
        return translation.prepared(
            self._client, self._settings, request, left, is_ours=is_ours, within=within, trace=trace
        )

    def _without_hooks(self) -> Client:
        """The client, to read a response whole, before the user's hooks are called."""
        return self._ours or hooks.hooked(self._client, {"response": [self._hide_location]})

    def _with_hooks(self) -> Client:
        """The client with its hooks, to read a response in pieces."""
        if self._ours is not None:
            return self._ours
        given: dict[str, list[Callable[..., Any]]] = self._client.event_hooks
        return hooks.hooked(self._client, {**given, "response": [*given["response"], self._hide_location]})
