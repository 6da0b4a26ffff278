"""The probe, against servers that answer in each of the ways that the pages and the gateway's source leave open."""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from octopusx_video_contract import cli
from octopusx_video_contract.probe import paid_task, shapes
from octopusx_video_mock import Mock
from octopusx_video_mock.messages import Request, Response
from octopusx_video_openapi import Contract, load

from tests.conftest import KEY, Upstream
from tests.support import documents
from tests.support.faulty import Defect, Exchange, always, faulty_server

Json = Any
Answerer = Callable[[Request], Response]
Quirk = Callable[["Service", Request, Answerer], Response]

SUBMIT = "createVideoExtension"
READ, QUERY, CONTENT = "getVideoTask", "queryUnifiedVideo", "downloadVideoContent"
READS = (READ, QUERY)


@dataclass
class Service:
    """The server that the probe starts, with a quirk: what it was asked, what the probe said of it."""

    mock: Mock | None = None
    key: str = ""
    asked: list[Request] = field(default_factory=list)
    status: int = -1
    report: dict[str, Json] = field(default_factory=dict)
    text: str = ""

    @property
    def changes(self) -> list[str]:
        """The proposals, each as place and what to do."""
        return [f"{proposal['place']}: {proposal['change']}" for proposal in self.report["proposals"]]

    def because(self, place: str) -> str:
        """Why a place is to be changed."""
        return " ".join(told["because"] for told in self.report["proposals"] if told["place"] == place)

    @property
    def with_key(self) -> list[Request]:
        """The requests that may be billed, by their method and their key."""
        unsafe = [one for one in self.asked if one.method not in {"GET", "HEAD", "OPTIONS"}]
        return [one for one in unsafe if self.key.encode() in b"".join(value for _, value in one.headers)]

    @property
    def submits(self) -> list[Request]:
        """The requests with the key that may start a task."""
        return [one for one in self.with_key if one.method == "POST" and not one.path.startswith(b"/__mock__/")]


def plain(service: Service, request: Request, correct: Answerer) -> Response:
    """The mock as it is."""
    return correct(request)


Probed = Callable[..., Service]


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Probed:
    """Probes the server that the command starts, with a quirk of its own."""

    def probed(quirk: Quirk = plain, *arguments: str, faults: tuple[str, ...] = (), as_json: bool = True) -> Service:
        service = Service()

        def started(contract: str | None, token: tuple[str, ...]) -> Mock:
            service.mock, service.key = Mock(contract, token=token), token[0]
            correct = service.mock.engine.respond

            def answer(request: Request) -> Response:
                service.asked.append(request)
                return quirk(service, request, correct)

            service.mock.engine.respond = answer  # type: ignore[method-assign]
            for fault in faults:
                service.mock.faults.on(fault)
            return service.mock

        monkeypatch.setattr("octopusx_video_mock.Mock", started)
        kind = ("--json",) if as_json else ()
        service.status = cli.main(["probe", *kind, "--ledger", str(tmp_path / "ledger"), *arguments])
        service.text = capsys.readouterr().out
        service.report = json.loads(service.text) if as_json else {}
        return service

    return probed


def edits(edit: Callable[[Json], Json], of: tuple[str, ...] = READS, status: int = 200) -> Quirk:
    """A server that changes the bodies of these operations' answers with a status."""

    def quirk(service: Service, request: Request, correct: Answerer) -> Response:
        answer = correct(request)
        if answer.operation in of and answer.status == status:
            answer.body = json.dumps(edit(json.loads(answer.body))).encode()
        return answer

    return quirk


def restates(operation: str | None, status: int, instead: int, body: Json = None, **headers: str) -> Quirk:
    """A server that gives another status, body and headers in the place of a status of an operation."""

    def quirk(service: Service, request: Request, correct: Answerer) -> Response:
        answer = correct(request)
        if answer.operation == operation and answer.status == status:
            answer.status = instead
            answer.headers = [pair for pair in answer.headers if pair[0] not in {b"allow", b"location"}]
            answer.headers += [(name.encode(), value.encode()) for name, value in headers.items()]
            answer.body = answer.body if body is None else json.dumps(body).encode() if body else b""
        return answer

    return quirk


ENVELOPES: dict[str, Json] = {
    "middleware": {"error": {"message": "no (request id: 1)", "type": "new_api_error", "code": ""}},
    "task": {"code": "task_not_exist", "message": "no such task", "data": None},
    "content proxy": {"error": {"message": "Task not found", "type": "invalid_request_error"}},
    "dashboard": {"success": False, "message": "no such task"},
}


@pytest.mark.slow
@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_proposes_the_status_and_the_envelope_of_an_unknown_task(probe: Probed, envelope: str, status: int) -> None:
    """The status that came is raised, the other is dropped or gives its cause away, and the shape is told."""
    body = ENVELOPES[envelope]
    found = probe(restates(READ, 400, status, body))
    assert f"{READ} responses.{status}: raise to probed" in found.changes
    moved = f"{READ} responses.400: move x-when unknown-task to 404" in found.changes
    assert moved == (status == 404)
    assert (f"{READ} responses.404: drop 404 for unknown-task" in found.changes) == (status == 400)
    shape = "schemas.ErrorResponse: add this shape, probed"
    assert (shape in found.changes) == (envelope == "dashboard")
    example = f"{READ} responses.400.task_not_exist: give the example of unknown-task this shape"
    assert (example in found.changes) == (status == 400 and envelope != "task")
    assert ("R21: change it, or find out when it holds" in found.changes) == (status == 400 and envelope != "task")


def test_drops_nothing_that_may_have_other_causes(probe: Probed) -> None:
    """A status that other causes get stays, and so do both where the service answered with a third."""
    assert not [change for change in probe().changes if change.startswith(f"{CONTENT} responses.400")]
    third = probe(restates(READ, 400, 410)).changes
    assert f"{READ} responses.410: add responses.410, probed" in third
    assert not [change for change in third if change.startswith(f"{READ} responses.404")]


PATHS = len({operation.path for operation in load().operations.values()})


def wrong_method(status: int, **headers: str) -> Quirk:
    """A server that answers wrong methods of known paths in its own way."""
    return restates(
        None, 405, status, {"error": {"message": "Invalid URL", "type": "invalid_request_error"}}, **headers
    )


@pytest.mark.parametrize(
    ("quirk", "told", "change"),
    [
        (plain, f"405 ({PATHS} times)", "may be raised"),
        (wrong_method(404), f"404 ({PATHS} times)", "may be raised"),
        (wrong_method(405), f"405 ({PATHS} times)", "change it"),
        (wrong_method(200), "200 (", "change it"),
    ],
    ids=["405 and Allow", "404", "405 without Allow", "200"],
)
def test_tells_how_a_wrong_method_is_refused(probe: Probed, quirk: Quirk, told: str, change: str) -> None:
    """The rule is kept by 405 with Allow and by 404, broken by all else, and named with what came."""
    found = probe(quirk)
    assert f"wrong method got {told}" in found.because("R32")
    assert f"R32: {change}" in found.changes


def slash(service: Service, request: Request, correct: Answerer) -> Response:
    """The framework's way: a path with a slash too many is redirected."""
    answer = correct(request)
    if answer.operation is None and request.path.endswith(b"/") and answer.status == 404:
        answer.status = 307 if request.query or b"query" in request.path else 301
        answer.headers.append((b"location", request.path.rstrip(b"/") + b"?signature=secret"))
    return answer


@pytest.mark.parametrize(("quirk", "told"), [(plain, "404 (3 times)"), (slash, "301 (2 times) and 307 (once)")])
def test_tells_what_a_trailing_slash_gets(probe: Probed, quirk: Quirk, told: str) -> None:
    """A redirect is told and not followed, and the rule is kept either way."""
    found = probe(quirk)
    assert f"trailing slash got {told}" in found.because("R43")
    assert "R43: may be raised" in found.changes
    assert "signature" not in found.text


def times(change: Callable[[int], Json], *names: str) -> Quirk:
    """A server that tells its times otherwise."""

    def edit(body: Json) -> Json:
        return {name: change(value) if name in names and value else value for name, value in body.items()}

    return edits(edit)


def values(contract: Contract, schema: str, value_of: str) -> list[str]:
    """The fields of a schema that hold a value."""
    properties = documents.document(contract)["components"]["schemas"][schema]["properties"]
    return [name for name, node in properties.items() if node.get("x-value-of") == value_of]


def test_tells_the_unit_of_times(probe: Probed, contract: Contract) -> None:
    """Seconds keep R13, milliseconds break it and are proposed as the unit, text is proposed as a type as well."""
    names = values(contract, "VideoTask", "task.created")
    place = f"schemas.VideoTask {names[0]}"
    assert "R13: may be raised" in probe().changes
    milliseconds = probe(times(lambda value: value * 1000, *names))
    assert f"{place}: let it be milliseconds, and see R13" in milliseconds.changes
    assert "R13" in [
        told["place"] for told in milliseconds.report["proposals"] if told["change"].startswith("change it")
    ]
    text = probe(times(lambda value: "2026-01-01T00:00:00+08:00", *names))
    assert f"{place}: widen it" in text.changes
    assert f"{place}: let it be text, and see R13" in text.changes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "kind"), [("0", "text of digits"), ("50%", "text of a percentage"), (50.5, "number")]
)
def test_tells_the_type_of_progress(probe: Probed, contract: Contract, value: Json, kind: str) -> None:
    """A progress of another type than the contract's is proposed by its kind; the contract's own is not."""
    (name,) = values(contract, "VideoTask", "task.progress")
    place = f"schemas.VideoTask {name}"
    assert not [change for change in probe().changes if change.startswith(place)]
    found = probe(edits(lambda body: {**body, name: value}, of=(READ,)))
    assert f"{place}: widen it" in found.changes
    assert f"was {kind}" in found.because(place)


def _with_status(status: str, body: Json) -> Json:
    return {**body, "status": status}


@pytest.mark.slow
def test_tells_which_vocabulary_a_status_is_of(probe: Probed, contract: Contract) -> None:
    """A value with a grade is raised, one that the contract does not know is proposed, a documented one is not."""
    grades = documents.document(contract)["components"]["schemas"]["SucceededStatus"]["x-enum-grades"]
    documented = [value for value, grade in grades.items() if "documented" in grade]
    inferred = [value for value, grade in grades.items() if "inferred" in grade]
    assert documented
    assert inferred
    for value in [*documented, *inferred]:
        found = probe(edits(functools.partial(_with_status, value)))
        raised = f"schemas.SucceededStatus {value}: raise to probed" in found.changes
        assert raised == (value in inferred), value
    unknown = probe(edits(lambda body: {**body, "status": "moderating"}))
    assert "moderating" in unknown.because("schemas.TaskStatus")


def test_tells_which_fields_nobody_has_documented(probe: Probed) -> None:
    """A field that the contract has not is proposed by its name and kind, and its value does not show."""
    found = probe(edits(lambda body: {**body, "seed": "hidden-value-7"}, of=(READ,)))
    assert "schemas.VideoTask seed: add it, probed" in found.changes
    assert "hidden-value" not in found.text


def whole(service: Service, request: Request, correct: Answerer) -> Response:
    """A content proxy that does not forward Range."""
    without = [pair for pair in request.headers if pair[0] != b"range"]
    return correct(Request(request.method, request.path, request.query, without, dict(without), request.body, ""))


def test_tells_how_the_content_is_sent(probe: Probed) -> None:
    """Range is raised where it is honoured, called ignored where all of the video came, and JSON is told as such."""
    honoured = probe()
    assert f"{CONTENT} parameters.Range: raise to probed" in honoured.changes
    assert f"{CONTENT} responses.206: raise to probed" in honoured.changes
    ignored = probe(whole)
    assert f"{CONTENT} parameters.Range: say that the service ignores it" in ignored.changes
    assert not [change for change in ignored.changes if "responses.206" in change]

    def as_json(service: Service, request: Request, correct: Answerer) -> Response:
        answer = correct(request)
        if answer.operation == CONTENT and answer.status in {200, 206}:
            answer.status, answer.headers = 200, [(b"content-type", b"application/json")]
            answer.body = b'{"url": "https://cdn.example.com/v.mp4?X-Signature=abcdef0123456789abcdef"}'
        return answer

    addressed = probe(as_json)
    assert "R39: change it, or find out when it holds" in addressed.changes
    assert "R25: change it" in addressed.changes
    assert "X-Signature" not in addressed.text


def hides(seconds: float) -> Quirk:
    """A server whose new tasks are unknown for so long."""

    def quirk(service: Service, request: Request, correct: Answerer) -> Response:
        assert service.mock is not None
        made = service.mock.submissions
        named = bool(made) and made[-1].task.encode() in request.path + b"?" + request.query
        if named and service.mock.clock.now() < made[-1].at + seconds:
            unknown = re.sub(re.escape(made[-1].task.encode()), b"unknown", request.path + b"?" + request.query)
            path, _, query = unknown.partition(b"?")
            return correct(Request(request.method, path, query, request.headers, dict(request.headers), None, ""))
        return correct(request)

    return quirk


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "told", "read", "at_once"),
    [(0, "at once", "kept", "kept"), (7, "after 7.0 s", "kept", "broken"), (10_000, "not within", "broken", "broken")],
)
def test_tells_when_a_new_task_can_be_read(probe: Probed, seconds: int, told: str, read: str, at_once: str) -> None:
    """Whether it is at once, after a gap or not within the tolerance, by each route."""
    found = probe(hides(seconds), "--max-paid", "1")
    for route in READS:
        assert any(line.startswith(f"{route}: readable {told}") for line in found.report["what_became_of_it"])
    rules = {row["rule"].partition(" ")[0]: row["received"] for row in found.report["rules"]}
    assert rules["R04"] == f"kept by {int(read == 'kept')} of 1"
    assert rules["R05"] == f"kept by {int(at_once == 'kept')} of 1"
    assert found.status == 0


def as_total(service: Service, request: Request, correct: Answerer) -> Response:
    """A server that takes the duration for the length of the whole: for it, an extension starts nowhere."""
    if request.path.endswith(b"/extensions") and request.body:
        body = {**json.loads(request.body), "start_time": 0}
        request = Request(
            *(request.method, request.path, request.query, request.headers, dict(request.headers)),
            json.dumps(body).encode(),
            "",
        )
    return correct(request)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("quirk", "told", "change"),
    [(plain, "added", "raise to probed"), (as_total, "the total", "let the length be the total")],
)
def test_settles_what_the_duration_is(probe: Probed, quirk: Quirk, told: str, change: str) -> None:
    """The length of the video tells which of the two readings of the pages holds."""
    found = probe(quirk, "--max-paid", "1")
    assert f"{SUBMIT} x-result-length: {change}" in found.changes
    assert f"what is asked for is {told}" in found.because(f"{SUBMIT} x-result-length")
    rules = {row["rule"].partition(" ")[0]: row["received"] for row in found.report["rules"]}
    assert rules["R26"] == rules["R55"] == f"kept by {int(quirk is plain)} of 1"


def test_tells_each_change_with_its_second(probe: Probed, contract: Contract) -> None:
    """The new task is followed by both routes from its first status to its last."""
    found = probe(plain, "--max-paid", "1")
    life = documents.document(contract)["x-task-life"]
    for route in READS:
        told = [(row["second"], row["value"]) for row in found.report["new_task"] if row["route"] == route]
        statuses = [one for one in told if one[1] in {life["runs"][0]["status"], life["succeeds"]["status"]}]
        assert statuses == [("0.0 s", life["runs"][0]["status"]), (f"{life['runs'][0]['lasts']:.1f} s", "completed")]
    assert "the routes agree about its end" in found.report["what_became_of_it"]


def test_gives_up_at_the_deadline(probe: Probed) -> None:
    """A task that does not end in time is told so, and nothing is proposed about its end."""
    found = probe(plain, "--max-paid", "1", "--deadline", "20")
    assert "it had not ended after 20 s" in found.report["what_became_of_it"]
    assert not [change for change in found.changes if change.startswith(("x-task-life", "R16", "R45"))]


def test_does_not_raise_a_header_that_did_not_come(probe: Probed) -> None:
    """Without X-Oneapi-Request-Id its rule is broken, and its grade stays."""

    def without(service: Service, request: Request, correct: Answerer) -> Response:
        answer = correct(request)
        answer.headers = [pair for pair in answer.headers if pair[0].lower() != b"x-oneapi-request-id"]
        return answer

    assert "headers.RequestId: raise to probed" in probe().changes
    found = probe(without)
    assert "headers.RequestId: raise to probed" not in found.changes
    assert "R33: change it" in found.changes


def test_names_where_a_broken_rule_is_documented(probe: Probed) -> None:
    """In the row of the rule; those that are kept need no place."""
    found = probe(restates(READ, 200, 201), "--docs-url", "https://docs.example.com")
    rules = {row["rule"][:3]: row for row in found.report["rules"]}
    broken = {rule for rule, row in rules.items() if row["broken"]}
    assert broken
    for rule, row in rules.items():
        place = f"https://docs.example.com/reference/rules/#{rule}"
        assert row["documentation"] == (place if rule in broken else "")


def test_tells_whether_the_request_id_of_the_caller_is_taken(probe: Probed) -> None:
    """It is said to come back only where it does."""

    def adopts(service: Service, request: Request, correct: Answerer) -> Response:
        answer = correct(request)
        own = request.header(b"x-oneapi-request-id")
        return restated(answer, own) if own else answer

    def restated(answer: Response, own: bytes) -> Response:
        answer.headers = [pair for pair in answer.headers if pair[0].lower() != b"x-oneapi-request-id"]
        answer.headers.append((b"x-oneapi-request-id", own))
        return answer

    assert "the request id of the caller comes back" in probe(adopts).report["also_seen"]
    assert "the request id of the caller comes back" not in probe().report["also_seen"]


def test_tells_of_an_empty_429(probe: Probed) -> None:
    """An error without a body is proposed as one, and whether Retry-After came is told."""
    found = probe(restates(READ, 401, 429, ""))
    assert f"{READ} responses.429: say that its content may be missing" in found.changes
    assert f"{READ} responses.429: raise to probed" in found.changes
    assert any(
        line.startswith("0 of ") and line.endswith(" responses with 429 had Retry-After")
        for line in found.report["also_seen"]
    )
    assert "R02: may be raised" in found.changes  # a 429 says nothing of the key
    assert not [change for change in found.changes if "move x-when no-credential" in change]


def test_proposes_nothing_for_what_was_not_seen(probe: Probed, contract: Contract) -> None:
    """Each status that is proposed came, each that did not is told to be open, and so is what needs money."""
    found = probe()
    came = {
        (row["question"].partition(": ")[2].partition(",")[0].partition(" with")[0], row["received"].partition(" ")[0])
        for row in found.report["questions"]
    }
    for proposal in found.report["proposals"]:
        match = re.fullmatch(r"(\w+) responses\.(\d+)", proposal["place"])
        if match and proposal["change"] == "raise to probed":
            operation = contract.operations[match[1]]
            assert (f"{operation.method.upper()} {operation.path}", match[2]) in came
    assert any("no paid submit, --max-paid is 0" in line for line in found.report["still_open"])
    assert not [change for change in found.changes if "x-result-length" in change or "x-task-life" in change]


def test_submits_nothing_with_the_key_by_default(probe: Probed) -> None:
    """Without --max-paid no request leaves that could be billed, not even to a server on this machine."""
    found = probe()
    assert found.status == 0
    assert found.mock is not None
    assert found.mock.submissions == []
    assert found.submits == []
    assert all(request.body in {b"", None} for request in found.with_key)
    assert "DELETE" not in {request.method for request in found.asked}


@pytest.mark.slow
@pytest.mark.parametrize("fault", [None, "lost_answer", "server_error_billed", "connection_reset"])
@pytest.mark.parametrize("units", [1, 5])
def test_submits_once_whatever_comes(probe: Probed, contract: Contract, fault: str | None, units: int) -> None:
    """With --max-paid one submit is sent, and never again: not where its answer is lost, and not where it is a 5xx."""
    sent: list[Request] = []

    def counting(service: Service, request: Request, correct: Answerer) -> Response:
        assert service.mock is not None
        if request.method == "POST" and service.key.encode() in (request.header(b"authorization") or b""):
            if request.body != b"{}":
                sent.append(request)
            if fault:
                with service.mock.fault(fault):
                    return correct(request)
        return correct(request)

    found = probe(counting, "--max-paid", str(units))
    assert found.mock is not None
    assert len(sent) == 1
    assert [one.operation for one in found.mock.submissions] in ([], [SUBMIT], [SUBMIT, SUBMIT])
    assert len(found.submits) == min(units, 2)
    assert any(f" of {units} units are spent" in line for line in found.report["what_it_may_have_cost"])
    assert found.status == 0
    if fault is None:
        assert [one.operation for one in found.mock.submissions] == [SUBMIT]
    else:
        assert any("has no id" in line for line in found.report["still_open"])


def test_reports_what_was_paid_for_when_it_is_interrupted(probe: Probed, tmp_path: Path) -> None:
    """Whoever breaks off keeps the id of the new task, and what was told of it so far."""
    report = tmp_path / "report.md"
    read = iter(range(5))

    def breaks_off(service: Service, request: Request, correct: Answerer) -> Response:
        assert service.mock is not None
        if service.mock.submissions and request.method == "GET" and next(read, None) is None:
            raise KeyboardInterrupt
        return correct(request)

    found = probe(breaks_off, "--max-paid", "1", "--report", str(report))
    assert found.status == 130
    assert found.mock is not None
    (paid,) = found.mock.submissions
    for shown in (found.text, report.read_text("utf-8")):
        assert paid.task in shown
        assert READ in shown
    assert found.report["new_task"]
    assert "broken off" in report.read_text("utf-8")


def test_pays_for_nothing_where_the_task_cannot_be_read(probe: Probed) -> None:
    """A source that the key does not have is not extended, whatever may be paid."""
    found = probe(plain, "--max-paid", "1", "--task-id", "task_nobody_has")
    assert found.submits == []
    assert any("there is no task that could be read" in line for line in found.report["still_open"])


def secrets(key: str) -> dict[str, str]:
    """What a careless server could give away."""
    return {
        "the key": key,
        "the key in base64": base64.b64encode(f"user:{key}".encode()).decode(),
        "another key": "sk-proj-otherpeople",
        "a part of the key": f"{key[:9]}***{key[-4:]}",
        "a cookie": "session-cookie-value-77",
        "a mail address": "owner@account.example",
        "a balance": "1234.56",
        "a signature": "Signature=5f2c0d",
    }


@pytest.mark.parametrize("kind", ["--json", "text"])
def test_shows_no_secret(probe: Probed, tmp_path: Path, kind: str) -> None:
    """No key or what is made of it, no cookie, signed address, mail or money shows, in any form of the report."""

    def leaks(service: Service, request: Request, correct: Answerer) -> Response:
        answer = correct(request)
        told = secrets(service.key)
        answer.headers.append((b"set-cookie", told["a cookie"].encode()))
        answer.headers.append((b"x-user", told["a mail address"].encode()))
        answer.headers.append((b"vary", told["the key"].encode()))
        if answer.operation in READS and answer.status == 200:
            body = json.loads(answer.body)
            signed = f"https://cdn.example.com/video.mp4?{told['a signature']}"
            answer.body = json.dumps({**body, "video_url": signed, "owner": told, "status": told["the key"]}).encode()
        elif answer.status >= 400:
            answer.body = json.dumps({"success": False, "message": " ".join(told.values()), **told}).encode()
        return answer

    report = tmp_path / "report.md"
    found = probe(leaks, "--max-paid", "1", "--deadline", "10", "--report", str(report), as_json=kind == "--json")
    for shown in (found.text, report.read_text("utf-8")):
        assert len(shown) > 1000
        for name, secret in secrets(found.key).items():
            assert secret not in shown, name
            assert name == "a balance" or secret[:10] not in shown, name


@pytest.mark.slow
def test_shows_no_key_of_whatever_kind(probe: Probed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A key that looks like a word is hidden where a server says it: as a code, a header, a status, a field, an id."""
    key = "opaquekeyofwords"
    monkeypatch.setattr("octopusx_video_contract.runner.target._MOCK_KEY", key)

    def leaks(service: Service, request: Request, correct: Answerer) -> Response:
        answer = correct(request)
        answer.headers += [(b"vary", key.encode()), (key.encode(), b"1")]
        if answer.status >= 400 and request.path[:4] == b"/v1/":
            answer.body = json.dumps({"code": key, "message": key, "data": None, key: key}).encode()
        elif answer.operation in READS:
            answer.body = json.dumps({**json.loads(answer.body), "status": key, key: 1}).encode()
        return answer

    report = tmp_path / "report.md"
    for as_json in (True, False):
        found = probe(leaks, "--max-paid", "1", "--deadline", "5", "--report", str(report), as_json=as_json)
        for shown in (found.text, report.read_text("utf-8")):
            assert "[key]" in shown
            assert key[:9] not in shown


@pytest.mark.slow
def test_the_reports_say_the_same(probe: Probed, tmp_path: Path) -> None:
    """Text and Markdown hold every proposal that JSON has, and what it may have cost."""
    report = tmp_path / "report.md"
    proposals = probe().report["proposals"]
    text = probe(plain, "--report", str(report), as_json=False).text
    for proposal in proposals:
        assert proposal["change"] in text
        assert proposal["place"] in report.read_text("utf-8")
    assert "0 of 0 units are spent" in text


def test_says_when_too_little_was_answered(probe: Probed) -> None:
    """A server that answers everything with 429 teaches nothing, and the probe fails."""

    def busy(service: Service, request: Request, correct: Answerer) -> Response:
        answer = correct(request)
        answer.status = 429
        return answer

    found = probe(busy)
    assert found.status == 1
    assert not [change for change in found.changes if change.startswith(("R02", "R32", "R43", "R46"))]


def test_cannot_start_without_a_key(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that is named needs a key, and the error says where it belongs."""
    monkeypatch.delenv("OCTOPUSX_API_KEY", raising=False)
    assert cli.main(["probe", "--base-url", "http://127.0.0.1:1"]) == 2
    assert "OCTOPUSX_API_KEY" in capsys.readouterr().err


@pytest.fixture
def over_http(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Json]]:
    """Probes a server over HTTP."""

    def probed(url: str, *arguments: str) -> tuple[int, Json]:
        monkeypatch.setenv("OCTOPUSX_API_KEY", KEY)
        status = cli.main(["probe", "--json", "--base-url", url, *arguments])
        return status, json.loads(capsys.readouterr().out)

    return probed


def test_probes_over_http(over_http: Callable[..., tuple[int, Json]], upstream: Upstream) -> None:
    """A server that is named is probed as one that was started, and asked for no submit that could be billed."""
    asked: list[Exchange] = []
    with faulty_server((upstream.host, upstream.port), Defect("none", answer=asked.append)) as server:
        status, report = over_http(server.base_url)
    assert status == 0
    assert f"{READ} responses.400" in [proposal["place"] for proposal in report["proposals"]]
    posted = [exchange for exchange in asked if exchange.method == "POST"]
    assert posted
    assert {exchange.status for exchange in posted} <= {401, 404}


def test_probes_a_server_that_always_breaks(over_http: Callable[..., tuple[int, Json]], upstream: Upstream) -> None:
    """5xx to everything is too little to say anything, and is told all the same."""
    broken = always(500, {"error": {"message": "broken", "type": "new_api_panic"}})
    with faulty_server((upstream.host, upstream.port), broken) as server:
        status, report = over_http(server.base_url)
    assert status == 1
    assert f"{READ} responses.500" in [proposal["place"] for proposal in report["proposals"]]


def test_a_submit_over_http_that_is_refused_is_not_repeated(
    over_http: Callable[..., tuple[int, Json]], upstream: Upstream, tmp_path: Path
) -> None:
    """A 5xx to the one paid submit is the end of it, and the account says that it may have been billed."""

    def breaks(exchange: Exchange) -> None:
        if exchange.method == "POST" and exchange.status == 200:
            exchange.status, exchange.body = 502, b"<html></html>"

    with faulty_server((upstream.host, upstream.port), Defect("502", answer=breaks)) as server:
        status, report = over_http(server.base_url, "--max-paid", "1", "--ledger", str(tmp_path / "ledger"))
    assert status == 0
    assert any(line.startswith("at most 1 submits may have been billed") for line in report["what_it_may_have_cost"])
    assert f"{SUBMIT} responses.502: add responses.502, probed" in [
        f"{proposal['place']}: {proposal['change']}" for proposal in report["proposals"]
    ]


MAX_SHOWN = [
    ("https://cdn.example.com/a/b.mp4?sig=1", "https://cdn.example.com/… (14 characters)"),
    ("Bearer sk-abc refused", "Bearer […] refused"),
    ("invalid_request_error task_not_exist", "invalid_request_error task_not_exist"),
    ("quota 1234.56 of me@example.com", "quota [number] of [mail]"),
    ("a\x1b[31mb\u202e", "a [31mb "),
]


@pytest.mark.parametrize(("said", "expected"), MAX_SHOWN)
def test_cleans_what_a_server_said(said: str, expected: str) -> None:
    """Codes stay, whatever may be somebody's goes, and nothing acts on a terminal."""
    assert shapes.clean(said) == expected


def test_bears_what_no_service_should_say(probe: Probed) -> None:
    """Deep objects, half a character, a number past all bounds and a hostile id neither break the report nor act."""
    deep: Json = {}
    for _ in range(300):
        deep = {"deep": deep}
    odd = {"deep": deep, "half\ud800": "\ud800", "huge": 10**400, "list": [1]}

    def quirk(service: Service, request: Request, correct: Answerer) -> Response:
        answer = correct(request)
        if answer.headers and (b"content-type", b"application/json") in answer.headers and request.path[:4] == b"/v1/":
            body = json.loads(answer.body)
            late = {name: 10**400 for name, value in body.items() if type(value) is int}
            answer.body = json.dumps({**body, **odd, **late}).encode()
            if answer.status == 200 and answer.operation == SUBMIT:
                answer.body = json.dumps({**body, "id": "\x1b[31m\ud800"}).encode()
        return answer

    for as_json in (True, False):
        found = probe(quirk, "--max-paid", "1", "--deadline", "5", as_json=as_json)
        assert found.status == 0
        assert "\x1b" not in found.text


def test_cuts_what_a_server_said() -> None:
    """However much a server says, little of it is shown."""
    assert len(shapes.clean("word " * 10_000)) <= shapes.MAX_SHOWN + 1


def test_extends_by_a_length_that_tells_the_readings_apart(contract: Contract) -> None:
    """The body of the paid submit gives a total that differs from what is added, or nothing would be settled."""
    submit = contract.operations[paid_task.SUBMIT]
    _, example = next(documents.examples(contract, documents.body(submit)))
    rule = documents.definition(submit)["x-result-length"]
    assert example[rule["starts-at"]["field"]] > 0
    assert rule["adds"]["field"] in example
