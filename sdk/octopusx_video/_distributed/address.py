"""Where the database is, and what a batch is called there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from octopusx_video._errors import NotSentError
from octopusx_video._messages.requests import shown

_SCHEMES = ("postgresql", "postgres")
_SECRETS = frozenset({"password", "sslpassword", "passfile"})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# A cut network is noticed within seconds; each of these can be set in the URL or by the usual variables.
_DEFAULTS: Mapping[str, str] = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}


class Address(NamedTuple):
    """A batch in a database.

    Attributes:
        url: The connection's URL, without a password.
        name: The name of the batch.
        shown: The database, for people.
    """

    url: str
    name: str
    shown: str

    @property
    def schema(self) -> str:
        """The schema of the ledger's tables."""
        return f"batch_{self.name}"

    @property
    def engine_schema(self) -> str:
        """The schema of the engine's tables."""
        return f"batch_{self.name}_engine"


def address(url: object, name: object) -> Address:
    """The address of a batch.

    Raises:
        NotSentError: The URL or the name can't be used. The text holds no password.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise NotSentError(
            f"name: {shown(name)} is not a name of a batch",
            advice="give 1 to 40 lower-case letters, digits and underscores, a letter first",
        )
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or parts.scheme not in _SCHEMES or (parts.port or 1) < 1:
            raise ValueError  # noqa: TRY301 - one error for all
    except ValueError:
        raise NotSentError(
            "db is no URL of a PostgreSQL database", advice="give one like postgresql://user@host:5432/database"
        ) from None
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.password is not None or _SECRETS & given.keys():
        raise NotSentError(
            "db holds a password, which other users of this machine can see",
            advice="leave it out, and set PGPASSWORD or write it to ~/.pgpass",
        )
    query = urlencode({**{key: value for key, value in _DEFAULTS.items() if key not in given}, **given})
    whole = urlunsplit(("postgresql", parts.netloc, parts.path, query, ""))
    hosts = urlencode({"host": given["host"]}, safe="/") if "host" in given else ""
    return Address(whole, name, urlunsplit(("postgresql", parts.netloc, parts.path or "/", hosts, "")))
