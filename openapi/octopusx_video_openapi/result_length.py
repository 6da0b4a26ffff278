"""How long the video of a submit is, ``x-result-length``: one class for each form in which a contract can say it."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

from octopusx_video_openapi.document import Json
from octopusx_video_openapi.grades import Grade, grade_of
from octopusx_video_openapi.part import Part


class ResultLength(Part):
    """How long the video of a submit is.

    Attributes:
        start_field: The field of the request with the second of the source at which the new video goes on; None where
            no field says so.
        is_start_optional: Whether a request may leave that field out, which means the end of the source.
        added_field: The field of the request with the seconds that are added; None where no field says so.
        added_by_model: The seconds that are added for the models that differ from others.
        grade: How it is known.
    """

    start_field: str | None = None
    is_start_optional: bool = False
    added_field: str | None = None
    added_by_model: Mapping[str, float] = types.MappingProxyType({})
    grade: Grade | None

    def seconds(self, body: Mapping[str, Any], source: float | None) -> float | None:
        """The length of the video in seconds; None where it depends on a source whose length is not known.

        Args:
            body: The body of the accepted request.
            source: How long the source video is, in seconds; None where that is not known.
        """
        raise NotImplementedError


class FixedLength(ResultLength):
    """The same for every request (``fixed``).

    Attributes:
        fixed: The length in seconds.
    """

    fixed: float

    def seconds(self, body: Mapping[str, Any], source: float | None) -> float | None:
        """The length of the video in seconds."""
        return self.fixed


class LengthOfSource(ResultLength):
    """As long as the source video (``as-long-as``)."""

    def seconds(self, body: Mapping[str, Any], source: float | None) -> float | None:
        """The length of the video in seconds; None where that of the source is not known."""
        return source


class LengthByFields(ResultLength):
    """Where the video goes on, plus what is added (``starts-at`` and ``adds``). Without ``starts-at``, what is added.

    Attributes:
        added_otherwise: The seconds that are added where neither the field nor the model says how many; None where the
            field can't be left out.
    """

    added_otherwise: float | None

    def seconds(self, body: Mapping[str, Any], source: float | None) -> float | None:
        """The length of the video in seconds; None where it depends on a source whose length is not known."""
        start = _given(body, self.start_field, source) if self.start_field else 0.0
        added = self.added_by_model.get(str(body.get("model")), self.added_otherwise)
        added = _given(body, self.added_field, added) if self.added_field else added
        try:
            return None if start is None or added is None else float(start) + float(added)
        except OverflowError:  # an integer of hundreds of digits
            return float("inf")


def _given(body: Mapping[str, Any], field: str, otherwise: float | None) -> Any:
    value = body.get(field)
    return otherwise if value is None else value


def result_length_of(node: dict[str, Json], omitted: Mapping[str, Any]) -> ResultLength:
    """The length that an ``x-result-length`` gives.

    Args:
        node: The part of the document.
        omitted: For each field of the request, the value that counts where a request leaves the field out, or None.
    """
    if "fixed" in node:
        return FixedLength(fixed=float(node["fixed"]), grade=grade_of(node))
    if "as-long-as" in node:
        return LengthOfSource(grade=grade_of(node))
    starts, adds = node.get("starts-at", {}), node["adds"]
    added = omitted.get(adds["field"]) if "field" in adds else adds["otherwise"]
    return LengthByFields(
        start_field=starts.get("field"),
        is_start_optional="otherwise" in starts,
        added_field=adds.get("field"),
        added_otherwise=None if added is None else float(added),
        added_by_model=dict(adds.get("otherwise-by-model", {})),
        grade=grade_of(node),
    )
