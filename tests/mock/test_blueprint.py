"""The lifecycle engine is what the contract makes it, and refuses a contract that it can't serve."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from octopusx_video_mock import Mock, MockError
from octopusx_video_openapi import load

from tests.conftest import AUTHORIZED, KEY
from tests.mock.test_task_life import LIFE
from tests.support import documents

Document = dict[str, Any]
DOCUMENT: Document = documents.document(load())


def _served(tmp_path: Path, change: Callable[[Document], None]) -> Mock:
    document = copy.deepcopy(DOCUMENT)
    change(document)
    path = tmp_path / "contract.yaml"
    path.write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False), "utf-8")
    return Mock(path, token=KEY)


def _client(mock: Mock) -> httpx.Client:
    return httpx.Client(transport=mock.transport, base_url="http://mock", headers=AUTHORIZED)


@pytest.mark.slow
def test_an_operation_that_is_added_with_an_example_is_served(tmp_path: Path) -> None:
    """Its parameters are checked, its example is answered, and no Python was touched."""

    def add(document: Document) -> None:
        document["paths"]["/v1/models/{name}"] = {
            "get": {
                "operationId": "getModel",
                "parameters": [
                    {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^grok"}},
                    {"name": "depth", "in": "query", "schema": {"type": "integer", "maximum": 9}},
                    {"name": "full", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "share", "in": "query", "schema": {"type": "number"}},
                ],
                "responses": {
                    "200": {
                        "description": "a model",
                        "content": {
                            "application/json": {"schema": {"type": "object"}, "example": {"name": "grok-video-3"}}
                        },
                    },
                    "400": {"$ref": "#/components/responses/TaskUnknown"},
                    "401": {"$ref": "#/components/responses/Unauthorized"},
                },
            }
        }

    with _client(_served(tmp_path, add)) as http:
        assert http.get("/v1/models/grok-video-3?depth=9&full=true&share=0.5").json() == {"name": "grok-video-3"}
        for wrong in ("x", "grok?depth=10", "grok?depth=x", "grok?full=yes", "grok?share=a"):
            assert http.get(f"/v1/models/{wrong}").status_code == 400, wrong
        assert http.get("/v1/models/grok", headers={"Authorization": ""}).status_code == 401
        assert http.post("/v1/models/grok").headers["allow"] == "GET"


@pytest.mark.slow
def test_parameters_of_a_path_are_those_of_its_operations(tmp_path: Path) -> None:
    """What OpenAPI lets a path say for all of its operations is checked, and each may say it otherwise."""

    def change(document: Document) -> None:
        item = document["paths"]["/v1/videos/{task_id}"]
        item["parameters"] = [
            {"name": "page", "in": "query", "required": True, "schema": {"type": "integer"}},
            {"name": "task_id", "in": "path", "required": True, "schema": {"type": "integer"}},
        ]

    with _client(_served(tmp_path, change)) as http:
        assert http.get("/v1/videos/video_abc123").status_code == 400
        assert http.get("/v1/videos/video_abc123?page=1").status_code == 200


@pytest.mark.slow
def test_a_task_keeps_the_time_it_was_given(tmp_path: Path) -> None:
    """A contract that changes later does not make an ended task run again."""

    def slower(document: Document) -> None:
        document["x-task-life"]["runs"][0]["lasts"] = 1800

    before = Mock(token=KEY)
    body = {"model": "m", "prompt": "p", "start_time": 4, "video": {"url": "video_abc123"}}
    with _client(before) as http:
        task = http.post("/v1/videos/extensions", json=body).json()["id"]
    after = _served(tmp_path, slower)
    after.clock.advance(LIFE.lasts)
    with _client(after) as http:
        assert http.get(f"/v1/videos/{task}").json()["status"] == "completed"


@pytest.mark.slow
def test_routes_bodies_and_times_come_from_the_contract(tmp_path: Path) -> None:
    """Another path, another field, another status and another time in the contract are what the engine has."""

    def change(document: Document) -> None:
        document["paths"]["/v2/extend"] = document["paths"].pop("/v1/videos/extensions")
        request = document["components"]["schemas"]["CreateVideoExtensionRequest"]
        request["required"].append("mood")
        request["properties"]["mood"] = {"type": "string", "enum": ["calm"]}
        document["x-task-life"]["runs"][0]["lasts"] = 10
        document["paths"]["/v2/extend"]["post"]["x-result-length"]["adds"] = {"otherwise": 3}

    mock = _served(tmp_path, change)
    body = {"model": "m", "prompt": "p", "start_time": 4, "video": {"url": "video_abc123"}}
    with _client(mock) as http:
        assert http.post("/v1/videos/extensions", json=body).status_code == 405
        assert "mood" in http.post("/v2/extend", json=body).json()["message"]
        task = http.post("/v2/extend", json={**body, "mood": "calm"}).json()["id"]
        mock.clock.advance(10)
        answer = http.get(f"/v1/videos/{task}").json()
    assert (answer["status"], answer["seconds"]) == ("completed", "7")


@pytest.mark.slow
def test_the_seed_of_every_answer_is_an_example(tmp_path: Path) -> None:
    """A field that an example shows and no value is named for is answered as the example has it."""

    def change(document: Document) -> None:
        responses = document["paths"]["/v1/videos/{task_id}"]["get"]["responses"]
        responses["200"]["content"]["application/json"]["examples"]["completed"]["value"]["object"] = "film"

    mock = _served(tmp_path, change)
    with _client(mock) as http:
        mock.clock.advance(LIFE.lasts)
        assert http.get("/v1/videos/video_abc123").json()["object"] == "film"


def _get(document: Document) -> Document:
    operation: Document = document["paths"]["/v1/videos/{task_id}"]["get"]
    return operation


def _post(document: Document) -> Document:
    operation: Document = document["paths"]["/v1/videos/extensions"]["post"]
    return operation


def _no_examples(document: Document) -> None:
    del _get(document)["responses"]["200"]["content"]["application/json"]["examples"]


def _no_failed_example(document: Document) -> None:
    del _get(document)["responses"]["200"]["content"]["application/json"]["examples"]["failed"]


def _wrong_example(document: Document) -> None:
    _get(document)["responses"]["200"]["content"]["application/json"]["examples"]["queued"]["value"]["progress"] = "1%"


def _range_of_statuses(document: Document) -> None:
    _get(document)["responses"]["4XX"] = _get(document)["responses"].pop("400")


def _no_refusal(document: Document) -> None:
    del _get(document)["responses"]["400"]
    [rule] = [rule for rule in document["x-rules"] if rule["id"] == "R21"]
    rule["operations"].remove("getVideoTask")


def _no_unauthorized(document: Document) -> None:
    del _get(document)["responses"]["401"]


def _other_security(document: Document) -> None:
    document["components"]["securitySchemes"]["bearerAuth"] = {"type": "apiKey", "in": "header", "name": "k"}


def _cookie(document: Document) -> None:
    _get(document)["parameters"].append({"name": "c", "in": "cookie", "schema": {"type": "string"}})


def _multipart(document: Document) -> None:
    content = _post(document)["requestBody"]["content"]
    content["multipart/form-data"] = content.pop("application/json")


def _no_life(document: Document) -> None:
    del document["x-task-life"]


def _odd_life(document: Document) -> None:
    document["x-task-life"]["runs"][0]["lasts"] = "long"


def _no_length(document: Document) -> None:
    del _post(document)["x-result-length"]


def _wrong_cause(document: Document) -> None:
    document["components"]["responses"]["Unauthorized"]["x-when"] = {"no-credential": "nope"}


def _wrong_link(document: Document) -> None:
    document["components"]["links"]["GetVideoTask"]["operationId"] = "nope"


def _wrong_model(document: Document) -> None:
    operation = document["paths"]["/v1/video/extend"]["post"]
    operation["x-result-length"]["adds"]["otherwise-by-model"] = {"grok-video-3-max": "long"}


def _wrong_shape(document: Document) -> None:
    document["components"]["responses"]["Unauthorized"]["x-when"] = [1]


def _wrong_pattern(document: Document) -> None:
    document["components"]["schemas"]["TaskId"]["pattern"] = "("


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_no_examples, "paths./v1/videos/{task_id}.get.responses.200.content.application/json: no example; give one"),
        (_no_failed_example, "paths./v1/videos/{task_id}.get.responses: no example of a task that is failed; give one"),
        (_wrong_example, "get.responses.200.content.application/json.examples.queued: progress: the value is not of"),
        (_range_of_statuses, "get.responses.4XX: only a status from 200 to 599 can be served; document each"),
        (_no_refusal, "paths./v1/videos/{task_id}.get.responses: no example of 400 (or 422); say how an invalid"),
        (_no_unauthorized, "paths./v1/videos/{task_id}.get.responses: no example of 401; say how a missing"),
        (
            _other_security,
            "components.securitySchemes.bearerAuth: only an http bearer scheme can be served; define it as one",
        ),
        (_cookie, "get.parameters.c: a cookie parameter of type string can't be served; use string, integer"),
        (
            _multipart,
            "paths./v1/videos/extensions.post.requestBody.content.multipart/form-data: only JSON with a schema",
        ),
        (_no_life, "contract.yaml: x-task-life is missing; say which statuses a task has"),
        (_odd_life, 'x-task-life.runs.0.lasts: "long" is not a number of seconds'),
        (_no_length, 'createVideoExtension: "x-result-length" is missing; needed by R26 and R55'),
        (
            _wrong_cause,
            'Unauthorized.x-when.no-credential: "nope" is not an example of this response; use one of: invalid_token',
        ),
        (
            _wrong_link,
            'components.links.GetVideoTask.operationId: "nope" is not an operation; use one of: extendVideo, ',
        ),
        (_wrong_model, 'otherwise-by-model.grok-video-3-max: "long" is not a number of seconds'),
        (
            _wrong_shape,
            "components.responses.Unauthorized.x-when: [1] is not an object that names, for each cause of a rejection",
        ),
        (_wrong_pattern, 'components.schemas.TaskId.pattern: "(" is not a regular expression'),
    ],
)
def test_a_contract_that_can_not_be_served_is_refused(
    tmp_path: Path, change: Callable[[Document], None], said: str
) -> None:
    """One line that names the file, the place and the mend."""
    with pytest.raises(MockError) as raised:
        _served(tmp_path, change)
    text = str(raised.value)
    assert re.match(rf"{re.escape(str(tmp_path / 'contract.yaml'))}(:\d+)?: ", text)
    assert said in text
    assert "\n" not in text


def _shared_response(document: Document) -> None:
    content = document["components"]["responses"]["TaskUnknown"]["content"]
    content["application/problem+json"] = {"schema": {"type": "object"}}


ALL = (_cookie, _no_failed_example, _multipart, _wrong_example, _other_security, _shared_response)
SAID = (
    "paths./v1/videos/extensions.post.requestBody.content.multipart/form-data: only JSON with a schema can be checked",
    "paths./v1/videos/{task_id}.get.parameters.c: a cookie parameter of type string can't be served",
    "paths./v1/videos/{task_id}.get.responses: no example of a task that is failed; give one, it is what is served",
    "paths./v1/videos/{task_id}.get.responses.200.content.application/json.examples.queued: progress: the value is not",
    "components.securitySchemes.bearerAuth: only an http bearer scheme can be served; define it as one",
    "components.responses.TaskUnknown.content.application/problem+json: no example; give one, it is what is served",
)


def _all(document: Document) -> None:
    for change in ALL:
        change(document)


def test_everything_that_can_not_be_served_is_reported_at_once(tmp_path: Path) -> None:
    """One line for each problem, also where several operations share the part that has it, in the order of the file."""
    with pytest.raises(MockError) as raised:
        _served(tmp_path, _all)
    found = re.findall(r"^.*contract\.yaml:(\d+): (.*)$", str(raised.value), re.MULTILINE)
    numbers = [int(number) for number, _ in found]
    assert numbers == sorted(numbers)
    assert len(found) == len(SAID) == len(str(raised.value).splitlines())
    for said in SAID:
        [(number, text)] = [one for one in found if one[1].startswith(said)]
        named = text.partition(": ")[0].split(".")[-1]
        above = (tmp_path / "contract.yaml").read_text("utf-8").splitlines()[: int(number)]
        assert named in above[-1] or named in {"c", "queued"}, (text, above[-1])


@pytest.mark.slow
def test_the_command_reports_everything_that_can_not_be_served(tmp_path: Path) -> None:
    """The exit status is 2, and no traceback is shown."""
    with pytest.raises(MockError):
        _served(tmp_path, _all)
    command = [sys.executable, "-m", "octopusx_video_mock", "--contract", str(tmp_path / "contract.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert all(said in done.stderr for said in SAID)
    assert "Traceback" not in done.stderr


def test_what_follows_from_a_problem_is_not_reported(tmp_path: Path) -> None:
    """A response without any example is one problem, whatever its examples are needed for."""
    with pytest.raises(MockError) as raised:
        _served(tmp_path, _no_examples)
    assert len(str(raised.value).splitlines()) == 1


def test_a_contract_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The reader's error is the mock's."""
    with pytest.raises(MockError, match="can't be read"):
        Mock(tmp_path / "none.yaml")
