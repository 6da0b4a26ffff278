"""Each rule of the contract has a check and a defect, and it counts as asked where the check compared something."""

from __future__ import annotations

import ast
import copy
import dataclasses
import functools
import importlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from octopusx_video_contract.cases.submit_bodies import a_submit
from octopusx_video_contract.checks import billing, registry, single_response, task_life
from octopusx_video_contract.checks.history import History
from octopusx_video_contract.checks.registry import Outcome
from octopusx_video_contract.core.billing_check import BillingCheck
from octopusx_video_contract.core.gaps import gaps
from octopusx_video_contract.core.run import Run, running
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.runner.selection import LAYERS
from octopusx_video_contract.scenarios.downloads import Downloads
from octopusx_video_contract.scenarios.task_driver import TaskDriver
from octopusx_video_contract.sending.mock_control import Control
from octopusx_video_contract.sending.senders import InProcess
from octopusx_video_mock import Mock
from octopusx_video_openapi import Contract, RuleId, contract_path, load, task_ids

from tests.conftest import KEY
from tests.defects import DEFECTS
from tests.support import documents, suite_runs

ROOT = Path(__file__).parents[2]
CONTRACT = load()
READS = ["getVideoTask"]
NUMBERS = {rule.id for rule in CONTRACT.rules}
SOURCE = task_ids.documented(CONTRACT)[0]
SLOW = {"conformance", "round_trip"}
"""Layers without a check of their own that import Schemathesis or Hypothesis."""
PACKAGES = ("contract_tests", "mock", "openapi", "sdk")
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
Definition = ast.FunctionDef | ast.ClassDef


@functools.cache
def modules() -> list[tuple[Path, ast.Module]]:
    """The modules that are written by hand, parsed."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [(path, ast.parse(path.read_text("utf-8"))) for path in paths if path.name != "rule_ids.py"]


@pytest.fixture
def run() -> Run:
    """A run against a correct mock in this process."""
    return run_by(CONTRACT)


def run_by(contract: Contract) -> Run:
    """The same, by another contract."""
    sender = InProcess(Mock(token=KEY).controlled_transport)
    made = Run.begin(Settings("http://localhost", KEY, contract, (SOURCE,), seed=1), sender)
    return dataclasses.replace(made, control=Control(sender, made.settings.base_url))


@pytest.fixture
def registered(run: Run) -> set[str]:
    """The rules that checks are registered for, the layers' too."""
    with running(run):
        for name in (f"octopusx_video_contract.suite.{layer}" for layer in set(LAYERS) - SLOW):
            sys.modules.pop(name, None)
            importlib.import_module(name)
            del sys.modules[name]  # it is of this run alone
    return {str(rule) for rule in registry.CHECKS}


# ---- Rules, their symbols, their checks and their defects


def test_each_rule_has_a_symbol() -> None:
    """And each symbol a rule."""
    assert {str(rule) for rule in RuleId} == NUMBERS


def test_each_rule_has_a_check(registered: set[str]) -> None:
    """And each registered check a rule."""
    by_schema = {rule.id for rule in CONTRACT.rules if registry.is_by_schema(rule)}
    assert registered | by_schema == NUMBERS
    assert registry.without_check(CONTRACT) == []


def test_each_rule_has_a_defect() -> None:
    """And each defect a rule. What only says that something may have been billed can't be broken."""
    permitting = {rule.id for rule in CONTRACT.rules if rule.billed == "possible"}
    assert {defect.rule for defect in DEFECTS} | permitting == NUMBERS
    assert {defect.rule for defect in DEFECTS} <= NUMBERS


def symbols(nodes: Iterable[ast.AST]) -> set[str]:
    """The rules that are named by their symbols."""
    return {
        node.attr
        for one in nodes
        for node in ast.walk(one)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "RuleId"
    }


def registering(function: Definition) -> set[str]:
    """The rules that a function or a class is registered for."""
    calls = [one for one in function.decorator_list if isinstance(one, ast.Call)]
    return symbols(call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "checks")


def judged(function: Definition) -> set[str]:
    """The rules of which it gives outcomes by their symbols."""
    found: list[ast.AST] = []
    for node in (one for statement in function.body for one in ast.walk(statement)):
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            found.append(node.elts[0])
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("check", "outcomes")) and node.args:
            found.append(node.args[0])
    return symbols(found)


def functions() -> Iterator[tuple[str, Definition, set[str]]]:
    """The functions and classes of the suite: name, definition, and the rules that each is registered for."""
    for path, module in modules():
        for node in module.body if path.is_relative_to(ROOT / "contract_tests") else ():
            if isinstance(node, DEFINITIONS):
                yield f"{path.stem}.{node.name}", node, registering(node)


@pytest.mark.slow
def test_a_check_is_registered_for_the_rules_that_it_asks() -> None:
    """Registered for no rule that it does not ask, and for each that it asks."""
    stale = {name: rules - symbols(node.body) for name, node, rules in functions()}
    assert {name: rules for name, rules in stale.items() if rules} == {}
    missing = {name: judged(node) - rules for name, node, rules in functions()}
    assert {name: rules for name, rules in missing.items() if rules} == {}


@pytest.mark.slow
def test_no_rule_is_named_by_text_alone() -> None:
    """A misspelt symbol fails an import and the type checker; a misspelt text would switch its check off."""
    texts = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for path, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"R\d+", node.value)
    ]
    assert texts == []


# ---- A rule of another contract


@pytest.fixture
def foreign() -> Contract:
    """A contract with two rules more: a response can be tested for one by its schema, and nothing checks the other."""
    document = copy.deepcopy(documents.document(CONTRACT))
    by_schema = {"about": "response", "operations": READS, "schema": {"required": ["id"]}}
    document["x-rules"] += [
        {"id": "R60", "level": "must", "title": "A read has an id.", **by_schema},
        {
            "id": "R61",
            "level": "should",
            "title": "A task is quick.",
            "about": "task-life",
            "operations": ["getVideoTask"],
        },
    ]
    return Contract(document, CONTRACT.path)


def test_a_rule_without_a_check_is_a_gap_that_says_so(foreign: Contract) -> None:
    """It is never counted as asked. One that is checked by its schema is."""
    run = run_by(foreign)
    assert [rule.id for rule in registry.without_check(foreign)] == ["R61"]
    answer = run.send(run.request(foreign.operations["getVideoTask"], path={"task_id": SOURCE}))
    run.recorder.check_response(answer)
    assert "R60" in run.log.asked
    missing = [gap.name for gap in gaps(run) if gap.kind == "rule"]
    assert "R61 A task is quick. (it has no check)" in missing


@pytest.mark.slow
def test_a_run_says_which_rules_have_no_check(foreign: Contract, tmp_path: Path) -> None:
    """At its start; they are listed as not asked."""
    document = yaml.load(contract_path().read_text("utf-8"), Loader=yaml.CSafeLoader)
    document["x-rules"].append({**documents.document(foreign)["x-rules"][-1], "x-grade": {"chosen": "For this test."}})
    path = tmp_path / "contract.yaml"
    path.write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False), "utf-8")
    done = suite_runs.run("--contract", str(path), "--layer", "documented_requests")
    assert done.status == 0, done.stdout + done.stderr
    assert "warning: R61 is not asked, since this version has no check for it: A task is quick." in done.stdout
    [asked] = re.findall(r"^rules asked: (.*)$", done.stdout, re.MULTILINE)
    [rest] = re.findall(r"^rules not asked: (.*)$", done.stdout, re.MULTILINE)
    assert ("R61" in asked.split(), "R61" in rest.split()) == (False, True)


def test_a_rule_that_a_contract_leaves_out_is_not_asked() -> None:
    """Nor is one that does not speak of the operation, or of the status."""
    document = copy.deepcopy(documents.document(CONTRACT))
    document["x-rules"] = [rule for rule in document["x-rules"] if rule["id"] not in {"R04", "R15"}]
    run = run_by(Contract(document, CONTRACT.path))
    read = run.request(CONTRACT.operations["getVideoTask"], path={"task_id": SOURCE})
    run.recorder.check(RuleId.R15, "it falls", read)
    run.recorder.check(RuleId.R24, "it is short", read)
    run.recorder.check(RuleId.R31, None, Response(read, 200, {}, b""))
    assert run.log.asked == set()
    tasks, submit = TaskDriver(run), run.contract.operations["extendVideo"]
    task = tasks.submit(submit, a_submit(submit), SOURCE)
    for _ in range(2):
        tasks.first_read(task, tasks.route(task))
    assert run.log.asked & {"R04", "R15"} == set()
    assert run.log.asked >= {"R05", "R06"}


# ---- What counts as asked


def read(body: dict[str, Any] | bytes, status: int = 200, target: str = "/v1/videos/t", **headers: str) -> Response:
    """What came back of a GET with the run's key."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    media_type = "application/json" if isinstance(body, dict) else "video/mp4"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request("GET", target, (("Authorization", f"Bearer {KEY}"),))
    return Response(request, status, {"content-type": media_type, **named}, content)


def alone(answer: Response) -> Iterator[Outcome]:
    """What is compared of one answer to a valid request."""
    run = Run.begin(Settings("http://localhost", KEY, CONTRACT, (), seed=1), InProcess(Mock(token=KEY).transport))
    name = "downloadVideoContent" if answer.request.path.endswith("/content") else "getVideoTask"
    operation = CONTRACT.operations[name]
    yield from single_response.documented(operation, answer)
    yield from single_response.numbered(operation, answer)
    yield from single_response.rejection(run.recorder.context, operation, answer)


def life(*bodies: dict[str, Any]) -> Iterator[Outcome]:
    """What is compared of the last of several reads of a task; "by" names the route of one that is not usual."""
    submitted = {"prompt": "a cat", "model": "m"}
    task = task_life.Task("t", CONTRACT.operations["createVideoExtension"], submitted, (1000.0, 1001.0), 6.0)
    *before, now = (task_life.observed(CONTRACT, body.get("by", "getVideoTask"), 1002.0, body) for body in bodies)
    task.observations += [told for told in before if told]
    return task_life.check(CONTRACT, task, now) if now else iter(())


def history(*answers: Response) -> Iterator[Outcome]:
    """What is compared of the last of several answers."""
    kept = History()
    found: list[Outcome] = []
    for answer in answers:
        found = list(kept.check(CONTRACT, (KEY,), answer, lambda: 1200.0))
    return iter(found)


DONE = {"id": "t", "status": "completed"}
RUNS = {"id": "t", "status": "processing"}
ERROR = {"error": {"message": "no", "type": "invalid_request_error"}}
VIDEO = b"\0\0\0\x18ftypisom"
CONTENT = "/v1/videos/t/content"

BY_QUERY = {"by": "queryUnifiedVideo"}
GONE, FOUND = read(VIDEO, target=CONTENT), read(RUNS)
SOMETHING_TO_LOOK_AT: list[tuple[str, Callable[..., Iterator[Outcome]], list[Any], list[Any]]] = [
    ("R08", alone, [FOUND], [read({**DONE, "video_url": "https://a/b"})]),
    ("R09", alone, [FOUND], [read({**RUNS, "video_url": ""})]),
    ("R10", alone, [FOUND], [read({**RUNS, "error": {"message": ""}})]),
    ("R11", alone, [FOUND], [read({"status": "failed", "error": {"message": "no"}})]),
    ("R12", alone, [FOUND], [read({**RUNS, "completed_at": 0})]),
    ("R13", alone, [FOUND], [read({**RUNS, "created_at": 1000})]),
    ("R14", alone, [read({"id": "t"})], [FOUND]),
    ("R15", life, [RUNS, RUNS], [{**RUNS, "progress": 1}, {**RUNS, "progress": 1}]),
    ("R15", life, [{**RUNS, "progress": 1}], [{**RUNS, "progress": 1}, {**RUNS, "progress": 0}]),
    ("R15", life, [{**RUNS, "progress": "1%"}, {**RUNS, "progress": 2}], [{"progress": 0}, {"progress": 0}]),
    ("R16", history, [FOUND, read(DONE)], [read(DONE), read(DONE)]),
    ("R17", history, [read({"status": "processing"}), FOUND], [FOUND, FOUND]),
    ("R17", history, [read({"model": "m"}), read({"size": "720P"})], [read({"model": "m"}), read({"model": "n"})]),
    ("R18", life, [DONE, DONE], [DONE, {**DONE, **BY_QUERY}]),
    ("R18", life, [RUNS, {**DONE, **BY_QUERY}], [{**RUNS, **BY_QUERY}, RUNS]),
    ("R21", alone, [read({"code": "x"}, 404)], [read({"code": "task_not_exist"}, 400)]),
    ("R23", alone, [GONE], [read(ERROR, 400, CONTENT)]),
    ("R25", alone, [read(VIDEO, 206, CONTENT)], [GONE]),
    ("R31", alone, [read(b"no", 404)], [read(ERROR, 404)]),
    ("R31", alone, [FOUND], [read({"code": "x", "message": "no"}, 400)]),
    ("R34", alone, [read(ERROR, 503)], [read(ERROR, 429)]),
    ("R36", alone, [read(ERROR, 404)], [FOUND]),
    ("R37", alone, [FOUND], [read(ERROR, 404)]),
    ("R37", alone, [read(b"no", 404)], [read(ERROR, 404)]),
    ("R39", alone, [read(RUNS, 299)], [FOUND]),
    ("R40", alone, [read(RUNS, 299, x_oneapi_request_id="a")], [read(RUNS, x_oneapi_request_id="a")]),
    ("R40", alone, [read(RUNS)], [read(RUNS, x_oneapi_request_id="")]),
    ("R44", alone, [read(ERROR, 502, CONTENT)], [read(ERROR, 502)]),
    ("R48", life, [{**RUNS, "prompt": ""}], [{**RUNS, "model": "m"}]),
    ("R49", life, [{**RUNS, "created_at": 9, "completed_at": 0}], [{**DONE, "created_at": 1, "completed_at": 2}]),
    ("R50", alone, [read(DONE)], [read({**DONE, "progress": 100})]),
    ("R50", alone, [read({**RUNS, "progress": 7})], [read({**DONE, "progress": 7})]),
    ("R52", history, [GONE], [GONE, GONE]),
    (
        "R52",
        history,
        [GONE, read(VIDEO, 206, CONTENT)],
        [*2 * [read(VIDEO, 206, CONTENT, content_range="bytes 0-9/9")]],
    ),
    ("R55", life, [DONE], [{**DONE, "seconds": "6"}]),
    ("R56", life, [{**RUNS, "created_at": 0}], [{**RUNS, "created_at": 1000}]),
]


@pytest.mark.parametrize(
    ("rule", "compared", "without", "given"),
    [pytest.param(*row, id=f"{row[0]} {number}") for number, row in enumerate(SOMETHING_TO_LOOK_AT)],
)
def test_a_rule_is_asked_where_there_is_something_to_look_at(
    rule: str, compared: Callable[..., Iterator[Outcome]], without: list[Any], given: list[Any]
) -> None:
    """An answer in which nothing is there that the rule speaks of does not count; with it, it does."""
    assert rule not in {number for number, _ in compared(*without)}
    assert rule in {number for number, _ in compared(*given)}


def test_a_bill_is_asked_where_something_was_answered(run: Run) -> None:
    """R54 of any answer, R28 of the refusal that it names alone."""
    with BillingCheck(run):
        pass
    assert run.log.asked == set()
    submit = CONTRACT.operations["extendVideo"]
    body = a_submit(submit)
    for status, rule in ((200, "R54"), (429, "R28")):
        request = run.request(submit, path={"video_id": SOURCE}, body=body, headers=[("Prefer", f"code={status}")])
        assert rule not in run.log.asked
        with BillingCheck(run):
            answer = run.send(request)
        assert billing.bill_rule(CONTRACT, answer) == rule
        assert rule in run.log.asked


def test_the_length_of_a_video_is_asked_where_it_is_known(run: Run) -> None:
    """It is not where it depends on a source of an unknown length."""
    assert run.control is not None
    tasks = TaskDriver(run)
    submit = CONTRACT.operations["extendUnifiedVideo"]
    task = tasks.submit(submit, a_submit(submit), SOURCE)
    run.control.advance(3600)
    tasks.read(task, tasks.route(task))
    task.length, length = None, 6.0
    Downloads(tasks).download(task)
    assert run.log.asked >= {"R24", "R52"}
    assert "R26" not in run.log.asked
    task.length, task.video = length, None
    with run.recorder.collecting([]):
        Downloads(tasks).download(task)
    assert "R26" in run.log.asked
