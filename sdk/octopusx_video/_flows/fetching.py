"""Fetching a video from one source: how it continues after a break, and when it is complete."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from octopusx_video_openapi import content_encoding

from octopusx_video._errors import DownloadError
from octopusx_video._files import mp4
from octopusx_video._files.partial_file import PartialFile
from octopusx_video._flows import backoff
from octopusx_video._flows.context import CallContext, log
from octopusx_video._flows.effects import Do, Flow, Notify, Open, Pull, Sleep
from octopusx_video._messages import addresses, responses
from octopusx_video._messages.exchange import Failure, Received, Request, ResponseHead

Listener = Callable[[int, int | None], Any]

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BINARY = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/mp4"})
"""Media types that a video may have though they do not say so (R25)."""
_DIGITS = "[0-9]{1,18}"
_END_SECONDS = 1.0
"""How long the end of a response may take after its last byte."""
_MAX_ERROR_BYTES = 65_536
"""How much of an error's body is read for its reason, in bytes."""


class NoVideoError(Exception):
    """A source gives no complete video. The text says why."""


class _Break(NamedTuple):
    """Why a request has not completed the video.

    Attributes:
        reason: For people.
        is_final: Whether another request is of no use.
        retry_after: Seconds after which the service wants the next request; None where it does not say.
    """

    reason: str
    is_final: bool = False
    retry_after: float | None = None


@dataclass
class Fetch:
    """A video from one source, and how much of it has arrived.

    Attributes:
        total: How long the video is, by the headers; None where they don't say.
        tag: The ETag of the video that has begun to arrive.
        failures: Requests in a row that brought nothing new.
        furthest: How many bytes there ever were.
        in_pieces: Whether the source sends parts of a length that it does not know (``bytes 0-999/*``).
        has_ended: Whether the last response with bytes of the video ended as its headers say.
        is_kept: Whether one of those that the file is made of did, so that there may be no more of it.
        modified: When the video was changed, by the source's Last-Modified.
        media_type: The media type of what has arrived.
        codings: The Content-Encoding that the source uses though it is asked for none.
    """

    context: CallContext
    file: PartialFile
    request: Request
    until: float
    listener: Listener | None
    total: int | None = None
    tag: str | None = None
    failures: int = 0
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
            NoVideoError: It can't be had from here. A response that is no complete video has been kept.
            DownloadError: It can't be written, or another file is in its place by now.
        """
        if self.file.size:
            yield from self._restart()
        try:
            yield from self._fetch()
        except NoVideoError as error:
            # The boxes of the file decide in the end: a length that is wrong must not cost a whole video.
            wrong = (yield from self._do(self._incomplete)) if self.file.size else None
            if not self.file.size or wrong is not None:
                arrived = f"; {self.file.size} bytes arrived" if self.file.size else ""
                if self.is_kept:
                    yield from self._do(self.file.reject)
                raise NoVideoError(f"{error}{arrived}") from None
        yield from self._do(self.file.commit)

    def keep_rejected(self) -> Flow[None]:
        """Put what was rejected in the file's place.

        Raises:
            DownloadError: It can't be put there.
        """
        yield from self._do(self.file.commit_rejected)

    def _incomplete(self) -> mp4.Incomplete | None:
        return self.file.incomplete(has_ended=self.has_ended and not self.in_pieces)

    def _fetch(self) -> Flow[None]:
        """Send requests until the video is complete.

        Raises:
            NoVideoError: It can't be had from here.
        """
        while True:
            broken = yield from self._request_rest()
            if broken is None:
                return
            # A request that brings new bytes is no failure: a transfer that is cut again and again still ends.
            self.failures = 0 if self.file.size > self.furthest else self.failures + 1
            self.furthest = max(self.furthest, self.file.size)
            yield from self._pause(broken)

    def _pause(self, broken: _Break) -> Flow[None]:
        """Wait before the next request.

        Raises:
            NoVideoError: There is none.
        """
        wanted = backoff.bounded(broken.retry_after, f"download from {addresses.shown(self.request.url)}")
        pause = max(backoff.pause(self.failures, self.context.environment), wanted)
        is_late = self.context.environment.monotonic() + pause > self.until
        if broken.is_final or is_late or self.failures > self.context.retry_policy.max_retries:
            raise NoVideoError(f"{broken.reason}{'; the time is up' if is_late and not broken.is_final else ''}")
        text = "download: %s; continuing from byte %d in %.1f s"
        log.info(text, broken.reason, self.file.size, pause, extra={"retry": True})
        yield Sleep(pause)

    def _request_rest(self) -> Flow[_Break | None]:
        """Request what is missing, once; None when the video is complete."""
        had = self.file.size
        head = yield from self._open()
        if isinstance(head, Failure):
            return _Break(head.reason, is_final=head.permanent)
        if backoff.is_temporary(head.status):
            wanted = backoff.retry_after(head, self.context.environment)
            return _Break((yield from self._reason(head)), retry_after=wanted)
        if not (yield from self._continues(head)):
            return _Break(f"the response with status {head.status} does not continue from byte {had}")
        self.has_ended = False
        cut = yield from self._pull()
        return (yield from self._ended(had)) if cut is None else _Break(cut)

    def _ended(self, had: int) -> Flow[_Break | None]:
        """What is missing after a response that ended as its headers say; None when the video is complete."""
        self.has_ended = self.is_kept = True
        wrong = yield from self._do(self.file.incomplete)
        is_longer = self.file.size > had
        if wrong is None and not (self.in_pieces and is_longer):
            return None
        # By its length it is whole, by its boxes it is not: the length is wrong, and there may be more.
        self.total = None
        reason = wrong.reason if wrong else "a part of the video arrived"
        if self.codings:
            reason += f"; its Content-Encoding is {', '.join(self.codings)}, though the request asks for none"
        return _Break(reason, is_final=wrong is not None and not (wrong.is_mp4 and is_longer))

    def _open(self) -> Flow[ResponseHead | Failure]:
        request = self.request._replace(headers=self._headers())
        for _ in range(MAX_REDIRECTS + 1):
            head: ResponseHead | Failure = yield Open(request, self.until)
            if isinstance(head, Failure) or head.status not in _REDIRECTS:
                return head
            url = addresses.joined(request.url, head.headers.get("location", ""))
            if not addresses.is_http(url):
                raise NoVideoError(f"it is redirected to {url[:60]!r}, which is not an http or https address")
            request = Request("", "GET", url, request.headers)
        raise NoVideoError(f"it is redirected more than {MAX_REDIRECTS} times")

    def _headers(self) -> dict[str, str]:
        headers = {**self.request.headers}
        if self.file.size:
            headers["Range"] = f"bytes={self.file.size}-"
            if self.tag and self.tag.startswith('"'):  # a weak one may not stand there (RFC 9110 section 13.1.5)
                headers["If-Range"] = self.tag
        return headers

    def _continues(self, head: ResponseHead) -> Flow[bool]:
        """Whether the body continues where the file ends, which is emptied where it has to be.

        Raises:
            NoVideoError: The response is neither the video nor a part of it.
        """
        if head.status == 416 and self.file.size:
            return (yield from self._is_all(head))
        if head.status not in {200, 206}:
            raise NoVideoError((yield from self._reason(head)))
        self.codings = content_encoding.codings(head.headers.get("content-encoding", ""))
        if head.status == 206:
            if not (yield from self._is_next_part(head)):
                return False
        else:
            if self.file.size:
                yield from self._restart()
            self.total, self.in_pieces = _length(head), False
        self.tag = head.headers.get("etag") or self.tag
        self.modified = head.headers.get("last-modified") or self.modified
        self.media_type = head.media_type
        return True

    def _is_all(self, head: ResponseHead) -> Flow[bool]:
        """Whether a response says that nothing is missing: the range begins at the end of the video."""
        if {_total(head), self.total} <= {None, self.file.size}:
            self.total = self.file.size
            return True
        yield from self._restart()
        return False

    def _is_next_part(self, head: ResponseHead) -> Flow[bool]:
        """Whether a part is the one that was asked for, of the same video."""
        first, total, length = _first(head), _total(head), _length(head)
        if first is None and not self.file.size:
            first = 0  # it does not say, and nothing else was asked for
        self.in_pieces = total is None
        if total is None and length is not None:
            total = (first or 0) + length
        is_other = _differs(head.headers.get("etag"), self.tag)
        is_other |= _differs(head.headers.get("last-modified"), self.modified)
        # The boxes of the file don't show what is joined in the middle: JSON in the place of a part.
        is_other |= bool(self.file.size) and not _may_be_video(head) and head.media_type != self.media_type
        if first != self.file.size or is_other or (self.total is not None and total != self.total):
            yield from self._restart()
            return False
        self.total = total
        return True

    def _reason(self, head: ResponseHead) -> Flow[str]:
        """What a response that is no video says, for people."""
        received = Received()
        received.head = head
        while len(received.content) < _MAX_ERROR_BYTES:
            data = yield Pull(self.until)
            if isinstance(data, Failure) or not data:
                break
            received.content += data
        arrived = received.partial()
        assert arrived is not None  # noqa: S101 - for the type checker
        return f"status {head.status}{responses.error_detail(arrived, self.context.redact).in_parentheses()}"

    def _pull(self) -> Flow[str | None]:
        """Read the body; None when it has ended as its headers say, else what cut it off."""
        while self.total is None or self.file.size < self.total:
            data = yield Pull(self.until)
            if isinstance(data, Failure):
                return data.reason
            if not data:
                if self.total is not None:
                    return f"it ended after {self.file.size} of {self.total} bytes"
                break
            yield from self._do(functools.partial(self.file.write, data))
            yield Notify(self.listener, (self.file.size, self.total))
        if self.total is not None and self.file.size > self.total:
            reason = f"{self.file.size} bytes arrived, more than the {self.total} of the headers"
            yield from self._restart()
            return reason
        # Read once more to the end, so that nothing is left half read; what follows the end is not used.
        yield Pull(min(self.until, self.context.environment.monotonic() + _END_SECONDS))
        return None if self.file.size else "it is empty"

    def _restart(self) -> Flow[None]:
        self.total = self.tag = self.modified = None
        # What has ended may be all that there will be.
        yield from self._do(self.file.reject if self.is_kept and self.file.size else self.file.restart)
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
        raise DownloadError(f"{self.file.path} can't be written: {reason}")


def _may_be_video(head: ResponseHead) -> bool:
    return head.media_type.startswith("video/") or head.media_type in _BINARY


def _differs(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _length(head: ResponseHead) -> int | None:
    found = re.fullmatch(_DIGITS, head.headers.get("content-length", ""))
    return int(found[0]) if found else None


def _first(head: ResponseHead) -> int | None:
    found = re.match(rf"bytes ({_DIGITS})-", head.headers.get("content-range", ""))
    return int(found[1]) if found else None


def _total(head: ResponseHead) -> int | None:
    text = head.headers.get("content-range", "").strip()
    found = re.fullmatch(rf"bytes (?:{_DIGITS}-{_DIGITS}|\*)/({_DIGITS})", text)
    return int(found[1]) if found else None
