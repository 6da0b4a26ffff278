"""What this package asks the contract, so that nothing of the API is written down here.

The contract is read when it is first asked, so that importing the package costs little.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from octopusx_video_openapi import Contract, Operation, RuleId, Schema, billing, lifecycle, load, task_ids, values

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError
    from octopusx_video_openapi.schemas import Validator

Json = Any
Place = tuple[str, ...]

ADDRESS, ID, STATUS = "task.address", "task.id", "task.status"
CODE, LENGTH, MESSAGE, PROGRESS = "task.error.code", "task.length", "task.error.message", "task.progress"
"""What the contract calls the values of a task (``x-value-of``)."""
_PERCENT = "percent"
_EPOCH = "seconds since 1970"


@functools.cache
def contract() -> Contract:
    """The contract that this package was made with."""
    return load()


def operation(name: str) -> Operation:
    """One of its operations."""
    return contract().operations[name]


@functools.cache
def accepted(name: str) -> str:
    """The media types of an operation's responses, as Accept lists them."""
    responses = operation(name).responses.values()
    return ", ".join(dict.fromkeys(media for response in responses for media in response.media))


@functools.cache
def phase(status: str) -> str:
    """What a status means: ``running``, ``succeeded`` or ``failed``. One that is not known means running (R14)."""
    return contract().phase(status) or "running"


def is_known(status: str) -> bool:
    """Whether the contract lists the status."""
    return contract().phase(status) is not None


@functools.cache
def unknown_for() -> float:
    """For how many seconds a new task may be unknown (R04)."""
    tolerance = contract().rule(RuleId.R04).tolerance
    return tolerance.seconds if tolerance else 0.0


@functools.cache
def read_by(submit: str) -> tuple[str, ...]:
    """The operations that read the tasks of a submit (R04)."""
    return contract().rule(RuleId.R04).read_by[submit]


def family(submit: str) -> str:
    """The family of routes that reads the tasks of a submit first: ``videos`` or ``unified``."""
    return operation(read_by(submit)[0]).tags[0]


def task_at(submit: str, path: str) -> str | None:
    """The id in the path of a read of a submit's tasks, as a Location header may give it; None where it is no such."""
    for name in read_by(submit):
        before, _, after = operation(name).path.partition("{")
        found = unquote(path.rpartition(before)[2]) if after.endswith("}") and before in path else ""
        if is_task_id(found):
            return found
    return None


def in_seconds(time: float) -> float:
    """A time in Unix seconds, from seconds or milliseconds (R13)."""
    return values.in_seconds(contract(), time)


@functools.cache
def unknown_task_code() -> str:
    """The code of an error that says that a task is unknown."""
    return lifecycle.task_life(contract()).unknown_code


class Bill(NamedTuple):
    """What a response says about the billing of its submit.

    Attributes:
        billed: ``never``, ``possible`` or ``yes``.
        before_work: Whether the refusal was sent before any work, so that the same may be sent again (R28).
    """

    billed: str
    before_work: bool


def bill(name: str, status: int, body: Json) -> Bill:
    """What a response says about the billing of its submit."""
    try:
        billed = billing.billed(operation(name), status, body)
        decided = billing.decided_by(operation(name), status, body)
    except ValueError:  # half of a surrogate pair, which no rule can look at
        return Bill("possible", before_work=False)
    return Bill(billed, before_work=billed == "never" and decided is not None)


@functools.cache
def is_documented(name: str, status: int) -> bool:
    """Whether an operation's responses list a status."""
    return operation(name).response(status) is not None


@functools.cache
def source(name: str) -> Place:
    """Where a request of an operation names its task: ``("path", …)``, ``("query", …)`` or ``("body", …, …)``."""
    return task_ids.places(operation(name))[0]


def is_task_id(text: str) -> bool:
    """Whether a text may be the id of a task."""
    try:
        return _validator(contract().schemas["TaskId"]).is_valid(text)
    except ValueError:  # half of a surrogate pair
        return False


def departure(name: str, body: Json) -> ValidationError | None:
    """How a body, which is JSON, departs from what an operation takes; None where it does not."""
    return next(_validator(body_schema(name)).iter_errors(body), None)


def _validator(schema: Schema) -> Validator:
    from octopusx_video_openapi import schemas  # noqa: PLC0415 - brings the validator, which few calls need

    return schemas.validator(schema)


def body_schema(name: str) -> Schema:
    """The schema of a submit's body, which the generated client has a model for."""
    schema = operation(name).body_schema
    assert schema is not None  # noqa: S101 - asked of submits alone
    return schema


@functools.cache
def fields(name: str) -> Mapping[str, Schema]:
    """The fields of an operation's body, apart from the one that names the source task."""
    where, argument, *_ = source(name)
    return {
        field: schema for field, schema in body_schema(name).properties.items() if [where, field] != ["body", argument]
    }


def omitted(name: str, field: str) -> str:
    """What the service takes where a field of an operation's body is left out; "" where that is not known."""
    length = operation(name).result_length
    if field == length.start_field and length.is_start_optional:
        return "the end of the source"
    default = body_schema(name).properties[field].default_when_omitted
    return "" if default is None else str(default)


def summary(schema: Schema) -> str:
    """The first sentence of what the contract says of a value, as plain text."""
    text = re.sub(r" \([^)]*\)|`", "", schema.description)
    return re.split(r"(?<=\.) ", text, maxsplit=1)[0]


@functools.cache
def description(name: str, place: Place) -> str:
    """What the contract says of a place of an operation's body; "" where it says nothing."""
    schema: Schema | None = body_schema(name)
    for step in place:
        schema = schema and (schema.properties.get(step) or schema.items)
    return schema.description if schema else ""


class Places(NamedTuple):
    """Where values stand in a response, each a path of names, in the order in which they are read.

    Attributes:
        named: By what the value is (``x-value-of``), such as ``task.address``.
        times: Unix times (``x-unit``).
        progress: Percentages (``x-unit``).
    """

    named: Mapping[str, tuple[Place, ...]]
    times: tuple[Place, ...]
    progress: tuple[Place, ...]


@functools.cache
def places(model: str) -> Places:
    """Where a model of the contract holds what is written in several ways."""
    found = [place for place in values.places(contract().schemas[model]) if not place.schema.has_properties]
    named: dict[str, tuple[Place, ...]] = {}
    for place in found:
        named[place.value_of] = (*named.get(place.value_of, ()), place.path)
    return Places(
        named=named,
        times=tuple(place.path for place in found if place.unit.startswith(_EPOCH)),
        progress=tuple(place.path for place in found if place.unit == _PERCENT),
    )


def error_places(model: str) -> tuple[Place, Place]:
    """Where the message and the code of a task's failure stand; a read without a field for them may have them too."""
    named = places(model).named
    (message, *_), (code, *_) = named.get(MESSAGE, (("error", "message"),)), named.get(CODE, (("error", "code"),))
    return message, code


def field(model: str, value_of: str) -> str:
    """The field of a model of the contract that holds a value, such as ``task.status``; "" where it has none."""
    return next((place[0] for place in places(model).named.get(value_of, ()) if len(place) == 1), "")


@functools.cache
def request_id_name() -> str:
    """The header in which a response names its request, in lower case."""
    return contract().request_id_name
