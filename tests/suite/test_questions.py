"""The suite asks what a rule says, no more: what the contract leaves open passes, and what it settles is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from octopusx_video_contract.cases import credentials, request_values, routes
from octopusx_video_contract.checks import single_response
from octopusx_video_contract.messages.http import Request, Response, target
from octopusx_video_openapi import load

from tests.conftest import KEY, Upstream
from tests.defects import DEFECTS, serve
from tests.support import documents, suite_runs
from tests.support.faulty import Defect, Exchange, faulty_server

CONTRACT = load()
WRONG_ROUTE = documents.document(CONTRACT)["components"]["examples"]["WrongRoute"]["value"]


@pytest.mark.parametrize(
    ("method", "status", "body", "is_one"),
    [
        ("DELETE", 404, WRONG_ROUTE, True),
        ("DELETE", 404, {"code": "not_found", "message": "no such route", "data": None}, True),
        ("HEAD", 404, None, True),
        ("DELETE", 405, WRONG_ROUTE, False),
        ("DELETE", 404, {"code": "task_not_exist", "message": "task_not_exist", "data": None}, False),
        ("DELETE", 404, {"detail": "Not Found"}, False),
        ("DELETE", 404, ["nothing"], False),
        ("DELETE", 404, None, False),
    ],
)
def test_a_route_that_is_not_there_is_told_from_a_task_that_is_not(
    method: str, status: int, body: Any, *, is_one: bool
) -> None:
    """R32 allows the gateway's 404: an error in a documented shape that does not call a task unknown."""
    content = b"" if body is None else single_response.encoded(body)
    answer = Response(Request(method, "/v1/videos/grok:1"), status, {"content-type": "application/json"}, content)
    assert single_response.is_wrong_route(CONTRACT, answer) == is_one


def test_a_path_that_a_template_fits_is_known() -> None:
    """R58 is asked of the concrete paths that a template fits too, with the methods of both."""
    shared = {path: [one.id for one in routes.shared(CONTRACT, path)] for path in documents.document(CONTRACT)["paths"]}
    assert {path: operations for path, operations in shared.items() if operations} == {
        "/v1/videos/extensions": ["getVideoTask", "createVideoExtension"]
    }


def test_the_scheme_is_respelt_and_the_key_is_not() -> None:
    """R57 is asked with the key as it is, in spellings that no list of invalid credentials holds."""
    respelt = list(credentials.respelt(KEY))
    assert {credential.casefold() for credential in respelt} == {f"bearer {KEY}".casefold()}
    assert all(credential.endswith(f" {KEY}") for credential in respelt)
    invalid = {value for credential in credentials.invalid(KEY) for _, value in credential.headers}
    assert not invalid & set(respelt)


def test_a_body_of_another_operation_is_judged_by_the_path_that_it_is_sent_to() -> None:
    """The body of an extension is valid for an extend, which takes its source from the path, and not the other way."""
    extend, create, unified = (
        CONTRACT.operations[name] for name in ("extendVideo", "createVideoExtension", "extendUnifiedVideo")
    )
    bodies = {one.id: request_values.valid_requests(one, "grok:1")[-1].body for one in (extend, create, unified)}

    def takes(operation: Any, body: Any) -> bool:
        values = request_values.valid_requests(operation, "extensions")[0]
        return not request_values.faults(operation, request_values.RequestValues(values.path, values.query, body))

    assert takes(extend, bodies["createVideoExtension"])
    assert not takes(create, bodies["extendVideo"])
    assert not takes(unified, bodies["extendVideo"])


def test_a_value_of_the_query_arrives_as_it_is() -> None:
    """A plus is a blank to many servers, and an ampersand the end of a value, so that both are encoded."""
    operation = CONTRACT.operations["queryUnifiedVideo"]
    sent = Request("GET", target(operation, {}, {"id": "grok:a+b&c=d;e"}))
    assert sent.target == "/v1/video/query?id=grok:a%2Bb%26c%3Dd%3Be"
    assert sent.query == {"id": "grok:a+b&c=d;e"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layer", "operations"),
    [
        ("scheme-in-one-case", "boundaries", "queryUnifiedVideo"),
        ("extensions-hidden", "boundaries", "createVideoExtension"),
        ("extensions-read", "boundaries", "createVideoExtension getVideoTask"),
        ("head-says-empty", "forms", "queryUnifiedVideo"),
    ],
)
def test_a_server_that_breaks_the_rule_is_found_by_its_layer(name: str, layer: str, operations: str) -> None:
    """What the contract settles of the scheme's case, of a concrete path and of HEAD is asked in a run, and judged."""
    defect = next(one for one in DEFECTS if one.name == name)
    with serve(defect, key=KEY) as server:
        limits = [f"--operation={operation}" for operation in operations.split()]
        limits += ["--layer", layer, "--rule", defect.rule]
        done = suite_runs.run("--seed", "1", "--base-url", server.base_url, *limits)
    assert done.status == 1, done.stdout
    assert f"{defect.rule} (should) is broken" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "status"),
    [(WRONG_ROUTE, 0), ({"detail": "Not Found"}, 1)],
)
def test_a_wrong_method_may_be_answered_as_a_wrong_route(upstream: Upstream, body: Any, status: int) -> None:
    """The gateway's 404 to a method that a path does not have passes a strict run (R32), and no other 404 does."""

    def gateway(exchange: Exchange) -> None:
        if exchange.status == 405:
            exchange.status, exchange.body = 404, json.dumps(body).encode()
            exchange.headers.pop("allow")

    with faulty_server((upstream.host, upstream.port), Defect("answers 404", answer=gateway)) as server:
        limits = ("--layer", "boundaries", "--operation", "queryUnifiedVideo", "--rule", "R32")
        done = suite_runs.run("--seed", "1", "--strict", "--base-url", server.base_url, *limits)
    assert done.status == status, done.stdout
