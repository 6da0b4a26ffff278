"""Addresses that a server gives: joined, checked, and as they may be shown."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit


def shown(url: str) -> str:
    """An address without its query, which may be a signature, and without a user name."""
    plain = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"//[^/@]*@", "//", plain)


def is_http(url: str) -> bool:
    """Whether it is an http or https address that can be used."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a number past 65535 is only found out when it is asked for
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def joined(base: str, url: str) -> str:
    """An address that may be relative to another; "" where it is none."""
    try:
        return urljoin(base, url)
    except ValueError:
        return ""
