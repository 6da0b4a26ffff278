"""Fetching a video: where from, how it goes on after a break, and when it is whole."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from octopusx_video import _flows, _models, _pace, _requests, _verdict
from octopusx_video._effects import Do, Failure, Flow, Head, Open, Outgoing, Pull, Sleep, Tell
from octopusx_video._errors import DownloadError, NotSentError, NoVideoAddressError, OctopusXError
from octopusx_video._part import Part

Listener = Callable[[int, int | None], Any]

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BINARY = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/mp4"})
"""Media types that may be a video though they do not say so; then its first box decides (R25)."""


_DIGITS = "[0-9]{1,18}"


class _NoUseError(Exception):
    """A source gives no video. The text says why."""


@dataclass
class _Fetch:
    """One source of a video, and how far it has come."""

    caller: _flows.Caller
    part: Part
    request: Outgoing
    until: float
    listener: Listener | None
    total: int | None = None
    tag: str | None = None
    setbacks: int = 0
    is_video: bool = False
    ends: bool = True

    def begin(self) -> Flow[None]:
        """Fetch it from its first byte on.

        Raises:
            _NoUseError: It can't be had from here.
            DownloadError: It can't be written.
        """
        if self.part.size:
            yield from self._restart()
        yield from self._run()

    def end(self) -> Flow[None]:
        """Put the file in its place.

        Raises:
            DownloadError: It can't be put there, or another is there by now.
        """
        yield from self._do(self.part.commit)

    def _run(self) -> Flow[None]:
        """Fetch it whole.

        Raises:
            _NoUseError: It can't be had from here.
        """
        while True:
            had = self.part.size
            wanted = None
            head = yield from self._open()
            if isinstance(head, Failure):
                reason = head.reason
            elif _pace.passes(head.status):
                reason, wanted = f"it was answered {head.status}", _pace.retry_after(head, self.caller.world)
            elif (yield from self._begins(head)):
                broken = yield from self._pull()
                if broken is None:
                    return
                reason = broken
            else:
                reason = f"the answer {head.status} does not go on from byte {had}"
            # What brings the file on is no setback: a transfer that is cut again and again still ends.
            self.setbacks = 0 if self.part.size > had else self.setbacks + 1
            pause = max(_pace.backoff(self.setbacks, self.caller.world), wanted or 0.0)
            late = self.caller.world.monotonic() + pause > self.until
            if late or self.setbacks > self.caller.patience.most:
                raise _NoUseError(f"{reason}; {self.part.size} bytes came{', and the time is up' if late else ''}")
            _flows.log.info("download: %s; going on from byte %d in %.1f s", reason, self.part.size, pause)
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
        # Without an encoding, so that bytes can be counted.
        headers = {**self.request.headers, "Accept-Encoding": "identity"}
        if self.part.size:
            headers["Range"] = f"bytes={self.part.size}-"
            if self.tag and self.tag.startswith('"'):  # a weak one may not stand there (RFC 9110 section 13.1.5)
                headers["If-Range"] = self.tag
        return Outgoing(self.request.operation, "GET", self.request.url, headers)

    def _begins(self, head: Head) -> Flow[bool]:
        """Whether what comes now goes on where the file ends, which it begins anew where it has to."""
        if head.status == 416 and self.part.size:
            if _total(head) == self.part.size and self.total in {None, self.part.size}:
                self.total = self.part.size
                return True
            yield from self._restart()
            return False
        if head.status not in {200, 206}:
            raise _NoUseError(f"it was answered {head.status}")
        if not (head.media_type.startswith("video/") or head.media_type in _BINARY):
            raise _NoUseError(f"it is {head.media_type} and no video")
        if head.headers.get("content-encoding", "identity") != "identity":
            raise _NoUseError("it is encoded, though it was asked for as it is")
        length = _number(head.headers.get("content-length"))
        tag = head.headers.get("etag")
        if head.status == 206:
            first, total = _first(head), _total(head)
            if total is None and length is not None:
                total = (first or 0) + length
            is_other = self.tag is not None and tag is not None and tag != self.tag
            if first != self.part.size or is_other or (self.total is not None and total != self.total):
                yield from self._restart()
                return False
            self.total = total
        else:
            if self.part.size:
                yield from self._restart()
            self.total = length
        self.tag = tag or self.tag
        self.is_video = head.media_type.startswith("video/")
        # Without either, an answer that breaks off looks like one that ends.
        self.ends = length is not None or "chunked" in head.headers.get("transfer-encoding", "")
        return True

    def _pull(self) -> Flow[str | None]:
        """Take what comes; None when the file is whole, else what broke it off."""
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
            size = self.part.size
            yield from self._restart()
            return f"{size} bytes came where {self.total} were told"
        if not self.part.size:
            return "it is empty"
        if not self.ends and not (yield from self._do(self.part.is_whole_mp4)):
            return f"it told no length and ended after {self.part.size} bytes, in the middle of an mp4 file"
        return None

    def _restart(self) -> Flow[None]:
        self.total = self.tag = None
        yield from self._do(self.part.restart)

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
    caller: _flows.Caller,
    route: _flows.Route[Any],
    task_or_id: _models.TaskOrId,
    path: object,
    *,
    overwrite: bool,
    timeout: float,
    on_progress: Listener | None,
) -> Flow[Path]:
    """Fetch the video of a task that has succeeded, from its address, or else from the API's content route.

    Returns:
        Where it is.

    Raises:
        NotSentError: The path can't be written, or what is to be downloaded is no task.
        TaskFailedError: The task has ended without a video.
        DownloadError: It has not ended, or its video can't be had whole from anywhere.
        RefusedError, BrokenAnswerError: It can't be read.
    """
    task_id = _requests.task_id(task_or_id, "task")
    until = caller.world.monotonic() + timeout
    try:
        part = Part(path, overwrite=overwrite)
    except NotSentError as error:
        error.task_id = task_id
        raise
    try:
        task = task_or_id
        if not isinstance(task, _models.VideoTask | _models.UnifiedVideoTask) or _verdict.phase(task) == "running":
            task = yield from _flows.retrieve(caller, route, task_id, until)
        _check(task, task_id)
        reasons = []
        for request in _sources(caller, task, task_id):
            fetch = _Fetch(caller, part, request, until, on_progress)
            try:
                yield from fetch.begin()
                _check_type(fetch)
                yield from fetch.end()
            except _NoUseError as error:
                reasons.append(f"from {_place(request)}: {caller.redact(str(error))}")
                _flows.log.info("download of %s %s", task_id, reasons[-1])
            else:
                return part.path
        text = f"the video of {task_id} can't be had; {'; '.join(reasons)}. Try again: download of the same id"
        raise DownloadError(text, task_id=task_id)
    except OctopusXError as error:
        error.task_id = task_id
        raise
    finally:
        part.discard()


def _check(task: _models.Task, task_id: str) -> None:
    if _verdict.phase(task) == "running":
        raise DownloadError(f"task {task_id} has not ended, it is {task.status}; wait for it first", task_id=task_id)
    trouble = _verdict.trouble(task, task_id)
    if trouble is not None and not isinstance(trouble, NoVideoAddressError):
        raise trouble


def _sources(caller: _flows.Caller, task: _models.Task, task_id: str) -> list[Outgoing]:
    """The task's own address first, then the content route, as grok/query has it (downloadVideoContent)."""
    content = _requests.read(caller.settings.base_url, "downloadVideoContent", task_id)
    told = _verdict.address(task)
    address = _joined(f"{caller.settings.base_url}/", told) if told else ""
    if not _is_http(address) or address == content.url:
        return [content]
    return [Outgoing("", "GET", address, content.headers), content]


def _check_type(fetch: _Fetch) -> None:
    if not fetch.is_video and fetch.part.beginning[4:8] != b"ftyp":
        raise _NoUseError("what came is no mp4 file, which begins with ftyp (R25)")


def _place(request: Outgoing) -> str:
    """A source, without what may be a signature."""
    parts = urlsplit(request.url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
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
