"""Results and reports: rebuilt from the ledger, one line a job, and one page that loads nothing."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from octopusx_video.batch import MEANINGS

from tests.support.batches.service import line
from tests.support.batches.trial import Trial, lines, losing, named, prompt_of, read_lines, refusing
from tests.support.sdk.clients import BASE_URL
from tests.support.sdk.command import Here

FIELDS = ["custom_id", "state", "task_id", "file", "attempts", "seconds", "reason", "operation", "source"]


@pytest.fixture
def run(trial: Trial, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Run the command in the folder of a trial."""
    return Here(monkeypatch, capsys, trial.folder, BASE_URL)


def mixed(folder: Path) -> Trial:
    """A batch with jobs that are done, refused, parked and held."""

    def handle(request: Any, pass_on: Any) -> Any:
        job = prompt_of(request) if request.method == "POST" else ""
        kind = refusing(400) if job == "job-1" else losing() if job == "job-2" else None
        return pass_on(request) if kind is None else kind(request, pass_on)

    trial = Trial(folder, handle)
    trial.run(lines(5), max_paid=3, concurrency=1)
    assert trial.states == {"job-0": "done", "job-1": "refused", "job-2": "parked", "job-3": "done", "job-4": "held"}
    return trial


def test_results_and_errors_have_a_line_for_each_job(tmp_path: Path) -> None:
    """Those that are done in one file, all others in the other one, with what a program needs."""
    trial = mixed(tmp_path)
    results, errors = read_lines(trial.out / "results.jsonl"), read_lines(trial.out / "errors.jsonl")
    assert (named(results), named(errors)) == (["job-0", "job-3"], ["job-1", "job-2", "job-4"])
    assert results[0].keys() == errors[0].keys() == set(FIELDS)
    assert (results[0]["state"], results[0]["task_id"]) == ("done", trial.tasks["job-0"][0])
    assert (trial.out / results[0]["file"]).is_file()
    assert (errors[0]["state"], errors[0]["attempts"], errors[0]["file"]) == ("refused", 1, None)
    assert "the prompt is not allowed" in errors[0]["reason"]


def test_nothing_is_left_in_the_folder_but_what_is_documented(trial: Trial) -> None:
    """The ledger, the lock, the videos and the two files."""
    trial.run(lines(2))
    assert {path.name for path in trial.out.iterdir()} == {
        "ledger.sqlite3",
        "lock",
        "videos",
        "results.jsonl",
        "errors.jsonl",
    }


def test_a_report_as_json_lines(run: Here, trial: Trial) -> None:
    """All jobs in their order, on standard output or in a file."""
    trial.run(lines(3), max_paid=2)
    done = run("batch", "report", "out")
    assert done.returncode == 0
    rows = [json.loads(text) for text in done.stdout.splitlines()]
    assert named(rows) == ["job-0", "job-1", "job-2"]
    assert run("batch", "report", "out", "-o", "report.jsonl").stdout == "report.jsonl\n"
    assert (trial.folder / "report.jsonl").read_text("utf-8") == done.stdout


def test_a_report_as_csv(run: Here, trial: Trial) -> None:
    """With a line of names; a cell is no formula for a spreadsheet."""
    ids = ["=1+1", "+1", "-1", "@a", 'quote " and, comma', "two\nlines"]
    trial.run([{**line(f"p{number}"), "custom_id": job} for number, job in enumerate(ids)])
    shown = run("batch", "report", "out", "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(shown)))
    assert list(rows[0]) == FIELDS
    assert [row["custom_id"] for row in rows] == ["'=1+1", "'+1", "'-1", "'@a", *ids[4:]]
    assert {row["state"] for row in rows} == {"done"}


class Page(HTMLParser):
    """Collects the tags, the attributes and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Called by the parser."""
        self.text += data


def page(run: Here) -> Page:
    """The HTML report of a batch."""
    done = run("batch", "report", "out", "--format", "html")
    assert done.returncode == 0
    found = Page()
    found.feed(done.stdout)
    return found


def test_the_page_shows_states_over_time_and_what_needs_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts with their meanings, a chart with an area for each state, and the jobs that are not done."""
    mixed(tmp_path)
    found = page(Here(monkeypatch, capsys, tmp_path, BASE_URL))
    for state in ("done", "refused", "parked", "held"):
        assert MEANINGS[state] in found.text
    assert "5 jobs, 2 done" in found.text
    assert "job-1" in found.text
    assert "the prompt is not allowed" in found.text
    assert found.tags.count("svg") == 1
    assert found.tags.count("path") >= 4
    label = dict(found.attributes)["aria-label"]
    assert label is not None
    assert "refused: 1" in label


def test_the_page_loads_nothing(run: Here, trial: Trial) -> None:
    """No script, no style sheet, no picture of any host; the server is named as text."""
    trial.run(lines(3), max_paid=1)
    found = page(run)
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(found.tags)
    assert not [value for name, value in found.attributes if name in {"src", "href", "action", "srcset"}]
    assert not re.search(r"url\(|@import", found.text)


def test_ids_and_reasons_are_text_in_the_page(run: Here, trial: Trial) -> None:
    """Whatever they hold, they are no elements."""
    hostile = '<script>alert(1)</script><img src="http://example.com/x">'
    trial.run([{**line("a"), "custom_id": hostile}], max_paid=0)
    found = page(run)
    assert hostile in found.text
    assert not {"script", "img"} & set(found.tags)


def test_a_large_batch_makes_a_small_chart(run: Here, trial: Trial) -> None:
    """Moments are thinned out, and rows are counted after the first five hundred."""
    trial.run(lines(600), max_paid=0)
    trial.sql("UPDATE event SET at = id")
    trial.sql("UPDATE job SET state = 'refused', changed_at = number + 1000")
    trial.sql("UPDATE job SET state = 'failed', changed_at = number + 3000")
    found = page(run)
    assert "and 100 more, in errors.jsonl" in found.text
    assert max(len(value or "") for name, value in found.attributes if name == "d") < 50_000


def test_a_report_before_anything_ran_is_a_page_too(run: Here, trial: Trial) -> None:
    """Without a chart of a single moment."""
    trial.run(lines(1), max_paid=0)
    trial.sql("DELETE FROM event")
    assert "1 jobs, 0 done" in page(run).text


def test_a_report_that_cannot_be_written_is_an_error(run: Here, trial: Trial) -> None:
    """It names the file."""
    trial.run(lines(1))
    done = run("batch", "report", "out", "-o", "none/report.jsonl")
    assert done.returncode != 0
    assert "No such file or directory" in done.stderr


def test_a_report_that_can_not_be_written_is_no_error_of_the_ledger(run: Here, trial: Trial) -> None:
    """It names the file."""
    trial.run(lines(1))
    done = run("batch", "report", "out", "-o", "missing/report.jsonl")
    assert done.returncode == 2
    assert "error: the report can't be written to missing/report.jsonl: No such file or directory; name" in done.stderr


def test_an_id_that_is_no_text_is_refused(run: Here, trial: Trial) -> None:
    """No ledger has one."""
    trial.run(lines(1))
    done = run("batch", "resolve", "out", os.fsdecode(b"a\xff"), "--give-up")
    assert done.returncode == 2
    assert "error: ID: $'a\\377' has bytes that are not UTF-8; a ledger has no such id" in done.stderr


def test_a_folder_may_have_any_name(run: Here, trial: Trial) -> None:
    """The ledger in it does not keep it."""
    folder = os.fsdecode(b"bad\xff")
    assert trial.run(lines(1), out=trial.folder / folder).counts == {"done": 1}
    assert run("batch", "status", folder).returncode == 0
