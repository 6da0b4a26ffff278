"""What the header ``Prefer`` orders, in Prism's words (``code``, ``example``) and one of our own (``fault``)."""

from __future__ import annotations

import re
from typing import NamedTuple

from octopusx_video_mock.faults.table import BY_NAME, Fault

_PREFERENCE = re.compile(r'\s*([A-Za-z]+)\s*=\s*"?([A-Za-z0-9_.-]+)"?\s*')


class Orders(NamedTuple):
    """What one request orders. Preferences that the mock does not know are left alone, as RFC 7240 section 2 has it."""

    code: int | None = None
    example: str | None = None
    faults: tuple[Fault, ...] = ()
    wrong: str = ""


NONE = Orders()


def parse(header: bytes) -> Orders:
    """Read the header, its parts separated by commas or semicolons. What is known and can't be done is in ``wrong``."""
    code: int | None = None
    example: str | None = None
    faults: list[Fault] = []
    for part in re.split(r"[,;]", header.decode("latin-1")):
        match = _PREFERENCE.fullmatch(part)
        if match is None:
            continue
        name, value = match[1].lower(), match[2]
        if name == "code":
            if not re.fullmatch(r"[1-5][0-9]{2}", value):
                return Orders(wrong="Prefer: code is no HTTP status")
            code = int(value)
        elif name == "example":
            example = value
        elif name == "fault":
            if value not in BY_NAME:
                return Orders(wrong=f"Prefer: there is no such fault; choose one of {', '.join(BY_NAME)}")
            faults.append(BY_NAME[value])
    return Orders(code, example, tuple(faults))
