"""What a caller sees of a server: requests of the contract, and their responses without what differs on each run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from octopusx_video_mock.messages import MAX_BODY, Request, Response
from octopusx_video_openapi import task_ids

from tests.defects._defect import CONTENT, CREATE, EXTEND, QUERY, READ, SUBMITS, UNIFIED, UNKNOWN_ID, Server
from tests.support import documents

Observation = tuple[Any, ...]
Look = Callable[["Caller"], Iterator[Observation]]

_COMPARED_WHOLE = 2**16
"""Bytes of a body; a longer one is a video, which holds no id."""
_JSON = {"content-type": "application/json"}
_WRONG: tuple[Any, ...] = (
    None, 8, 720, 0, -1, 4.5, True, "", "  ", "10", "480P", "1080p", "yes", [], [" a"], [16, 9], {}, [5], ["a", "b"],
    "http://example.com/a.mp4", ["http://example.com/a.png", 5], ["ftp://example.com/a.png"], " grok:1",
)  # fmt: skip
_RIGHT: dict[str, tuple[Any, ...]] = {
    "size": ("720P", "1080P"),
    "duration": (6, 10, 15),
    "start_time": (0, 1, 2**40),
    "upscale": (True, False),
    "aspect_ratio": ("16:9", "1:1"),
    "model": ("grok-video-3", "grok-video-3-max", "another"),
    "images": ([], ["data:image/png;base64,AA"], ["HTTPS://example.com/a.png"], ["http://a/b", "http://a/c"]),
    "prompt": ("Ünï", "a\nb", 'say "hi"', "long " * 200, "\U0001f600"),
    "more": ("anything",),
}


@dataclass(frozen=True)
class Reply:
    """A response as a client has it: the status, the headers by name in lower case, and the body."""

    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        """The JSON value of the body."""
        return json.loads(self.content)


class Caller:
    """Sends requests to a server in this process, without an HTTP client, and returns what it saw.

    Args:
        server: The server.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._ids: dict[str, str] = {}
        self._key = {"authorization": f"Bearer {server.key}"}

    def ask(
        self, method: str, target: str, body: Any = None, *, headers: dict[str, str] | None = None, key: bool = True
    ) -> tuple[Observation, Reply | None]:
        """Send a request, by default with the key and JSON. Returns what was seen, and the response."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {**(self._key if key else {}), **(_JSON if body is not None else {}), **(headers or {})}
        given = self._responded(_request(method, target, content, sent))
        if given.delivery is not None and given.delivery != "chunked":
            return (method, target, given.delivery), None
        reply = _reply(given)
        kept = sorted((name, value) for name, value in reply.headers.items() if name != "x-oneapi-request-id")
        length = None if b"request id" in reply.content else len(reply.content)
        kept += [("delivery", str(given.delivery)), ("content-length", str(length))]
        return (reply.status, tuple(kept), "x-oneapi-request-id" in reply.headers, self._plain(reply.content)), reply

    def _responded(self, request: Request) -> Response:
        engine = self.server.mock.engine
        try:
            return engine.respond(request)
        except Exception:  # noqa: BLE001 - a defect of this server, which a real one would respond to with 500
            return engine.broken(request)

    def observe(self, method: str, target: str, body: Any = None, **more: Any) -> Observation:
        """What is seen of a response."""
        return self.ask(method, target, body, **more)[0]

    def path(self, operation: str, task: str) -> str:
        """The path and query of an operation that names a task, or of one that names none."""
        found = self.server.contract.operations[operation]
        path = re.sub(r"\{\w+\}", lambda _: quote(task, safe=":"), found.path)
        return f"{path}?id={quote(task, safe=':')}" if operation == QUERY else path

    def body(self, operation: str, task: str, **fields: Any) -> dict[str, Any]:
        """The shortest body of a submit, with this source, and with these fields set."""
        contract = self.server.contract
        media = documents.body(contract.operations[operation])
        value = json.loads(json.dumps(dict(documents.examples(contract, media))["shortest"]))
        for place, *steps in task_ids.places(contract.operations[operation]):
            if place == "body":
                holder = value
                for step in steps[:-1]:
                    holder = holder[step]
                holder[steps[-1]] = task
        return {**value, **fields}

    def submit(self, operation: str, task: str = "", headers: dict[str, str] | None = None, **fields: Any) -> str:
        """A new task; the id that the server gives it, or one that is unknown where it gives none."""
        source = task or self.source
        _, response = self.ask(
            "POST", self.path(operation, source), self.body(operation, source, **fields), headers=headers
        )
        try:
            new = response.json()["id"] if response is not None else UNKNOWN_ID
        except (ValueError, KeyError, TypeError):
            new = UNKNOWN_ID
        # A defect may make more tasks than it reports: they are known by the order in which they are reported.
        return self._named(new if isinstance(new, str) else UNKNOWN_ID)

    @property
    def source(self) -> str:
        """A finished task, of the contract's examples."""
        return task_ids.documented(self.server.contract)[0]

    def wait(self, seconds: float) -> None:
        """Let the mock's clock run."""
        self.server.mock.clock.advance(seconds)

    def bill(self) -> Observation:
        """How many submits of each operation are charged."""
        return ("billed", tuple(sorted(one.operation for one in self.server.mock.billed)))

    def _named(self, task: str) -> str:
        self._ids.setdefault(task, f"task {len(self._ids)}")
        return task

    def _plain(self, content: bytes) -> str:
        """The bytes without what is new on each run: ids, signatures of addresses."""
        if len(content) > _COMPARED_WHOLE:
            return f"{content[:16].decode('latin-1')}...{hashlib.sha256(content).hexdigest()}"
        text = content.decode("latin-1")
        for task, name in self._ids.items():
            text = text.replace(task, name)
        text = re.sub(r"grok:A[A-Za-z0-9_-]{40,}=*", "new task", text)
        return re.sub(r"request id: [0-9a-f]+|(?<=/)[A-Za-z0-9_-]{18,20}\.mp4", "-", text)


def _request(method: str, target: str, content: bytes, headers: dict[str, str]) -> Request:
    """The request as a client sends it; of a whole address, its path and query."""
    address = urlsplit(target)
    sent = {"host": "localhost", "accept": "*/*", "content-length": str(len(content)), **headers}
    fields = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
    body = content if len(content) <= MAX_BODY else None
    path, query = address.path.encode(), address.query.encode()
    return Request(method, path, query, fields, dict(fields), body, "localhost")


def _reply(given: Response) -> Reply:
    headers: dict[str, str] = {}
    for name, value in given.headers:
        key, text = name.decode().lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return Reply(given.status, headers, given.body)


def keys(caller: Caller) -> Iterator[Observation]:
    """Every way to send a key, or none, at every operation, to tasks that run, have ended and are unknown."""
    server = caller.server
    key, beginning = server.key, server.key[:5]
    ended, running = caller.source, caller.submit(CREATE, prompt="of keys")
    sent = [
        None, "", "Bearer", "Bearer ", f"Bearer {key} more", f"Bearer {key}x", f"Bearer {key.upper()}", f"Basic {key}",
        f"Token {key}", f"Key {key}", key, "Bearer wrong", f"Bearer {beginning}{'x' * (len(key) - len(beginning))}",
        f"Bearer {'x' * len(key)}", f"Bearer {server.other_key}", f"Bearer {key}", f"bearer {key}", f"BEARER {key}",
    ]  # fmt: skip
    malformed = [("POST", caller.path(one, ended), b"{") for one in SUBMITS]
    request: list[tuple[str, str, Any]] = [
        *(("POST", caller.path(one, ended), caller.body(one, ended)) for one in sorted(SUBMITS)),
        *(("POST", caller.path(one, ended), {}) for one in sorted(SUBMITS)),
        *sorted(malformed, key=str),
        *(
            ("GET", caller.path(one, task), None)
            for one in (READ, QUERY, CONTENT)
            for task in (ended, running, UNKNOWN_ID)
        ),
        ("GET", "/v1/video/query", None),
    ]
    for method, target, body in request:
        for one in sent:
            headers = {} if one is None else {"authorization": one}
            yield caller.observe(method, target, body, headers=headers, key=False)
        yield caller.observe(method, target, body, headers={"x-api-key": key}, key=False)
        yield caller.observe(method, target, body, headers={"cookie": f"session={key}"}, key=False)
        yield caller.observe(method, f"{target}{'&' if '?' in target else '?'}key={key}", body, key=False)
    yield caller.observe("GET", caller.path(CONTENT, ended), headers={"range": "bytes=99999999-"}, key=False)
    yield caller.bill()


def bodies(caller: Caller) -> Iterator[Observation]:
    """Every field of every submit, right and wrong, bodies that are no JSON, and ids in every spelling."""
    for operation in (EXTEND, CREATE, UNIFIED):
        yield from _fields(caller, operation)
        yield from _sources(caller, operation)
        yield from _media(caller, operation)
        yield caller.bill()
    yield from _spellings(caller)


def _fields(caller: Caller, operation: str) -> Iterator[Observation]:
    target, right = caller.path(operation, caller.source), caller.body(operation, caller.source)
    definition = documents.definition(caller.server.contract.operations[operation])
    schema = definition["requestBody"]["content"]["application/json"]["schema"]
    for name in documents.resolve(caller.server.contract, schema)["properties"]:
        yield caller.observe("POST", target, {field: one for field, one in right.items() if field != name})
        for value in (*_WRONG, f" {caller.source} ", *_RIGHT.get(name, ())):
            yield caller.observe("POST", target, {**right, name: value})
    for headers in ({"accept": "application/json"}, {"prefer": "code=403"}, {"prefer": "code=404"}):
        yield caller.observe("POST", target, {**right, "more": "anything"}, headers=headers)
    yield caller.observe("POST", target, {**right, "more": "anything"})


def _sources(caller: Caller, operation: str) -> Iterator[Observation]:
    source = caller.source
    target, right = caller.path(operation, source), caller.body(operation, source)
    yield caller.observe("POST", target, {**right, "task_id": source})
    yield caller.observe("POST", caller.path(operation, UNKNOWN_ID), {**right, "task_id": source})
    yield caller.observe("POST", target, {**right, "video": {"url": "https://example.com/a.mp4"}})
    yield caller.observe("POST", target, {**right, "video": source})
    yield caller.observe("POST", target, {**right, "video": {}, "video.url": source})


def _media(caller: Caller, operation: str) -> Iterator[Observation]:
    source = caller.source
    target, right = caller.path(operation, source), caller.body(operation, source)
    yield caller.observe("POST", target, [right])
    raw = json.dumps(right).encode()
    for body in (b"", b"{", raw[:-1] + b",}", raw.replace(b'"', b"'"), raw + b" more", raw + b"// comment\n", b"null"):
        yield caller.observe("POST", target, body)
    for media_type in (
        "text/plain", "application/xml", "application/x-www-form-urlencoded", "application/json; charset=utf-8",
        "Application/JSON", "multipart/form-data; boundary=x",
    ):  # fmt: skip
        yield caller.observe("POST", target, raw, headers={"content-type": media_type})
    form = f"model=m&prompt=p&start_time=4&task_id={quote(source)}&video.url={quote(source)}".encode()
    yield caller.observe("POST", target, form, headers={"content-type": "application/x-www-form-urlencoded"})


def _spellings(caller: Caller) -> Iterator[Observation]:
    source = caller.source
    known = next(one for one in task_ids.documented(caller.server.contract) if ":" in one)
    for operation in (READ, QUERY, CONTENT):
        path = caller.path(operation, source)
        for at in (path, path.replace(source, f"%20{source}"), path.replace(source, f"{source}%2Fmore")):
            yield caller.observe("GET", at, headers={"accept": "application/json"})
        yield caller.observe("GET", caller.path(operation, known))
        yield caller.observe("GET", caller.path(operation, known).replace(":", "%3A"))
        yield caller.observe("GET", caller.path(operation, "video_unknown"))
    for operation in (EXTEND, CREATE, UNIFIED):
        path = caller.path(operation, known)
        yield caller.observe("POST", path, caller.body(operation, known))
        yield caller.observe("POST", path.replace(":", "%3A"), caller.body(operation, known))
    caller.submit(CREATE)
    for query in ("", "?id=", f"?task_id={source}", "?id=%2F"):
        yield caller.observe("GET", f"/v1/video/query{query}")


def refusals(caller: Caller) -> Iterator[Observation]:
    """Every response that the contract has, ordered, and what a task that is unknown or has not succeeded gets."""
    source = caller.source
    running = caller.submit(CREATE)
    fails = caller.submit(EXTEND, headers={"prefer": "fault=failed"})
    for operation in caller.server.contract.operations.values():
        method, submits = operation.method.upper(), operation.id in SUBMITS
        for status, response in documents.responses(caller.server.contract, operation):
            for name in next(iter(response["content"].values()))["examples"]:
                headers = {"prefer": f"code={status}, example={name}", "range": "bytes=0-1"}
                body = caller.body(operation.id, source) if submits else None
                yield caller.observe(method, caller.path(operation.id, source), body, headers=headers)
        for task in (UNKNOWN_ID, "unknown", running):
            body = caller.body(operation.id, task) if submits else None
            yield caller.observe(method, caller.path(operation.id, task), body)
            yield caller.bill()
    caller.wait(200)
    for operation in caller.server.contract.operations.values():
        body = caller.body(operation.id, fails) if operation.id in SUBMITS else None
        yield caller.observe(operation.method.upper(), caller.path(operation.id, fails), body)
        yield caller.bill()
    yield caller.observe("POST", caller.path(EXTEND, source), b"a" * (10 * 2**20 + 1))
    yield caller.bill()


def routes(caller: Caller) -> Iterator[Observation]:
    """Every method at every path, and paths that the contract does not have."""
    source = caller.source
    body = caller.body(CREATE, source)
    for operation in (EXTEND, CREATE, READ, CONTENT, UNIFIED, QUERY):
        path = caller.path(operation, source)
        given = caller.body(operation, source) if operation in SUBMITS else None
        bare, _, query = path.partition("?")
        query = query and f"?{query}"
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
            yield caller.observe(method, path, given)
        method = caller.server.contract.operations[operation].method.upper()
        others = (
            f"{bare}/",
            f"{bare}/more",
            bare.replace("/v1/", "/v1//"),
            bare.upper(),
            bare.removeprefix("/v1"),
            f"{bare}.json",
        )
        for other in (*others, bare.replace("/v1/", "/v2/"), bare.replace("/video", "/Video")):
            yield caller.observe(method, other + query, given)
    yield caller.observe("POST", "/v1/videos/extensions/", body)
    yield caller.observe("GET", f"/v1/video/query/{source}")
    for path in (
        "/",
        "/nowhere",
        "/v1",
        "/v1/nowhere",
        "/v1/videos",
        f"/videos/{source}",
        f"/v1/video/query?id={source}.json",
    ):
        yield caller.observe("GET", path)


def lives(caller: Caller) -> Iterator[Observation]:
    """Tasks of every submit, read on both routes from their beginning to past their end."""
    made = {
        one: caller.submit(one, prompt="The same Prompt, ünd a rather long one", start_time=4)
        for one in sorted(SUBMITS)
    }
    again = [
        caller.submit(one, prompt="The same Prompt, ünd a rather long one", start_time=4) for one in sorted(SUBMITS)
    ]
    caller.wait(1.5)
    longest = caller.submit(UNIFIED, model="grok-video-3-max", aspect_ratio="16:9", size="1080P", prompt="another")
    fails = caller.submit(CREATE, headers={"prefer": "fault=failed"})
    tasks = [*made.values(), *again, longest, fails, caller.source]
    yield ("distinct", len({*made.values(), *again, longest, fails}))
    yield ("new", caller.source in tasks[:-1])
    for seconds in (0.0, 1.0, 20.0, 40.0, 60.0, 50.0, 8.0, 15.0, 100.0, 400.0, 4000.0):
        caller.wait(seconds)
        for task in tasks:
            for operation in (READ, QUERY, READ):
                yield caller.observe("GET", caller.path(operation, task))
        yield caller.bill()
    for task in tasks:
        yield caller.observe("GET", caller.path(CONTENT, task))
        yield caller.observe("GET", caller.path(READ, task))
    others = {"authorization": f"Bearer {caller.server.other_key}"}
    for task in tasks:
        for operation in (READ, QUERY, CONTENT):
            yield caller.observe("GET", caller.path(operation, task), headers=others)
        for operation in SUBMITS:
            yield caller.observe("POST", caller.path(operation, task), caller.body(operation, task), headers=others)


def videos(caller: Caller) -> Iterator[Observation]:
    """Videos of every length, whole and in parts, by their content and by their address, until they expire."""
    tasks = [
        *(caller.submit(one, start_time=4) for one in sorted(SUBMITS)),
        *(caller.submit(one, start_time=4, model="grok-video-3-max") for one in sorted(SUBMITS)),
        caller.submit(CREATE, start_time=7, duration=6),
        caller.submit(CREATE, start_time=7, duration=15),
    ]
    fails = caller.submit(CREATE, headers={"prefer": "fault=failed"})
    for task in (tasks[0], fails):
        yield caller.observe("GET", caller.path(CONTENT, task))
    caller.wait(200)
    yield caller.observe("GET", caller.path(CONTENT, fails))
    for task in tasks:
        for _ in range(2):
            yield caller.observe("GET", caller.path(CONTENT, task))
        for wanted in ("0-9", "5-", "-7", "0-0", "100-199", "99999999-"):
            yield caller.observe("GET", caller.path(CONTENT, task), headers={"range": f"bytes={wanted}"})
    yield caller.bill()
    for operation in (READ, QUERY):
        _, response = caller.ask("GET", caller.path(operation, tasks[0]))
        address = response.json().get("video_url") if response is not None and response.status == 200 else None
        for key in (False, False, True):
            yield caller.observe("GET", address, key=key) if address else ("no address",)
    for seconds in (4000.0, 86400.0):
        caller.wait(seconds)
        for task in tasks:
            yield caller.observe("GET", caller.path(CONTENT, task))


LOOKS: dict[str, tuple[Look, ...]] = {
    "response schema": (refusals, lives, videos, keys, bodies),
    "status": (refusals, bodies, keys, lives, videos),
    "media type": (refusals, videos, keys, bodies),
    "credentials": (keys, lives),
    "validation": (bodies, videos),
    "routing": (routes, bodies),
    "life": (lives, refusals),
    "content": (videos, lives),
    "billing": (refusals, lives, videos, keys, bodies),
    "connection": (lives, refusals, bodies, videos),
}
"""Where a defect of each family is looked for, and in which order."""
