"""Fetching a video: where from, how it goes on after a break, and when it is whole."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from octopusx_video_openapi import content_encoding

from octopusx_video._errors import DownloadError, NotSentError, NoVideoAddressError, OctopusXError
from octopusx_video._files import mp4
from octopusx_video._files.partial_file import Part
from octopusx_video._flows import backoff
from octopusx_video._flows.context import Caller, log
from octopusx_video._flows.effects import Do, Flow, Open, Pull, Sleep, Tell
from octopusx_video._flows.reading import Route, retrieve
from octopusx_video._flows.refusals import because
from octopusx_video._messages import models, outcome, requests, responses
from octopusx_video._messages.exchange import Answer, Failure, Head, Outgoing, Received

Listener = Callable[[int, int | None], Any]

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BINARY = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/mp4"})
"""Media types that a video may have though they do not say so (R25)."""
_DIGITS = "[0-9]{1,18}"
_END_SECONDS = 1.0
"""How long the end of a response may take after its last byte."""
_MOST_OF_ERROR = 65_536
"""How much of an error's body is read for its reason, in bytes."""


class _NoUseError(Exception):
    """A source gives no video. The text says why."""


@dataclass
class _Fetch:
    """One source of a video, and how far it has come.

    Attributes:
        total: How long the video is, by the headers; None where they don't say.
        tag: The ETag of the video that has begun to arrive.
        setbacks: Attempts in a row that brought nothing new.
        furthest: How many bytes there ever were.
        in_pieces: Whether the source sends parts of a length that it does not know (``bytes 0-999/*``).
        has_ended: Whether the last response with bytes of the video ended as its headers say.
        is_kept: Whether one of those that the file is made of did, so that there may be no more of it.
        modified: When the video was changed, as the source says it.
        media_type: What the source calls what has arrived.
        codings: The Content-Encoding that the source uses though it is asked for none.
    """

    caller: Caller
    part: Part
    request: Outgoing
    until: float
    listener: Listener | None
    total: int | None = None
    tag: str | None = None
    setbacks: int = 0
    furthest: int = 0
    in_pieces: bool = False
    has_ended: bool = False
    is_kept: bool = False
    modified: str | None = None
    media_type: str = ""
    codings: tuple[str, ...] = ()

    def run(self) -> Flow[None]:
        """Fetch a complete video, from its first byte on, and put it in its place.

        Raises:
            _NoUseError: It can't be had from here. A response that is no complete video has been kept.
            DownloadError: It can't be written, or another file is in its place by now.
        """
        if self.part.size:
            yield from self._restart()
        try:
            yield from self._fetch()
        except _NoUseError as error:
            # The boxes of the file decide in the end: a length that is wrong must not cost a whole video.
            wrong = (yield from self._do(self._incomplete)) if self.part.size else None
            if not self.part.size or wrong is not None:
                arrived = f"; {self.part.size} bytes arrived" if self.part.size else ""
                if self.is_kept:
                    yield from self._do(self.part.reject)
                raise _NoUseError(f"{error}{arrived}") from None
        yield from self._do(self.part.commit)

    def _incomplete(self) -> mp4.Incomplete | None:
        return self.part.incomplete(has_ended=self.has_ended and not self.in_pieces)

    def _fetch(self) -> Flow[None]:
        """Fetch the video until it is complete.

        Raises:
            _NoUseError: It can't be had from here.
        """
        while True:
            had = self.part.size
            wanted: float | None = None
            is_over = False
            head = yield from self._open()
            if isinstance(head, Failure):
                reason, is_over = head.reason, head.permanent
            elif backoff.passes(head.status):
                wanted = backoff.retry_after(head, self.caller.world)
                reason = yield from self._reason(head)
            elif (yield from self._begins(head)):
                self.has_ended = False
                broken = yield from self._pull()
                if broken is None:
                    self.has_ended = self.is_kept = True
                    wrong = yield from self._do(self.part.incomplete)
                    came = self.part.size > had
                    if wrong is None and not (self.in_pieces and came):
                        return
                    # By its length it is whole, by its boxes it is not: the length is wrong, and there may be more.
                    self.total = None
                    is_over = wrong is not None and not (wrong.is_mp4 and came)
                    broken = wrong.reason if wrong else "a part of the video arrived"
                    if self.codings:
                        broken += (
                            f"; its Content-Encoding is {', '.join(self.codings)}, though the request asks for none"
                        )
                reason = broken
            else:
                reason = f"the response with status {head.status} does not go on from byte {had}"
            # What brings the file further than ever is no setback: a transfer that is cut again and again still ends.
            self.setbacks = 0 if self.part.size > self.furthest else self.setbacks + 1
            self.furthest = max(self.furthest, self.part.size)
            yield from self._pause(reason, wanted, is_over=is_over)

    def keep_rejected(self) -> Flow[None]:
        """Put what was rejected in the file's place.

        Raises:
            DownloadError: It can't be put there.
        """
        yield from self._do(self.part.commit_rejected)

    def _pause(self, reason: str, wanted: float | None, *, is_over: bool) -> Flow[None]:
        """Wait before the next attempt.

        Raises:
            _NoUseError: There is none.
        """
        place = _place(self.request.url)
        pause = max(
            backoff.backoff(self.setbacks, self.caller.world), backoff.bounded(wanted, f"download from {place}")
        )
        late = self.caller.world.monotonic() + pause > self.until
        if is_over or late or self.setbacks > self.caller.patience.most:
            raise _NoUseError(f"{reason}{'; the time is up' if late and not is_over else ''}")
        text = "download: %s; continuing from byte %d in %.1f s"
        log.info(text, reason, self.part.size, pause, extra={"setback": True})
        yield Sleep(pause)

    def _open(self) -> Flow[Head | Failure]:
        request = self._request()
        for _ in range(MOST_REDIRECTS + 1):
            head: Head | Failure = yield Open(request, self.until)
            if isinstance(head, Failure) or head.status not in _REDIRECTS:
                return head
            url = _joined(request.url, head.headers.get("location", ""))
            if not _is_http(url):
                raise _NoUseError(f"it is redirected to {url[:60]!r}, which is no http or https address")
            request = Outgoing("", "GET", url, request.headers)
        raise _NoUseError(f"it is redirected more than {MOST_REDIRECTS} times")

    def _request(self) -> Outgoing:
        headers = {**self.request.headers}
        if self.part.size:
            headers["Range"] = f"bytes={self.part.size}-"
            if self.tag and self.tag.startswith('"'):  # a weak one may not stand there (RFC 9110 section 13.1.5)
                headers["If-Range"] = self.tag
        return Outgoing(self.request.operation, "GET", self.request.url, headers)

    def _begins(self, head: Head) -> Flow[bool]:
        """Whether what comes now goes on where the file ends, which it begins anew where it has to."""
        if head.status == 416 and self.part.size:
            if _total(head) in {None, self.part.size} and self.total in {None, self.part.size}:
                self.total = self.part.size
                return True
            yield from self._restart()
            return False
        if head.status not in {200, 206}:
            raise _NoUseError((yield from self._reason(head)))
        self.codings = _codings(head)
        length = _number(head.headers.get("content-length"))
        tag, modified = head.headers.get("etag"), head.headers.get("last-modified")
        if head.status == 206:
            first, total = _first(head), _total(head)
            if first is None and not self.part.size:
                first = 0  # it does not say, and nothing else was asked for
            self.in_pieces = total is None
            if total is None and length is not None:
                total = (first or 0) + length
            is_other = _differs(tag, self.tag) or _differs(modified, self.modified)
            # What is joined in the middle can't be told by the boxes of the file: JSON in the place of a part.
            is_other |= bool(self.part.size) and not _may_be_video(head) and head.media_type != self.media_type
            if first != self.part.size or is_other or (self.total is not None and total != self.total):
                yield from self._restart()
                return False
            self.total = total
        else:
            if self.part.size:
                yield from self._restart()
            self.total, self.in_pieces = length, False
        self.tag, self.modified = tag or self.tag, modified or self.modified
        self.media_type = head.media_type
        return True

    def _reason(self, head: Head) -> Flow[str]:
        """What a response that is no video says, for people."""
        content = b""
        while len(content) < _MOST_OF_ERROR:
            data = yield Pull(self.until)
            if isinstance(data, Failure) or not data:
                break
            content += data
        told = responses.problem(_unpacked(head, content), self.caller.redact)
        return f"status {head.status}{because(told)}"

    def _pull(self) -> Flow[str | None]:
        """Take what comes; None when the response has ended as its headers say, else what broke it off."""
        while self.total is None or self.part.size < self.total:
            data = yield Pull(self.until)
            if isinstance(data, Failure):
                return data.reason
            if not data:
                if self.total is not None:
                    return f"it ended after {self.part.size} of {self.total} bytes"
                break
            yield from self._do(functools.partial(self.part.write, data))
            yield Tell(self.listener, (self.part.size, self.total))
        if self.total is not None and self.part.size > self.total:
            reason = f"{self.part.size} bytes arrived, more than the {self.total} of the headers"
            yield from self._restart()
            return reason
        # Asked once more for the end, so that nothing is left half read; what follows the end is not used.
        yield Pull(min(self.until, self.caller.world.monotonic() + _END_SECONDS))
        return None if self.part.size else "it is empty"

    def _restart(self) -> Flow[None]:
        self.total = self.tag = self.modified = None
        # What has ended may be all that there will be.
        yield from self._do(self.part.reject if self.is_kept and self.part.size else self.part.restart)
        self.has_ended = self.is_kept = False

    def _do(self, call: Callable[[], Any]) -> Flow[Any]:
        """Do something with the file.

        Raises:
            DownloadError: It can't be done.
        """
        try:
            return (yield Do(call))
        except OSError as error:
            reason = error.strerror or type(error).__name__
        raise DownloadError(f"{self.part.path} can't be written: {reason}")


def download(
    caller: Caller,
    route: Route[Any],
    task_or_id: models.TaskOrId,
    path: object,
    *,
    overwrite: bool,
    accept_any: bool,
    timeout: float,
    on_progress: Listener | None,
) -> Flow[Path]:
    """Fetch the video of a task that has succeeded, from its address, or else from the API's content route.

    Returns:
        Where it is.

    Raises:
        NotSentError: The path can't be written, or what is to be downloaded is no task.
        TaskFailedError: The task has ended without a video.
        DownloadError: It has not ended, or no complete video can be downloaded from anywhere.
        RefusedError, BrokenAnswerError: It can't be read.
    """
    task_id = requests.task_id(task_or_id, "task")
    until = caller.world.monotonic() + timeout
    is_named = False
    try:
        part = Part(path, overwrite=overwrite)
    except NotSentError as error:
        error.task_id = task_id
        raise
    try:
        task = task_or_id
        if not isinstance(task, models.VideoTask | models.UnifiedVideoTask) or outcome.phase(task) == "running":
            task = yield from retrieve(caller, route, task_id, until)
        _check(task, task_id)
        reasons: list[str] = []
        for request in _sources(caller, task, task_id, reasons):
            fetch = _Fetch(caller, part, request, until, on_progress)
            try:
                yield from fetch.run()
            except _NoUseError as error:
                reasons.append(f"from {_place(request.url)}: {caller.redact(str(error))}")
                log.info("download of %s %s", task_id, reasons[-1])
            else:
                return part.path
        if accept_any and part.rejected is not None:
            log.warning("download of %s: no complete mp4 file, saved as it is: %s", task_id, "; ".join(reasons))
            yield from fetch.keep_rejected()
            return part.path
        is_named = True
        raise _failure(task_id, reasons, part)
    except OctopusXError as error:
        error.task_id = task_id
        raise
    finally:
        part.discard(keeps_rejected=is_named)


def _check(task: models.Task, task_id: str) -> None:
    if outcome.phase(task) == "running":
        raise DownloadError(
            f"task {task_id} has not ended, its status is {outcome.status(task)}",
            task_id=task_id,
            advice="wait for it first",
        )
    trouble = outcome.trouble(task, task_id)
    if trouble is not None and not isinstance(trouble, NoVideoAddressError):
        raise trouble


def _may_be_video(head: Head) -> bool:
    return head.media_type.startswith("video/") or head.media_type in _BINARY


def _differs(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _codings(head: Head) -> tuple[str, ...]:
    return content_encoding.codings(head.headers.get("content-encoding", ""))


def _unpacked(head: Head, content: bytes) -> Answer:
    """A response of which so much was read, unpacked if it can be."""
    received = Received()
    received.head, received.content = head, bytearray(content)
    arrived = received.partial()
    assert arrived is not None  # noqa: S101 - for the type checker
    return arrived


def _failure(task_id: str, reasons: list[str], part: Part) -> DownloadError:
    text = f"the video of {task_id} can't be downloaded; {'; '.join(reasons)}"
    if part.rejected is None:
        return DownloadError(text, task_id=task_id, advice="download it again by its id")
    text += f". What arrived is no complete mp4 file, and was kept as {part.rejected}"
    advice = "download it again by its id, with accept_any=True to save such a file as it is"
    return DownloadError(text, task_id=task_id, rejected=os.fspath(part.rejected), advice=advice)


def _sources(caller: Caller, task: models.Task, task_id: str, reasons: list[str]) -> list[Outgoing]:
    """The task's own address first, then the content route, as grok/query has it (downloadVideoContent)."""
    content = requests.read(caller.settings.base_url, "downloadVideoContent", task_id)
    told = outcome.address(task)
    if told is None:
        return [content]
    address = _joined(f"{caller.settings.base_url}/", told)
    if not _is_http(address):
        reasons.append(caller.redact(f"its address {_place(told)[:200]!r} can't be used"))
        return [content]
    return [content] if address == content.url else [Outgoing("", "GET", address, content.headers), content]


def _place(url: str) -> str:
    """An address without its query, which may be a signature, and without a user name."""
    plain = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"//[^/@]*@", "//", plain)


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a number past 65535 is only found out when it is asked for
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError:
        return ""


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(_DIGITS, text) else None


def _first(head: Head) -> int | None:
    found = re.match(rf"bytes ({_DIGITS})-", head.headers.get("content-range", ""))
    return int(found[1]) if found else None


def _total(head: Head) -> int | None:
    found = re.fullmatch(
        rf"bytes (?:{_DIGITS}-{_DIGITS}|\*)/({_DIGITS})", head.headers.get("content-range", "").strip()
    )
    return int(found[1]) if found else None
