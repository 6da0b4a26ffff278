"""A JSON Schema of the contract, typed: what is asked of it, its references followed."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from octopusx_video_openapi.document import Json
from octopusx_video_openapi.grades import Grade, grade, grade_of

if TYPE_CHECKING:
    from octopusx_video_openapi._source import Source

ASSERTIONS = frozenset(
    {
        *("type", "enum", "const", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "format"),
    }
)
"""The keywords of JSON Schema that a value can break by itself."""


class Schema:
    """A schema of a contract. It is read-only, and there is one for each place of the document.

    A use of a component (``$ref``) may say more beside it, such as ``x-value-of``: that goes before what the component
    says. The keywords of JSON Schema are those of the component.

    Args:
        source: The document.
        node: The schema in the document; it may have a ``$ref``.

    Attributes:
        contract: The contract.
        reference: The name of the component that ``$ref`` names, such as ``TaskId``; "" without one.
    """

    def __init__(self, source: Source, node: Json) -> None:
        self.contract = source.contract
        self._node = node
        self._made = source.schema
        self._uses: list[dict[str, Json]] = []
        while isinstance(node, dict) and "$ref" in node:
            self._uses.append(node)
            node = source.resolve({"$ref": node["$ref"]})
        self._keywords: dict[str, Json] = node if isinstance(node, dict) else {}
        self.reference = str(self._uses[0]["$ref"]).rpartition("/")[2] if self._uses else ""

    @functools.cached_property
    def text(self) -> str:
        """The schema as JSON. Its references lead into the components of the contract."""
        return json.dumps(self._node, sort_keys=True)

    @property
    def identity(self) -> int:
        """A number that is the same for each use of one component, and another for anything else."""
        return id(self._keywords)

    @property
    def types(self) -> tuple[str, ...]:
        """The types of ``type``; empty where any will do."""
        return _several(self._keywords.get("type"))

    @property
    def value_of(self) -> str:
        """What ``x-value-of`` says that the value is, such as ``task.address``; "" where it says nothing."""
        return str(self._said("x-value-of"))

    @property
    def unit(self) -> str:
        """What the value counts, ``x-unit``; "" where it says nothing."""
        return str(self._said("x-unit"))

    @property
    def description(self) -> str:
        """What it is, for people, in one line; "" where it says nothing."""
        return " ".join(str(self._said("description")).split())

    @property
    def grade(self) -> Grade | None:
        """The grade of this use of it, without that of the component that it uses; None where it has none."""
        return grade_of(self._uses[0] if self._uses else self._keywords)

    @functools.cached_property
    def properties(self) -> Mapping[str, Schema]:
        """The schemas of the properties, by name, in the order of the document."""
        return {name: self._made(node) for name, node in self._keywords.get("properties", {}).items()}

    @property
    def has_properties(self) -> bool:
        """Whether there is a list of properties, be it empty."""
        return "properties" in self._keywords

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the properties that an object must have."""
        return tuple(self._keywords.get("required", ()))

    @property
    def is_closed(self) -> bool:
        """Whether an object may have no other properties (``additionalProperties: false``)."""
        return self._keywords.get("additionalProperties") is False

    @functools.cached_property
    def items(self) -> Schema | None:
        """The schema of the items of an array; None where it says nothing of them."""
        return self._made(self._keywords["items"]) if "items" in self._keywords else None

    def branches(self, *kinds: str) -> tuple[Schema, ...]:
        """The schemas under these keywords, of ``allOf``, ``oneOf`` and ``anyOf``."""
        return tuple(self._made(node) for kind in kinds for node in self._keywords.get(kind, ()))

    def part(self, keyword: str) -> Schema | None:
        """The schema under ``if``, ``then``, ``else`` or ``not``; None where there is none."""
        return self._made(self._keywords[keyword]) if keyword in self._keywords else None

    @property
    def enum(self) -> tuple[Any, ...]:
        """The values that it may have; empty where there is no such list."""
        return tuple(self._keywords.get("enum", ()))

    @property
    def enum_grades(self) -> Mapping[str, Grade | None]:
        """The grade of each value of ``enum``."""
        return {value: grade(node) for value, node in self._keywords.get("x-enum-grades", {}).items()}

    @property
    def examples(self) -> tuple[Any, ...]:
        """The values of ``examples``."""
        return tuple(self._keywords.get("examples", ()))

    @property
    def default_when_omitted(self) -> Any:
        """What a service takes where the value is left out, ``x-default-when-omitted``; None where it says nothing."""
        return self._said("x-default-when-omitted", None)

    @property
    def assertions(self) -> tuple[str, ...]:
        """Which keywords it has that a value can break by itself (``ASSERTIONS``)."""
        return tuple(keyword for keyword in self._keywords if keyword in ASSERTIONS)

    def limit(self, keyword: str, default: Any = None) -> Any:
        """The value of a keyword of ``ASSERTIONS``, such as ``minimum``; the default where it is not there."""
        return self._keywords.get(keyword, default) if keyword in ASSERTIONS else default

    def _said(self, key: str, default: Any = "") -> Any:
        return next((node[key] for node in (*self._uses, self._keywords) if key in node), default)


def _several(types: Json) -> tuple[str, ...]:
    return tuple(types) if isinstance(types, list) else () if types is None else (types,)
