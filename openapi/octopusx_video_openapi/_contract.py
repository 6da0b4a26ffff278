"""The contract as an object: finding it, reading it, asking it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

Json = Any
Phase = Literal["running", "succeeded", "failed"]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""The methods that an OpenAPI path item can hold."""

# The component schemas that list the known values of a status, and what they mean.
_PHASES: dict[str, Phase] = {
    "RunningStatus": "running",
    "SucceededStatus": "succeeded",
    "FailedStatus": "failed",
}


DEEPEST = 200
"""How deep a contract may be nested; the project's own has some twenty levels."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ContractError(Exception):
    """The contract is missing, or is not a document that can be worked with. The text names the cause and the mend."""


@dataclass(frozen=True)
class Operation:
    """One operation: its ``operationId``, path template, method in lower case, and definition with references kept."""

    id: str
    path: str
    method: str
    definition: dict[str, Json]


@dataclass(frozen=True)
class Rule:
    """One numbered rule of ``x-rules``.

    ``schema`` is the JSON Schema that answers of ``operations`` with one of ``statuses`` must match, or None where the
    rule can't be said of a single answer. ``about`` says what it is a rule of.
    """

    id: str
    level: Literal["must", "should"]
    title: str
    about: str
    operations: tuple[str, ...]
    statuses: tuple[int, ...]
    schema: dict[str, Json] | None


class Contract:
    """The parsed document and the questions that are asked of it."""

    def __init__(self, document: dict[str, Json], path: Path) -> None:
        self.document = document
        self.path = path

    @property
    def version(self) -> str:
        """The contract's version, ``info.version``."""
        return str(self.document["info"]["version"])

    def resolve(self, node: Json) -> Json:
        """Follow the node's ``$ref`` within the document until there is none.

        Raises:
            ContractError: The reference leaves the document or leads nowhere.
        """
        seen = set()
        while isinstance(node, dict) and "$ref" in node:
            pointer = node["$ref"]
            if pointer in seen:
                raise ContractError(f"{self.path}: {pointer} leads back to itself; define what it stands for")
            seen.add(pointer)
            if not pointer.startswith("#/"):
                raise ContractError(f"{self.path}: {pointer} is not a reference within the document; inline it")
            node = self.document
            for step in pointer[2:].split("/"):
                try:
                    node = node[step.replace("~1", "/").replace("~0", "~")]
                except (KeyError, TypeError):
                    raise ContractError(f"{self.path}: {pointer} leads nowhere; define it or mend its name") from None
        return node

    @functools.cached_property
    def operations(self) -> dict[str, Operation]:
        """Every operation by its ``operationId``, in the order of the document."""
        found = {}
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    operation = Operation(item[method]["operationId"], path, method, self._definition(item, method))
                    found[operation.id] = operation
        return found

    def _definition(self, item: dict[str, Json], method: str) -> dict[str, Json]:
        """An operation's definition with the parameters of its path, which its own go before."""
        own = [self.resolve(parameter) for parameter in item[method].get("parameters", ())]
        named = {(parameter["in"], parameter["name"]) for parameter in own}
        shared = [self.resolve(parameter) for parameter in item.get("parameters", ())]
        added = [parameter for parameter in shared if (parameter["in"], parameter["name"]) not in named]
        definition: dict[str, Json] = item[method]
        return {**definition, "parameters": [*added, *own]} if added else definition

    def operation_at(self, path: str, method: str) -> Operation:
        """The operation of a path template and a method, in upper or lower case."""
        return self.operations[self.document["paths"][path][method.lower()]["operationId"]]

    def responses(self, operation: Operation) -> Iterator[tuple[str, dict[str, Json]]]:
        """Each documented status of the operation with its response, references followed."""
        for status, response in operation.definition["responses"].items():
            yield str(status), self.resolve(response)

    def examples(self, holder: dict[str, Json]) -> Iterator[tuple[str, Json]]:
        """Name and value of each example of a media type object."""
        for name, example in holder.get("examples", {}).items():
            yield name, self.resolve(example)["value"]

    @functools.cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The numbered rules, in the order of their numbers."""
        return tuple(
            Rule(
                id=rule["id"],
                level=rule["level"],
                title=rule["title"],
                about=rule["about"],
                operations=tuple(rule.get("operations", ())),
                statuses=tuple(rule.get("statuses", ())),
                schema=rule.get("schema"),
            )
            for rule in self.document.get("x-rules", ())
        )

    def phase(self, status: str) -> Phase | None:
        """What a status means: running, succeeded or failed; None for a value that the contract does not know.

        An unknown value is to be taken for running, and reported (rule R14).
        """
        schemas = self.document["components"]["schemas"]
        for name, phase in _PHASES.items():
            if status in schemas[name]["enum"]:
                return phase
        return None

    def schema(self, schema: Json) -> dict[str, Json]:
        """The schema as a document of its own: its references into ``#/components`` find what they name."""
        return {"allOf": [schema], "components": self.document["components"]}


def contract_path() -> Path:
    """Where the contract is: beside this package in an installed distribution, one folder up in a checkout."""
    here = Path(__file__).resolve().parent
    packaged = here / "openapi.yaml"
    return packaged if packaged.exists() else here.parent / "openapi.yaml"


def load(path: Path | str | None = None) -> Contract:
    """Read a contract, the project's own when no path is given.

    Raises:
        ContractError: The file can't be read, is not YAML, or is not an OpenAPI 3.1 document with operations.
    """
    path = contract_path() if path is None else Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ContractError(f"{path}: can't be read ({error.strerror}); name an existing OpenAPI file") from None
    except UnicodeDecodeError:
        raise ContractError(f"{path}: is not UTF-8 text; save it as UTF-8") from None
    try:
        _check_shape(text, path)
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader, in C where there is one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "unreadable"
        raise ContractError(f"{path}: is not valid YAML ({problem}{where}); mend the file") from None
    except (ValueError, KeyError, AttributeError, TypeError) as error:  # of a tagged or dated scalar
        raise ContractError(f"{path}: has a value that YAML can't read ({error}); put it in quotes") from None
    _require(document, path)
    contract = Contract(document, path)
    try:
        _walk(contract)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ContractError(
            f"{path}: is not a valid OpenAPI document ({type(error).__name__}: {error}); check it with a linter"
        ) from None
    return contract


def _check_shape(text: str, path: Path) -> None:
    """Refuse what would blow up while it is read: references of YAML's own, and a depth that no contract has."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else "?"
            raise ContractError(f"{path}: has a YAML alias at line {line}; refer to a component with $ref instead")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ContractError(f"{path}: is nested deeper than {DEEPEST} levels; that is no contract")


def _walk(contract: Contract) -> None:
    """Touch everything that is asked of a contract later, so that what can't be answered shows now."""
    _follow(contract, contract.document)
    for operation in contract.operations.values():
        for parameter in operation.definition.get("parameters", ()):
            parameter = contract.resolve(parameter)
            _ = parameter["name"], parameter["in"], parameter["schema"]
        contents = [contract.resolve(operation.definition.get("requestBody", {})).get("content", {})]
        contents += [response.get("content", {}) for _, response in contract.responses(operation)]
        for content in contents:
            for media in content.values():
                _ = media.get("schema"), list(contract.examples(media))
    _ = contract.rules


def _follow(contract: Contract, node: Json) -> None:
    """Follow every reference below a node."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            contract.resolve(node)
        for value in node.values():
            _follow(contract, value)
    elif isinstance(node, list):
        for value in node:
            _follow(contract, value)


def _require(document: Json, path: Path) -> None:
    """Refuse a document that nothing could be done with; whether it is good is the linter's business."""
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3.1."):
        raise ContractError(f"{path}: is not an OpenAPI 3.1 document; it must begin with `openapi: 3.1.0`")
    if not isinstance(document.get("info"), dict) or "version" not in document["info"]:
        raise ContractError(f"{path}: info.version is missing; give the contract a version")
    paths = document.get("paths")
    if not isinstance(paths, dict) or not any(
        method in item for item in paths.values() if isinstance(item, dict) for method in METHODS
    ):
        raise ContractError(f"{path}: has no operations; describe at least one under paths")
    for template, item in paths.items():
        if not isinstance(template, str):
            raise ContractError(f"{path}: paths.{template}: a path is text; put it in quotes")
        for method in METHODS:
            operation = item.get(method) if isinstance(item, dict) else None
            if operation is None:
                continue
            place = f"{path}: paths.{template}.{method}"
            if not isinstance(operation, dict) or not isinstance(operation.get("operationId"), str):
                raise ContractError(f"{place}: operationId is missing; name the operation")
            if not isinstance(operation.get("responses"), dict) or not operation["responses"]:
                raise ContractError(f"{place}: responses are missing; document at least one")
