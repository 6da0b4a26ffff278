"""How far a submit is, and the time that its response has left."""

from __future__ import annotations

from collections.abc import Callable

_CONNECTS = frozenset({"connect_tcp.started", "connect_unix_socket.started", "start_tls.started"})
_SENDS = frozenset({"send_request_headers.started", "send_request_body.complete", "send_request_body.failed"})


class SubmitTimer:
    """Sets the deadline of a submit, by the steps that httpx reports (its ``trace`` extension).

    The time counts from the end of the request: neither a connection that is being made nor a slow upload is silence;
    each piece of them has the client's own timeouts.

    Args:
        seconds: How long the response may take.
        set_deadline: Is called with the seconds that are left from now on; None for no limit.
    """

    def __init__(self, seconds: float, set_deadline: Callable[[float | None], None]) -> None:
        self.is_connecting = False
        self._seconds = seconds
        self._set_deadline = set_deadline

    def event(self, name: str) -> None:
        """A step that httpx reports."""
        step = name.rpartition(".")[0].rpartition(".")[2] + name[name.rfind(".") :]
        if step in _CONNECTS:
            self.is_connecting = True
            self._set_deadline(None)
        elif step == "send_request_body.started":
            self._set_deadline(None)
        elif step in _SENDS:
            self.is_connecting = False
            self._set_deadline(self._seconds)
