"""How a part of the contract is known, ``x-grade``."""

from __future__ import annotations

from typing import NamedTuple

from octopusx_video_openapi.document import Json


class Grade(NamedTuple):
    """How something is known, ``x-grade``.

    Attributes:
        kind: ``documented``, ``gateway``, ``inferred``, ``probed`` or ``chosen``.
        source: What it rests on.
    """

    kind: str
    source: str


def grade_of(node: dict[str, Json]) -> Grade | None:
    """The grade of a part of the document; None where it has none."""
    return grade(node.get("x-grade", {}))


def grade(value: Json) -> Grade | None:
    """The grade that a value of ``x-grade`` gives; None where it is empty."""
    pairs = value.items() if isinstance(value, dict) else ()  # the vocabulary refuses anything else
    return next((Grade(kind, str(source)) for kind, source in pairs), None)
