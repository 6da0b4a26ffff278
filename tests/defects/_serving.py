"""A defect as a server over HTTP, and in this process."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from octopusx_video_mock import Mock
from octopusx_video_mock.messages import Request

from tests.defects._defect import Defect, Server, Wire, WireRequest, contract

KEY, OTHER_KEY = "sk-first-account", "sk-second-account"
_CONTROL = "/__mock__/"
_PATIENCE = 30.0
_MOST = 2**16


@dataclass(frozen=True)
class ServedDefect:
    """A server that runs.

    Attributes:
        base_url: Where it listens.
        key: A key that it accepts, if it is correct.
        other_key: A key of another account.
        mock: The mock behind it, whose clock and ledger are correct.
    """

    base_url: str
    key: str
    other_key: str
    mock: Mock


def defective(
    defect: Defect | None, *, key: str = KEY, other_key: str = OTHER_KEY, start: float | None = None, seed: int = 0
) -> Server:
    """A mock that responds as the defect has it, over whatever transport; None gives the correct one.

    Args:
        defect: What is wrong with it. What it does on the wire is left out.
        key: A key that is accepted.
        other_key: A key of another account.
        start: When its clock stands, in Unix seconds; None lets it follow the machine's time.
        seed: Decides the ids.
    """
    mock = Mock(token=(key, other_key), start=start, seed=seed)
    server = Server(mock, contract(), key, other_key, mock.engine.respond)
    if defect is not None:
        mock.engine.respond = defect.make(server)  # type: ignore[method-assign,assignment]  # all ways meet here
    return server


@contextlib.contextmanager
def serve(
    defect: Defect | None, *, key: str = KEY, other_key: str = OTHER_KEY, start: float | None = None, seed: int = 0
) -> Iterator[ServedDefect]:
    """Serve with a defect over HTTP while the block lasts, ``/__mock__/`` with none; None is the correct server.

    Args:
        defect: What is wrong with it.
        key: A key that is accepted.
        other_key: A key of another account.
        start: When its clock stands, in Unix seconds; None lets it follow the machine's time.
        seed: Decides the ids.

    Raises:
        MockError: On entering, when it does not start.
    """
    server = defective(defect, key=key, other_key=other_key, start=start, seed=seed)
    with server.mock.serve(control=True) as url, contextlib.ExitStack() as stack:
        if defect is not None and defect.wire is not None:
            port = int(url.rpartition(":")[2])
            url = stack.enter_context(_wired(server, ("127.0.0.1", port), defect.wire(server)))
        yield ServedDefect(url, key, other_key, server.mock)


@contextlib.contextmanager
def _wired(server: Server, upstream: tuple[str, int], wire: Wire) -> Iterator[str]:
    """Stand in front of the mock with what can't be said in HTTP."""
    ending = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            caller: socket.socket = self.request
            caller.settimeout(_PATIENCE)
            raw = _received(caller)
            if not raw:
                return
            method, target = raw.split(b" ", 2)[:2]
            request = WireRequest(
                _operation(server, method, target),
                method.decode("latin-1"),
                target.decode("latin-1"),
                lambda: _parts(b"".join(_response(upstream, raw))),
                ending.wait,
            )
            pieces = None if request.target.startswith(_CONTROL) else wire(request)
            for piece in _response(upstream, raw) if pieces is None else pieces:
                caller.sendall(piece)

    class Front(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            """A caller that goes away in the middle is no news."""

    with Front(("127.0.0.1", 0), Handler) as front:
        threading.Thread(target=front.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{front.server_address[1]}"
        finally:
            ending.set()
            front.shutdown()


def _received(caller: socket.socket) -> bytes:
    """A whole request, so that its response is the last of its connection; empty where none came."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        piece = caller.recv(_MOST)
        if not piece:
            return b""
        raw += piece
    head, _, body = raw.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    chunked = re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head) is not None
    while len(body) < int(length[1]) if length else chunked and not body.endswith(b"0\r\n\r\n"):
        piece = caller.recv(_MOST)
        if not piece:
            break
        body += piece
    head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head)
    return head + b"\r\nconnection: close\r\n\r\n" + body


def _response(upstream: tuple[str, int], raw: bytes) -> Iterator[bytes]:
    """The response of the mock, to the end of the connection."""
    with socket.create_connection(upstream, timeout=_PATIENCE) as mock:
        mock.sendall(raw)
        while piece := mock.recv(_MOST):
            yield piece


def _parts(response: bytes) -> tuple[bytes, bytes]:
    head, separator, body = response.partition(b"\r\n\r\n")
    return head + separator, body


def _operation(server: Server, method: bytes, target: bytes) -> str | None:
    path, _, query = target.partition(b"?")
    return server.operation(Request(method.decode("latin-1"), path, query, [], {}, b"", ""))
