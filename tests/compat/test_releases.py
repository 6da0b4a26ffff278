"""Released contracts: that they stay what they were, the command that compares with them, and new releases."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema_rs
import pytest
from octopusx_video_compat import release, releases
from octopusx_video_compat.__main__ import main, result
from octopusx_video_openapi import Contract, ContractError, contract_path, load
from octopusx_video_openapi.reading import read

VERSION = "1.0.0"


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A copy of the first release."""
    return Path(shutil.copytree(releases.RELEASES / VERSION, tmp_path / "releases" / VERSION))


@pytest.mark.parametrize("name", [*releases.FILES])
def test_one_edited_byte_of_a_release_is_found(released: Path, name: str) -> None:
    """`nox -s lint` fails, and names the file."""
    releases.check(released)
    content = (released / name).read_bytes()
    (released / name).write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    with pytest.raises(ContractError, match=f"{name}: was edited"):
        releases.check(released)


@pytest.mark.parametrize("name", [*releases.FILES, releases.HASHES])
def test_a_missing_file_of_a_release_is_found(released: Path, name: str) -> None:
    """The error names the file, and the fix."""
    (released / name).unlink()
    with pytest.raises(ContractError, match=f"{name}: is missing.*restore it"):
        releases.check(released)


@pytest.mark.parametrize("text", ["", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0-rc1", "1.0.0 "])
def test_a_version_that_is_no_version_is_refused(text: str) -> None:
    """Three numbers with points between them."""
    with pytest.raises(ContractError, match="is not a version; write three numbers"):
        releases.number(text, Path("openapi.yaml"))


def test_numbers_are_ordered_as_numbers(tmp_path: Path) -> None:
    """1.10.0 is newer than 1.9.0."""
    for name in ("1.10.0", "1.9.0", "0.20.3"):
        (tmp_path / name).mkdir()
    assert [one.name for one in releases.released(tmp_path)] == ["0.20.3", "1.9.0", "1.10.0"]


OF_LOCATION = "among other things.\n      type: object\n      properties:\n"
LATER = ("      minimum: 0\n      x-unit: seconds\n", "      minimum: 1\n      x-unit: seconds\n")
"""An edit that breaks callers: start_time begins with 1."""


def _edited(folder: Path, version: str, old: str = LATER[0], new: str = LATER[1]) -> Path:
    """A file with the contract edited, and another number."""
    text = contract_path().read_text("utf-8")
    assert text.count(old) == 1
    path = folder / "openapi.yaml"
    path.write_text(text.replace(old, new).replace("  version: 1.0.0\n", f"  version: {version}\n"), "utf-8")
    return path


@pytest.mark.parametrize(("version", "status"), [("1.0.0", 1), ("1.1.0", 1), ("2.0.0", 0)])
def test_the_exit_status_says_whether_the_number_does(
    tmp_path: Path, version: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A break of callers needs a new major version."""
    assert main([str(_edited(tmp_path, version))]) == status
    printed = capsys.readouterr().out
    assert "a request with start_time 0 was valid and is refused now" in printed
    assert ("set info.version to 2.0.0" in printed) == (status == 1)


def test_each_format_names_the_line_and_the_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Markdown for a pull request, annotations for GitHub, JSON for programs."""
    path = _edited(tmp_path, VERSION)
    line = path.read_text("utf-8").splitlines().index("      minimum: 1") + 1
    printed = {}
    for name in ("markdown", "github", "json"):
        assert main([str(path), "--format", name]) == 1
        printed[name] = capsys.readouterr().out
    sentence = "a request with start_time 0 was valid and is refused now"
    assert f"| major | callers | {sentence} |" in printed["markdown"]
    annotation = next(one for one in printed["github"].splitlines() if sentence in one)
    assert annotation.startswith("::error file=")
    assert f"openapi.yaml,line={line},title=major: callers::" in annotation
    (found,) = [one for one in json.loads(printed["json"])["differences"] if one["sentence"] == sentence]
    assert (found["line"], found["breaks"], found["version"]) == (line, ["callers"], "major")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "is not valid YAML"),
        ("openapi: 3.0.3\npaths: {}\n", "is not an OpenAPI 3.1 document"),
        ("swagger: '2.0'\n", "is not an OpenAPI 3.1 document"),
    ],
)
@pytest.mark.parametrize("option", ["", "--base"])
def test_what_is_no_contract_can_not_be_compared(
    tmp_path: Path, text: str, said: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 2, and the file is named."""
    path = tmp_path / "other.yaml"
    path.write_text(text, "utf-8")
    assert main([*([option] if option else []), str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{path}: {said}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("$ref: '#/components/schemas/SourceVideo'", "$ref: '#/components/schemas/SourceVideos'", "SourceVideos"),
        ("operationId: extendUnifiedVideo\n", "operationId: extendVideo\n", "is that of another operation too"),
        ("  version: 1.0.0\n", "  version: first\n", '"first" is not a version'),
        (
            OF_LOCATION,
            f"{OF_LOCATION}        next:\n          $ref: '#/components/schemas/VideoLocation'\n",
            "VideoLocation contains itself",
        ),
    ],
)
def test_a_contract_with_a_mistake_can_not_be_compared(
    tmp_path: Path, old: str, new: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reference that leads nowhere, an operationId twice, no version, a schema within itself."""
    path = _edited(tmp_path, VERSION, old, new)
    assert main([str(path)]) == 2
    assert said in capsys.readouterr().err


def test_a_release_has_the_files_of_its_contract(released: Path) -> None:
    """What is written for a contract again is what was released, the recording apart."""
    contract = load(releases.RELEASES / VERSION / releases.CONTRACT)
    again = released.parent / "again" / VERSION
    recording = json.loads((released / releases.RECORDING).read_text("utf-8"))
    release.write(contract, contract.path, again, recording)
    for name in (*releases.FILES, releases.HASHES):
        assert (again / name).read_bytes() == (released / name).read_bytes()


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("1.0.0", "is there already"),
        ("1.0.1", "has the version 1.0.0, not 1.0.1; set info.version to 1.0.1"),
        ("one", "is not a version"),
    ],
)
def test_a_number_that_does_not_fit_is_refused(version: str, said: str) -> None:
    """The contract has not changed, so that nothing can be released."""
    before = sorted(releases.RELEASES.rglob("*"))
    with pytest.raises(ContractError, match=said):
        release.check(result(), version)
    assert sorted(releases.RELEASES.rglob("*")) == before


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("1.1.0", "1.1.0 does not fit: what changed since 1.0.0 is major; release 2.0.0"),
        ("3.0.0", "3.0.0 does not fit: what changed since 1.0.0 is major; release 2.0.0"),
        ("2.0.0", 'has no entry for 2.0.0; write one under "## 2.0.0"'),
    ],
)
def test_a_break_can_only_be_released_as_a_major_version(tmp_path: Path, version: str, said: str) -> None:
    """And only with an entry in the changelog."""
    found = result(file=_edited(tmp_path, version))
    with pytest.raises(ContractError, match=said):
        release.check(found, version)


def test_the_recording_of_each_release_keeps_the_contract_of_today(contract: Contract) -> None:
    """Each recorded response is documented and fits its schema, but for releases of an older major version."""
    major = releases.number(contract.version, contract.path).major
    for folder in releases.released():
        if releases.number(folder.name, folder).major != major:
            continue
        messages = json.loads((folder / releases.RECORDING).read_text("utf-8"))
        assert {message["operation"] for message in messages} == contract.operations.keys()
        for message in messages:
            response = contract.operations[message["operation"]].responses[str(message["response"]["status"])]
            if response.schema is not None:
                assert list(_errors(contract, response.schema.text, message["response"]["body"])) == []


def _errors(contract: Contract, schema: str, value: object) -> list[str]:
    components = json.loads(contract.text())["components"]
    validator = jsonschema_rs.Draft202012Validator({"allOf": [json.loads(schema)], "components": components})
    return [error.message for error in validator.iter_errors(value)]


def test_the_settings_of_redocly_have_its_rules_of_comparison() -> None:
    """Without them its comparison calls each change a patch, as it does with the settings of the linter."""
    assert read(contract_path().parent / "redocly" / "diff.yaml").value["extends"] == ["diff-recommended"]
