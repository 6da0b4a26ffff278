"""Values that tell two schemas apart, if anything does: made from the limits of both, from texts, numbers and fields.

A text, a number or a field is of interest where some limit of one of the schemas begins or ends. Texts are sorted into
classes by which of all the limits they keep, and one of each class is tried.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import hypothesis
from hypothesis import strategies
from octopusx_video_openapi.document import Json
from octopusx_video_openapi.schemas import Validator, canonical, standalone

from octopusx_video_compat.shapes import CONDITIONS, below, parts, text

UNNAMED = "unnamed"
"""A property that no contract names."""
MOST = 40000
"""The most values that are made of one schema."""
MOST_IN_PAIRS = 14
"""The most values of a property that are tried together with those of another property."""
_ALPHABET = [chr(number) for number in range(0x20, 0x7F)] + list("\t\n\u00a0é\u0660\u200b\ufeff😀")
_CHARACTERS = strategies.characters(exclude_categories=["Cs"])
"""The same as by default, for which Hypothesis encodes each character once where it has no cache: two seconds."""
_DRAWN = 25
_CHANGED = 8
_LONGEST = 24
"""How many texts of a pattern are changed character by character."""
_TEXT_LIMITS = ("pattern", "minLength", "maxLength", "const", "enum")
_NUMBER_LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "const", "enum")
_SIZES = ("minLength", "maxLength", "minItems", "maxItems")


class Interest(NamedTuple):
    """What is of interest in two schemas together.

    Attributes:
        texts: A text of each class.
        numbers: Numbers at and beside each limit, whole ones first.
        sizes: Numbers of items at and beside each limit.
        first: Values that are tried in pairs before others: where one schema lists a value and the other does not, and
            the first of each list.
        apart: Each part that one schema alone has.
        is_open: Whether a property that no contract names is tried as well.
    """

    texts: list[str]
    numbers: list[float]
    sizes: list[int]
    first: list[Json]
    apart: list[Validator]
    is_open: bool


def validator(schema: Json) -> Validator:
    """The validator of a schema without references."""
    return standalone(text(schema))


def candidates(schema: Json, other: Json, *, is_open: bool = False) -> list[Json]:
    """Values that a schema allows, for which the other schema may not.

    Args:
        schema: The schema that allows the values.
        other: The schema that may refuse some.
        is_open: Whether objects may have properties that no schema names.
    """
    return _Maker(_interest((schema, other), is_open=is_open)).values(schema)


def _interest(schemas: tuple[Json, Json], *, is_open: bool) -> Interest:
    every = [part for schema in schemas for part in below(schema)]
    lists = [[one for part in below(schema) for one in _listed(part)] for schema in schemas]
    only = [one for here, there in (lists, lists[::-1]) for one in here if not _is_in(one, there)]
    first = [part["const"] if "const" in part else part["enum"][0] for part in every if _listed(part)]
    limits = sorted(set(_limits(every)))
    own = [set(_limits(list(below(schema)))) for schema in schemas]
    near = [number + step for number in own[0] ^ own[1] for step in (0, 1, -1)]
    beside = [number + step for number in [*limits, 0] for step in (0, 1, -1, 0.5)]
    sizes = _sizes(every)
    texts, telling = _texts(schemas, [one for one in (*only, *first, *lists[0], *lists[1]) if isinstance(one, str)])
    return Interest(
        texts=texts,
        numbers=sorted({_whole(number) for number in beside}, key=lambda number: (isinstance(number, float), number)),
        sizes=sorted(size for size in sizes if 0 <= size < MOST),
        first=[*only, *first, *map(_whole, near), *telling],
        apart=[standalone(one) for one in sorted(_texts_of(schemas[0]) ^ _texts_of(schemas[1]))],
        is_open=is_open,
    )


class _Maker:
    """Makes the values of schemas.

    Args:
        interest: What is of interest.
    """

    def __init__(self, interest: Interest) -> None:
        self._interest = interest
        self._made: dict[str, list[Json]] = {}

    def values(self, schema: Json) -> list[Json]:
        """Values that a schema allows, ordinary ones first."""
        key = text(schema)
        if key not in self._made:
            is_valid = validator(schema).is_valid
            found = (value for value in self._drafts(schema) if is_valid(value))
            self._made[key] = list(itertools.islice(_each_once(found), MOST))
        return self._made[key]

    def _drafts(self, schema: Json) -> Iterator[Json]:
        """Values that a schema may allow."""
        every = list(parts(schema))
        for part in every:
            yield from _listed(part)
        types = {name for part in every for name in part.get("type", ())}
        makers: dict[str, Callable[[], Iterable[Json]]] = {
            "string": lambda: self._interest.texts,
            "integer": lambda: self._interest.numbers,
            "number": lambda: self._interest.numbers,
            "boolean": lambda: (True, False),
            "null": lambda: (None,),
            "array": lambda: self._arrays(every),
            "object": lambda: self._objects(every),
        }
        is_object = any("properties" in part or "required" in part for part in every)
        for name in types or (("object", "string", "null") if is_object else makers):
            yield from makers[name]()
        yield from ("", 0, True, None, [], {})

    def _arrays(self, every: list[dict[str, Json]]) -> Iterator[Json]:
        items = [value for part in every if "items" in part for value in self.values(part["items"])]
        items = items or ["", 0]
        yield []
        yield from ([item] for item in items)
        yield from ([items[0], item] for item in items)
        yield from ([items[0]] * size for size in self._interest.sizes)
        yield list(items[: max(2, *self._interest.sizes, 2)])

    def _objects(self, every: list[dict[str, Json]]) -> Iterator[Json]:
        described: dict[str, list[Json]] = {}
        for part in every:
            for name, schema in part.get("properties", {}).items():
                described.setdefault(name, []).append(schema)
        fields = {
            name: self.values({"anyOf": schemas} if len(schemas) > 1 else schemas[0])[:]
            for name, schemas in described.items()
        }
        for part in every:
            for name in part.get("required", ()):
                fields.setdefault(name, []).extend([] if fields.get(name) else ["", 0])
        fields = {name: values for name, values in fields.items() if values}
        extra = {UNNAMED: [""]} if self._interest.is_open else {}
        bases = list(_each_once(self._bases(every, fields)))
        yield from bases
        for base in bases:
            for name, values in {**fields, **extra}.items():
                yield {key: value for key, value in base.items() if key != name}
                yield from ({**base, name: value} for value in values)
        # What depends on a field depends on it in the smallest object as well, and in the one with everything.
        dependent = _dependent(every)
        together = {name: values for name, values in {**fields, **extra}.items() if name in dependent | extra.keys()}
        if dependent:
            yield from self._pairs([bases[0], bases[-1]], together)

    def _bases(self, every: list[dict[str, Json]], fields: dict[str, list[Json]]) -> Iterator[dict[str, Json]]:
        """An object with what each part requires, and one with everything."""
        always = set(every[0].get("required", ())).union(
            *(branch.get("required", ()) for part in every for branch in part.get("allOf", ()))
        )
        for part in every:
            names = [name for name in fields if name in always or name in part.get("required", ())]
            yield {name: fields[name][0] for name in names}
        yield {name: values[0] for name, values in fields.items()}

    def _pairs(self, bases: list[dict[str, Json]], fields: dict[str, list[Json]]) -> Iterator[Json]:
        few = {name: self._few(values) for name, values in fields.items()}
        for (one, left), (other, right) in itertools.combinations(few.items(), 2):
            for base in bases:
                for value, second in itertools.product(left, right):
                    yield {**base, one: value, other: second}

    def _few(self, values: Sequence[Json]) -> list[Json]:
        first = [value for value in values if _is_in(value, self._interest.first)]
        small = sorted(values, key=lambda value: len(json.dumps(value)))
        classes: dict[tuple[bool, ...], Json] = {}
        for value in small:
            classes.setdefault(tuple([one.is_valid(value) for one in self._interest.apart]), value)
        return list(_each_once([*first, *classes.values(), *small[:MOST_IN_PAIRS]]))


def _dependent(every: Iterable[dict[str, Json]]) -> set[str]:
    """The properties on which it depends what an object may hold besides: those that are named in a condition."""
    found: set[str] = set()
    for part in every:
        conditions = [part] if "maxProperties" in part else []
        conditions += [
            one for keyword in ("anyOf", "oneOf") for branch in part.get(keyword, ()) for one in parts(branch)
        ]
        conditions += [one for keyword in CONDITIONS for one in parts(part.get(keyword))]
        for one in conditions:
            found |= {*one.get("properties", ()), *one.get("required", ())}
    return found


# ---- Texts and numbers


def _texts(schemas: tuple[Json, Json], known: list[str]) -> tuple[list[str], list[str]]:
    """A text of each class, and those that tell the schemas apart: texts that keep the same limits are one class.

    Only texts of patterns that a single schema has are changed character by character: nothing else distinguishes two
    patterns that are nearly the same.
    """
    every = [list(below(schema)) for schema in schemas]
    own = [{text({key: part[key]}) for part in parts_ for key in _TEXT_LIMITS if key in part} for parts_ in every]
    limits = sorted(own[0] | own[1])
    one, other = ({part["pattern"] for part in parts_ if "pattern" in part} for parts_ in every)
    sizes = _sizes([part for parts_ in every for part in parts_])
    seeds = [*known, "a", "", *(drawn for pattern in sorted(one | other) for drawn in _drawn(pattern))]
    longer = (seed + (seed[-1:] or "a") * (size - len(seed)) for seed in seeds for size in sizes if size > len(seed))
    near = {value for pattern in one ^ other for seed in _drawn(pattern)[:_CHANGED] for value in _changed(seed)}
    checks = [standalone(limit) for limit in limits]
    classes: dict[tuple[bool, ...], str] = {}
    for value in itertools.chain(seeds, longer, sorted(near)):
        kept = tuple([check.is_valid(value) for check in checks])
        if kept not in classes or len(value) < len(classes[kept]):
            classes[kept] = value
    # One text for each way in which the limits differ that only one of the schemas has.
    apart = [limit in own[0] ^ own[1] for limit in limits]
    telling = {tuple(itertools.compress(kept, apart)): value for kept, value in classes.items()}
    return list(_each_once(["a", *known, *classes.values()])), list(telling.values()) if any(apart) else []


def _changed(seed: str) -> Iterator[str]:
    """A text with one character replaced, added or taken away."""
    seed = seed[:_LONGEST]
    for index in range(len(seed) + 1):
        yield seed[:index] + seed[index + 1 :]
        for character in _ALPHABET:
            yield seed[:index] + character + seed[index + 1 :]
            yield seed[:index] + character + seed[index:]


@functools.cache
def _drawn(pattern: str) -> tuple[str, ...]:
    """Short texts that match a pattern, the same in each run."""
    found: set[str] = set()

    @hypothesis.seed(0)
    @hypothesis.settings(
        max_examples=_DRAWN,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategies.from_regex(pattern, alphabet=_CHARACTERS))
    def collect(value: str) -> None:
        found.add(value)

    collect()
    return tuple(sorted(found, key=lambda value: (len(value), value)))


def _texts_of(schema: Json) -> set[str]:
    """Each part of a schema, as a text."""
    return {text(part) for part in below(schema)}


def _sizes(every: list[dict[str, Json]]) -> set[int]:
    """Lengths and numbers of items at and beside each limit."""
    return {part[key] + step for part in every for key in _SIZES if key in part for step in (-1, 0, 1)}


def _listed(part: dict[str, Json]) -> list[Json]:
    return [part["const"]] if "const" in part else list(part.get("enum", ()))


def _limits(every: list[dict[str, Json]]) -> Iterator[float]:
    """Each number that is a limit."""
    return (number for part in every for key in _NUMBER_LIMITS for number in _numbers(part.get(key)))


def _numbers(value: Json) -> Iterator[float]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, int | float) and not isinstance(one, bool):
            yield one


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _is_in(value: Json, values: Iterable[Json]) -> bool:
    return any(type(value) is type(one) and value == one for one in values)


def _each_once(values: Iterable[Any]) -> Iterator[Any]:
    seen = set()
    for value in values:
        key = canonical(value)
        if key not in seen:
            seen.add(key)
            yield value
