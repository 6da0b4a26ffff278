"""The recorded messages of a release, held against the new contract. It reads a file.

They show a mistake of the comparison: whatever a recorded message breaks, it should have found by values of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, Final, NamedTuple

from octopusx_video_openapi import Contract, Operation
from octopusx_video_openapi.document import Json, Pointer
from octopusx_video_openapi.operations import matched
from octopusx_video_openapi.reading import read
from octopusx_video_openapi.schemas import standalone

from octopusx_video_compat import exchanges, messages
from octopusx_video_compat.difference import CALLERS, SERVERS, Difference, Side
from octopusx_video_compat.releases import RECORDING
from octopusx_video_compat.shapes import Shape, text

JSON: Final = "application/json"
_NAMED = 3
"""The most lines that one difference names."""


class _Fault(NamedTuple):
    """Why a message is not allowed.

    Attributes:
        pointer: Where the contract says so.
        sentence: What is wrong, for people.
    """

    pointer: Pointer
    sentence: str


def of_recording(release: Path, base: Contract, new: Contract, found: Sequence[Difference]) -> Iterator[Difference]:
    """The recorded messages that the new contract does not allow, though the old one does; each fault once.

    Args:
        release: The folder of the release.
        base: Its contract.
        new: The contract as it is now.
        found: What the comparison of the contracts has found.
    """
    document = read(release / RECORDING)
    both = {old.id: (old, now) for old, now in exchanges.pairs(base, new)}
    lines: dict[tuple[str, str, tuple[Side, ...], _Fault], list[int]] = {}
    for index, message in enumerate(document.value):
        name = message["operation"]
        for kind, breaks, faults in (
            ("request", CALLERS, _of_request(base.operations[name], both.get(name), message["request"])),
            ("response", SERVERS, _of_response(both.get(name), message["response"])),
        ):
            for fault in faults:
                lines.setdefault((kind, name, breaks, fault), []).append(document.line((index, kind)) or 1)
    for (kind, name, breaks, fault), places in lines.items():
        more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
        yield Difference(
            f"recording: {kind}",
            f"{name} {kind}, recorded at line{'s' * (len(places) > 1)} {', '.join(map(str, places[:_NAMED]))}{more}",
            fault.pointer,
            breaks,
            fault.sentence,
            0,
            line=places[0],
            file=release / RECORDING,
            is_repeated=any(breaks[0] in one.breaks and _is_near(one.pointer, fault.pointer) for one in found),
        )


def _of_request(operation: Operation, both: exchanges.Pair | None, sent: Mapping[str, Any]) -> Iterator[_Fault]:
    if both is None:
        what = f"{operation.method.upper()} {operation.path} was sent, and the new contract has no such operation"
        yield _Fault(messages.home(operation), what)
        return
    if not sent["has_key"]:
        return
    value: dict[str, Json] = {
        "path": {
            f"{{{number}}}": part
            for number, part in enumerate((matched(operation.path, sent["path"]) or {}).values(), start=1)
        },
        "query": sent["query"],
        "header": sent["headers"],
    }
    if sent["body"] is not None:
        value[messages.BODY] = {JSON: sent["body"]}
    before, after = (messages.request(one, ()) for one in both)
    yield from _faults(before, after, value, "a recorded request was valid and is refused now")


def _of_response(both: exchanges.Pair | None, received: Mapping[str, Any]) -> Iterator[_Fault]:
    status = str(received["status"])
    if both is None or status not in both[0].responses:
        return
    old, new = both
    if status not in new.responses:
        what = f"a response with status {status} was recorded and is not allowed any more"
        yield _Fault((*messages.home(old), "responses", status), what)
        return
    media_type = received["headers"]["content-type"].partition(";")[0].strip().lower()
    value = {"header": received["headers"], messages.BODY: {media_type: received["body"]}}
    before, after = (messages.response(one, one.responses[status], "written", ()) for one in both)
    yield from _faults(before, after, value, f"a recorded response with status {status} is not allowed any more")


def _faults(before: Shape, after: Shape, value: Json, what: str) -> Iterator[_Fault]:
    """Why a value is not allowed now; nothing where it was not allowed before."""
    if not standalone(text(before.schema)).is_valid(value):
        return
    for error in standalone(text(after.schema)).iter_errors(value):
        place = ".".join(map(str, error.instance_path))
        yield _Fault(
            after.pointer(tuple(error.schema_path)), f"{what}: {place}: {shorten(error.message, 200, placeholder='…')}"
        )


def _is_near(one: Pointer, other: Pointer) -> bool:
    """Whether two limits stand in the same schema: where a field is not known, one names where it would stand."""
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) > 1 and longer[: len(shorter) - 1] == shorter[:-1]
