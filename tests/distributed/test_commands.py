"""The commands of a batch in a database, as a person meets them: what is wrong is said in words."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path

import pytest
from octopusx_video import distributed
from octopusx_video._distributed import worker
from octopusx_video.distributed import DistributedBatch

from tests.support.batches.distributed_trial import NAME, Trial, written
from tests.support.sdk.clients import BASE_URL
from tests.support.sdk.command import Here

pytestmark = pytest.mark.usefixtures("signals_as_usual")

BYTES = os.fsdecode(b"bad\xff")


@pytest.fixture
def run(trial: Trial, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Run the command in the folder of a trial, on its mock."""
    monkeypatch.setattr(distributed, "DistributedBatch", functools.partial(DistributedBatch, transport=trial.transport))
    return Here(monkeypatch, capsys, trial.folder, BASE_URL)


@pytest.fixture
def place(trial: Trial) -> list[str]:
    """The options that name a batch with two jobs."""
    with trial.ledger(2):
        pass
    return ["--db", trial.db, "--name", NAME]


def test_a_report_that_can_not_be_written_is_no_error_of_the_database(run: Here, place: list[str]) -> None:
    """It names the file."""
    done = run("batch", "report", *place, "-o", "missing/report.jsonl")
    assert done.returncode == 2
    assert done.stderr == (
        "error: the report can't be written to missing/report.jsonl: No such file or directory; "
        "name a file in a folder that exists and is writable\n"
    )
    assert run("batch", "report", *place, "-o", "report.jsonl").returncode == 0
    assert Path("report.jsonl").read_text("utf-8").count("\n") == 2


@pytest.mark.parametrize("command", ["run", "worker"])
def test_a_folder_whose_name_is_no_text_is_refused(run: Here, trial: Trial, place: list[str], command: str) -> None:
    """The ledger could not keep it. Nothing is sent."""
    words = [str(written(trial.folder, 2))] if command == "run" else []
    done = run("batch", command, *words, *place, "--out", BYTES)
    assert done.returncode == 2
    assert "error: --out: $'" in done.stderr
    assert "bad\\377' has bytes that are not UTF-8; the ledger keeps the whole path as text" in done.stderr
    assert trial.billed == 0


def test_other_words_that_are_no_text_are_refused(run: Here, place: list[str]) -> None:
    """An id of a job, and the URL of a database."""
    resolve = run("batch", "resolve", *place, BYTES, "--give-up")
    assert (resolve.returncode, "error: ID: $'bad\\377' has bytes" in resolve.stderr) == (2, True)
    for words in (["status", "--db", f"postgresql://h/{BYTES}"], ["export", f"postgresql://h/{BYTES}", "out"]):
        done = run("batch", *words, "--name", NAME)
        assert (done.returncode, "bad\\377' has bytes that are not UTF-8" in done.stderr) == (2, True)


def test_a_folder_that_is_gone_is_named(
    run: Here, trial: Trial, place: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no task, since each may be another one's."""
    look = worker.Worker._look_around  # noqa: SLF001 - which happens between any two steps

    def removed(self: worker.Worker) -> None:
        if trial.billed:
            shutil.rmtree(trial.out, ignore_errors=True)
        look(self)

    monkeypatch.setattr(worker.Worker, "_look_around", removed)
    done = run("batch", "worker", *place, "--out", "out", "--poll-interval", "0.05")
    assert done.returncode == 1
    assert "error: the folder out/videos is gone; this worker stops" in done.stderr
    assert "is billed" not in done.stderr
