"""Reading a contract: what is refused, and with which words."""

from __future__ import annotations

from pathlib import Path

import pytest
from octopusx_video_openapi import ContractError, load

HEAD = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ": is not an OpenAPI 3.1 document; it must begin with `openapi: 3.1.0`"),
        ("openapi: 3.0.3\npaths: {}\n", ": is not an OpenAPI 3.1 document; it must begin with `openapi: 3.1.0`"),
        ("openapi: 3.1.0\npaths: {}\n", ": info.version is missing; give the contract a version"),
        (HEAD, ": has no operations; describe at least one under paths"),
        (
            HEAD + "paths: {/a: {get: {responses: {}}}}\n",
            ":3: paths./a.get: operationId is missing; name the operation",
        ),
        (
            HEAD + "paths: {/a: {get: {operationId: a}}}\n",
            ":3: paths./a.get: responses are missing; document at least one",
        ),
        (
            "a:\n\t- b\n",
            ": is not valid YAML (found character that cannot start any token at line 2, column 1); mend the file",
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
