"""Which requests are just wrong, and which are just right. Pure: all of them are drawn from the contract, none is sent.

A request is seen as one value, ``{"path": …, "query": …, "body": …}``, with one schema: so a parameter that is missing,
a field that is wrong and a body that is wrapped are the same kind of change at different places. What a change makes of
the request is for the contract's schemas to say: a near miss that they take, and an edge that they refuse, is dropped.
"""

from __future__ import annotations

import collections
import functools
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import jsonschema_rs
from octopusx_video_openapi import Contract, ContractError, Operation, Schema, schemas, task_ids
from octopusx_video_openapi.schemas import Validator

from octopusx_video_contract.cases.sizes import Sizes
from octopusx_video_contract.messages.http import ABSENT

Json = Any

_MAX_OF_A_KIND = 2
BODY: Final = "body"
"""The keyword of what is wrong with, or about, the body as a whole."""


@dataclass(frozen=True)
class Request:
    """A request: decoded values of the parameters of its path and its query, and the JSON value of its body.

    A query parameter that is left out is not in ``query``; an empty one is the empty text. ``body`` may be ``ABSENT``.
    """

    path: dict[str, str]
    query: dict[str, str]
    body: Json


@dataclass(frozen=True)
class Variant:
    """A request that departs from a valid one in a single thing.

    Attributes:
        name: What it departs in; unique among an operation's near misses, and among its edges.
        place: Where, from ``path``, ``query`` or ``body`` on; an item of an array is named by its index.
        keyword: The keyword of JSON Schema that it is about, or ``BODY``.
        path: Decoded values of the path's parameters; they want encoding, all but a colon, which may stand as it is.
        query: Decoded values of the query; one that is not there is left out, one that is empty is the empty text.
        body: A JSON value, or ``ABSENT``.
        raw: The bytes to send for ``body`` where its spelling matters; else any JSON of it will do.
    """

    name: str
    place: tuple[str, ...]
    keyword: str
    path: dict[str, str]
    query: dict[str, str]
    body: Json
    raw: bytes | None = None


@dataclass(frozen=True)
class _Change:
    """What another value makes of a whole: where it stands, which keyword it is about, how it is told, the whole."""

    place: tuple[str, ...]
    keyword: str
    what: str
    whole: Json

    def within(self, step: str, whole: Json) -> _Change:
        """The same change as one of what holds this whole."""
        return replace(self, place=(step, *self.place), whole=whole)


_Own = Callable[[Schema, Json], Iterator[_Change]]
"""What can be made of one value with its schema, whatever holds it."""


def valid_requests(operation: Operation, task_id: str) -> list[Request]:
    """The shortest and the fullest valid request of an operation; one alone where they are the same.

    They are made of the contract's examples, with ``task_id`` wherever a task is named.

    Raises:
        ContractError: A property or a parameter has no example.
    """
    schema = schemas.request(operation)
    examples = list(operation.body_examples.values())
    full = _filled(operation.id, schema, {"body": examples[0]} if examples else {})
    found = []
    for whole in (_trimmed(schema, full), full):
        for place in task_ids.places(operation):
            whole = _put(whole, place, task_id)
        request = Request(whole["path"], whole["query"], whole.get("body", ABSENT))
        if request not in found:
            found.append(request)
    return found


def invalid_variants(operation: Operation, valid: Request) -> Iterator[Variant]:
    """Requests that are just wrong: the contract's schemas refuse each for its ``keyword`` at its ``place``, or below.

    They find nothing elsewhere, so that a server that overlooks this takes the request.

    Headers are left alone. So are parameters that make another path for whoever decodes or tidies it before routing:
    empty ones, dots, a slash at an end.

    Raises:
        ContractError: A property or a parameter has no example.
    """
    validator = schemas.validator(schemas.request(operation))
    variants = _variants(operation, valid, _wrong)
    yield from _once(variant for variant in variants if _is_missed(validator, variant))


def invalid_variants_alone(operation: Operation, valid: Request) -> Iterator[Variant]:
    """A few near misses in each place of the shortest request with its numbers at their limits.

    A server may look at a field only beside another that is there, or is not zero.

    Raises:
        ContractError: A property or a parameter has no example.
    """
    schema = schemas.request(operation)
    whole = _at_limits(schema, _whole(valid))
    base = Request(whole["path"], whole["query"], whole.get("body", ABSENT))
    of_place: collections.Counter[tuple[tuple[str, ...], str]] = collections.Counter()
    for variant in invalid_variants(operation, base):
        of_place[variant.place, variant.keyword] += 1
        if of_place[variant.place, variant.keyword] <= _MAX_OF_A_KIND:
            yield replace(variant, name=f"{variant.name}, beside little else")


def valid_variants(operation: Operation, valid: Request, sizes: Sizes | None = None) -> Iterator[Variant]:
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
    variants = itertools.chain(_variants(operation, valid, _right), _respelt(valid))
    if sizes is not None:
        variants = itertools.chain(variants, _variants(operation, valid, _of_each_size(sizes)))
    yield from _once(variant for variant in variants if not any(_faults(validator, variant)))


def faults(operation: Operation, request: Request) -> list[tuple[tuple[str, ...], str]]:
    """The place and the keyword of each error that the contract's schemas find in a request of an operation."""
    return list(_faults(schemas.validator(schemas.request(operation)), request))


def _once(variants: Iterable[Variant]) -> Iterator[Variant]:
    """Those whose request no earlier one makes."""
    seen = set()
    for variant in variants:
        request = (json.dumps(_whole(variant), sort_keys=True), variant.raw)
        if request not in seen:
            seen.add(request)
            yield variant


def _variants(operation: Operation, valid: Request, own: _Own) -> Iterator[Variant]:
    """The changes of a valid request that can be sent."""
    for change in _changes(schemas.request(operation), _whole(valid), own):
        if _can_be_sent(change):
            yield Variant(
                name=f"{_named(change.place)}: {change.what}",
                place=change.place,
                keyword=BODY if change.place == ("body",) else change.keyword,
                path=change.whole["path"],
                query=change.whole["query"],
                body=change.whole.get("body", ABSENT),
            )


def _can_be_sent(change: _Change) -> bool:
    """Whether it is a change of the body or of one parameter, and a parameter's value can stand where it does."""
    if change.place[:1] == ("body",):
        return True
    if len(change.place) < 2:
        return False
    holder, name = change.place[0], change.place[1]
    value = change.whole[holder].get(name, ABSENT)
    if holder == "query":
        return value is ABSENT or isinstance(value, str)
    return isinstance(value, str) and value not in {"", ".", ".."} and value.strip("/") == value


def _named(place: tuple[str, ...]) -> str:
    return (".".join(place[1:]) or "body") if place[0] == "body" else " ".join(place)


# ---- The request as one value, and what the contract says of it


def _whole(request: Request | Variant) -> dict[str, Json]:
    whole = {"path": request.path, "query": request.query}
    return whole if request.body is ABSENT else {**whole, "body": request.body}


def _faults(validator: Validator, request: Request | Variant) -> Iterator[tuple[tuple[str, ...], str]]:
    """The place and the keyword of each error in a request; what is missing is an error at its own place."""
    for error in validator.iter_errors(_whole(request)):
        place = tuple(map(str, error.instance_path))
        if place == ("query",) and error.kind.name == "additionalProperties":
            continue  # the contract forbids no parameter that it does not have
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
            place = (*place, error.kind.property)
        yield place, error.kind.name


def _is_missed(validator: Validator, variant: Variant) -> bool:
    """Whether the contract finds fault with it for what it was made for, and with nothing elsewhere."""
    depth = len(variant.place)
    found = list(_faults(validator, variant))
    is_alone = all(place[:depth] == variant.place for place, _ in found)
    return is_alone and any(variant.keyword in {BODY, keyword} for _, keyword in found)


@functools.cache
def _documented(contract: Contract) -> dict[int, list[Json]]:
    """The values in the contract's example requests, by the ``identity`` of the schema that they are examples of."""
    found: dict[int, list[Json]] = {}
    for operation in contract.operations.values():
        for parameter in operation.parameters:
            for example in parameter.examples:
                _collect(parameter.schema, example, found)
        if operation.body_schema is not None:
            for example in operation.body_examples.values():
                _collect(operation.body_schema, example, found)
    return found


def _collect(schema: Schema, value: Json, found: dict[int, list[Json]]) -> None:
    known = found.setdefault(schema.identity, [])
    if value not in known:
        known.append(value)
    if isinstance(value, dict):
        for name, field in schema.properties.items():
            if name in value:
                _collect(field, value[name], found)
    elif isinstance(value, list) and schema.items is not None:
        for item in value:
            _collect(schema.items, item, found)


def _filled(name: str, schema: Schema, value: Json = ABSENT, above: frozenset[int] = frozenset()) -> Json:
    """The value with each property that the schema has; all of it from examples where there is none."""
    if schema.has_properties:
        if schema.identity in above:
            text = f"{name}: its schema holds itself; say how deep it goes, with one for each level"
            raise ContractError(f"{schema.contract.path}: {text}")
        above |= {schema.identity}
        given = value if isinstance(value, dict) else {}
        fields = schema.properties.items()
        filled = {key: _filled(f"{name}.{key}", field, given.get(key, ABSENT), above) for key, field in fields}
        return {**given, **filled}
    if value is not ABSENT:
        return value
    for known in (_documented(schema.contract).get(schema.identity, ()), schema.examples, schema.enum):
        if known:
            return known[0]
    if schema.items is not None:
        return [_filled(name, schema.items, above=above)]
    raise ContractError(f"{schema.contract.path}: {name}: no request has an example of it; give its schema `examples`")


def _trimmed(schema: Schema | None, value: Json) -> Json:
    """The value without whatever the schema does not require."""
    if schema is None or not isinstance(value, dict) or not schema.has_properties:
        return value
    kept = [name for name in schema.required if name in value]
    return {name: _trimmed(schema.properties.get(name), value[name]) for name in kept}


def _put(whole: Json, place: Sequence[str], value: Json) -> Json:
    """The whole with another value at a place; as it is where there is no such place."""
    if not place:
        return value
    if not isinstance(whole, dict) or place[0] not in whole:
        return whole
    return {**whole, place[0]: _put(whole[place[0]], place[1:], value)}


def without(value: dict[str, Json], name: str) -> dict[str, Json]:
    """The object without one of its properties."""
    return {other: inner for other, inner in value.items() if other != name}


def _at_limits(schema: Schema | None, value: Json) -> Json:
    """The value with its numbers as small as its schema has them."""
    if isinstance(value, dict):
        fields = schema.properties if schema else {}
        return {name: _at_limits(fields.get(name), inner) for name, inner in value.items()}
    return schema.limit("minimum", value) if schema and isinstance(value, int) else value


def _changes(schema: Schema, value: Json, own: _Own) -> Iterator[_Change]:
    """The changes of a value as a whole, then those of what it holds: each property, the first two items."""
    yield from own(schema, value)
    if isinstance(value, dict):
        for name, field in schema.properties.items():
            inner = value[name] if name in value else _filled(name, field)
            for change in _changes(field, inner, own):
                yield change.within(name, {**value, name: change.whole})
    elif isinstance(value, list) and schema.items is not None:
        items = _several(schema, value, 2)
        for at in range(2):
            for change in _changes(schema.items, items[at], own):
                yield change.within(str(at), [*items[:at], change.whole, *items[at + 1 :]])


def _several(schema: Schema, value: list[Json], least: int) -> list[Json]:
    """The items, said over again until there are so many."""
    items = value or ([_filled("items", schema.items)] if schema.items else [])
    return list(itertools.islice(itertools.cycle(items), max(least, len(items))))


# ---- Just wrong


def _wrong(schema: Schema, value: Json) -> Iterator[_Change]:
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
            yield _Change((), keyword, what, other)


def _less_and_renamed(schema: Schema, value: dict[str, Json]) -> Iterator[_Change]:
    """An object without something that it must have, or with it under a name of its kind, or flattened."""
    for name in schema.required:
        rest = without(value, name)
        yield _Change((name,), "required", "missing", rest)
        if name not in value:
            continue
        others = set(task_names(schema.contract)) if isinstance(value[name], str) else set()
        if not schema.is_closed:  # a field of a body: names of a query have no case to many
            others |= {name.upper(), name.capitalize()}
        for other in sorted(others - value.keys()):
            yield _Change((name,), "required", f"under the name {other}", {**rest, other: value[name]})
        if isinstance(value[name], dict):
            flat = {f"{name}.{inner}": one for inner, one in value[name].items()}
            yield _Change((name,), "required", "flattened", {**rest, **flat})


@functools.cache
def task_names(contract: Contract) -> frozenset[str]:
    """What the contract calls the id of a task, wherever a request names one."""
    operations = contract.operations.values()
    return frozenset(place[-1] for operation in operations for place in task_ids.places(operation))


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


# ---- Just right

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


def _right(schema: Schema, value: Json) -> Iterator[_Change]:
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
        documented = _documented(schema.contract).get(schema.identity, ())
        texts = {json.dumps(known): known for known in documented} | _OF_A_FORM
    candidates += [
        ("pattern" if "pattern" in schema.assertions else "type", what, text) for what, text in texts.items()
    ]
    if isinstance(value, list):
        candidates += [("type", "empty", []), ("type", "one item", value[:1])]
        candidates += [("type", f"{many} items", _several(schema, value, many)[:many]) for many in (3, 10)]
    for keyword, what, other in candidates:
        if fits(other):
            yield _Change((), keyword, what, other)


def _of_each_size(sizes: Sizes) -> _Own:
    """What makes values of each size in the place of one."""

    def own(schema: Schema, value: Json) -> Iterator[_Change]:
        for what, other in sized(schema, value, sizes):
            yield _Change((), "type", what, other)

    return own


def sized(schema: Schema, value: Json, sizes: Sizes) -> list[tuple[str, Json]]:
    """Values of each size that a schema of the contract takes, each with what it is; made of one that it takes."""
    return sizes.values(schema, schemas.validator(schema).is_valid, value)


def _more_or_less(schema: Schema, value: dict[str, Json]) -> Iterator[_Change]:
    """An object with more or fewer of the properties that it may have, and with one that nobody knows."""
    shortest, fullest = _trimmed(schema, value), _filled("", schema, value)
    yield _Change((), "required", "nothing but what is required", shortest)
    yield _Change((), "required", "all there is", fullest)
    for name in schema.properties:
        if name not in schema.required:
            yield _Change((name,), "required", "alone beside what is required", {**shortest, name: fullest[name]})
            yield _Change((name,), "required", "left out of all there is", without(fullest, name))
    for what, other in (("a text", "meow"), ("an object", {"cats": [1.5, {"name": None}]})):
        yield _Change((), "additionalProperties", f"an unknown property, {what}", {**value, _UNKNOWN: other})
    if "prompt" in schema.properties:  # the body of a submit, and not what stands in one
        for name, other in _of_others(schema).items():
            yield _Change((), "additionalProperties", f"with {name}, which another submit has", {**value, name: other})
    if _SEVERAL not in schema.properties:
        yield _Change((), "additionalProperties", "two of it, as other services are asked", {**value, _SEVERAL: 2})


def _of_others(schema: Schema) -> dict[str, Json]:
    """What the bodies of other operations have and this one does not, with a value of each; no names of tasks."""
    found: dict[str, Json] = {}
    for operation in schema.contract.operations.values():
        other = operation.body_schema.properties if operation.body_schema else {}
        for name, field in other.items():
            if name not in schema.properties and name not in task_names(schema.contract):
                value = _filled(name, field)
                if not isinstance(value, dict):
                    found.setdefault(name, value)
    return found


def _respelt(valid: Request) -> Iterator[Variant]:
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
        yield Variant(f"body: {what}", ("body",), BODY, valid.path, valid.query, value, text.encode())
