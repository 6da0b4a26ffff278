"""Mutants of the contract: each departs from it in one place, which it tightens or loosens. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from octopusx_video_openapi import Contract

from tests.support import documents

Json = Any
Kind = Literal["tightens", "loosens"]
Place = tuple[str | int, ...]
Change = tuple[Kind, str, Place, Json]
"""Kind, what is done, where, and the value that stands there then."""

GONE: Json = object()
"""Stands for a place that is taken away."""
NEW_STATUS = 418
"""A status that no operation documents."""
NEW_MEDIA_TYPE = "text/plain"
NEW_MEMBER = "asleep"
_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
_BOUNDS = {"minimum": 1, "minLength": 1, "maximum": -1, "maxLength": -1}
"""What moves a bound inwards."""


@dataclass(frozen=True)
class Mutant:
    """The contract with one thing changed.

    Attributes:
        name: Unique.
        kind: Whether it allows less than the contract, or more.
        place: Where in the document.
        value: What stands there; ``GONE`` for nothing.
    """

    name: str
    kind: Kind
    place: Place
    value: Json

    def of(self, contract: Contract) -> Contract:
        """The mutant itself, as a contract."""
        return Contract(put(documents.document(contract), self.place, self.value), contract.path)

    def rule(self, contract: Contract) -> str | None:
        """The number of the rule that it changes; None where it is none."""
        if self.place[0] != "x-rules":
            return None
        return str(documents.document(contract)["x-rules"][self.place[1]]["id"])


def put(node: Json, place: Place, value: Json) -> Json:
    """A copy of a document with another value at a place, made where it is not there; ``GONE`` takes it away."""
    step: Any
    step, *rest = place
    copied: Any = dict(node) if isinstance(node, dict) else list(node)
    if rest:
        child = copied[step] if isinstance(copied, list) else copied.get(step, {})
        copied[step] = put(child, tuple(rest), value)
    elif value is GONE:
        del copied[step]
    else:
        copied[step] = value
    return copied


def at(node: Json, place: Place) -> Json:
    """What stands at a place."""
    for step in place:
        node = node[step]
    return node


def mutants(contract: Contract) -> list[Mutant]:
    """Every mutant, those of one part of the contract beside each other."""
    found = []
    for kind, what, place, value in itertools.chain(
        _of_schemas(contract), _of_headers(contract), _of_operations(contract), _of_rules(contract)
    ):
        found.append(Mutant(f"{_shown(contract, place)}: {what}", kind, place, value))
    return found


def _shown(contract: Contract, place: Place) -> str:
    """A place in the words of the contract."""
    if place[0] == "x-rules":
        return "/".join([documents.document(contract)["x-rules"][place[1]]["id"], *map(str, place[2:])])
    if place[0] == "paths":
        operation = contract.paths[str(place[1])][str(place[2]).upper()] if len(place) > 2 else None
        return "/".join([operation.id if operation else str(place[1]), *map(str, place[3:])])
    return "/".join(map(str, place[2:] if place[0] == "components" else place))


# ---- Schemas


def _of_schemas(contract: Contract) -> Iterator[Change]:
    for name, schema in documents.document(contract)["components"]["schemas"].items():
        yield from _in_schema(schema, ("components", "schemas", name))


def _in_schema(schema: Json, place: Place) -> Iterator[Change]:
    """What can be done to a schema and to those that it holds; ``$ref`` is left to the component that it names."""
    yield from _objects(schema, place)
    yield from _values(schema, place)
    yield from _branches(schema, place)
    for name, field in schema.get("properties", {}).items():
        yield from _in_schema(field, (*place, "properties", name))
    if "items" in schema:
        yield from _in_schema(schema["items"], (*place, "items"))


def _objects(schema: Json, place: Place) -> Iterator[Change]:
    required = schema.get("required", [])
    for name in required:
        rest = [one for one in required if one != name]
        yield "loosens", f"{name} is not required", (*place, "required"), rest or GONE
    if schema.get("type") != "object":
        return
    for name in schema.get("properties", {}):
        if name not in required:
            yield "tightens", f"{name} is required", (*place, "required"), [*required, name]
    yield "tightens", "no other properties", (*place, "additionalProperties"), False


def _values(schema: Json, place: Place) -> Iterator[Change]:
    yield from _members(schema, place)
    yield from _bounds(schema, place)
    if "pattern" in schema:
        yield "loosens", "no pattern", (*place, "pattern"), GONE
        yield "tightens", "pattern without digits", (*place, "allOf"), [{"pattern": "^[^0-9]*$"}]
    types = schema.get("type")
    if isinstance(types, list):
        for one in types:
            yield "tightens", f"no {one}", (*place, "type"), [other for other in types if other != one]
    for keyword, what in (("type", "of any type"), ("const", "no const")):
        if keyword in schema:
            yield "loosens", what, (*place, keyword), GONE


def _members(schema: Json, place: Place) -> Iterator[Change]:
    members = schema.get("enum", [])
    for member in members:
        if len(members) > 1:
            rest = [one for one in members if one != member]
            yield "tightens", f"without {member!r}", *_enumerated(schema, place, rest)
    if members:
        last = members[-1]
        # Beside a member, as a server that is too kind takes it.
        more = last * 10 if isinstance(last, int) else last.lower() if last[:1].isdigit() else NEW_MEMBER
        yield "loosens", f"with {more!r}", *_enumerated(schema, place, [*members, more])


def _enumerated(schema: Json, place: Place, members: list[Json]) -> tuple[Place, Json]:
    """The place and the value of a schema that lists these values; each keeps its grade, and a new one has the last."""
    grades = schema.get("x-enum-grades")
    if grades is None:
        return (*place, "enum"), members
    last = grades[str(schema["enum"][-1])]
    return place, {
        **schema,
        "enum": members,
        "x-enum-grades": {str(one): grades.get(str(one), last) for one in members},
    }


def _bounds(schema: Json, place: Place) -> Iterator[Change]:
    for bound, inwards in _BOUNDS.items():
        if bound not in schema:
            continue
        limit = schema[bound]
        step = inwards * max(1, abs(limit) // 100)
        yield "loosens", f"no {bound}", (*place, bound), GONE
        for kind, moved in (("loosens", limit - step), ("tightens", limit + step)):
            if moved >= 0 or not bound.endswith("Length"):
                yield ("tightens" if kind == "tightens" else "loosens"), f"{bound} {moved}", (*place, bound), moved


def _branches(schema: Json, place: Place) -> Iterator[Change]:
    if "oneOf" in schema:
        yield "loosens", "open", (*place, "oneOf"), GONE
    for keyword in ("oneOf", "anyOf"):
        for number, branch in enumerate(schema.get(keyword, ())):
            rest = [one for one in schema[keyword] if one is not branch]
            told = branch.get("$ref", branch.get("type", number))
            yield "tightens", f"{keyword} without {str(told).rpartition('/')[2]}", (*place, keyword), rest


# ---- Headers and parameters


def _of_headers(contract: Contract) -> Iterator[Change]:
    for name, header in documents.document(contract)["components"]["headers"].items():
        place: Place = ("components", "headers", name)
        kind: Kind = "loosens" if header.get("required") else "tightens"
        yield kind, "not required" if header.get("required") else "required", (*place, "required"), kind == "tightens"
        yield from _in_schema(header["schema"], (*place, "schema"))
    for operation in contract.operations.values():
        for number, parameter in enumerate(documents.parameters(operation)):
            place = ("paths", operation.path, operation.method, "parameters", number, "required")
            if parameter["in"] == "query" and parameter.get("required"):
                yield "loosens", f"{parameter['name']} is not required", place, False
            if parameter["in"] == "header" and not parameter.get("required"):
                yield "tightens", f"{parameter['name']} is required", place, True


# ---- Operations and their responses


def _of_operations(contract: Contract) -> Iterator[Change]:
    for operation in contract.operations.values():
        place: Place = ("paths", operation.path, operation.method)
        responses = documents.definition(operation)["responses"]
        for status in responses:
            yield "tightens", f"without {status}", (*place, "responses", status), GONE
        error = next(response for status, response in responses.items() if str(status) == "401")
        yield "loosens", f"with {NEW_STATUS}", (*place, "responses", str(NEW_STATUS)), error
        yield "loosens", "no security", (*place, "security"), []
        if "requestBody" in documents.definition(operation):
            yield "loosens", "the body is not required", (*place, "requestBody", "required"), False
        for status, response in responses.items():
            if "$ref" not in response:
                yield from _of_response(response, (*place, "responses", status))
        if "x-result-length" in documents.definition(operation):
            yield from _of_length(documents.definition(operation)["x-result-length"], (*place, "x-result-length"))
    for name, response in documents.document(contract)["components"]["responses"].items():
        yield from _of_response(response, ("components", "responses", name))
    for name, schema in documents.document(contract)["components"]["schemas"].items():
        if "x-default-when-omitted" in schema:
            omitted: Place = ("components", "schemas", name, "x-default-when-omitted")
            yield "tightens", "one less", omitted, schema["x-default-when-omitted"] - 1


def _of_response(response: Json, place: Place) -> Iterator[Change]:
    content = response["content"]
    for media_type, media in content.items():
        yield "tightens", f"not as {media_type}", (*place, "content"), {"application/x-other": media}
        yield (
            "loosens",
            f"also as {NEW_MEDIA_TYPE}",
            (*place, "content", NEW_MEDIA_TYPE),
            {"schema": {"type": "string"}},
        )
        yield "loosens", f"{media_type} of any schema", (*place, "content", media_type, "schema"), {}
    for name in response.get("headers", {}):
        yield "loosens", f"{name} is not described", (*place, "headers", name), GONE
    billed = response["x-billed"]
    if billed != "never":
        yield "tightens", "never billed", (*place, "x-billed"), "never"
    if billed != "possible":
        yield "loosens", "possibly billed", (*place, "x-billed"), "possible"


def _of_length(length: Json, place: Place) -> Iterator[Change]:
    adds = length["adds"]
    if "otherwise" in adds:
        yield "tightens", "one less", (*place, "adds", "otherwise"), adds["otherwise"] - 1
    for model, added in adds.get("otherwise-by-model", {}).items():
        yield "tightens", "one less", (*place, "adds", "otherwise-by-model", model), added - 1


# ---- Rules, and the life of a task


def _of_rules(contract: Contract) -> Iterator[Change]:
    life = documents.document(contract)["x-task-life"]
    lasts, expires = life["runs"][0]["lasts"], life["expires"]["after"]
    yield "tightens", f"{lasts // 2} s", ("x-task-life", "runs", 0, "lasts"), lasts // 2
    yield "tightens", f"{expires // 2} s", ("x-task-life", "expires", "after"), expires // 2
    for number, rule in enumerate(documents.document(contract)["x-rules"]):
        place: Place = ("x-rules", number)
        yield from _of_reach(rule, place)
        yield from _of_figures(rule, place)
        if "schema" in rule:
            yield from _in_rule(rule["schema"], (*place, "schema"))


def _of_reach(rule: Json, place: Place) -> Iterator[Change]:
    """What a rule speaks of; where it permits, less of that is tighter."""
    kind: Kind = "tightens" if rule.get("billed") == "possible" else "loosens"
    yield kind, "no such rule", place, GONE
    if rule["level"] == "must":
        yield "loosens", "a should", (*place, "level"), "should"
    for name in ("operations", "statuses", "constant", "never-falls", "in-order"):
        for one in rule.get(name, ()):
            rest = [other for other in rule[name] if other != one]
            # An empty list would mean all of them.
            if rest:
                yield kind, f"not for {one}", (*place, name), rest


def _of_figures(rule: Json, place: Place) -> Iterator[Change]:
    for name, shorter in (("tolerance", 0), ("within", 60)):
        if name in rule:
            longer = rule[name]["seconds"] * 1000
            yield "tightens", f"{shorter} s", (*place, name, "seconds"), shorter
            yield "loosens", f"{longer} s", (*place, name, "seconds"), longer
    for submit, reads in rule.get("read-by", {}).items():
        for read in reads:
            rest = [other for other in reads if other != read]
            yield "loosens", f"{submit} not by {read}", (*place, "read-by", submit), rest
    if rule.get("billed") == "possible":
        yield "tightens", "never billed", (*place, "billed"), "never"
    if rule.get("billed") == "never":
        yield "loosens", "possibly billed", (*place, "billed"), "possible"


def _in_rule(schema: Json, place: Place) -> Iterator[Change]:
    """What can be done to what a rule asks; its condition (``if``) can only be taken away."""
    yield from _values(schema, place)
    required = schema.get("required", [])
    for name in required:
        rest = [one for one in required if one != name]
        yield "loosens", f"{name} is not required", (*place, "required"), rest or GONE
    if "if" in schema:
        yield "loosens", "never asked", (*place, "if"), False
        yield "tightens", "always asked", (*place, "if"), True
        yield from _in_rule(schema["then"], (*place, "then"))
    for number, branch in enumerate(schema.get("anyOf", ())):
        rest = [one for one in schema["anyOf"] if one is not branch]
        told = branch.get("$ref", "/".join(branch.get("required", [str(number)]))).rpartition("/")[2]
        yield "tightens", f"anyOf without {told}", (*place, "anyOf"), rest
        if "$ref" not in branch:
            yield from _in_rule(branch, (*place, "anyOf", number))
    for name, field in schema.get("properties", {}).items():
        if "$ref" in field:
            yield "loosens", f"nothing of {name}", (*place, "properties", name), {}
        else:
            yield from _in_rule(field, (*place, "properties", name))
