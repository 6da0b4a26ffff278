"""Move the bytes of a request and of its response: in this process, or over HTTP."""

from __future__ import annotations

import functools
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator
from typing import Protocol, cast
from urllib.parse import urlsplit

import httpcore
import httpx
from octopusx_video_openapi.deadline import BoundBackend, BoundStream, Deadline

from octopusx_video_contract.messages.receiving import (
    MAX_KEPT,
    Headers,
    Received,
    UnusableError,
)

_QUICKLY = getattr(socket, "TCP_QUICKACK", None)
"""The option of a socket that has what arrives acknowledged at once; only Linux has it."""
FAILURES = (
    *(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError),
    *(httpcore.UnsupportedProtocol, httpx.TransportError, OSError, UnusableError),
)
"""What is raised where no response arrives that can be used."""


class Sender(Protocol):
    """Sends the bytes of a request, and gives status, headers and the body as it arrives."""

    def __call__(
        self, method: str, base_url: str, target: str, headers: Headers, body: bytes | None, seconds: float
    ) -> Received:
        """Raises ``httpcore`` or ``httpx`` errors where no response comes."""
        ...

    def another(self) -> Sender:
        """A sender to the same server, for a request that is sent while another one is under way."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


class _AsItIs(httpx.URL):
    """A URL whose path and query are what was given: httpx tidies both, and what is sent over HTTP is not tidied."""

    def __init__(self, base: httpx.URL, target: bytes) -> None:
        super().__init__(base)
        self._target = target

    @property
    def raw_path(self) -> bytes:
        """Path and query."""
        return self._target


class InProcess:
    """Hands requests to an httpx transport, without a socket."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport
        self._base = functools.cache(httpx.URL)

    def __call__(
        self, method: str, base_url: str, target: str, headers: Headers, body: bytes | None, seconds: float
    ) -> Received:
        """Called for each request."""
        base = self._base(base_url)
        request = httpx.Request(method, base, headers=headers, content=body)
        request.url = _AsItIs(base, base.raw_path.rstrip(b"/") + target.encode("latin-1"))
        response = self._transport.handle_request(request)
        return response.status_code, response.headers.raw, iter(cast("httpx.SyncByteStream", response.stream))

    def another(self) -> InProcess:
        """A sender to the same transport."""
        return InProcess(self._transport)

    def close(self) -> None:
        """There is nothing to give back."""


def proxy_of_environment() -> str | None:
    """The proxy of the environment for servers elsewhere."""
    proxies = urllib.request.getproxies()
    return proxies.get("https") or proxies.get("all")


class OverHttp:
    """Sends over HTTP/1.1, on connections that are kept.

    Args:
        local: Whether the server is reached directly, and not through the environment's proxy.
        ssl_context: What certificates are checked by; None has one made.
    """

    def __init__(self, *, local: bool, ssl_context: ssl.SSLContext | None = None) -> None:
        self._deadline = _Deadline(bytearray())
        self._local = local
        self._ssl_context = ssl_context or httpx.create_ssl_context()
        proxy = None if local else proxy_of_environment()
        self._pool = httpcore.ConnectionPool(
            ssl_context=self._ssl_context,
            proxy=httpcore.Proxy(proxy) if proxy else None,
            retries=0,
            network_backend=BoundBackend(httpcore.SyncBackend(), self._deadline, _Stream),
        )

    def __call__(
        self, method: str, base_url: str, target: str, headers: Headers, body: bytes | None, seconds: float
    ) -> Received:
        """Called for each request."""
        self._deadline.set(seconds)
        self._deadline.raw.clear()
        parts = urlsplit(base_url)
        scheme, host = parts.scheme.encode(), (parts.hostname or "").encode()
        url = httpcore.URL(scheme=scheme, host=host, port=parts.port, target=(parts.path + target).encode("latin-1"))
        if not any(name.lower() == b"host" for name, _ in headers):
            headers = [(b"Host", parts.netloc.encode()), *headers]
        if body is not None:
            headers = [*headers, (b"Content-Length", str(len(body)).encode())]
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
        request = httpcore.Request(method, url, headers=headers, content=body, extensions={"timeout": timeouts})
        response = self._pool.handle_request(request)
        return response.status, response.headers, _closing(response)

    @property
    def raw(self) -> bytearray:
        """The first bytes that arrived since the last request left, head and body as they are."""
        return self._deadline.raw.copy()

    def longer(self, seconds: float) -> None:
        """Give the response that is arriving more time, in seconds."""
        self._deadline.extend(seconds)

    def another(self) -> OverHttp:
        """A sender to the same server, on connections of its own."""
        return OverHttp(local=self._local, ssl_context=self._ssl_context)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


def _closing(response: httpcore.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_stream()
    finally:
        response.close()


class _Deadline(Deadline):
    """The deadline of a sender, with the first bytes that arrived; another thread reads them after a block of sends."""

    def __init__(self, raw: bytearray) -> None:
        self.raw = raw  # each thread has a moment of its own, and all have these bytes


class _Stream(BoundStream):
    _deadline: _Deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        # A server that sends head and body in two packets waits until the first is acknowledged, which Linux does only
        # after 40 ms where nobody asks for it again before each read.
        if _QUICKLY is not None and (used := self._stream.get_extra_info("socket")) is not None:
            used.setsockopt(socket.IPPROTO_TCP, _QUICKLY, 1)
        data = super().read(max_bytes)  # the timeout is that of the whole response, and ``longer`` moves its end
        if len(self._deadline.raw) < MAX_KEPT:
            self._deadline.raw += data
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, max(0.001, (self._deadline.until or 0.0) - time.monotonic()))
