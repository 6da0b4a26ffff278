"""The contract as an object, and what is asked of it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from octopusx_video_openapi._source import Source
from octopusx_video_openapi.document import METHODS, OF_BODY, ContractError, Json, Pointer
from octopusx_video_openapi.model import Header, Parameter, header_of
from octopusx_video_openapi.operation import Operation, new_tasks
from octopusx_video_openapi.rule_ids import RuleId
from octopusx_video_openapi.rules import Rule, rule_of
from octopusx_video_openapi.schema import Schema

Phase = Literal["running", "succeeded", "failed"]
_PHASES: dict[str, Phase] = {
    "RunningStatus": "running",
    "SucceededStatus": "succeeded",
    "FailedStatus": "failed",
}
"""The component schemas that list the known values of a status, and what they mean."""


class Contract:
    """A contract, and the questions that are asked of it.

    Args:
        document: The parsed document.
        path: The file that it was read from, for messages.
        line: Gives the line of a part in that file, or of the nearest part around it; None where none is known.
    """

    def __init__(
        self, document: dict[str, Json], path: Path, line: Callable[[Pointer], int | None] = lambda _: None
    ) -> None:
        self.path = path
        self._source = Source(self, document, path, line)

    @property
    def version(self) -> str:
        """The contract's version, ``info.version``."""
        return str(self._source.document["info"]["version"])

    @property
    def server(self) -> str:
        """The address of the service, the first of ``servers``."""
        return str(self._source.document["servers"][0]["url"])

    def text(self) -> str:
        """The document as JSON, for a tool that reads OpenAPI."""
        return json.dumps(self._source.document)

    def has(self, part: str) -> bool:
        """Whether the document has a part of its own with this name, such as ``x-rules``."""
        return part in self._source.document

    def line(self, *place: str | int) -> int | None:
        """The line, from 1, of a part of the document, or of the nearest part around it; None where none is known.

        Args:
            place: The keys and indexes that lead to it, such as ``"components", "schemas", "VideoTask"``.
        """
        return self._source.line(place)

    @functools.cached_property
    def operations(self) -> Mapping[str, Operation]:
        """Every operation by its ``operationId``, in the order of the document."""
        found = (operation for methods in self.paths.values() for operation in methods.values())
        return {operation.id: operation for operation in found}

    @functools.cached_property
    def paths(self) -> Mapping[str, Mapping[str, Operation]]:
        """The operations of each path template, by method in upper case, in the order of the document."""
        return {
            path: {
                method.upper(): Operation(self._source, path, method, self._definition(item, method))
                for method in METHODS
                if method in item
            }
            for path, item in self._source.document["paths"].items()
        }

    def _definition(self, item: dict[str, Json], method: str) -> dict[str, Json]:
        """An operation's definition with the parameters of its path, which its own go before."""
        own = [self._source.resolve(parameter) for parameter in item[method].get("parameters", ())]
        named = {(parameter["in"], parameter["name"]) for parameter in own}
        shared = [self._source.resolve(parameter) for parameter in item.get("parameters", ())]
        added = [parameter for parameter in shared if (parameter["in"], parameter["name"]) not in named]
        definition: dict[str, Json] = item[method]
        return {**definition, "parameters": [*added, *own]} if added else definition

    @functools.cached_property
    def task_parameters(self) -> Mapping[str, Parameter]:
        """The parameter with which each operation that reads a task is asked for it, by the links of the submits.

        Raises:
            ContractError: A link leads to no operation, or to a parameter that its operation does not have.
        """
        found = {}
        for operation in self.operations.values():
            for status, link, _ in new_tasks(operation):
                place = f"{self.path}: {operation.id} {status} link {link.name}"
                target = self.operations.get(link.operation)
                if target is None:
                    raise ContractError(f"{place}: operationId names no operation; link to one of the contract")
                name = next(name for name, value in link.parameters.items() if value.startswith(OF_BODY))
                parameter = next((one for one in target.parameters if one.name == name), None)
                if parameter is None:
                    raise ContractError(f"{place}: {target.id} has no parameter {name}")
                found[target.id] = parameter
        return found

    @functools.cached_property
    def submits(self) -> Mapping[str, Operation]:
        """The operations that start tasks, by ``operationId``."""
        return {name: operation for name, operation in self.operations.items() if operation.starts_task}

    @property
    def reads(self) -> tuple[Operation, ...]:
        """The operations that are asked for a task by its id, the one that sends its video among them."""
        return tuple(operation for operation in self.operations.values() if operation.reads_task)

    @functools.cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The numbered rules, in the order of their numbers."""
        rules = self._source.document.get("x-rules", ())
        return tuple(
            rule_of(rule, self._source.schema, self.line("x-rules", index)) for index, rule in enumerate(rules)
        )

    @functools.cached_property
    def rules_by_id(self) -> Mapping[str, Rule]:
        """The numbered rules by their numbers. A contract of somebody else may leave out some, and have others."""
        return {rule.id: rule for rule in self.rules}

    def rule(self, rule: RuleId) -> Rule:
        """A rule that this contract must have; see ``rules_by_id`` for one that it may leave out.

        Raises:
            ContractError: The contract has no rule of this number.
        """
        found = self.rules_by_id.get(rule)
        if found is None:
            known = f"{self.rules[0].id} to {self.rules[-1].id}" if self.rules else "none"
            raise ContractError(f"{self.path}: has no rule {rule}; its rules are {known}")
        return found

    def phase(self, status: str) -> Phase | None:
        """What a status means: running, succeeded or failed; None for a value that the contract does not know.

        An unknown value is to be taken for running, and reported (rule R14).
        """
        return next((phase for name, phase in _PHASES.items() if status in self.schemas[name].enum), None)

    # ---- Parts that are shared

    @functools.cached_property
    def schemas(self) -> Mapping[str, Schema]:
        """The component schemas, by name."""
        return {name: self._source.schema(node) for name, node in self._source.components("schemas").items()}

    @functools.cached_property
    def headers(self) -> Mapping[str, Header]:
        """The component headers, by the name of the component."""
        return {name: header_of(self._source, name, node) for name, node in self._source.components("headers").items()}

    @property
    def security_schemes(self) -> Mapping[str, tuple[str, str]]:
        """The type and the scheme, in lower case, of each security scheme, such as ``("http", "bearer")``."""
        resolved = {
            name: self._source.resolve(node) for name, node in self._source.components("securitySchemes").items()
        }
        return {name: (str(one.get("type")), str(one.get("scheme")).lower()) for name, one in resolved.items()}

    @property
    def wrong_route_type(self) -> str:
        """The type of the error of a request that no operation is for, ``x-wrong-route``; "" where nothing is said."""
        return str(self._source.document.get("x-wrong-route", {}).get("error-type", ""))

    @functools.cached_property
    def request_id_header(self) -> Header | None:
        """The header in which a response names its request (``x-value-of: answer.id``); None where there is none."""
        responses = (response for operation in self.operations.values() for response in operation.responses.values())
        headers = (header for response in responses for header in response.headers.values())
        return next((header for header in headers if header.value_of == "answer.id"), None)

    @property
    def request_id_name(self) -> str:
        """The name of that header in lower case; "" where there is none."""
        return self.request_id_header.name.lower() if self.request_id_header else ""
