"""Addresses of videos that lead nowhere, to something else, or not for everyone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from octopusx_video_mock.messages import Request, Response
from octopusx_video_mock.tasks.mp4 import mp4

from tests.defects._defect import (
    CONTENT,
    HOUR,
    LIFE,
    OK,
    QUERY,
    READ,
    READS,
    SENT,
    VIDEO,
    Case,
    Handler,
    Json,
    Make,
    Operations,
    Server,
    Table,
    altered,
    changes,
    edits,
    handles,
    mapped,
    named,
    remembers,
    succeeded,
)
from tests.defects._tasks import Made, note, task_read, task_reads


def _at_address(change: Callable[[Server, Request, Response], Response]) -> Make:
    """A server whose addresses give something else."""

    def handle(server: Server, request: Request) -> Response:
        given = server.correct(request)
        is_address = request.path.startswith(b"/videos/") and given.status in {200, 206}
        return change(server, request, given) if is_address else given

    return handles(handle)


def _wants_key(server: Server, request: Request, given: Response) -> Response:
    if request.header(b"authorization") is not None:
        return given
    return server.correct(altered(request, path=b"/v1/video/query", query=b"id=-"))


def _other_video(server: Server, request: Request, given: Response) -> Response:
    return Response(200, [VIDEO], mp4(3))


def _landing_page(server: Server, request: Request, given: Response) -> Response:
    return Response(200, [(b"content-type", b"text/html")], b"<!doctype html><video src=video.mp4></video>")


def _nowhere(server: Server, request: Request, given: Response) -> Response:
    return server.correct(altered(request, path=b"/nowhere"))


def _forbidden(server: Server, request: Request, given: Response) -> Response:
    return Response(403, [(b"content-type", b"application/xml")], b"<Error><Code>AccessDenied</Code></Error>")


def _once(server: Server) -> Handler:
    used: set[bytes] = set()

    def handle(request: Request) -> Response:
        given = server.correct(request)
        if request.path.startswith(b"/videos/") and given.status == 200:
            if request.path in used:
                return _forbidden(server, request, given)
            used.add(request.path)
        return given

    return handle


def _addressed(change: Callable[[str], str], of: Operations = READS) -> Make:
    return edits(mapped("video_url", change), of, when=succeeded)


def _content_route(case: Case) -> None:
    if succeeded(case.value):
        origin = case.request.origin
        case.value = {**case.value, "video_url": f"{origin}/v1/videos/{named(case.request)}/content"}


@remembers
def _address_of_the_end(server: Server, memory: dict[str, Any], request: Request) -> Response:
    """An address is signed for an hour from the end of its task, whenever it is reported."""
    given = server.correct(request)
    note(server, memory, request, given)
    made = memory.get("made", {}).get(given.task)
    is_video = request.path.startswith(b"/videos/") and given.status in {200, 206}
    if is_video and made is not None and made.age(server) - LIFE.lasts > HOUR:
        body = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
        return Response(403, [(b"content-type", b"application/xml")], body)
    return given


def _address_of_source(case: Case, made: Made, value: Json) -> Json:
    reported = task_read(case.server, case.request, made.source).get("video_url") if succeeded(value) else None
    return {"video_url": reported} if reported else {}


def _address_until_download(server: Server) -> Handler:
    """Once the gateway has a video, it is taken from where it was."""
    fetched: set[str | None] = set()

    def handle(request: Request) -> Response:
        given = server.correct(request)
        if given.operation == CONTENT and given.status == 200:
            fetched.add(given.task)
        elif request.path.startswith(b"/videos/") and given.status in SENT and given.task in fetched:
            body = b"<Error><Code>NoSuchKey</Code></Error>"
            return Response(404, [(b"content-type", b"application/xml")], body)
        return given

    return handle


def _encoded_twice(address: Any) -> Any:
    return address.replace("grok:", "grok%253A") if isinstance(address, str) else address


DEFECTS: Table = {
    ("address-nowhere", "R51", "the address leads nowhere"): _at_address(_nowhere),
    ("address-forbidden", "R51", "the address is forbidden, for want of a cookie"): _at_address(_forbidden),
    ("address-wants-key", "R51", "the address wants the key"): _at_address(_wants_key),
    ("address-of-other-video", "R51", "the address gives a preview of three seconds"): _at_address(_other_video),
    ("address-of-page", "R51", "the address gives a page with a player"): _at_address(_landing_page),
    ("address-once", "R51", "the address can be fetched once"): _once,
    ("address-is-content-route", "R51", "the address is that of the content, which wants the key"): changes(
        _content_route, {READ}, OK
    ),
    ("address-relative", "R51", "the address has no host"): _addressed(
        lambda address: "/" + address.partition("://")[2].partition("/")[2]
    ),
    ("address-inside", "R51", "the address is that of the machine behind the gateway"): _addressed(
        lambda address: "http://127.0.0.1:9/" + address.partition("://")[2].partition("/")[2], {QUERY}
    ),
    ("address-without-signature", "R51", "the address lost its last character"): _addressed(
        lambda address: address.removesuffix(".mp4")[:-1] + ".mp4"
    ),
    (
        "address-of-read-dead",
        "R51",
        "the address that the OpenAI-format read returns is that of a file that was moved",
    ): edits(mapped("video_url", lambda url: url.replace(".mp4", "-moved.mp4")), {READ}, when=succeeded),
}

RARE: Table = {
    (
        "address-expired-when-told",
        "R51",
        "addresses end an hour after their task, those that are returned later as well",
    ): _address_of_the_end,
    ("address-of-source", "R51", "the address of a task is that of its source's video"): task_reads(_address_of_source),
    (
        "address-gone-after-download",
        "R51",
        "the address of a task gives nothing once its content was downloaded",
    ): _address_until_download,
    ("query-address-encoded-twice", "R51", "the colon in the unified read's address is encoded twice"): edits(
        mapped("video_url", _encoded_twice), {QUERY}, when=succeeded
    ),
}
