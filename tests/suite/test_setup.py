"""What keeps the suite from running is status 2 and a line with the file, the place and the fix; nothing is sent."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from octopusx_video_contract import cli
from octopusx_video_contract.cases import invalid_values
from octopusx_video_contract.runner import setup, target
from octopusx_video_contract.runner.selection import LAYERS
from octopusx_video_openapi import load

from tests.support import documents, suite_runs

OWN = load().path.read_text("utf-8")
CONTRACTS = {
    "a field without an example": (
        ("        upscale:\n", "        unheard: {type: string}\n        upscale:\n"),
        "extendVideo.body.unheard: no request has an example of it; give its schema `examples`",
    ),
    "a field that the client does not have": (
        ("        thumbnail_url:\n", "        thumbnail:\n"),
        "components.schemas.UnifiedVideoTask.thumbnail: the generated client has no such field",
    ),
    "an operation that the client does not have": (
        ("queryUnifiedVideo", "readUnifiedVideo"),
        "readUnifiedVideo: the generated client has no such operation under unified",
    ),
    "a schema that the client does not have": (
        ("    VideoLocation:\n", "    Unheard:\n      type: object\n    VideoLocation:\n"),
        "components.schemas.Unheard: the generated client has no model of it",
    ),
}


@pytest.fixture
def nothing_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a server is started or looked for."""

    def prepare(*_: object) -> NoReturn:
        raise AssertionError("a server was asked")

    monkeypatch.setattr(target, "prepare", prepare)


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that was printed."""
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.usefixtures("nothing_sent")
@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_that_does_not_fit(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A field that no request can hold, and a client that was generated from another contract."""
    (before, after), said = CONTRACTS[name]
    path = tmp_path / "contract.yaml"
    path.write_text(OWN.replace(before, after), "utf-8")
    assert cli.main(["--contract", str(path)]) == 2
    line = one_line(capsys)
    assert f"{path}: {said}" in line
    assert "no request has" in said or "run `nox -s generate`" in line


@pytest.mark.usefixtures("nothing_sent")
def test_a_contract_whose_videos_can_not_be_fetched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The layers that fetch them can be left out."""
    document = copy.deepcopy(documents.document(load()))
    del document["paths"]["/v1/videos/{task_id}/content"], document["components"]["links"]["DownloadVideoContent"]
    for item in document["paths"].values():
        for response in (one for operation in item.values() for one in operation["responses"].values()):
            response.get("links", {}).pop("DownloadVideoContent", None)
    document["x-rules"] = []
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(document), "utf-8")
    assert cli.main(["--contract", str(path)]) == 2
    assert f"{path}: no operation sends the video of a task; describe one" in one_line(capsys)
    setup.check(load(path), ["examples"])


def test_a_client_is_not_asked_for_where_no_layer_uses_it(tmp_path: Path) -> None:
    """The layers that need no client run with any contract."""
    (before, after), _ = CONTRACTS["a field that the client does not have"]
    path = tmp_path / "contract.yaml"
    path.write_text(OWN.replace(before, after), "utf-8")
    setup.check(load(path), ["boundaries", "life"])
    with pytest.raises(target.CannotRunError):
        setup.check(load(path), ["boundaries", "round_trip"])


def test_the_project_s_own_contract_fits() -> None:
    """The committed client has each operation, model and field of the contract."""
    setup.check(load(), LAYERS)


def fails(*_: object) -> NoReturn:
    """What a system without the thing does."""
    raise FileNotFoundError(2, "No such file or directory")


@pytest.mark.usefixtures("nothing_sent")
@pytest.mark.parametrize(
    ("where", "what", "said"),
    [
        (Path, "cwd", "the current folder can't be used (No such file or directory); change to another one"),
        (tempfile, "TemporaryFile", "no temporary file can be made (No such file or directory); let TMPDIR name"),
    ],
)
def test_a_place_where_pytest_can_not_run(
    where: Any, what: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is gone, and no room for temporary files."""
    with monkeypatch.context() as patched:
        patched.setattr(where, what, fails)
        assert cli.main([]) == 2
    assert said in one_line(capsys)


@pytest.mark.slow
def test_python_without_assertions_proves_nothing() -> None:
    """The suite's tests are assertions."""
    command = [sys.executable, "-O", "-m", "octopusx_video_contract"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Python runs without assertions" in done.stderr
    assert "unset PYTHONOPTIMIZE" in done.stderr


def _broken_by(error: Exception) -> Callable[[], None]:
    def first() -> None:
        def invalid_variants(*_: object) -> NoReturn:
            raise error

        invalid_values.invalid_variants = invalid_variants  # type: ignore[assignment]  # the process ends with the run

    return first


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("gone"), "the layer boundaries can't be set up: KeyError: 'gone'; see whether the contract"),
        (ModuleNotFoundError("No module named 'av'"), "No module named 'av'; pip install 'octopusx-video[contract]'"),
    ],
)
def test_tests_that_can_not_be_collected(error: Exception, said: str) -> None:
    """Whatever happens while pytest builds the tests is one line, without a traceback, and no interrupt."""
    done = suite_runs.run("--layer", "boundaries", "--layer", "examples", key=None, first=_broken_by(error))
    assert done.status == 2
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert "Traceback" not in done.stdout
    assert "passed" not in done.stdout
    assert "interrupted" not in done.stdout + done.stderr


def test_settings_of_pytest_do_not_reach_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options for the caller's own tests, say, which pytest would refuse here."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "--option-of-another-plugin")
    monkeypatch.setenv("PYTEST_DEBUG", "1")
    done = suite_runs.run("--layer", "examples", key=None)
    assert done.status == 0, done.stdout + done.stderr
