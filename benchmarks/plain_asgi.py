"""The engine of our mock as a plain ASGI application: what the mock's own protocol for connections is measured against.

It has none of the mock's limits on a connection, and delivers every response whole and at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from octopusx_video_mock.messages import Request
from octopusx_video_mock.server.state import Options, ServerState

Message = MutableMapping[str, Any]

_ENGINE = ServerState(Options()).engine()


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Read the request's body, if it has one, and send the engine's response."""
    method, headers, body = scope["method"], scope["headers"], b""
    while method == "POST":
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    request = Request(method, scope["raw_path"], scope["query_string"], headers, dict(headers), body, "localhost")
    response = _ENGINE.respond(request)
    headers = [*response.headers, (b"content-length", b"%d" % len(response.body))]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
