"""An ASGI application that validates nothing: what the web server beneath our mock could do at most."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]

ANSWER = b'{"id":"grok:7c0e5a52-3b1f-4d0c-9a57-1e2b6f8d4c90","status":"processing","status_update_time":1762685256}'
"""The contract's example of a submit's answer, so that as many bytes travel as from the others."""

_START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())],
}
_BODY: Message = {"type": "http.response.body", "body": ANSWER}


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Read the request's body, if it has one, and answer 200 with the same body each time."""
    if scope["method"] == "POST":
        while (await receive()).get("more_body"):
            pass
    await send(_START)
    await send(_BODY)
