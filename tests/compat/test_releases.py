"""Released contracts: that they stay what they were, the command that compares with them, and new releases."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import jsonschema_rs
import pytest
from octopusx_video_compat import release, releases
from octopusx_video_compat.__main__ import main, result
from octopusx_video_compat.difference import BOTH, CALLERS, SERVERS, Difference, Side
from octopusx_video_compat.reports import FORMATS, Result
from octopusx_video_openapi import Contract, ContractError, contract_path, load
from octopusx_video_openapi.reading import read

VERSION = "1.0.0"
NOW = releases.number(load().version, contract_path())
"""The number of the contract as it is, with which edited ones are compared: it may differ from the last release."""
MINOR, MAJOR = NOW.after("minor"), NOW.after("major")
BASE = ("--base", str(contract_path()))


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


@pytest.mark.parametrize("text", ["", "[]", '{"openapi.yaml": 1}', "\x00"])
def test_damaged_hashes_of_a_release_are_found(released: Path, text: str) -> None:
    """Whatever stands there."""
    (released / releases.HASHES).write_text(text, "utf-8")
    with pytest.raises(ContractError, match=r"hashes\.json: is missing or damaged; restore it"):
        releases.check(released)


def test_numbers_are_ordered_as_numbers(tmp_path: Path) -> None:
    """1.10.0 is newer than 1.9.0."""
    for name in ("1.10.0", "1.9.0", "0.20.3"):
        (tmp_path / name).mkdir()
    assert [one.name for one in releases.released(tmp_path)] == ["0.20.3", "1.9.0", "1.10.0"]


OF_LOCATION = "among other things.\n      type: object\n      properties:\n"
LATER = ("      minimum: 0\n      x-unit: seconds\n", "      minimum: 1\n      x-unit: seconds\n")
"""An edit that breaks callers: start_time begins with 1."""


def _edited(folder: Path, version: object, old: str = LATER[0], new: str = LATER[1]) -> Path:
    """A file with the contract edited, and another number."""
    text = contract_path().read_text("utf-8")
    assert text.count(old) == 1
    path = folder / "openapi.yaml"
    text = text.replace("start_time: 0\n", "start_time: 1\n")  # of examples
    path.write_text(text.replace(old, new).replace(f"  version: {NOW}\n", f"  version: {version}\n"), "utf-8")
    return path


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The comparison of a contract that breaks callers, with the number of the last release."""
    return result(contract_path(), _edited(tmp_path_factory.mktemp("broken"), NOW))


@pytest.mark.parametrize(("version", "is_said"), [(NOW, False), (MINOR, False), (MAJOR, True)], ids=str)
def test_a_break_of_callers_needs_a_new_major_version(
    broken: Result, version: releases.Number, *, is_said: bool
) -> None:
    """Whether the number says so, and the fix where it does not."""
    found = broken._replace(new=version)
    assert found.is_said == is_said
    assert (f"set info.version to {MAJOR}" in FORMATS["text"](found)) != is_said


def test_the_exit_status_says_whether_the_number_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """1 where it breaks callers and the number does not say so."""
    assert main([str(_edited(tmp_path, NOW)), *BASE]) == 1
    assert "a request with start_time 0 was valid and is refused now" in capsys.readouterr().out


def test_each_format_names_the_line_and_the_sentence(broken: Result) -> None:
    """Markdown for a pull request, annotations for GitHub, JSON for programs."""
    lines = Path(broken.file).read_text("utf-8").splitlines()
    line = lines.index("      minimum: 1") + 1
    printed = {name: FORMATS[name](broken) for name in ("markdown", "github", "json")}
    sentence = "a request with start_time 0 was valid and is refused now"
    assert f"| major | callers | {sentence} |" in printed["markdown"]
    annotation = next(one for one in printed["github"].splitlines() if sentence in one)
    assert annotation.startswith("::error file=")
    assert f"openapi.yaml,line={line},title=major: callers::" in annotation
    (found,) = [one for one in json.loads(printed["json"])["differences"] if one["sentence"] == sentence]
    assert (found["line"], found["breaks"], found["version"]) == (line, ["callers"], "major")


TOLD = [
    Difference("rule", "create request", (), CALLERS, "a request with duration 15 was valid and is refused now", 0),
    Difference("rule", "extend request", (), CALLERS, "a request with duration 15 was valid and is refused now", 0),
    Difference("rule", "api.extend", (), CALLERS, "api.extend took id and does not any more", 2),
    Difference("usage", "usage.py, line 3", (), CALLERS, "a type checker refuses it", 2, is_repeated=True),
    Difference("rule", "create 200", (), BOTH, "the status meant running and means failed now", 4),
    Difference("rule", "create request", (), SERVERS, "a request may have mood now", 1),
    Difference("rule", "Task", (), (), "the model Task has mood as well", 2),
]


@pytest.mark.parametrize(("new", "number"), [((1, 0, 0), "2.0.0"), ((2, 0, 0), "2.0.0"), ((3, 0, 0), "2.0.0")])
def test_the_draft_of_an_entry_has_each_difference_once(new: tuple[int, int, int], number: str) -> None:
    """By who breaks, a sentence with all of its places; what the examples and the recording repeat is left out."""
    assert (
        FORMATS["changelog"](_result(releases.Number(*new), TOLD))
        == f"""\
## {number}

Breaks callers:

- A request with duration 15 was valid and is refused now (create request, extend request).
- api.extend took id and does not any more (api.extend).
- The status meant running and means failed now (create 200).

Breaks servers:

- A request may have mood now (create request).

New:

- The model Task has mood as well (Task)."""
    )


def test_the_draft_of_an_entry_takes_the_number_that_the_contract_has_where_it_fits() -> None:
    """Whoever releases may take a larger step than is needed; a change of texts alone is said too."""
    added = TOLD[-1:]
    assert FORMATS["changelog"](_result(releases.Number(2, 0, 0), added)).startswith("## 2.0.0\n\nNew:\n")
    assert FORMATS["changelog"](_result(releases.Number(1, 0, 0), added)).startswith("## 1.1.0\n\nNew:\n")
    text = FORMATS["changelog"](_result(releases.Number(1, 0, 1), []))
    assert text == "## 1.0.1\n\nThe contract means what it meant: texts, examples or grades changed."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "2: is not valid YAML"),
        ("openapi: 3.0.3\npaths: {}\n", '1: is not an OpenAPI 3.1 document but one of "3.0.3"'),
        ("swagger: '2.0'\n", " is not an OpenAPI 3.1 document"),
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
    assert error.startswith(f"{path}:{said}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("$ref: '#/components/schemas/SourceVideo'", "$ref: '#/components/schemas/SourceVideos'", "SourceVideos"),
        ("operationId: extendUnifiedVideo\n", "operationId: extendVideo\n", "is that of another operation too"),
        (f"  version: {NOW}\n", "  version: first\n", '"first" is not a version'),
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
    path = _edited(tmp_path, NOW, old, new)
    assert main([str(path), *BASE]) == 2
    assert said in capsys.readouterr().err


def test_a_release_has_the_files_of_its_contract(released: Path) -> None:
    """What is written for a contract again is what was released, the recording apart."""
    contract = load(releases.RELEASES / VERSION / releases.CONTRACT)
    again = released.parent / "again" / VERSION
    recording = json.loads((released / releases.RECORDING).read_text("utf-8"))
    release.write(contract, contract.path, again, recording, released / releases.USAGE)
    for name in (*releases.FILES, releases.HASHES):
        assert (again / name).read_bytes() == (released / name).read_bytes()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with what a release is made of: the releases, the usage examples, and an entry for 1.1.0."""
    made = tmp_path / "openapi"
    shutil.copytree(releases.RELEASES / VERSION, made / "releases" / VERSION)
    shutil.copy(releases.RELEASES / VERSION / releases.USAGE, made)
    (made / releases.CHANGELOG).write_text("## 1.1.0\n\n## 1.0.0\n", "utf-8")
    return made


@pytest.fixture
def repository(home: Path) -> Path:
    """The same in a repository, in which everything is committed."""
    (home.parent / ".gitignore").write_text("*.log\n", "utf-8")
    author = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    for command in (("init", "--quiet"), ("add", "--all"), (*author, "commit", "--quiet", "--message", "1.0.0")):
        subprocess.run(("git", *command), cwd=home.parent, check=True)
    return home


def _result(new: releases.Number, differences: list[Difference]) -> Result:
    """A comparison with 1.0.0."""
    first = releases.Number(1, 0, 0)
    return Result(Path("old"), Path("new"), first, new, differences, is_same_text=not differences and new == first)


def _checked(asked: str, written: str, breaks: tuple[Side, ...], home: Path) -> Path:
    """The folder of a new release of the contract of 1.0.0, as if a comparison had found one difference."""
    one = Difference("rule", "where", (), breaks, "it changed", 0)
    contract = releases.contract(releases.RELEASES / VERSION / releases.CONTRACT)
    return release.check(_result(releases.number(written, home), [one]), asked, contract, home)


@pytest.mark.parametrize(
    ("asked", "written", "breaks", "said"),
    [
        ("1.0.0", "1.0.0", SERVERS, "1.0.0: is there already; a release never changes, so take another number"),
        ("one", "1.1.0", SERVERS, '"one" is not a version; write three numbers such as 1.2.0'),
        ("1.1.0", "1.0.0", SERVERS, "has the version 1.0.0, not 1.1.0; set info.version to 1.1.0"),
        ("1.0.1", "1.0.1", SERVERS, "1.0.1 does not fit: what changed since 1.0.0 is minor; release 1.1.0 or 2.0.0"),
        ("1.2.0", "1.2.0", SERVERS, "1.2.0 does not fit: what changed since 1.0.0 is minor; release 1.1.0 or 2.0.0"),
        ("1.1.0", "1.1.0", CALLERS, "1.1.0 does not fit: what changed since 1.0.0 is major; release 2.0.0"),
        ("3.0.0", "3.0.0", CALLERS, "3.0.0 does not fit: what changed since 1.0.0 is major; release 2.0.0"),
        ("2.0.0", "2.0.0", CALLERS, 'CHANGELOG.md: has no entry for 2.0.0; write one under "## 2.0.0"'),
    ],
)
def test_a_release_with_another_number_than_it_needs_is_refused(
    home: Path, asked: str, written: str, breaks: tuple[Side, ...], said: str
) -> None:
    """The error says which number fits, and nothing is written."""
    before = sorted(home.rglob("*"))
    with pytest.raises(ContractError, match=said):
        _checked(asked, written, breaks, home)
    assert sorted(home.rglob("*")) == before


def test_a_release_that_fits_gets_a_folder(repository: Path) -> None:
    """Files that git ignores may lie there."""
    (repository / "run.log").touch()
    assert _checked("1.1.0", "1.1.0", SERVERS, repository) == repository / "releases" / "1.1.0"


@pytest.mark.parametrize("name", ["CHANGELOG.md", "new.py"])
def test_a_release_of_what_is_not_committed_is_refused(repository: Path, name: str) -> None:
    """An edited file, and a new one: what is generated for a new field may be one."""
    with (repository / name).open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(ContractError, match=rf"not committed \(openapi/{name}\); commit or remove them first"):
        _checked("1.1.0", "1.1.0", SERVERS, repository)


def test_a_release_outside_of_a_repository_is_refused(home: Path) -> None:
    """Nothing says what is committed."""
    with pytest.raises(ContractError, match=r"is in no git repository .*; release in a clone"):
        _checked("1.1.0", "1.1.0", SERVERS, home)


def test_a_release_whose_examples_leave_out_a_name_is_refused(home: Path) -> None:
    """The error names what is not used, since a later comparison can only check what is."""
    path = home / releases.USAGE
    path.write_text(path.read_text("utf-8").replace("task.trace_id", "task.asset_id"), "utf-8")
    with pytest.raises(
        ContractError, match=r"usage\.py: does not use UnifiedVideoTask\.trace_id of the generated client"
    ):
        _checked("1.1.0", "1.1.0", SERVERS, home)


def test_a_release_that_is_missing_is_found(home: Path) -> None:
    """By its entry in the changelog, of which the first alone may be that of the next release."""
    folder, changelog = home / "releases", home / releases.CHANGELOG
    assert [one.name for one in releases.released(folder)] == ["1.0.0"]
    changelog.write_text("## 1.2.0\n\n## 1.1.0\n\n## 1.0.0\n", "utf-8")
    with pytest.raises(ContractError, match=r"CHANGELOG\.md:3: has an entry for 1\.1\.0.*restore .*releases/1\.1\.0"):
        releases.released(folder)


def test_the_recording_of_each_release_keeps_the_contract_of_today(contract: Contract) -> None:
    """Each recorded response is documented and fits its schema, but for releases of an older major version."""
    major = releases.number(contract.version, contract.path).major
    for folder in releases.released():
        if releases.number(folder.name, folder).major != major:
            continue
        messages = json.loads((folder / releases.RECORDING).read_text("utf-8"))
        operations = releases.contract(folder / releases.CONTRACT).operations
        assert {message["operation"] for message in messages} == operations.keys() & contract.operations.keys()
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
