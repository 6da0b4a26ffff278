"""What the header ``Prefer`` asks for, in Prism's words (``code``, ``example``) and one of our own (``fault``)."""

from __future__ import annotations

import re
from typing import NamedTuple

from octopusx_video_mock.compiled.operation import CompiledOperation
from octopusx_video_mock.compiled.template import Template
from octopusx_video_mock.engine.rejected_request import WRONG_PREFERENCE, RejectedRequest
from octopusx_video_mock.faults.fault import Fault
from octopusx_video_mock.faults.table import BY_NAME
from octopusx_video_mock.messages import Request

_PREFERENCE = re.compile(r'\s*([A-Za-z]+)\s*=\s*"?([A-Za-z0-9_.-]+)"?\s*')


class Preferences(NamedTuple):
    """What one request prefers. Preferences that the mock does not know are ignored (RFC 7240 section 2)."""

    code: int | None = None
    example: str | None = None
    faults: tuple[Fault, ...] = ()

    def template(self, operation: CompiledOperation, request: Request) -> Template | None:
        """The response that is preferred; None where the usual one is.

        Raises:
            RejectedRequest: The contract has no such response of this operation, or a fault can't show there.
        """
        for fault in self.faults:
            given = operation.starts_task and fault.of_task
            shows = operation.stage in fault.at
            shows = shows and (not fault.status or operation.has_response(fault.status, fault.example))
            if not given and not shows:
                raise _rejected(f"the fault {fault.name} can't show here ({fault.summary})")
        if self.code == 206 and request.header(b"range") is None:
            raise _rejected("206 is for a request with Range; send one")
        if self.code is None and self.example is None:
            return None
        for template in operation.templates:
            if self.code in {None, template.status} and self.example in {None, template.example}:
                return template
        names = ", ".join(f"{template.status} {template.example}" for template in operation.templates)
        raise _rejected(f"the contract has no such response here; it has {names}")


def parse(header: bytes) -> Preferences:
    """Read the header, its parts separated by commas or semicolons.

    Raises:
        RejectedRequest: What is preferred is known and can't be done.
    """
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
                raise _rejected("code is no HTTP status")
            code = int(value)
        elif name == "example":
            example = value
        elif name == "fault":
            if value not in BY_NAME:
                raise _rejected(f"there is no such fault; choose one of {', '.join(BY_NAME)}")
            faults.append(BY_NAME[value])
    return Preferences(code, example, tuple(faults))


def _rejected(reason: str) -> RejectedRequest:
    return RejectedRequest(WRONG_PREFERENCE, f"Prefer: {reason}")
