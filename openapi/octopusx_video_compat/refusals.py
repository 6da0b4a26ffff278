"""What one schema allows and another refuses: for each limit that refuses something, one smallest value."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from octopusx_video_openapi.document import Json, Pointer

from octopusx_video_compat.candidates import candidates, validator
from octopusx_video_compat.shapes import Shape, text


class Refusal(NamedTuple):
    """A value that one schema allows and another refuses.

    Attributes:
        value: The value. No property and no item can be removed from it.
        path: Where in the refusing schema the limit stands.
        place: Where in the value that is which it refuses.
        keyword: The limit, such as ``enum``.
        name: The property that is missing or not known; "" for another limit.
        found: What stands at ``place``.
    """

    value: Json
    path: Pointer
    place: Pointer
    keyword: str
    name: str
    found: Json


def refusals(allows: Shape, refuses: Shape, *, is_open: bool = False) -> list[Refusal]:
    """For each limit of a shape by which it refuses what another one allows, a smallest value.

    Args:
        allows: What allows the values.
        refuses: What refuses them.
        is_open: Whether values with properties that no schema names are tried.
    """
    return _refusals(text(allows.schema), text(refuses.schema), is_open=is_open)


@functools.lru_cache(maxsize=256)  # operations have many responses in common
def _refusals(allows: str, refuses: str, *, is_open: bool) -> list[Refusal]:
    if allows == refuses:
        return []
    schemas = json.loads(allows), json.loads(refuses)
    allowed, refused = map(validator, schemas)
    found: dict[tuple[Pointer, str], Refusal] = {}
    for value in candidates(*schemas, is_open=is_open):
        if refused.is_valid(value):
            continue
        for error in _errors(refused, value):
            if error not in found:
                found[error] = _smallest(value, allowed, refused, error)
    return [refusal for refusal in found.values() if _is_alone(refusal, refused, found)]


def _smallest(value: Json, allowed: Any, refused: Any, error: tuple[Pointer, str]) -> Refusal:
    return _refusal(
        refused, smaller(value, lambda one: allowed.is_valid(one) and error in _errors(refused, one)), error
    )


def smaller(value: Json, holds: Callable[[Json], bool]) -> Json:
    """A part of a value for which something holds, as it does for the value, and of which no part can be removed."""
    again = True
    while again:
        again = False
        for place in sorted(_places(value), key=len):
            less = _without(value, place)
            if holds(less):
                value, again = less, True
                break
    return value


def _is_alone(refusal: Refusal, refused: Any, found: dict[tuple[Pointer, str], Refusal]) -> bool:
    """Whether a value is refused for its own limit; one that is refused for another one too adds nothing."""
    errors = _errors(refused, refusal.value)
    return len(errors) == 1 or not any(
        len(_errors(refused, found[error].value)) == 1 for error in errors if error != (refusal.path, refusal.name)
    )


def _errors(refused: Any, value: Json) -> list[tuple[Pointer, str]]:
    """Each limit that refuses a value, with the property that is missing or not known."""
    return [(tuple(error.schema_path), name) for error in refused.iter_errors(value) for name in _names(error)]


def _names(error: Any) -> list[str]:
    if error.kind.name == "required":
        return [str(error.kind.property)]
    if error.kind.name in {"unevaluatedProperties", "additionalProperties"}:
        return [str(name) for name in error.kind.unexpected]
    return [""]


def _refusal(refused: Any, value: Json, wanted: tuple[Pointer, str]) -> Refusal:
    error = next(
        error
        for error in refused.iter_errors(value)
        if tuple(error.schema_path) == wanted[0] and wanted[1] in _names(error)
    )
    place = tuple(error.instance_path)
    found = value
    for step in place:
        found = found[step]
    return Refusal(value, wanted[0], place, str(error.kind.name), wanted[1], found)


def _places(value: Json, above: Pointer = ()) -> Iterator[Pointer]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, member in members:
        yield (*above, step)
        yield from _places(member, (*above, step))


def _without(value: Json, place: Pointer) -> Json:
    step: Any
    step, *rest = place
    copied: Any = dict(value) if isinstance(value, dict) else list(value)
    if rest:
        copied[step] = _without(copied[step], tuple(rest))
    else:
        del copied[step]
    return copied
