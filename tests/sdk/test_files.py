"""A file is complete or absent, however the length of a video is given; and a video that was paid for can be saved."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import os
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from octopusx_video import AsyncOctopusX, DownloadError, NotSentError, VideoTask
from octopusx_video._files.mp4 import incomplete
from octopusx_video._files.partial_file import PartialFile
from octopusx_video_mock import Mock
from octopusx_video_mock.tasks.mp4 import mp4

from tests.sdk.test_downloads import ADDRESS, CONTENT, HEAD, SMALL, TASK, Bytes, Storage, api, box, saved
from tests.sdk.test_sending import serving
from tests.support.sdk.clients import BASE_URL, CLIENTS, CREATE, KEY, KINDS, SOURCE, Kind, answering, connected, on_mock

VIDEO = mp4(10)
HALF = VIDEO[: len(VIDEO) // 2]
FRAGMENT = box(b"moof", box(b"mfhd", bytes(8))) + box(b"mdat", b"f" * 90)
CHUNKED = {"content-type": "video/mp4", "transfer-encoding": "chunked"}


def whole(data: bytes, tmp_path: Path) -> bool:
    """Whether the bytes are a complete mp4 file."""
    path = tmp_path / "file"
    path.write_bytes(data)
    with path.open("rb") as file:
        return incomplete(file, len(data)) is None


@pytest.mark.slow
def test_every_cut_of_a_video_is_seen(tmp_path: Path) -> None:
    """At the edges of each box and around them, with the movie box before the media and behind it."""
    edges = {len(VIDEO)}
    at = 0
    while at < len(VIDEO):
        edges.add(at)
        at += int.from_bytes(VIDEO[at : at + 4])
    moov = VIDEO.index(b"moov") - 4
    mdat = VIDEO.index(b"mdat") - 4
    slow = VIDEO[:moov] + VIDEO[mdat:] + VIDEO[moov:mdat]
    for video in (VIDEO, slow, SMALL):
        assert whole(video, tmp_path)
        near = {edge + step for edge, step in itertools.product(edges, range(-9, 18))}
        near |= {len(slow) - (mdat - moov)}
        for cut in sorted(near & set(range(len(video)))):
            assert not whole(video[:cut], tmp_path), cut


def test_the_forms_of_iso_14496_12_are_known(tmp_path: Path) -> None:
    """Another box first, a last box of size 0, sizes of 64 bits, and fragments."""
    mdat = VIDEO.index(b"mdat") - 4
    unbounded = VIDEO[:mdat] + bytes(4) + VIDEO[mdat + 4 :]
    large = VIDEO[:mdat] + (1).to_bytes(4) + b"mdat" + (len(VIDEO) - mdat + 8).to_bytes(8) + VIDEO[mdat + 8 :]
    movie = HEAD[:24] + box(b"moov", box(b"mvhd", bytes(20)) + box(b"mvex", b""))
    for first in (b"free", b"skip", b"wide", b"uuid", b"pdin", b"styp", b"sidx", b"emsg", b"prft", b"meta"):
        assert whole(box(first, bytes(24)) + VIDEO, tmp_path), first
    assert whole(unbounded, tmp_path)
    assert whole(large, tmp_path)
    assert whole(VIDEO + box(b"mdat", b""), tmp_path)
    for count in (1, 2, 5):
        assert whole(movie + FRAGMENT * count, tmp_path), count
        assert not whole(movie + FRAGMENT * count + FRAGMENT[:16], tmp_path)
        assert not whole(movie + FRAGMENT * count + FRAGMENT[:-1], tmp_path)
    assert not whole(movie, tmp_path)
    for wrong in (b"", b"{}", b"<html></html>", b"<!DOCTYPE html><html>404</html>", VIDEO + b"x"):
        assert not whole(wrong, tmp_path), wrong[:20]
    assert not whole(VIDEO[:mdat] + (7).to_bytes(4) + VIDEO[mdat + 4 :], tmp_path)


def test_a_last_box_without_a_size_is_held_to_the_tables(tmp_path: Path) -> None:
    """The movie box says where the media data lies; a file that ends before it is not whole."""
    chunks = [HEAD[:24] + box(b"moov", nested(offset)) + bytes(4) + b"mdat" + b"x" * 400 for offset in (300, 5_000)]
    assert [whole(chunk, tmp_path) for chunk in chunks] == [True, False]


def nested(offset: int) -> bytes:
    """The boxes of a movie down to a table with one place."""
    made = box(b"stco", bytes(4) + (1).to_bytes(4) + offset.to_bytes(4))
    for kind in (b"stbl", b"minf", b"mdia", b"trak"):
        made = box(kind, made)
    return made


def short_length(request: httpx.Request) -> httpx.Response:
    """A Content-Length that is ten bytes short, at each request."""
    return Storage(VIDEO[:-10])(request)


def rest_of(first: Any, data: bytes = VIDEO) -> Any:
    """Responds at first, and serves the rest to Range."""
    storage = Storage(data)
    return lambda request: storage(request) if "range" in request.headers else first(request)


def chunked(data: bytes) -> Any:
    """A chunked response with its proper end."""
    return lambda _: httpx.Response(200, headers=CHUNKED, stream=Bytes(data, piece=1000))


def pieces(request: httpx.Request) -> httpx.Response:
    """A thousand bytes for each request, of a length that is not given."""
    first = int(request.headers.get("range", "bytes=0-")[6:-1])
    if first >= len(VIDEO):
        return httpx.Response(416, headers={"content-range": "bytes */*"})
    data = VIDEO[first : first + 1000]
    headers = {"content-type": "video/mp4", "content-range": f"bytes {first}-{first + len(data) - 1}/*"}
    return httpx.Response(206, headers={**headers, "content-length": str(len(data))}, stream=Bytes(data))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "serve",
    [
        rest_of(chunked(HALF)),
        rest_of(short_length),
        rest_of(lambda _: httpx.Response(200, headers={"content-length": str(len(HALF))}, stream=Bytes(HALF))),
        pieces,
    ],
    ids=["chunked and cut", "ten bytes short", "half by its length", "in pieces"],
)
def test_an_incomplete_file_goes_on_with_range(kind: Kind, serve: Any, mock: Mock, tmp_path: Path) -> None:
    """Its boxes say that there is more, whatever its headers say; no byte is fetched twice."""
    path = tmp_path / "v.mp4"
    transport = api({ADDRESS: serve})
    saved(kind, transport, path, mock.clock)
    assert path.read_bytes() == VIDEO
    ranges = [int(one.headers.get("range", "bytes=0-")[6:-1]) for one in transport.requests[1:]]
    assert ranges == sorted(set(ranges))
    assert [entry.name for entry in tmp_path.iterdir()] == ["v.mp4"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "serve",
    [
        chunked(HALF),
        short_length,
        lambda _: httpx.Response(206, headers={"content-range": "bytes 0-999/*"}, stream=Bytes(VIDEO[:1000])),
        lambda _: httpx.Response(200, headers={"content-type": "video/mp4"}, stream=Bytes(b"<html>404 !</html>")),
        lambda _: httpx.Response(200, headers={"content-type": "video/mp4"}, content=b"<html>404 !</html>"),
    ],
    ids=["half, again and again", "ten bytes short", "a part of no length", "a page", "a page that was read"],
)
def test_a_source_without_a_complete_video_is_followed_by_the_next(
    kind: Kind, serve: Any, mock: Mock, tmp_path: Path
) -> None:
    """The content route has it, and nothing else stays."""
    saved(kind, api({ADDRESS: serve, CONTENT: Storage(VIDEO)}), tmp_path / "v.mp4", mock.clock)
    assert (tmp_path / "v.mp4").read_bytes() == VIDEO
    assert [entry.name for entry in tmp_path.iterdir()] == ["v.mp4"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_rejected_stays_beside_the_target(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """The larger one of two, under the name that the error gives; accept_any saves it where it belongs."""
    path = tmp_path / "v.mp4"
    routes = {ADDRESS: chunked(b"<html>no video</html>"), CONTENT: chunked(HALF)}
    with pytest.raises(DownloadError) as caught:
        saved(kind, api(routes), path, mock.clock)
    kept = tmp_path / "v.mp4.rejected"
    assert caught.value.rejected == str(kept)
    assert (str(kept) in str(caught.value), "accept_any=True" in str(caught.value)) == (True, True)
    assert "begins with '<html>no video</html>'" in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == [kept.name]
    assert kept.read_bytes() == HALF
    assert saved(kind, api(routes), path, mock.clock, accept_any=True) == path
    assert path.read_bytes() == HALF
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", KINDS)
def test_accept_any_prefers_a_complete_video(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """And what exists is kept as ever."""
    routes = {ADDRESS: chunked(HALF), CONTENT: Storage(VIDEO)}
    saved(kind, api(routes), tmp_path / "v.mp4", mock.clock, accept_any=True)
    assert (tmp_path / "v.mp4").read_bytes() == VIDEO
    with pytest.raises(NotSentError, match="exists"):
        saved(kind, api(routes), tmp_path / "v.mp4", mock.clock, accept_any=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_video_of_another_kind_can_be_had(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """By accept_any, as it is."""
    webm = b"\x1aE\xdf\xa3" + bytes(500)
    routes = {ADDRESS: chunked(webm), CONTENT: httpx.Response(404)}
    saved(kind, api(routes), tmp_path / "v.webm", mock.clock, accept_any=True)
    assert (tmp_path / "v.webm").read_bytes() == webm


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:99999/v.mp4?signature=abc", "http://a b/v.mp4", "http://[::1/v", "ftp://a/v", "http://"],
)
def test_an_address_that_can_not_be_used_leads_to_the_content_route(
    kind: Kind, address: str, mock: Mock, tmp_path: Path
) -> None:
    """Which has the video; where it has none the error says what is wrong with the address."""
    task = {**TASK, "video_url": address}
    saved(kind, api({CONTENT: Storage(VIDEO)}, task), tmp_path / "v.mp4", mock.clock)
    assert (tmp_path / "v.mp4").read_bytes() == VIDEO
    with pytest.raises(DownloadError) as caught:
        saved(kind, api({CONTENT: httpx.Response(404)}, task), tmp_path / "w.mp4", mock.clock)
    assert address.partition("?")[0][:20] in str(caught.value)
    assert "signature" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", ["content_chunked", "content_chunked_cut", "unusable_address"])
def test_the_mocks_faults_of_a_video_do_no_harm(kind: Kind, fault: str, mock: Mock, tmp_path: Path) -> None:
    """The file is the video."""
    mock.faults.on(fault)
    with on_mock(kind, mock) as client:
        client.extensions.create_and_download(SOURCE, tmp_path / "v.mp4", **CREATE)
    assert (tmp_path / "v.mp4").read_bytes() == mp4(10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("coding", ["Identity", "", "identity, identity"])
def test_an_identity_coding_is_none(kind: Kind, coding: str, mock: Mock, tmp_path: Path) -> None:
    """Of a video and of an ordinary response."""
    headers = {"content-encoding": coding, "content-type": "video/mp4"}
    routes = {ADDRESS: lambda _: httpx.Response(200, headers=headers, stream=Bytes(VIDEO))}
    saved(kind, api(routes), tmp_path / "v.mp4", mock.clock)
    with connected(kind, answering(httpx.Response(200, json={"id": "grok:b"}, headers=headers)), mock.clock) as client:
        assert client.extensions.create(SOURCE, **CREATE).id == "grok:b"


class Counted(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that is packed so that httpx would unpack it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        """For the synchronous client."""
        yield self._data

    async def __aiter__(self) -> Any:
        """For the asynchronous one."""
        yield self._data


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_body_that_unpacks_to_gigabytes_is_given_up(kind: Kind, mock: Mock) -> None:
    """Two codings in one another, a kilobyte for a gigabyte: no more than the limit is ever unpacked."""
    bomb = gzip.compress(gzip.compress(bytes(1 << 24)) * 8)
    assert len(bomb) < 2_000
    response = lambda _: httpx.Response(200, headers={"content-encoding": "gzip, gzip"}, stream=Counted(bomb))  # noqa: E731
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with connected(kind, answering(response), mock.clock) as client:
        with pytest.raises(Exception, match="larger than 4,000,000 bytes when unpacked"):
            client.extensions.create(SOURCE, **CREATE)
        with pytest.raises(Exception, match="larger than 4,000,000 bytes when unpacked"):
            client.videos.wait("grok:b", timeout=60)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_packed_response_is_understood(kind: Kind, mock: Mock) -> None:
    """From a gateway that packs though nothing was said to be accepted; the request asks for none."""
    task = gzip.compress(b'{"id":"grok:b","status":"processing"}')
    transport = answering(lambda _: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Counted(task)))
    with connected(kind, transport, mock.clock) as client:
        assert client.extensions.create(SOURCE, **CREATE).id == "grok:b"
    assert transport.requests[0].headers["accept-encoding"] == "identity"


def test_a_name_that_is_too_long_is_found_without_is_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.14 documents that is_dir answers False there, where it raises today."""
    monkeypatch.setattr(Path, "is_dir", lambda _: False)
    with pytest.raises(NotSentError, match="name too long"):
        PartialFile(tmp_path / ("x" * 256), overwrite=False)
    with pytest.raises(NotSentError, match="is a directory"):
        PartialFile(tmp_path, overwrite=True)
    assert list(tmp_path.iterdir()) == []


def with_tables(chunks: list[int], sizes: list[int], media: bytes) -> bytes:
    """A video whose last box has the size 0: a chunk of two samples each, at the places given."""
    tables = box(b"stco", bytes(4) + len(chunks).to_bytes(4) + b"".join(one.to_bytes(4) for one in chunks))
    tables += box(b"stsc", bytes(4) + (1).to_bytes(4) + b"".join(one.to_bytes(4) for one in (1, 2, 1)))
    tables += box(b"stsz", bytes(8) + len(sizes).to_bytes(4) + b"".join(one.to_bytes(4) for one in sizes))
    for kind in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        tables = box(kind, tables)
    return HEAD[:24] + tables + bytes(4) + b"mdat" + media


def test_a_last_box_without_a_size_ends_where_the_tables_say(tmp_path: Path) -> None:
    """Each sample of the last chunk has to be there."""
    sizes = [10, 20, 30, 40]
    begin = len(with_tables([0, 0], sizes, b""))
    video = with_tables([begin, begin + 30], sizes, bytes(100))
    assert whole(video, tmp_path)
    for cut in range(begin - 8, len(video)):
        assert not whole(video[:cut], tmp_path), cut


def rest_then(first: Any, then: Any) -> Any:
    """Responds with the first, and to Range with the other."""
    return lambda request: then(request) if "range" in request.headers else first(request)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "then",
    [
        lambda _: httpx.Response(403),
        lambda _: httpx.Response(206, headers={"content-range": "bytes 0-9/*"}, stream=Bytes(VIDEO[:10])),
        lambda _: httpx.Response(206, headers={"content-encoding": "br"}, stream=Bytes(b"x")),
        lambda request: (_ for _ in ()).throw(httpx.ConnectError("refused", request=request)),
    ],
    ids=["403", "another part", "a coding", "no connection"],
)
def test_what_has_ended_is_kept_whatever_follows(kind: Kind, then: Any, mock: Mock, tmp_path: Path) -> None:
    """Half a video that ended in order can be had by accept_any, though its source fails afterwards."""
    routes = {ADDRESS: rest_then(chunked(HALF), then), CONTENT: httpx.Response(404)}
    with pytest.raises(DownloadError) as caught:
        saved(kind, api(routes), tmp_path / "v.mp4", mock.clock)
    assert caught.value.rejected is not None
    assert Path(caught.value.rejected).read_bytes() == HALF


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_packed_video_can_be_had(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """As it was sent; the error says what it is packed with."""
    packed = gzip.compress(VIDEO)
    headers = {"content-encoding": "gzip", "content-length": str(len(packed))}
    routes = {
        ADDRESS: lambda _: httpx.Response(200, headers=headers, stream=Bytes(packed)),
        CONTENT: httpx.Response(404),
    }
    with pytest.raises(DownloadError, match="its Content-Encoding is gzip") as caught:
        saved(kind, api(routes), tmp_path / "v.mp4", mock.clock)
    assert gzip.decompress(Path(str(caught.value.rejected)).read_bytes()) == VIDEO


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLIENTS)
def test_a_whole_video_does_not_wait_for_the_end_of_its_response(kind: Kind, tmp_path: Path) -> None:
    """A server that keeps the response open after the last byte costs a second."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\n")
        connection.sendall(b"Content-Range: bytes 0-%d/%d\r\n\r\n" % (len(VIDEO) - 1, len(VIDEO)))
        connection.sendall(b"%x\r\n%b\r\n" % (len(VIDEO), VIDEO))
        with contextlib.suppress(OSError):
            connection.settimeout(20)
            connection.recv(1)

    with serving(serve) as url, connected(kind, None, base_url=url) as client:
        began = time.monotonic()
        client.videos.download(
            VideoTask(id="grok:new", status="completed", video_url=f"{url}/v.mp4"), tmp_path / "v.mp4"
        )
        assert time.monotonic() - began < 5
    assert (tmp_path / "v.mp4").read_bytes() == VIDEO


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "serve",
    [
        rest_then(
            lambda _: httpx.Response(
                206, headers={"content-range": f"bytes 0-{len(VIDEO) - 1}/*"}, stream=Bytes(VIDEO)
            ),
            lambda _: httpx.Response(404),
        ),
        lambda _: httpx.Response(200, headers={"content-length": str(len(VIDEO) + 10)}, stream=Bytes(VIDEO)),
        rest_then(
            lambda _: httpx.Response(200, headers={"content-length": str(len(VIDEO) + 10)}, stream=Bytes(VIDEO)),
            lambda _: httpx.Response(416, headers={"content-range": f"bytes */{len(VIDEO)}"}),
        ),
    ],
    ids=["a part of no length, then nothing", "ten bytes too long", "ten bytes too long, and corrected"],
)
def test_a_whole_video_is_never_thrown_away(kind: Kind, serve: Any, mock: Mock, tmp_path: Path) -> None:
    """Its boxes decide where its headers are wrong."""
    saved(kind, api({ADDRESS: serve, CONTENT: httpx.Response(404)}), tmp_path / "v.mp4", mock.clock)
    assert (tmp_path / "v.mp4").read_bytes() == VIDEO
    assert [entry.name for entry in tmp_path.iterdir()] == ["v.mp4"]


@pytest.mark.parametrize("kind", KINDS)
def test_fragments_that_were_cut_are_not_whole(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """A connection that breaks between two fragments leaves a file that looks whole."""
    movie = HEAD[:24] + box(b"moov", box(b"mvhd", bytes(20)) + box(b"mvex", b""))
    cut = httpx.ReadError("reset")
    routes = {
        ADDRESS: lambda _: httpx.Response(200, headers=CHUNKED, stream=Bytes(movie + FRAGMENT * 3, breaks=cut)),
        CONTENT: httpx.Response(404),
    }
    with pytest.raises(DownloadError):
        saved(kind, api(routes), tmp_path / "v.mp4", mock.clock)
    assert not (tmp_path / "v.mp4").exists()
    saved(kind, api({ADDRESS: chunked(movie + FRAGMENT * 3)}), tmp_path / "v.mp4", mock.clock)


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_file_beside_the_target_is_kept(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """Whoever put it there; the error names another, and the same one for the same bytes."""
    (tmp_path / "v.mp4.rejected").write_bytes(b"mine")
    for _ in range(2):
        with pytest.raises(DownloadError) as caught:
            saved(kind, api({ADDRESS: chunked(HALF), CONTENT: httpx.Response(404)}), tmp_path / "v.mp4", mock.clock)
        assert caught.value.rejected == str(tmp_path / "v.mp4.rejected-2")
    assert (tmp_path / "v.mp4.rejected").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["\U0001f468\u200d\U0001f469.mp4", "v\udce9.mp4", f"{'猫' * 82}.mp4"])
def test_the_error_names_the_file_that_is_there(name: str, mock: Mock, tmp_path: Path) -> None:
    """Also where its name holds what a terminal would not show, or is as long as a name may be."""
    with pytest.raises(DownloadError) as caught:
        saved("sync", api({ADDRESS: chunked(HALF), CONTENT: httpx.Response(404)}), tmp_path / name, mock.clock)
    assert caught.value.rejected is not None
    assert Path(caught.value.rejected).read_bytes() == HALF


@pytest.mark.parametrize("kind", CLIENTS)
def test_two_videos_of_one_length_are_not_joined(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """Their dates tell them apart where they have no ETag."""
    other = HEAD + box(b"mdat", b"y" * 512)
    first, second = Storage(SMALL, cuts=(300,)), Storage(other)
    first.headers["last-modified"] = "Sun, 29 Nov 2026 10:00:00 GMT"
    second.headers["last-modified"] = "Sun, 29 Nov 2026 11:00:00 GMT"
    saved(kind, api({ADDRESS: _turns(first, second)}), tmp_path / "v", mock.clock)
    assert (tmp_path / "v").read_bytes() == other


def _turns(first: Any, second: Any) -> Any:
    turns = iter([first])

    def serve(request: httpx.Request) -> httpx.Response:
        response: httpx.Response = next(turns, second)(request)
        return response

    return serve


def test_downloads_within_downloads_do_not_wait_for_one_another(mock: Mock, tmp_path: Path) -> None:
    """However many there are: a listener may download with the same client."""
    task = VideoTask(id="grok:new", status="completed", video_url=ADDRESS)

    async def main() -> None:
        transport = api({ADDRESS: Storage()})
        async with AsyncOctopusX(KEY, base_url=BASE_URL, transport=transport) as client:

            async def inner(name: str) -> None:
                if not (tmp_path / name).exists():
                    await client.videos.download(task, tmp_path / name, overwrite=True, timeout=5)

            async def outer(number: int) -> None:
                await client.videos.download(
                    task, tmp_path / f"{number}", timeout=5, on_progress=lambda *_: inner(f"{number}.inner")
                )

            async with anyio.create_task_group() as group:
                for number in range(40):
                    group.start_soon(outer, number)

    anyio.run(main)
    assert len(list(tmp_path.iterdir())) == 80


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("more", [0, 3, 500])
def test_what_has_ended_is_kept_where_more_of_it_breaks_off(kind: Kind, more: int, mock: Mock, tmp_path: Path) -> None:
    """Half a video that ended in order, then a part of the rest, then nothing: accept_any saves what there is."""
    headers = {"content-range": f"bytes {len(HALF)}-{len(VIDEO) - 1}/{len(VIDEO)}"}
    rest = VIDEO[len(HALF) : len(HALF) + more]
    turns = iter([lambda _: httpx.Response(206, headers=headers, stream=Bytes(rest, breaks=httpx.ReadError("reset")))])

    def then(request: httpx.Request) -> httpx.Response:
        response: httpx.Response = next(turns, lambda _: httpx.Response(403))(request)
        return response

    routes = {ADDRESS: rest_then(chunked(HALF), then), CONTENT: httpx.Response(404)}
    saved(kind, api(routes), tmp_path / "v.mp4", mock.clock, accept_any=True)
    assert (tmp_path / "v.mp4").read_bytes() == HALF + rest


def test_an_interrupt_leaves_no_rejected_response(tmp_path: Path) -> None:
    """Nobody would know of it."""

    def interrupt(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        saved("sync", api({ADDRESS: chunked(b"<html>no video</html>"), CONTENT: interrupt}), tmp_path / "v.mp4", None)
    assert list(tmp_path.iterdir()) == []


def test_only_ordinary_files_are_replaced(mock: Mock, tmp_path: Path) -> None:
    """A pipe is refused, a link keeps leading to its file, and a name of a directory is none of a file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for name in ("pipe", "new/"):
        with pytest.raises(NotSentError):
            saved("sync", api({ADDRESS: Storage(VIDEO)}), f"{tmp_path}/{name}", mock.clock, overwrite=True)  # type: ignore[arg-type]
    saved("sync", api({ADDRESS: Storage(VIDEO)}), tmp_path / "link", mock.clock, overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == VIDEO


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_part_that_does_not_say_which_is_the_first(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """206 without Content-Range, to a request without Range."""
    routes = {ADDRESS: lambda _: httpx.Response(206, stream=Bytes(VIDEO)), CONTENT: httpx.Response(404)}
    saved(kind, api(routes), tmp_path / "v.mp4", mock.clock)
    assert (tmp_path / "v.mp4").read_bytes() == VIDEO


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_part_of_another_type_is_not_joined(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """JSON in the place of the rest, whose headers fit: the boxes of the file would not show it."""
    cut = len(VIDEO) // 2
    storage = Storage(VIDEO, cuts=(cut,))
    said = {"content-type": "application/json", "content-range": f"bytes {cut}-{len(VIDEO) - 1}/{len(VIDEO)}"}
    turns: Iterator[Any] = iter(
        [storage, lambda _: httpx.Response(206, headers=said, stream=Bytes(b'{"url":"https://a.example"}'))]
    )

    def serve(request: httpx.Request) -> httpx.Response:
        response: httpx.Response = next(turns, storage)(request)
        return response

    saved(kind, api({ADDRESS: serve}), tmp_path / "v.mp4", mock.clock)
    assert (tmp_path / "v.mp4").read_bytes() == VIDEO
