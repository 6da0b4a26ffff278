"""The engine: a request goes in, the answer that the contract and the task's life give comes out. No I/O.

The order in which a request is looked at is the contract's: the route, the credential (rule R02), the parameters and the
body, the orders in ``Prefer``, the task.
"""

from __future__ import annotations

import dataclasses
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import jiter
from octopusx_video_openapi import life

from octopusx_video_mock import _prefer, _task
from octopusx_video_mock._blueprint import ABSENT, KEPT, Blueprint, Served, Template
from octopusx_video_mock._clock import Clock
from octopusx_video_mock._faults import Fault, Faults, Stage, of_bits
from octopusx_video_mock._ledger import Call, Ledger, Submission
from octopusx_video_mock._message import Answer, Request
from octopusx_video_mock._mp4 import mp4
from octopusx_video_mock._task import Ids, Task

_BEARER = re.compile(rb"(?i:bearer) +([A-Za-z0-9._~+/-]+=*)")
_JSON = re.compile(rb'([a-z0-9.+/-]+)(?:\s*;\s*(?!charset)[a-z0-9-]+=[^;,]*|\s*;\s*charset="?utf-8"?)*\s*', re.IGNORECASE)
_RANGE = re.compile(rb"bytes=\s*([0-9]*)-([0-9]*)\s*", re.IGNORECASE)
_ADDRESS = re.compile(rb"/videos/([^/]+)/([A-Za-z0-9_-]{20})\.mp4")
_CREDENTIALS_KEPT = 256
_MOST_FIELDS = 1000


@dataclass(frozen=True)
class Settings:
    """What an engine is told.

    Attributes:
        secret: Keys the digest in the ids; engines that share it answer for each other's tasks.
        token: The one API key that is accepted; None takes any well-formed one.
        speed: How many times faster than the contract has it a new task runs.
    """

    secret: bytes
    token: str | None = None
    speed: float = 1.0


class _Refusal(Exception):  # noqa: N818 - an answer, not an error
    """The request is refused, for one of the causes of ``x-when``."""

    def __init__(self, cause: str, reason: str = "") -> None:
        self.cause = cause
        self.reason = reason


class Engine:
    """Answers requests.

    Args:
        blueprint: The compiled contract.
        settings: What it is told.
        clock: What time it is.
        faults: Which faults are on.
        distinction: Gives six bytes that it has not given before.
        ledger: Where calls and submissions are noted; None notes none.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        settings: Settings,
        *,
        clock: Clock,
        faults: Faults,
        distinction: Callable[[], bytes],
        ledger: Ledger | None = None,
    ) -> None:
        self.blueprint = blueprint
        self.settings = settings
        self.clock = clock
        self.faults = faults
        self.ledger = ledger
        self._distinction = distinction
        self._ids = Ids(settings.secret, blueprint.echoes)
        self._known = frozenset(blueprint.known)
        self._credentials: dict[bytes, str | None] = {}
        self._answered = 0
        header, self._sample_id = blueprint.request_id or ("", "")
        self._id_header = header.lower().encode()
        self._sample_id_bytes = self._sample_id.encode()

    def answer(self, request: Request) -> Answer:
        """Answer a request. Never raises for anything that a request may hold."""
        now = self.clock.now()
        self._answered += 1
        request_id = f"{int(now * 1000)}{self._answered % 0x1000000:06x}"
        served, raw = self._route(request)
        if served is None:
            answer = self._off_contract(request, now, request_id)
        else:
            try:
                answer = _Exchange(self, request, served, raw, now, request_id).answer()
            except _Refusal as refusal:
                answer = self._refused(served, refusal, request_id)
        if self._id_header:
            answer.headers.append((self._id_header, request_id.encode()))
        if self.ledger is not None:
            self.ledger.calls.append(
                Call(
                    now,
                    answer.operation,
                    request.method,
                    request.path.decode("latin-1"),
                    None if answer.delivery in {"lost", "reset"} else answer.status,
                    answer.faults,
                    answer.task,
                )
            )
        return answer

    def broken(self, request: Request) -> Answer:
        """The answer where the mock itself broke."""
        served, _ = self._route(request)
        request_id = f"broken{self._answered}"
        if served is None or "broken" not in served.causes:
            return Answer(500, [], b"")
        return self._rendered(served.causes["broken"], {}, request_id, served)

    def _route(self, request: Request) -> tuple[Served | None, dict[str, bytes]]:
        method = request.method
        for route, raw in self.blueprint.routes_of(request.path):
            served = route.methods.get(method)
            if served is not None:
                return served, dict(zip(route.names, raw, strict=True)) if raw else {}
        return None, {}

    def _off_contract(self, request: Request, now: float, request_id: str) -> Answer:
        """The answer to what is no operation: the address of a video, a wrong method, a wrong path."""
        address = _ADDRESS.fullmatch(request.path)
        if address is not None and request.method == "GET":
            return self._at_address(address, request, now, request_id)
        shown = request.path.decode("latin-1")
        shown = shown if len(shown) <= 100 else shown[:99] + "…"
        allowed = next((route.allow for route, _ in self.blueprint.routes_of(request.path)), None)
        if allowed is not None:
            answer = self._plain(405, f"Invalid method ({request.method} {shown}); it has {allowed.decode()}", request_id)
            answer.headers.append((b"allow", allowed))
            return answer
        return self._plain(404, f"Invalid URL ({request.method} {shown})", request_id)

    def _plain(self, status: int, reason: str, request_id: str) -> Answer:
        template = self.blueprint.wrong_route
        if template is None:
            return Answer(status, [(b"content-type", b"text/plain; charset=utf-8")], reason.encode())
        answer = self._rendered(template, {"answer.reason": reason}, request_id, None)
        answer.status = status
        return answer

    def _at_address(self, address: re.Match[bytes], request: Request, now: float, request_id: str) -> Answer:
        task_id, signature = (unquote_to_bytes(part).decode("latin-1") for part in address.groups())
        serving = next((served for served in self.blueprint.served.values() if served.content), None)
        task: Task | None = None
        if serving is not None and self._ids.is_signed(task_id, signature):
            task = self.documented(task_id) or self._ids.read_signed(task_id, signature)
        if serving is None or task is None:
            return self._plain(404, "there is no video at this address", request_id)
        exchange = _Exchange(self, request, serving, {}, now, request_id)
        try:
            answer = exchange.content(task)
        except _Refusal:
            return self._plain(404, "there is no video at this address any more", request_id)
        answer.operation = None
        return answer

    def _refused(self, served: Served, refusal: _Refusal, request_id: str) -> Answer:
        template = served.causes.get(refusal.cause) or served.refusal
        if template is None:  # no cause of its own, and nothing that could be invalid
            return self._plain(404, refusal.reason or refusal.cause, request_id)
        values = {"answer.reason": refusal.reason} if refusal.reason else {}
        return self._rendered(template, values, request_id, served)

    def _rendered(self, template: Template, values: dict[str, Any], request_id: str, served: Served | None) -> Answer:
        """An answer from a template, with the request's own id wherever the contract's sample of it stands."""
        numbered = bool(self._sample_id_bytes) and self._sample_id_bytes in template.raw
        if numbered and "answer.reason" in values:
            values["answer.reason"] += f" (request id: {self._sample_id})"
        body = template.body(values)
        if numbered:
            body = body.replace(self._sample_id_bytes, request_id.encode())
        headers = [(b"content-type", template.media_type.encode())] if template.media_type else []
        headers += [(name.lower().encode(), text.encode()) for name, text in template.headers.items()]
        return Answer(template.status, headers, body, None if served is None else served.operation.id)

    def key_of(self, request: Request) -> str | None:
        """The API key that a request presents, if it is accepted."""
        sent = [value for name, value in request.headers if name == b"authorization"]
        if len(sent) != 1:
            return None
        try:
            return self._credentials[sent[0]]
        except KeyError:
            pass
        match = _BEARER.fullmatch(sent[0])
        key = match[1].decode() if match else None
        token = self.settings.token
        if key is not None and token is not None and not hmac.compare_digest(key, token):
            key = None
        if len(self._credentials) >= _CREDENTIALS_KEPT:
            self._credentials.clear()
        if len(sent[0]) <= 1024:
            self._credentials[sent[0]] = key
        return key

    def documented(self, task_id: str) -> Task | None:
        """The finished task that an id of the contract's examples stands for; every key has it."""
        if task_id not in self._known:
            return None
        return Task(task_id, 0, self.blueprint.sample_begun, 1.0, self.blueprint.sample_length, 0, {}, documented=True)

    def task(self, task_id: str, key: str) -> Task | None:
        """The task of this id that this key can read."""
        return self.documented(task_id) or self._ids.read(task_id, key)

    def new_task(self, key: str, served: Served, now: float, length: float, faults: int, body: Any) -> Task:
        """A new task of this key."""
        echoes = {name: body[name] for name in self.blueprint.echoes if isinstance(body.get(name), str)}
        return self._ids.make(
            key,
            operation=served.number,
            begun=now,
            speed=self.settings.speed,
            length=length,
            faults=faults,
            echoes=echoes,
            distinction=self._distinction(),
        )

    def address(self, task: Task, origin: str) -> str:
        """Where the video of a task can be fetched without a key, as with the addresses of the real service."""
        return f"{origin}/videos/{task.id}/{self._ids.signature(task.id)}.mp4"

    def has_expired(self, task: Task, now: float) -> bool:
        """Whether the video of a task can't be fetched any more."""
        told = self.blueprint.life
        return told is not None and not task.documented and task.age(now) >= told.expires_after

    def rendered(self, template: Template, values: dict[str, Any], request_id: str, served: Served) -> Answer:
        """An answer of an operation from a template."""
        return self._rendered(template, values, request_id, served)


class _Exchange:
    """One request of one operation, on its way to its answer."""

    def __init__(
        self, engine: Engine, request: Request, served: Served, raw: dict[str, bytes], now: float, request_id: str
    ) -> None:
        self.engine = engine
        self.request = request
        self.served = served
        self.raw = raw
        self.now = now
        self.request_id = request_id

    def answer(self) -> Answer:
        served, engine = self.served, self.engine
        key = ""
        if served.secured:
            found = engine.key_of(self.request)
            if found is None:
                raise _Refusal("no-credential")
            key = found
        parameters = self.parameters() if served.parameters else {}
        body = self.body() if served.media_types else None
        prefer = b", ".join(value for name, value in self.request.headers if name == b"prefer")
        orders = _prefer.parse(prefer) if prefer else _prefer.NONE
        if orders.wrong:
            raise _Refusal("invalid-request", orders.wrong)
        ordered = self.ordered(orders) if orders.code or orders.example else None
        if served.starts:
            return self.submit(key, parameters, body, orders.faults, ordered)
        if served.task is not None:
            task_id = parameters[served.task]
            return self.read(key, task_id, orders.faults, ordered)
        template = ordered or served.success
        assert template is not None
        return engine.rendered(template, {}, self.request_id, served)

    def parameters(self) -> dict[tuple[str, str], Any]:
        """The values of the parameters, by their place and name.

        Raises:
            _Refusal: One is missing or not valid.
        """
        found: dict[tuple[str, str], Any] = {}
        query: dict[str, list[str]] | None = None
        for parameter in self.served.parameters:
            name = parameter.name
            if parameter.place == "path":
                text = _decoded(self.raw[name])
            elif parameter.place == "query":
                query = _query(self.request.query) if query is None else query
                given = query.get(name, [])
                if len(given) > 1:
                    raise _Refusal("invalid-request", f"{name} is given more than once")
                text = given[0] if given else None
            else:
                wanted = name.lower().encode()
                text = next((v.decode("latin-1") for n, v in self.request.headers if n == wanted), None)
            if text is None:
                if parameter.required:
                    raise _Refusal("invalid-request", f"{name} is missing")
                continue
            value = parameter.read(text)
            if not parameter.validator.is_valid(value):
                raise _Refusal("invalid-request", f"{name} is not valid: {_shown(text)}")
            found[parameter.place, name] = value
        return found

    def body(self) -> Any:
        """The value of the body.

        Raises:
            _Refusal: It is too large, not JSON, or not valid.
        """
        raw = self.request.body
        if raw is None:
            raise _Refusal("too-large")
        if not raw and not self.served.body_required:
            return None
        media_types = [value for name, value in self.request.headers if name == b"content-type"]
        if raw and not any(self.is_served(media_type) for media_type in media_types[-1:]):
            raise _Refusal("invalid-request", f"Content-Type must be {' or '.join(sorted(self.served.media_types))}")
        try:
            # Duplicate keys and the numbers that JSON does not have are refused, and so is a depth over 200.
            value = jiter.from_json(raw, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
        except ValueError as error:
            raise _Refusal("malformed-body", f"the body is no valid JSON: {_shown(str(error))}") from None
        validator = self.served.validator
        if validator is not None and not validator.is_valid(value):
            raise _Refusal("invalid-request", self.served.fault_of_body(value))
        return value

    def is_served(self, media_type: bytes) -> bool:
        match = _JSON.fullmatch(media_type)
        return match is not None and match[1].decode("ascii").lower() in self.served.media_types

    def ordered(self, orders: _prefer.Orders) -> Template:
        """The answer that ``Prefer`` asks for.

        Raises:
            _Refusal: The contract has no such answer of this operation.
        """
        for template in self.served.templates:
            if orders.code in {None, template.status} and orders.example in {None, template.example}:
                return template
        names = ", ".join(f"{template.status} {template.example}" for template in self.served.templates)
        raise _Refusal("invalid-request", f"Prefer: the contract has no such answer here; it has {names}")

    def submit(
        self,
        key: str,
        parameters: dict[tuple[str, str], Any],
        body: Any,
        ordered_faults: tuple[Fault, ...],
        ordered: Template | None,
    ) -> Answer:
        """Answer a submit: a new task, unless the source or a fault stands in the way."""
        engine, served = self.engine, self.served
        if ordered is not None and ordered.status >= 300:
            return engine.rendered(ordered, {}, self.request_id, served)
        source_length = 0.0
        told = engine.blueprint.life
        assert told is not None
        for place in served.named:
            source = _named(place, parameters, body)
            if source is None:
                continue
            task = engine.task(source, key)
            if task is None:
                raise _Refusal("unknown-task")
            faults = of_bits(task.faults)
            if _phase(task, told, faults, self.now) != "succeeded" or any(fault.no_video for fault in faults):
                raise _Refusal("unfinished-task")
            source_length = task.length
        showing = (*ordered_faults, *engine.faults.showing("submit", served.operation.id))
        in_place = next((fault for fault in showing if fault.answers and "submit" in fault.at), None)
        if in_place is not None and not in_place.accepts:
            return self.in_place_of(None, in_place)
        bits = 0
        for fault in showing:
            if fault.bit is not None:
                bits |= 1 << fault.bit
        length = life.result_length(engine.blueprint.contract, served.operation, body or {}, source_length)
        task = engine.new_task(key, served, self.now, length, bits, body or {})
        if engine.ledger is not None:
            fails = next((fault for fault in of_bits(bits) if fault.ends == "failed"), None)
            refunded_at = task.after(told.lasts) if fails is not None and fails.refunds else None
            engine.ledger.submissions.append(
                Submission(task.id, served.operation.id, self.now, in_place is None, refunded_at)
            )
        template = ordered or served.success
        assert template is not None
        values = {"task.id": task.id, "task.status": told.running, "task.updated": int(task.begun)}
        answer = engine.rendered(template, values, self.request_id, served)
        answer.task = task.id
        answer.faults = tuple(fault.name for fault in showing)
        return answer if in_place is None else self.in_place_of(answer, in_place)

    def read(
        self, key: str, task_id: str, ordered_faults: tuple[Fault, ...], ordered: Template | None
    ) -> Answer:
        """Answer a read of a task, or of its content."""
        engine, served = self.engine, self.served
        if ordered is not None and ordered.media_type != served.content:
            values = {"task.id": task_id} if ordered.status < 300 else {}
            return engine.rendered(ordered, values, self.request_id, served)
        stage: Stage = "content" if served.content else "read"
        showing = tuple(
            fault
            for fault in (*ordered_faults, *engine.faults.showing(stage, served.operation.id))
            if stage in fault.at
        )
        for fault in showing:
            if fault.status or fault.delivery == "reset":
                return self.in_place_of(None, fault)
        task = engine.task(task_id, key)
        if task is None:
            raise _Refusal("unknown-task")
        return self.content(task, showing) if served.content else self.state(task, showing)

    def state(self, task: Task, showing: tuple[Fault, ...]) -> Answer:
        """How a task stands."""
        engine, served = self.engine, self.served
        told = engine.blueprint.life
        assert told is not None
        showing = (*showing, *(fault for fault in of_bits(task.faults) if "read" in fault.at))
        self.refuse_hidden(task, showing)
        phase = _phase(task, told, showing, self.now)
        ended = phase != "running"
        values: dict[str, Any] = {
            "task.id": task.id,
            "task.status": {"running": told.running, "succeeded": told.succeeded, "failed": told.failed}[phase],
            "task.progress": _task.progress(task, told, self.now),
            "task.created": int(task.begun),
            "task.updated": int(task.after(told.lasts) if ended else task.begun),
            "task.ended": int(task.after(told.lasts)) if ended else KEPT,
            "task.expires": ABSENT if task.documented else int(task.after(told.expires_after)),
            "task.length": int(task.length) if task.length.is_integer() else task.length,
            "task.address": engine.address(task, self.request.origin) if phase == "succeeded" else KEPT,
        }
        if not task.documented:
            for name in engine.blueprint.echoes:
                values[f"request.{name}"] = task.echoes.get(name, ABSENT)
        shown = tuple(
            fault for fault in showing if fault.during in {None, phase} and (fault.ends == "succeeded" or ended)
        )
        for fault in shown:
            for name, change in fault.values.items():
                value = values.get(name, KEPT)
                if not callable(change):
                    values[name] = change
                elif value is not KEPT and value is not ABSENT:
                    values[name] = change(value)
        answer = engine.rendered(served.by_phase[phase], values, self.request_id, served)
        answer.task = task.id
        for fault in shown:
            answer = self.in_place_of(answer, fault)
        return answer

    def content(self, task: Task, showing: tuple[Fault, ...] = ()) -> Answer:
        """The video of a task, or the part of it that Range asks for."""
        engine, served = self.engine, self.served
        told = engine.blueprint.life
        assert told is not None
        assert served.content is not None
        showing = (*showing, *(fault for fault in of_bits(task.faults) if "content" in fault.at))
        self.refuse_hidden(task, showing)
        phase = _phase(task, told, showing, self.now)
        if phase != "succeeded":
            failed = "the task has failed and has no video" if phase == "failed" else ""
            raise _Refusal("unfinished-task", failed)
        if engine.has_expired(task, self.now) or any(fault.no_video for fault in showing):
            raise _Refusal("expired")
        whole = mp4(max(1.0, task.length))
        headers = [(b"content-type", served.content.encode()), (b"accept-ranges", b"bytes")]
        status, first, last = 200, 0, len(whole) - 1
        wanted = next((value for name, value in self.request.headers if name == b"range"), None)
        if wanted is not None and 206 in served.statuses:
            part = _part(wanted, len(whole))
            if part is None:
                refusal = _Refusal("range-past-end")
                answer = engine._refused(served, refusal, self.request_id)  # noqa: SLF001 - one module
                answer.headers.append((b"content-range", b"bytes */%d" % len(whole)))
                return answer
            if part != (-1, -1):
                status, (first, last) = 206, part
                headers.append((b"content-range", b"bytes %d-%d/%d" % (first, last, len(whole))))
        answer = Answer(status, headers, whole[first : last + 1], served.operation.id, task=task.id)
        for fault in showing:
            if fault.delivery != "cut" or first == 0:
                answer = self.in_place_of(answer, fault)
        return answer

    def refuse_hidden(self, task: Task, showing: tuple[Fault, ...]) -> None:
        """Raise a refusal while a fault hides the task."""
        if any(task.age(self.now) < fault.hides for fault in showing):
            raise _Refusal("unknown-task")

    def in_place_of(self, usual: Answer | None, fault: Fault) -> Answer:
        """What a fault makes of an answer; ``usual`` is None where it came before there was one."""
        engine, served = self.engine, self.served
        answer = usual
        if fault.status:
            template = next(
                (t for t in served.templates if (t.status, t.example) == (fault.status, fault.example)),
                served.by_status.get(fault.status),
            )
            if template is None:
                reason = f"the contract has no {fault.status} here, so the fault {fault.name} can't show"
                raise _Refusal("invalid-request", reason)
            answer = engine.rendered(template, {}, self.request_id, served)
            answer.task = None if usual is None else usual.task
            documented = served.headers.get(fault.status, {})
            answer.headers += [
                (name.lower().encode(), documented[name].encode()) for name in fault.headers if name in documented
            ]
        if answer is None:
            answer = Answer(0, [], b"", served.operation.id)
        if fault.body is not None:
            headers = [pair for pair in answer.headers if pair[0] != b"content-type"]
            if fault.media_type:
                headers.append((b"content-type", fault.media_type.encode()))
            answer.headers, answer.body = headers, fault.body
        earlier = () if usual is None else tuple(name for name in usual.faults if name != fault.name)
        return dataclasses.replace(
            answer,
            faults=(*earlier, fault.name),
            breaks=bool(fault.breaks) or (usual is not None and usual.breaks),
            delivery=fault.delivery or answer.delivery,
        )


def _phase(task: Task, told: life.Life, faults: tuple[Fault, ...], now: float) -> _task.Phase:
    if task.age(now) < told.lasts:
        return "running"
    return "failed" if any(fault.ends == "failed" for fault in faults) else "succeeded"


def _named(place: tuple[str, ...], parameters: dict[tuple[str, str], Any], body: Any) -> str | None:
    if place[0] != "body":
        return parameters.get((place[0], place[1]))
    value = body
    for step in place[1:]:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _decoded(raw: bytes) -> str:
    try:
        return (unquote_to_bytes(raw) if b"%" in raw else raw).decode()
    except UnicodeDecodeError:
        raise _Refusal("invalid-request", "the path is no UTF-8 text") from None


def _query(raw: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise _Refusal("invalid-request", "the query can't be read") from None
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _shown(text: str) -> str:
    return text if len(text) <= 100 else text[:99] + "…"


def _part(wanted: bytes, size: int) -> tuple[int, int] | None:
    """First and last byte of what Range asks for, (-1, -1) for the whole, None where it begins past the end.

    A range that can't be read, and more than one, are left alone, as RFC 9110 section 14.2 has it.
    """
    match = _RANGE.fullmatch(wanted)
    if match is None or match[1] == match[2] == b"" or max(len(match[1]), len(match[2])) > 20:
        return -1, -1
    if not match[1]:
        length = int(match[2])
        return None if length == 0 else (max(0, size - length), size - 1)
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < first:
        return -1, -1
    return None if first >= size else (first, last)
