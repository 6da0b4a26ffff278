"""Making the client and the SDK's clients: drift is found, named and fixed, and a failure changes nothing."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from octopusx_video_openapi import Contract, load

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the folders that generation reads and writes."""
    for name in ("openapi", "generated", "sdk"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def _regenerate(tree: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command; what lies in ``path`` is imported in place of what is installed."""
    command = [sys.executable, "generated/regenerate.py", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(path)} if path else None
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False, env=environment)


def _change(tree: Path, old: str, new: str) -> None:
    path = tree / "openapi" / "openapi.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def _snapshot(tree: Path) -> dict[str, bytes]:
    package = tree / "generated" / "octopusx_video_client"
    return {str(path.relative_to(package)): path.read_bytes() for path in package.rglob("*") if path.is_file()}


COMPILED = "openapi/octopusx_video_openapi/compiled.json"
ASYNC_CLIENT = "sdk/octopusx_video/_async_client.py"
SYNC_CLIENT = "sdk/octopusx_video/_client.py"
RULE_IDS = "openapi/octopusx_video_openapi/rule_ids.py"
WATERMARK = """\
        watermark:
          type: boolean
          x-grade: {chosen: Made up for this test.}
"""
NEW_FIELD = ("        duration:\n", f"{WATERMARK}        duration:\n")
_DURATION = "        duration: ExtensionDuration | None = None,\n"
NEW_ARGUMENT = (_DURATION, f"        watermark: bool | None = None,\n{_DURATION}")
NEW_ENTRY = ("            duration: How", "            watermark: Whether it is marked.\n            duration: How")


@pytest.mark.slow
def test_the_committed_client_is_what_the_contract_gives() -> None:
    """There is no drift in this checkout."""
    done = _regenerate(ROOT, "--check")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_new_field_of_a_request_is_drift_until_generated(tree: Path) -> None:
    """The check names the files and the command, and changes nothing; generating changes no other file."""
    before = _snapshot(tree)
    _change(tree, *NEW_FIELD)
    _replace(tree / ASYNC_CLIENT, *NEW_ARGUMENT)
    _replace(tree / ASYNC_CLIENT, *NEW_ENTRY)
    check = _regenerate(tree, "--check")
    assert check.returncode == 1
    assert check.stdout.splitlines() == [
        "differs   models/create_video_extension_request.py",
        f"differs   {COMPILED}",
        f"differs   {ASYNC_CLIENT}",
        f"differs   {SYNC_CLIENT}",
        "the committed files are not what openapi/openapi.yaml generates; fix it with: nox -s generate",
    ]
    assert _snapshot(tree) == before

    stale = (tree / COMPILED).read_bytes()
    assert _regenerate(tree).returncode == 0
    assert (tree / COMPILED).read_bytes() != stale
    after = _snapshot(tree)
    assert {name for name in before | after if before.get(name) != after.get(name)} == {
        "models/create_video_extension_request.py"
    }


def test_a_title_with_quotation_marks_is_that_of_its_symbol(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is no Python would keep the package from being imported, and so from being generated again."""
    monkeypatch.syspath_prepend(str(ROOT / "generated"))
    title = 'A path such as C:\\temp is a "path"'
    document = json.loads(load().text())
    document["x-rules"][0]["title"] = title
    made = importlib.import_module("regenerate").rule_ids(Contract(document, load().path))
    [kind] = (node for node in ast.parse(made).body if isinstance(node, ast.ClassDef))
    symbol, shown = kind.body[1:3]
    assert ast.unparse(symbol) == "R01 = 'R01'"
    assert isinstance(shown, ast.Expr)
    assert ast.literal_eval(shown.value) == title


def test_a_contract_with_a_misspelt_key_is_not_generated_from(tree: Path) -> None:
    """The line and the key are named, the status is 2, and the committed files stay as they were."""
    before = {**_snapshot(tree), COMPILED: (tree / COMPILED).read_bytes()}
    _change(tree, "    never-falls:", "    never-fals:")
    done = _regenerate(tree)
    assert done.returncode == 2
    assert 'x-rules R15 never-fals: "never-fals" is not a known key of a rule; did you mean' in done.stderr
    assert {**_snapshot(tree), COMPILED: (tree / COMPILED).read_bytes()} == before


@pytest.mark.slow
def test_what_differs_is_drift(tree: Path) -> None:
    """A file that is edited, missing or left over is named, and generating makes each as it was."""
    before = {name: (tree / name).read_bytes() for name in (COMPILED, RULE_IDS, SYNC_CLIENT)}, _snapshot(tree)
    package = tree / "generated" / "octopusx_video_client"
    (package / "errors.py").unlink()
    (package / "stray.py").touch()
    (tree / COMPILED).unlink()
    _replace(tree / RULE_IDS, "R07 = ", "R77 = ")
    _replace(tree / SYNC_CLIENT, "Whether it is enhanced to high definition.", "Whether it is better.")
    check = _regenerate(tree, "--check")
    assert check.returncode == 1
    assert check.stdout.splitlines()[:-1] == [
        "missing   errors.py",
        "left over stray.py",
        *(f"differs   {name}" for name in (COMPILED, RULE_IDS, SYNC_CLIENT)),
    ]
    assert _regenerate(tree).returncode == 0
    assert before == ({name: (tree / name).read_bytes() for name in before[0]}, _snapshot(tree))


@pytest.mark.slow
def test_a_warning_of_the_generator_fails_and_changes_nothing(tree: Path) -> None:
    """What the generator would drop with a warning stops it, and the committed client stays as it was."""
    before = _snapshot(tree)
    _change(tree, "            video/mp4:\n", "            video/quicktime:\n")
    done = _regenerate(tree)
    assert done.returncode == 2
    assert "video/quicktime" in done.stderr
    assert "Traceback" not in done.stderr
    assert _snapshot(tree) == before
    assert [path.name for path in (tree / "generated").glob("generating-*")] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "line"),
    [("model.py.jinja", "def to_dict(self) -> dict[str, Any]:"), ("types.py.jinja", "def __bool__(self) -> Literal[")],
)
@pytest.mark.parametrize("times", [0, 2])
def test_a_generator_with_other_templates_fails_and_changes_nothing(
    tree: Path, tmp_path: Path, template: str, line: str, times: int
) -> None:
    """A line that our additions go before, and that a newer generator lacks or has twice, stops the generation."""
    installed = importlib.util.find_spec("openapi_python_client")
    assert installed is not None
    assert installed.origin is not None
    newer = tmp_path / "newer"
    shutil.copytree(Path(installed.origin).parent, newer / "openapi_python_client")
    path = newer / "openapi_python_client" / "templates" / template
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(text * times if line in text else text for text in lines), "utf-8")

    before = _snapshot(tree)
    done = _regenerate(tree, path=newer)
    assert done.returncode == 2
    assert f"the template {template} of openapi-python-client has the line '{line}" in done.stderr
    assert f"{times} times, not once; adapt INSERT_BEFORE in generated/regenerate.py" in done.stderr
    assert "Traceback" not in done.stderr
    assert _snapshot(tree) == before


def test_a_client_that_can_not_be_used_changes_nothing(tree: Path) -> None:
    """The error names the file, the line and what to do; the status is 2, and the files stay as they were."""
    _change(tree, *NEW_FIELD)
    before = [(tree / client).read_bytes() for client in (SYNC_CLIENT, ASYNC_CLIENT)]
    done = _regenerate(tree)
    assert done.returncode == 2
    assert re.match(
        rf"error: {ASYNC_CLIENT}:\d+: AsyncExtensions.create does not take the field `watermark`", done.stderr
    )
    assert [(tree / client).read_bytes() for client in (SYNC_CLIENT, ASYNC_CLIENT)] == before


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
