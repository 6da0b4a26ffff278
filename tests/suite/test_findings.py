"""What a run finds is all in its reports, each thing once, and hides nothing else."""

from __future__ import annotations

import collections
import dataclasses
import re

import pytest
from octopusx_video_contract.cases.submit_bodies import a_submit
from octopusx_video_contract.checks import task_life
from octopusx_video_contract.core.asking import ask_each
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.gaps import gaps
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.runner import plugin, reports
from octopusx_video_contract.scenarios import until_ended
from octopusx_video_contract.scenarios.task_driver import TaskDriver
from octopusx_video_contract.scenarios.whole_life import WholeLife
from octopusx_video_contract.sending.budget import NotAskedError
from octopusx_video_contract.sending.senders import InProcess
from octopusx_video_contract.sending.transport import NoResponseError
from octopusx_video_mock import Mock
from octopusx_video_mock.messages import Request as Asked
from octopusx_video_mock.messages import Response as Sent
from octopusx_video_openapi import load, task_ids

from tests.conftest import KEY, Command, Upstream
from tests.support import suite_runs
from tests.support.faulty import Defect, Exchange, faulty_server

CONTRACT = load()
SOURCE = task_ids.documented(CONTRACT)[0]
READ = Request("GET", f"/v1/videos/{SOURCE}")
LEVELS = {rule.id: rule.level for rule in CONTRACT.rules}
OK = Response(READ, 200, {"content-type": "application/json"}, b"{}")


@pytest.fixture
def run(mock: Mock) -> Run:
    """A run against a mock in this process."""
    return run_of(mock)


def run_of(mock: Mock) -> Run:
    """A run against a mock as it answers now."""
    return Run.begin(Settings("http://localhost", KEY, CONTRACT, (SOURCE,), seed=1), InProcess(mock.transport))


def kept(run: Run, layer: str, findings: list[Finding]) -> None:
    """Keep findings as the plugin does after a test."""
    for finding in findings:
        run.log.known[finding.key] = finding
        run.log.findings.append((layer, finding))


def found(run: Run, *faults: tuple[str, str]) -> list[Finding]:
    """What a run finds where these rules are broken by one response."""
    findings: list[Finding] = []
    with run.recorder.collecting(findings):
        for rule, detail in faults:
            run.recorder.check(rule, detail, OK)
    return findings


def test_a_finding_names_where_its_rule_is_documented(run: Run) -> None:
    """Within the site, or as a link if its base URL is known; a rule that the contract lacks has no place."""
    title = next(rule.title for rule in CONTRACT.rules if rule.id == "R08")
    for docs_url, address in (
        ("", "reference/rules/#R08"),
        ("https://docs.example.com/video", "https://docs.example.com/video/reference/rules/#R08"),
        ("https://docs.example.com/video/", "https://docs.example.com/video/reference/rules/#R08"),
    ):
        finding = run.with_settings(docs_url=docs_url).recorder.finding("R08", "a", OK)
        assert finding.text().splitlines()[0] == f"R08 (should) is broken: {title} See {address}"
    unknown = run.recorder.finding("R99", "a", OK)
    assert unknown.text().splitlines()[0] == "R99 (should) is broken: the contract has no such rule"


def test_the_place_in_the_documentation_is_named_once_for_each_rule(run: Run) -> None:
    """However many findings it has: on the console in its line, in the report below its heading."""
    kept(run, "boundaries", found(run, ("R36", "a"), ("R36", "b"), ("R40", "c")))
    console = "\n".join(plugin.broken(run.log.findings))
    report = reports.markdown(run, collections.Counter())
    for text in (console, report):
        assert re.findall(r"reference/rules/#(R\d\d)", text) == sorted(["R36", "R40"], key=lambda rule: LEVELS[rule])
    linked = run_of(Mock(token=KEY)).with_settings(docs_url="https://docs.example.com")
    kept(linked, "boundaries", found(linked, ("R36", "a")))
    assert "See <https://docs.example.com/reference/rules/#R36>." in reports.markdown(linked, collections.Counter())


def test_a_finding_hides_no_other(run: Run) -> None:
    """Where findings are collected, what follows is still asked; the same twice is one that was found twice."""
    findings = found(run, ("R36", "a"), ("R33", "b"), ("R36", "a"), ("R36", "c"))
    assert [(one.rule, one.detail, one.times) for one in findings] == [
        ("R36", "a", 2),
        ("R33", "b", 1),
        ("R36", "c", 1),
    ]


def test_what_an_earlier_test_found_fails_no_other_test(run: Run) -> None:
    """It is counted; anything else that is found of the same rule is a finding of its own."""
    kept(run, "boundaries", found(run, ("R36", "a")))
    run.recorder.check_all([("R36", "a"), ("R36", "a")], OK)
    with pytest.raises(Findings) as caught:
        run.recorder.check_all([("R36", "a"), ("R36", "c")], OK)
    assert [one.detail for one in caught.value.findings] == ["c"]
    assert [one.times for _, one in run.log.findings] == [4]


def test_the_same_about_another_request_is_another_finding(run: Run) -> None:
    """Where a rule speaks of what was asked, a finding of one request fails no less for that of another."""
    first, second = (run.request(CONTRACT.operations[name], body={}) for name in ("createVideoExtension",) * 2)
    second = dataclasses.replace(second, body=b"[]")
    findings: list[Finding] = []
    with run.recorder.collecting(findings):
        for request in (first, second, first):
            run.recorder.check("R41", "it got 200", Response(request, 200, {}, b""))
    assert [finding.times for finding in findings] == [2, 1]


def test_the_cases_after_a_finding_are_asked(run: Run) -> None:
    """Of several cases, and of several checks of a case, each is made."""
    made: list[str] = []

    def ask(case: str) -> None:
        run.recorder.check("R36", f"{case} 1", OK)
        run.recorder.check("R36", f"{case} 2", OK)
        made.append(case)

    with pytest.raises(Findings) as caught:
        ask_each(run, ["a", "b"], ask)
    assert made == ["a", "b"]
    assert [one.detail for one in caught.value.findings] == ["a 1", "a 2", "b 1", "b 2"]


def test_the_console_has_a_line_for_each_rule_and_operation(run: Run) -> None:
    """With a count and an example of each rule, what must be before what should be."""
    findings = found(run, ("R40", "x"), *(("R36", f"getVideoTask: {n}") for n in range(449)), ("R01", "y"))
    kept(run, "boundaries", findings)
    lines = list(plugin.broken(run.log.findings))
    assert sorted(line for line in lines if line.startswith("  g")) == [
        "  getVideoTask, 1 time: x",
        "  getVideoTask, 1 time: y",
        "  getVideoTask, 449 times in 449 ways: 0",
    ]
    levels = [level for line in lines for level in re.findall(r"^R\d+ \((\w+)\)", line)]
    assert levels == sorted(levels)
    assert len(lines) < 25


@pytest.mark.slow
def test_the_console_is_bounded(run: Run) -> None:
    """However much is broken, a screen or two name all rules and operations."""
    for rule in CONTRACT.rules:
        kept(run, "boundaries", [run.recorder.finding(rule.id, f"{n}\n" * 300, OK) for n in range(30)])
    lines = list(plugin.broken(run.log.findings))
    assert len(lines) <= max(plugin.MAX_LINES, 2 * len(CONTRACT.rules) + 1)
    assert {line[:3] for line in lines if line.startswith("R")} == {rule.id for rule in CONTRACT.rules}


def test_the_report_has_every_finding(run: Run) -> None:
    """A table first, then each of them with its response, folded; what must be before what should be."""
    kept(run, "boundaries", found(run, ("R40", "x | y"), *(("R36", f"way {n}") for n in range(12)), ("R01", "<b>")))
    text = reports.markdown(run, collections.Counter({("boundaries", "failed"): 1}))
    assert "1 test failed" in text
    rows = re.findall(r"^\| (R\d\d) \| (\w+) \| getVideoTask \| (\d+) \| (\d+) \| (.*) \|$", text, re.MULTILINE)
    assert sorted(rows) == [
        ("R01", LEVELS["R01"], "1", "1", "\\<b\\>"),
        ("R36", LEVELS["R36"], "12", "12", "way 0"),
        ("R40", LEVELS["R40"], "1", "1", "x \\| y"),
    ]
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    assert text.rindex("| getVideoTask |", 0, text.index("<details>")) < text.index("<details>")
    assert text.count("<details><summary>") == text.count("</details>") == 14
    assert "<b>" not in text
    assert [f"way {n} (1 time, boundaries)" in text for n in range(12)] == [True] * 12


@pytest.fixture
def wrong(mock: Mock) -> Run:
    """A run against a mock whose finished tasks have a progress of 99, and whose time passes with each read."""
    answer = mock.engine.respond

    def changed(request: Asked) -> Sent:
        if request.method == "GET" and not request.path.endswith(b"/content"):
            mock.clock.advance(20)
        sent = answer(request)
        return dataclasses.replace(sent, body=sent.body.replace(b'"progress":100', b'"progress":99'))

    mock.engine.respond = changed  # type: ignore[method-assign]
    return run_of(mock)


def test_a_task_is_known_whatever_was_wrong_with_its_answers(wrong: Run, mock: Mock) -> None:
    """A read that breaks a rule still shows that the task has ended."""
    tasks = TaskDriver(wrong)
    submit = CONTRACT.operations["extendVideo"]
    task = tasks.submit(submit, a_submit(submit), SOURCE)
    mock.clock.advance(3600)
    with pytest.raises((Finding, Findings)):
        tasks.read(task, tasks.route(task))
    assert task.phase == "succeeded"


@pytest.mark.slow
def test_nobody_waits_for_a_task_that_has_ended(wrong: Run) -> None:
    """What a finding shows as completed is not blamed for not ending, and what comes after the end is asked."""
    walk = WholeLife(wrong.with_settings(deadline=20.0))
    walk.whole()
    rules = {finding.rule for findings in walk.findings.values() for finding in findings}
    assert "R45" not in rules
    assert "R50" in rules
    assert wrong.log.asked >= {"R16", "R24", "R26", "R52"}


def _no_request_id(exchange: Exchange) -> None:
    exchange.headers.pop("x-oneapi-request-id", None)


@pytest.mark.slow
def test_one_cause_is_no_flood(run_suite: Command, upstream: Upstream) -> None:
    """A correct server without a header: 60 lines and ten failed tests at most, and no rule unasked for it."""
    with faulty_server((upstream.host, upstream.port), Defect("has no request id", answer=_no_request_id)) as server:
        done = run_suite("--base-url", server.base_url, "--seed", "1", "--max-examples", "1", "--deadline", "1")
    assert len(done.stdout.splitlines()) <= 60
    [failed] = re.findall(r"(\d+) failed", done.stdout)
    assert int(failed) <= 10
    [line] = re.findall(r"^rules not asked: (.*)$", done.stdout, re.MULTILINE)
    # They need a second key, a mock's books, or the end of a task, which takes longer than the second that it is given.
    assert set(line.split()) <= {"R20", "R26", "R28", "R29", "R30", "R35", "R51", "R52", "R54", "R57", "R58"}
    assert done.stdout.count("collected") == 1  # pytest's own line, and no second collection
    assert "%]" not in done.stdout


@pytest.mark.parametrize(
    ("fields", "raw", "said"),
    [
        ({"prompt": "\U0001f600"}, None, 'prompt "\U0001f600"'),
        ({"images": []}, None, "images []"),
        ({"duration": 0}, None, "duration 0"),
        ({"duration": 15}, None, "duration 15"),
        ({"prompt": "a" * 100_000}, None, "more characters"),
        ({}, b"[]", "the body []"),
        ({}, b'{"\xff', "the body '{\"\\xff'"),
        ({}, b"", "the body ''"),
    ],
)
def test_a_broken_server_is_named_with_what_broke_it(
    run: Run, fields: dict[str, object], raw: bytes | None, said: str
) -> None:
    """Several causes of a 500 are several findings, whose texts tell them apart and stay short."""
    submit = CONTRACT.operations["extendVideo"]
    body = {**a_submit(submit), **fields}
    request = run.request(submit, path={"video_id": SOURCE}, body=body, raw=raw)
    finding = run.recorder.finding("R44", "it got 500", Response(request, 500, {}, b""))
    assert f"(sent: {said}" in finding.detail or said in finding.detail
    assert len(finding.detail) < 200


def test_a_task_that_is_gone_is_not_blamed_on_a_colon(mock: Mock) -> None:
    """What can't be read at all is said to be lost, and not to be unreadable in one spelling."""
    answer = mock.engine.respond
    reads: list[Asked] = []

    def losing(request: Asked) -> Sent:
        sent = answer(request)
        if request.method == "GET":
            reads.append(request)
        return sent if len(reads) < 2 else dataclasses.replace(sent, status=404)

    mock.engine.respond = losing  # type: ignore[method-assign]
    run = run_of(mock)
    tasks = TaskDriver(run)
    submit = CONTRACT.operations["createVideoExtension"]
    findings: list[Finding] = []
    with run.recorder.collecting(findings):
        task = tasks.submit(submit, a_submit(submit), SOURCE)
        tasks.first_read(task, tasks.route(task))
    details = [finding.detail for finding in findings if finding.rule == "R04"]
    assert [("could be read before" in detail, "colon" in detail) for detail in details] == [(True, False)]


def test_a_server_that_is_wrong_in_many_ways_gets_less_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tasks are awaited for a part of the time alone, which is said, and that they did not end is no finding."""
    monkeypatch.setattr(until_ended, "_SHORT_DEADLINE", 0.2)
    said: list[str] = []
    run.log.announce = said.append
    kept(run, "boundaries", [run.recorder.finding(rule.id, "a", OK) for rule in CONTRACT.rules[:8]])
    walk = WholeLife(run)
    walk.whole()
    assert any("R45 is not asked" in line for line in said)
    assert "R45" not in run.log.asked
    assert "R45" not in {finding.rule for findings in walk.findings.values() for finding in findings}


def test_nothing_of_a_server_acts_in_the_report(run: Run) -> None:
    """Control characters and marks that turn text around are escapes there, and HTML and tables stay text."""
    bad = "\x1b[31m\u202egnp\u2066</details><script>|`"
    part = Response(READ, 200, {"x-oneapi-request-id": bad, "content-type": bad}, bad.encode())
    kept(run, "life", [run.recorder.finding("R40", f"x-oneapi-request-id is {bad}", part, is_whole=False)])
    text = reports.markdown(run, collections.Counter())
    assert re.findall("[\x1b\u202e\u2066]", text) == []
    assert "\\x1b[31m" in text
    outside = re.sub(r"(?ms)^(`{3,})$.*?^\1$", "", text)
    assert "<script>" not in outside
    assert outside.count("</details>") == 1


def test_an_operation_that_is_left_alone_is_one_finding(run: Run) -> None:
    """The first test that meets it fails and says so on the console; the others are skipped with the reason."""
    error = NoResponseError(READ, "getVideoTask is not asked any more: nothing came", is_sent=False)
    finding = run.recorder.unanswered(error)
    assert isinstance(finding, Finding)
    kept(run, "boundaries", [run.recorder.finding("R53", "nothing came", READ), finding])
    assert "    getVideoTask is not asked any more: nothing came" in list(plugin.broken(run.log.findings))
    assert isinstance(run.recorder.unanswered(NoResponseError(OK.request, str(error), is_sent=False)), NotAskedError)


def test_what_breaks_a_rule_is_kept_all_the_same(mock: Mock) -> None:
    """Whoever goes on after a finding knows the task that a submit told, and what was told of it."""
    answer = mock.engine.respond

    def changed(request: Asked) -> Sent:
        sent = answer(request)
        return dataclasses.replace(sent, headers=[one for one in sent.headers if one[0] != b"x-oneapi-request-id"])

    mock.engine.respond = changed  # type: ignore[method-assign]
    run = run_of(mock)
    tasks = TaskDriver(run)
    submit = CONTRACT.operations["extendVideo"]
    with pytest.raises(Finding):
        tasks.submit(submit, a_submit(submit), SOURCE)
    [task] = tasks.made
    told = task_life.Observation("getVideoTask", run.now(), {"id": "another"}, "running")
    with pytest.raises(Findings, match="asked for"):
        tasks.note(task, told, OK)
    assert task.observations[-1] is told


@pytest.mark.parametrize("error", [ValueError("it broke"), NotAskedError("it broke")])
def test_no_end_of_a_test_hides_a_finding(run: Run, request: pytest.FixtureRequest, error: Exception) -> None:
    """A test that is skipped, or breaks, after a finding has failed with it; what broke is said too."""
    test = plugin.Plugin(run).pytest_runtest_call(request.node)
    next(test)
    run.recorder.check("R36", "a", OK)
    with pytest.raises((Findings, NotAskedError)) as caught:
        test.throw(error)
    assert isinstance(caught.value, Findings)
    assert [finding.detail for finding in caught.value.findings] == ["a"]
    assert ("ended with ValueError: it broke" in str(caught.value)) is isinstance(error, ValueError)


def test_what_several_cases_raise_is_one_finding(run: Run) -> None:
    """A finding that ends its case is counted as one that does not."""

    def ask(_: str) -> None:
        raise run.recorder.finding("R36", "a", OK)

    with pytest.raises(Findings) as caught:
        ask_each(run, "ab", ask)
    assert [finding.times for finding in caught.value.findings] == [2]


def test_what_was_not_sent_is_said_in_words(run: Run) -> None:
    """Of a keyword that no value was sent for, both kinds are named apart."""
    names = [gap.name for gap in gaps(run) if gap.kind == "keyword"]
    assert names
    assert [name for name in names if not name.endswith(": no valid and no invalid value was sent")] == []


@pytest.mark.slow
def test_waiting_for_tasks_is_said_while_it_lasts(upstream: Upstream) -> None:
    """Also where the output is a file or a pipe, and while pytest captures what a test prints."""

    def soon() -> None:
        until_ended._SAY_AFTER = 0.1  # noqa: SLF001 - the process ends with the run

    limits = ("--layer", "life", "--rule", "R45", "--deadline", "0.5", "--seed", "1")
    done = suite_runs.run("--base-url", upstream.base_url, *limits, first=soon)
    assert re.search(r"^waiting for \d+ tasks to end: ", done.stdout, re.MULTILINE), done.stdout


def test_the_first_finding_ends_a_run_that_ends_at_once(run: Run) -> None:
    """With --fail-fast nobody reads a second one, so that neither cases nor lives are asked for it."""
    run = run.with_settings(ends_at_once=True)
    asked: list[int] = []

    def ask(case: int) -> None:
        asked.append(case)
        run.recorder.check("R20", f"the case {case}", OK)

    with pytest.raises(Findings) as caught:
        ask_each(run, range(5), ask)
    assert asked == [0]
    assert len(caught.value.findings) == 1
    walk = WholeLife(run)
    first = next(iter(walk.findings))
    with pytest.raises(Findings), walk._catching(first):  # noqa: SLF001 - what each step of a life runs in
        run.recorder.check("R20", "a step of a life", OK)
