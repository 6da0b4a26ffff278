"""The one place from which requests leave: one at a time, each once, never repeated and never sent elsewhere.

What schemathesis, the generated client and the layers send all passes here, so that the budget, the account of what was
exercised and the limits of an answer hold for everything.
"""

from __future__ import annotations

import collections
import functools
import json
import time
import urllib.request
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import httpcore
import httpx
from octopusx_video_openapi import Contract, interrupts

from octopusx_video_contract._budget import Budget
from octopusx_video_contract._exchange import Answer, Request, found, sends_video

MOST_BYTES = 4_000_000
"""The largest answer that is read, unless it is a video."""
MOST_VIDEO_BYTES = 512_000_000
VIDEO_PATIENCE = 12
"""How many times longer than any other answer a video may take."""
_DEEP = 500
"""How deeply JSON may be nested: half of what Python gets through, far more than anybody needs."""
_TOO_DEEP = f"its JSON is nested more than {_DEEP} deep"
GIVEN_UP_AFTER = 3
"""After how many requests without an answer an operation is not asked any more."""

Headers = list[tuple[bytes, bytes]]
Received = tuple[int, Headers, Iterator[bytes]]


class NoAnswerError(Exception):
    """A request got no answer that could be judged. The text says what came instead; ``begun``, that its body began."""

    def __init__(self, request: Request, reason: str, *, begun: bool = False) -> None:
        super().__init__(reason)
        self.request = request
        self.begun = begun


class Sender(Protocol):
    """Sends the bytes of a request, and gives status, headers and the body as it arrives."""

    def __call__(
        self, method: str, base_url: str, target: str, headers: Headers, body: bytes | None, seconds: float
    ) -> Received:
        """Raises ``httpcore`` or ``httpx`` errors where no answer comes."""
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

    def close(self) -> None:
        """There is nothing to give back."""


class OverHttp:
    """Sends over HTTP/1.1, on connections that are kept, through the environment's proxy to a server elsewhere."""

    def __init__(self, *, local: bool) -> None:
        self._deadline = _Deadline()
        proxies = {} if local else urllib.request.getproxies()
        proxy = proxies.get("https") or proxies.get("all")
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            proxy=httpcore.Proxy(proxy) if proxy else None,
            retries=0,
            network_backend=self._deadline,
        )

    def __call__(
        self, method: str, base_url: str, target: str, headers: Headers, body: bytes | None, seconds: float
    ) -> Received:
        """Called for each request."""
        self._deadline.until = time.monotonic() + seconds
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

    def longer(self, seconds: float) -> None:
        """Give the answer that is arriving more time, in seconds."""
        self._deadline.until += seconds

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


def _closing(response: httpcore.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_stream()
    finally:
        response.close()


class _Deadline(httpcore.SyncBackend):
    """Sockets whose reads end at a moment, so that a server that sends a byte now and then does not hold up the run."""

    def __init__(self) -> None:
        super().__init__()
        self.until = 0.0

    def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(*arguments, **options), self)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._deadline.until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer takes too long")
        return self._stream.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, max(0.001, self._deadline.until - time.monotonic()))

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(*arguments, **options), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Wire:
    """Sends requests and gives answers.

    Args:
        contract: Tells which operation a request reaches.
        base_url: The server, without a slash at the end.
        sender: Moves the bytes.
        budget: Is asked before each request, and told afterwards.
        timeout: Seconds that an answer may take.
        watch: Is told of each answer.

    Attributes:
        lost: How many requests have left and got no answer.
    """

    def __init__(
        self,
        contract: Contract,
        base_url: str,
        sender: Sender,
        budget: Budget,
        timeout: float,
        watch: Callable[[Answer], None],
    ) -> None:
        self.base_url = base_url
        self.sent: list[Request] | None = None
        self._contract = contract
        self._sender = sender
        self._budget = budget
        self._timeout = timeout
        self._watch = watch
        self.lost = 0
        self._begun = self._answered = False
        self._silent: collections.Counter[str] = collections.Counter()
        self._reasons: dict[str, str] = {}

    def send(self, request: Request, *, seconds: float | None = None) -> Answer:
        """Send a request, once.

        Args:
            request: What is sent.
            seconds: How long an answer is awaited that is expected not to come; the silence then counts for nothing.

        Raises:
            NoAnswerError: What came is no whole HTTP answer, or too large, or too late; or the operation has given none
                three times before.
            NotAskedError: The budget does not allow it.
        """
        interrupts.check()
        reached = found(self._contract, request.method, request.path)
        place = reached[0].id if reached else "no operation"
        if not self._answered and self._silent.total() >= GIVEN_UP_AFTER:
            first = self._reasons[min(self._reasons)]
            raise NoAnswerError(request, f"nothing is asked any more, since nothing is answered: {first}")
        if self._silent[place] >= GIVEN_UP_AFTER:
            raise NoAnswerError(request, f"{place} is not asked any more: {self._reasons[place]}")
        unit = self._budget.take(request)
        if self.sent is not None:
            self.sent.append(request)
        try:
            may_be_video = reached is None or sends_video(self._contract, reached[0].id)
            answer = self._exchange(request, seconds or self._timeout, may_be_video=may_be_video)
        except (httpcore.TimeoutException, httpx.TimeoutException):
            reason = f"no whole answer came within {seconds or self._timeout:g} s"
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.TransportError, OSError) as error:
            reason = f"no whole answer came ({type(error).__name__}: {error})"
        except _NoUseError as error:
            reason = str(error)
        else:
            self._answered = True
            self._budget.settle(unit, answer)
            self._watch(answer)
            return answer
        self.lost += 1
        self._silent[place] += seconds is None
        self._reasons[place] = reason
        raise NoAnswerError(request, reason, begun=self._begun) from None

    def _exchange(self, request: Request, seconds: float, *, may_be_video: bool) -> Answer:
        headers = [(name.encode("latin-1"), _encoded(value)) for name, value in request.headers]
        if request.body is None and request.method in {"POST", "PUT", "PATCH"}:
            headers.append((b"Content-Length", b"0"))
        until = time.monotonic() + seconds
        self._begun = False
        status, received, stream = self._sender(
            request.method, self.base_url, request.target, headers, request.body, seconds
        )
        self._begun = True
        kept: dict[str, str] = {}
        for name, value in received:
            key = name.decode("latin-1").lower()
            text = value.decode("latin-1")
            kept[key] = f"{kept[key]}, {text}" if key in kept else text
        is_video = may_be_video and kept.get("content-type", "").startswith("video/")
        if is_video:
            until += (VIDEO_PATIENCE - 1) * self._timeout
            if isinstance(self._sender, OverHttp):
                self._sender.longer((VIDEO_PATIENCE - 1) * self._timeout)
        try:
            content = _read(stream, until, MOST_VIDEO_BYTES if is_video else MOST_BYTES)
        finally:
            # What is left of an answer that is too long or too late is not waited for.
            if isinstance(stream, Generator):
                stream.close()
        whole = _decoded(content, kept.get("content-encoding", "identity"))
        if not is_video and whole.count(b"[") + whole.count(b"{") > _DEEP:
            _hold_readable(whole)
        return Answer(request, status, kept, whole)

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()


class _NoUseError(Exception):
    pass


def _hold_readable(content: bytes) -> None:
    """Refuse JSON that no reader of Python gets to the end of, whoever of them reads it."""
    try:
        level: list[Any] = [json.loads(content)]
    except ValueError:
        return
    except RecursionError:
        raise _NoUseError(_TOO_DEEP) from None
    for _ in range(_DEEP):
        level = [inner for value in level for inner in _inside(value)]
    if level:
        raise _NoUseError(_TOO_DEEP)


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _decoded(content: bytes, encoding: str) -> bytes:
    """What an encoded body holds, though none was asked for."""
    if encoding == "identity":
        return content
    try:
        return httpx.Response(200, headers={"content-encoding": encoding}, content=content).content
    except httpx.DecodingError:
        raise _NoUseError(f"its body is not what its Content-Encoding says ({encoding})") from None


def _read(stream: Iterator[bytes], until: float, most: int) -> bytes:
    pieces, size = [], 0
    for piece in stream:
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise _NoUseError(f"the answer is larger than {most:,} bytes")
        if time.monotonic() > until:
            raise httpcore.ReadTimeout("the answer takes too long")
    return b"".join(pieces)


def _encoded(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()
