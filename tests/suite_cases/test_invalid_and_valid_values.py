"""Requests that are just wrong and just right: each is what it is said to be, and none that matters is left out."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import jsonschema_rs
import pytest
from octopusx_video_contract.cases.invalid_values import invalid_variants, invalid_variants_alone
from octopusx_video_contract.cases.request_values import RequestValues, valid_requests
from octopusx_video_contract.cases.sizes import Sizes
from octopusx_video_contract.cases.valid_values import valid_variants
from octopusx_video_contract.cases.variants import BODY, Variant
from octopusx_video_contract.messages.http import ABSENT
from octopusx_video_openapi import Contract, ContractError, Operation, load, task_ids

from tests.support import documents

CONTRACT = load()
TASK = task_ids.documented(CONTRACT)[0]
CASES = [
    pytest.param(operation, valid, id=f"{operation.id} {length}")
    for operation in CONTRACT.operations.values()
    for length, valid in zip(("shortest", "fullest"), valid_requests(operation, TASK), strict=False)
]
each_case = pytest.mark.parametrize(("operation", "valid"), CASES)
each_operation = pytest.mark.parametrize("operation", CONTRACT.operations.values(), ids=CONTRACT.operations)
# What a schema says without refusing anything.
TELLING = {"$ref", "properties", "items", "description", "examples"}


def _takes(schema: dict[str, Any], value: Any) -> bool:
    return _validator(json.dumps(schema)).is_valid(value)


@functools.cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(documents.schema(CONTRACT, json.loads(schema)))


def _is_valid(operation: Operation, request: RequestValues | Variant) -> bool:
    """What the contract says of a request, part by part."""
    for parameter in documents.parameters(operation):
        values = {"path": request.path, "query": request.query}.get(parameter["in"])
        if values is None:
            continue
        if parameter["name"] not in values or not _takes(parameter["schema"], values[parameter["name"]]):
            return False
    if "requestBody" not in documents.definition(operation):
        return request.body is ABSENT
    if request.body is ABSENT:
        return not documents.definition(operation)["requestBody"]["required"]
    return _takes(documents.body_schema(operation), request.body)


def _fields(operation: Operation, contract: Contract = CONTRACT) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every place of a request that has a schema, with its schema; an item's index is 0."""
    for parameter in documents.parameters(operation):
        if parameter["in"] in {"path", "query"}:
            yield (parameter["in"], parameter["name"]), documents.resolve(contract, parameter["schema"])
    if "requestBody" in documents.definition(operation):
        yield from _below(contract, ("body",), documents.body_schema(operation))


def _below(
    contract: Contract, place: tuple[str, ...], schema: dict[str, Any]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    schema = documents.resolve(contract, schema)
    yield place, schema
    for name, field in schema.get("properties", {}).items():
        yield from _below(contract, (*place, name), field)
    if "items" in schema:
        yield from _below(contract, (*place, "0"), schema["items"])


def _at(request: RequestValues | Variant, place: tuple[str, ...]) -> Any:
    """What stands at a place, ``ABSENT`` where there is nothing."""
    value: Any = {"path": request.path, "query": request.query, "body": request.body}
    for step in place:
        if isinstance(value, dict):
            value = value.get(step, ABSENT)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return ABSENT
    return value


def _spelt(value: Any) -> str:
    """The JSON of a value, in which 1, 1.0 and true are three things."""
    return "nothing" if value is ABSENT else json.dumps(value, sort_keys=True)


def _spelt_all(values: Iterable[Any]) -> set[str]:
    return {_spelt(value) for value in values}


def _leaves(value: Any) -> Iterator[Any]:
    """The keys and the values in a value that hold no others."""
    if isinstance(value, dict | list):
        for inner in itertools.chain(value, value.values() if isinstance(value, dict) else ()):
            yield from _leaves(inner)
    else:
        yield value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def _of_another_type(named: str, right: Any) -> list[Any]:
    """What clients send in place of a value of a type."""
    if named == "integer":
        return [str(right), right + 0.5, True]
    if named == "boolean":
        return [0, 1, "true"]
    if named == "array":
        return [right[0], {"0": right[0], "1": right[1]}, ",".join(right)]
    return [json.dumps(right), 1] if named == "object" else [1, True]


def _send(http: httpx.Client, operation: Operation, variant: Variant) -> httpx.Response:
    path = re.sub(r"\{(\w+)\}", lambda match: quote(variant.path[match[1]], safe=":"), operation.path)
    content = None if variant.body is ABSENT else variant.raw or json.dumps(variant.body).encode()
    headers = {"Content-Type": "application/json"} if content else {}
    return http.request(operation.method, f"{path}?{urlencode(variant.query)}", content=content, headers=headers)


def _sent_at(variants: Iterator[Variant], place: tuple[str, ...]) -> set[str]:
    """What the variants have at a place that they, or what holds it, are about."""
    return {_spelt(_at(variant, place)) for variant in variants if place[: len(variant.place)] == variant.place}


@each_case
def test_a_valid_request_is_valid(operation: Operation, valid: RequestValues) -> None:
    """The contract takes it, and it names the task that was asked for wherever it names one."""
    assert _is_valid(operation, valid)
    named = [_at(valid, place) for place in task_ids.places(operation)]
    assert named
    assert set(named) == {TASK}


@each_operation
def test_the_shortest_has_what_is_required_and_the_fullest_everything(operation: Operation) -> None:
    """No property that may be left out is in the one, none is missing in the other."""
    requests = valid_requests(operation, TASK)
    for place, schema in _fields(operation):
        for name in schema.get("properties", ()):
            assert _at(requests[-1], (*place, name)) is not ABSENT
            if name not in schema["required"]:
                assert _at(requests[0], (*place, name)) is ABSENT


@each_case
def test_a_near_miss_is_wrong(operation: Operation, valid: RequestValues) -> None:
    """The contract refuses each."""
    taken = [variant.name for variant in invalid_variants(operation, valid) if _is_valid(operation, variant)]
    assert taken == []


@each_case
def test_a_near_miss_is_wrong_in_what_it_is_about(operation: Operation, valid: RequestValues) -> None:
    """The contract names its keyword among the faults of the value that stands at its place."""
    schemas = {place: json.dumps(schema) for place, schema in _fields(operation)}
    for variant in invalid_variants(operation, valid):
        if variant.keyword not in {BODY, "required"}:
            schema = schemas[tuple("0" if step == "1" else step for step in variant.place)]
            found = {error.kind.name for error in _validator(schema).iter_errors(_at(variant, variant.place))}
            assert variant.keyword in found, variant.name


def _errors(operation: Operation, request: RequestValues | Variant) -> Iterator[tuple[tuple[str, ...], str]]:
    """The place and the keyword of each error in a request, part by part; what is missing is one where it lacks."""
    for parameter in documents.parameters(operation):
        name, holder = parameter["name"], parameter["in"]
        values = {"path": request.path, "query": request.query}.get(holder, {name: ABSENT})
        if name not in values:
            yield (holder, name), "required"
        elif values[name] is not ABSENT:
            for error in _validator(json.dumps(parameter["schema"])).iter_errors(values[name]):
                yield (holder, name, *map(str, error.instance_path)), error.kind.name
    if "requestBody" in documents.definition(operation) and request.body is ABSENT:
        yield ("body",), "required"
    elif request.body is not ABSENT:
        for error in _validator(json.dumps(documents.body_schema(operation))).iter_errors(request.body):
            place = ("body", *map(str, error.instance_path))
            if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
                place = (*place, error.kind.property)
            yield place, error.kind.name


@each_case
def test_a_near_miss_is_wrong_for_its_own_reason_alone(operation: Operation, valid: RequestValues) -> None:
    """Each error that the contract finds lies at its place or below, and one of them is of its keyword."""
    for variant in itertools.chain(invalid_variants(operation, valid), invalid_variants_alone(operation, valid)):
        found = list(_errors(operation, variant))
        elsewhere = [place for place, _ in found if place[: len(variant.place)] != variant.place]
        assert elsewhere == [], variant.name
        assert variant.keyword == BODY or variant.keyword in {keyword for _, keyword in found}, variant.name


def test_a_body_that_holds_itself_is_named() -> None:
    """Of its fields no full request can be made."""
    document = copy.deepcopy(documents.document(load()))
    reference = {"$ref": "#/components/schemas/CreateVideoExtensionRequest"}
    document["components"]["schemas"]["CreateVideoExtensionRequest"]["properties"]["more"] = reference
    contract = Contract(document, load().path)
    with pytest.raises(ContractError, match=r"createVideoExtension\.body\.more: its schema holds itself; say how deep"):
        valid_requests(contract.operations["createVideoExtension"], "unknown")


@pytest.mark.slow
def test_a_near_miss_that_is_wrong_twice_is_dropped(tmp_path: Path) -> None:
    """Where names have to be in lower case, a name in upper case is no case of a property that is missing."""
    text = CONTRACT.path.read_text("utf-8")
    path = tmp_path / "contract.yaml"
    names = "      required: [model, prompt]\n"
    assert names in text
    path.write_text(text.replace(names, f"{names}      propertyNames: {{pattern: '^[a-z_]+$'}}\n", 1), "utf-8")

    def missing(contract: Contract) -> set[str]:
        extend = contract.operations["extendVideo"]
        valid = valid_requests(extend, TASK)[0]
        return {v.name for v in invalid_variants(extend, valid) if v.place == ("body", "model")}

    assert {name for name in missing(CONTRACT) if name not in missing(load(path))} == {
        "model: under the name MODEL",
        "model: under the name Model",
    }


@each_case
def test_an_edge_is_right(operation: Operation, valid: RequestValues) -> None:
    """The contract takes each."""
    refused = [variant.name for variant in valid_variants(operation, valid) if not _is_valid(operation, variant)]
    assert refused == []


@each_case
def test_a_near_miss_is_wrong_in_one_place_alone(operation: Operation, valid: RequestValues) -> None:
    """Put right in that place, or without what stands there, it is a valid request again."""
    for variant in invalid_variants(operation, valid):
        holder, *rest = variant.place
        if not rest:
            corrected = RequestValues(variant.path, variant.query, valid.body)
        else:
            parts = {"path": variant.path, "query": variant.query, "body": variant.body}
            right = _at(valid, (holder, rest[0]))
            part = {name: value for name, value in parts[holder].items() if name != rest[0]}
            parts[holder] = part if right is ABSENT else {**part, rest[0]: right}
            corrected = RequestValues(**parts)
        assert _is_valid(operation, corrected), variant.name


@pytest.mark.parametrize("made", [invalid_variants, valid_variants])
@each_case
def test_no_two_are_the_same(operation: Operation, valid: RequestValues, made: Any) -> None:
    """Each name and each request is there once, and a second call gives the same in the same order."""
    variants = list(made(operation, valid))
    assert len({variant.name for variant in variants}) == len(variants)
    requests = {(_spelt([v.path, v.query]), _spelt(v.body), v.raw) for v in variants}
    assert len(requests) == len(variants)
    assert list(made(operation, valid)) == variants


@each_case
def test_each_constraint_is_missed(operation: Operation, valid: RequestValues) -> None:
    """Whatever keyword the contract puts on a place of the request, some near miss is about it, optional or not."""
    missed = {(variant.place, variant.keyword) for variant in invalid_variants(operation, valid)}
    for place, schema in _fields(operation):
        # The value of a parameter is a text, whatever is sent, and the path has one.
        spared = {"type"} if place[0] != "body" else set()
        for keyword in {name for name in schema if not name.startswith("x-")} - TELLING - spared:
            if keyword == "required":
                assert {((*place, name), keyword) for name in schema[keyword]} <= missed, place
            elif place == ("body",):
                assert (place, BODY) in missed
            else:
                assert (place, keyword) in missed
                if place[-1] == "0":
                    assert ((*place[:-1], "1"), keyword) in missed


@each_case
def test_an_enumeration_is_missed_on_all_sides(operation: Operation, valid: RequestValues) -> None:
    """Numbers beside and between the members, members in another case, with a blank, a character more or less."""
    for place, schema in _fields(operation):
        members = schema.get("enum", [])
        numbers = sorted(member for member in members if isinstance(member, int))
        beside: set[Any] = {number + step for number in numbers for step in (-1, 1)}
        beside |= {(low + high) // 2 for low, high in itertools.pairwise(numbers)}
        for text in set(members) - set(numbers):
            beside |= {text.lower(), f" {text}", f"{text} ", text[:-1], f"{text}{text[-1]}"}
        assert _spelt_all(beside - set(members)) <= _sent_at(invalid_variants(operation, valid), place)


@each_operation
def test_a_value_of_another_type_is_missed(operation: Operation) -> None:
    """Null, a number or a boolean as a text, a number with a fraction, something wrapped or unwrapped."""
    fullest = valid_requests(operation, TASK)[-1]
    for place, schema in _fields(operation):
        if place[0] == "body":
            right = _at(fullest, place)
            wrong = _of_another_type(schema["type"], right)
            sent = _sent_at(invalid_variants(operation, fullest), place)
            assert _spelt_all([None, [right], *wrong]) <= sent


@each_case
def test_a_blank_text_is_missed(operation: Operation, valid: RequestValues) -> None:
    """Where a text has a pattern, which no blank matches, each kind of blank is sent; a path always has a value."""
    for place, schema in _fields(operation):
        if "pattern" in schema:
            blanks = {"", " ", "\t", "\n", "\u00a0", "\u200b"} - ({""} if place[0] == "path" else set())
            assert _spelt_all(blanks) <= _sent_at(invalid_variants(operation, valid), place)


@each_case
def test_a_task_is_misnamed(operation: Operation, valid: RequestValues) -> None:
    """By a link; with a blank, a slash or a percent sign in its id, a dot before it; encoded once too often."""
    misnamed = {"https://example.com/video.mp4", f" {TASK}", f"{TASK}\n", f".{TASK}", f"{TASK}%"}
    misnamed.add(f"%{ord(TASK[0]):X}{TASK[1:]}")
    for place in task_ids.places(operation):
        sent = _sent_at(invalid_variants(operation, valid), place)
        assert _spelt_all(misnamed) <= sent
        assert any("/" in text.strip("/") and text.replace("/", "") == _spelt(TASK) for text in sent)


@each_case
def test_a_limit_is_missed_by_one_and_by_far(operation: Operation, valid: RequestValues) -> None:
    """One below a minimum is a near miss; the minimum, one more and an hour are edges."""
    for place, schema in _fields(operation):
        if "minimum" in schema:
            least = schema["minimum"]
            missed = invalid_variants(operation, valid)
            values = {_at(variant, place) for variant in missed if variant.keyword == "minimum"} - {ABSENT}
            assert least - 1 in values
            assert min(values) < least - 100
            right = _sent_at(valid_variants(operation, valid), place)
            assert _spelt_all([least, least + 1, 3600]) <= right


@each_case
def test_the_body_is_wrapped_and_left_out(operation: Operation, valid: RequestValues) -> None:
    """In an array, twice in one, in an object, as JSON in a text; another value instead; nothing at all."""
    if "requestBody" in documents.definition(operation):
        body = valid.body
        wrong = [[body], [body, body], {"data": body}, json.dumps(body), None, 1, "text", {}, [], ABSENT]
        sent = {_spelt(v.body) for v in invalid_variants(operation, valid) if v.keyword == BODY}
        assert _spelt_all(wrong) <= sent


@each_operation
def test_a_query_parameter_is_left_out_and_empty(operation: Operation) -> None:
    """The two are told apart."""
    [valid, *_] = valid_requests(operation, TASK)
    queries = [variant.query for variant in invalid_variants(operation, valid)]
    for name in valid.query:
        others = {other: text for other, text in valid.query.items() if other != name}
        assert others in queries
        assert {**others, name: ""} in queries


@each_case
def test_a_parameter_of_the_path_keeps_the_path(operation: Operation, valid: RequestValues) -> None:
    """None is empty, dots or has a slash at an end, so that no tidy router sees the path of another request."""
    for variant in itertools.chain(invalid_variants(operation, valid), valid_variants(operation, valid)):
        for text in variant.path.values():
            assert re.fullmatch(r"(?!\.{1,2}$)[^/](.*[^/])?", text, re.DOTALL), variant.name


@each_case
def test_each_member_and_either_boolean_is_an_edge(operation: Operation, valid: RequestValues) -> None:
    """Whatever the contract lists is sent, but for what the valid request has already."""
    for place, schema in _fields(operation):
        sent = _sent_at(valid_variants(operation, valid), place) | {_spelt(_at(valid, place))}
        assert _spelt_all(schema.get("enum", [])) <= sent
        assert schema["type"] != "boolean" or _spelt_all([True, False]) <= sent


@each_case
def test_each_optional_property_is_an_edge_alone_and_left_out(operation: Operation, valid: RequestValues) -> None:
    """Beside what is required, and as the only one that is missing."""
    bodies = [variant.body for variant in valid_variants(operation, valid)] + [valid.body]
    for place, schema in _fields(operation):
        required = set(schema.get("required", ()))
        if place == ("body",):
            for name in set(schema["properties"]) - required:
                assert any(set(body) == {*required, name} for body in bodies)
                assert any(set(body) == set(schema["properties"]) - {name} for body in bodies)


@each_case
def test_texts_and_arrays_are_edges_of_every_kind(operation: Operation, valid: RequestValues) -> None:
    """Long, in other scripts, beyond the basic plane, with lines and quotes; no item, one, several."""
    for place, schema in _fields(operation):
        values = [_at(variant, place) for variant in valid_variants(operation, valid)]
        texts = [value for value in values if isinstance(value, str)]
        if schema["type"] == "array":
            assert {0, 1, 3} <= {len(value) for value in values if value is not ABSENT}
        elif schema["type"] == "string" and _takes(schema, "any text"):
            assert any(len(text) == 2000 for text in texts) == ("enum" not in schema)
            assert any("\u4e00" <= max(text) <= "\uffff" for text in texts)
            assert any(max(text) > "\uffff" for text in texts)
            assert any({"\n", '"'} <= set(text) for text in texts)


@each_operation
def test_sizes_between_the_ends_are_edges(operation: Operation) -> None:
    """Of each value that has a size: a text, a number, an array. Each is valid, and departs in its place alone."""
    valid = valid_requests(operation, TASK)[-1]
    plain = list(valid_variants(operation, valid))
    sized = list(valid_variants(operation, valid, Sizes(1, operation.id)))
    assert sized[: len(plain)] == plain
    assert [variant.name for variant in sized if not _is_valid(operation, variant)] == []
    assert len({variant.name for variant in sized}) == len(sized)
    for place, schema in _fields(operation):
        values = [_at(variant, place) for variant in sized if variant.place == place]
        lengths = {len(value) for value in values if isinstance(value, str | list)}
        if schema["type"] == "array":
            assert set(range(13)) <= lengths
        elif schema["type"] == "integer" and "enum" not in schema:
            assert {255, 256, 1_000, 1_024, 65_535} <= set(values)
        elif schema["type"] == "string" and "enum" not in schema:
            assert {255} <= lengths
            assert not _takes(schema, "any text") or {256, 1_000, 1_024, 4_096, 65_535, 65_536} <= lengths


@each_case
def test_addresses_are_edges_of_every_scheme(operation: Operation, valid: RequestValues) -> None:
    """Where addresses are asked for: http, https, either in upper case, a data URL."""
    for place, schema in _fields(operation):
        texts = {_at(variant, place) for variant in valid_variants(operation, valid) if place[-1] == "0"}
        if place[-1] == "0" and _takes(schema, "https://example.com/") and not _takes(schema, "any text"):
            assert {"http", "https", "HTTPS", "data"} <= {str(text).partition(":")[0] for text in texts}


@each_case
def test_a_task_with_a_colon_is_an_edge(operation: Operation, valid: RequestValues) -> None:
    """Each shape that the contract shows, as it is: to encode it is for who sends it."""
    for place in task_ids.places(operation):
        texts = {_at(variant, place) for variant in valid_variants(operation, valid)} | {TASK}
        assert any(":" in text for text in texts)
        assert any(":" not in text for text in texts)


def test_an_unknown_property_is_an_edge_at_every_depth() -> None:
    """Wherever an object is open: in the body, and in what the body holds."""
    for operation in CONTRACT.operations.values():
        [valid, *_] = valid_requests(operation, TASK)
        for place, schema in _fields(operation):
            if schema["type"] == "object":
                names = {name for v in valid_variants(operation, valid) for name in _at(v, place)}
                assert names - set(schema["properties"])


@each_case
def test_no_edge_is_a_matter_of_language(operation: Operation, valid: RequestValues) -> None:
    """No number that some take for another, no half character, no zero character."""
    for variant in valid_variants(operation, valid):
        for leaf in _leaves([variant.path, variant.query, variant.body]):
            if isinstance(leaf, str):
                assert "\0" not in leaf
                leaf.encode()
            elif isinstance(leaf, float):
                assert not leaf.is_integer()
            elif isinstance(leaf, int):
                assert abs(leaf) < 2**31


@each_case
def test_the_bytes_of_an_edge_say_its_body(operation: Operation, valid: RequestValues) -> None:
    """In other spellings of JSON, with no key twice; some are of many lines and some hold escapes."""
    raws = {v.raw: v.body for v in valid_variants(operation, valid) if v.raw is not None}
    for raw, body in raws.items():
        assert json.loads(raw, object_pairs_hook=_without_repeats) == body
    if "requestBody" in documents.definition(operation):
        assert any(b"\n" in raw for raw in raws)
        assert any(b"\\ud83d\\u" in raw for raw in raws)


@pytest.mark.slow
@each_operation
def test_the_mock_agrees(http: httpx.Client, operation: Operation) -> None:
    """It refuses each near miss, and an edge only where that names a task of which it never heard."""
    known = set(task_ids.documented(CONTRACT))
    for valid in valid_requests(operation, TASK):
        for variant in invalid_variants(operation, valid):
            assert _send(http, operation, variant).status_code == 400, variant.name
        for variant in valid_variants(operation, valid):
            request = {"path": variant.path, "query": variant.query, "body": variant.body}
            if task_ids.values(operation, request) <= known:
                assert _send(http, operation, variant).is_success, variant.name


def test_a_property_without_an_example_is_named(tmp_path: Path) -> None:
    """The fullest request can't be made, and the error says for want of what."""
    text = CONTRACT.path.read_text("utf-8")
    path = tmp_path / "contract.yaml"
    path.write_text(
        text.replace("        upscale:\n", "        unheard: {type: string}\n        upscale:\n", 1), "utf-8"
    )
    contract = load(path)
    with pytest.raises(ContractError, match="unheard: no request has an example of it"):
        [valid_requests(operation, TASK) for operation in contract.operations.values()]


def test_another_contract_draws_other_lines(tmp_path: Path) -> None:
    """A maximum is missed by one, and met; what a closed object would refuse is no edge: the contract is the judge."""
    text = CONTRACT.path.read_text("utf-8")
    path = tmp_path / "contract.yaml"
    text = text.replace("      minimum: 0\n      x-unit", "      minimum: 3\n      maximum: 20\n      x-unit")
    text = text.replace("      required: [model", "      additionalProperties: false\n      required: [model")
    path.write_text(text, "utf-8")
    contract = load(path)
    limited = [(o, place) for o in contract.operations.values() for place, s in _fields(o, contract) if "maximum" in s]
    assert limited
    for operation, place in limited:
        valid = valid_requests(operation, TASK)[-1]
        missed = [_at(v, place) for v in invalid_variants(operation, valid) if v.keyword == "maximum"]
        assert min(missed) == 21
        met = {_at(variant, place) for variant in valid_variants(operation, valid)} - {ABSENT}
        assert {3, 4, 19, 20} <= met
        assert max(met) == 20
        body = documents.resolve(contract, documents.body_schema(operation))
        assert all(set(variant.body) <= set(body["properties"]) for variant in valid_variants(operation, valid))


@each_operation
def test_a_field_is_missed_beside_little_else(operation: Operation) -> None:
    """Each field that may be left out is wrong once without the others, and numbers are at their limits."""
    valid = valid_requests(operation, TASK)
    missed = list(invalid_variants_alone(operation, valid[0]))
    assert [variant.name for variant in missed if _is_valid(operation, variant)] == []
    assert {variant.place for variant in missed} >= {
        variant.place for variant in invalid_variants(operation, valid[0]) if len(variant.place) == 2
    }
    for variant in missed:
        if variant.place[0] == "body" and isinstance(variant.body, dict) and isinstance(valid[0].body, dict):
            others = variant.body.keys() - valid[0].body.keys() - set(variant.place)
            assert not others & valid[-1].body.keys()
            assert variant.body.get("start_time", 0) == 0 or "start_time" in variant.place
