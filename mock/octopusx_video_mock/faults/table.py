"""The faults: the name of each, what happens, and where it was seen.

A fault says what is done in the words of the contract (a status and an example of it, a value of ``x-value-of``), so
that it applies to whatever operation has them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from octopusx_video_openapi import RuleId

from octopusx_video_mock.compiled.operation import Stage
from octopusx_video_mock.compiled.template import ABSENT
from octopusx_video_mock.delivery import CRAWL_SECONDS
from octopusx_video_mock.errors import MockError
from octopusx_video_mock.faults.fault import TASK_ID, Fault

SUBMIT: frozenset[Stage] = frozenset({"submit"})
READ: frozenset[Stage] = frozenset({"read"})
CONTENT: frozenset[Stage] = frozenset({"content"})
TASK = READ | CONTENT
ANY = SUBMIT | TASK

HIDDEN_SECONDS = 5.0
"""How long a new id stays unknown with the fault ``late_id``, in seconds of the clock, whatever a task's speed."""
LARGE_BYTES = 5_000_000
"""How large a response is with the fault ``too_large``."""
GATEWAY_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"


def _values(**changes: Any) -> MappingProxyType[str, Any]:
    return MappingProxyType({name.replace("__", "."): value for name, value in changes.items()})


def _milliseconds(seconds: int) -> int:
    return seconds * 1000


_GATEWAY = "QuantumNous/new-api"

FAULTS: tuple[Fault, ...] = (
    Fault(
        "unauthorized",
        "401 although the key is right",
        f"{_GATEWAY} middleware/auth.go @040b46a0 (a key that was disabled, has expired or is used up)",
        ANY,
        status=401,
        example="invalid_token",
    ),
    Fault(
        "insufficient_quota",
        "403, the balance does not cover the submit",
        f"{_GATEWAY} service/pre_consume_quota.go @009910b9",
        SUBMIT,
        status=403,
        example="insufficient_user_quota",
    ),
    Fault(
        "rate_limited",
        "429 without Retry-After",
        f"{_GATEWAY} middleware/model-rate-limit.go @03609761; no file that was read sets Retry-After",
        ANY,
        status=429,
        example="rate_limited",
    ),
    Fault(
        "rate_limited_retry_after",
        "429 with Retry-After",
        "RFC 9110 section 10.2.3; a proxy in front may set it",
        ANY,
        status=429,
        example="rate_limited",
        headers=("Retry-After",),
    ),
    Fault(
        "rate_limited_empty",
        "429 with an empty body",
        f"{_GATEWAY} middleware/rate-limit.go @01408b3c (it sends only a status)",
        ANY,
        breaks="the documented body of 429",
        status=429,
        example="rate_limited",
        body=b"",
    ),
    Fault(
        "upstream_saturated",
        "429 that is passed on from the upstream; an earlier attempt may have been billed",
        f"{_GATEWAY} controller/relay.go @009910b9 (respondTaskError)",
        SUBMIT,
        status=429,
        example="upstream_saturated",
    ),
    Fault(
        "no_channel",
        "503, no channel serves the model",
        f"{_GATEWAY} middleware/distributor.go @003d7c00",
        SUBMIT,
        status=503,
        example="model_not_found",
    ),
    Fault(
        "server_error_billed",
        "500, and the task was accepted and billed",
        f"{_GATEWAY} relay/relay_task.go @00fca48c (the charge is made before the upstream responds)",
        SUBMIT,
        status=500,
        example="do_request_failed",
        accepts=True,
    ),
    Fault(
        "lost_answer",
        "a submit is accepted and billed, and its response never arrives",
        "github.com/ArcReel/ArcReel issue 687 (submits that were repeated after a lost response were charged twice)",
        SUBMIT,
        accepts=True,
        delivery="lost",
    ),
    Fault(
        "connection_reset",
        "the connection is reset before anything was done",
        "RFC 9293 section 3.5.2; on a submit, the caller sees the same as after a lost response",
        ANY,
        delivery="reset",
    ),
    Fault(
        "late_id",
        f"a new id stays unknown for its first {HIDDEN_SECONDS:.0f} seconds",
        f"{_GATEWAY} controller/relay.go @009910b9 (the response is written before the task is stored)",
        TASK,
        bit=0,
        lasting=True,
        hides=HIDDEN_SECONDS,
    ),
    Fault(
        "unknown_status",
        "a running task has a status that the contract does not know",
        'docs.octopusx.ai/en/videos/grok/extend ("common values include")',
        READ,
        breaks=RuleId.R14,
        bit=1,
        during="running",
        values=_values(task__status="moderating"),
    ),
    Fault(
        "completed_without_url",
        "completed, without the address of the video; the content can be downloaded",
        "github.com/Microck/opencodex pull request 582 (a task done without a URL)",
        READ,
        breaks=f"{RuleId.R07} or {RuleId.R08}",
        bit=2,
        lasting=True,
        during="succeeded",
        values=_values(task__address=ABSENT),
    ),
    Fault(
        "completed_with_error",
        "completed with an error code, without a video, and billed",
        "docs.apiyi.com grok-imagine-video (moderation_blocked)",
        TASK,
        breaks=f"{RuleId.R07} or {RuleId.R08}, and {RuleId.R10}",
        bit=3,
        lasting=True,
        during="succeeded",
        values=_values(
            task__address=ABSENT,
            task__error__code="moderation_blocked",
            task__error__message="the result was held back by the content filter",
        ),
        no_video=True,
    ),
    Fault(
        "failed",
        "the task fails with its reason, and its cost is refunded",
        f"docs.octopusx.ai/en/videos/grok/query; {_GATEWAY} (RefundTaskQuota)",
        TASK,
        bit=4,
        lasting=True,
        ends="failed",
    ),
    Fault(
        "failed_billed",
        "the task fails with its reason, and stays billed",
        "github.com/QuantumNous/new-api issue 2050",
        TASK,
        bit=5,
        lasting=True,
        ends="failed",
        refunds=False,
    ),
    Fault(
        "failed_without_reason",
        "the task fails, and the fields of its error object are empty strings",
        "docs.octopusx.ai/en/videos/grok/query (the sample's error object has empty fields)",
        TASK,
        breaks=RuleId.R11,
        bit=6,
        lasting=True,
        ends="failed",
        during="failed",
        values=_values(task__error__code="", task__error__message=""),
    ),
    Fault(
        "progress_as_text",
        'progress is text, such as "42%"',
        "docs.octopusx.ai/en/videos/seedance-2/query and sora/unified-query",
        READ,
        breaks="the type of progress",
        bit=7,
        values=_values(task__progress=lambda percent: f"{percent}%"),
    ),
    Fault(
        "milliseconds",
        "times are in milliseconds",
        "docs.octopusx.ai/en/videos/veo/unified-query (in milliseconds or seconds depending on the upstream)",
        READ,
        breaks=RuleId.R13,
        bit=8,
        values=_values(
            task__created=_milliseconds,
            task__updated=_milliseconds,
            task__ended=_milliseconds,
            task__expires=_milliseconds,
        ),
    ),
    Fault(
        "not_json",
        "200 with a page of a proxy instead of JSON",
        "docs.ttapi.io and proxies in front of gateways (a body that is no object, or no JSON at all)",
        SUBMIT | READ,
        breaks="the documented media type",
        accepts=True,
        body=GATEWAY_PAGE,
        media_type="text/html",
    ),
    Fault(
        "content_is_json",
        "the content is JSON that names an address, instead of the video",
        "docs.anyfast.ai and doc.starrise.tech (content)",
        CONTENT,
        breaks="the documented media type",
        bit=9,
        body=b'{"url":"https://example.com/video.mp4"}',
        media_type="application/json",
    ),
    Fault(
        "download_cut",
        "a download that begins at the first byte is cut in the middle; Range fetches the rest",
        f"{_GATEWAY} controller/video_proxy.go @05393ffc (a whole transfer may take at most 60 seconds)",
        CONTENT,
        breaks=RuleId.R24,
        bit=10,
        delivery="cut",
    ),
    Fault(
        "download_crawls",
        f"a whole download takes {CRAWL_SECONDS:.0f} seconds",
        f"{_GATEWAY} controller/video_proxy.go @05393ffc (its limit of 60 seconds is for downloads like this)",
        CONTENT,
        bit=11,
        delivery="crawl",
    ),
    Fault(
        "content_chunked",
        "the content is sent chunked, without Content-Length",
        f"RFC 9112 section 7.1; {_GATEWAY} controller/video_proxy.go @05393ffc (a length only if the upstream has one)",
        CONTENT,
        bit=12,
        delivery="chunked",
    ),
    Fault(
        "content_chunked_cut",
        "a download that begins at the first byte is sent chunked and cut in the middle, and the chunks end correctly; "
        "Range fetches the rest",
        f"{_GATEWAY} controller/video_proxy.go @05393ffc (it ends its response correctly when its upstream breaks off)",
        CONTENT,
        breaks=RuleId.R52,
        bit=13,
        delivery="chunked_cut",
    ),
    Fault(
        "unusable_address",
        "completed, and the address of the video can't be used; the content can be downloaded",
        f"{_GATEWAY} relay/channel/task/sora/adaptor.go @05393ffc (an address is passed on as the upstream wrote it)",
        READ,
        breaks=RuleId.R51,
        bit=14,
        lasting=True,
        during="succeeded",
        values=_values(task__address="http://127.0.0.1:99999/v.mp4"),
    ),
    Fault(
        "wrapped_id",
        "a submit is accepted and billed, and its id is inside a wrapper that the contract does not know",
        f"doc.octopusx.ai/en/tasks/task-status (the wrapper); {_GATEWAY} relay/channel/task/suno/adaptor.go @273c517a "
        "(with the id as its data)",
        SUBMIT,
        breaks=RuleId.R36,
        accepts=True,
        wraps=MappingProxyType({"code": "success", "message": "", "data": TASK_ID}),
    ),
    Fault(
        "created",
        "201 instead of 200, and the task was accepted and billed",
        "RFC 9110 section 15.3.2; docs.octopusx.ai/en/videos/grok/extend gives no number for the status of a success",
        SUBMIT,
        breaks=RuleId.R38,
        accepts=True,
        as_status=201,
    ),
    Fault(
        "too_large",
        f"the JSON is followed by spaces, {LARGE_BYTES // 1_000_000} megabytes in all; a submit is accepted and billed",
        "our own choice, as no service is known to do so; RFC 8259 section 2 allows any whitespace after the value",
        SUBMIT | READ,
        breaks=RuleId.R53,
        accepts=True,
        pads=LARGE_BYTES,
    ),
)
"""Every fault that the mock knows."""

BY_NAME = {fault.name: fault for fault in FAULTS}
BY_BIT = {fault.bit: fault for fault in FAULTS if fault.bit is not None}


def find(name: str) -> Fault:
    """The fault of this name.

    Raises:
        MockError: There is none.
    """
    try:
        return BY_NAME[name]
    except KeyError:
        raise MockError(f"there is no fault {name!r}; choose one of {', '.join(BY_NAME)}") from None


def of_bits(bits: int) -> tuple[Fault, ...]:
    """The faults that a task's id carries."""
    return tuple(fault for bit, fault in BY_BIT.items() if bits >> bit & 1) if bits else ()
