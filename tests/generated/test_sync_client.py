"""The synchronous client of the SDK is made from the asynchronous one, into which the contract's values are filled."""

from __future__ import annotations

import ast
import copy
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from octopusx_video_openapi import Contract, load

from tests.support import documents

ROOT = Path(__file__).parents[2]
ASYNC_CLIENT = ROOT / "sdk" / "octopusx_video" / "_async_client.py"
SYNC_CLIENT = ASYNC_CLIENT.with_name("_client.py")
TEXT = ASYNC_CLIENT.read_text("utf-8")
SIZE = re.findall(r"^            size: ``720P``.*\n", TEXT, re.MULTILINE)
_DURATION = "        duration: ExtensionDuration | None = None,\n"


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sync_client", ROOT / "generated" / "sync_client.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


made = _loaded()


def _replaced(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new, 1)


def _taken(text: str) -> dict[str, list[str]]:
    """The keyword arguments of each public method, by the names of its class without Async and its own."""
    return {
        f"{kind.name.removeprefix('Async')}.{method.name}": [argument.arg for argument in method.args.kwonlyargs]
        for kind in ast.parse(text).body
        if isinstance(kind, ast.ClassDef)
        for method in kind.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and not method.name.startswith("_")
    }


def _with_field(schema: str, name: str) -> Contract:
    """The contract with one more field of a request."""
    document: dict[str, Any] = copy.deepcopy(documents.document(load()))
    document["components"]["schemas"][schema]["properties"][name] = {"type": "boolean"}
    return Contract(document, load().path)


@pytest.fixture
def watermarked() -> Contract:
    """The contract with one more field, of createVideoExtension."""
    return _with_field("CreateVideoExtensionRequest", "watermark")


def test_the_synchronous_client_says_what_it_is_made_from() -> None:
    """Its first line names the file and the command."""
    first = SYNC_CLIENT.read_text("utf-8").splitlines()[0]
    assert "Generated from _async_client.py by `nox -s generate`" in first


def test_a_new_argument_of_a_submit_reaches_all_that_take_it() -> None:
    """It is written in one method; its companion and both methods of the other client get it, and nothing else."""
    before, names = _taken(TEXT), ("Videos.extend", "Videos.extend_and_download")
    last, described = "        upscale: bool | None = None,\n", "            upscale: Whether"
    text = _replaced(last, f"{last}        watermark: bool | None = None,\n")
    text = text.replace(described, f"            watermark: Whether it has one.\n{described}")
    written = made.asynchronous(text, _with_field("ExtendVideoRequest", "watermark"))
    for text in (written, made.synchronous(written)):
        after = _taken(text)
        assert {name for name in after if after[name] != before[name]} == {*names}
        for name in names:
            place = before[name].index("upscale") + 1
            assert after[name] == [*before[name][:place], "watermark", *before[name][place:]]


def test_a_new_value_of_a_field_reaches_the_docstrings() -> None:
    """Those of each method with such a field, in both clients, without any other edit."""
    document = copy.deepcopy(documents.document(load()))
    document["components"]["schemas"]["ExtensionDuration"]["enum"].append(20)
    sizes = [*document["components"]["schemas"]["VideoSize"]["enum"]]
    document["components"]["schemas"]["VideoSize"]["enum"].append("4K")
    written = made.asynchronous(TEXT, Contract(document, load().path))
    for text in (written, made.synchronous(written)):
        assert text.count("duration: How many seconds are added: 6, 10, 15 or 20; the service takes 10 when") == 1
        assert text.count(f"size: {', '.join(f'``{size}``' for size in sizes)} or ``4K``.") == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            SIZE[0],
            "            size: Any.\n",
            "has no entry `size:` under Args that",
        ),
        ("an asynchronous context manager", "a context", "adapt PHRASES in generated/sync_client.py"),
        ("        extra: Mapping[str, Any] | None = None,\n", "", "has no keyword argument `extra`; add it"),
        ("    async def extend(", "    async def extend", r"unmatched '\)'"),
        ('"createVideoExtension"', "NAME", r"no method sends createVideoExtension \(openapi.yaml:\d+\); add one"),
        (
            "            upscale: Whether",
            "            Whether",
            "extend has no `upscale:` under Args; describe",
        ),
    ],
)
def test_an_asynchronous_client_that_can_not_be_used_is_refused(old: str, new: str, said: str) -> None:
    """The error says what to do."""
    text = TEXT.replace(old, new) if new == "NAME" else _replaced(old, new)
    with pytest.raises(made.ClientError, match=said):
        made.synchronous(made.asynchronous(text, load()))


def test_a_field_that_no_argument_is_for_is_named(watermarked: Contract) -> None:
    """With the line of the method, and that of the field where it is known."""
    method = next(number for number, line in enumerate(TEXT.splitlines(), 1) if line == "    async def create(")
    with pytest.raises(made.ClientError, match=r"AsyncExtensions\.create does not take the field `watermark`") as error:
        made.asynchronous(TEXT, watermarked)
    assert error.value.line == method
    taken = _replaced(_DURATION, f"        watermark: bool | None = None,\n{_DURATION}")
    with pytest.raises(made.ClientError, match=r"AsyncExtensions\.create has no `watermark:` under Args"):
        made.asynchronous(taken, watermarked)


@pytest.mark.parametrize(
    ("schema", "name"), [("CreateVideoExtensionRequest", "extra"), ("ExtendVideoRequest", "video_id")]
)
def test_a_field_with_the_name_of_another_argument_is_named(schema: str, name: str) -> None:
    """Its value would be taken for that of the other, and never be sent."""
    with pytest.raises(made.ClientError, match=f"the field `{name}` of .*; rename the argument that has its name"):
        made.asynchronous(TEXT, _with_field(schema, name))


def test_an_argument_that_is_no_field_is_named() -> None:
    """A field that was taken out of the contract, or has another name than the argument."""
    document = copy.deepcopy(documents.document(load()))
    del document["components"]["schemas"]["CreateVideoExtensionRequest"]["properties"]["duration"]
    said = (
        r"AsyncExtensions\.create takes `duration`, which is no field of createVideoExtension \(.*\); remove or rename"
    )
    with pytest.raises(made.ClientError, match=said):
        made.asynchronous(TEXT, Contract(document, load().path))


@pytest.mark.parametrize("lacking", ["source", "reference", "body"])
def test_a_submit_that_no_method_can_send_is_named(lacking: str) -> None:
    """The SDK puts a source task into each submit, and makes its body of the model of a component."""
    document = copy.deepcopy(documents.document(load()))
    schema = document["components"]["schemas"]["CreateVideoExtensionRequest"]
    submit = document["paths"]["/v1/videos/extensions"]["post"]
    if lacking == "source":
        del schema["properties"]["video"]
    elif lacking == "reference":
        submit["requestBody"]["content"]["application/json"]["schema"] = schema
    else:
        del submit["requestBody"]
    with pytest.raises(made.ClientError, match=r"createVideoExtension \(.*\) needs a source task"):
        made.asynchronous(TEXT, Contract(document, load().path))


def test_a_parameter_that_no_method_sends_is_named() -> None:
    """The SDK sends the source task and a body."""
    document = copy.deepcopy(documents.document(load()))
    parameter = {"name": "fps", "in": "query", "schema": {"type": "integer"}}
    document["paths"]["/v1/videos/extensions"]["post"]["parameters"] = [parameter]
    said = r"AsyncExtensions\.create does not send the query parameter `fps` of createVideoExtension"
    with pytest.raises(made.ClientError, match=said):
        made.asynchronous(TEXT, Contract(document, load().path))


def test_values_are_listed_once_however_often_it_is_generated() -> None:
    """Values with signs within, and fractions, are the same list the second time."""
    document = copy.deepcopy(documents.document(load()))
    document["components"]["schemas"]["VideoSize"]["enum"] = ["720P", "4:3 HD"]
    document["components"]["schemas"]["ExtensionDuration"]["enum"] = [6, 7.5]
    contract = Contract(document, load().path)
    written = made.asynchronous(TEXT, contract)
    assert "size: ``720P`` or ``4:3 HD``." in written
    assert "are added: 6 or 7.5; the service" in written
    assert made.asynchronous(written, contract) == written


@pytest.mark.parametrize("sign", ["\x0c", "\u2028"])
def test_a_sign_that_ends_no_line_of_python_changes_nothing_else(sign: str) -> None:
    """Within a docstring, it is there in both clients."""
    text = _replaced("Extend a video, naming", f"Extend a {sign}video, naming")
    plain = made.synchronous(made.asynchronous(TEXT, load()))
    assert made.synchronous(made.asynchronous(text, load())).replace(sign, "") == plain


def test_a_client_that_is_no_python_is_not_made() -> None:
    """Two arguments with one name, for one."""
    text = _replaced("    async def extend(\n", "    async def both(self, one, one): ...\n\n    async def extend(\n")
    with pytest.raises(made.ClientError, match=r"line \d+ of the synchronous client is no Python: duplicate argument"):
        made.synchronous(text)
