"""A document that knows who reads it: whoever is outside of the package of the contract asks the model instead."""

from __future__ import annotations

import copy
import functools
import sys
from pathlib import Path
from typing import Any

import pytest
from octopusx_video_openapi import Contract

ROOT = Path(__file__).parents[2]
READERS = ("openapi", "tests")
"""The folders whose modules may read a loaded document: the package of the contract, and tests that compare with it."""
_DATA = frozenset({"const", "default", "enum", "example", "value"})
"""The keys under which stands data of the API, which is handed out as it is."""


class RawReadError(AssertionError):
    """A module that has to ask the model has read the document. The text names the module, the line and the key."""


class Recorded(dict[str, Any]):
    """An object of a document, which raises ``RawReadError`` over a reader that it is not for."""

    def __getitem__(self, key: str) -> Any:
        """A member."""
        _check(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """A member, or the default."""
        _check(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        """Whether there is such a member."""
        _check(str(key))
        return super().__contains__(key)

    def __iter__(self) -> Any:
        """The keys."""
        _check("*")
        return super().__iter__()

    def keys(self) -> Any:
        """The keys."""
        _check("*")
        return super().keys()

    def values(self) -> Any:
        """The members."""
        _check("*")
        return super().values()

    def items(self) -> Any:
        """Keys and members."""
        _check("*")
        return super().items()

    def __deepcopy__(self, memo: Any) -> dict[str, Any]:
        """A copy that anybody may read."""
        return {key: copy.deepcopy(value, memo) for key, value in dict.items(self)}


def recorded(node: Any, above: str = "") -> Any:
    """A node of a document with its objects recorded, but for data."""
    if isinstance(node, dict) and above not in _DATA:
        is_of_fields = above == "properties"
        return Recorded((key, recorded(value, "" if is_of_fields else key)) for key, value in dict.items(node))
    if isinstance(node, list) and above not in _DATA | {"examples"}:
        return [recorded(value) for value in node]
    return node


def record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the document of each contract that is made in this process recorded."""
    made = Contract.__init__

    def init(self: Contract, document: dict[str, Any], *arguments: Any, **keywords: Any) -> None:
        made(self, recorded(document), *arguments, **keywords)

    monkeypatch.setattr(Contract, "__init__", init)


def _check(key: str) -> None:
    frame = sys._getframe(2)  # noqa: SLF001 - who reads is what this is about
    name = _not_a_reader(frame.f_code.co_filename)
    if name:
        raise RawReadError(f"{name}:{frame.f_lineno} reads {key!r} of a loaded document; ask the model of the contract")


@functools.cache
def _not_a_reader(file: str) -> str:
    """The module of a file of the project that may not read a document; "" for any other file."""
    path = Path(file)
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else Path("tests")
    is_reader = name.parts[0] in READERS or name.parts[0].startswith(".")
    return "" if is_reader else name.as_posix()
