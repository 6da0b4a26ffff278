"""What differs between two responses, by the schemas of the contract. Pure: no request is made here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from octopusx_video_openapi import Operation, values

_ABSENT: Any = object()


def differences(operation: Operation, before: Any, now: Any) -> Iterator[str]:
    """What differs between two successes of an operation, in words: each documented value that is another one.

    Addresses may differ wherever they stand, since one may be signed each time; that one is there, or not, may not.
    """
    first = {one.name: one for one in values.of_body(operation, before)}
    second = {one.name: one for one in values.of_body(operation, now)}
    for name, one in {**first, **second}.items():
        old, new = (found[name].value if name in found else _ABSENT for found in (first, second))
        if one.value_of == values.ADDRESS and _is_given(old) and _is_given(new):
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            continue  # what stands in them is compared by itself
        if old != new or isinstance(old, bool) != isinstance(new, bool):
            yield f"{name} was {_shown(old)} and is {_shown(new)}"


def _is_given(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _shown(value: Any) -> str:
    return "absent" if value is _ABSENT else repr(value)
