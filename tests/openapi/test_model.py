"""The model of the contract: typed answers to what the mock, the suite and the SDK ask of it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from octopusx_video_openapi import Contract, ContractError, RuleId, contract_path, load, operations, schemas, values

from tests.support import documents, recording

CONTRACT = load()
SUBMITS = ("extendVideo", "createVideoExtension", "extendUnifiedVideo")
READS = ("getVideoTask", "downloadVideoContent", "queryUnifiedVideo")
TASK = "grok:48a67431-0708-46d1-9ab9-83cb84700153"


def changed(change: Callable[[dict[str, Any]], None]) -> Contract:
    """The project's contract with a change of its document."""
    document = copy.deepcopy(documents.document(CONTRACT))
    change(document)
    return Contract(document, contract_path())


# ---- Which operation a request is for


@pytest.mark.parametrize(
    ("method", "path", "operation", "found"),
    [
        ("POST", f"/v1/videos/{TASK}/extend", "extendVideo", {"video_id": TASK}),
        ("get", "/v1/videos/a%3Ab%2Fc", "getVideoTask", {"task_id": "a:b/c"}),
        ("POST", "/v1/videos/extensions", "createVideoExtension", {}),
        ("GET", "/v1/videos/extensions", "getVideoTask", {"task_id": "extensions"}),
        ("GET", "/v1/video/query", "queryUnifiedVideo", {}),
    ],
)
def test_a_request_is_for_an_operation(method: str, path: str, operation: str, found: dict[str, str]) -> None:
    """A concrete path goes before a template, method by method (R58); the values of the path are decoded."""
    match = operations.match(CONTRACT, method, path)
    assert match is not None
    assert (match.operation.id, match.values) == (operation, found)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/videos"), ("GET", "/v1/videos/"), ("GET", "/v1/videos/a/b"), ("DELETE", "/v1/videos/a"), ("GET", "")],
)
def test_a_request_is_for_no_operation(method: str, path: str) -> None:
    """Another method, an empty value, or more of a path."""
    assert operations.match(CONTRACT, method, path) is None


def test_a_path_has_the_methods_of_each_template_that_fits() -> None:
    """Its own and those of the template; none for a path that nothing fits."""
    assert operations.methods(CONTRACT, "/v1/videos/extensions") == {"GET", "POST"}
    assert operations.methods(CONTRACT, "/v1/video/extend") == {"POST"}
    assert operations.methods(CONTRACT, "/v2") == set()


def test_a_template_takes_names_and_signs_as_they_are() -> None:
    """A dot is a dot, and a name need not be one of Python."""
    assert operations.matched("/a.b/{task-id}", "/a.b/x") == {"task-id": "x"}
    assert operations.matched("/a.b/{task-id}", "/a_b/x") is None
    assert operations.expression("/a/{b}", "[^/]*") == "/a/([^/]*)"
    assert operations.filled("/a/{task-id}/{b}", str.upper) == "/a/TASK-ID/B"


# ---- What a body is


@pytest.mark.parametrize("written", ["application/json; charset=utf-8", "Application/JSON", "application/problem+json"])
def test_json_is_read_however_its_media_type_is_written(written: str) -> None:
    """Its schema is known, so that the body is compared with it and the video is as long as its default says."""

    def write(document: dict[str, Any]) -> None:
        operation = document["paths"]["/v1/videos/extensions"]["post"]
        for holder in (operation["requestBody"], operation["responses"]["200"]):
            holder["content"] = {written: holder["content"]["application/json"]}

    operation = changed(write).operations["createVideoExtension"]
    response = operation.response(200)
    assert operation.body is not None
    assert response is not None
    assert list(operation.body.media) == list(response.media) == [written.partition(";")[0].lower()]
    assert operation.result_length.seconds({"start_time": 4}, None) == 14
    assert operation.success_schema is response.schema is not None


# ---- What an operation does to tasks


def test_operations_start_read_and_download_tasks() -> None:
    """By the links of the submits, and by what a success is."""
    assert set(CONTRACT.submits) >= set(SUBMITS)
    assert {operation.id for operation in CONTRACT.reads} == set(READS) == CONTRACT.operations.keys() - CONTRACT.submits
    assert [name for name, one in CONTRACT.operations.items() if one.sends_video] == ["downloadVideoContent"]
    places = {name: (parameter.place, parameter.name) for name, parameter in CONTRACT.task_parameters.items()}
    assert places == {
        "getVideoTask": ("path", "task_id"),
        "downloadVideoContent": ("path", "task_id"),
        "queryUnifiedVideo": ("query", "id"),
    }


def test_the_id_of_a_new_task_stands_where_the_links_say() -> None:
    """Another expression is another place."""

    def elsewhere(document: dict[str, Any]) -> None:
        for link in document["components"]["links"].values():
            link["parameters"] = dict.fromkeys(link["parameters"], "$response.body#/data/task~1id")

    submit = CONTRACT.operations["extendVideo"]
    other = changed(elsewhere).operations["extendVideo"]
    assert (submit.new_task, other.new_task) == (("id",), ("data", "task/id"))
    assert submit.new_task_id({"id": TASK}) == other.new_task_id({"data": {"task/id": TASK}}) == TASK
    bodies: tuple[Any, ...] = ({"id": 1}, {}, [], None, "id")
    assert {submit.new_task_id(body) for body in bodies} == {None}
    assert CONTRACT.operations["getVideoTask"].new_task_id({"id": TASK}) is None


def test_a_link_to_nothing_is_refused() -> None:
    """With the operation and the link."""

    def misspelt(document: dict[str, Any]) -> None:
        document["components"]["links"]["GetVideoTask"]["parameters"] = {"taskid": "$response.body#/id"}

    with pytest.raises(ContractError, match="extendVideo 200 link GetVideoTask: getVideoTask has no parameter taskid"):
        _ = changed(misspelt).task_parameters


# ---- Parts of an operation


def test_a_response_has_all_of_its_parts() -> None:
    """Bill, causes, headers, bodies and grade, references followed."""
    response = CONTRACT.operations["downloadVideoContent"].responses["206"]
    assert (response.billed, response.is_success, list(response.media)) == ("never", True, ["video/mp4"])
    header = response.headers["Content-Range"]
    assert (header.component, header.required, header.value_of) == ("ContentRange", True, "content.range")
    refused = CONTRACT.operations["extendVideo"].response(400)
    assert refused is not None
    assert refused.causes["unknown-task"] == "task_not_exist"
    assert refused.schema is not None
    assert refused.schema.reference == "ErrorResponse"
    assert refused.media["application/json"].examples["task_not_exist"]["code"] == "task_not_exist"
    assert CONTRACT.operations["extendVideo"].response(418) is None


def test_an_operation_takes_parameters_a_body_and_a_key() -> None:
    """Typed, with examples and grades."""
    operation = CONTRACT.operations["downloadVideoContent"]
    assert [(one.place, one.name, one.required) for one in operation.parameters] == [
        ("path", "task_id", True),
        ("header", "Range", False),
    ]
    assert operation.parameters[1].examples == ("bytes=0-1023",)
    assert (operation.body, operation.body_schema, dict(operation.body_examples)) == (None, None, {})
    submit = CONTRACT.operations["createVideoExtension"]
    assert submit.body is not None
    assert (submit.body.required, list(submit.body_examples)) == (True, ["documented", "shortest", "longest"])
    assert (submit.is_secured, submit.schemes) == (True, (("bearerAuth",),))
    assert CONTRACT.security_schemes["bearerAuth"] == ("http", "bearer")
    assert (submit.result_length.start_field, submit.result_length.added_field) == ("start_time", "duration")


def test_a_part_can_not_be_changed() -> None:
    """What one caller reads is what the next one reads."""
    with pytest.raises(AttributeError, match="required can't be set: a contract is read-only"):
        CONTRACT.operations["getVideoTask"].parameters[0].required = False


@pytest.mark.parametrize(("security", "is_secured"), [([], False), ([{}, {"bearerAuth": []}], False), (None, True)])
def test_an_operation_may_need_no_key(security: Any, *, is_secured: bool) -> None:
    """Its own list of keys goes before that of the document; an empty one, or an empty choice, asks for none."""

    def change(document: dict[str, Any]) -> None:
        if security is not None:
            document["paths"]["/v1/video/query"]["get"]["security"] = security

    assert changed(change).operations["queryUnifiedVideo"].is_secured is is_secured


def test_the_error_of_a_wrong_route_has_a_type() -> None:
    """It is a fact of its own, whatever an example shows."""

    def elsewhere(document: dict[str, Any]) -> None:
        document["components"]["examples"]["WrongRoute"]["value"]["error"]["type"] = "another"

    kind = documents.document(CONTRACT)["x-wrong-route"]["error-type"]
    assert CONTRACT.wrong_route_type == changed(elsewhere).wrong_route_type == kind != ""
    assert changed(lambda document: document.pop("x-wrong-route")).wrong_route_type == ""


def test_a_rule_that_the_contract_does_not_have_is_an_error() -> None:
    """It names the number and those that there are; who can do without the rule asks ``rules_by_id``."""
    assert CONTRACT.rule(RuleId.R15).never_falls == ("progress", "status_update_time")
    assert CONTRACT.rules_by_id.get("R99") is None
    with pytest.raises(ContractError, match=r"openapi\.yaml: has no rule R99; its rules are R01 to R59"):
        CONTRACT.rule("R99")  # type: ignore[arg-type]


# ---- Where values stand


def test_the_address_of_the_video_has_five_places() -> None:
    """In the order of the schema, those within another object too."""
    found = [
        ".".join(place.path)
        for place in values.places_of(CONTRACT.operations["getVideoTask"])
        if place.value_of == values.ADDRESS
    ]
    assert found == ["video_url", "output.url", "url", "detail.url", "metadata.url"]


def test_a_value_has_what_it_is_and_its_unit() -> None:
    """What a use of a component says goes before what the component says."""
    units = {place.value_of: place.unit for place in values.places_of(CONTRACT.operations["queryUnifiedVideo"])}
    assert (units["task.progress"], units["task.updated"]) == ("percent", "seconds since 1970-01-01T00:00:00Z")
    assert values.first(CONTRACT.operations["getVideoTask"], {"expires_at": 7}, values.EXPIRES) == 7
    assert values.first(CONTRACT.operations["getVideoTask"], {"expires": 7}, values.EXPIRES) is None


def test_values_are_found_in_arrays_and_branches_and_a_schema_within_itself_ends() -> None:
    """Each concrete value once, with its path."""

    def change(document: dict[str, Any]) -> None:
        document["components"]["schemas"]["UnifiedVideoTask"] = {
            "allOf": [{"properties": {"id": {"type": "string", "x-value-of": "task.id"}}}],
            "oneOf": [
                {"properties": {"videos": {"items": {"properties": {"at": {"x-value-of": "task.address"}}}}}},
                {"properties": {"id": {}, "next": {"$ref": "#/components/schemas/UnifiedVideoTask"}}},
            ],
        }

    operation = changed(change).operations["queryUnifiedVideo"]
    body = {"id": "a", "videos": [{"at": "b"}, {}, {"at": "c"}, 1], "next": {"id": "d"}, "more": 1}
    named = [(one.name, one.value) for one in values.of_body(operation, body) if one.value_of]
    assert named == [("id", "a"), ("videos.0.at", "b"), ("videos.2.at", "c")]


# ---- Validators


def test_a_validator_of_a_schema_is_made_once() -> None:
    """Two uses of one component share it; the value of a message may be masked."""
    first, second = (CONTRACT.operations[name].parameters[0].schema for name in ("extendVideo", "getVideoTask"))
    assert schemas.validator(first) is schemas.validator(second)
    error = next(schemas.validator(first, "the value").iter_errors("no id"))
    assert error.message.startswith("the value does not match")


def test_a_pattern_can_not_be_made_slow() -> None:
    """One that takes other engines time that doubles with each character."""

    def change(document: dict[str, Any]) -> None:
        document["components"]["schemas"]["TaskId"]["pattern"] = "^(a+)+$"

    assert not schemas.validator(changed(change).schemas["TaskId"]).is_valid("a" * 50_000 + "!")


@pytest.mark.parametrize("operation", CONTRACT.operations.values(), ids=CONTRACT.operations)
def test_a_request_has_one_schema(operation: Any) -> None:
    """It takes the example of each part, and no request without what is required."""
    whole: dict[str, Any] = {"path": {}, "query": {}}
    for parameter in operation.parameters:
        if parameter.place in whole:
            whole[parameter.place][parameter.name] = parameter.examples[0]
    for body in operation.body_examples.values() or [None]:
        request = {**whole, "body": body} if operation.body else whole
        validator = schemas.validator(schemas.request(operation))
        assert validator.is_valid(request)
        for place in {place for place, value in request.items() if value}:
            assert not validator.is_valid({**request, place: {}})


@pytest.mark.parametrize(
    ("one", "other", "is_equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ([1, {"a": None}], [1.0, {"a": None}], True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": [True]}, {"a": [1]}, False),
        ([1], [1, 2], False),
        ("1", 1, False),
        (None, False, False),
    ],
)
def test_values_are_compared_as_json_compares_them(one: Any, other: Any, *, is_equal: bool) -> None:
    """A number is what it counts, and true is none; as a schema's `const` has it."""
    assert schemas.equal(one, other) is schemas.equal(other, one) is is_equal
    assert jsonschema_rs.is_valid({"const": one}, other) is is_equal
    assert (schemas.canonical(one) == schemas.canonical(other)) is is_equal


def test_values_that_are_nested_deep_are_compared() -> None:
    """Deeper than a program may call itself."""
    one: Any = 1
    other: Any = 1.0
    for _ in range(5_000):
        one, other = {"a": [one]}, {"a": [other]}
    assert schemas.equal(one, other)


def test_a_schema_answers_for_the_component_that_it_names() -> None:
    """Its keywords are the component's; description, value and grade are its own first."""
    schema = CONTRACT.schemas["VideoTask"].properties["id"]
    assert (schema.reference, schema.value_of, schema.description) == ("TaskId", "task.id", "Id of the task.")
    assert (schema.types, schema.assertions) == (("string",), ("type", "pattern"))
    assert schema.grade is not None
    assert schema.grade.kind == "documented"
    assert schema.identity == CONTRACT.schemas["TaskId"].identity
    duration = CONTRACT.schemas["CreateVideoExtensionRequest"].properties["duration"]
    assert (duration.enum, duration.default_when_omitted, duration.unit) == ((6, 10, 15), 10, "seconds")
    known = documents.document(CONTRACT)["components"]["schemas"]["CreateVideoExtensionRequest"]["properties"]
    assert documents.node(duration) == known["duration"]


# ---- Who reads the document


def test_only_the_package_of_the_contract_reads_a_loaded_document() -> None:
    """Every test that loads a contract holds the other packages to it (see tests/support/recording.py)."""
    read = "def read(contract): return contract._source.document['x-rules']"
    for file, is_refused in {
        "mock/octopusx_video_mock/compiled/operation.py": True,
        "tests/openapi/test_model.py": False,
    }.items():
        names: dict[str, Any] = {}
        exec(compile(read, str(recording.ROOT / file), "exec"), names)  # noqa: S102 - as that module would
        if is_refused:
            with pytest.raises(recording.RawReadError, match=rf"{file}:1 reads 'x-rules' of a loaded document"):
                names["read"](CONTRACT)
        else:
            assert names["read"](CONTRACT)


def test_the_latest_second_is_that_of_the_contract() -> None:
    """R13 gives it; without such a rule no time is taken for milliseconds."""
    assert values.last_second(CONTRACT) == 100_000_000_000
    without = changed(lambda document: document.update({"x-rules": []}))
    assert values.last_second(without) == math.inf
