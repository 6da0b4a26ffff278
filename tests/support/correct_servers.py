"""Correct servers, written from the contract alone, that differ from the mock in what the contract leaves open."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

import jsonschema_rs
from octopusx_video_mock.tasks.mp4 import mp4
from octopusx_video_openapi import Contract, Operation, load, task_ids

from tests.support import documents

KEYS = ("sk-correct-one", "sk-correct-two")
_KNOWN_LENGTH = 6.0
_Json = Any
_Headers = dict[str, str]


@dataclass(frozen=True)
class Traits:
    """What a server does where the contract lets it choose.

    Attributes:
        name: What it is known by.
        address: Where a read has the address, beside ``video_url`` of the unified one.
        signs: Whether an address is another one at each read.
        statuses: What a task is called that was just made, runs and has succeeded.
        id_form: How a new id is made of a number.
        full: Whether a response has all fields, or those that it must have.
        wrong_method: 405, or the gateway's 404.
        unknown: With what an unknown task is refused.
        ranges: Whether Range is followed.
        multipart: Whether several ranges at once get all of them, and not the whole.
        chunked: Whether a video comes in chunks, without Content-Length.
        redirects: Whether a slash at the end is redirected.
        head: Whether HEAD is answered beside GET.
    """

    name: str
    address: str = "video_url"
    signs: bool = False
    statuses: tuple[str, str, str] = ("queued", "processing", "completed")
    id_form: str = "grok:{:08x}-0000-4000-8000-000000000000"
    full: bool = True
    wrong_method: int = 405
    unknown: int = 400
    ranges: bool = True
    multipart: bool = False
    chunked: bool = False
    redirects: bool = False
    head: bool = False


SERVERS = (
    Traits("signs a nested address", "metadata.url", signs=True, wrong_method=404, id_form="task_{:032x}"),
    Traits(
        "has the fewest fields",
        "output.url",
        full=False,
        statuses=("pending", "in_progress", "done"),
        multipart=True,
        head=True,
    ),
    Traits("knows no Range", "url", signs=True, ranges=False, unknown=404, id_form="video_{:06d}x"),
    Traits("sends chunks", "detail.url", signs=True, chunked=True, statuses=("NOT_START", "IN_PROGRESS", "SUCCESS")),
    Traits(
        "redirects a slash", redirects=True, wrong_method=404, unknown=404, id_form="{:08x}-1111-4111-8111-abcdefabcdef"
    ),
    Traits(
        "differs in all of it",
        "metadata.url",
        signs=True,
        statuses=("SUBMITTED", "unknown", "succeeded"),
        id_form="t{:d}",
        full=False,
        wrong_method=404,
        unknown=404,
        ranges=False,
        chunked=True,
        redirects=True,
        head=True,
    ),
)


@dataclass
class _Task:
    id: str
    key: str | None
    made: float
    ends: float
    length: float
    body: dict[str, Any] = field(default_factory=dict)


class _RefusedError(Exception):
    def __init__(self, status: int, body: _Json) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def _error(message: str, kind: str = "invalid_request_error") -> _Json:
    return {"error": {"message": message, "type": kind, "param": "", "code": ""}}


def _unknown(status: int) -> _RefusedError:
    return _RefusedError(status, {"code": "task_not_exist", "message": "task_not_exist", "data": None})


class Server:
    """What a server of these traits answers.

    Args:
        traits: What it does where it may choose.
        lasts: Seconds that a task runs.
    """

    def __init__(self, traits: Traits, lasts: float = 1.0) -> None:
        self.traits, self.lasts = traits, lasts
        self.contract: Contract = load()
        self.base_url = ""
        self._numbers = itertools.count(1)
        known = task_ids.documented(self.contract)
        self._tasks = {one: _Task(one, None, time.time() - 900, time.time() - 600, _KNOWN_LENGTH) for one in known}

    def answer(self, method: str, target: str, headers: Message, raw: bytes) -> tuple[int, _Headers, bytes]:
        """The response to a request."""
        path, _, query = target.partition("?")
        try:
            signed = re.fullmatch(r"/files/([^/]+)\.mp4", path)
            if signed and method == "GET" and unquote(signed[1]) in self._tasks:
                return self._video(self._tasks[unquote(signed[1])], headers)
            operation, values = self._route(method, path)
            if operation is None:
                return self._nowhere(method, path)
            status, body = 200, self._operate(operation, values, query, headers, raw)
            if isinstance(body, _Task):
                return self._video(body, headers)
        except _RefusedError as refused:
            status, body = refused.status, refused.body
        return status, {"content-type": "application/json; charset=utf-8"}, json.dumps(body).encode()

    def _route(self, method: str, path: str) -> tuple[Operation | None, dict[str, str]]:
        method = "GET" if method == "HEAD" and self.traits.head else method
        paths = sorted(documents.document(self.contract)["paths"], key=lambda one: "{" in one)
        for template in paths:  # a concrete path comes first
            match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template), path)
            if match and method.lower() in documents.document(self.contract)["paths"][template]:
                values = {name: unquote(value) for name, value in match.groupdict().items()}
                return self.contract.paths[template][method.upper()], values
            if match and template == path:
                return None, {}
        return None, {}

    def _nowhere(self, method: str, path: str) -> tuple[int, _Headers, bytes]:
        paths = documents.document(self.contract)["paths"]
        fitting = [one for one in paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), path)]
        reached = [path] if path in paths else fitting
        allowed = [name.upper() for template in reached for name in ("get", "post") if name in paths[template]]
        if self.traits.redirects and path.endswith("/") and self._route(method, path.rstrip("/"))[0]:
            return 308, {"location": path.rstrip("/")}, b""
        body = json.dumps(_error(f"Invalid URL ({method} {path})")).encode()
        if allowed and self.traits.wrong_method == 405:
            return 405, {"allow": ", ".join(allowed), "content-type": "application/json"}, body
        return 404, {"content-type": "application/json"}, body

    def _operate(self, operation: Operation, path: dict[str, str], query: str, headers: Message, raw: bytes) -> _Json:
        sent = re.fullmatch(r"(?i:bearer) +(\S+)", headers.get("Authorization", ""))
        key = sent[1] if sent else ""
        if key not in KEYS:
            raise _RefusedError(401, _error("Invalid token", "new_api_error"))
        request: dict[str, Any] = {"path": path, "query": {}, "body": None}
        parsed = parse_qs(query, keep_blank_values=True)
        request["query"] = {name: values[-1] for name, values in parsed.items()}
        if "requestBody" in documents.definition(operation):
            request["body"] = _read(headers, raw)
            self._check(operation.id, "body", request["body"])
        for parameter in documents.parameters(operation):
            if parameter["in"] in {"path", "query"}:
                self._check(operation.id, parameter["name"], request[parameter["in"]].get(parameter["name"]))
        (named,) = task_ids.values(operation, request)
        is_content = operation.id == "downloadVideoContent"
        task = self._tasks.get(named)
        if task is None or task.key not in {None, key}:
            raise _unknown(404 if is_content else self.traits.unknown)
        if operation.method == "post":
            if not self._has_ended(task):
                raise _unknown(self.traits.unknown)
            return self._submit(operation, request["body"], task, key)
        if not is_content:
            return self._read(operation, task)
        if not self._has_ended(task):
            raise _RefusedError(400, _error("Task is not completed yet"))
        return task

    def _check(self, operation: str, part: str, value: _Json) -> None:
        try:
            valid = _validator(operation, part).is_valid(value)
        except UnicodeEncodeError:
            valid = False
        if not valid:
            raise _RefusedError(400, _error(f"{part} is not valid"))

    def _submit(self, operation: Operation, body: dict[str, Any], source: _Task, key: str) -> _Json:
        now = time.time()
        length = operation.result_length.seconds(body, source.length)
        assert length is not None
        task = _Task(self.traits.id_form.format(next(self._numbers)), key, now, now + self.lasts, length, body)
        self._tasks[task.id] = task
        answer = {"id": task.id, "status": self.traits.statuses[0]}
        return {**answer, "status_update_time": int(now)} if self.traits.full else answer

    def _has_ended(self, task: _Task) -> bool:
        return time.time() >= task.ends

    def _read(self, operation: Operation, task: _Task) -> _Json:
        ended = self._has_ended(task)
        unified = operation.id == "queryUnifiedVideo"
        signature = f"?signature={next(self._numbers)}" if self.traits.signs else ""
        url = f"{self.base_url}/files/{task.id}.mp4{signature}"
        body: dict[str, Any] = {"id": task.id, "status": self.traits.statuses[2 if ended else 1]}
        if self.traits.full:
            part = min(99, int(100 * (time.time() - task.made) / self.lasts))
            body["progress"] = 100 if ended else max(0, part)
            if unified:
                body |= {"status_update_time": int(task.ends if ended else task.made), "video_url": None}
                body |= {"prompt": task.body["prompt"]} if "prompt" in task.body else {}
            else:
                times = {"created_at": int(task.made), "completed_at": int(task.ends) if ended else 0}
                body |= {"object": "video", **times, "seconds": f"{task.length:g}"}
                body |= {name: task.body[name] for name in ("model", "size") if name in task.body}
            body["x_request"] = next(self._numbers)  # more may come
        if ended:
            holder, _, name = ("video_url" if unified else self.traits.address).partition(".")
            body[holder] = {name: url} if name else url
        return body

    def _video(self, task: _Task, headers: Message) -> tuple[int, _Headers, bytes]:
        whole = mp4(task.length)
        kept = {"content-type": "video/mp4"}
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", headers.get("Range", ""))
        if self.traits.multipart and "," in headers.get("Range", ""):
            return _several(headers["Range"], whole)
        if not self.traits.ranges or wanted is None or wanted[0] == "bytes=-":
            return 200, kept, whole
        first, last = wanted.groups()
        begin = int(first) if first else max(0, len(whole) - int(last))
        end = min(int(last) if first and last else len(whole) - 1, len(whole) - 1)
        if begin > end:
            kept = {"content-type": "application/json", "content-range": f"bytes */{len(whole)}"}
            return 416, kept, json.dumps(_error("the range begins past the end")).encode()
        return 206, {**kept, "content-range": f"bytes {begin}-{end}/{len(whole)}"}, whole[begin : end + 1]


def _several(wanted: str, whole: bytes) -> tuple[int, _Headers, bytes]:
    """Several ranges as RFC 9110 section 14.6 has them, without those that are past the end."""
    size, parts = len(whole), []
    for one in wanted.removeprefix("bytes=").split(","):
        first, _, last = one.strip().partition("-")
        begin = int(first) if first else max(0, size - int(last))
        end = min(int(last) if first and last else size - 1, size - 1)
        if begin <= end:
            head = f"--parts\r\nContent-Type: video/mp4\r\nContent-Range: bytes {begin}-{end}/{size}\r\n\r\n"
            parts.append(head.encode() + whole[begin : end + 1] + b"\r\n")
    if not parts:
        return 416, {"content-type": "application/json"}, json.dumps(_error("nothing of it is there")).encode()
    return 206, {"content-type": "multipart/byteranges; boundary=parts"}, b"".join(parts) + b"--parts--\r\n"


def _read(headers: Message, raw: bytes) -> _Json:
    """The JSON value of a body."""

    def never(text: str) -> _Json:
        raise ValueError(text)

    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise _RefusedError(400, _error("the body is not JSON"))
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=never)
    except (ValueError, RecursionError):
        raise _RefusedError(400, _error("the body is not JSON")) from None


@functools.cache
def _validator(operation_id: str, part: str) -> jsonschema_rs.Draft202012Validator:
    operation = load().operations[operation_id]
    if part == "body":
        schema = documents.body_schema(operation)
    else:
        schema = next(one["schema"] for one in documents.parameters(operation) if one["name"] == part)
    return jsonschema_rs.Draft202012Validator(documents.schema(operation.contract, schema))


@contextlib.contextmanager
def serve(traits: Traits, lasts: float = 1.0) -> Iterator[str]:
    """Serve with these traits while the block lasts, and give the base URL."""
    server = Server(traits, lasts)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def respond(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.command == "HEAD":
                del self.headers["Range"]  # it is of GET alone
            status, headers, body = server.answer(self.command, self.path, self.headers, raw)
            self.send_response_only(status)
            chunked = traits.chunked and headers.get("content-type") == "video/mp4"
            headers["x-oneapi-request-id"] = f"{time.monotonic_ns()}"
            headers |= {"transfer-encoding": "chunked"} if chunked else {"content-length": f"{len(body)}"}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            size = 40_000
            for piece in [body[at : at + size] for at in range(0, len(body), size)] if chunked else [body]:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            self.wfile.write(b"0\r\n\r\n" if chunked else b"")

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self.respond
            raise AttributeError(name)

    class Listening(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            """A caller that goes away in the middle is no news."""

    with Listening(("127.0.0.1", 0), Handler) as http:
        server.base_url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.base_url
        finally:
            http.shutdown()
            thread.join()
