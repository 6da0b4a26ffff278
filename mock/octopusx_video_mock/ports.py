"""Listening on a port, or the reason why that is not possible."""

from __future__ import annotations

import socket

from octopusx_video_mock.errors import MockError

BACKLOG = 2048


def refuse_used(host: str, port: int) -> None:
    """Check that a server could listen there.

    Raises:
        MockError: It could not.
    """
    _bound(host, port).close()


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any free one.

    Raises:
        MockError: The host is none of this machine's, or the port is taken or forbidden.
    """
    made = _bound(host, port)
    made.listen(BACKLOG)
    return made


def error(host: str, port: int, reason: str) -> MockError:
    """Why a port can't be used, and what to do."""
    return MockError(f"can't listen on {host} port {port} ({reason}); choose another port, or 0 for any free one")


def url(host: str, port: int) -> str:
    """Where a server listens, without a slash at the end."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _bound(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:  # getaddrinfo would wrap around
        raise MockError(f"port {port} is not between 0 and 65535; choose another port")
    made: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except (socket.gaierror, UnicodeError):
        raise MockError(f"can't listen on {host!r}: that is no host of this machine; choose another host") from None
    except OSError as failed:
        if made is not None:
            made.close()
        raise error(host, port, failed.strerror or str(failed)) from None
    return made
