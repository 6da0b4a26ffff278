"""Where the database is, and what a batch is called there."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote, urlencode

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from octopusx_video._errors import NotSentError
from octopusx_video._messages.requests import shown

_SCHEMES = ("postgresql://", "postgres://")
_EXAMPLE = "give one like postgresql://user@host:5432/database"
_SECRETS = frozenset({"password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ENGINE = "_engine"
# A cut network is noticed within seconds; each of these can be set in the URL.
_DEFAULTS: Mapping[str, str] = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
_INTEGERS = frozenset({*_DEFAULTS, "keepalives"})
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_MAX_PORT = 65535
# Limits of a role or a database that would end a transaction in the middle of a claim.
_TIMEOUTS: Mapping[str, str] = {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "0",
}
_NOWHERE = "/dev/null/nowhere"
"""No folder can be there, so that a connection ends before anything is sent."""


class Address(NamedTuple):
    """A batch in a database.

    Attributes:
        conninfo: The options of a connection, as psycopg takes them, without a password.
        name: The name of the batch.
        shown: The database, for people: user, hosts, ports and name.
    """

    conninfo: str
    name: str
    shown: str

    @property
    def schema(self) -> str:
        """The schema of the ledger's tables."""
        return f"batch_{self.name}"

    @property
    def engine_schema(self) -> str:
        """The schema of the engine's tables."""
        return f"{self.schema}{_ENGINE}"

    @property
    def ledger_conninfo(self) -> str:
        """The options of a connection to the ledger, whose session finds the tables of this batch alone."""
        # A commit is on the disk before the request leaves, whatever happens to the machine.
        settings = {
            "search_path": self.schema,
            "synchronous_commit": "on",
            "default_transaction_isolation": "read committed",
        }
        return _with_settings(self.conninfo, {**settings, **_TIMEOUTS})

    @property
    def engine_conninfo(self) -> str:
        """The options of a connection of the engine, which names its schema in each statement."""
        return _with_settings(self.conninfo, _TIMEOUTS)


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
    if name.endswith(_ENGINE):
        other = name.removesuffix(_ENGINE)
        raise NotSentError(
            f"name: {name!r} ends in {_ENGINE!r}; the engine of the batch {other!r} uses the schema batch_{name}",
            advice="give another name",
        )
    options = _options(url)
    return Address(make_conninfo("", **{**_DEFAULTS, **options}), name, _shown(options))


def _with_settings(conninfo: str, settings: Mapping[str, str]) -> str:
    """The options of a connection whose session has some settings, behind those of the URL or of ``PGOPTIONS``.

    They are a part of the connection's start. A pooler that gives each transaction another session refuses them, or
    loses them at once. After the statement ``SET`` it would let one batch use the ledger of another one, unnoticed.
    """
    given = conninfo_to_dict(conninfo).get("options") or os.environ.get("PGOPTIONS", "")
    ours = ["-c " + f"{name}={value}".replace(" ", r"\ ") for name, value in settings.items()]
    return make_conninfo(conninfo, options=" ".join([*filter(None, [str(given)]), *ours]), client_encoding="UTF8")


def _options(url: object) -> dict[str, str]:
    """The options of a connection that a URL has.

    Raises:
        NotSentError: It can't be used.
    """
    if not isinstance(url, str) or not url.startswith(_SCHEMES) or "\0" in url:
        raise NotSentError("db is no URL of a PostgreSQL database", advice=_EXAMPLE)
    place, _, query = url.partition("://")[2].partition("?")
    _check_names(place, query)
    try:
        options = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except UnicodeError:
        raise NotSentError(
            "db holds bytes that are not UTF-8", advice="write the URL in UTF-8, and bytes of it as in %C3%A9"
        ) from None
    except psycopg.Error:  # its text may show a part of a password
        raise NotSentError("db is no URL of a PostgreSQL database", advice=_EXAMPLE) from None
    if _SECRETS & options.keys():
        raise _secret(min(_SECRETS & options.keys()))
    _check_values(options)
    return options


def _check_names(place: str, query: str) -> None:
    """Refuse secrets and unknown options, before libpq names them together with what may be a part of a password."""
    names = [unquote(pair.partition("=")[0]) for pair in query.split("&") if "=" in pair]
    for name in names:
        if name in _SECRETS:
            raise _secret(name)
    # Two of them, or one behind the host: the first one, or the slash, belongs to a password.
    if "@" in place.partition("/")[2] or place.count("@") > 1:
        raise NotSentError(
            "db is no URL of a PostgreSQL database: it has an @ in the wrong place",
            advice="leave out the password, and write %40 for an @ in the name of a user or database",
        )
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} | {"ssl"}
    for name in names:
        if name not in known and "@" not in query:
            raise NotSentError(
                f"db has the option {shown(name)}, which PostgreSQL does not have", advice="correct or remove it"
            )


def _secret(option: str) -> NotSentError:
    what = "a password" if option == "password" else f"a secret ({option})"
    return NotSentError(
        f"db holds {what}, which other users of this machine can see",
        advice="leave it out, and set PGPASSWORD or write it to ~/.pgpass",
    )


def _check_values(options: Mapping[str, str]) -> None:
    """Refuse values that can't be used, which otherwise only a connection finds out.

    Raises:
        NotSentError: There is one.
    """
    for name in sorted(_INTEGERS & options.keys()):
        if not _INTEGER.fullmatch(options[name]):
            raise NotSentError(f"db: the option {name} is {shown(options[name])}", advice="give an integer")
    hosts, ports = _hosts(options), options.get("port", "").split(",")
    for port in ports:
        if port and not (_INTEGER.fullmatch(port) and 0 < int(port) <= _MAX_PORT):
            # Not shown: behind a user without a host stands a password.
            raise NotSentError(
                f"db is no URL of a PostgreSQL database: a port is not an integer from 1 to {_MAX_PORT}",
                advice=_EXAMPLE,
            )
    if len(ports) not in {1, len(hosts)}:
        raise NotSentError(f"db has {len(ports)} ports for {len(hosts)} hosts", advice="give one for each, or one")
    if "://" in options.get("dbname", "") or "=" in options.get("dbname", ""):
        raise NotSentError("db: the name of the database is a URL or a list of options", advice=_EXAMPLE)
    # libpq checks all others when it begins to connect.
    nowhere = {**options, "host": _NOWHERE, "hostaddr": "", "port": "1"}
    attempt = pq.PGconn.connect_start(make_conninfo("", **nowhere).encode())
    try:
        problem = " ".join(attempt.get_error_message().split())
    finally:
        attempt.finish()
    if _NOWHERE not in problem:
        raise NotSentError(f"db has an option that can't be used: {problem}", advice="correct or remove it")


def _hosts(options: Mapping[str, str]) -> list[str]:
    return (options.get("host") or options.get("hostaddr") or "").split(",")


def _shown(options: Mapping[str, str]) -> str:
    """A URL with user, hosts, ports and database alone."""
    hosts, ports = _hosts(options), options.get("port", "").split(",")
    user = f"{quote(options['user'], safe='')}@" if "user" in options else ""
    database = quote(options.get("dbname", ""), safe="")
    if any(host.startswith(("/", "@")) for host in hosts):  # a folder of sockets
        query = {"host": ",".join(hosts), **({"port": options["port"]} if "port" in options else {})}
        return f"postgresql://{user}/{database}?{urlencode(query, safe='/,', quote_via=quote)}"
    places = [
        (f"[{host}]" if ":" in host else quote(host, safe="")) + (f":{port}" if port else "")
        for host, port in zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=True)
    ]
    return f"postgresql://{user}{','.join(places)}/{database}"
