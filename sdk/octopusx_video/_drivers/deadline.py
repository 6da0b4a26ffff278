"""A moment at which every read of a synchronous client's sockets ends, however little keeps arriving.

httpx bounds each read by itself, so a server that sends a byte now and then would hold a context as long as it likes.
"""

from __future__ import annotations

import contextlib
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import httpcore
import httpx


class Deadline(threading.local):
    """When what this thread asks is given up, on the monotonic clock; None for never."""

    until: float | None = None

    @contextlib.contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Give up what is asked in this block after so many seconds; None for never."""
        before = self.until
        self.set(seconds)
        try:
            yield
        finally:
            self.until = before

    def set(self, seconds: float | None) -> None:
        """Give up what this thread asks after so many seconds from now; None for never."""
        self.until = None if seconds is None else time.monotonic() + seconds

    def left(self, timeout: float | None) -> float | None:
        """The shorter of a timeout and the time that is left.

        Raises:
            httpcore.ReadTimeout: None is left.
        """
        if self.until is None:
            return timeout
        left = self.until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the response takes too long")
        return left if timeout is None else min(timeout, left)


DEADLINE = Deadline()
"""That of each thread, whatever client it uses."""


def bound(client: httpx.Client) -> None:
    """Let the sockets of a client keep the deadline of the thread that uses them; without one they are what they were.

    httpx hands its sockets' maker on to nobody, so it is put in its place. Where a version of httpx has none there, a
    warning says that only each read by itself is bounded.
    """
    for transport in {client._transport, *client._mounts.values()}:  # noqa: SLF001 - see above
        if not isinstance(transport, httpx.HTTPTransport):  # it was handed in, and has no sockets or none of httpx's
            continue
        pool: Any = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if backend is None:
            text = f"httpx {httpx.__version__} hides its sockets: the time of a whole response can't be bounded"
            warnings.warn(text, RuntimeWarning, stacklevel=2)
        elif not isinstance(backend, _Backend):
            pool._network_backend = _Backend(backend)  # noqa: SLF001 - see above


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_tcp(*arguments, **options))

    def connect_unix_socket(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_unix_socket(*arguments, **options))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, DEADLINE.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(*arguments, **options))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
