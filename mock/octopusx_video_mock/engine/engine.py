"""The engine: from a request to the response that the contract and the state of the task give. No I/O."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from octopusx_video_mock.compiled.contract import CompiledContract
from octopusx_video_mock.compiled.operation import CompiledOperation
from octopusx_video_mock.delivery import NOT_SENT
from octopusx_video_mock.engine.clock import Clock
from octopusx_video_mock.engine.content import Content
from octopusx_video_mock.engine.credentials import Credentials
from octopusx_video_mock.engine.ledger import Ledger
from octopusx_video_mock.engine.reads import Reads, TaskState
from octopusx_video_mock.engine.rejected_request import RejectedRequest
from octopusx_video_mock.engine.rendering import Renderer
from octopusx_video_mock.engine.request_parsing import ParsedRequest, parse
from octopusx_video_mock.engine.submits import Submits
from octopusx_video_mock.faults.active import ActiveFaults
from octopusx_video_mock.messages import Request, Response
from octopusx_video_mock.settings import Settings
from octopusx_video_mock.tasks.tasks import VIDEO_ADDRESS, Tasks

_MAX_TARGET = 100
_MAX_PATH = 1000


class Engine:
    """Responds to requests.

    Args:
        compiled: The contract.
        settings: The settings.
        clock: The mock's clock.
        faults: Which faults are on.
        distinction: Returns six bytes that it has not returned before.
        ledger: Records calls and submissions; None records none.
    """

    def __init__(
        self,
        compiled: CompiledContract,
        settings: Settings,
        *,
        clock: Clock,
        faults: ActiveFaults,
        distinction: Callable[[], bytes],
        ledger: Ledger | None = None,
    ) -> None:
        self.compiled = compiled
        self.clock = clock
        self.ledger = ledger
        self.credentials = Credentials(settings.tokens)
        self.tasks = Tasks(compiled, settings, distinction)
        self._faults = faults
        self._renderer = Renderer(compiled)
        self._content = Content(self.tasks, self._renderer)
        self._reads = Reads(compiled, self.tasks, faults, self._renderer, self._content)
        self._submits = Submits(compiled, self.tasks, faults, self._renderer, ledger)
        self._count = 0
        self._lock = threading.RLock()
        header, _ = compiled.request_id or ("", "")
        self._id_header = header.lower().encode()

    def respond(self, request: Request) -> Response:
        """Respond to a request, one at a time. Never raises for anything that a request may hold."""
        with self._lock:  # a client of the transport may have several threads
            return self._respond(request)

    def broken(self, request: Request) -> Response:
        """The response where the mock itself broke."""
        found = self.compiled.find(request.method, request.path)
        if found is None:
            return Response(500, [], b"")
        template = found[0].by_cause.get("broken")
        if template is None:
            return Response(500, [], b"", found[0].id)
        return self._renderer.render(template, {}, f"broken{self._count}", found[0])

    def target(self, request: Request, operation: str | None) -> str:
        """The target of a request to an operation, without secrets."""
        return self.credentials.target(request, self.compiled.operations.get(operation or ""))

    def state(self, task_id: str) -> TaskState | None:
        """How far the task of an id is, whichever key it belongs to; None where there is none."""
        return self._reads.state(task_id, self.clock.now())

    def _respond(self, request: Request) -> Response:
        now = self.clock.now()
        self._count += 1
        request_id = f"{int(now * 1000)}{self._count % 0x1000000:06x}"
        found = self.compiled.find(request.method, request.path)
        if found is None:
            response = self._without_operation(request, now, request_id)
        else:
            try:
                response = self._with_operation(request, *found, now, request_id)
            except RejectedRequest as rejected:
                response = self._renderer.reject(found[0], rejected, request_id)
        if self._id_header:
            response.headers.append((self._id_header, request_id.encode()))
        if self.ledger is not None:
            self.ledger.called(
                now,
                response.operation,
                request.method,
                self.credentials.redacted(request, request.path[:_MAX_PATH].decode("latin-1")),
                None if response.delivery in NOT_SENT else response.status,
                response.faults,
                response.task,
            )
        return response

    def _with_operation(
        self,
        request: Request,
        operation: CompiledOperation,
        path_parameters: dict[str, bytes],
        now: float,
        request_id: str,
    ) -> Response:
        parsed = parse(request, operation, path_parameters, self.credentials, now, request_id)
        if operation.starts_task:
            return self._submits.respond(parsed)
        if operation.task is not None:
            return self._reads.respond(parsed, parsed.parameters[operation.task])
        return self._renderer.render(parsed.preferred or operation.success, {}, request_id, operation)

    def _without_operation(self, request: Request, now: float, request_id: str) -> Response:
        """The response to what is no operation: the address of a video, a wrong method, a wrong path."""
        address = VIDEO_ADDRESS.fullmatch(request.path)
        if address is not None and request.method in {"GET", "HEAD"}:
            return self._at_address(address, request, now, request_id)
        hint = _hint(request)
        shown = self.credentials.target(request, None)
        shown = shown if len(shown) <= _MAX_TARGET else shown[: _MAX_TARGET - 1] + "…"
        allowed = self.compiled.allowed(request.path)
        if allowed is None:
            return self._renderer.plain(404, f"Invalid URL ({request.method} {shown}){hint}", request_id)
        reason = f"Invalid method ({request.method} {shown}); it has {allowed.decode()}{hint}"
        response = self._renderer.plain(405, reason, request_id)
        response.headers.append((b"allow", allowed))
        return response

    def _at_address(self, address: re.Match[bytes], request: Request, now: float, request_id: str) -> Response:
        task_id, signature = (unquote_to_bytes(part).decode("latin-1") for part in address.groups())
        task, operation = self.tasks.signed(task_id, signature), self.compiled.video_operation
        if operation is None or task is None:
            return self._renderer.plain(404, "there is no video at this address", request_id)
        # The gateway itself, with its own errors, is not at this address.
        faults = tuple(fault for fault in self._faults.showing(operation) if not fault.status)
        try:
            response = self._content.respond(ParsedRequest(request, operation, request_id, now), task, faults)
        except RejectedRequest:
            return self._renderer.plain(404, "there is no video at this address any more", request_id)
        response.operation = None
        return response


def _hint(request: Request) -> str:
    """What a request without an operation may have been meant for, and how to get it."""
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
