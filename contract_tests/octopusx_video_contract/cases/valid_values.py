"""Requests that are just valid: each value at the edge of what the contract allows, and of each size. Pure."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from octopusx_video_openapi import Operation, Schema, schemas

from octopusx_video_contract.cases.request_values import (
    Json,
    RequestValues,
    documented_values,
    faults_of,
    filled,
    several,
    task_names,
    trimmed,
    without,
)
from octopusx_video_contract.cases.sizes import Sizes
from octopusx_video_contract.cases.variants import BODY, Change, Changes, Variant, once, variants

_FACE = "\N{CAT FACE}"
_PLAIN = {
    "one letter": "a",
    "2,000 characters": "cat " * 499 + "cats",
    "other scripts": "猫は屋根で眠る القطة نائمة",
    "emoji": f"the cat {_FACE} says \N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-5}",
    "lines and quotes": 'first it says "meow",\r\n\tthen it\'s \\ gone',
    "digits": "12345",
}
_OF_A_FORM = {
    "an id with a colon": "a:b.c-d_e~f",
    "a link of HTTP": "http://example.com/cat.png",
    "a link with port, query and fragment": "https://example.com:8443/a%20cat.png?size=1,2&x=y#z",
    "a link in upper case": "HTTPS://EXAMPLE.COM/CAT.PNG",
    # A picture of one pixel.
    "a data URL": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    # As long as that of a small picture: people send larger ones.
    "a data URL of 20,000 characters": "data:image/png;base64," + "iVBORw0KGgoAAAAN" * 1250,
    "a link of 3,000 characters": "https://example.com/cat.png?signature=" + "0f" * 1500,
}
# What counters of seconds are really set to; an hour is the longest that people have videos of.
_ROUND = (0, 1, 10, 60, 3600)
_UNKNOWN = "x_unknown"
_SEVERAL = "n"
"""How many results are wanted, where services know such a field."""


def valid_variants(operation: Operation, valid: RequestValues, sizes: Sizes | None = None) -> Iterator[Variant]:
    """Requests that are just right: the contract's schemas take each, and no server may refuse it for its form.

    Some name a task or a model that a server need not know; that is no matter of form.

    Args:
        operation: The operation.
        valid: A valid request of it.
        sizes: Draws the sizes between the ends of each value's range; None where they are left out.

    Raises:
        ContractError: A property or a parameter has no example.
    """
    validator = schemas.validator(schemas.request(operation))
    made = itertools.chain(variants(operation, valid, _valid), _respelt(valid))
    if sizes is not None:
        made = itertools.chain(made, variants(operation, valid, _of_each_size(sizes)))
    yield from once(variant for variant in made if not any(faults_of(validator, variant)))


def _valid(schema: Schema, value: Json) -> Iterator[Change]:
    if schema.has_properties:
        yield from _more_or_less(schema, value)
        return
    candidates = [("enum", json.dumps(member), member) for member in schema.enum]
    for limit, inwards in (("minimum", 1), ("maximum", -1)):
        end = schema.limit(limit)
        if end is not None:
            candidates.append((limit, f"the {limit}", end))
            candidates.append((limit, f"beside the {limit}", end + inwards))
    candidates += [("type", str(number), number) for number in _ROUND]
    candidates += [("type", "true", True), ("type", "false", False)]
    fits = schemas.validator(schema).is_valid
    if all(map(fits, _PLAIN.values())):
        texts = _PLAIN
    else:
        documented = documented_values(schema.contract).get(schema.identity, ())
        texts = {json.dumps(known): known for known in documented} | _OF_A_FORM
    candidates += [
        ("pattern" if "pattern" in schema.assertions else "type", what, text) for what, text in texts.items()
    ]
    if isinstance(value, list):
        candidates += [("type", "empty", []), ("type", "one item", value[:1])]
        candidates += [("type", f"{many} items", several(schema, value, many)[:many]) for many in (3, 10)]
    for keyword, what, other in candidates:
        if fits(other):
            yield Change((), keyword, what, other)


def _of_each_size(sizes: Sizes) -> Changes:
    """What makes values of each size in the place of one."""

    def own(schema: Schema, value: Json) -> Iterator[Change]:
        for what, other in sized(schema, value, sizes):
            yield Change((), "type", what, other)

    return own


def sized(schema: Schema, value: Json, sizes: Sizes) -> list[tuple[str, Json]]:
    """Values of each size that a schema of the contract takes, each with what it is; made of one that it takes."""
    return sizes.values(schema, schemas.validator(schema).is_valid, value)


def _more_or_less(schema: Schema, value: dict[str, Json]) -> Iterator[Change]:
    """An object with more or fewer of the properties that it may have, and with one that nobody knows."""
    shortest, fullest = trimmed(schema, value), filled("", schema, value)
    yield Change((), "required", "nothing but what is required", shortest)
    yield Change((), "required", "all there is", fullest)
    for name in schema.properties:
        if name not in schema.required:
            yield Change((name,), "required", "alone beside what is required", {**shortest, name: fullest[name]})
            yield Change((name,), "required", "left out of all there is", without(fullest, name))
    for what, other in (("a text", "meow"), ("an object", {"cats": [1.5, {"name": None}]})):
        yield Change((), "additionalProperties", f"an unknown property, {what}", {**value, _UNKNOWN: other})
    if "prompt" in schema.properties:  # the body of a submit, and not what stands in one
        for name, other in _of_others(schema).items():
            yield Change((), "additionalProperties", f"with {name}, which another submit has", {**value, name: other})
    if _SEVERAL not in schema.properties:
        yield Change((), "additionalProperties", "two of it, as other services are asked", {**value, _SEVERAL: 2})


def _of_others(schema: Schema) -> dict[str, Json]:
    """What the bodies of other operations have and this one does not, with a value of each; no names of tasks."""
    found: dict[str, Json] = {}
    for operation in schema.contract.operations.values():
        other = operation.body_schema.properties if operation.body_schema else {}
        for name, field in other.items():
            if name not in schema.properties and name not in task_names(schema.contract):
                value = filled(name, field)
                if not isinstance(value, dict):
                    found.setdefault(name, value)
    return found


def _respelt(valid: RequestValues) -> Iterator[Variant]:
    """The same body in other bytes, and one whose bytes hold each kind of escape."""
    body = valid.body
    if not isinstance(body, dict):
        return
    more = {**body, _UNKNOWN: f'{_FACE}/"\\\t'}
    for what, value, text in (
        ("over many lines", body, json.dumps(body, indent="\t").replace("\n", "\r\n")),
        ("without a blank", body, json.dumps(body, separators=(",", ":"))),
        ("between blanks", body, f" \t\r\n{json.dumps(body)}\n "),
        ("the other way round", body, json.dumps(dict(reversed(body.items())))),
        ("in escapes", more, json.dumps(more).replace("/", "\\/")),
    ):
        yield Variant(valid.path, valid.query, value, f"body: {what}", ("body",), BODY, text.encode())
