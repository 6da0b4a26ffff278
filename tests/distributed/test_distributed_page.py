"""The commands, the queries and the program of docs/DISTRIBUTED.md run as they stand, on PostgreSQL and a mock."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from octopusx_video_mock import Mock

from tests.support.batches.postgres import Cluster

PAGE = (Path(__file__).parents[2] / "docs" / "DISTRIBUTED.md").read_text("utf-8")
DATABASE = "postgresql://video@127.0.0.1/video"
SERVICE = "http://127.0.0.1:4010"
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'batch%' ORDER BY nspname"
_ELSEWHERE = ("pip ", "sudo ", "octopusx-video-mock ", "read ")
"""Beginnings of commands in whose place the fixtures are."""


def _section(heading: str) -> str:
    return re.split(r"^## ", PAGE.partition(f"## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def _commands(heading: str) -> list[str]:
    """The commands of a section; screens are left out."""
    blocks = re.findall(r"(?:^    .*\n)+", _section(heading), re.MULTILINE)
    lines = "".join(block for block in blocks if not block.startswith("    $ ")).splitlines()
    return [line for line in (line[4:] for line in lines) if not line.startswith(_ELSEWHERE)]


def _queries(text: str) -> list[str]:
    return re.findall(r"```sql\n(.*?)```", text, re.DOTALL)


class Shell:
    """Runs commands of the page with the address of a database and of a mock in the place of those of the page.

    Args:
        folder: In which they run.
        database: The URL.
        service: The base URL of the mock.
    """

    def __init__(self, folder: Path, database: str, service: str) -> None:
        self.folder = folder
        self.database = database
        self._service = service

    def run(self, script: str, *program: str) -> str:
        """Run a script. Returns what it has printed; the exit status has to be 0."""
        given = {"OCTOPUSX_BASE_URL": self._service, "OCTOPUSX_API_KEY": "any", "DB": self.database}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        replaced = script.replace(DATABASE, self.database).replace(SERVICE, self._service)
        done = subprocess.run(
            [*(program or ("bash", "-eu", "-o", "pipefail", "-c")), replaced],
            check=False,
            cwd=self.folder,
            env={**os.environ, **given, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, (script, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture
def shell(cluster: Cluster, tmp_path: Path) -> Iterator[Shell]:
    """An empty database, and a mock whose tasks take a moment."""
    cluster.create("page")
    with Mock(start=None, speed=600).serve() as url:
        yield Shell(tmp_path, cluster.url("page"), url)
    cluster.drop("page")


def _ten_minutes() -> tuple[str, list[str]]:
    """What three terminals have of the section, in one script, and the commands that follow."""
    lines = _commands("In ten minutes")
    last = next(number for number, line in enumerate(lines) if "batch run" in line) + 1
    begun = [f"{line} & workers+=($!)" if "batch worker" in line else line for line in lines[:last]]
    # Each worker has the exit status of the batch.
    return "\n".join(["workers=()", *begun, 'for worker in "${workers[@]}"; do wait "$worker"; done']), lines[last:]


def test_the_page_from_the_beginning_to_the_end(shell: Shell) -> None:
    """Three workers do forty jobs; the commands and queries about them run, and nothing is left at the end."""
    script, others = _ten_minutes()
    assert script.count("batch worker") == 2
    assert "40 jobs: 40 done" in shell.run(script)
    videos = [path.stem for path in shell.folder.glob("*/videos/*.mp4")]
    assert sorted(videos) == sorted(f"cat-{number}" for number in range(1, 41))
    assert len((shell.folder / "third" / "results.jsonl").read_text("utf-8").splitlines()) == 40
    assert [re.findall(r"batch (\w+)", line)[0] for line in others] == ["status", "report", "stop"]
    for line in (*others, *_commands("What is stored where")):
        shell.run(line)
    assert "40 jobs: 40 done" in shell.run("octopusx-video batch status copy")

    (remove,) = _queries(_section("What is stored where"))
    use, *questions = _queries(_section("Questions to the database"))
    assert len(questions) == 5
    with psycopg.connect(shell.database, autocommit=True) as connection:
        connection.execute(use.encode())
        workers, parked, done, videos_of, queued = (connection.execute(one.encode()).fetchall() for one in questions)
        assert (workers, parked, queued) == ([], [], [])
        assert sum(row[1] for row in done) == sum(row[1] for row in videos_of) == 40
        connection.execute(remove.encode())
        assert connection.execute(SCHEMAS).fetchall() == [("batch_cats_again",)]


def test_a_parked_job_can_be_settled_as_the_page_says(shell: Shell) -> None:
    """Each of the three commands is taken, and the query for parked jobs names the worker that sent it."""
    shell.run(_ten_minutes()[0])
    _, _, parked, *_ = _queries(_section("Questions to the database"))
    commands = _commands("When a machine dies")
    assert len(commands) == 3
    with psycopg.connect(shell.database, autocommit=True, options="-c search_path=batch_cats") as connection:
        for command in commands:
            connection.execute("UPDATE attempt SET state = 'parked', task = NULL WHERE job = 'cat-7'")
            connection.execute("UPDATE job SET state = 'parked', task = NULL WHERE id = 'cat-7'")
            ((job, worker, *_),) = connection.execute(parked.encode()).fetchall()
            assert job == "cat-7"
            assert worker
            shell.run(command.replace("TASK_ID", "grok:f673ba58-b053-4d8d-8938-c0b429de4d7f"))


def test_the_engine_forgets_nothing_that_is_needed(shell: Shell) -> None:
    """Its tables may be deleted while no worker runs: the next worker makes them, and does what is left."""
    script, _ = _ten_minutes()
    shell.run(script)
    with psycopg.connect(shell.database, autocommit=True, options="-c search_path=batch_cats") as connection:
        connection.execute("DROP SCHEMA batch_cats_engine CASCADE")
        connection.execute("UPDATE job SET state = 'accepted', file = NULL WHERE id = 'cat-7'")
    shell.run("octopusx-video batch worker --db $DB --name cats --out left")
    assert "40 jobs: 40 done" in shell.run("octopusx-video batch status --db $DB --name cats")


def test_the_program_runs(shell: Shell) -> None:
    """As it stands; its jobs are paid for, and the copy has them."""
    jobs = _commands("In ten minutes")
    shell.run("\n".join(jobs[: jobs.index("done > jobs.jsonl") + 1]))
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    printed = shell.run(program, sys.executable, "-c")
    assert "{'done': 40} 40 of 40" in printed
    assert "40 jobs are copied" in printed
