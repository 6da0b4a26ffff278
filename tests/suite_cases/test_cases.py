"""Each case of the suite tests what it is for: it is valid, or wrong for its own reason and for no other."""

from __future__ import annotations

import email
import functools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import Message
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs
import pytest
from octopusx_video_contract.cases import routes, submit_bodies, unusual_bodies
from octopusx_video_contract.cases.request_values import RequestValues, valid_requests
from octopusx_video_contract.scenarios.downloads import Downloads
from octopusx_video_openapi import Operation, load, task_ids

from tests.support import documents

CONTRACT = load()
TASK = task_ids.documented(CONTRACT)[0]
WITH_BODY = [
    operation for operation in CONTRACT.operations.values() if "requestBody" in documents.definition(operation)
]
SEEDS = range(1, 21)
each_with_body = pytest.mark.parametrize("operation", WITH_BODY, ids=lambda one: one.id)
each_operation = pytest.mark.parametrize("operation", CONTRACT.operations.values(), ids=lambda one: one.id)
Place = tuple[str, ...]


@functools.cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(documents.schema(CONTRACT, json.loads(schema)))


def errors(operation: Operation, body: Any) -> set[Place]:
    """The places of a body that its operation's schema finds fault with; what is missing has a place of its own."""
    found = set()
    for error in _validator(json.dumps(documents.body_schema(operation))).iter_errors(body):
        place = ("body", *map(str, error.instance_path))
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
            place = (*place, error.kind.property)
        found.add(place)
    return found


def fullest(operation: Operation) -> RequestValues:
    """The fullest valid request of an operation."""
    return valid_requests(operation, TASK)[-1]


# Outlandish values.


def _differing(first: dict[str, Any], second: dict[str, Any]) -> set[str]:
    return {
        name for name in first.keys() | second.keys() if json.dumps(first.get(name)) != json.dumps(second.get(name))
    }


@each_with_body
def test_an_outlandish_value_is_what_its_case_says(operation: Operation) -> None:
    """It departs from a valid body in one field, and the schema takes it, or finds fault with that field alone."""
    valid = fullest(operation)
    for case in unusual_bodies.outlandish(operation, valid):
        body = json.loads(case.raw)
        assert _differing(valid.body, body) == {case.place[1]}, case.name
        if case.is_valid is not None:
            found = errors(operation, body)
            assert (found == set()) == case.is_valid, case.name
            assert {place[:2] for place in found} <= {case.place}, case.name


@each_with_body
def test_an_outlandish_prompt_says_something(operation: Operation) -> None:
    """An outlandish character stands between words, where no rule forbids it, and some stand alone, where one does."""
    cases = {case.name: case for case in unusual_bodies.outlandish(operation, fullest(operation))}
    for what in ("NUL", "a right-to-left override"):
        assert cases[f"a prompt with {what}"].is_valid is True
        assert cases[f"a prompt of {what} alone"].is_valid is False
    assert cases["a prompt with an escaped emoji"].is_valid is True


@each_with_body
def test_what_a_standard_leaves_open_is_named(operation: Operation) -> None:
    """Half of a surrogate pair (RFC 8259 section 8.2), depth (9), a name twice (4), a number beyond 2**53 (6)."""
    for case in unusual_bodies.outlandish(operation, fullest(operation)):
        raw = case.raw.decode()
        halves = re.sub(r"\\ud8..\\ud[cdef]..", "", raw)
        names = [name for name, _ in json.loads(raw, object_pairs_hook=list)]
        numbers = [abs(value) for value in json.loads(raw).values() if isinstance(value, int)]
        is_open = "\\ud8" in halves or "\\udc" in halves or len(names) > len(set(names))
        is_open = is_open or "[" * 100 in raw or max(numbers, default=0) > 2**53
        assert (case.is_valid is None) == is_open, case.name


@each_with_body
def test_what_is_wrong_elsewhere_too_gets_no_verdict(operation: Operation) -> None:
    """Of a refusal nobody could say what it is for, so that none is asked for."""
    valid = fullest(operation)
    wrong = replace(valid, body={name: value for name, value in valid.body.items() if name != "model"})
    judged = [case for case in unusual_bodies.outlandish(operation, wrong) if case.is_valid is not None]
    assert [case.name for case in judged] == []


# Bodies under another media type.


def _coerced(schema: dict[str, Any], text: str) -> Any:
    """A text as the value that a lenient reader of forms makes of it for a schema."""
    return json.loads(text) if documents.resolve(CONTRACT, schema)["type"] in {"integer", "boolean"} else text


def _of_form(operation: Operation, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """The body that a lenient reader makes of a form, with ``a[b]`` and ``a[]`` for what is held."""
    body: dict[str, Any] = {}
    fields = documents.resolve(CONTRACT, documents.body_schema(operation))["properties"]
    for name, text in pairs:
        holder, _, inner = name.partition("[")
        schema = documents.resolve(CONTRACT, fields[holder])
        if not inner:
            body[holder] = _coerced(schema, text)
        elif inner == "]":
            body.setdefault(holder, []).append(_coerced(schema["items"], text))
        else:
            body.setdefault(holder, {})[inner[:-1]] = _coerced(schema["properties"][inner[:-1]], text)
    return body


def _of_multipart(media_type: str, raw: bytes) -> list[tuple[str, str]]:
    message = email.message_from_bytes(f"Content-Type: {media_type}\r\n\r\n".encode() + raw)
    parts: list[Message] = [part for part in message.walk() if not part.is_multipart()]
    return [(str(part.get_param("name", header="content-disposition")), str(part.get_payload())) for part in parts]


@each_with_body
def test_a_body_under_another_media_type_is_wrong_in_that_alone(operation: Operation) -> None:
    """Read as JSON, or as a form where it is one, it is the valid body that it was made of."""
    for valid in valid_requests(operation, TASK):
        made = unusual_bodies.under_another_media_type(valid.body)
        for media_type, raw in made:
            if raw.startswith(b"{"):
                read = json.loads(raw)
            elif media_type == unusual_bodies.FORM:
                read = _of_form(operation, parse_qsl(raw.decode(), strict_parsing=True))
            else:
                read = _of_form(operation, _of_multipart(media_type, raw))
            assert read == valid.body, media_type
            assert errors(operation, read) == set(), media_type
            assert media_type.partition(";")[0] != "application/json"
        assert {raw.startswith(b"{") for media_type, raw in made if media_type == unusual_bodies.FORM} == {True, False}
        assert unusual_bodies.MULTIPART in {media_type for media_type, _ in made}


# Bodies that are not JSON.


def _never(text: str) -> Any:
    raise ValueError(text)


def _is_json(raw: bytes) -> bool:
    """Whether it is JSON by RFC 8259, in UTF-8."""
    try:
        json.loads(raw.decode("utf-8"), parse_constant=_never)
    except ValueError:
        return False
    return True


def _texts(raw: bytes) -> Iterator[str]:
    for encoding in ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        try:
            yield raw.decode(encoding)
        except UnicodeDecodeError:
            yield raw.decode(encoding, "replace")


_LENIENT: tuple[Callable[[str], str], ...] = (
    lambda text: text,
    lambda text: text.replace(",}", "}"),
    lambda text: text.replace("'", '"'),
    lambda text: re.sub(r"/\*.*?\*/ ", "", text),
    lambda text: re.sub(r" // .*\n", "", text),
    lambda text: text.removeprefix("body="),
    lambda text: re.sub(r"(?<=[{ ])(\w+): ", r'"\1": ', text),
    lambda text: text.replace(": 01}", ": 1}").replace(": True}", ": true}"),
    lambda text: f"{text}}}",
)


def _readings(raw: bytes) -> Iterator[Any]:
    """What lenient parsers make of it: they repair one thing, and stop at the end of the first value."""
    for text in _texts(raw):
        for repair in _LENIENT:
            try:
                yield json.JSONDecoder(strict=False).raw_decode(repair(text))[0]
            except ValueError:
                continue


@each_with_body
def test_a_body_that_is_not_json_is_valid_to_who_reads_it_all_the_same(operation: Operation) -> None:
    """None is JSON; what a lenient parser makes of one is a valid body, but for those of which it makes nothing."""
    valid = fullest(operation)
    bodies = unusual_bodies.not_json(valid.body)
    assert len(set(bodies)) == len(bodies)
    for raw in bodies:
        assert not _is_json(raw), raw
        readings = [reading for reading in _readings(raw) if isinstance(reading, dict) and reading]
        if raw in unusual_bodies.HOPELESS:
            assert readings == [], raw
        else:
            assert any({**valid.body, **reading} == reading for reading in readings), raw
            assert any(errors(operation, reading) == set() for reading in readings), raw


# What else is wrong beside a missing credential.


@each_operation
def test_what_is_wrong_beside_a_credential_is_one_thing(operation: Operation) -> None:
    """It changes the bytes of a valid request, or one header of it: with a credential, this alone would be wrong."""
    cases = dict(unusual_bodies.wrong_otherwise(operation))
    assert cases
    for what, options in cases.items():
        assert len(options) == 1, what
        if "raw" in options:
            raw = options["raw"]
            assert not _is_json(raw) or errors(operation, json.loads(raw)), what
        else:
            [(name, value)] = options["headers"]
            assert (name, "json" in value) in {("Content-Type", False), ("Range", False)}, what
            assert name != "Range" or int(value.removeprefix("bytes=").removesuffix("-")) > 10**8


# Paths and ids.


def _is_path(path: str) -> bool:
    """Whether the contract has a path, or a template that it fits."""
    return any(
        re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path) for known in documents.document(CONTRACT)["paths"]
    )


@each_operation
def test_a_path_that_is_almost_one_is_none(operation: Operation) -> None:
    """No path of the contract is it, nor fits it for the method that is sent there."""
    values = valid_requests(operation, TASK)[0].path
    paths = list(routes.almost(CONTRACT, operation, values))
    assert len(paths) > 5
    assert [path for path in paths if _is_path(path) or not path.startswith("/")] == []


def test_an_unknown_task_has_a_well_formed_id() -> None:
    """Whatever is wrong with it, it is not its form, and it is none of the known ones."""
    known = task_ids.documented(CONTRACT)
    of_id = _validator(json.dumps({"$ref": "#/components/schemas/TaskId"}))
    for seed in SEEDS:
        unknown = list(routes.unknown_tasks(CONTRACT, known, seed))
        assert [task for task in unknown if not of_id.is_valid(task)] == []
        assert not set(unknown) & set(known)


# Bodies.


@each_with_body
def test_a_body_of_another_operation_is_valid_or_wrong_in_one_place(operation: Operation) -> None:
    """What this operation misses in the body of another is its source and nothing else, or the body says nothing."""
    bodies = list(unusual_bodies.bodies_of_others(operation, TASK))
    assert len(bodies) == len(WITH_BODY) - 1
    sources = {place for place in task_ids.places(operation) if place[0] == "body"}
    for body, is_valid in bodies:
        found = errors(operation, body)
        if is_valid is None:
            assert len(found) > 1
            continue
        assert (found == set()) == is_valid
        assert all(any(source[: len(place)] == place for source in sources) for place in found)
    assert any(is_valid is not None for _, is_valid in bodies)


def _with_source(operation: Operation, body: dict[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(json.dumps(body))
    for where, *steps in task_ids.places(operation):
        if where == "body":
            holder = whole
            for step in steps[:-1]:
                holder = holder.setdefault(step, {})
            holder[steps[-1]] = TASK
    return whole


@each_with_body
def test_a_body_of_the_life_of_a_task_is_valid(operation: Operation) -> None:
    """Of each of the contract's examples: the one that begins behind the end of its source as well."""
    media = documents.body(operation)
    for _, example in documents.examples(CONTRACT, media):
        own = {name: value for name, value in example.items() if name not in {"video", "task_id"}}
        bodies = [*submit_bodies.bodies(operation, own), *submit_bodies.behind_the_end(operation, own, 14.0)]
        wrong = [body for body in bodies if errors(operation, _with_source(operation, body))]
        assert wrong == []


# Parts of a video.


def _asked(text: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte that a Range asks for (RFC 9110 section 14.1.2); None where it is past the end."""
    matched = re.fullmatch(r"bytes=(\d*)-(\d*)", text)
    assert matched is not None
    assert matched[1] or matched[2]
    if not matched[1]:
        return max(0, size - int(matched[2])), size - 1
    first, last = int(matched[1]), min(int(matched[2] or size - 1), size - 1)
    assert not matched[2] or first <= int(matched[2])
    return (first, last) if first < size else None


@pytest.mark.parametrize("size", [1_000, 1_001, 20_000])
def test_a_part_is_asked_for_as_it_is_expected(size: int) -> None:
    """Each Range is well formed, and asks for the bytes that the case says, or begins past the end where it says so."""
    asked: list[tuple[str, int, int]] = []
    recorder = SimpleNamespace(
        part=lambda _task, _whole, wanted, first, last: asked.append((wanted, first, last)),
        several_parts=lambda _task, _whole: None,
        unknown_range=lambda _task: None,
    )
    Downloads.parts(recorder, TASK, bytes(size))  # type: ignore[arg-type]  # it stands for the tasks of a run
    assert len(asked) > 5
    for wanted, first, last in asked:
        assert _asked(wanted, size) == (None if first >= size else (first, last)), wanted
