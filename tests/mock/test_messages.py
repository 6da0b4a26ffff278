"""What the mock says where a caller makes a common mistake, and what HTTP lets a caller ask of the content."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from octopusx_video_mock import Mock

from tests.conftest import AUTHORIZED

LINK = "https://cdn.example/video.mp4?signature=secret"
TASK = "video_abc123"
CONTENT = f"/v1/videos/{TASK}/content"
READS = (f"/v1/videos/{TASK}", f"/v1/video/query?id={TASK}", CONTENT)
SUBMITS = {
    "/v1/videos/extensions": {
        "model": "grok-video-3",
        "prompt": "a",
        "start_time": 1,
        "duration": 6,
        "video": {"url": TASK},
    },
    f"/v1/videos/{TASK}/extend": {"model": "grok-video-3", "prompt": "a", "start_time": 1},
    "/v1/video/extend": {"model": "grok-video-3", "prompt": "a", "start_time": 1, "task_id": TASK},
}


@pytest.fixture
def served(mock: Mock) -> Iterator[httpx.Client]:
    """A client of the mock over HTTP, without control routes and without CORS."""
    with mock.serve() as url, httpx.Client(base_url=url, headers=AUTHORIZED) as client:
        yield client


@pytest.fixture
def controlled(mock: Mock) -> Iterator[httpx.Client]:
    """A client of the mock with its control routes."""
    with httpx.Client(transport=mock.controlled_transport, base_url="http://localhost") as client:
        yield client


def _message(response: httpx.Response) -> str:
    body = response.json()
    return str(body.get("message") or body["error"]["message"])


@pytest.mark.parametrize("link", [LINK, "//cdn.example/video.mp4"])
def test_a_link_in_the_place_of_a_task_id_is_named(http: httpx.Client, link: str) -> None:
    """In a body, a path and a query: the refusal says what belongs there, and does not repeat the link."""
    encoded = quote(link, safe="")
    videos = SUBMITS["/v1/videos/extensions"]
    for response in (
        http.post("/v1/videos/extensions", json={**videos, "video": {"url": link}}),
        http.post("/v1/videos/extensions", json={"video": {"url": link}}),  # it comes before what else is wrong
        http.post("/v1/video/extend", json={**SUBMITS["/v1/video/extend"], "task_id": link}),
        http.get(f"/v1/videos/{encoded}"),
        http.get(f"/v1/videos/{encoded}/content"),
        http.get("/v1/video/query", params={"id": link}),
    ):
        assert response.status_code == 400
        assert "is a link; send the id of a task, and not the address of its video" in (_message(response))
        assert "cdn.example" not in response.text
    assert _message(http.post("/v1/videos/extensions", json={"video": {"url": link}})).startswith("video.url is a link")


def test_a_link_that_was_not_encoded_in_a_path_is_named(http: httpx.Client) -> None:
    """Its slashes make another path of it, which is no operation."""
    response = http.get(f"/v1/videos/{LINK}")
    assert response.status_code == 404
    assert _message(response).startswith("Invalid URL (GET /v1/videos/https://")
    assert "it holds a link; where a task id belongs, send the id" in _message(response)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, identity", "GZIP"])
@pytest.mark.parametrize("path", SUBMITS)
def test_an_encoded_body_is_refused_with_that_reason(http: httpx.Client, path: str, encoding: str) -> None:
    """Whether it is encoded or only says so: no submit is taken from it."""
    plain = json.dumps(SUBMITS[path]).encode()
    assert http.post(path, content=plain, headers=_json(**{"Content-Encoding": "identity"})).status_code == 200
    for body in (gzip.compress(plain), plain):
        response = http.post(path, content=body, headers=_json(**{"Content-Encoding": encoding}))
        assert response.status_code == 400
        assert "the body has a Content-Encoding, which is not supported; send it without" in _message(response)
        assert response.json()["code"] == "invalid_request"


def test_a_control_request_with_an_encoded_body_is_refused_with_that_reason(controlled: httpx.Client) -> None:
    """As a submit is."""
    body = gzip.compress(b'{"advance": 1}')
    response = controlled.post("/__mock__/clock", content=body, headers=_json(**{"Content-Encoding": "gzip"}))
    assert (response.status_code, response.json()["error"]) == (
        400,
        "the body has a Content-Encoding, which is not supported; send it without",
    )


def _json(**headers: str) -> dict[str, str]:
    return {"Content-Type": "application/json", **headers}


def test_head_of_the_content_has_the_headers_of_get(served: httpx.Client) -> None:
    """And no body; Range means nothing to it (RFC 9110 section 14.2), and a refusal is the same as for GET."""
    get, head = served.get(CONTENT), served.head(CONTENT)
    assert (get.status_code, head.status_code, head.content) == (200, 200, b"")
    same = ("content-type", "content-length", "accept-ranges")
    assert [head.headers[name] for name in same] == [get.headers[name] for name in same]
    part = served.head(CONTENT, headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.headers["content-length"]) == (200, get.headers["content-length"])
    assert served.get(CONTENT).content == get.content
    assert served.head("/v1/videos/video_unknown/content").status_code == 404
    assert served.head(CONTENT, headers={"Authorization": ""}).status_code == 401
    wrong = served.put(CONTENT)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD")
    assert served.head(f"/v1/videos/{TASK}").status_code == 405


def test_head_of_an_address_ignores_range(http: httpx.Client) -> None:
    """As that of the content."""
    address = http.get(f"/v1/videos/{TASK}").json()["video_url"]
    assert http.get(address, headers={"Range": "bytes=0-9"}).status_code == 206
    head = http.head(address, headers={"Range": "bytes=0-9"})
    assert (head.status_code, "content-range" in head.headers) == (200, False)


@pytest.mark.parametrize("validator", ['"tag"', 'W/"tag"', "Sat, 01 Jan 2028 00:00:00 GMT", "nonsense", ""])
@pytest.mark.parametrize("wanted", ["bytes=0-9", "bytes=99999999-"])
def test_if_range_gives_the_whole(http: httpx.Client, validator: str, wanted: str) -> None:
    """No response has a validator, so that none of a caller's is that of the video (RFC 9110 section 13.1.5)."""
    whole = http.get(CONTENT)
    assert "etag" not in whole.headers
    assert "last-modified" not in whole.headers
    response = http.get(CONTENT, headers={"Range": wanted, "If-Range": validator})
    assert (response.status_code, response.content == whole.content) == (200, True)
    assert "content-range" not in response.headers


@pytest.mark.parametrize("order", ["fault=faild", "code=abc", "code=418", "example=nope", "fault=lost_answer"])
@pytest.mark.parametrize("path", READS)
def test_a_mistyped_prefer_on_a_read_is_no_unknown_task(http: httpx.Client, path: str, order: str) -> None:
    """The code says that the request is wrong, and the message names the header."""
    response = http.get(path, headers={"Prefer": order})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert _message(response).startswith("Prefer: ")


@pytest.mark.parametrize("path", ["/__mock__", "/__mock__/"])
def test_the_control_routes_are_listed_at_their_root(controlled: httpx.Client, path: str) -> None:
    """With and without a slash; each that is listed is there."""
    response = controlled.get(path)
    assert response.status_code == 200
    listed = response.json()["routes"]
    assert "POST /__mock__/clock" in listed
    for route in listed:
        method, target = route.split()
        assert controlled.request(method, target, json={} if method != "GET" else None).status_code != 404
    assert controlled.post(path, json={}).status_code == 404
    assert controlled.get(path, headers={"Host": "elsewhere.example"}).status_code == 403


@pytest.mark.parametrize("path", ["/__mock__", "/__mock__/", "/__mock__/clock", "/__mock__/nope"])
def test_without_control_routes_the_option_is_named(served: httpx.Client, http: httpx.Client, path: str) -> None:
    """As a server and in process."""
    for response in (served.get(path), served.post(path, json={"advance": 1}), http.get(path)):
        assert response.status_code == 404
        said = "the control routes are off; start the mock with --control (in Python: mock.serve(control=True), or"
        assert said in _message(response)


def test_a_path_that_only_looks_like_a_control_route_is_any_other(http: httpx.Client) -> None:
    """No option is named for it."""
    for path in ("/__mock__clock", "/v1/__mock__/clock"):
        assert "--control" not in _message(http.get(path))


@pytest.mark.parametrize("path", ["/v1/videos/extensions", "/v1/videos/x", "/nowhere"])
def test_a_preflight_without_cors_names_the_option(served: httpx.Client, path: str) -> None:
    """Only a preflight: OPTIONS alone is a method like any other."""
    asked: dict[str, Any] = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
    response = served.options(path, headers=asked)
    assert response.status_code in {404, 405}
    said = "this is a preflight request of a web page; start the mock with --cors (in Python: mock.serve(cors=True))"
    assert said in _message(response)
    assert "access-control-allow-origin" not in response.headers
    assert "--cors" not in _message(served.options(path))
