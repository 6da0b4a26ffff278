"""The one place from which requests are sent: each once, never repeated and never elsewhere, alone or several at once.

What schemathesis, the generated client and the layers send all passes here, so that the budget, the account of what was
exercised and the limits of a response hold for everything. A response that can't be used is not dropped: the error and
the budget keep what arrived of it.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

import httpcore
import httpx
from octopusx_video_openapi import Contract, interrupts

from octopusx_video_contract.messages.http import Request, Response, target_of
from octopusx_video_contract.messages.receiving import (
    MAX_BYTES,
    MAX_VIDEO_BYTES,
    Arriving,
    UnusableError,
)
from octopusx_video_contract.messages.shell import as_sent
from octopusx_video_contract.sending.budget import Budget, NotAskedError, Unit
from octopusx_video_contract.sending.senders import FAILURES, OverHttp, Sender

VIDEO_TIME_FACTOR = 12
"""How many times longer than any other response a video may take."""
MAX_UNANSWERED = 3
"""After how many requests without a response an operation is not asked any more."""


class NoResponseError(Exception):
    """A request got no response that could be checked. The text says what arrived instead.

    Attributes:
        request: What was sent.
        partial: What arrived of the response, bounded, and with the status 0 where it was not HTTP; None if nothing
            arrived.
        possible_tasks: Ids in it that may be those of new tasks, which may be billed.
        is_sent: Whether the request was sent; it is not where too many before it got no response.
    """

    def __init__(
        self,
        request: Request,
        reason: str,
        partial: Response | None = None,
        possible_tasks: tuple[str, ...] = (),
        *,
        is_sent: bool = True,
    ) -> None:
        super().__init__(reason)
        self.request = request
        self.partial = partial
        self.possible_tasks = possible_tasks
        self.is_sent = is_sent

    @property
    def begun(self) -> bool:
        """Whether the body of the response began."""
        return self.partial is not None and self.partial.status != 0


@dataclasses.dataclass
class _Sending:
    """A request on its way: who sends it, what it may cost, what arrived of its response, and the result.

    ``outcome`` is the response, or why there is none that can be used; None as long as neither is known. ``accounted``
    says whether the budget has accounted for it.
    """

    request: Request
    sender: Sender
    unit: Unit | None
    arriving: Arriving
    seconds: float
    outcome: Response | str | None = None
    error: BaseException | None = None
    possible: tuple[str, ...] = ()
    accounted: bool = False


class Transport:
    """Sends requests and gives responses.

    Args:
        contract: Finds which operation a request reaches.
        base_url: The server, without a slash at the end.
        sender: Moves the bytes.
        budget: Is asked before each request, and called afterwards.
        timeout: Seconds that a response may take.
        watch: Is called with each response.

    Attributes:
        lost: How many requests have left and got no response.
    """

    def __init__(
        self,
        contract: Contract,
        base_url: str,
        sender: Sender,
        budget: Budget,
        timeout: float,
        watch: Callable[[Response], None],
    ) -> None:
        self.base_url = base_url
        self.sent: list[Request] | None = None
        self._contract = contract
        self.sender = sender
        self.budget = budget
        self._timeout = timeout
        self._watch = watch
        self.lost = 0
        self._answered = False
        self._silent: collections.Counter[str] = collections.Counter()
        self._reasons: dict[str, str] = {}

    def send(self, request: Request, *, seconds: float | None = None) -> Response:
        """Send a request, once.

        Args:
            request: What is sent.
            seconds: How long a response is awaited that is expected not to come; the silence then counts for nothing.

        Raises:
            NoResponseError: What arrived is no whole HTTP response, too large, or too late; or the operation has given
                none three times before.
            NotAskedError: The budget does not allow it.
        """
        interrupts.check()
        self._ensure_responding(request)
        sending = self._begun(request, self.sender, seconds or self._timeout)
        with self._accounting([sending]):
            sending.outcome = self._tried(sending)
        return self._outcome(sending, counts=seconds is None)

    def at_once(self, requests: Sequence[Request]) -> list[Response | NoResponseError | NotAskedError]:
        """Send requests at the same moment, each once and on a connection of its own, and wait for all.

        Returns:
            The result of each, in the order of the requests; an error for what got no response, or was not asked.
        """
        interrupts.check()
        outcomes: dict[int, Response | NoResponseError | NotAskedError] = {}
        sendings: dict[int, _Sending] = {}
        for number, alone in enumerate(requests):
            request = dataclasses.replace(alone, beside=len(requests) - 1)
            try:
                self._ensure_responding(request)
                sendings[number] = self._begun(request, self.sender.another(), self._timeout)
            except (NoResponseError, NotAskedError) as error:
                outcomes[number] = error
        with self._accounting(list(sendings.values())):
            self._run_together(list(sendings.values()))
        for number, sending in sendings.items():
            try:
                outcomes[number] = self._outcome(sending)
            except NoResponseError as error:
                outcomes[number] = error
        return [outcomes[number] for number in range(len(requests))]

    def _run_together(self, sendings: Sequence[_Sending]) -> None:
        """Send all, each from a thread, when all of the threads are ready."""
        ready = threading.Barrier(len(sendings)) if sendings else None

        def run(sending: _Sending) -> None:
            try:
                if ready is not None:
                    ready.wait(self._timeout)
                sending.outcome = self._tried(sending)
            except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
                sending.error = error
            finally:
                sending.sender.close()

        threads = [threading.Thread(target=run, args=(sending,), daemon=True) for sending in sendings]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for sending in sendings:
            if sending.error is not None:
                raise sending.error

    def _place(self, request: Request) -> str:
        """The operation that a request reaches, as the silence of servers is counted."""
        reached = request.reached(self._contract)
        return reached[0].id if reached else "no operation"

    def _ensure_responding(self, request: Request) -> None:
        """Refuse to ask where no response arrives.

        Raises:
            NoResponseError: The operation has given no response three times before, or the server none at all.
        """
        place = self._place(request)
        if not self._answered and self._silent.total() >= MAX_UNANSWERED:
            first = self._reasons[min(self._reasons)]
            reason = f"nothing is asked any more, since nothing responds: {first}"
            raise NoResponseError(request, reason, is_sent=False)
        if self._silent[place] >= MAX_UNANSWERED:
            raise NoResponseError(request, f"{place} is not asked any more: {self._reasons[place]}", is_sent=False)

    def _begun(self, request: Request, sender: Sender, seconds: float) -> _Sending:
        """A request that is about to be sent, its unit taken."""
        unit = self.budget.take(request)
        if self.sent is not None:
            self.sent.append(request)
        return _Sending(request, sender, unit, Arriving(request), seconds)

    def _outcome(self, sending: _Sending, *, counts: bool = True) -> Response:
        """The response of a request that was sent; ``counts`` says whether silence is run against its operation.

        Raises:
            NoResponseError: None arrived that can be used.
        """
        request, response = sending.request, sending.outcome
        if isinstance(response, Response):
            self._answered = True
            self._watch(response)
            return response
        place = self._place(request)
        self.lost += 1
        self._silent[place] += counts
        self._reasons[place] = response or ""
        raise NoResponseError(request, response or "", sending.arriving.part(), sending.possible)

    def _tried(self, sending: _Sending) -> Response | str:
        """The response, or why there is none that can be used."""
        operation = sending.request.reached(self._contract)
        may_be_video = operation is None or operation[0].sends_video
        try:
            return self._exchange(sending, may_be_video=may_be_video)
        except (httpcore.TimeoutException, httpx.TimeoutException):
            return f"no complete response arrived within {sending.seconds:g} s"
        except UnusableError as error:
            return str(error)
        except FAILURES as error:
            return f"no complete response arrived ({type(error).__name__}: {error})"

    @contextlib.contextmanager
    def _accounting(self, sendings: Sequence[_Sending]) -> Iterator[None]:
        """Report the result of requests that a block sends to the budget; after an interrupt, what arrived before."""
        try:
            yield
            for sending in sendings:
                self._account(sending)
        except BaseException:
            for sending in sendings:
                if not sending.accounted:
                    sending.outcome = None
                    self._account(sending)
            raise

    def _account(self, sending: _Sending) -> None:
        """Report to the budget what arrived, with the ids of tasks that an unusable response may have started."""
        if isinstance(sending.outcome, Response):
            self.budget.settle(sending.unit, sending.outcome)
            sending.accounted = True
            return
        arriving = sending.arriving
        if isinstance(sending.sender, OverHttp):
            arriving.raw = sending.sender.raw
        part = arriving.part()
        if part is not None:
            sending.possible = self.budget.give_up(sending.unit, part)
        sending.accounted = True

    def _exchange(self, sending: _Sending, *, may_be_video: bool) -> Response:
        request, sender, arriving, seconds = sending.request, sending.sender, sending.arriving, sending.seconds
        headers = [(name.encode("latin-1"), as_sent(value)) for name, value in request.headers]
        if request.body is None and request.method in {"POST", "PUT", "PATCH"}:
            headers.append((b"Content-Length", b"0"))
        until = time.monotonic() + seconds
        status, received, stream = sender(request.method, self.base_url, request.target, headers, request.body, seconds)
        arriving.begin(status, received)
        is_video = may_be_video and arriving.calls_itself_video
        if is_video:
            until += (VIDEO_TIME_FACTOR - 1) * self._timeout
            if isinstance(sender, OverHttp):
                sender.longer((VIDEO_TIME_FACTOR - 1) * self._timeout)
        max_bytes = MAX_VIDEO_BYTES if is_video else MAX_BYTES
        arriving.read(stream, until, max_bytes)
        return arriving.whole(max_bytes, is_video=is_video)

    def close(self) -> None:
        """Close the connections."""
        self.sender.close()


def fetched(address: str, seconds: float) -> Response | None:
    """What lies at an address on this machine, without a key, within the bounds of a video; None for nothing."""
    request = Request("GET", address)
    arriving = Arriving(request)
    with contextlib.closing(OverHttp(local=True)) as sender:
        try:
            parts = urlsplit(address)
            base_url = f"{parts.scheme}://{parts.netloc}"
            status, headers, stream = sender("GET", base_url, target_of(address), [], None, seconds)
            arriving.begin(status, headers)
            arriving.read(stream, time.monotonic() + seconds, MAX_VIDEO_BYTES)
            return arriving.whole(MAX_VIDEO_BYTES, is_video=True)
        except (*FAILURES, ValueError):
            return None
