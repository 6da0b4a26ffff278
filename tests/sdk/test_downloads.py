"""A download ends with the whole file or with none, and the key goes to the API alone."""

from __future__ import annotations

import itertools
import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from octopusx_video import (
    DownloadError,
    NotSentError,
    OctopusXError,
    RefusedError,
    TaskBlockedError,
    TaskFailedError,
    WaitTimeoutError,
)
from octopusx_video._files.partial_file import PartialFile
from octopusx_video_mock import Mock
from octopusx_video_mock.tasks.mp4 import mp4

from tests.support.sdk.clients import BASE_URL, CLIENTS, EXTEND, KEY, KINDS, SOURCE, Between, Kind, connected, on_mock

ADDRESS = "https://cdn.example/signed/v.mp4?signature=abc"
CONTENT = f"{BASE_URL}/v1/videos/grok%3Anew/content"


def box(kind: bytes, content: bytes) -> bytes:
    """A box of an mp4 file (ISO/IEC 14496-12 section 4.2)."""
    return (8 + len(content)).to_bytes(4) + kind + content


HEAD = box(b"ftyp", b"isom\0\0\2\0isommp42") + box(b"moov", box(b"mvhd", bytes(20)))
SMALL = HEAD + box(b"mdat", bytes(range(256)) * 2)
"""Enough of an mp4 file to be walked byte by byte."""
TASK = {"id": "grok:new", "status": "completed", "video_url": ADDRESS}
GET_TASK = f"{BASE_URL}/v1/videos/grok%3Anew"


class Bytes(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in pieces that breaks off, or does not."""

    def __init__(self, data: bytes, *, breaks: Exception | None = None, piece: int = 200) -> None:
        self._pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
        self._breaks = breaks

    def __iter__(self) -> Iterator[bytes]:
        """For the synchronous client."""
        yield from self._pieces
        if self._breaks is not None:
            raise self._breaks

    async def __aiter__(self) -> Any:
        """For the asynchronous one."""
        for piece in self:
            yield piece


class Storage:
    """Serves a file, in part where it is asked to; ``cuts``: after how many bytes its answers break off, in turn."""

    def __init__(self, data: bytes = SMALL, cuts: tuple[int, ...] = (), etag: str | None = None) -> None:
        self.data = data
        self.cuts = list(cuts)
        self.headers = {"content-type": "video/mp4", **({"etag": etag} if etag else {})}
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.asked.append(request)
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        first = int(wanted[1]) if wanted else 0
        if first >= len(self.data):
            return httpx.Response(416, headers={"content-range": f"bytes */{len(self.data)}"})
        body = self.data[first:]
        headers = {**self.headers, "content-length": str(len(body))}
        if wanted:
            headers["content-range"] = f"bytes {first}-{len(self.data) - 1}/{len(self.data)}"
        cut = self.cuts.pop(0) if self.cuts else None
        stream = Bytes(body if cut is None else body[:cut], breaks=None if cut is None else httpx.ReadError("reset"))
        return httpx.Response(206 if wanted else 200, headers=headers, stream=stream)


def api(routes: dict[str, Any], task: dict[str, Any] | None = None) -> Between:
    """A transport with a task that has succeeded, and what answers at each address."""
    told = TASK if task is None else task

    def handle(request: httpx.Request, _: Any) -> httpx.Response:
        if str(request.url) == GET_TASK:
            return httpx.Response(200, json=told)
        answer = routes[str(request.url)]
        answered: httpx.Response = answer(request) if callable(answer) else answer
        return answered

    return Between(handle=handle)


def saved(kind: Kind, transport: Between, path: Path, clock: Any, **options: Any) -> Any:
    """Download the task of ``api`` by its id."""
    with connected(kind, transport, clock) as client:
        return client.videos.download("grok:new", path, **options)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLIENTS)
def test_a_cut_at_any_byte_does_no_harm(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """The cut walks through the file; each time the file is the original, and no byte was asked for twice."""
    for cut in range(len(SMALL) + 1):
        storage = Storage(cuts=(cut,))
        path = tmp_path / f"{cut}.mp4"
        assert saved(kind, api({ADDRESS: storage}), path, mock.clock) == path
        assert path.read_bytes() == SMALL
        path.unlink()
        begun = [request.headers.get("range") for request in storage.asked]
        assert begun == [None, f"bytes={cut}-"][: 1 if cut == len(SMALL) else 2] if cut else [None, None]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_response_that_was_read_and_not_kept_is_closed(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """As by a transport of the user's: its connection is given back, and the video comes from the content route."""
    read: list[httpx.Response] = []

    def consumed(_: httpx.Request) -> httpx.Response:
        read.append(httpx.Response(200, stream=Bytes(SMALL)))
        read[-1].is_stream_consumed = True
        return read[-1]

    path = saved(kind, api({ADDRESS: consumed, CONTENT: Storage()}), tmp_path / "v.mp4", mock.clock)
    assert path.read_bytes() == SMALL
    assert [response.is_closed for response in read] == [True] * len(read) != []


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLIENTS)
def test_a_cut_anywhere_in_a_real_video_does_no_harm(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """The mock's own mp4, cut at some fifty places and at each answer again, twenty times over."""
    video = mp4(10)
    for cut in range(1, len(video), len(video) // 50):
        path = tmp_path / f"{cut}.mp4"
        saved(kind, api({ADDRESS: Storage(video, cuts=(cut, *[997] * 20))}), path, mock.clock)
        assert path.read_bytes() == video


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLIENTS)
def test_over_http_a_cut_download_is_whole(kind: Kind, tmp_path: Path) -> None:
    """Through real sockets, with the mock's own fault, by the address and by the content route."""
    mock = Mock(token=KEY, start=None, speed=1000)
    mock.faults.on("download_cut")
    with mock.serve() as url:
        for number, fault in enumerate((None, "completed_without_url")):
            if fault:
                mock.faults.on(fault)
            path = tmp_path / f"{number}.mp4"
            with connected(kind, None, base_url=url) as client:
                client.videos.extend_and_download(SOURCE, path, **EXTEND, start_time=4, poll_interval=0.05)
            assert path.read_bytes() == mp4(14)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_without_ranges_is_begun_anew(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """200 where 206 was asked for is the whole video, and is not added to what is there."""
    cut = Storage(cuts=(100,))
    whole = Storage()

    def serve(request: httpx.Request) -> httpx.Response:
        request.headers.pop("range", None)
        return (whole if cut.asked else cut)(request)

    saved(kind, api({ADDRESS: serve}), tmp_path / "v.mp4", mock.clock)
    assert (tmp_path / "v.mp4").read_bytes() == SMALL


@pytest.mark.parametrize("kind", KINDS)
def test_another_video_is_not_joined_to_the_first(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """Where what is there has changed by the second request, its ETag or its length gives it away."""
    other = HEAD + box(b"mdat", b"x" * 700)
    for etag in ('"one"', None):
        first, second = Storage(cuts=(100,), etag=etag), Storage(other)
        answers: list[Any] = [first, second]

        def serve(request: httpx.Request, answers: list[Any] = answers) -> httpx.Response:
            storage = answers.pop(0) if len(answers) > 1 else answers[0]
            if request.headers.get("if-range") == '"one"':
                request.headers.pop("range")
            return storage(request)  # type: ignore[no-any-return]

        path = tmp_path / f"{bool(etag)}.mp4"
        saved(kind, api({ADDRESS: serve}), path, mock.clock)
        assert path.read_bytes() == other


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403),
        httpx.Response(404),
        httpx.Response(500),
        httpx.Response(200, text="<html>expired</html>", headers={"content-type": "text/html"}),
        httpx.Response(200, json={"url": "https://elsewhere.example"}),
        httpx.Response(200, content=b"no video", headers={"content-type": "application/octet-stream"}),
        httpx.Response(200, content=b"", headers={"content-type": "video/mp4"}),
        httpx.Response(200, content=SMALL, headers={"content-type": "video/mp4", "content-encoding": "br"}),
        httpx.Response(302, headers={"location": "ftp://elsewhere.example"}),
        httpx.Response(302),
    ],
    ids=lambda answer: f"{answer.status_code} {len(answer.content)} {answer.headers.get('location')}",
)
def test_where_the_address_fails_the_content_route_is_asked(
    kind: Kind, answer: httpx.Response, mock: Mock, tmp_path: Path
) -> None:
    """As the API's page has it; the key goes to the second alone."""
    storage = Storage()
    transport = api(
        {
            ADDRESS: lambda _: httpx.Response(answer.status_code, headers=answer.headers, stream=Bytes(answer.content)),
            CONTENT: storage,
        }
    )
    saved(kind, transport, tmp_path / "v.mp4", mock.clock)
    assert (tmp_path / "v.mp4").read_bytes() == SMALL
    for request in transport.requests:
        assert ("authorization" in request.headers) == (request.url.host == "localhost")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "address", ["", "data:video/mp4;base64,AA==", "not an address", "/v1/videos/grok%3Anew/content"]
)
def test_an_address_that_is_none_is_not_followed(kind: Kind, address: str, mock: Mock, tmp_path: Path) -> None:
    """The content route has the video; a path is one of the API's own host."""
    storage = Storage()
    saved(kind, api({CONTENT: storage}, {**TASK, "video_url": address}), tmp_path / "v.mp4", mock.clock)
    assert (tmp_path / "v.mp4").read_bytes() == SMALL
    assert storage.asked[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("kind", KINDS)
def test_the_key_does_not_follow_a_redirect_elsewhere(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """From the API to a storage, to another port, another scheme, and back."""
    hops = ["https://cdn.example/a", "http://localhost:8080/b", "https://localhost/c", f"{BASE_URL}/d"]
    routes: dict[str, Any] = {CONTENT: httpx.Response(302, headers={"location": hops[0]})}
    for here, there in itertools.pairwise(hops):
        routes[here] = httpx.Response(307, headers={"location": there})
    routes[hops[-1]] = Storage()
    transport = api(routes, {**TASK, "video_url": ""})
    saved(kind, transport, tmp_path / "v.mp4", mock.clock)
    carried = {str(request.url): "authorization" in request.headers for request in transport.requests}
    assert carried == {GET_TASK: True, CONTENT: True, hops[0]: False, hops[1]: False, hops[2]: False, hops[3]: True}


@pytest.mark.parametrize("kind", KINDS)
def test_redirects_in_a_circle_end(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """After a few."""
    again = httpx.Response(302, headers={"location": ADDRESS})
    with pytest.raises(DownloadError, match="redirected more than 5 times"):
        saved(kind, api({ADDRESS: again, CONTENT: again}), tmp_path / "v.mp4", mock.clock)


def test_a_key_of_the_client_that_was_handed_in_stays_at_home(tmp_path: Path) -> None:
    """A credential among the headers of the caller's own client does not go elsewhere either."""
    from octopusx_video import OctopusX  # noqa: PLC0415 - the one test that needs it

    transport = api({ADDRESS: Storage()})
    own = httpx.Client(
        transport=transport,
        headers={"Authorization": "Bearer sk-other"},
        auth=("user", "password"),
        follow_redirects=True,
    )
    with own, OctopusX(KEY, base_url=BASE_URL, http_client=own) as client:
        client.videos.download("grok:new", tmp_path / "v.mp4")
    carried = [request.headers.get("authorization") for request in transport.requests]
    assert carried == [f"Bearer {KEY}", None]


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_not_be_had_leaves_nothing(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """The error names the task, each place and its reason without the signature, and that nothing is paid for anew."""
    gone = httpx.Response(410)
    with pytest.raises(DownloadError) as caught:
        saved(kind, api({ADDRESS: gone, CONTENT: httpx.Response(502)}), tmp_path / "v.mp4", mock.clock)
    text = str(caught.value)
    assert "https://cdn.example/signed/v.mp4: status 410" in text
    assert "status 502" in text
    assert "signature" not in text
    assert caught.value.task_id == "grok:new"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_time_of_a_download_is_bounded(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """A server that sends a little, again and again, is given up when the time is over."""
    storage = Storage(cuts=(1,) * 10_000)
    began = mock.clock.now()
    with pytest.raises(DownloadError, match="the time is up"):
        saved(kind, api({ADDRESS: storage, CONTENT: storage}), tmp_path / "v.mp4", mock.clock, timeout=60)
    assert mock.clock.now() - began <= 60
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_has_to_have_a_video(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """A running task, a failed one, one that was held back and one that nobody knows are told apart."""
    with on_mock(kind, mock) as client:
        running = client.videos.extend(SOURCE, **EXTEND)
        with pytest.raises(DownloadError, match="has not ended") as caught:
            client.videos.download(running, tmp_path / "v.mp4")
        assert caught.value.task_id == running.id
        for fault, error in (("failed", TaskFailedError), ("completed_with_error", TaskBlockedError)):
            with mock.fault(fault):
                task = client.videos.extend(SOURCE, **EXTEND)
            mock.clock.advance(200)
            with pytest.raises(error):
                client.videos.download(task.id, tmp_path / "v.mp4")
        with pytest.raises(RefusedError):
            client.videos.download("task_nobody_made", tmp_path / "v.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_exists_is_kept_unless_asked(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """And one that appears while the video arrives is kept as well."""
    path = tmp_path / "v.mp4"
    path.write_bytes(b"mine")
    transport = api({ADDRESS: Storage()})
    with pytest.raises(NotSentError, match="exists"):
        saved(kind, transport, path, mock.clock)
    assert (transport.requests, path.read_bytes()) == ([], b"mine")
    saved(kind, transport, path, mock.clock, overwrite=True)
    assert path.read_bytes() == SMALL
    other = tmp_path / "w.mp4"
    with pytest.raises(DownloadError, match="has appeared meanwhile"):
        saved(kind, transport, other, mock.clock, on_progress=lambda *_: other.write_bytes(b"theirs"))
    assert other.read_bytes() == b"theirs"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["v.mp4", "w.mp4"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_that_can_not_be_written_costs_no_request(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """A folder, a folder that is not there, a file for a folder, and no path at all."""
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "no" / "v.mp4", tmp_path / "file" / "v.mp4", "", "v\0.mp4", None, 7, b"v.mp4"):
        with on_mock(kind, mock) as client, pytest.raises(NotSentError):
            client.videos.download(SOURCE, path)
    assert mock.calls == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_told_and_leaves_nothing(
    kind: Kind, mock: Mock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the file and the reason."""

    def full(self: PartialFile, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PartialFile, "write", full)
    with pytest.raises(DownloadError, match="can't be written: No space left on device"):
        saved(kind, api({ADDRESS: Storage()}), tmp_path / "v.mp4", mock.clock)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", CLIENTS)
def test_an_interruption_leaves_nothing(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """Ctrl-C in the middle takes the part away."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        saved(kind, api({ADDRESS: Storage()}), tmp_path / "v.mp4", mock.clock, on_progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_an_ordinary_one(mock: Mock, tmp_path: Path) -> None:
    """It has the rights that the caller's umask gives, and appears whole or not at all."""
    seen: list[bool] = []
    path = tmp_path / "v.mp4"
    before = os.umask(0o027)
    try:
        saved("sync", api({ADDRESS: Storage()}), path, mock.clock, on_progress=lambda *_: seen.append(path.exists()))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert seen
    assert not any(seen)


@pytest.mark.slow
def test_a_video_does_not_lie_whole_in_memory(tmp_path: Path) -> None:
    """Sixty-four megabytes over a socket are written as they come."""
    import tracemalloc  # noqa: PLC0415 - the one test that needs it

    piece = b"x" * 1_000_000

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Send sixty-four megabytes."""
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(HEAD) + 8 + 64 * len(piece)))
            self.end_headers()
            self.wfile.write(HEAD + (8 + 64 * len(piece)).to_bytes(4) + b"mdat")
            for _ in range(64):
                self.wfile.write(piece)

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        from octopusx_video import OctopusX, VideoTask  # noqa: PLC0415 - the same

        with OctopusX(KEY, base_url=f"http://127.0.0.1:{server.server_port}") as client:
            task = VideoTask(id="grok:new", status="completed", video_url=f"http://127.0.0.1:{server.server_port}/v")
            tracemalloc.start()
            client.videos.download(task, tmp_path / "v.mp4")
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        server.shutdown()
    assert (tmp_path / "v.mp4").stat().st_size == len(HEAD) + 8 + 64 * len(piece)
    assert peak < 8_000_000


def _in_turn(*answers: Any) -> Any:
    left = list(answers)

    def serve(request: httpx.Request) -> httpx.Response:
        answer: httpx.Response = (left.pop(0) if len(left) > 1 else left[0])(request)
        return answer

    return serve


def _part(first: int, told: str, data: bytes, **headers: str) -> Any:
    told_headers = {"content-type": "video/mp4", "content-range": told, "content-length": str(len(data)), **headers}
    return lambda request: httpx.Response(206, headers=told_headers, stream=Bytes(data))


LIES: dict[str, Any] = {
    "a shorter whole": lambda cut, whole: _in_turn(cut, _part(300, "bytes 300-399/*", SMALL[300:400]), whole),
    "an end at the cut": lambda cut, whole: _in_turn(
        cut, lambda request: httpx.Response(416, headers={"content-range": "bytes */300"}), whole
    ),
    "another video's rest": lambda cut, whole: _in_turn(
        cut, _part(300, f"bytes 300-{len(SMALL) - 1}/{len(SMALL)}", b"x" * (len(SMALL) - 300), etag='"b"'), whole
    ),
    "a huge length": lambda cut, whole: _in_turn(
        cut, _part(300, f"bytes 300-399/{'9' * 5000}", SMALL[300:400], etag="x"), whole
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_the_rest_makes_no_half_file(kind: Kind, lie: str, mock: Mock, tmp_path: Path) -> None:
    """What does not fit what was told before begins the file anew."""
    serve = LIES[lie](Storage(cuts=(300,), etag='"a"'), Storage(etag='"a"'))
    saved(kind, api({ADDRESS: serve}), tmp_path / "v.mp4", mock.clock)
    assert (tmp_path / "v.mp4").read_bytes() == SMALL


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_without_a_length_has_to_be_a_whole_mp4(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """Where neither a length nor chunks tell its end, the boxes of the file do."""
    video = mp4(4)

    def unbounded(data: bytes) -> Any:
        return lambda request: httpx.Response(200, headers={"content-type": "video/mp4"}, stream=Bytes(data))

    with pytest.raises(DownloadError, match="inside of its mdat box"):
        saved(
            kind, api({ADDRESS: unbounded(video[:-100]), CONTENT: httpx.Response(404)}), tmp_path / "v.mp4", mock.clock
        )
    assert [entry.name for entry in tmp_path.iterdir()] == ["v.mp4.rejected"]
    saved(kind, api({ADDRESS: unbounded(video)}), tmp_path / "v.mp4", mock.clock)
    assert (tmp_path / "v.mp4").read_bytes() == video


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("address", ["http://[::1", "http://a\u2100b/", "http://bob:secret@cdn.example/x.mp4"])
def test_an_odd_address_is_no_traceback(kind: Kind, address: str, mock: Mock, tmp_path: Path) -> None:
    """The content route has the video, or an error says what was tried, without what is secret in it."""
    routes: dict[str, Any] = {CONTENT: httpx.Response(404), address: httpx.Response(404)}
    with pytest.raises(DownloadError) as caught:
        saved(kind, api(routes, {**TASK, "video_url": address}), tmp_path / "v.mp4", mock.clock)
    assert caught.value.task_id == "grok:new"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_redirect_is_no_traceback(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """Where it leads nowhere the next source is asked."""
    routes: dict[str, Any] = {ADDRESS: httpx.Response(302, headers={"location": "http://a[@host/"}), CONTENT: Storage()}
    saved(kind, api(routes), tmp_path / "v.mp4", mock.clock)
    assert (tmp_path / "v.mp4").read_bytes() == SMALL


@pytest.mark.parametrize("kind", KINDS)
def test_a_listener_may_fail_by_itself(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """Its error is its own and no full disk."""

    def tell(*_: Any) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        saved(kind, api({ADDRESS: Storage()}), tmp_path / "v.mp4", mock.clock, on_progress=tell)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_may_be_as_long_as_the_system_allows(kind: Kind, mock: Mock, tmp_path: Path) -> None:
    """And one that is longer, or that no system has, is told before anything is sent."""
    path = tmp_path / f"{'猫' * 82}.mp4"
    assert saved(kind, api({ADDRESS: Storage()}), path, mock.clock) == path
    for wrong in (tmp_path / ("x" * 256), tmp_path / "half\ud800.mp4"):
        transport = api({ADDRESS: Storage()})
        with pytest.raises(NotSentError) as caught:
            saved(kind, transport, wrong, mock.clock)
        assert (transport.requests, caught.value.task_id) == ([], "grok:new")


class Dribble(BaseHTTPRequestHandler):
    """Sends a byte of a header, or of a body, now and then."""

    def do_GET(self) -> None:
        """Never come to an end."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        if self.path.endswith("body"):
            self.wfile.write(b"Content-Length: 100000\r\n\r\n")
        try:
            for _ in range(60):
                self.wfile.write(b"X")
                time.sleep(0.2)
        except OSError:
            pass

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["header", "body"])
def test_a_server_that_dribbles_does_not_move_the_deadline(kind: Kind, where: str) -> None:
    """A wait of half a second ends in about that, though something arrives all the time."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Dribble) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        began = time.monotonic()
        with connected(kind, None, base_url=f"http://127.0.0.1:{server.server_port}") as client:
            with pytest.raises(WaitTimeoutError):
                client.videos.wait(
                    f"task_{where}" if where == "header" else "task_body", timeout=0.5, poll_interval=0.1
                )
        assert time.monotonic() - began < 4
        server.shutdown()


def test_every_error_of_a_download_is_of_the_tree() -> None:
    """One except clause catches them all."""
    assert issubclass(DownloadError, OctopusXError)
