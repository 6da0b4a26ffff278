"""A contract that is not written in the vocabulary of extensions.schema.yaml is refused, with file, line and word."""

from __future__ import annotations

import contextlib
import copy
import functools
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from octopusx_video_openapi import ContractError, contract_path, house, load, vocabulary
from octopusx_video_openapi.checking import checked
from octopusx_video_openapi.document import Document, Pointer
from octopusx_video_openapi.names import Names
from octopusx_video_openapi.reading import parse, read

from tests.support.contract_mistakes import GONE, OPEN, OPTIONAL, TWICE, Mistake, mistakes, refused

DOCUMENT = read(contract_path())
TEXT = contract_path().read_text("utf-8")
MISTAKES = list(mistakes(DOCUMENT))
KINDS = ("x- key", "nested key", "value", "reference", "fact")
TRIED = 30
"""How many mistakes of each kind are tried at least, evenly spread; `nox -s vocabulary` tries them all."""
PROGRAMS = Path(sys.executable).parent
SECONDS = 3.0
"""How much time of a processor a command may take to refuse a contract; the clock would count other programs too."""


def _line(text: str) -> int:
    """The line of the contract at which a text begins."""
    assert TEXT.count(text) == 1, text
    return TEXT[: TEXT.index(text)].count("\n") + 1


def test_the_contract_has_no_problem() -> None:
    """Neither with the vocabulary nor with the rules of the project."""
    assert vocabulary.check(DOCUMENT) == []
    assert house.check(DOCUMENT) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_mistake_is_refused_at_its_own_line(kind: str) -> None:
    """One letter too few in a key or a value, a reference to nothing, a fact that a rule needs and does not have."""
    made = [mistake for mistake in MISTAKES if mistake.kind == kind]
    tried = made[:: len(made) // TRIED]
    assert len(tried) >= TRIED
    assert {mistake.name: fault for mistake in tried if (fault := refused(mistake, DOCUMENT))} == {}
    print(f"{kind}: {len(tried)} of {len(made)} tried and refused")  # noqa: T201 - shown with `pytest -rP`


@pytest.mark.parametrize("table", [OPEN, OPTIONAL], ids=["open", "optional"])
def test_every_reason_for_leaving_a_mistake_out_has_a_place(table: tuple[tuple[str, str], ...]) -> None:
    """No exception stands in the lists that the contract does not need."""
    places = [".".join(map(str, pointer)) for pointer in DOCUMENT.lines]
    assert [pattern for pattern, _ in table if not any(re.search(pattern, place) for place in places)] == []


@pytest.mark.parametrize(("word", "key"), TWICE)
def test_a_mistake_that_makes_another_key_of_the_object_is_refused_at_its_own_line(word: str, key: str) -> None:
    """The other key stands there twice then."""
    [pointer] = [place for place in DOCUMENT.lines if place[-1] == key and (*place[:-1], word) in DOCUMENT.lines]
    lines = TEXT.splitlines()
    number = DOCUMENT.lines[pointer]
    lines[number - 1] = lines[number - 1].replace(key, word)
    with pytest.raises(ContractError) as error:
        parse("\n".join(lines), Path("openapi.yaml"))
    assert error.value.lines[0] == f'openapi.yaml:{number}: the key "{word}" stands twice in one object; remove one'


@pytest.mark.slow
@pytest.mark.parametrize("value", [[1], [[]], {"a": 1}, 5, 1.5, 10**40, None, True, "text", {"$ref": 5}], ids=repr)
def test_a_value_of_another_type_is_no_traceback(value: Any) -> None:
    """Wherever it stands, the contract is refused or used."""
    numbers = [place for place in DOCUMENT.lines if place[-2:] in {("created_at", "type"), ("start_time", "type")}]
    for pointer in [*numbers, *list(DOCUMENT.lines)[:: len(DOCUMENT.lines) // 20]]:
        document = Mistake("value", pointer, None, value, 1).of(DOCUMENT)
        with contextlib.suppress(ContractError):
            checked(document)
            house.check(document)


def _in_text(mistake: Mistake) -> str | None:
    """The contract's text with the mistake in it; None where the line has more than the one word."""
    lines = TEXT.splitlines(keepends=True)
    number = DOCUMENT.lines[mistake.pointer] - 1
    old, *rest = [str(mistake.pointer[-1]), *([] if mistake.key is None else [mistake.key])]
    if mistake.value is GONE:
        if not re.fullmatch(rf" +{re.escape(old)}: \w[^\[{{]*\n", lines[number]):
            return None
        del lines[number]
        return "".join(lines)
    if mistake.key is None:
        node: Any = DOCUMENT.value
        for step in mistake.pointer:
            node = node[step]
        old, rest = str(node), [str(mistake.value)]
    if len(re.findall(rf"\b{re.escape(old)}\b", lines[number])) != 1 or ">" in lines[number]:
        return None
    lines[number] = lines[number].replace(old, rest[0])
    return "".join(lines)


COMMANDS = {
    "octopusx-video-contract": [str(PROGRAMS / "octopusx-video-contract"), "--dry-run", "--contract"],
    "octopusx-video-mock": [str(PROGRAMS / "octopusx-video-mock"), "--port", "0", "--contract"],
    "octopusx_video_openapi": [sys.executable, "-m", "octopusx_video_openapi"],
}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "command"), list(zip(KINDS, [*COMMANDS, *COMMANDS], strict=False)))
def test_a_command_refuses_a_mistake(kind: str, command: str, tmp_path: Path) -> None:
    """The exit status is 2 within three seconds of work, and the line is named."""
    made = [mistake for mistake in MISTAKES if mistake.kind == kind]
    mistake, text = next((one, text) for one in made[len(made) // 2 :] if (text := _in_text(one)) is not None)
    path = tmp_path / "contract.yaml"
    path.write_text(text, "utf-8")
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*COMMANDS[command], str(path)], capture_output=True, text=True, check=False, timeout=30)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime < SECONDS
    assert (done.returncode, done.stdout) == (2, ""), mistake.name
    assert f"{path}:{mistake.line}: " in done.stderr, (mistake.name, done.stderr)
    assert "Traceback" not in done.stderr


def test_the_check_of_the_contract_succeeds() -> None:
    """`nox -s lint` runs it."""
    command = [sys.executable, "-m", "octopusx_video_openapi", str(contract_path())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{contract_path()}: no problem\n", "")


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        (
            "never-falls:",
            "never-fals:",
            "x-rules R15 never-fals",
            '"never-fals" is not a known key of a rule; did you mean "never-falls"?',
        ),
        (
            "    in-order: [created_at, completed_at, expires_at]\n",
            "",
            "x-rules R49",
            '"in-order" is missing; R49 needs it',
        ),
        (
            "never-falls: [progress,",
            "never-falls: [progres,",
            "x-rules R15 never-falls.0",
            '"progres" is not a field of the responses of these operations; did you mean "progress"?',
        ),
    ],
)
def test_a_problem_names_the_place_and_the_nearest_word(old: str, new: str, place: str, said: str) -> None:
    """File, line, place, what is wrong, and the fix, in one line for each problem."""
    line = _line("  - id: R49\n") if place == "x-rules R49" else _line(old)
    with pytest.raises(ContractError) as error:
        checked(parse(TEXT.replace(old, new), Path("openapi.yaml")))
    assert error.value.lines == (f"openapi.yaml:{line}: {place}: {said}",)


def test_every_problem_is_reported_at_once_in_the_order_of_the_lines() -> None:
    """Whoever mends the first finds the others in the same output."""
    first = ("never-falls:", "never-fals:")
    text = TEXT.replace(*first).replace("    within:\n", "    withn:\n").replace("level: must", "level: mst", 1)
    with pytest.raises(ContractError) as error:
        checked(parse(text, Path("openapi.yaml")))
    places = [line.split(": ")[1] for line in error.value.lines]
    assert places == ["x-rules R01 level", "x-rules R15 never-fals", "x-rules R45 withn"]


@pytest.mark.parametrize(
    ("before", "added", "said"),
    [
        (
            "      x-value-of: answer.id\n",
            "      x-billed: never\n",
            '"x-billed" does not belong to a header; it belongs to a response',
        ),
        (
            "        aspect_ratio:\n",
            "          x-value-of: task.id\n",
            '"x-value-of" does not belong to a field of a request; remove it',
        ),
        (
            "info:\n",
            "  x-logo: cat.png\n",
            '"x-logo" is not a known key of info; remove it, or describe it in extensions.schema.yaml',
        ),
        (
            "      operationId: extendVideo\n",
            "      x-internal: true\n",
            '"x-internal" is not a known key of an operation; remove it, or describe it in extensions.schema.yaml',
        ),
        (
            "    billed: never\n",
            "    billed: possible\n",
            'the key "billed" stands twice in one object; remove one',
        ),
        (
            "    constant: [id, object, model, created_at, size, remixed_from_video_id, prompt, ratio]\n",
            "    within: {seconds: 60, x-grade: {chosen: Made up for this test.}}\n",
            '"within" has no meaning here, since no program reads it; remove it',
        ),
    ],
)
def test_what_stands_in_the_wrong_place_is_refused(before: str, added: str, said: str) -> None:
    """A known key on the wrong object, an unknown extension, a key that is there twice, a fact that nothing reads."""
    text = TEXT.replace(before, before + added, 1)
    line = text[: text.index(before + added)].count("\n") + before.count("\n") + 1
    with pytest.raises(ContractError) as error:
        checked(parse(text, Path("openapi.yaml")))
    own = f"openapi.yaml:{line}: "
    assert any(one.startswith(own) and one.endswith(said) for one in error.value.lines), error.value


def _part(*place: str | int) -> tuple[Any, Any]:
    node = copy.deepcopy(DOCUMENT.value)
    return node, functools.reduce(lambda value, step: value[step], place, node)


_CREATE = ("paths", "/v1/videos/extensions", "post")
_EXTEND = ("paths", "/v1/videos/{video_id}/extend", "post")
_LENGTH = (*_CREATE, "x-result-length")
_LIFE = ("x-task-life",)
_R07 = next(("x-rules", index) for index, rule in enumerate(DOCUMENT.value["x-rules"]) if rule["id"] == "R07")
_R15 = next(("x-rules", index) for index, rule in enumerate(DOCUMENT.value["x-rules"]) if rule["id"] == "R15")
_R49 = next(("x-rules", index) for index, rule in enumerate(DOCUMENT.value["x-rules"]) if rule["id"] == "R49")
_R28 = next(("x-rules", index) for index, rule in enumerate(DOCUMENT.value["x-rules"]) if rule["id"] == "R28")


@pytest.mark.parametrize(
    ("place", "key", "value", "said"),
    [
        (
            (*_LENGTH, "adds"),
            "otherwise",
            7,
            '"otherwise" has no meaning here, since no program reads it; remove it',
        ),
        ((*_LIFE, "runs", 0), "lasts", 10**400, "is not a number of seconds above 0, and at most 1000000000"),
        ((*_LIFE, "runs", 0), "lasts", 0, "0 is not a number of seconds above 0, and at most 1000000000"),
        ((*_LIFE, "expires"), "after", 1e300, "1e+300 is not a number of seconds from 0 to 1000000000"),
        ((*_LIFE, "expires"), "after", 1, "1 s after the submit, and the task runs for 180 s; correct one of them"),
        (
            (*_EXTEND, "x-result-length", "adds"),
            "otherwise",
            -1,
            "-1 is not a number of seconds from 0 to 1000000000",
        ),
        (
            (*_CREATE, "responses"),
            "x-foo",
            1,
            '"x-foo" is not a known key of responses; remove it, or describe it in extensions.schema.yaml',
        ),
        (_CREATE, "security", None, "None is not a list of objects with security schemes"),
        (_CREATE, "tags", None, "None is not a list of texts"),
        (_R07, "schema", True, "is not an object with a schema that some values fit and others do not"),
        (_R07, "schema", {}, "{} is not an object with a schema that some values fit and others do not"),
        (
            _R07,
            "schema",
            {"if": {"required": ["status"]}, "then": {}},
            "a schema that some values fit and others do not",
        ),
        (
            ("components", "schemas", "TaskId"),
            "pattern",
            "(?=x)",
            '"(?=x)" is not a regular expression that can be used; write one without lookaround and back references',
        ),
        (_R49, "in-order", ["created_at"], "is not a list of two names or more, each once"),
        (_R28, "when", False, "is not an object with a schema that some values fit and others do not"),
    ],
)
def test_what_can_not_mean_anything_is_refused(
    place: tuple[str | int, ...], key: str, value: Any, *, said: str
) -> None:
    """A number that nothing reads, a time that no task can last, a rule that nothing or everything keeps."""
    document, node = _part(*place)
    node[key] = value
    with pytest.raises(ContractError) as error:
        checked(Document(document, DOCUMENT.path, DOCUMENT.lines))
    [problem] = error.value.problems
    assert problem.line == DOCUMENT.line((*place, key))
    assert problem.text.endswith(said)


def test_a_field_of_a_submit_is_listed_where_it_is_read() -> None:
    """The length of the video and the requests of the suite go by the properties of the body itself."""
    document, schema = _part("components", "schemas", "CreateVideoExtensionRequest")
    duration = schema["properties"].pop("duration")
    schema["allOf"] = [{"properties": {"duration": duration}}]
    [problem] = vocabulary.check(Document(document, DOCUMENT.path, DOCUMENT.lines))
    assert problem.line == DOCUMENT.line((*_CREATE, "requestBody"))
    assert problem.text.startswith('"duration" stands within allOf, anyOf or oneOf, where it is not read; list it')


def test_no_video_is_shorter_than_nothing() -> None:
    """A field that says seconds has no value below 0, be it left out or not."""
    document, schema = _part("components", "schemas", "ExtensionDuration")
    schema |= {
        "enum": [-5, 6],
        "x-default-when-omitted": -5,
        "x-enum-grades": dict.fromkeys(("-5", "6"), schema["x-grade"]),
    }
    texts = [problem.text for problem in vocabulary.check(Document(document, DOCUMENT.path, DOCUMENT.lines))]
    assert '"-5" is not a number of seconds, and x-result-length needs one' in texts
    assert any(text.startswith("duration is no number of seconds; name a field") for text in texts)


def test_a_length_by_the_model_needs_a_model() -> None:
    """A request that can't name one would get the length of any other."""
    document, schema = _part("components", "schemas", "ExtendVideoRequest")
    del schema["properties"]["model"]
    schema["required"].remove("model")
    texts = [problem.text for problem in vocabulary.check(Document(document, DOCUMENT.path, DOCUMENT.lines))]
    assert '"otherwise-by-model" needs the field "model", which no request of extendVideo has; remove it' in texts


@pytest.mark.parametrize(("rule", "key"), [(_R15, "never-falls"), (_R49, "in-order")])
def test_only_numbers_are_compared_as_numbers(rule: tuple[str, int], key: str) -> None:
    """Of a text, nothing would be asked."""
    document, node = _part(*rule)
    node[key][0] = "status"
    [problem] = vocabulary.check(Document(document, DOCUMENT.path, DOCUMENT.lines))
    assert problem.line == DOCUMENT.line((*rule, key, 0))
    assert problem.text == f'"status" is no number, and {key} compares numbers; name a field of type integer or number'


@pytest.mark.parametrize("name", ["downloadVideoContent", "createVideoExtension", "nowhere"])
def test_a_task_is_read_by_an_operation_that_reads_it(name: str) -> None:
    """Neither a submit, nor what sends the video, tells how a task stands."""
    index = next(index for index, rule in enumerate(DOCUMENT.value["x-rules"]) if rule["id"] == "R04")
    place = ("x-rules", index, "read-by", "extendVideo")
    document, reads = _part(*place)
    reads[0] = name
    [problem] = vocabulary.check(Document(document, DOCUMENT.path, DOCUMENT.lines))
    assert problem.line == DOCUMENT.line(place)
    assert problem.text.startswith(f'"{name}" is not an operation that reads a task; ')


def test_a_status_means_one_thing() -> None:
    """A task that has succeeded would be taken for one that runs."""
    document, schema = _part("components", "schemas", "RunningStatus")
    schema["enum"].append("completed")
    schema["x-enum-grades"]["completed"] = {"chosen": "Made up for this test."}
    [problem] = vocabulary.check(Document(document, DOCUMENT.path, DOCUMENT.lines))
    assert problem.text.startswith('"completed" is listed twice among RunningStatus, SucceededStatus, FailedStatus;')


def test_a_field_may_be_called_like_a_reference() -> None:
    """It is no reference then."""
    document, schema = _part("components", "schemas", "CreateVideoExtensionRequest")
    schema["properties"]["$ref"] = {"type": "string"}
    assert checked(Document(document, DOCUMENT.path, DOCUMENT.lines)).submits


def test_a_part_that_can_not_be_read_is_found_in_its_operation() -> None:
    """The line is that of the operation, and the text names the key."""
    document, parameter = _part("paths", "/v1/videos/{task_id}", "get", "parameters", 0)
    del parameter["schema"]
    with pytest.raises(ContractError) as error:
        checked(Document(document, DOCUMENT.path, DOCUMENT.lines))
    own = f"{DOCUMENT.path}:{DOCUMENT.line(('paths', '/v1/videos/{task_id}', 'get'))}: getVideoTask: "
    assert (
        str(error.value)
        == f"{own}a parameter or an example has no 'schema', without which it can't be read; give it one"
    )


def test_a_number_of_a_rule_is_used_once() -> None:
    """Rules are numbered upwards, without a number twice."""
    with pytest.raises(ContractError) as error:
        checked(parse(TEXT.replace("  - id: R31\n", "  - id: R30\n"), Path("openapi.yaml")))
    line = _line("  - id: R31\n")
    said = '"R30" comes after R30; number rules upwards, and use no number twice'
    assert f"openapi.yaml:{line}: x-rules R30 id: {said}" in error.value.lines


@pytest.mark.parametrize(
    ("kind", "source", "is_valid"),
    [
        ("documented", "docs.octopusx.ai/en/videos/grok/query", True),
        ("documented", "the documentation", False),
        ("gateway", "QuantumNous/new-api dto/task.go @06644e80", True),
        ("gateway", "QuantumNous/new-api dto/task.go", False),
        ("inferred", "It follows from that.", True),
        ("inferred", "", False),
        ("inferred", "guessed", False),
        ("chosen", "Nothing says so.", True),
        ("chosen", "ours", False),
        ("probed", "2026-11-29: it answered so", True),
        ("probed", "yesterday", False),
        ("guessed", "It follows from that.", False),
    ],
)
def test_a_grade_names_what_it_rests_on(kind: str, source: str, *, is_valid: bool) -> None:
    """A page, a file with its commit, a reason of three words, a date."""
    value = copy.deepcopy(DOCUMENT.value)
    value["components"]["headers"]["RetryAfter"]["x-grade"] = {kind: source}
    problems = vocabulary.check(Document(value, DOCUMENT.path, DOCUMENT.lines))
    assert [problem.place.startswith("components.headers.RetryAfter.x-grade") for problem in problems] == (
        [] if is_valid else [True]
    )


def _without(pointer: tuple[str | int, ...]) -> Document:
    value = copy.deepcopy(DOCUMENT.value)
    node = value
    for step in pointer[:-1]:
        node = node[step]
    del node[pointer[-1]]
    return Document(value, DOCUMENT.path, DOCUMENT.lines)


@pytest.mark.slow
def test_everything_has_to_carry_a_grade() -> None:
    """Each operation, parameter, response, header, link, field and list of values without its grade is a problem."""
    grades = [place for place in DOCUMENT.lines if place[-1] in {"x-grade", "x-enum-grades"}]
    # A component that is no field: its fields carry a grade each, whoever refers to it says the rest.
    needless = [place for place in grades if place[:2] == ("components", "schemas") and len(place) == 4]
    needed = [place for place in grades if place not in needless or place[-1] == "x-enum-grades"]
    assert len(needed) > 150
    for place in needed[::9]:
        document = _without(place)
        problems = [*vocabulary.check(document), *house.check(document)]
        line = DOCUMENT.line(place[:-1])
        assert any(problem.line == line and str(place[-1]) in problem.text for problem in problems), place


@pytest.mark.parametrize("schema", ["ExtendVideoRequest", "SourceVideo"])
def test_each_field_of_a_request_has_an_example(schema: str) -> None:
    """A field that neither its schema nor any request shows is a problem of the project's own contract."""
    value = copy.deepcopy(DOCUMENT.value)
    properties = value["components"]["schemas"][schema]["properties"]
    properties["mood"] = {"type": "string", "x-grade": {"chosen": "Made up for this test."}}
    problems = house.check(Document(value, DOCUMENT.path, DOCUMENT.lines))
    [problem] = problems
    assert problem.place == f"components.schemas.{schema}.properties.mood"
    assert problem.text == '"examples" is missing; no request has an example of this field'
    properties["mood"]["examples"] = ["calm"]
    assert house.check(Document(value, DOCUMENT.path, DOCUMENT.lines)) == []


def test_each_field_of_an_example_is_described() -> None:
    """A field that was renamed in its schema and not in the examples is a problem at the line of each example."""
    value = copy.deepcopy(DOCUMENT.value)
    properties = value["components"]["schemas"]["UnifiedVideoTask"]["properties"]
    name = "video_url"
    properties[f"{name}s"] = properties.pop(name)
    problems = house.check(Document(value, DOCUMENT.path, DOCUMENT.lines))
    examples = [place for place in DOCUMENT.lines if place[-1] == name and "/v1/video/query" in place]
    assert len(examples) > 1
    assert [problem.line for problem in problems] == [DOCUMENT.line(place) for place in examples]
    assert {problem.text for problem in problems} == {
        f'"{name}" is not a field that the schema of this example describes; did you mean "{name}s"?'
    }


def test_the_vocabulary_is_a_json_schema_that_describes_each_extension() -> None:
    """Each x- key of the contract has a definition with a title or a description, and none is defined for nothing."""
    schema = vocabulary.schema()
    jsonschema_rs.meta.validate(schema)
    defined = {name for name in schema["$defs"] if name.startswith("x-")}
    assert defined == {step for place in DOCUMENT.lines for step in place if str(step).startswith("x-")}
    assert all(schema["$defs"][name]["description"] for name in defined)


def test_a_contract_without_extensions_is_accepted(tmp_path: Path) -> None:
    """Any OpenAPI 3.1 document can be served; what it does not say is nobody's mistake."""
    path = tmp_path / "contract.yaml"
    path.write_text(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"
        "paths: {/a: {get: {operationId: a, responses: {200: {description: ok}}}}}\n",
        "utf-8",
    )
    assert list(load(path).operations) == ["a"]


def test_names_are_those_of_operations_that_start_a_task() -> None:
    """The fields that a value may repeat are those of the submits."""
    names = Names(DOCUMENT.value)
    assert {"model", "prompt", "duration", "video", "task_id", "aspect_ratio"} <= set(names.submitted)
    starting = {name for name, one in names.operations.items() if one.starts_task}
    assert starting >= {"extendVideo", "createVideoExtension", "extendUnifiedVideo"}
    assert starting.isdisjoint({"getVideoTask", "downloadVideoContent", "queryUnifiedVideo"})


@pytest.mark.parametrize(
    ("pointer", "value", "said"),
    [
        (("components", "headers", "ContentRange", "example"), "bytes 0", '"bytes 0" does not match '),
        (("components", "schemas", "StartTime", "examples"), [-1], "-1 is less than the minimum of 0"),
    ],
)
def test_each_example_fits_its_schema(pointer: Pointer, value: Any, said: str) -> None:
    """One that does not is a problem at its own line."""
    document = copy.deepcopy(DOCUMENT.value)
    node = document
    for step in pointer[:-1]:
        node = node[step]
    node[pointer[-1]] = value
    [problem] = house.incomparable(Document(document, DOCUMENT.path, DOCUMENT.lines))
    assert problem.line == DOCUMENT.line(pointer)
    assert problem.text.startswith(said)
    assert problem.text.endswith("; correct the example or the schema")
    assert house.incomparable(DOCUMENT) == []
