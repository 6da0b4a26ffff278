"""The engine as an ASGI application: what comes over the wire becomes a request, and what is to happen to its answer does.

Nothing here knows the API. It reads bodies up to their limit, adds what a browser needs (``--cors``), and cuts, slows,
loses and resets answers where a fault says so.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

from octopusx_video_mock._control import Control
from octopusx_video_mock._engine import Engine
from octopusx_video_mock._faults import CRAWL_SECONDS
from octopusx_video_mock._message import MAX_BODY, Answer, Request

LOST_SECONDS = 120.0
"""How long a connection whose answer is lost stays open before it is closed without one."""
PIECES = 30
"""In how many pieces a crawling download comes."""

_HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,4096}")
_CORS = [(b"access-control-allow-origin", b"*")]

Report = Callable[[str], None]


class App:
    """An ASGI application around an engine.

    Args:
        engine: Answers the requests; may be exchanged while it runs.
        report: Takes a line for each request, without any secret; None where nobody reads it.
        trouble: Takes a line where the mock itself broke.
        cors: Whether pages of other origins may read the answers.
        control: Answers the control routes; None where there are none.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        report: Report | None = None,
        trouble: Report = lambda _: None,
        cors: bool = False,
        control: Control | None = None,
    ) -> None:
        self.engine = engine
        self._report = report
        self._trouble = trouble
        self._cors = cors
        self._control = control

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        begun = time.perf_counter()
        headers = scope["headers"]
        body: bytes | None = b""
        if scope["method"] not in {"GET", "HEAD"}:
            body = await _read(headers, receive)
        host = next((value for name, value in headers if name == b"host"), b"")
        if not _HOST.fullmatch(host):
            host = "{}:{}".format(*scope["server"]).encode()
        request = Request(
            scope["method"], scope["raw_path"], scope["query_string"], headers, body, f"http://{host.decode()}"
        )
        answer = self._answered(request, scope)
        if self._cors and not request.path.startswith(b"/__mock__/"):
            answer.headers.extend(_CORS)
        await self._deliver(answer, scope, receive, send)
        if self._report is not None:
            self._report(_line(request, answer, 1000 * (time.perf_counter() - begun), self.engine))

    def _answered(self, request: Request, scope: dict[str, Any]) -> Answer:
        try:
            if self._control is not None and request.path.startswith(b"/__mock__/"):
                return self._control.answer(request, (scope.get("client") or ("",))[0])
            if self._cors and request.method == "OPTIONS":
                asked = {name: value for name, value in request.headers if name.startswith(b"access-control-request-")}
                if b"access-control-request-method" in asked:
                    return _preflight(asked)
            return self.engine.answer(request)
        except Exception as error:  # noqa: BLE001 - a defect costs the request it is working on, not the server
            self._trouble(f"the mock broke over {request.method} {request.path[:100]!r}: {error!r}; please report it")
            return self.engine.broken(request)

    async def _deliver(self, answer: Answer, scope: dict[str, Any], receive: Any, send: Any) -> None:
        connection = scope.get("connection")
        if answer.delivery == "reset" or (answer.delivery == "lost" and connection is None):
            if connection is not None:
                connection.reset()
            return
        if answer.delivery == "lost":
            await _gone(receive, LOST_SECONDS)
            connection.transport.abort()
            return
        body = answer.body
        headers = answer.headers
        if answer.status != 204:
            headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if answer.delivery == "cut" and connection is not None:
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            connection.transport.close()
            return
        if answer.delivery == "crawl":
            size = max(1, -(-len(body) // PIECES))
            speed = self.engine.settings.speed
            while len(body) > size:
                await send({"type": "http.response.body", "body": body[:size], "more_body": True})
                body = body[size:]
                await asyncio.sleep(CRAWL_SECONDS / PIECES / speed)
        await send({"type": "http.response.body", "body": body})


async def _read(headers: list[tuple[bytes, bytes]], receive: Any) -> bytes | None:
    """The whole body, or None where it is too large; what comes after that is left to the server to throw away."""
    for name, value in headers:
        if name == b"content-length" and int(value) > MAX_BODY:
            return None
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts = [body]
    size = len(body)
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            return None
    return b"".join(parts)


async def _gone(receive: Any, seconds: float) -> None:
    """Wait until the other side has gone, or so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        pass


def _preflight(asked: dict[bytes, bytes]) -> Answer:
    # As the gateway does (QuantumNous/new-api middleware/cors.go @0715d0e1, a fork's version): any origin, what was
    # asked for reflected, twelve hours.
    headers = [(b"access-control-allow-methods", b"GET, POST, OPTIONS"), (b"access-control-max-age", b"43200")]
    wanted = asked.get(b"access-control-request-headers", b"")
    if _NAMES.fullmatch(wanted):
        headers.append((b"access-control-allow-headers", wanted))
    return Answer(204, headers, b"")


def _line(request: Request, answer: Answer, milliseconds: float, engine: Engine) -> str:
    target = request.path + (b"?" + request.query if request.query else b"")
    text = target.decode("latin-1")
    key = engine.key_of(request)
    if key and len(key) >= 4:  # a shorter one is in every other word
        text = text.replace(key, "[key]")
    status = "no answer" if answer.delivery in {"lost", "reset"} else str(answer.status)
    faults = f" [{', '.join(answer.faults)}]" if answer.faults else ""
    return f"{request.method} {text[:300]} {status} {milliseconds:.0f} ms{faults}"
