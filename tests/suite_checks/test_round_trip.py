"""The layer of the round trip: green against the generated client, red against one with a defect.

Each run is a process of its own, which breaks the client in its memory alone.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import io
import json
import multiprocessing
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import httpx
import octopusx_video_contract
import pytest
from octopusx_video_client import models
from octopusx_video_contract.core.run import Run, running
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.scenarios import shrinking
from octopusx_video_contract.sending.senders import OverHttp
from octopusx_video_openapi import Contract, load

from tests.conftest import KEY
from tests.support import documents

Json = dict[str, Any]
Defect = Callable[[Any], None]


@functools.cache
def _fields(name: str) -> list[str]:
    return list(documents.document(load())["components"]["schemas"][name]["properties"])


def _after(target: Any, name: str, change: Callable[[Any], Any]) -> None:
    """What this function of a module or a class gives is changed."""
    whole = getattr(target, name)
    setattr(target, name, lambda *given, **named: change(whole(*given, **named)))


def _gives(change: Callable[[list[str], Json], Json]) -> Defect:
    """What a model gives back is changed; ``change`` takes the fields of its schema as well."""
    return lambda model: _after(model, "to_dict", lambda value: change(_fields(model.__name__), value))


def _exchanges_fields(model: Any) -> None:
    """Two fields stand under each other's names, both ways, so that what goes in comes out again."""
    *_, one, other = _fields(model.__name__)
    names = {one: other, other: one}
    made = model.from_dict

    def exchanged(value: Json) -> Json:
        return {names.get(key, key): held for key, held in value.items()}

    model.from_dict = lambda value: made(exchanged(value))
    _after(model, "to_dict", exchanged)


def _can_t_be_made(model: Any) -> None:
    """A field that it needs is lost before it looks."""
    made, lost = model.from_dict, _fields(model.__name__)[-1]
    model.from_dict = lambda value: made({key: held for key, held in value.items() if key != lost})


def _sends(change: Callable[[Json], Json]) -> Defect:
    """What a call gives httpx to send is changed."""
    return lambda module: _after(module, "_get_kwargs", change)


def _quotes_twice(module: Any) -> None:
    _after(module, "quote", quote)


def _cuts_the_bytes(module: Any) -> None:
    module.BytesIO = lambda content: io.BytesIO(content[:-1])


def _takes_one_shape_for_the_other(module: Any) -> None:
    module.OpenAIErrorResponse = module.TaskErrorResponse


def _reads_nothing_in_asyncio(module: Any) -> None:
    whole = module.asyncio_detailed

    async def nothing(**named: Any) -> Any:
        answer = await whole(**named)
        answer.parsed = None
        return answer

    module.asyncio_detailed = nothing


def _reads_more_than_was_answered(module: Any) -> None:
    _after(module, "_parse_response", lambda parsed: parsed.additional_properties.update(more=1) or parsed)


def _does_not_know_a_status(module: Any) -> None:
    whole = module._parse_response  # noqa: SLF001 - where the generator puts it

    def known(*, client: Any, response: httpx.Response) -> Any:
        return None if response.status_code == 413 else whole(client=client, response=response)

    module._parse_response = known  # noqa: SLF001


DEFECTS: dict[str, dict[str, tuple[Defect, str]]] = {
    "test_model": {
        "VideoTask": (
            _gives(lambda fields, value: {key: held for key, held in value.items() if key != fields[-1]}),
            r"VideoTask: it was made of \{.*\}, and gives back \{.*\}",
        ),
        "ExtendVideoRequest": (
            _gives(lambda fields, value: {key: held for key, held in value.items() if key in fields}),
            r"ExtendVideoRequest: it was made of \{.*\}, and gives back \{.*\}",
        ),
        "SubmittedTask": (
            _gives(lambda _, value: {key: held for key, held in value.items() if held}),
            r"SubmittedTask: it was made of \{.*\}, and gives back \{.*\}",
        ),
        "CreateVideoExtensionRequest": (
            _gives(lambda fields, value: dict.fromkeys(fields) | value),
            r"CreateVideoExtensionRequest: it was made of \{.*\}, and gives back \{.*null.*\}",
        ),
        "ExtendUnifiedVideoRequest": (
            _gives(
                lambda _, value: {key: int(held) if isinstance(held, bool) else held for key, held in value.items()}
            ),
            r"ExtendUnifiedVideoRequest: it was made of \{.*(true|false).*\}, and gives back \{.*\}",
        ),
        "UnifiedVideoTask": (_exchanges_fields, r"UnifiedVideoTask\.\w+: it is .*, and was (made of|not in) \{.*\}"),
        "TaskErrorResponse": (_can_t_be_made, r"TaskErrorResponse: it can't be made of \{.*\} \(KeyError"),
    },
    "test_operation, as it sends": {
        "extendVideo": (_quotes_twice, r"extendVideo 200 \(sync\): path of what was sent is \[.*%.*\], but \["),
        "createVideoExtension": (
            _sends(lambda sent: sent | {"headers": {"Content-Type": "text/json"}}),
            r"createVideoExtension 200 \(sync\): media type of what was sent is 'text/json', but ",
        ),
        "getVideoTask": (
            _sends(lambda sent: sent | {"content": b"{}"}),
            r"getVideoTask 200 \(sync\): body of what was sent is '{}', but None was given",
        ),
        "downloadVideoContent": (
            _sends(lambda sent: sent | {"headers": {}}),
            r"downloadVideoContent 200 \(sync\): Range of what was sent is None, but 'bytes=",
        ),
        "extendUnifiedVideo": (
            _sends(lambda sent: sent | {"headers": {**sent["headers"], "Authorization": f"Token {KEY}"}}),
            r"extendUnifiedVideo 200 \(sync\): Authorization does not carry the key",
        ),
        "queryUnifiedVideo": (
            _sends(lambda sent: sent | {"params": {**sent["params"], "more": ""}}),
            r"queryUnifiedVideo 200 \(sync\): query of what was sent is \[.*'more', ''.*\], but \[",
        ),
    },
    "test_operation, as it reads": {
        "extendVideo": (
            _takes_one_shape_for_the_other,
            r"extendVideo 400 \(sync\): GeneratedRequest\(.*received; KeyError",
        ),
        "createVideoExtension": (
            _reads_more_than_was_answered,
            r"createVideoExtension 200 \(sync\): \{.*\} was the response, and was read as \{.*more.*\}",
        ),
        "getVideoTask": (_reads_nothing_in_asyncio, r"getVideoTask 200 \(asyncio\): \{.*\} was read as None"),
        "downloadVideoContent": (
            _cuts_the_bytes,
            r"downloadVideoContent 200 \(sync\): b'.+' was the response, and was read as other bytes",
        ),
        "extendUnifiedVideo": (_does_not_know_a_status, r"extendUnifiedVideo 413 \(sync\): \{.*\} was read as None"),
    },
}
"""By test, one defect each at some schemas or operations, and what is said of it."""


@dataclass(frozen=True)
class Outcome:
    """What a run of the layer found by its tests (empty where green), and the values that models were made of."""

    found: dict[str, str]
    made: list[tuple[str, Json]]


def run(report: str, account: str, seed: int, defects: str) -> None:
    """Run the layer in this process with these defects; write a JUnit report, and what models are made of."""
    contract = load()
    shrinking.MAX_SECONDS = 0  # the text that is looked for is that of any example
    for place, (defect, _) in DEFECTS.get(defects, {}).items():
        defect(getattr(models, place) if place in _objects(contract) else _call(contract, place))
    with Path(account).open("w", encoding="utf-8") as lines, contextlib.chdir(_suite()):
        for place in () if defects else _objects(contract):
            _write_down(getattr(models, place), lines)
        settings = Settings("http://nobody.invalid/below", KEY, contract, (), seed, max_examples=25)
        arguments = ["-c", "pytest.ini", "--rootdir", ".", "--tb=short", f"--junit-xml={report}"]
        with running(Run.begin(settings, OverHttp(local=True))):
            pytest.main([*arguments, "-k", defects.partition(",")[0], "round_trip.py"])


def _run_alone(environment: dict[str, str], report: str, account: str, seed: int, defects: str) -> None:
    gc.freeze()  # a collection would look at all objects of the tests
    os.environ |= environment
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - until the process ends
    run(report, account, seed, defects)


def _suite() -> Path:
    return Path(octopusx_video_contract.__file__).parent / "suite"


def _objects(contract: Contract) -> list[str]:
    return [
        name for name, schema in documents.document(contract)["components"]["schemas"].items() if "properties" in schema
    ]


def _call(contract: Contract, operation_id: str) -> Any:
    tag = documents.definition(contract.operations[operation_id])["tags"][0]
    name = re.sub(r"([A-Z])", r"_\1", operation_id).lower()
    return importlib.import_module(f"octopusx_video_client.api.{tag}.{name}")


def _write_down(model: Any, lines: io.TextIOWrapper) -> None:
    made = model.from_dict

    def from_dict(value: Json) -> Any:
        lines.write(json.dumps([model.__name__, value]) + "\n")
        return made(value)

    model.from_dict = from_dict


@pytest.fixture(scope="module")
def in_a_process(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Outcome]:
    """Run the layer in a process of its own."""
    tables = tmp_path_factory.mktemp("hypothesis")

    @functools.cache
    def start(*, seed: int = 1, defects: str = "", again: bool = False) -> Outcome:
        folder = tmp_path_factory.mktemp("run")
        report, account = folder / "report.xml", folder / "account"
        environment = {"HYPOTHESIS_STORAGE_DIRECTORY": str(tables), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        arguments = (environment, str(report), str(account), seed, defects)
        process = multiprocessing.get_context("fork").Process(target=_run_alone, args=arguments)
        process.start()
        process.join(120)
        assert process.exitcode == 0
        found = {
            case.attrib["name"]: "".join(part.text or "" for part in case) for case in ET.parse(report).iter("testcase")
        }
        return Outcome(found, [json.loads(line) for line in account.read_text("utf-8").splitlines()])

    return start


@pytest.mark.slow
def test_the_generated_client_loses_nothing(in_a_process: Callable[..., Outcome], contract: Contract) -> None:
    """Green for every schema that has fields, and for every operation."""
    tests = [f"test_model[{name}]" for name in _objects(contract)]
    tests += [f"test_operation[{name}]" for name in contract.operations]
    assert in_a_process().found == dict.fromkeys(tests, "")


@pytest.mark.slow
def test_the_seed_repeats_the_values(in_a_process: Callable[..., Outcome]) -> None:
    """The same seed makes the same values, another makes others."""
    assert in_a_process().made == in_a_process(again=True).made
    assert in_a_process().made != in_a_process(seed=2).made


@pytest.mark.slow
def test_the_values_leave_out_fill_in_and_add(in_a_process: Callable[..., Outcome], contract: Contract) -> None:
    """Each optional field is there and is not, null stands where it may, and there are fields that nobody has named."""
    for name in _objects(contract):
        schema = documents.document(contract)["components"]["schemas"][name]
        values = [value for made, value in in_a_process().made if made == name]
        for field, of_field in schema["properties"].items():
            held = [value[field] for value in values if field in value]
            assert held, f"{name}.{field}"
            assert field in schema.get("required", ()) or len(held) < len(values), f"{name}.{field}"
            assert "null" not in of_field.get("type", "") or None in held, f"{name}.{field}"
        assert any(value.keys() - schema["properties"].keys() for value in values), name


@pytest.mark.slow
@pytest.mark.parametrize("defects", DEFECTS)
def test_a_defect_of_the_client_is_found_where_it_is(in_a_process: Callable[..., Outcome], defects: str) -> None:
    """Each broken model or call is red, and told with its place and the value; those that are whole are green."""
    found = {name: text for name, text in in_a_process(defects=defects).found.items() if text}
    test = defects.partition(",")[0]
    assert found.keys() == {f"{test}[{place}]" for place in DEFECTS[defects]}
    for place, (_, said) in DEFECTS[defects].items():
        assert re.search(f"^E +AssertionError: {said}", found[f"{test}[{place}]"], re.MULTILINE), found
