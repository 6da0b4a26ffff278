"""A moment at which every read of httpcore's sockets ends, however little keeps arriving.

httpcore and httpx bound each read by itself, so a server that sends a byte now and then would hold a program as long as
it likes. Neither is imported here: who has sockets of theirs has imported them.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from httpcore import NetworkBackend, NetworkStream
else:
    NetworkBackend = NetworkStream = object


class Deadline(threading.local):
    """When the requests of this thread are given up.

    Attributes:
        until: The moment, on the monotonic clock; None for never.
    """

    until: float | None = None

    @contextlib.contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Give up the requests in this block after so many seconds; None for never."""
        before = self.until
        self.set(seconds)
        try:
            yield
        finally:
            self.until = before

    def set(self, seconds: float | None) -> None:
        """Give up the requests of this thread after so many seconds from now; None for never."""
        self.until = None if seconds is None else time.monotonic() + seconds

    def extend(self, seconds: float) -> None:
        """Move the deadline of this thread, where it has one, by so many seconds."""
        if self.until is not None:
            self.until += seconds

    def left(self, timeout: float | None = None) -> float | None:
        """The shorter of a timeout and the time that is left; None where there is neither.

        Raises:
            httpcore.ReadTimeout: No time is left.
        """
        if self.until is None:
            return timeout
        left = self.until - time.monotonic()
        if left <= 0:
            from httpcore import ReadTimeout  # noqa: PLC0415 - see above

            raise ReadTimeout("the response takes too long")
        return left if timeout is None else min(timeout, left)


class BoundStream(NetworkStream):
    """A socket whose reads end at a deadline; all else is as it was.

    Args:
        stream: The socket.
        deadline: When its reads end.
    """

    def __init__(self, stream: NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what arrives until the timeout or the deadline, whichever is first."""
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write, without a deadline: what is written is no silence of the server's."""
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()

    def start_tls(self, *arguments: Any, **options: Any) -> NetworkStream:
        """The encrypted socket, with the same deadline."""
        return type(self)(self._stream.start_tls(*arguments, **options), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """What the socket knows of itself."""
        return self._stream.get_extra_info(info)


class BoundBackend(NetworkBackend):
    """Makes sockets whose reads end at a deadline.

    Args:
        backend: Makes the sockets.
        deadline: When their reads end.
        kind: What they are wrapped in.
    """

    def __init__(self, backend: NetworkBackend, deadline: Deadline, kind: type[BoundStream] = BoundStream) -> None:
        self._backend = backend
        self._deadline = deadline
        self._kind = kind

    def connect_tcp(self, *arguments: Any, **options: Any) -> NetworkStream:
        """A connection to a host and a port."""
        return self._kind(self._backend.connect_tcp(*arguments, **options), self._deadline)

    def connect_unix_socket(self, *arguments: Any, **options: Any) -> NetworkStream:
        """A connection to a socket in the file system."""
        return self._kind(self._backend.connect_unix_socket(*arguments, **options), self._deadline)

    def sleep(self, seconds: float) -> None:
        """Let seconds pass, between two attempts to connect."""
        self._backend.sleep(seconds)
