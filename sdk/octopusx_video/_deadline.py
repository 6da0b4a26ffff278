"""A moment at which every read of a synchronous client's sockets ends, however little keeps arriving.

httpx bounds each read by itself, so a server that sends a byte now and then would hold a caller as long as it likes.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import httpx


class Deadline(threading.local):
    """When what this thread asks is given up, on the monotonic clock; None for never."""

    until: float | None = None

    @contextlib.contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Give up what is asked in this block after so many seconds."""
        self.until = None if seconds is None else time.monotonic() + seconds
        try:
            yield
        finally:
            self.until = None

    def left(self, timeout: float | None) -> float | None:
        """The shorter of a timeout and the time that is left.

        Raises:
            httpcore.ReadTimeout: None is left.
        """
        if self.until is None:
            return timeout
        left = self.until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer takes too long")
        return left if timeout is None else min(timeout, left)


def kept(client: httpx.Client) -> Callable[[float | None], contextlib.AbstractContextManager[None]]:
    """Hold the sockets of a client of our own to a deadline, and give what sets it for a block, in seconds.

    httpx hands its sockets' maker on to nobody, so it is put in its place; where a version has none there, the client
    stays as it is, and each read is bounded by itself.
    """
    deadline = Deadline()
    for transport in {client._transport, *client._mounts.values()}:  # noqa: SLF001 - see above
        pool: Any = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if backend is not None:
            pool._network_backend = _Backend(backend, deadline)  # noqa: SLF001 - see above
    return deadline.within


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend, deadline: Deadline) -> None:
        self._backend = backend
        self._deadline = deadline

    def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_tcp(*arguments, **options), self._deadline)

    def connect_unix_socket(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_unix_socket(*arguments, **options), self._deadline)

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(*arguments, **options), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
