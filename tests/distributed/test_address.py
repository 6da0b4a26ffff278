"""The URL of a database is read as PostgreSQL's own library reads it, and nothing of it is shown that may be secret."""

from __future__ import annotations

import pytest
from octopusx_video._distributed.address import address
from octopusx_video._errors import NotSentError
from psycopg.conninfo import conninfo_to_dict

DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}


@pytest.mark.parametrize(
    ("url", "options", "shown"),
    [
        ("postgresql:///video", {"dbname": "video"}, "postgresql:///video"),
        ("postgresql://", {}, "postgresql:///"),
        ("postgres://h", {"host": "h"}, "postgresql://h/"),
        (
            "postgresql:///video?host=/run/x",
            {"dbname": "video", "host": "/run/x"},
            "postgresql:///video?host=/run/x",
        ),
        (
            "postgresql://u@%2Frun%2Fx:5433/video",
            {"user": "u", "dbname": "video", "host": "/run/x", "port": "5433"},
            "postgresql://u@/video?host=/run/x&port=5433",
        ),
        (
            "postgresql://u@h1:5432,h2:5433/db",
            {"user": "u", "dbname": "db", "host": "h1,h2", "port": "5432,5433"},
            "postgresql://u@h1:5432,h2:5433/db",
        ),
        (
            "postgresql://h1,h2/db?port=5433",
            {"dbname": "db", "host": "h1,h2", "port": "5433"},
            "postgresql://h1:5433,h2:5433/db",
        ),
        ("postgresql://u@[::1]:5/db", {"user": "u", "dbname": "db", "host": "::1", "port": "5"}, None),
        ("postgresql://:5433/db", {"dbname": "db", "port": "5433"}, None),
        ("postgresql:///db?hostaddr=127.0.0.1", {"dbname": "db", "hostaddr": "127.0.0.1"}, "postgresql://127.0.0.1/db"),
        ("postgresql://u%20v@h/a%2Fb%40c", {"user": "u v", "host": "h", "dbname": "a/b@c"}, None),
        (
            "postgresql://u@h/db?options=-c%20statement_timeout%3D5000",
            {"user": "u", "host": "h", "dbname": "db", "options": "-c statement_timeout=5000"},
            "postgresql://u@h/db",
        ),
        ("postgresql://h/db?connect_timeout=3", {"host": "h", "dbname": "db", "connect_timeout": "3"}, None),
        ("postgresql://h/db?ssl=true", {"host": "h", "dbname": "db", "sslmode": "require"}, "postgresql://h/db"),
        ("postgresql://h/db?passfile=/f", {"host": "h", "dbname": "db", "passfile": "/f"}, "postgresql://h/db"),
    ],
)
def test_a_url_means_what_it_means_to_psql(url: str, options: dict[str, str], shown: str | None) -> None:
    """A cut network is noticed within seconds unless the URL says otherwise."""
    if shown is None:
        shown = url.partition("?")[0]
    found = address(url, "cats")
    assert conninfo_to_dict(found.conninfo) == {**DEFAULTS, **options}
    assert found.shown == shown


@pytest.mark.parametrize(
    "option",
    ["password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"],
)
def test_a_secret_is_refused(option: str) -> None:
    """Other users of the machine can see it."""
    for name in (option, option.replace("s", "%73")):
        with pytest.raises(NotSentError, match=rf"db holds a (secret \({option}\)|{option}),.*PGPASSWORD") as caught:
            address(f"postgresql://u@h/d?{name}=geheim&foo=bar", "cats")
        assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:geheim@h/d",
        "postgresql://u:geheim@h/d?foo=bar",
        "postgresql://u:gehe@im@h/d",
        "postgresql://u:12/geheim@h/d",
        "postgresql://u:ge/heim?geheim=1@h/d",
        "postgresql://u:geheim/x@h/d",
        "postgresql://u:geheim?x@h/d",
        "postgresql://u:%zzgeheim@h/d",
        "postgresql://u:%ffgeheim@h/d",
        "postgresql://u:geheim",
        "postgresql:///postgresql%3A%2F%2Fu%3Ageheim%40h%2Fd",
        "postgresql:///d?dbname=password%3Dgeheim",
    ],
)
def test_a_password_is_never_shown(url: str) -> None:
    """Not in the error either, however the URL is mistyped."""
    with pytest.raises(NotSentError) as caught:
        address(url, "cats")
    assert "geheim" not in f"{caught.value!r}{caught.value}"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("foo=bar", "db has the option 'foo', which PostgreSQL does not have"),
        ("connect_timeout=3&Foo=bar", "db has the option 'Foo'"),
        ("connect_timeout=abc", "connect_timeout.*'abc'.*integer"),
        ("connect_timeout=", "connect_timeout.*''.*integer"),
        ("keepalives_idle=1%2e5", "keepalives_idle.*'1.5'.*integer"),
        ("tcp_user_timeout=99999999999", "tcp_user_timeout"),
        ("port=abc", "a port is not an integer from 1 to 65535"),
        ("port=0", "a port is not an integer from 1 to 65535"),
        ("port=65536", "a port is not an integer from 1 to 65535"),
        ("port=1,2,3", "db has 3 ports for 1 hosts"),
        ("sslmode=foo", 'invalid sslmode value: "foo"'),
        ("target_session_attrs=foo", 'invalid target_session_attrs value: "foo"'),
        ("service=there-is-none", 'definition of service "there-is-none" not found'),
    ],
)
def test_an_option_that_can_not_be_used_is_refused_by_its_name(query: str, text: str) -> None:
    """Before anything is tried."""
    with pytest.raises(NotSentError, match=text):
        address(f"postgresql://u@h/d?{query}", "cats")


@pytest.mark.parametrize(
    "url",
    [
        None,
        b"postgresql://h/d",
        "",
        "h",
        "mysql://h/d",
        "host=h dbname=d",
        "postgresql://h/d?foo",
        "postgresql://[::1/d",
        "postgresql://h/a%00b",
        "postgresql://h/a\0b",
    ],
)
def test_what_is_no_url_is_refused(url: object) -> None:
    """With an example."""
    with pytest.raises(NotSentError, match="db is no URL of a PostgreSQL database; give one like postgresql://user@"):
        address(url, "cats")


@pytest.mark.parametrize("url", ["postgresql://h/d\udcff", "postgresql://h/%ff", "postgresql://h/d?sslcert=\udcff"])
def test_bytes_that_are_no_utf_8_are_refused_in_db(url: str) -> None:
    """A terminal may send them."""
    with pytest.raises(NotSentError, match=r"db holds bytes that are not UTF-8.*UTF-8"):
        address(url, "cats")


def test_bytes_that_are_no_utf_8_are_refused_in_the_name() -> None:
    """Shown so that every terminal can print them."""
    with pytest.raises(NotSentError, match=r"name: 'cats\\udcff' is not a name of a batch") as caught:
        address("postgresql://h/d", "cats\udcff")
    assert str(caught.value).encode()


def test_a_name_that_another_batch_needs_for_its_engine_is_refused() -> None:
    """Two batches would write to one schema."""
    assert address("postgresql://h/d", "cats").engine_schema == "batch_cats_engine"
    with pytest.raises(NotSentError, match=r"'cats_engine'.*the engine of the batch 'cats' uses.*batch_cats_engine"):
        address("postgresql://h/d", "cats_engine")
    assert address("postgresql://h/d", "engine").schema == "batch_engine"
