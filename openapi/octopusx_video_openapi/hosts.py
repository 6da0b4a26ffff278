"""Which hosts may get an API key over plain http: this machine, and the hosts that the user lists."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping

HTTP_HOSTS_VARIABLE = "OCTOPUSX_HTTP_HOSTS"
"""Names the environment variable that lists hosts for plain http, exact names with commas between them."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The usual names of this machine, for lists that can't ask ``is_loopback``, such as ``NO_PROXY``."""

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or address (RFC 6761 section 6.3)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.lower()
        return name == "localhost" or name.endswith(".localhost")
    # A socket for both IPv4 and IPv6 gives an IPv4 address in this form.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def http_hosts(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """The hosts that ``OCTOPUSX_HTTP_HOSTS`` lists, in lower case.

    Raises:
        ValueError: An entry is not the exact name or address of a host. The text says which and why.
    """
    entries = [entry.strip() for entry in environment.get(HTTP_HOSTS_VARIABLE, "").split(",")]
    hosts = [entry.strip("[]") for entry in entries if entry]
    for host in hosts:
        if not _is_host(host):
            raise ValueError(
                f"{HTTP_HOSTS_VARIABLE}: {host!r} is not the name of a host; give exact names such as "
                "mock,host.docker.internal, without scheme, port or wildcard"
            )
    return frozenset(host.lower() for host in hosts)


def may_use_http(host: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the key may be sent to a host over plain http.

    Raises:
        ValueError: ``OCTOPUSX_HTTP_HOSTS`` can't be read.
    """
    return is_loopback(host) or host.lower() in http_hosts(environment)


def _is_host(text: str) -> bool:
    if _NAME.fullmatch(text):
        return True
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
