"""Making the client and the SDK's clients: drift is found, named and fixed, and a failure changes nothing."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


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


def test_the_committed_client_is_what_the_contract_gives() -> None:
    """There is no drift in this checkout."""
    done = _regenerate(ROOT, "--check")
    assert done.returncode == 0, done.stdout + done.stderr


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
    assert _regenerate(tree, "--check").returncode == 0


def test_what_the_client_does_not_take_is_named(tree: Path) -> None:
    """A field without an argument, an argument that is not described, and a submit without a method: file and line."""
    _change(tree, *NEW_FIELD)
    field = next(
        number for number, line in _numbered(tree / "openapi" / "openapi.yaml") if line.strip() == "watermark:"
    )
    method = next(number for number, line in _numbered(tree / ASYNC_CLIENT) if line.strip() == "async def create(")
    what = f"the field `watermark` of createVideoExtension (openapi.yaml:{field})"
    said = f"error: {ASYNC_CLIENT}:{method}: AsyncExtensions.create does not take {what}; add the argument\n"
    assert _regenerate(tree).stderr == said
    _replace(tree / ASYNC_CLIENT, *NEW_ARGUMENT)
    said = f"the docstring of AsyncExtensions.create has no `watermark:` under Args; describe {what}\n"
    assert _regenerate(tree).stderr == f"error: {ASYNC_CLIENT}:{method}: {said}"
    path = tree / ASYNC_CLIENT
    path.write_text(path.read_text("utf-8").replace('"createVideoExtension"', "NAME"), "utf-8")
    said = f"error: {ASYNC_CLIENT}:1: no method sends createVideoExtension (openapi.yaml:"
    assert _regenerate(tree).stderr.startswith(said)


def test_symbols_of_rules_that_differ_are_drift(tree: Path) -> None:
    """The file is named, and generating makes it again."""
    before = (tree / RULE_IDS).read_bytes()
    (tree / RULE_IDS).write_bytes(before.replace(b"R07 = ", b"R77 = ", 1))
    check = _regenerate(tree, "--check")
    assert check.returncode == 1
    assert check.stdout.splitlines()[0] == f"differs   {RULE_IDS}"
    assert _regenerate(tree).returncode == 0
    assert (tree / RULE_IDS).read_bytes() == before


@pytest.mark.parametrize("change", ["missing", "edited"])
def test_a_compiled_contract_that_differs_is_drift(tree: Path, change: str) -> None:
    """Also where the contract and the client are as they were: the file is named, and generating makes it again."""
    before = (tree / COMPILED).read_bytes()
    (tree / COMPILED).unlink()
    if change == "edited":
        (tree / COMPILED).write_bytes(before.replace(b'"possible"', b'"never"', 1))
    check = _regenerate(tree, "--check")
    assert check.returncode == 1
    assert check.stdout.splitlines()[0] == f"differs   {COMPILED}"
    assert _regenerate(tree).returncode == 0
    assert (tree / COMPILED).read_bytes() == before


def test_a_contract_with_a_misspelt_key_is_not_generated_from(tree: Path) -> None:
    """The line and the key are named, the status is 2, and the committed files stay as they were."""
    before = {**_snapshot(tree), COMPILED: (tree / COMPILED).read_bytes()}
    _change(tree, "    never-falls:", "    never-fals:")
    done = _regenerate(tree)
    assert done.returncode == 2
    assert 'x-rules R15 never-fals: "never-fals" is not a known key of a rule; did you mean' in done.stderr
    assert {**_snapshot(tree), COMPILED: (tree / COMPILED).read_bytes()} == before


def test_missing_and_left_over_files_are_drift(tree: Path) -> None:
    """A file too few and a file too many are named, and generating mends both."""
    package = tree / "generated" / "octopusx_video_client"
    (package / "errors.py").unlink()
    (package / "stray.py").touch()
    check = _regenerate(tree, "--check")
    assert check.returncode == 1
    assert check.stdout.splitlines()[:2] == ["missing   errors.py", "left over stray.py"]
    assert _regenerate(tree).returncode == 0
    assert _regenerate(tree, "--check").returncode == 0


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


ASYNC_CLIENT = "sdk/octopusx_video/_async_client.py"
SYNC_CLIENT = "sdk/octopusx_video/_client.py"


def _numbered(path: Path) -> Iterator[tuple[int, str]]:
    return enumerate(path.read_text("utf-8").splitlines(), 1)


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def _taken(path: Path) -> dict[str, list[str]]:
    """The keyword arguments of each public method of a module, by the names of its class without Async and its own."""
    return {
        f"{kind.name.removeprefix('Async')}.{method.name}": [argument.arg for argument in method.args.kwonlyargs]
        for kind in ast.parse(path.read_text("utf-8")).body
        if isinstance(kind, ast.ClassDef)
        for method in kind.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and not method.name.startswith("_")
    }


def test_the_synchronous_client_says_what_it_is_made_from() -> None:
    """Its first line names the file and the command."""
    first = (ROOT / SYNC_CLIENT).read_text("utf-8").splitlines()[0]
    assert "Generated from _async_client.py by `nox -s generate`" in first


@pytest.mark.parametrize("client", [SYNC_CLIENT, ASYNC_CLIENT])
def test_an_edited_client_is_drift(tree: Path, client: str) -> None:
    """An edit of the synchronous client is undone; one of the asynchronous client is carried over."""
    before = (tree / SYNC_CLIENT).read_text("utf-8")
    _replace(tree / client, "Whether it is enhanced to high definition.", "Whether it is enhanced.")
    check = _regenerate(tree, "--check")
    assert (check.returncode, check.stdout.splitlines()[0]) == (1, f"differs   {SYNC_CLIENT}")
    assert _regenerate(tree).returncode == 0
    after = (tree / SYNC_CLIENT).read_text("utf-8")
    assert (after == before) == (client == SYNC_CLIENT)
    assert _regenerate(tree, "--check").returncode == 0


def test_a_new_argument_of_a_submit_reaches_all_that_take_it(tree: Path) -> None:
    """It is written in one method; its companion and both methods of the other client get it, and nothing else."""
    before, names = _taken(tree / SYNC_CLIENT), ("Videos.extend", "Videos.extend_and_download")
    _replace(
        tree / ASYNC_CLIENT,
        "        upscale: bool | None = None,\n",
        "        upscale: bool | None = None,\n        watermark: bool | None = None,\n",
    )
    assert _regenerate(tree).returncode == 0
    for client in (SYNC_CLIENT, ASYNC_CLIENT):
        after = _taken(tree / client)
        assert {name for name in after if after[name] != before[name]} == {*names}
        for name in names:
            place = before[name].index("upscale") + 1
            assert after[name] == [*before[name][:place], "watermark", *before[name][place:]]
    assert _regenerate(tree, "--check").returncode == 0


def test_a_new_value_of_a_field_reaches_the_docstrings(tree: Path) -> None:
    """Those of each method with such a field, in both clients, without any other edit."""
    _change(tree, "      enum: [6, 10, 15]\n", "      enum: [6, 10, 15, 20]\n")
    _change(tree, "        '15':\n", "        '20':\n          inferred: A value for a test.\n        '15':\n")
    _change(tree, "      enum: [720P, 1080P]\n", "      enum: [720P, 1080P, 4K]\n")
    _change(tree, "        1080P:\n", "        4K:\n          inferred: A value for a test.\n        1080P:\n")
    done = _regenerate(tree)
    assert done.returncode == 0, done.stderr
    for client in (SYNC_CLIENT, ASYNC_CLIENT):
        text = (tree / client).read_text("utf-8")
        assert text.count("duration: How many seconds are added: 6, 10, 15 or 20; the service takes 10 when") == 1
        assert text.count("size: ``720P``, ``1080P`` or ``4K``.") == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "            size: ``720P`` or ``1080P``.\n",
            "            size: Any.\n",
            "has no entry `size:` under Args that lists",
        ),
        ("an asynchronous context manager", "a context", "adapt PHRASES in generated/sync_client.py"),
        ("        extra: Mapping[str, Any] | None = None,\n", "", "has no keyword argument `extra`; add it"),
        ("    async def extend(", "    async def extend", ": unmatched ')'"),
    ],
)
def test_an_asynchronous_client_that_can_not_be_used_changes_nothing(tree: Path, old: str, new: str, said: str) -> None:
    """The error names the file and what to do, the status is 2, and the files stay as they were."""
    _replace(tree / ASYNC_CLIENT, old, new)
    before = [(tree / client).read_bytes() for client in (SYNC_CLIENT, ASYNC_CLIENT)]
    done = _regenerate(tree)
    assert done.returncode == 2
    assert f"error: {ASYNC_CLIENT}:" in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert [(tree / client).read_bytes() for client in (SYNC_CLIENT, ASYNC_CLIENT)] == before
