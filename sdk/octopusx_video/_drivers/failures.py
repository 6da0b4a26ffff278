"""What an exception of httpx, or of a hook of the user's, means for an exchange."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator

import httpx

from octopusx_video._drivers import translation
from octopusx_video._messages.exchange import MAX_BYTES, Failure, Received, Response
from octopusx_video._settings import Settings

# Nothing of the request can have left: there was no connection for it (httpx, httpcore).
_NOT_SENT = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout),
    *(httpx.ProxyError, httpx.UnsupportedProtocol),
)

TOO_LATE = Failure(sent=True, reason="no complete response arrived in time")
TOO_LARGE = f"the response is larger than {MAX_BYTES:,} bytes"


def failed(
    error: Exception, settings: Settings, made: httpx.Request | None = None, received: Received | None = None
) -> Response | Failure:
    """What an exception means that came while a request was sent or its response was read.

    Args:
        error: The exception.
        settings: Whose key must not be shown.
        made: What was being sent; None where it was not even made. Only the transport names it in its errors: one of
            the same kind from a hook of the user's, which runs when the response is there, does not.
        received: What has arrived of the response.

    Returns:
        The response that the exception carries, as that of ``raise_for_status`` in a hook does, or the one that had
        arrived whole; else the failure. An exception that nobody foresaw may have come after the request had left.
    """
    if received is not None and received.whole:
        return received.response()
    response = None if made is None else _carried(error, made)
    if response is not None:
        return _closed(response)
    unsent = made is None or (isinstance(error, _NOT_SENT) and _is_of(error, made))
    found = broken(error, settings)
    return found._replace(
        sent=not unsent,
        permanent=found.permanent or made is None,  # what can't even be made will not be made later
        partial=None if received is None else received.partial(),
    )


def broken(error: Exception, settings: Settings) -> Failure:
    """What an exception means that came while a response was read."""
    text = settings.key.redact(" ".join(str(error).split()))
    reason = f"{type(error).__name__}{': ' if text else ''}{text}"
    return Failure(sent=True, reason=reason, permanent=_is_untrusted(error))


def _carried(error: BaseException, made: httpx.Request) -> httpx.Response | None:
    """The response to this very request that an exception, or one that it was raised from, carries."""
    for one in _chain(error):
        response = getattr(one, "response", None)
        with contextlib.suppress(RuntimeError):  # it was made by hand, and is to no request
            if isinstance(response, httpx.Response) and response.request is made:
                return response
    return None


def _closed(response: httpx.Response) -> Response:
    """A response that httpx has closed, since a hook raised: its body is there only where the hook had read it."""
    head = translation.head(response)
    try:
        return Response(head.status, head.headers, response.content)
    except httpx.ResponseNotRead:
        return Response(head.status, head.headers, b"", is_read=False)


def _is_of(error: httpx.TransportError, made: httpx.Request) -> bool:
    with contextlib.suppress(RuntimeError):  # it names no request
        return error.request is made
    return False


def _is_untrusted(error: BaseException) -> bool:
    return any(isinstance(one, ssl.SSLCertVerificationError) for one in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
