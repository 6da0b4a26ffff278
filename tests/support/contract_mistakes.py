"""Mistakes in a contract, made from the contract itself: none is written by hand.

Each changes one key, one value or one fact, so that the vocabulary has to refuse the contract at the changed line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from octopusx_video_openapi import ContractError
from octopusx_video_openapi.checking import checked
from octopusx_video_openapi.document import Document, Pointer

GONE: Any = object()
"""Stands for a member that is taken away."""
NOWHERE = "nowhere"
"""A name that no part of the contract has."""
UNDOCUMENTED = 418
"""A status that no operation has."""
NO_RULE = "R99"
"""A number that no rule has."""

OPEN = (
    (r"x-rules\.\d+\.title$", "a text for people"),
    (r"x-grade\.\w+$|x-enum-grades\.[^.]+\.\w+$", "a text for people; what it must contain is tested by itself"),
    (r"x-codeSamples\.\d+\.(label|source)$", "a text for people, and a command"),
    (r"\.pattern$", "any regular expression is one"),
    (r"\.(code|type)\.(const|enum\.\d+)$", "the codes and types of errors are an open list"),
)
"""The texts in x- keys of which any value is valid, by their place, and why."""
OPTIONAL = (
    (r"\.otherwise-by-model$", "a model need not differ from others"),
    (r"^x-rules\.\d+\.(schema|when)\..", "a schema that says less is another rule, and a valid one"),
    (r"x-when(\.|$)", "a response need not be the one that is sent for a cause"),
    (r"x-codeSamples$", "an operation need not have been shown"),
)
"""The members in x- keys that a contract may lack, by their place, and why."""
_DATA = frozenset({"value", "example", "examples", "default", "const", "enum"})
_PROSE = re.compile(r"(^|\.)(description|summary|title)$|x-grade\.\w+$|x-enum-grades\.[^.]+\.\w+$")


TWICE = (("canceled", "cancelled"),)
"""The keys of one object of which one is the other without a letter: the other stands there twice then.

No parsed document has a key twice, so that they are tried in the text of the contract.
"""


class Mistake(NamedTuple):
    """One mistake.

    Attributes:
        kind: What was done: ``x- key``, ``nested key``, ``value``, ``reference`` or ``fact``.
        pointer: Where.
        key: The key that stands there afterwards, or None where the value is changed.
        value: The value that stands there afterwards; ``GONE`` for none.
        line: The line at which it has to be refused.
    """

    kind: str
    pointer: Pointer
    key: str | None
    value: Any
    line: int

    @property
    def name(self) -> str:
        """What was done, in words."""
        place = ".".join(map(str, self.pointer))
        done = "is gone" if self.value is GONE else f"-> {self.value if self.key is None else self.key}"
        return f"{self.kind}: {place} {done}"

    def of(self, document: Document) -> Document:
        """The document with the mistake, its lines those of the file with the mistake in it."""
        value = _put(document.value, self.pointer, self)
        lines = document.lines
        if self.key is not None:
            lines = {**lines, (*self.pointer[:-1], self.key): self.line}
        return Document(value, document.path, lines)


def _put(node: Any, pointer: Pointer, mistake: Mistake) -> Any:
    step: Any = pointer[0]
    copied = dict(node) if isinstance(node, dict) else list(node)
    if len(pointer) > 1:
        copied[step] = _put(node[step], pointer[1:], mistake)
    elif mistake.value is GONE:
        del copied[step]
    elif mistake.key is None:
        copied[step] = mistake.value
    else:  # the key keeps its place among the others
        copied = {mistake.key if key == step else key: value for key, value in node.items()}
    return copied


def refused(mistake: Mistake, document: Document) -> str:
    """Why a mistake does not count as refused at its own line; "" where it does."""
    try:
        checked(mistake.of(document))
    except ContractError as error:
        own = f"{document.path}:{mistake.line}: "
        return "" if any(line.startswith(own) for line in error.lines) else f"refused elsewhere: {error}"
    return "accepted"


def mistakes(document: Document) -> Iterator[Mistake]:
    """Every mistake of every kind."""
    for pointer, value in _parts(document.value, ()):
        within = next((index for index, step in enumerate(pointer) if str(step).startswith("x-")), None)
        if within is not None:
            yield from _of_extension(document, pointer, value, within)
        yield from _of_reference(document, pointer, value)


def without_a_letter(word: str) -> list[str]:
    """The word with one letter removed, each result once."""
    return list(dict.fromkeys(word[:index] + word[index + 1 :] for index in range(len(word)) if len(word) > 1))


def reason(pointer: Pointer, table: tuple[tuple[str, str], ...]) -> str | None:
    """The reason in a table for the place; None where the table does not have the place."""
    place = ".".join(map(str, pointer))
    return next((why for pattern, why in table if re.search(pattern, place)), None)


def _parts(node: Any, here: Pointer) -> Iterator[tuple[Pointer, Any]]:
    """Every part of a document but data, with its place."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*here, key), value
            # Within an x- key everything counts; under `properties` a key is the name of a field.
            if key not in _DATA or here[-1:] == ("properties",) or any(str(step).startswith("x-") for step in here):
                yield from _parts(value, (*here, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield (*here, index), value
            yield from _parts(value, (*here, index))


def _of_extension(document: Document, pointer: Pointer, value: Any, within: int) -> Iterator[Mistake]:
    line = document.lines[pointer]
    key = pointer[-1]
    if isinstance(key, str):
        kind = "x- key" if key.startswith("x-") else "nested key"
        for word in without_a_letter(key):
            if (word, key) not in TWICE:
                yield Mistake(kind, pointer, word, value, line)
        # What the whole is made of can be taken away within it; the whole itself where something needs it.
        if (len(pointer) - 1 > within or _is_needed(document, pointer)) and reason(pointer, OPTIONAL) is None:
            yield Mistake("fact", pointer, None, GONE, document.line(pointer[:-1]) or 0)
    if isinstance(value, str) and reason(pointer, OPEN) is None:
        for word in without_a_letter(value):
            yield Mistake("value", pointer, None, word, line)


def _is_needed(document: Document, pointer: Pointer) -> bool:
    """Whether a rule, or another key, needs a whole x- key."""
    if pointer[-1] == "x-unit":  # of a value that a program writes or reads, a program has to know the unit
        return (*pointer[:-1], "x-value-of") in document.lines
    return pointer[-1] in {"x-billed", "x-default-when-omitted", "x-result-length"}


def _of_reference(document: Document, pointer: Pointer, value: Any) -> Iterator[Mistake]:
    """References to operations, statuses, fields, examples and rules, each made wrong."""
    place = ".".join(map(str, pointer))
    line = document.lines[pointer]
    if re.search(r"^x-rules\.\d+\.statuses\.\d+$", place):
        yield Mistake("reference", pointer, None, UNDOCUMENTED, line)
    elif _NAMES.search(place) and isinstance(value, str):
        wrong = "request.nowhere" if value.startswith("request.") else NOWHERE
        yield Mistake("reference", pointer, None, wrong, line)
    elif _NAMES_AS_KEYS.search(place):
        yield Mistake("reference", pointer, NOWHERE, value, line)
    elif pointer[-1] == "x-default-when-omitted":
        yield Mistake("reference", pointer, None, -1, line)
    elif _PROSE.search(place) and isinstance(value, str):
        for rule in dict.fromkeys(re.findall(r"\bR\d\d\b", value)):
            yield Mistake("reference", pointer, None, value.replace(rule, NO_RULE), line)


_NAMES = re.compile(
    r"""
    ^x-rules\.\d+\.(operations|constant|never-falls|in-order)\.\d+$
    | ^x-rules\.\d+\.read-by\.\w+\.\d+$
    | ^x-rules\.\d+\.(schema|when)\..*required\.\d+$
    | ^x-rules\..*\.\$ref$
    | ^x-task-life\.\w+(\.\d+)?\.(status|code)$
    | ^x-wrong-route\.error-type$
    | x-result-length\.(starts-at|adds)\.field$
    | x-value-of$
    | x-when\.[\w-]+$
    | links\.\w+\.operationId$
    | links\.\w+\.parameters\.\w+$
    """,
    re.VERBOSE,
)
_NAMES_AS_KEYS = re.compile(
    r"""
    ^x-rules\.\d+\.read-by\.\w+$
    | ^x-rules\.\d+\.(schema|when)\..*properties\.\w+$
    | x-enum-grades\.\w+$
    | otherwise-by-model\.[\w-]+$
    | links\.\w+\.parameters\.\w+$
    """,
    re.VERBOSE,
)
