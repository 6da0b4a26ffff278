"""Requests that are just invalid: beside each value that the contract allows lies one that it does not. Pure."""

from __future__ import annotations

import collections
import functools
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from octopusx_video_openapi import Contract, Operation, Schema, schemas
from octopusx_video_openapi.schemas import Validator

from octopusx_video_contract.cases.request_values import (
    Json,
    RequestValues,
    at_limits,
    faults_of,
    task_names,
    whole_of,
    without,
)
from octopusx_video_contract.cases.variants import BODY, Change, Variant, once, variants
from octopusx_video_contract.messages.http import ABSENT

_MAX_OF_A_KIND = 2


def invalid_variants(operation: Operation, valid: RequestValues) -> Iterator[Variant]:
    """Requests that are just wrong: the contract's schemas refuse each for its ``keyword`` at its ``place``, or below.

    They find nothing elsewhere, so that a server that overlooks this takes the request.

    Headers are left alone. So are parameters that make another path for whoever decodes or tidies it before routing:
    empty ones, dots, a slash at an end.

    Raises:
        ContractError: A property or a parameter has no example.
    """
    validator = schemas.validator(schemas.request(operation))
    made = variants(operation, valid, _invalid)
    yield from once(variant for variant in made if _is_invalid_alone(validator, variant))


def invalid_variants_alone(operation: Operation, valid: RequestValues) -> Iterator[Variant]:
    """A few invalid variants in each place of the shortest request with its numbers at their limits.

    A server may look at a field only beside another that is there, or is not zero.

    Raises:
        ContractError: A property or a parameter has no example.
    """
    schema = schemas.request(operation)
    whole = at_limits(schema, whole_of(valid))
    base = RequestValues(whole["path"], whole["query"], whole.get("body", ABSENT))
    of_place: collections.Counter[tuple[tuple[str, ...], str]] = collections.Counter()
    for variant in invalid_variants(operation, base):
        of_place[variant.place, variant.keyword] += 1
        if of_place[variant.place, variant.keyword] <= _MAX_OF_A_KIND:
            yield replace(variant, name=f"{variant.name}, beside little else")


def _is_invalid_alone(validator: Validator, variant: Variant) -> bool:
    """Whether the contract finds fault with it for what it was made for, and with nothing elsewhere."""
    depth = len(variant.place)
    found = list(faults_of(validator, variant))
    is_alone = all(place[:depth] == variant.place for place, _ in found)
    return is_alone and any(variant.keyword in {BODY, keyword} for _, keyword in found)


def _invalid(schema: Schema, value: Json) -> Iterator[Change]:
    if isinstance(value, dict):
        yield from _less_and_renamed(schema, value)
    for keyword, candidates in (
        ("type", itertools.chain(_of_another_type(value), _numbers_of(schema.enum))),
        ("required", _in_a_wrapping(value)),
        ("enum", _beside_members(schema.enum)),
        ("minimum", _beside(schema.limit("minimum"), -1, -1000)),
        ("maximum", _beside(schema.limit("maximum"), 1, 1000)),
        ("pattern", itertools.chain(_like(value), _before(value, _words(schema.contract)))),
    ):
        for what, other in candidates:
            yield Change((), keyword, what, other)


def _less_and_renamed(schema: Schema, value: dict[str, Json]) -> Iterator[Change]:
    """An object without something that it must have, or with it under a name of its kind, or flattened."""
    for name in schema.required:
        rest = without(value, name)
        yield Change((name,), "required", "missing", rest)
        if name not in value:
            continue
        others = set(task_names(schema.contract)) if isinstance(value[name], str) else set()
        if not schema.is_closed:  # a field of a body: names of a query have no case to many
            others |= {name.upper(), name.capitalize()}
        for other in sorted(others - value.keys()):
            yield Change((name,), "required", f"under the name {other}", {**rest, other: value[name]})
        if isinstance(value[name], dict):
            flat = {f"{name}.{inner}": one for inner, one in value[name].items()}
            yield Change((name,), "required", "flattened", {**rest, **flat})


def _numbers_of(members: Sequence[Json]) -> Iterator[tuple[str, Json]]:
    """The numbers that texts begin with, as numbers."""
    for member in members:
        number = "".join(itertools.takewhile(str.isdecimal, member)) if isinstance(member, str) else ""
        if number:
            yield f"{number}, a number", int(number)


def _of_another_type(value: Json) -> Iterator[tuple[str, Json]]:
    yield "null", None
    yield "zero", 0
    yield "one", 1
    yield "true", True
    yield "a text", "text"
    yield "an empty text", ""
    yield "an empty array", []
    yield "an empty object", {}
    yield "in an array", [value]
    yield "in an object", {"value": value}
    if isinstance(value, str):
        yield "in an object as url", {"url": value}
        yield "in an object as id", {"id": value}
    yield "as JSON in a text", json.dumps(value)
    if isinstance(value, bool):
        yield "as a text, capitalized", str(value)
    elif isinstance(value, int):
        yield "half more", value + 0.5
    elif isinstance(value, list) and value:
        yield "the first item alone", value[0]
        yield "joined by commas", ",".join(map(str, value))
        yield "by index in an object", {str(at): item for at, item in enumerate(value)}
    elif isinstance(value, dict) and value:
        yield "in an array twice", [value, value]
        yield "the first property's value alone", next(iter(value.values()))


def _in_a_wrapping(value: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict):
        for name in ("data", "body"):
            yield f'in an object, under "{name}"', {name: value}


_PROPORTIONS = ((1, 3), (1, 2), (2, 3), (3, 4), (4, 3), (3, 2), (2, 1), (3, 1), (4, 1))
_FEW = 60
"""Up to what number each one beside an enumeration is tried."""


def _beside_members(members: Sequence[Json]) -> Iterator[tuple[str, Json]]:
    texts = [member for member in members if isinstance(member, str)]
    numbers = sorted(member for member in members if isinstance(member, int) and not isinstance(member, bool))
    others: list[Json] = []
    for text in texts:
        others += [text.lower(), text.upper(), text.capitalize(), f" {text}", f"{text} ", f"{text}\n"]
        others += [text[:-1], text[1:], text + text[-1:]]
        number = "".join(itertools.takewhile(str.isdecimal, text))
        # 480P and 1440P stand to 720P and 1080P as whoever knows of sizes would expect.
        others += [f"{int(number) * up // down}{text[len(number) :]}" for up, down in _PROPORTIONS if number]
    if texts:
        others += ["", ",".join(texts)]
    if numbers:
        others += [other for member in numbers for other in (member - 1, member + 1)]
        others += [(low + high) // 2 for low, high in itertools.pairwise(numbers)]
        if numbers[-1] <= _FEW:
            others += range(2 * numbers[-1] + 1)
        others += [0, -numbers[0], 4 * numbers[-1], 10 * numbers[-1]]
    for other in dict.fromkeys(others):
        yield f"{json.dumps(other)} is beside the enumeration", other


def _beside(limit: int | None, *steps: int) -> Iterator[tuple[str, Json]]:
    if limit is not None:
        for step in steps:
            yield f"{limit + step} is beyond the limit", limit + step


_NO_TEXT = {
    "empty": "",
    "a space": " ",
    "a tab": "\t",
    "a line break": "\n",
    "a no-break space": "\u00a0",
    "a zero-width space": "\u200b",
    "an ideographic space": "\u3000",
    "a byte order mark": "\ufeff",
}
_OTHER_ADDRESS = {
    "a link": "https://example.com/video.mp4",
    "a link without its scheme": "example.com/cat.png",
    "a link that leaves the scheme open": "//example.com/cat.png",
    "a link of FTP": "ftp://example.com/cat.png",
    "a link with one slash": "https:/example.com/cat.png",
    "a link with a blank host": "https:// /cat.png",
    "a link to nothing": "https://",
    "a path": "/pictures/cat.png",
    "a file": "file:///pictures/cat.png",
    "a data URL of text": "data:text/plain,cat",
    "a data URL of nothing": "data:image/",
}


def _like(text: Json) -> Iterator[tuple[str, Json]]:
    """Texts that look like this one, or like what people send in its place."""
    if not isinstance(text, str):
        return
    yield from _NO_TEXT.items()
    half = len(text) // 2
    yield "a space before", f" {text}"
    yield "a space behind", f"{text} "
    yield "a space inside", f"{text[:half]} {text[half:]}"
    yield "a line break behind", f"{text}\n"
    yield "a slash inside", f"{text[:half]}/{text[half:]}"
    yield "more behind a slash", f"{text}/more"
    yield "a dot before", f".{text}"
    yield "a percent sign behind", f"{text}%"
    yield "a NUL behind", f"{text}\0"
    yield "a letter with an accent behind", f"{text}\u00e9"
    yield "in quotes", f'"{text}"'
    yield "in angle brackets", f"<{text}>"
    yield "encoded twice", "".join(f"%{byte:02X}" for byte in text[:1].encode()) + text[1:]
    yield from _OTHER_ADDRESS.items()


@functools.cache
def _words(contract: Contract) -> tuple[str, ...]:
    """What stands behind a parameter in the contract's paths."""
    steps = [path.split("/") for path in contract.paths]
    return tuple({after: None for path in steps for before, after in itertools.pairwise(path) if before[:1] == "{"})


def _before(text: Json, words: Iterable[str]) -> Iterator[tuple[str, Json]]:
    """The text with a part of a path behind it, which a server that decodes too early takes for one."""
    if isinstance(text, str):
        for word in words:
            yield f"/{word} behind", f"{text}/{word}"
