"""What the contract asks of a server: its routes, what each takes, and what each answers. Compiled once, at the start.

Nothing of the API stands here. A route, a status, a body or a field that is not in the contract does not exist.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from octopusx_video_openapi import Contract, operations, task_ids
from octopusx_video_openapi.lifecycle import TaskLife, task_life

from octopusx_video_mock.compiled.operation import Served, serve
from octopusx_video_mock.compiled.problems import Problems


@dataclass(frozen=True, slots=True)
class Route:
    """A path of the contract: how it is recognised, and its operations by method in upper case."""

    pattern: re.Pattern[bytes]
    names: tuple[str, ...]
    methods: dict[str, Served]
    allow: bytes


class Blueprint:
    """A contract, compiled.

    Raises:
        ContractError: Something in it can't be served. It has a line for each problem.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.known = task_ids.documented(contract)
        self.has_tasks = bool(contract.task_parameters)
        self.served = _served(contract)
        self.echoes = _echoes(self)
        reads = [served.by_task_status for served in self.served.values() if served.by_task_status]
        samples = [by_task_status[self.life.succeeded] for by_task_status in reads]
        # What the documented tasks are: as old and as long as the contract's samples of a finished one.
        self.sample_begun = float(next((t.shows("task.created") for t in samples if t.shows("task.created")), 0))
        ended = next((t.shows("task.ended") for t in samples if t.shows("task.ended")), 0)
        self.sample_lasts = max(0.0, float(ended) - self.sample_begun)
        self.sample_length = float(next((t.shows("task.length") for t in samples if t.shows("task.length")), 0))
        self.concrete: dict[bytes, Route] = {}
        self.routes: list[Route] = []
        for template, found in contract.paths.items():
            methods = {method: self.served[operation.id] for method, operation in found.items()}
            names = operations.names(template)
            pattern = operations.expression(template, "[^/]*")
            # HEAD asks for the headers of GET (RFC 9110 section 9.3.2): how large a video is, before it is downloaded.
            if "HEAD" not in methods and "GET" in methods and methods["GET"].content:
                methods["HEAD"] = methods["GET"]
            route = Route(re.compile(pattern.encode()), names, methods, ", ".join(methods).encode())
            if names:
                self.routes.append(route)
            else:
                self.concrete[template.encode()] = route
        # The answers to what is of no operation, as any operation of the contract shows them.
        self.wrong_route = next(
            (s.causes["wrong-route"] for s in self.served.values() if "wrong-route" in s.causes), None
        )
        # What an order is refused with that can't be followed, where an operation calls each wrong request by its task.
        self.wrong_order = next(
            (s.causes["invalid-request"] for s in self.served.values() if s.starts and "invalid-request" in s.causes),
            None,
        )
        self.request_id = _request_id(contract)

    @functools.cached_property
    def life(self) -> TaskLife:
        """How a task of this contract lives."""
        return task_life(self.contract)

    def find(self, method: str, path: bytes) -> tuple[Served, dict[str, bytes]] | None:
        """The operation of a method and a raw path, with the raw values of the path's parameters."""
        concrete = self.concrete.get(path)
        if concrete is not None and method in concrete.methods:
            return concrete.methods[method], {}
        for route in self.routes:
            match = route.pattern.fullmatch(path)
            if match is not None and method in route.methods:
                return route.methods[method], dict(zip(route.names, match.groups(), strict=True))
        return None

    def allowed(self, path: bytes) -> bytes | None:
        """The methods of the route that a raw path is of, the concrete one first; None where it is of none."""
        concrete = self.concrete.get(path)
        if concrete is not None:
            return concrete.allow
        return next((route.allow for route in self.routes if route.pattern.fullmatch(path)), None)


def _served(contract: Contract) -> dict[str, Served]:
    """The operations, ready to be served, by their ids.

    Raises:
        ContractError: Something of them, or of the life of their tasks, can't be served. It has a line for each.
    """
    problems = Problems(contract)
    found: dict[str, Served] = {}
    if contract.task_parameters:
        with problems.collecting():
            task_life(contract)
    for operation in contract.operations.values():
        try:
            served = serve(operation, problems)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"
            place = ("paths", operation.path, operation.method)
            problems.add(place, f"can't be served ({reason}); check it with a linter")
        else:
            found |= {operation.id: served} if served else {}
    problems.report()
    return found


def _echoes(blueprint: Blueprint) -> tuple[str, ...]:
    """The request's fields that reads tell again."""
    names = {
        place.name.removeprefix("request.")
        for served in blueprint.served.values()
        for template in served.templates
        for place in template.places
        if place.name.startswith("request.")
    }
    return tuple(sorted(names))


def _request_id(contract: Contract) -> tuple[str, str] | None:
    """Name of the header that every answer carries its id in, and the example of it that stands in messages."""
    header = contract.request_id_header
    return (header.name, str(next(iter(header.examples), ""))) if header else None
