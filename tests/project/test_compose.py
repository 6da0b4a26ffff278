"""The compose file of docs/DISTRIBUTED.md names what there is, and its commands can be read."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from octopusx_video._command.commands import cli
from octopusx_video.batch import Batch
from octopusx_video_mock.cli import _command as mock

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "distributed"
PROGRAMS: dict[str, click.Command] = {"octopusx-video": cli, "octopusx-video-mock": mock}
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def _parsed(words: list[str]) -> dict[str, Any]:
    """The arguments of the last command of a command line, none of which is run."""
    command, context = PROGRAMS[words[0]], None
    left = words[1:]
    while isinstance(command, click.Group):
        context = command.make_context(left[0], left, parent=context)
        _, found, left = command.resolve_command(context, left)
        assert found is not None
        command = found
    return command.make_context("last", left, parent=context).params


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if "command" in service])
def test_each_command_is_read(name: str) -> None:
    """Its options exist, and what a batch needs is given."""
    given = _parsed(shlex.split(SERVICES[name]["command"]))
    if name == "mock":
        assert given["host"] == "0.0.0.0"  # noqa: S104 - the network of the containers
    else:
        assert (given["db"], given["name"]) == ("postgresql://video@database/video", "cats")


def test_an_option_that_does_not_exist_is_seen() -> None:
    """The test above is no formality."""
    with pytest.raises(click.UsageError):
        _parsed(shlex.split(f"{SERVICES['worker']['command']} --shard 1/2"))


def test_what_services_name_is_there() -> None:
    """The hosts of the addresses, the services that are waited for, the volumes, the password, and the jobs."""
    client = SERVICES["worker"]
    assert client["environment"] == SERVICES["run"]["environment"]
    assert client["environment"]["OCTOPUSX_BASE_URL"] == "http://mock:4010"
    assert client["environment"]["PGPASSWORD"] == SERVICES["database"]["environment"]["POSTGRES_PASSWORD"]
    assert {name for one in SERVICES.values() for name in one.get("depends_on", {})} == {"database", "mock"}
    assert SERVICES["database"]["healthcheck"]["test"][0] == "CMD"
    assert client["deploy"]["replicas"] == 2
    assert list(COMPOSE["volumes"]) == [SERVICES["database"]["volumes"][0].partition(":")[0]]
    assert (
        Batch(FOLDER / "jobs.jsonl", out=FOLDER / "cats", base_url="http://127.0.0.1:1", api_key="any").plan().new == 12
    )


def test_the_image_has_what_a_wheel_is_built_from() -> None:
    """Each folder of the packages, and the files that the build reads."""
    lines = [shlex.split(line) for line in (FOLDER / "Dockerfile").read_text("utf-8").splitlines()]
    copied = {word for words in lines if words[0] == "COPY" for word in words[1:-1]}
    assert all((ROOT / name).exists() for name in copied)
    needed = {"contract_tests", "generated", "mock", "openapi", "sdk", "pyproject.toml", "hatch_build.py", "README.md"}
    assert needed <= copied
