"""What each command says of a contract that it can't use: file, line, what is wrong and the fix. Nothing changes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from octopusx_video_compat import __main__ as compat
from octopusx_video_compat import releases

from tests.compat import release
from tests.compat.table import ROOT

GOOD = """\
openapi: 3.1.0
info: {title: Cats, version: 1.0.0}
servers: [{url: https://api.test}]
paths:
  /cats/{name}:
    put:
      operationId: keep
      x-grade: {chosen: Made up for this test.}
      parameters:
        - name: name
          in: path
          required: true
          schema: {type: string}
          example: tom
          x-grade: {chosen: Made up for this test.}
      requestBody:
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Cat'}
            examples:
              young:
                value: {age: 3}
      responses:
        '200':
          description: Kept.
          x-grade: {chosen: Made up for this test.}
components:
  schemas:
    Cat:
      type: object
      properties:
        age: {$ref: '#/components/schemas/Age', x-grade: {chosen: Made up for this test.}}
    Age:
      type: integer
      minimum: 1
      examples: [2]
"""
"""A small contract without a mistake, since a large one takes long to read."""
TWICE = """\
  /dogs:
    get:
      operationId: keep
      responses: {'200': {description: Kept.}}
components:
"""


class Mistake(NamedTuple):
    """A mistake in a contract.

    Attributes:
        name: What it is.
        old: The text that is replaced.
        new: What stands there then.
        said: What follows the path of the file in the error.
        in_base: Whether it keeps a released contract from being compared with.
    """

    name: str
    old: str
    new: str
    said: str
    in_base: bool = True


MISTAKES = (
    Mistake("not YAML", "info: {", "info: [{", ":3: is not valid YAML (did not find expected ',' or ']'"),
    Mistake(
        "a dangling reference",
        "schemas/Cat'",
        "schemas/Dog'",
        ":19: #/components/schemas/Dog leads nowhere; define it or correct its name",
    ),
    Mistake(
        "a recursion",
        "        age: ",
        "        kitten: {$ref: '#/components/schemas/Cat', x-grade: {chosen: Made up for this test.}}\n        age: ",
        ":29: components.schemas.Cat: Cat contains itself, which can't be compared by values; write how deep it may go",
    ),
    Mistake(
        "an operationId twice",
        "components:\n",
        TWICE,
        ':29: paths./dogs.get.operationId: operationId "keep" is that of another operation too; give each its own',
    ),
    Mistake(
        "an example of a body that breaks its schema",
        "{age: 3}",
        "{age: 0}",
        ":22: keep requestBody.content.application/json.examples.young.value.age: 0 is less than the minimum of 1; "
        "correct the example or the schema",
        in_base=False,
    ),
    Mistake(
        "an example of a parameter that breaks its schema",
        "example: tom",
        "example: 7",
        ':14: keep parameters.0.example: 7 is not of type "string"; correct the example or the schema',
        in_base=False,
    ),
    Mistake(
        "an example of a schema that breaks it",
        "[2]",
        "[2, 0]",
        ":36: components.schemas.Age.examples.1: 0 is less than the minimum of 1; correct the example or the schema",
        in_base=False,
    ),
    Mistake("no version", ", version: 1.0.0}", "}", ": info.version is missing; give the contract a version"),
    Mistake(
        "a version that is none",
        "version: 1.0.0",
        "version: v1",
        '"v1" is not a version; write three numbers such as 1.2.0',
    ),
    Mistake(
        "another version of OpenAPI",
        "openapi: 3.1.0",
        "openapi: 3.0.3",
        ':1: is not an OpenAPI 3.1 document but one of "3.0.3"; it must begin with `openapi: 3.1.0`',
    ),
    Mistake("no contract", GOOD, "a text\n", ": is not an OpenAPI 3.1 document; it must begin with `openapi: 3.1.0`"),
    Mistake("no text", GOOD, "\udcff", ": is not UTF-8 text; save it as UTF-8"),
)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """The contract without a mistake, in a file."""
    path = tmp_path / "good.yaml"
    path.write_text(GOOD, "utf-8")
    return path


def _bad(mistake: Mistake, folder: Path) -> Path:
    assert GOOD.count(mistake.old) == 1
    path = folder / "bad.yaml"
    path.write_text(GOOD.replace(mistake.old, mistake.new), "utf-8", errors="surrogateescape")
    return path


def _said(path: Path, mistake: Mistake, error: str) -> None:
    assert f"{path}:" in error
    assert mistake.said in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_contract_with_a_mistake_is_not_compared(
    mistake: Mistake, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither as the new contract nor as the released one."""
    bad = _bad(mistake, tmp_path)
    assert compat.main([str(bad), "--base", str(good)]) == 2
    _said(bad, mistake, capsys.readouterr().err)
    if mistake.in_base:
        assert compat.main([str(good), "--base", str(bad)]) == 2
        _said(bad, mistake, capsys.readouterr().err)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_contract_with_a_mistake_is_not_released(
    mistake: Mistake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No release is written."""
    bad = _bad(mistake, tmp_path)
    for module in (compat, release):
        monkeypatch.setattr(module, "contract_path", lambda: bad)
    before = sorted(releases.RELEASES.iterdir())
    assert release.main(["1.1.0"]) == 2
    _said(bad, mistake, capsys.readouterr().err)
    assert sorted(releases.RELEASES.iterdir()) == before


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_nothing_is_generated_of_a_contract_with_a_mistake(
    mistake: Mistake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The generator is not run, and the file that is generated first stays as it was."""
    monkeypatch.syspath_prepend(str(ROOT / "generated"))
    regenerate = importlib.import_module("regenerate")
    monkeypatch.setattr(regenerate, "CONTRACT", _bad(mistake, tmp_path))
    before = regenerate.COMPILED.stat()
    assert regenerate.main([]) == 2
    _said(regenerate.CONTRACT, mistake, capsys.readouterr().err)
    assert regenerate.COMPILED.stat() == before


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "can't be read (No such file or directory); name an existing OpenAPI file"),
        (lambda path: path.mkdir(), "can't be read (Is a directory); name an existing OpenAPI file"),
    ],
)
@pytest.mark.parametrize("as_base", [False, True])
def test_a_file_that_can_not_be_read_is_not_compared(
    make: Callable[[Path], None],
    said: str,
    as_base: bool,  # noqa: FBT001 - a case of the table
    good: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One that is missing, and a folder."""
    bad = tmp_path / "bad.yaml"
    make(bad)
    assert compat.main([str(good), "--base", str(bad)] if as_base else [str(bad), "--base", str(good)]) == 2
    assert capsys.readouterr().err == f"{bad}: {said}\n"


@pytest.mark.parametrize("version", ["one", ""])
def test_a_version_that_is_none_is_not_released(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named, with one that could be."""
    assert release.main([version]) == 2
    assert f'"{version}" is not a version; write three numbers such as 1.2.0' in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["1.1.0", "1.2.0"]])
def test_a_release_has_one_version(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """None and two are refused, with an example."""
    assert release.main(arguments) == 2
    assert capsys.readouterr().err == "name one version, as in: nox -s release -- 1.1.0\n"
