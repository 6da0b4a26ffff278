"""What several kinds of defects do to videos."""

from __future__ import annotations

from collections.abc import Callable

from octopusx_video_mock.engine.content import byte_range
from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import CONTENT, OK, RANGE, Case, Make, changes


def changes_whole(change: Callable[[bytes], bytes]) -> Make:
    """A server whose videos are changed, whole ones alone."""

    def changed(case: Case) -> None:
        case.response.body = change(case.response.body)

    return changes(changed, {CONTENT}, OK)


def sent_instead(request: Request, given: Response, whole: bytes) -> Response:
    """A response of the content with another file, whole or in part as it was."""
    if given.status == 200:
        given.body = whole
        return given
    cut = byte_range(request.header(RANGE) or b"", len(whole))
    if cut is None or cut == (-1, -1):
        return given
    first, last = cut
    given.body = whole[first : last + 1]
    given.headers = [pair for pair in given.headers if pair[0] != b"content-range"]
    given.headers.append((b"content-range", b"bytes %d-%d/%d" % (first, last, len(whole))))
    return given
