"""Reading a contract: what is refused, and with which words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from octopusx_video_openapi import Contract, ContractError, Duration, Grade, compiled, contract_path, load
from octopusx_video_openapi.reading import parse, read

from tests.support import documents

HEAD = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ": is not an OpenAPI 3.1 document; it must begin with `openapi: 3.1.0`"),
        (
            "openapi: 3.0.3\npaths: {}\n",
            ':1: is not an OpenAPI 3.1 document but one of "3.0.3"; it must begin with `openapi: 3.1.0`',
        ),
        ("openapi: 3.1.0\npaths: {}\n", ": info.version is missing; give the contract a version"),
        (HEAD, ": has no operations; describe at least one under paths"),
        (
            HEAD + "paths: {/a: {get: {responses: {}}}}\n",
            ":3: paths./a.get: operationId is missing; name the operation",
        ),
        (
            HEAD + "paths:\n  /a: {get: {operationId: a, responses: {'200': {description: ok}}}}\n"
            "  /b: {get: {operationId: a, responses: {'200': {description: ok}}}}\n",
            ':5: paths./b.get.operationId: operationId "a" is that of another operation too; give each its own',
        ),
        (
            HEAD + "paths:\n  /a: {get: {operationId: a, responses: {'200': {description: ok}}}}\n"
            "  /b: {$ref: '#/components/pathItems/b'}\n",
            ":5: paths./b.$ref: operations behind a $ref are not read; write them here",
        ),
        (
            HEAD + "paths: {/a: {get: {operationId: a}}}\n",
            ":3: paths./a.get: responses are missing; document at least one",
        ),
        (
            "a:\n\t- b\n",
            ":2: is not valid YAML (found character that cannot start any token, column 1); correct the file",
        ),
    ],
)
def test_a_contract_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """The error names the file, the line where one is to blame, what is wrong, and the fix."""
    path = tmp_path / "contract.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContractError) as error:
        load(path)
    assert str(error.value) == f"{path}{said}"


def test_a_missing_contract_is_refused(tmp_path: Path) -> None:
    """A path that leads nowhere is named."""
    with pytest.raises(ContractError, match=r"none\.yaml: can't be read \(No such file or directory\)"):
        load(tmp_path / "none.yaml")


def test_a_contract_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are named, without a traceback of a codec."""
    path = tmp_path / "contract.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ContractError, match="is not UTF-8 text"):
        load(path)


@pytest.mark.parametrize(
    ("reference", "said"),
    [("#/nowhere/a", "#/nowhere/a leads nowhere"), ("#/components/responses/A", "A leads back to itself")],
)
def test_a_reference_without_a_target_is_named(tmp_path: Path, reference: str, said: str) -> None:
    """A reference to nothing, or in a circle, is seen when the contract is read."""
    path = tmp_path / "contract.yaml"
    path.write_text(
        f"{HEAD}paths: {{/a: {{get: {{operationId: a, responses: {{'200': {{$ref: '{reference}'}}}}}}}}}}\n"
        "components: {responses: {A: {$ref: '#/components/responses/A'}}}\n",
        "utf-8",
    )
    with pytest.raises(ContractError, match=said):
        load(path)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """YAML readers keep the last one without a word; here both lines are named."""
    path = tmp_path / "contract.yaml"
    path.write_text(f"{HEAD}paths: {{}}\npaths: {{}}\n", "utf-8")
    with pytest.raises(ContractError) as error:
        load(path)
    said = 'the key "paths" stands twice in one object; remove one'
    assert error.value.lines == (f"{path}:3: {said}", f"{path}:4: {said}")


@pytest.mark.parametrize("value", ["2026-11-29", ".nan", "!!binary aGk=", "!!set {a}"])
def test_a_value_that_json_does_not_have_is_refused(tmp_path: Path, value: str) -> None:
    """YAML makes dates and more of text without quotes; the line is named."""
    path = tmp_path / "contract.yaml"
    path.write_text(f"{HEAD}paths:\n  /a: {value}\n", "utf-8")
    with pytest.raises(ContractError, match=rf"^{path}:4: .* is not a value that JSON has; put it in quotes$"):
        load(path)


def test_a_key_without_quotes_is_text(tmp_path: Path) -> None:
    """As it is in JSON, so that a status is found however it is written."""
    path = tmp_path / "contract.yaml"
    path.write_text(
        f"{HEAD}paths: {{/a: {{get: {{operationId: a, responses: {{200: {{description: ok}}}}}}}}}}\n", "utf-8"
    )
    assert list(load(path).operations["a"].responses) == ["200"]


def test_a_text_that_stands_in_two_files_is_that_of_each() -> None:
    """A copy of a contract is parsed once, and what is said of it names the file that was asked for."""
    for name in ("a.yaml", "b.yaml"):
        assert parse("a: 1\n", Path(name)).path == Path(name)
        with pytest.raises(ContractError, match=f"^{name}:1: "):
            parse("a: 1\na: 2\n", Path(name))


def test_the_line_of_each_part_is_known() -> None:
    """That of a member is the line of its key, that of an item where it begins."""
    document = parse("a: 1\nb:\n  - c: 2\n    d: {e: 3}\n  - 4\n", Path("a.yaml"))
    assert document.value == {"a": 1, "b": [{"c": 2, "d": {"e": 3}}, 4]}
    assert document.lines == {
        ("a",): 1,
        ("b",): 2,
        ("b", 0): 3,
        ("b", 0, "c"): 3,
        ("b", 0, "d"): 4,
        ("b", 0, "d", "e"): 4,
        ("b", 1): 5,
    }
    assert document.line(("b", 0, "d", "nothing")) == 4


def test_the_compiled_contract_is_that_of_this_openapi_yaml() -> None:
    """`nox -s generate` was run after the last change; `nox -s drift` says the same, in seconds."""
    assert json.loads(compiled.PATH.read_bytes())["source"] == compiled.checksum(contract_path().read_bytes())
    assert documents.document(load()) == read(contract_path()).value


def test_a_stale_compiled_contract_is_refused(tmp_path: Path) -> None:
    """Whoever has edited openapi.yaml is told what to run, and nothing works with the contract as it was."""
    edited = tmp_path / "openapi.yaml"
    edited.write_text(contract_path().read_text("utf-8") + "# edited\n", "utf-8")
    with pytest.raises(ContractError) as error:
        compiled.read(edited)
    said = "was made from another openapi.yaml; make it again with: nox -s generate"
    assert str(error.value) == f"{compiled.PATH}: {said}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "can't be read (No such file or directory); make it with: nox -s generate"),
        ("{", "is damaged; make it again with: nox -s generate"),
        ("[]", "is damaged; make it again with: nox -s generate"),
        ("{}", "is damaged; make it again with: nox -s generate"),
    ],
)
def test_a_damaged_compiled_contract_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    """The file and the command that makes it are named."""
    path = tmp_path / "compiled.json"
    if text is not None:
        path.write_text(text, "utf-8")
    with pytest.raises(ContractError) as error:
        compiled.read(contract_path(), path)
    assert str(error.value) == f"{path}: {said}"


def test_loading_imports_neither_yaml_nor_a_validator() -> None:
    """It costs milliseconds because it reads JSON that was tested when it was made."""
    code = "import sys, octopusx_video_openapi as o; o.load().rules; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"yaml", "jsonschema_rs", "dataclasses", "difflib"} & set(loaded)


def _line(text: str) -> int:
    """The line of the project's contract that begins with this text."""
    lines = contract_path().read_text("utf-8").splitlines()
    [found] = [number for number, line in enumerate(lines, 1) if line.startswith(text)]
    return found


@pytest.mark.parametrize("own", [None, contract_path()], ids=["compiled", "read"])
def test_a_part_of_the_contract_has_its_line(own: Path | None) -> None:
    """An operation, a response, a field and a rule, compiled or read from the file."""
    contract = load(own)
    operation = contract.operations["queryUnifiedVideo"]
    assert operation.line == _line("  /v1/video/query:") + 1
    assert contract.line("components", "responses", "ReadNotFound") == _line("    ReadNotFound:")
    assert contract.line("components", "schemas", "UnifiedVideoTask", "properties", "ratio") == _line("        ratio:")
    assert {rule.id: rule.line for rule in contract.rules}["R15"] == _line("  - id: R15")
    assert contract.line("x-rules", 14, "never-falls", 1) == _line("    never-falls:")
    assert Contract(documents.document(contract), contract.path).line("x-rules", 14) is None


def test_a_rule_has_all_of_its_keys() -> None:
    """Those that a rule does not have are empty or None."""
    rules = {rule.id: rule for rule in load().rules}
    reads = ("getVideoTask", "queryUnifiedVideo")
    assert (
        rules["R04"].read_by.items()
        >= {
            "extendVideo": ("getVideoTask",),
            "createVideoExtension": reads,
            "extendUnifiedVideo": ("queryUnifiedVideo",),
        }.items()
    )
    assert rules["R04"].level == "must"
    assert rules["R04"].tolerance is not None
    assert (rules["R04"].tolerance.seconds, rules["R56"].tolerance) == (
        30.0,
        Duration(
            300.0,
            Grade(
                "chosen",
                "Clocks of two machines may differ by minutes, but not by the hours of a wrong zone or the years of a "
                "constant.",
            ),
        ),
    )
    assert rules["R15"].never_falls == ("progress", "status_update_time")
    assert rules["R17"].constant[:2] == ("id", "object")
    assert rules["R45"].within is not None
    assert rules["R45"].within.seconds == 86400.0
    assert rules["R49"].in_order == ("created_at", "completed_at", "expires_at")
    assert (rules["R28"].billed, rules["R28"].statuses, rules["R35"].billed) == ("never", (429, 503), "possible")
    assert rules["R28"].when is not None
    assert rules["R28"].when.required == ("error",)
    assert (rules["R29"].billed, rules["R29"].when) == ("possible", None)
    assert rules["R01"].grade is not None
    assert rules["R01"].grade.kind == "documented"
    first = rules["R01"]
    assert (first.about, first.operations, first.read_by, first.within, first.in_order) == (
        "every-operation",
        (),
        {},
        None,
        (),
    )
