"""Bodies of submits in which a task's life can differ: those that decide its length, and what is repeated. Pure."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

from octopusx_video_openapi import Contract, Operation, Schema, task_ids, values

from octopusx_video_contract.cases.request_values import valid_requests, without
from octopusx_video_contract.cases.sizes import Sizes
from octopusx_video_contract.cases.valid_values import sized

Body = dict[str, Any]

# Short: a server may have no room for long ones; longer than the twenty characters that texts are often cut to; and
# longer than a column of 255.
_PROMPTS = (
    "Two Cats on Roof No 1",
    "l'Été, №2 \N{CAT FACE}",
    "A Cat " * 50 + "End",
    " Two\n Cats\n",
    '50% \\o/ "it\'s" <&>',
    "12345",
    "true",
)
_TEXTS = ("16:10", "9:16")
_BEHIND = 60
"""Seconds behind the end of its source that a video begins at."""

_LATEST = 86_400
"""Second up to which a video begins: a day. Servers write longer ones down in different ways, and none is known."""


def a_submit(submit: Operation, random_: random.Random | None = None) -> dict[str, Any]:
    """A valid body of a submit without its source: an example of the contract, with a prompt of its own."""
    examples = list(submit.body_examples.values())
    body = dict(random_.choice(examples) if random_ else examples[0])
    for place in task_ids.places(submit):
        if place[0] == "body":
            body.pop(place[1], None)
    return body


def bodies(submit: Operation, valid: Body) -> Iterator[Body]:
    """Valid bodies of a submit without its source, each of them once.

    Args:
        submit: The operation.
        valid: One of its bodies.
    """
    seen = set()
    for body in (*_of_each_length(submit, valid), *_repeated_fields(submit, valid)):
        repeated = json.dumps(body, sort_keys=True)
        if repeated not in seen:
            seen.add(repeated)
            yield body


def _of_each_length(submit: Operation, valid: Body) -> Iterator[Body]:
    """Bodies that lead to each length that x-result-length can give."""
    length = submit.result_length
    left_out = [length.added_field] if length.added_field else []
    left_out += [length.start_field] if length.start_field and length.is_start_optional else []
    for body in (valid, *({**valid, "model": model} for model in _models(submit))):
        yield body
        for field in left_out:
            yield without(body, field)
    if length.added_field:
        values = _properties(submit)[length.added_field].enum
        yield from ({**valid, length.added_field: value} for value in values)
    # All that there is at once: what is looked at together may hide each other.
    full = valid_requests(submit, "unknown")[-1].body
    yield {**{name: value for name, value in full.items() if not isinstance(value, dict)}, **valid}
    if length.start_field:
        yield {**valid, length.start_field: 0}


def of_each_size(submit: Operation, valid: Body, sizes: Sizes) -> Iterator[Body]:
    """Valid bodies of a submit without its source, whose values have sizes of their whole range.

    Each has another size of every field at once, so that there are no more of them than the field with most sizes has.
    Some begin behind the end of a short source, for which a server may refuse them. The model stays what it is.

    Args:
        submit: The operation.
        valid: One of its bodies, without its source.
        sizes: Draws the sizes.
    """
    fields = dict(_sized_fields(submit, sizes))
    for number in range(max(map(len, fields.values()), default=0)):
        yield {**valid, **{name: values[number % len(values)] for name, values in fields.items()}}


def _sized_fields(submit: Operation, sizes: Sizes) -> Iterator[tuple[str, list[Any]]]:
    """The fields of a body that have sizes, each with its values."""
    full = valid_requests(submit, "unknown")[-1].body
    sources = {place[1] for place in task_ids.places(submit) if place[0] == "body"}
    for name, schema in _properties(submit).items():
        if name in sources | {"model"}:
            continue
        values = [value for _, value in sized(schema, full[name], sizes)]
        if name == submit.result_length.start_field:
            values = [value for value in values if value <= _LATEST]
        if values:
            yield name, values


def behind_the_end(submit: Operation, valid: Body, length: float) -> Iterator[Body]:
    """A body that begins long after its source has ended, which no rule forbids and a server may refuse.

    None where no field of the body says where it begins.
    """
    field = submit.result_length.start_field
    if field:
        yield {**valid, field: int(length) + _BEHIND}


def _models(submit: Operation) -> list[str]:
    """The models that change the length of a video, of whatever submit: one's rule is not another's."""
    if "model" not in _properties(submit):
        return []
    submits = submit.contract.submits.values()
    return sorted({model for one in submits for model in one.result_length.added_by_model})


def _repeated_fields(submit: Operation, valid: Body) -> Iterator[Body]:
    """Bodies with little more than one field that a read repeats, alone and with all that can be switched on."""
    properties = _properties(submit)
    required = submit.body_schema.required if submit.body_schema else ()
    shortest = {name: value for name, value in valid.items() if name in required and not isinstance(value, dict)}
    flags = {name: True for name, field in properties.items() if field.types == ("boolean",)}
    repeated = sorted(_echoes(submit.contract) & properties.keys() - {"model"})  # which each body has
    for number, name in enumerate(repeated):
        if name == "prompt":
            yield from ({**shortest, name: value} for value in _PROMPTS)
            continue
        for value in properties[name].enum or _TEXTS:
            body = {**shortest, "prompt": f"{number} Cats", name: value}
            yield body
            yield {**body, **flags}
            yield from ({**body, "model": model} for model in _models(submit))


@functools.cache
def _echoes(contract: Contract) -> frozenset[str]:
    """The fields of a submit that some response repeats."""
    found = {place.value_of for read in contract.reads for place in values.places_of(read)}
    return frozenset(value.removeprefix("request.") for value in found if value.startswith("request."))


def _properties(submit: Operation) -> Mapping[str, Schema]:
    return submit.body_schema.properties if submit.body_schema else {}
