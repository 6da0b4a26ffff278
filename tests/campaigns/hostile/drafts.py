"""What hostile requests are made of: valid requests of the contract as drafts, and what may come of a request."""

from __future__ import annotations

import copy
import functools
import json
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import jsonschema_rs
from octopusx_video_openapi import Contract, Operation

from tests.support import documents

MAX_HEADER = 64 * 1024
"""Largest header block in bytes."""
MAX_BODY = 10 * 1024 * 1024
"""Largest body in bytes."""
ACCEPTED = frozenset({200, 400, 404})
"""What a valid submit or read may get: its task may be unknown."""
REFUSED = frozenset({400})
UNAUTHORIZED = frozenset({401})

Ending = Literal["answer", "leave", "half-close", "hang-up"]


@dataclass(frozen=True)
class Expected:
    """What may come of a request.

    Attributes:
        operations: Ids of the operations whose documented answers are right; none where no operation is meant.
        statuses: The only statuses that are right; None allows all that are documented, but for 5xx.
        no_route: Whether it may be answered as a path or method that the contract does not have.
        broken: Whether its HTTP is broken, so that a plain 400, 408, 413 or 431 or a closed connection is right too.
        ordered: Whether the request asks for an answer of its choice, a 5xx among them.
    """

    operations: tuple[str, ...] = ()
    statuses: frozenset[int] | None = None
    no_route: bool = False
    broken: bool = False
    ordered: bool = False


@dataclass(frozen=True)
class Hostile:
    """A request: its bytes, what may come of it, and what its sender does when it is sent.

    ``answer`` reads the answer and goes on with the same connection, ``leave`` reads it and does not, ``half-close``
    ends the sending side first (what was sent may be incomplete), and ``hang-up`` goes away without reading.
    """

    raw: bytes
    expected: Expected
    ending: Ending = "answer"


@dataclass
class Draft:
    """A request that is being made."""

    operation: Operation
    document: Any
    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    version: bytes = b"HTTP/1.1"

    def set(self, name: bytes, *values: bytes) -> Draft:
        """Replace a header by others of its name, or by none."""
        kept = [(key, value) for key, value in self.headers if key.lower() != name.lower()]
        self.headers = [*kept, *((name, value) for value in values)]
        return self

    def encode(self, *framing: tuple[bytes, bytes], body: bytes | None = None) -> bytes:
        """The request's bytes; framed by Content-Length unless other headers are given for that."""
        body = self.body if body is None else body
        if not framing and body:
            framing = ((b"Content-Length", b"%d" % len(body)),)
        lines = [b"%s %s %s" % (self.method, self.target, self.version)]
        lines += [b"%s: %s" % header for header in (*self.headers, *framing)]
        return b"\r\n".join([*lines, b"", body])

    def breaking(self, ending: Ending = "answer", *framing: tuple[bytes, bytes], body: bytes | None = None) -> Hostile:
        """The request as one whose HTTP is broken."""
        return Hostile(self.encode(*framing, body=body), self.expecting(no_route=True, broken=True), ending)

    def expecting(self, statuses: Iterable[int] | None = None, **more: bool) -> Expected:
        """Documented answers of the operation, all or those with some statuses."""
        return Expected((self.operation.id,), None if statuses is None else frozenset(statuses), **more)


class World:
    """What requests are made of: the contract, a key that works, and a task that has ended."""

    def __init__(self, contract: Contract, key: str, task: str) -> None:
        self.contract = contract
        self.key = key.encode()
        self.task = task
        self.operations = tuple(contract.operations.values())
        self.submits = tuple(
            operation for operation in self.operations if "requestBody" in documents.definition(operation)
        )
        self.reads = tuple(operation for operation in self.operations if operation not in self.submits)
        self.polls = tuple(operation for operation in self.reads if "application/json" in self._success(operation))

    def draft(self, rng: random.Random, operations: tuple[Operation, ...] = ()) -> Draft:
        """A valid request of one of the operations."""
        operation = rng.choice(operations or self.operations)
        target = re.sub(r"\{[^}]*\}", quote(self.task, safe=rng.choice(("", ":"))), operation.path)
        queries = [
            f"{parameter['name']}={quote(self.task)}"
            for parameter in documents.parameters(operation)
            if parameter["in"] == "query"
        ]
        headers = [(b"Host", b"127.0.0.1"), (b"Authorization", b"Bearer " + self.key)]
        document = None
        if operation in self.submits:
            document = copy.deepcopy(rng.choice(self.examples(operation)))
            headers.append((b"Content-Type", b"application/json"))
        return Draft(
            operation,
            document,
            operation.method.upper().encode(),
            "?".join([target, *queries]).encode(),
            headers,
            b"" if document is None else json.dumps(document).encode(),
        )

    def anything(self, *, broken: bool = False) -> Expected:
        """Whatever the contract documents for any operation, or that there is no such path or method."""
        return Expected(tuple(self.contract.operations), no_route=True, broken=broken)

    def examples(self, operation: Operation) -> list[Any]:
        """The documented bodies of a submit."""
        media = documents.body(operation)
        return [example for _, example in documents.examples(self.contract, media)]

    def is_valid(self, operation: Operation, document: Any) -> bool:
        """Whether a body is what the contract asks for."""
        return self._validator(operation.id).is_valid(document)

    def fields(self, operation: Operation) -> list[tuple[str, ...]]:
        """Where the fields of a submit's body are."""
        return list(self._fields(self._schema(operation), ()))

    def _success(self, operation: Operation) -> Any:
        return dict(documents.responses(self.contract, operation))["200"]["content"]

    @functools.cache  # noqa: B019 - there is one world
    def _validator(self, operation_id: str) -> jsonschema_rs.Draft202012Validator:
        schema = self._schema(self.contract.operations[operation_id])
        return jsonschema_rs.Draft202012Validator(documents.schema(self.contract, schema))

    def _schema(self, operation: Operation) -> Any:
        return documents.body_schema(operation)

    def _fields(self, schema: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, field in documents.resolve(self.contract, schema).get("properties", {}).items():
            yield (*above, name)
            yield from self._fields(field, (*above, name))


def seeded(*parts: object) -> random.Random:
    """Random numbers that are the same for the same parts."""
    return random.Random(":".join(map(str, parts)))  # noqa: S311 - drawn to be repeated, not to be secret


def matches(template: str, path: str) -> bool:
    """Whether a path is one of a template's."""
    return re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)), path) is not None


def at(document: Any, place: tuple[str, ...], value: Any) -> Any:
    """The document with another value in one place."""
    changed = dict(document) if isinstance(document, dict) else {}
    changed[place[0]] = at(changed.get(place[0]), place[1:], value) if place[1:] else value
    return changed


def raw_at(document: Any, place: tuple[str, ...], text: bytes) -> bytes:
    """The document as JSON, with text of any kind, which need not be JSON, in one place."""
    return json.dumps(at(document, place, "@RAW@")).encode().replace(b'"@RAW@"', text)


def without(document: Any, place: tuple[str, ...]) -> Any:
    """The document without one field."""
    changed = copy.deepcopy(document)
    holder = changed
    for step in place[:-1]:
        holder = holder.get(step, {})
    holder.pop(place[-1], None)
    return changed


def chunked(body: bytes, rng: random.Random, extension: bytes = b"", trailers: bytes = b"") -> bytes:
    """A body in chunks of any size."""
    pieces, position = [], 0
    while position < len(body):
        size = rng.randrange(1, max(2, len(body) // 2))
        piece = body[position : position + size]
        pieces.append(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece))
        position += size
    return b"".join([*pieces, b"0\r\n", trailers, b"\r\n"])
