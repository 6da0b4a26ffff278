"""The engine: a request goes in, the answer that the contract and the task's life give comes out. No I/O.

The order in which a request is looked at is the contract's: the route, the credential (rule R02), the parameters and
the body, the orders in ``Prefer``, the task.
"""

from __future__ import annotations

import hmac
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from octopusx_video_mock.compiled.contract import Blueprint
from octopusx_video_mock.compiled.operation import Served
from octopusx_video_mock.compiled.template import Template
from octopusx_video_mock.engine.clock import Clock
from octopusx_video_mock.engine.exchange import Exchange
from octopusx_video_mock.engine.ledger import Ledger
from octopusx_video_mock.engine.request_parsing import WRONG_ORDER, Refusal
from octopusx_video_mock.faults.active import Faults
from octopusx_video_mock.messages import Answer, Request
from octopusx_video_mock.tasks.task import Ids, Task, carried

_BEARER = re.compile(rb"(?i:bearer) +([A-Za-z0-9._~+/-]+=*)")
_ADDRESS = re.compile(rb"/videos/([^/]+)/([A-Za-z0-9_-]{20})\.mp4")
_CREDENTIALS_KEPT = 256
_SHORTEST_KEY = 4
_LONGEST_KEY = 1024
_SHOWN = 100
_LONGEST_PATH = 1000


@dataclass(frozen=True)
class Settings:
    """What an engine is told.

    Attributes:
        secret: Keys the digest in the ids; engines that share it answer for each other's tasks.
        tokens: The API keys that are accepted; none at all takes any well-formed one.
        speed: How many times faster than the contract has it a new task runs.
    """

    secret: bytes
    tokens: tuple[str, ...] = ()
    speed: float = 1.0


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
        self._ids = Ids(settings.secret, blueprint.echoes, blueprint.life.id_prefix if blueprint.has_tasks else "")
        begun, lasts, length = blueprint.sample_begun, blueprint.sample_lasts, blueprint.sample_length
        self._documented = {
            task_id: Task(task_id, 0, begun, 1.0, lasts, length, 0, {}, documented=True) for task_id in blueprint.known
        }
        self._speed = carried(settings.speed)
        self._lasts = carried(blueprint.life.lasts) if blueprint.has_tasks else 0.0
        self.echoes = [(name, f"request.{name}") for name in blueprint.echoes]
        self._credentials: dict[bytes, str | None] = {}
        self._answered = 0
        self._lock = threading.RLock()
        header, sample = blueprint.request_id or ("", "")
        self._id_header = header.lower().encode()
        self._sample_id = sample.encode() or b"\0"

    def answer(self, request: Request) -> Answer:
        """Answer a request, one at a time. Never raises for anything that a request may hold."""
        with self._lock:  # a client of the transport may have several threads
            return self._answer(request)

    def _answer(self, request: Request) -> Answer:
        now = self.clock.now()
        self._answered += 1
        request_id = f"{int(now * 1000)}{self._answered % 0x1000000:06x}"
        found = self.blueprint.find(request.method, request.path)
        if found is None:
            answer = self._off_contract(request, now, request_id)
        else:
            served, raw = found
            try:
                answer = Exchange(self, request, served, raw, now, request_id).answer()
            except Refusal as refusal:
                answer = self.refused(served, refusal, request_id)
        if self._id_header:
            answer.headers.append((self._id_header, request_id.encode()))
        if self.ledger is not None:
            self.ledger.called(
                now,
                answer.operation,
                request.method,
                self.hidden(request, request.path[:_LONGEST_PATH].decode("latin-1")),
                None if answer.delivery in {"lost", "reset"} else answer.status,
                answer.faults,
                answer.task,
            )
        return answer

    def broken(self, request: Request) -> Answer:
        """The answer where the mock itself broke."""
        found = self.blueprint.find(request.method, request.path)
        template = None if found is None else found[0].causes.get("broken")
        if found is None or template is None:
            return Answer(500, [], b"")
        return self.rendered(template, {}, f"broken{self._answered}", found[0])

    def _off_contract(self, request: Request, now: float, request_id: str) -> Answer:
        """The answer to what is no operation: the address of a video, a wrong method, a wrong path."""
        address = _ADDRESS.fullmatch(request.path)
        if address is not None and request.method in {"GET", "HEAD"}:
            return self._at_address(address, request, now, request_id)
        hint = _hint(request)
        shown = self.shown(request)
        shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
        allowed = self.blueprint.allowed(request.path)
        if allowed is not None:
            answer = self._plain(
                405, f"Invalid method ({request.method} {shown}); it has {allowed.decode()}{hint}", request_id
            )
            answer.headers.append((b"allow", allowed))
            return answer
        return self._plain(404, f"Invalid URL ({request.method} {shown}){hint}", request_id)

    def _plain(self, status: int, reason: str, request_id: str) -> Answer:
        template = self.blueprint.wrong_route
        if template is None:
            return Answer(status, [(b"content-type", b"text/plain; charset=utf-8")], reason.encode())
        answer = self.rendered(template, {"answer.reason": reason}, request_id, None)
        answer.status = status
        return answer

    def _at_address(self, address: re.Match[bytes], request: Request, now: float, request_id: str) -> Answer:
        task_id, signature = (unquote_to_bytes(part).decode("latin-1") for part in address.groups())
        serving = next((served for served in self.blueprint.served.values() if served.content), None)
        task: Task | None = None
        if self._ids.is_signed(task_id, signature):
            task = self.documented(task_id) or self._ids.read_signed(task_id, signature)
        if serving is None or serving.content is None or task is None:
            return self._plain(404, "there is no video at this address", request_id)
        exchange = Exchange(self, request, serving, {}, now, request_id)
        # What the gateway itself refuses does not happen at an address that is none of its own.
        faults = tuple(fault for fault in self.faults.showing(serving) if not fault.status)
        try:
            answer = exchange.content(task, serving.content, faults)
        except Refusal:
            return self._plain(404, "there is no video at this address any more", request_id)
        answer.operation = None
        return answer

    def refused(self, served: Served, refusal: Refusal, request_id: str) -> Answer:
        """The answer to a request that is refused."""
        template = served.causes.get(refusal.cause) or served.refusal
        if refusal.cause == WRONG_ORDER:
            known = served.causes.get("invalid-request") if served.starts else self.blueprint.wrong_order
            template = known if known is not None and known.status in served.by_status else template
        if template is None:  # no cause of its own, and nothing that could be invalid
            return self._plain(404, refusal.reason or refusal.cause, request_id)
        values = {"answer.reason": refusal.reason} if refusal.reason else {}
        return self.rendered(template, values, request_id, served)

    def rendered(self, template: Template, values: dict[str, Any], request_id: str, served: Served | None) -> Answer:
        """An answer from a template, with the request's own id wherever the contract's sample of it stands."""
        numbered = template.raw.find(self._sample_id) > 0
        if numbered and "answer.reason" in values:
            values["answer.reason"] += f" (request id: {request_id})"
        body = template.body(values)
        if numbered:
            body = body.replace(self._sample_id, request_id.encode())
        return Answer(template.status, template.head.copy(), body, None if served is None else served.operation.id)

    def key_of(self, request: Request) -> str | None:
        """The API key that a request presents, if it is accepted."""
        sent = request.every(b"authorization")
        if len(sent) != 1:
            return None
        try:
            return self._credentials[sent[0]]
        except KeyError:
            pass
        match = _BEARER.fullmatch(sent[0])
        key = match[1].decode() if match and len(match[1]) <= _LONGEST_KEY else None
        tokens = self.settings.tokens
        if key is not None and tokens and not any(hmac.compare_digest(key, token) for token in tokens):
            key = None
        if len(self._credentials) >= _CREDENTIALS_KEPT:
            self._credentials.clear()
        if len(sent[0]) <= _LONGEST_KEY:
            self._credentials[sent[0]] = key
        return key

    def shown(self, request: Request) -> str:
        """The request's target, fit to be shown: the path, and of the query what the contract has, without secrets."""
        address = _ADDRESS.fullmatch(request.path)
        if address is not None:
            return self.hidden(request, f"/videos/{address[1].decode('latin-1')}/[signature].mp4")
        target = unquote_to_bytes(request.path).decode("utf-8", "replace")
        found = self.blueprint.find(request.method, request.path) if request.query else None
        if found is not None:
            named = {parameter.name for parameter in found[0].parameters if parameter.place == "query"}
            query = parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)
            told = "&".join(f"{name}={value}" for name, value in query if name in named)
            target += f"?{told}" if told else ""
        return self.hidden(request, target)

    def hidden(self, request: Request, text: str) -> str:
        """A text that may hold a key that is accepted, or what was sent for one, without it."""
        words = list(self.settings.tokens)
        for sent in request.every(b"authorization"):
            words += sent.decode("latin-1").split()
        # A shorter one is no secret, and stands in every other word.
        found = [word for word in words if word in text and len(word) >= _SHORTEST_KEY]
        if found:
            # The longest first: one may begin another, whose rest would stay.
            for word in sorted(found, key=len, reverse=True):
                text = text.replace(word, "[key]")
        return text

    def documented(self, task_id: str) -> Task | None:
        """The finished task that an id of the contract's examples stands for; every key has it."""
        return self._documented.get(task_id)

    def task(self, task_id: str, key: str) -> Task | None:
        """The task of this id that this key can read."""
        return self._documented.get(task_id) or self._ids.read(task_id, key)

    def new_task(self, key: str, served: Served, now: float, length: float, faults: int, body: Any) -> Task:
        """A new task of this key."""
        echoes = {name: body[name] for name in self.blueprint.echoes if isinstance(body.get(name), str)}
        return self._ids.make(
            key,
            operation=served.number,
            begun=now,
            speed=self._speed,
            lasts=self._lasts,
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
        return not task.documented and task.age(now) >= self.blueprint.life.expires_after


def _hint(request: Request) -> str:
    """What a request that is no operation may have been meant for, and what has to be done for that."""
    if request.is_control:
        return (
            "; the control routes are off; start the mock with --control (in Python: mock.serve(control=True), or "
            "mock.controlled_transport)"
        )
    if request.method == "OPTIONS" and request.header(b"access-control-request-method") is not None:
        return (
            "; this is a preflight request of a web page; start the mock with --cors (in Python: mock.serve(cors=True))"
        )
    if b"://" in request.path:
        return "; it holds a link; where a task id belongs, send the id"
    return ""
