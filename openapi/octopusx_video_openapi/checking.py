"""Whether a document is a contract that can be used: OpenAPI 3.1 whose references hold, in the known vocabulary."""

from __future__ import annotations

from collections.abc import Iterator

from octopusx_video_openapi import vocabulary
from octopusx_video_openapi.contract import Contract
from octopusx_video_openapi.document import METHODS, ContractError, Document, Json, Pointer, Problem, follow


def checked(document: Document) -> Contract:
    """The contract of a document.

    Raises:
        ContractError: The document is not one that can be used; see ``load``.
    """
    contract = usable(document)
    problems = vocabulary.check(document)
    if problems:
        raise ContractError.of(document.path, problems)
    return contract


def usable(document: Document) -> Contract:
    """The contract of a document, whose vocabulary is not tested.

    Raises:
        ContractError: It is not an OpenAPI 3.1 document with operations, or a ``$ref`` leads nowhere.
    """
    _require(document)
    contract = Contract(document.value, document.path, document.line)
    problems = list(_references(document, document.value, ()))
    if problems:
        raise ContractError.of(document.path, problems)
    try:
        _make_parts(contract)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        problems = vocabulary.check(document)  # they have lines
        if problems:
            raise ContractError.of(document.path, problems) from None
        text = f"is not a valid OpenAPI document ({type(error).__name__}: {error}); check it with a linter"
        raise ContractError.at(document.path, None, text) from None
    return contract


def _make_parts(contract: Contract) -> None:
    """Make the parts of each operation, so that an error in them shows now."""
    for operation in contract.operations.values():
        try:
            _ = operation.parameters, operation.body, operation.responses
        except KeyError as error:
            text = f"a parameter or an example has no {error}, without which it can't be read; give it one"
            raise ContractError.at(contract.path, operation.line, text, operation.id) from None


def _references(document: Document, node: Json, place: Pointer) -> Iterator[Problem]:
    """Each reference below a node that leads nowhere."""
    if isinstance(node, dict):
        if "$ref" in node and place[-1:] != ("properties",):  # there it is the name of a field
            try:
                follow(document.value, node)
            except LookupError as error:
                yield Problem(document.line((*place, "$ref")), "", str(error))
        for key, value in node.items():
            yield from _references(document, value, (*place, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _references(document, value, (*place, index))


def _require(document: Document) -> None:
    """Refuse a document without the parts that every program needs; the linter tests the rest."""
    value = document.value
    if not isinstance(value, dict) or not str(value.get("openapi", "")).startswith("3.1."):
        given = f' but one of "{value["openapi"]}"' if isinstance(value, dict) and "openapi" in value else ""
        text = f"is not an OpenAPI 3.1 document{given}; it must begin with `openapi: 3.1.0`"
        raise ContractError.at(document.path, document.line(("openapi",)), text)
    if not isinstance(value.get("info"), dict) or "version" not in value["info"]:
        raise _refused(document, "info.version is missing; give the contract a version")
    paths = value.get("paths")
    if not isinstance(paths, dict) or not any(
        method in item for item in paths.values() if isinstance(item, dict) for method in METHODS
    ):
        raise _refused(document, "has no operations; describe at least one under paths")
    known: set[str] = set()
    for template, item in paths.items():
        if isinstance(item, dict) and "$ref" in item:
            text = "operations behind a $ref are not read; write them here"
            raise _refused(document, text, "paths", template, "$ref")
        for method in METHODS:
            if isinstance(item, dict) and item.get(method) is not None:
                place = ("paths", template, method)
                _require_operation(document, item[method], place)
                name = item[method]["operationId"]
                if name in known:
                    text = f'operationId "{name}" is that of another operation too; give each its own'
                    raise _refused(document, text, *place, "operationId")
                known.add(name)


def _require_operation(document: Document, operation: Json, place: Pointer) -> None:
    if not isinstance(operation, dict) or not isinstance(operation.get("operationId"), str):
        raise _refused(document, "operationId is missing; name the operation", *place)
    if not isinstance(operation.get("responses"), dict) or not operation["responses"]:
        raise _refused(document, "responses are missing; document at least one", *place)


def _refused(document: Document, text: str, *place: str | int) -> ContractError:
    return ContractError.at(document.path, document.line(place), text, ".".join(map(str, place)))
