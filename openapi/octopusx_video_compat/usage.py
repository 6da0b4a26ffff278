"""The typed usage examples of a release, type-checked against the client of the new contract. It runs programs.

It finds what the names of the client do not show: the types of parameters and attributes, as far as callers use them.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, Final

import regenerate
from octopusx_video_openapi import Contract, ContractError

from octopusx_video_compat import client_names
from octopusx_video_compat.difference import CALLERS, Difference
from octopusx_video_compat.releases import USAGE

ROOT: Final = Path(__file__).resolve().parents[2]
_MOST = 200
"""The most characters of a message that are shown; some list every value of an enumeration."""


def of_usage(release: Path, base: Contract, new: Contract, found: Sequence[Difference]) -> Iterator[Difference]:
    """What a type checker finds wrong with the examples of a release: what breaks callers, once for each message.

    Where the generator reads the same of both contracts, it writes the same code, for which the examples were checked
    when they were released; then nothing is run.

    Args:
        release: The folder of the release.
        base: Its contract.
        new: The contract as it is now.
        found: What the comparison of the contracts has found.

    Raises:
        ContractError: The generator can't make a client of the new contract, or the type checker can't be run.
    """
    if client_names.code(base) == client_names.code(new):
        return
    names = [one.where.rpartition(".")[2] for one in found if one.rule.startswith("client-") and one.breaks]
    with tempfile.TemporaryDirectory(prefix="client-") as folder:
        try:
            regenerate.unformatted(new, Path(folder))
        except regenerate.GenerationError as refused:
            raise ContractError(str(refused)) from None
        errors = type_errors(release / USAGE, Path(folder))
    lines: dict[str, list[int]] = {}
    for error in errors:
        lines.setdefault(str(error["message"]), []).append(int(error["line"]))
    for message, places in lines.items():
        where = f"{USAGE}, line{'s' * (len(places) > 1)} {', '.join(map(str, places))}"
        said = shorten(message, _MOST, placeholder="…")
        text = f"a type checker accepted a program of a caller and refuses it now: {said}"
        is_repeated = any(f'"{name}"' in message for name in names)
        yield Difference(
            "usage", where, (), CALLERS, text, 2, line=places[0], file=release / USAGE, is_repeated=is_repeated
        )


def type_errors(examples: Path, client: Path) -> list[Mapping[str, Any]]:
    """The errors of mypy in a file of examples.

    Args:
        examples: The file.
        client: The folder with the package of the client that it is checked against.

    Raises:
        ContractError: mypy can't be run.
    """
    # With the settings of the project, and so with the cache of `nox -s lint`: without one, it takes ten times as long.
    command = [sys.executable, "-m", "mypy", "--output", "json", "--no-error-summary", str(examples)]
    environment = {**os.environ, "MYPYPATH": str(client)}  # goes before the folders that the settings name
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1}:
        text = f"can't be type-checked: mypy says {(done.stderr or done.stdout).strip()}"
        raise ContractError.at(examples, None, text)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [one for one in found if one["severity"] == "error" and ROOT / one["file"] == examples]


def unused(examples: Path, contract: Contract) -> list[str]:
    """The names of the client of a contract that a file of examples does not use."""
    used: set[str] = set()
    for node in ast.walk(ast.parse(examples.read_text("utf-8"))):
        used |= {str(getattr(node, field)) for field in ("id", "attr", "arg") if hasattr(node, field)}
    names = client_names.names(contract)
    wanted = {name: name.rpartition(".")[2] for name in (*names.methods, *names.models, *names.enumerations)}
    wanted |= {
        f"{name}.{attribute}": attribute for name, model in names.models.items() for attribute in model.attributes
    }
    return [name for name, last in wanted.items() if last not in used]
