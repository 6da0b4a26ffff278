"""Whether a run can be set up: what would end it before it proved anything is found before anything is sent."""

from __future__ import annotations

import dataclasses
import pkgutil
import re
import tempfile
import traceback
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import pytest
from octopusx_video_openapi import Contract, ContractError, Schema

from octopusx_video_contract.cases import request_values
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.runner.target import PARTS, CannotRunError

OF_THE_CLIENT = frozenset({"documented_requests", "round_trip"})
"""The layers that use the generated client."""
OF_TASKS = frozenset({"bills", "boundaries", "life"})
"""The layers that fetch the videos of tasks."""
_SUITE = Path(__file__).parents[1] / "suite"


def check(contract: Contract, layers: Container[str]) -> None:
    """Find out whether the suite can run here, with this contract.

    Args:
        contract: What the server is tested against.
        layers: Those that run.

    Raises:
        CannotRunError: It can't. The text names the file, the place in it, and the fix.
        ContractError: The contract lacks what the requests are made of.
    """
    _environment()
    for part in PARTS:
        if not contract.has(part):
            raise CannotRunError(f"{contract.path}: has no {part}; the suite needs a contract like the project's own")
    for operation in contract.operations.values():
        request_values.valid_requests(operation, "unknown")
    if any(layer in layers for layer in OF_TASKS) and not any(read.sends_video for read in contract.reads):
        raise CannotRunError(
            f"{contract.path}: no operation sends the video of a task; describe one to which a submit has a link, or "
            f"choose --layer without {', '.join(sorted(OF_TASKS))}"
        )
    if any(layer in layers for layer in OF_THE_CLIENT):
        fault = next(_client_faults(contract), None)
        if fault:
            raise CannotRunError(
                f"{contract.path}: {fault}, so that it was generated from another contract; run `nox -s generate`, or "
                f"choose --layer without {' and '.join(sorted(OF_THE_CLIENT))}"
            )


def _environment() -> None:
    if not __debug__:
        raise CannotRunError("Python runs without assertions, and the suite is made of them; unset PYTHONOPTIMIZE")
    try:
        Path.cwd()
    except OSError as error:
        raise CannotRunError(f"the current folder can't be used ({error.strerror}); change to another one") from None
    try:
        tempfile.TemporaryFile().close()
    except OSError as error:
        raise CannotRunError(f"no temporary file can be made ({error.strerror}); let TMPDIR name a folder") from None


def _client_faults(contract: Contract) -> Iterator[str]:
    """Where the generated client departs from the contract: an operation, a model, a field of a model."""
    from octopusx_video_client import api, models  # noqa: PLC0415 - where the layers need it

    prefix = f"{api.__name__}."
    modules = pkgutil.walk_packages(api.__path__, prefix)
    found = {_squeezed(module.name.removeprefix(prefix)) for module in modules}
    for operation in contract.operations.values():
        tag = next(iter(operation.tags), "default")
        if f"{_squeezed(tag)}.{_squeezed(operation.id)}" not in found:
            yield f"{operation.id}: the generated client has no such operation under {tag}"
    for name, schema in contract.schemas.items():
        if schema.types != ("object",):
            continue
        model = getattr(models, name, None)
        if model is None:
            yield f"components.schemas.{name}: the generated client has no model of it"
            continue
        yield from _model_faults(name, schema, model)


def _model_faults(name: str, schema: Schema, model: Any) -> Iterator[str]:
    known = {_squeezed(one.name) for one in getattr(model, "__attrs_attrs__", ())} - {"additionalproperties"}
    fields = {_squeezed(field): field for field in schema.properties}
    for missing in sorted(fields.keys() - known):
        yield f"components.schemas.{name}.{fields[missing]}: the generated client has no such field"
    for more in sorted(known - fields.keys()):
        yield f"components.schemas.{name}: the generated client has the field {more}, which is not there"


def _squeezed(name: str) -> str:
    """A name without what the generator changes of it."""
    return re.sub(r"[^a-z0-9.]", "", name.lower())


@dataclasses.dataclass
class Collecting:
    """A plugin of pytest that ends the run where tests can't be collected.

    Attributes:
        run: The run.
        fault: What was wrong, in one line; empty where nothing was.
    """

    run: Run
    fault: str = ""

    def pytest_exception_interact(
        self, node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any], report: object
    ) -> None:
        """Called by pytest where something went wrong, with a test or before it."""
        if not isinstance(report, pytest.CollectReport) or call.excinfo is None:
            return
        self.fault = _described(Path(str(node.path)), call.excinfo.value)
        config = node.config
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and not self.run.log.findings:  # else they are reported, and this after them
            config.pluginmanager.unregister(reporter)
        pytest.exit(self.fault, returncode=2)


def _described(path: Path, error: BaseException) -> str:
    error = error.__cause__ or error  # pytest wraps what goes wrong in an import, with the traceback in its text
    if isinstance(error, ContractError | CannotRunError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_SUITE.parent)]
    line = f":{own[-1].lineno}" if own else ""
    text = re.sub(r"\s+", " ", str(error)).strip()
    if isinstance(error, ModuleNotFoundError):
        return f"{path}: {text}; pip install 'octopusx-video[contract]', or leave {path.stem} out with --layer"
    place = f"{own[-1].filename if own else path}{line}"
    return (
        f"{place}: the layer {path.stem} can't be set up: {type(error).__name__}: {text[:300]}; see whether the "
        f"contract and the generated client fit (`nox -s drift`), or leave {path.stem} out with --layer"
    )
