"""A connection pooler, as far as it matters to a ledger: it refuses the settings of a session, or leaves them out."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

How = Literal["refuses", "ignores"]
_VERSION = 3 << 16


@contextlib.contextmanager
def pooler(folder: Path, server: Path, how: How) -> Iterator[None]:
    """Listen on a socket in a folder while the block lasts, and pass on to the socket of a server.

    Args:
        folder: Where it listens, with a short name.
        server: The folder of the server's socket.
        how: What it does about ``options``: ``refuses`` as PgBouncer by default, ``ignores`` as with
            ``ignore_startup_parameters``.
    """
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / ".s.PGSQL.5432"))
        listener.listen()
        thread = threading.Thread(target=_serve, args=(listener, server, how), daemon=True)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(listener: socket.socket, server: Path, how: How) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_pass_on, args=(client, server, how), daemon=True).start()


def _pass_on(client: socket.socket, server: Path, how: How) -> None:
    with client, socket.socket(socket.AF_UNIX) as upstream, contextlib.suppress(OSError):
        (length,) = struct.unpack("!i", _read(client, 4))
        (version, text) = struct.unpack(f"!i{length - 8}s", _read(client, length - 4))
        assert version == _VERSION  # over a socket libpq asks for no encryption
        parts = text.rstrip(b"\0").split(b"\0")
        given = dict(zip(parts[::2], parts[1::2], strict=True))
        if given.pop(b"options", None) is not None and how == "refuses":
            fields = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
            client.sendall(b"E" + struct.pack("!i", 4 + len(fields)) + fields)
            return
        upstream.connect(str(server / ".s.PGSQL.5432"))
        rest = b"".join(name + b"\0" + value + b"\0" for name, value in given.items()) + b"\0"
        upstream.sendall(struct.pack("!ii", 8 + len(rest), version) + rest)
        back = threading.Thread(target=_pump, args=(upstream, client), daemon=True)
        back.start()
        _pump(client, upstream)
        back.join()


def _read(source: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = source.recv(count - len(found))
        if not more:
            raise OSError
        found += more
    return found


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while more := source.recv(65536):
            target.sendall(more)
        target.shutdown(socket.SHUT_WR)
