"""Servers with one defect each: a real HTTP server in front of a mock, which changes what passes through it."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jsonschema_rs
from octopusx_video_openapi import Contract, Operation

from tests.support import documents

Json = Any


@dataclass
class Exchange:
    """One request and the answer that the mock gave to it; a defect changes the answer."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: bytes


def _nothing(_: object) -> None:
    pass


@dataclass(frozen=True)
class Defect:
    """What is wrong with a server: how it changes a request's headers, and how it changes an answer."""

    name: str
    request: Callable[[dict[str, str]], None] = _nothing
    answer: Callable[[Exchange], None] = _nothing


@dataclass
class FaultyServer:
    """A running server: where it listens, and what it was asked."""

    base_url: str
    asked: list[tuple[str, str]] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A caller that goes away in the middle is no news."""


@contextlib.contextmanager
def faulty_server(upstream: tuple[str, int], defect: Defect) -> Iterator[FaultyServer]:
    """Serve the mock at ``upstream`` with a defect while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # head and body in one packet: in two, the second waits for the first to be acknowledged

        def setup(self) -> None:
            """A connection to the mock for each connection of a caller: one for each request takes most of its time."""
            super().setup()
            self.mock = HTTPConnection(*upstream, timeout=10)

        def finish(self) -> None:
            """It ends with the caller's."""
            super().finish()
            self.mock.close()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def forward(self) -> None:
            server.asked.append((self.command, self.path))
            headers = {name.lower(): value for name, value in self.headers.items()}
            defect.request(headers)
            length = int(headers.get("content-length", 0))
            self.mock.request(self.command, self.path, self.rfile.read(length), headers)
            response: HTTPResponse = self.mock.getresponse()
            body = response.read()
            kept = {name.lower(): value for name, value in response.getheaders()}
            exchange = Exchange(self.command, self.path, response.status, kept, body)
            defect.answer(exchange)
            self.send_response_only(exchange.status)
            for name, value in exchange.headers.items():
                if name not in {"content-length", "transfer-encoding", "connection", "keep-alive"}:
                    self.send_header(name, value)
            told = (
                kept.get("content-length") if self.command == "HEAD" else None
            )  # that of GET, whose body does not come
            self.send_header("content-length", told or str(len(exchange.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(exchange.body)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self.forward
            raise AttributeError(name)

    with _Server(("127.0.0.1", 0), Handler) as http:
        server = FaultyServer(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def requires_no_key(key: str) -> Defect:
    """Serves everybody: the key is put in for those who have none."""
    return Defect("requires no key", request=lambda headers: headers.update(authorization=f"Bearer {key}"))


def always(status: int, body: Json) -> Defect:
    """Answers everything with one status and body."""

    def answer(exchange: Exchange) -> None:
        exchange.status = status
        exchange.headers["content-type"] = "application/json"
        exchange.body = json.dumps(body).encode()

    return Defect(f"answers {status} to everything", answer=answer)


def undocumented_status(instead: int, given: int) -> Defect:
    """Answers with a status that the contract does not list."""

    def answer(exchange: Exchange) -> None:
        if exchange.status == instead:
            exchange.status = given

    return Defect(f"answers {given} where {instead} is documented", answer=answer)


def response_properties(contract: Contract) -> list[tuple[str, str]]:
    """Every property of every schema that an answer can hold, as schema and property."""
    found: dict[tuple[str, str], None] = {}

    def walk(schema: Json) -> None:
        name = schema["$ref"].rsplit("/", 1)[1] if "$ref" in schema else None
        resolved = documents.resolve(contract, schema)
        for branch in resolved.get("oneOf", ()):
            walk(branch)
        for property_, sub in resolved.get("properties", {}).items():
            assert name is not None, "an object of an answer stands in a schema of its own, so that it has a name"
            found[name, property_] = None
            walk(sub)

    for operation in contract.operations.values():
        for _, response in documents.responses(contract, operation):
            for content in response.get("content", {}).values():
                walk(content["schema"])
    return list(found)


def corrupts(contract: Contract, schema: str, property_: str) -> Defect:
    """Gives one property of an answer a value of a wrong type, wherever the property can stand."""

    def answer(exchange: Exchange) -> None:
        operation = operation_of(contract, exchange.method, exchange.path.partition("?")[0])
        if operation is None or "json" not in exchange.headers.get("content-type", ""):
            return
        response = dict(documents.responses(contract, operation)).get(str(exchange.status))
        media = (response or {}).get("content", {}).get("application/json")
        if media is not None:
            body = json.loads(exchange.body)
            exchange.body = json.dumps(_corrupted(contract, media["schema"], body, schema, property_)).encode()

    return Defect(f"corrupts {schema}.{property_}", answer=answer)


def operation_of(contract: Contract, method: str, path: str) -> Operation | None:
    """The operation that a request reaches; a concrete path goes before a template."""
    matching = [
        operation
        for operation in contract.operations.values()
        if operation.method == method.lower() and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", operation.path), path)
    ]
    return min(matching, key=lambda operation: operation.path.count("{"), default=None)


def _corrupted(contract: Contract, schema: Json, value: Json, target: str, property_: str) -> Json:
    name = schema["$ref"].rsplit("/", 1)[1] if "$ref" in schema else None
    resolved = documents.resolve(contract, schema)
    for branch in resolved.get("oneOf", ()):
        if jsonschema_rs.is_valid(documents.schema(contract, branch), value):
            return _corrupted(contract, branch, value, target, property_)
    if not isinstance(value, dict):
        return value
    value = copy.copy(value)
    for field_, sub in resolved.get("properties", {}).items():
        if name == target and field_ == property_:
            value[field_] = _wrong(contract, sub)
        elif field_ in value:
            value[field_] = _corrupted(contract, sub, value[field_], target, property_)
        elif sub.get("$ref", "").endswith(f"/{target}"):
            value[field_] = _corrupted(contract, sub, {}, target, property_)
    return value


def _wrong(contract: Contract, schema: Json) -> Json:
    """A value of another type, but close, as a careless server would give it: text for a number, a number for text."""
    candidates: list[Json] = ["12345", 12345]
    return next(value for value in candidates if not jsonschema_rs.is_valid(documents.schema(contract, schema), value))
