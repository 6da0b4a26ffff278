"""The typed usage examples: they run, they use all of the client, and what a new client breaks of them is found."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import usage
from octopusx_video_client import AuthenticatedClient
from octopusx_video_client.types import Unset
from octopusx_video_compat import releases
from octopusx_video_compat.release import HOME
from octopusx_video_compat.usage import ROOT, of_usage, type_errors, unused
from octopusx_video_mock import Mock
from octopusx_video_openapi import Contract, ContractError
from octopusx_video_openapi.document import Json
from octopusx_video_openapi.lifecycle import task_life
from octopusx_video_openapi.reading import read

from tests.compat.edits import changes

RELEASE = releases.RELEASES / "1.0.0"
EXAMPLES = RELEASE / releases.USAGE
BY_NAME = {change.name: change for change in changes()}


@pytest.fixture
def client(mock: Mock) -> AuthenticatedClient:
    """The generated client of a mock in this process."""
    return AuthenticatedClient(base_url="http://mock", token="sk-tests", httpx_args={"transport": mock.transport})


@pytest.fixture(scope="module")
def base() -> Contract:
    """The contract that was released."""
    return releases.contract(RELEASE / releases.CONTRACT)


@pytest.fixture
def source(contract: Contract) -> str:
    """The id of a task that the mock knows from the start."""
    return str(contract.operations["extendVideo"].parameters[0].examples[0])


def _later(mock: Mock, contract: Contract) -> None:
    """Let the time pass that a task takes."""
    mock.clock.advance(task_life(contract).lasts + 1)


def test_each_submit_of_the_examples_starts_a_task(client: AuthenticatedClient, source: str) -> None:
    """In each way in which the client can be called, with every field by keyword and by position."""

    async def later() -> list[str]:
        calls = (usage.extend_later, usage.create_later, usage.extend_unified_later)
        return [usage.read_submitted(await call(client, source))[0] for call in calls]

    calls = (usage.extend_by_path, usage.extend_by_position, usage.create, usage.extend_unified)
    ids = [usage.read_submitted(call(client, source))[0] for call in calls]
    ids += asyncio.run(later())
    assert len(set(ids)) == len(ids) == 7


def test_the_examples_read_a_task_of_each_family(
    mock: Mock, client: AuthenticatedClient, contract: Contract, source: str
) -> None:
    """While it runs and at its end, with its fields, and its video."""
    task = usage.extend_by_path(client, source).id
    assert not usage.ends(usage.get(client, task))
    _later(mock, contract)
    ended = usage.get(client, task)
    assert usage.ends(ended)
    assert usage.texts(ended)["id"] == task
    assert usage.numbers(ended)["progress"] == 100
    assert usage.addresses(ended)
    assert usage.again(ended) == ended
    assert usage.others(ended) == {}
    assert asyncio.run(usage.get_later(client, task)) == ended

    video = usage.download(client, task)
    assert asyncio.run(usage.download_start(client, task)) == video[:100]

    other = usage.extend_unified(client, source).id
    _later(mock, contract)
    unified = usage.query(client, other)
    assert usage.unified_texts(unified)["id"] == other
    assert usage.unified_numbers(unified)[0] == 100
    assert asyncio.run(usage.query_later(client, other)) == unified


def test_the_examples_read_what_went_wrong(
    mock: Mock, client: AuthenticatedClient, contract: Contract, source: str
) -> None:
    """A task that failed, a task that is unknown, and a key that is not accepted."""
    with mock.fault("failed", times=1):
        task = usage.create(client, source).id
    _later(mock, contract)
    assert not any(isinstance(text, Unset) for text in usage.problem(usage.get(client, task)))
    with pytest.raises(usage.RequestFailedError, match=f"^{task_life(contract).unknown_code}: "):
        usage.get(client, "unknown-task")
    assert asyncio.run(usage.query_later(client, "unknown-task")) is None
    with pytest.raises(usage.RequestFailedError, match="Invalid token"):
        usage.download(AuthenticatedClient("http://mock", "sk-wrong", httpx_args={"transport": mock.transport}), task)


def test_the_examples_use_each_name_of_the_client(base: Contract, tmp_path: Path) -> None:
    """A name that is not used is found."""
    assert unused(EXAMPLES, base) == []
    less = tmp_path / "usage.py"
    less.write_text(EXAMPLES.read_text("utf-8").replace("task.trace_id", "task.asset_id"), "utf-8")
    assert unused(less, base) == ["UnifiedVideoTask.trace_id"]


def _changed(name: str) -> Json:
    return BY_NAME[name].of(read(RELEASE / releases.CONTRACT).value)


def test_the_examples_fit_the_client_that_is_committed() -> None:
    """The type checker finds nothing, and says so in no other words than by an empty list."""
    assert type_errors(HOME / releases.USAGE, ROOT / "generated") == []


@pytest.mark.slow
def test_what_a_new_client_breaks_of_the_examples_is_found(base: Contract) -> None:
    """An attribute that has another type, which the names do not show; the error has the line of the example."""
    new = Contract(_changed("response-type-widened"), Path("openapi.yaml"))
    found = list(of_usage(RELEASE, base, new, []))
    lines = EXAMPLES.read_text("utf-8").splitlines()
    assert found
    for one in found:
        assert (one.rule, one.breaks, one.file) == ("usage", ("callers",), EXAMPLES)
        assert one.line is not None
        assert "task.progress" in lines[one.line - 1], one.sentence


@pytest.mark.parametrize("name", ["request-minimum-raised", "grade-changed"])
def test_the_examples_are_not_checked_again_where_the_client_is_the_same(
    name: str, base: Contract, tmp_path: Path
) -> None:
    """The release is not even read: what the generator makes code of did not change."""
    assert list(of_usage(tmp_path / "missing", base, Contract(_changed(name), tmp_path / "missing"), [])) == []


def test_a_contract_that_the_generator_refuses_can_not_be_compared(base: Contract) -> None:
    """The error is the generator's own."""
    response = {"description": "A picture.", "content": {"image/x-cat": {}}}
    paths = {"/cats": {"get": {"operationId": "getCat", "responses": {"200": response}}}}
    document = {"openapi": "3.1.0", "info": {"title": "Cats", "version": "1.0.0"}, "paths": paths}
    with pytest.raises(
        ContractError, match=r"^cats\.yaml: openapi-python-client says:\n.*Unsupported content_type image/x-cat"
    ):
        list(of_usage(RELEASE, base, Contract(document, Path("cats.yaml")), []))
