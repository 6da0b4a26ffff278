"""No public name of the package of the contract hands out a piece of the OpenAPI document."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import octopusx_video_openapi
import pytest
from octopusx_video_openapi import Contract, ContractError

from tests.support.recording import Recorded

MODULES = sorted(Path(octopusx_video_openapi.__file__).parent.glob("[!_]*.py"))
OF_FILES = {"compiled", "document", "house", "names", "reading", "vocabulary"}
"""The modules that read, check and compile a file, before there is a contract."""
RAW = {"Json", "Source", "Document"}
"""The types in annotations that a piece of the document, or what holds it, may have."""


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_no_annotation_of_a_public_name_is_a_piece_of_the_document(module: Path) -> None:
    """Of what public functions return, and of the attributes of public classes."""
    if module.stem not in OF_FILES:
        assert not list(_raw(ast.parse(module.read_text("utf-8"))))


def test_no_public_attribute_is_a_node_of_the_document(contract: Contract) -> None:
    """Whatever is reached from a loaded contract through attributes, properties and methods without arguments."""
    assert not list(_nodes(contract, "contract", set()))


def _raw(tree: ast.Module | ast.ClassDef) -> Iterator[str]:
    """The public names whose annotation names a type of the document."""
    for part in tree.body:
        if isinstance(part, ast.ClassDef):
            yield from () if part.name.startswith("_") else _raw(part)
        name, annotation = _annotated(part)
        if annotation is not None and not name.startswith("_"):
            named = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
            yield from [name] if named & RAW else ()


def _annotated(part: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
        return part.name, part.returns
    if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
        return part.target.id, part.annotation
    return "", None


def _nodes(value: Any, place: str, seen: set[int]) -> Iterator[str]:
    """The places at which nodes of the document are reached. A loaded document consists of ``Recorded`` objects."""
    if isinstance(value, Recorded):
        yield place
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _nodes(part, f"{place}[{key!r}]", seen)
    elif isinstance(value, list | tuple | set | frozenset):
        for index, part in enumerate(value):
            yield from _nodes(part, f"{place}[{index}]", seen)
    if type(value).__module__.startswith("octopusx_video_openapi") and id(value) not in seen:
        seen.add(id(value))
        for name in dir(value) if not isinstance(value, type) else ():
            if not name.startswith("_"):
                yield from _nodes(_attribute(value, name), f"{place}.{name}", seen)


def _attribute(value: Any, name: str) -> Any:
    """The value of an attribute; of a method, what it returns without arguments, if it can be called so."""
    try:
        found = getattr(value, name)
        return found() if inspect.ismethod(found) else found
    except (ContractError, TypeError):  # such as the length of the video of what is no submit
        return None
