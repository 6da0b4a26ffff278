"""The contract, compiled once at the start: its routes, what each takes, and its responses.

No part of the API is written here. A route, a status, a body or a field that is not in the contract does not exist.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from octopusx_video_openapi import Contract, ContractError, contract_path, load, operations, task_ids
from octopusx_video_openapi.lifecycle import TaskLife, task_life

from octopusx_video_mock.compiled.operation import CompiledOperation, compile_operation
from octopusx_video_mock.compiled.problems import Problems
from octopusx_video_mock.errors import MockError


@dataclass(frozen=True, slots=True)
class Route:
    """A path of the contract: how it is recognised, and its operations by method in upper case."""

    pattern: re.Pattern[bytes]
    names: tuple[str, ...]
    methods: dict[str, CompiledOperation]
    allow: bytes


@dataclass(frozen=True, slots=True)
class Sample:
    """When the documented tasks began, and how long they and their videos take: as the contract's samples have it."""

    begun: float
    lasts: float
    length: float


class CompiledContract:
    """A contract, compiled.

    Raises:
        ContractError: Something in it can't be served. It has a line for each problem.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.known_tasks = task_ids.documented(contract)
        self.has_tasks = bool(contract.task_parameters)
        self.operations = _operations(contract)
        self.echoes = _echoes(self.operations)
        self.sample = self._sample()
        self._concrete: dict[bytes, Route] = {}
        self._routes: list[Route] = []
        for template, methods in contract.paths.items():
            route = self._route(template, {method: self.operations[one.id] for method, one in methods.items()})
            if route.names:
                self._routes.append(route)
            else:
                self._concrete[template.encode()] = route
        # The responses to what is no operation, as any operation of the contract has them.
        self.wrong_route = next(
            (one.by_cause["wrong-route"] for one in self.operations.values() if "wrong-route" in one.by_cause), None
        )
        # The response to a preference that can't be followed, where the response to any invalid request names its task.
        self.wrong_preference = next(
            (
                one.by_cause["invalid-request"]
                for one in self.operations.values()
                if one.starts_task and "invalid-request" in one.by_cause
            ),
            None,
        )
        header = contract.request_id_header
        self.request_id = (header.name, str(next(iter(header.examples), ""))) if header else None
        """Name of the header with the id of a request, and its example, which is also in messages."""
        self.video_operation = next((one for one in self.operations.values() if one.video_type), None)

    @functools.cached_property
    def life(self) -> TaskLife:
        """Which statuses a task goes through, and how long it takes."""
        return task_life(self.contract)

    def find(self, method: str, path: bytes) -> tuple[CompiledOperation, dict[str, bytes]] | None:
        """The operation of a method and a raw path, with the raw values of the path's parameters."""
        concrete = self._concrete.get(path)
        if concrete is not None and method in concrete.methods:
            return concrete.methods[method], {}
        for route in self._routes:
            match = route.pattern.fullmatch(path)
            if match is not None and method in route.methods:
                return route.methods[method], dict(zip(route.names, match.groups(), strict=True))
        return None

    def allowed(self, path: bytes) -> bytes | None:
        """The methods of the route of a raw path, the concrete one first; None where there is none."""
        concrete = self._concrete.get(path)
        if concrete is not None:
            return concrete.allow
        return next((route.allow for route in self._routes if route.pattern.fullmatch(path)), None)

    def _route(self, template: str, methods: dict[str, CompiledOperation]) -> Route:
        # HEAD has the headers of GET (RFC 9110 section 9.3.2): how large a video is, before it is downloaded.
        if "HEAD" not in methods and "GET" in methods and methods["GET"].video_type:
            methods["HEAD"] = methods["GET"]
        pattern = re.compile(operations.expression(template, "[^/]*").encode())
        return Route(pattern, operations.names(template), methods, ", ".join(methods).encode())

    def _sample(self) -> Sample:
        reads = [one.by_task_status for one in self.operations.values() if one.by_task_status]
        finished = [by_task_status[self.life.succeeded] for by_task_status in reads]

        def first(name: str) -> float:
            return float(next((found for found in (one.value_of(name) for one in finished) if found), 0))

        begun = first("task.created")
        return Sample(begun, max(0.0, first("task.ended") - begun), first("task.length"))


def compiled(contract: Path | str | None) -> CompiledContract:
    """The contract, compiled; one that was compiled before, and has not changed since, is used again.

    Args:
        contract: Path of an OpenAPI file; the project's own contract when left out.

    Raises:
        MockError: It can't be served; the text names the place.
    """
    path = contract_path() if contract is None else Path(contract)
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        changed = 0  # the reader says what is wrong
    return _compiled(contract if contract is None else path, changed)


@functools.lru_cache(maxsize=4)
def _compiled(contract: Path | None, changed: int) -> CompiledContract:
    try:
        return CompiledContract(load(contract))
    except ContractError as error:
        raise MockError(*error.lines) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        path = contract_path() if contract is None else contract
        raise MockError(f"{path}: can't be served ({reason}); check the contract with a linter") from None


def _operations(contract: Contract) -> dict[str, CompiledOperation]:
    """The operations, compiled, by their ids.

    Raises:
        ContractError: Something of them, or of the life of their tasks, can't be served. It has a line for each.
    """
    problems = Problems(contract)
    found: dict[str, CompiledOperation] = {}
    if contract.task_parameters:
        with problems.collecting():
            task_life(contract)
    for operation in contract.operations.values():
        try:
            compiled_one = compile_operation(operation, problems)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"
            place = ("paths", operation.path, operation.method)
            problems.add(place, f"can't be served ({reason}); check it with a linter")
        else:
            found |= {operation.id: compiled_one} if compiled_one else {}
    problems.report()
    return found


def _echoes(found: dict[str, CompiledOperation]) -> tuple[str, ...]:
    """The fields of a request that responses to reads repeat."""
    names = {
        place.name.removeprefix("request.")
        for operation in found.values()
        for template in operation.templates
        for place in template.places
        if place.name.startswith("request.")
    }
    return tuple(sorted(names))
