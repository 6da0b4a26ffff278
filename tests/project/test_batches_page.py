"""The commands, the files, the queries and the program of docs/BATCHES.md run as they stand."""

from __future__ import annotations

import contextlib
import re
import shlex
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from octopusx_video.batch import Batch
from octopusx_video.cli import run
from octopusx_video_mock import Mock

PAGE = (Path(__file__).parents[2] / "docs" / "BATCHES.md").read_text("utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def _commands(heading: str) -> list[list[str]]:
    """The commands of a section, without their comments."""
    section = re.split(r"^## ", PAGE.partition(f"## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    lines = re.findall(r"^    octopusx-video (batch .*)$", section, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.fixture
def mock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Mock]:
    """A mock whose tasks take a moment, which the environment names."""
    monkeypatch.chdir(tmp_path)
    served = Mock(start=None, speed=600)
    with served.serve() as url:
        monkeypatch.setenv("OCTOPUSX_API_KEY", "any")
        monkeypatch.setenv("OCTOPUSX_BASE_URL", url)
        yield served


@pytest.mark.slow
def test_the_batch_in_five_minutes(mock: Mock, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands end well, two videos are saved and paid for, and the second run sends no request."""
    (tmp_path / "jobs.jsonl").write_text(_blocks("jsonl")[0], "utf-8")
    dry, paid, *others = _commands("A batch in five minutes")
    assert run(dry) == 0
    assert "0.40 by your price" in capsys.readouterr().out
    assert not mock.calls
    assert run([*paid, "--poll-interval", "0.1"]) == 0
    requests = len(mock.calls)
    assert [run(command) for command in (paid, *others)] == [0, 0, 0]
    assert len(mock.calls) == requests
    assert len(mock.billed) == 2
    assert sorted(path.name for path in (tmp_path / "cats" / "videos").iterdir()) == ["asleep.mp4", "awake.mp4"]
    for query in _blocks("sql"):
        with contextlib.closing(sqlite3.connect(tmp_path / "cats" / "ledger.sqlite3")) as ledger:
            ledger.execute(query).fetchall()


def test_the_csv_file_is_the_same_job(mock: Mock, tmp_path: Path) -> None:
    """The file with columns holds the first job of the file with lines."""
    (tmp_path / "jobs.jsonl").write_text(_blocks("jsonl")[0].splitlines()[0], "utf-8")
    (tmp_path / "jobs.csv").write_text(_blocks("csv")[0], "utf-8")
    assert run(["batch", "run", "jobs.jsonl", "--out", "cats", "--poll-interval", "0.1"]) == 0
    plan = Batch(tmp_path / "jobs.csv", out=tmp_path / "cats").plan()
    assert (plan.new, plan.known) == (0, 1)


def test_a_parked_job_can_be_settled_as_the_page_says(mock: Mock, tmp_path: Path) -> None:
    """Each of the three commands is taken for a job whose response was lost."""
    for command in _commands("Money")[:3]:
        with contextlib.suppress(FileNotFoundError):
            (tmp_path / "cats" / "ledger.sqlite3").unlink()
        (tmp_path / "jobs.jsonl").write_text(_blocks("jsonl")[0].splitlines()[0], "utf-8")
        mock.faults.on("connection_reset", times=1)
        assert run(["batch", "run", "jobs.jsonl", "--out", "cats"]) == 3
        words = ["grok:f673ba58-b053-4d8d-8938-c0b429de4d7f" if word == "TASK_ID" else word for word in command]
        assert run(words) == 0


@pytest.mark.slow
def test_the_shards_have_half_of_the_budget_each(mock: Mock, tmp_path: Path) -> None:
    """The commands of two machines, whose parts together are the whole file."""
    (tmp_path / "jobs.jsonl").write_text(_blocks("jsonl")[0], "utf-8")
    for number, command in enumerate(_commands("Several machines"), 1):
        assert run([*(word if word != "cats" else f"part-{number}" for word in command), "--poll-interval", "0.1"]) == 0
    parts = [Batch(None, out=tmp_path / f"part-{number}") for number in (1, 2)]
    assert [part.status().max_paid for part in parts] == [50, 50]
    assert sorted(row.id for part in parts for row in part.rows("done")) == ["asleep", "awake"]


@pytest.mark.slow
def test_the_program_runs(mock: Mock, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it stands; each of its jobs is paid for once."""
    (program,) = _blocks("python")
    exec(compile(program, "docs/BATCHES.md", "exec"), {})  # noqa: S102 - our own page
    assert "{'done': 3} 3 of 3" in capsys.readouterr().out
    assert len(mock.billed) == 3


def test_the_page_has_every_state() -> None:
    """The table of states is complete."""
    from octopusx_video.batch import MEANINGS  # noqa: PLC0415 - the one test that needs it

    section = PAGE.partition("## States\n")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == sorted(MEANINGS)
