"""The clients offer what the contract has, alike, and by its names."""

from __future__ import annotations

import inspect
import os
import pydoc
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import octopusx_video
import octopusx_video_openapi
import pytest
from octopusx_video import AsyncOctopusX, OctopusX
from octopusx_video._async_client import AsyncExtensions, AsyncUnified, AsyncVideos
from octopusx_video._client import Extensions, Unified, Videos
from octopusx_video._command.commands import cli
from octopusx_video_mock import Mock
from octopusx_video_openapi import Contract, Operation, task_ids

from tests.support import documents
from tests.support.sdk.clients import EXTEND, KINDS, SOURCE, Kind, on_mock

PAIRS = ((OctopusX, AsyncOctopusX), (Videos, AsyncVideos), (Extensions, AsyncExtensions), (Unified, AsyncUnified))


def _public(kind: type) -> Iterator[tuple[str, Any]]:
    member: Any
    for name, member in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_"):
            yield name, member


def _operation(kind: type, method: Any) -> str:
    """The operation that a method calls, which its docstring names in parentheses; "" where it names none."""
    named = re.search(r"\(``(\w+)``(?:, or ``(\w+)`` in ``(\w+)``)?\)", method.__doc__ or "")
    return "" if named is None else named[2] if named[3] == kind.__name__.lower() else named[1]


METHODS: dict[str, tuple[type, Any]] = {
    _operation(kind, method): (kind, method)
    for kind in (Unified, Extensions, Videos)
    for _, method in _public(kind)
    if _operation(kind, method)
}
"""How a person calls each operation."""
SUBMITS = {name: METHODS[name][1] for name in octopusx_video_openapi.load().submits if name in METHODS}


def test_each_operation_has_a_call(contract: Contract) -> None:
    """An operation that is added to the contract fails here until the clients have it; the error says where it goes."""
    for operation in contract.operations.values():
        here, file = f"openapi/openapi.yaml:{operation.line}", "sdk/octopusx_video/_async_client.py:1"
        advice = f"no method names {operation.id} ({here}); add one whose docstring has (``{operation.id}``)"
        assert operation.id in METHODS, f"{file}: {advice}"
    assert METHODS.keys() <= contract.operations.keys()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", METHODS)
def test_a_call_reaches_its_operation(
    kind: Kind, operation: str, mock: Mock, contract: Contract, tmp_path: Path
) -> None:
    """Each operation is reached through either client, and answered with 200."""
    mock.faults.on("completed_without_url")
    submit, (part, method) = contract.submits.get(operation), METHODS[operation]
    with on_mock(kind, mock) as client:
        parts: dict[type, Any] = {Videos: client.videos, Extensions: client.videos.extensions, Unified: client.unified}
        call = getattr(parts[part], method.__name__)
        if submit is not None:
            body = next(iter(submit.body_examples.values()))
            call(SOURCE, **{field: value for field, value in body.items() if field != _source(contract, submit)})
        elif operation == "downloadVideoContent":
            task = client.videos.extend(SOURCE, **EXTEND)
            mock.clock.advance(200)
            call(task, tmp_path / "video.mp4")
        else:
            call(SOURCE)
    assert (operation, 200) in {(call.operation, call.status) for call in mock.calls}


@pytest.mark.parametrize(("sync", "asynchronous"), PAIRS)
def test_both_clients_are_alike(sync: type, asynchronous: type) -> None:
    """The same methods with the same arguments and the same words; those that ask the service are awaited."""
    assert [name for name, _ in _public(sync)] == [name for name, _ in _public(asynchronous)]
    for name, method in _public(sync):
        twin = getattr(asynchronous, name)
        assert str(inspect.signature(method)).replace("Async", "") == str(inspect.signature(twin)).replace("Async", "")
        assert method.__doc__ == twin.__doc__
        assert inspect.iscoroutinefunction(twin)
        assert method.__doc__
    assert inspect.signature(sync).parameters.keys() == inspect.signature(asynchronous).parameters.keys()


@pytest.mark.parametrize("operation", SUBMITS)
def test_arguments_are_the_fields_of_the_contract(operation: str, contract: Contract) -> None:
    """A submit takes what its body has, by the same names, and requires what that requires."""
    submit = contract.operations[operation]
    body = documents.resolve(contract, documents.body_schema(submit))
    source = _source(contract, submit)
    parameters = dict(inspect.signature(SUBMITS[operation]).parameters)
    for aside in ("self", "extra"):
        del parameters[aside]
    assert next(iter(parameters)) == source
    assert parameters.keys() == {source, *body["properties"]}
    required = {name for name, one in parameters.items() if one.default is inspect.Parameter.empty}
    assert required == {source, *body["required"]}


def _source(contract: Contract, submit: Operation) -> str:
    (place,) = task_ids.places(submit)
    return place[1]


def test_all_that_is_public_says_what_it_is() -> None:
    """Each name of the package has a docstring, and each error is of the one tree."""
    for name in octopusx_video.__all__:
        value = getattr(octopusx_video, name)
        assert value.__doc__, name
        if name.endswith("Error"):
            assert issubclass(value, octopusx_video.OctopusXError)


EACH_SUBMIT = pytest.mark.parametrize(
    ("operation", "call"),
    [
        (name, getattr(dict(PAIRS)[kind] if is_async else kind, method.__name__))
        for is_async in (False, True)
        for name, method in SUBMITS.items()
        for kind in (Videos, Extensions, Unified)
        if method in dict(_public(kind)).values()
    ],
    ids=lambda one: getattr(one, "__qualname__", None),
)


@EACH_SUBMIT
def test_docstrings_describe_each_argument(operation: str, call: Any) -> None:
    """Of a submit, under Args; the error names the file, the line and what is missing."""
    text, where = inspect.getdoc(call) or "", inspect.unwrap(call).__code__
    for name in inspect.signature(call).parameters.keys() - {"self"}:
        missing = f"{where.co_filename}:{where.co_firstlineno}: {call.__qualname__} has no `{name}:` under Args"
        assert re.search(rf"^    {name}: .", text, re.MULTILINE), missing


@EACH_SUBMIT
def test_docstrings_list_the_values_of_the_contract(operation: str, call: Any, contract: Contract) -> None:
    """Each value of a closed list, and what the service takes where a field is left out."""
    text = inspect.getdoc(call) or ""
    body = contract.operations[operation].body_schema
    assert body is not None
    for name, field in body.properties.items():
        [line] = re.findall(rf"^    {name}: (.*)$", text, re.MULTILINE) or [""]
        named = set(re.findall(r"[0-9]+P?", line.partition("for example")[0]))
        known = {str(value) for value in (*field.enum, field.default_when_omitted) if value is not None}
        assert named == known, f"{name}: {line}"


def test_the_sdk_reads_the_id_of_a_new_task_where_the_contract_has_it(contract: Contract) -> None:
    """The models of the generated client call it `id`."""
    assert {submit.new_task for submit in contract.submits.values()} == {("id",)}


def test_examples_of_the_command_are_those_of_the_contract(contract: Contract) -> None:
    """The ids, the model, the prompt and the ratio in its help."""
    shown = {value for one in contract.submits.values() for body in one.body_examples.values() for value in flat(body)}
    shown |= {str(value) for one in contract.operations.values() for part in one.parameters for value in part.examples}
    for command in cli.commands.values():
        text = f"{command.epilog} {' '.join(getattr(option, 'help', None) or '' for option in command.params)}"
        words = re.findall(r"grok[\w:-]+|\b[0-9]+:[0-9]+\b|\b[0-9]+P\b", text)
        assert set(words) <= shown, command.name


@pytest.mark.parametrize(("command", "operation"), [("extend", "extendVideo"), ("extensions", "createVideoExtension")])
def test_each_field_of_a_submit_is_an_option(command: str, operation: str, contract: Contract) -> None:
    """With the choices of its schema, what it says first as the help, and what the service takes without it."""
    submit = contract.operations[operation]
    assert submit.body_schema is not None
    options = {option.name: option for option in cli.commands[command].params if isinstance(option, click.Option)}
    spellings = [spelling for option in options.values() for spelling in (*option.opts, *option.secondary_opts)]
    assert len(set(spellings)) == len(spellings)
    for name, field in submit.body_schema.properties.items():
        if name == _source(contract, submit):
            continue
        option = options[name]
        assert option.required == (name in submit.body_schema.required)
        assert (option.help or "")[:12] == field.description.replace("`", "")[:12]
        assert field.default_when_omitted is None or f"[default: {field.default_when_omitted}]" in (option.help or "")
        if field.enum:
            assert isinstance(option.type, click.Choice)
            assert list(option.type.choices) == [str(value) for value in field.enum]


def flat(value: Any) -> Iterator[str]:
    """The values that a JSON value holds, as text."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from flat(part)
    else:
        yield str(value)


def test_importing_the_package_loads_no_tools() -> None:
    """A user of the SDK pays for no mock, no suite and no command line."""
    code = "import sys, octopusx_video; print(*sys.modules)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    loaded = set(done.stdout.split())
    assert not {"yaml", "jsonschema_rs", "anyio", "octopusx_video_mock", "octopusx_video.cli", "schemathesis"} & loaded


def test_errors_and_parts_are_named_as_programs_use_them() -> None:
    """A traceback names octopusx_video.NotSentError, and help(OctopusX) shows what the client has."""
    for name in octopusx_video.__all__:
        if name.endswith("Error"):
            assert getattr(octopusx_video, name).__module__ == "octopusx_video", name
    for client in (octopusx_video.OctopusX, octopusx_video.AsyncOctopusX):
        text = pydoc.render_doc(client, renderer=pydoc.TextDoc())
        for part in ("videos", "unified", "extensions"):
            assert re.search(rf"^ \|  {part}$", re.sub(".\b", "", text), re.MULTILINE), part
