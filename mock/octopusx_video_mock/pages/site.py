"""The pages beside the API: ``/`` for a browser, the contract, the reference of the API, and whether the mock is up."""

from __future__ import annotations

import html
from collections.abc import Callable
from importlib import resources
from string import Template

from octopusx_video_mock.compiled.contract import CompiledContract
from octopusx_video_mock.faults.table import FAULTS
from octopusx_video_mock.messages import Request, Response
from octopusx_video_mock.pages import curl

FOLDER = resources.files(__package__)
REFERENCE = "scalar.js"
"""The bundle of Scalar, which draws the reference. It is put here when the project is built (hatch_build.py)."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self'; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
_HEADERS = [(b"cache-control", b"no-cache"), (b"x-content-type-options", b"nosniff")]
_ASSETS = {
    b"/page/style.css": ("style.css", "text/css; charset=utf-8"),
    b"/page/page.js": ("page.js", "text/javascript; charset=utf-8"),
    b"/page/reference.js": ("reference.js", "text/javascript; charset=utf-8"),
    b"/page/scalar.js": (REFERENCE, "text/javascript; charset=utf-8"),
}

PATHS = frozenset({b"/", b"/docs", b"/openapi.json", b"/openapi.yaml", b"/healthz", *_ASSETS})
"""The paths of pages."""


class Site:
    """Responds to requests for pages.

    Args:
        contract: Returns the contract that is served, which may be exchanged.
        speed: How many times faster than in the contract a task runs.
        any_key: Whether any well-formed key is accepted.
        is_live: Whether there are control routes, by which the page shows and changes what happens.
    """

    def __init__(self, contract: Callable[[], CompiledContract], *, speed: float, any_key: bool, is_live: bool) -> None:
        self._contract = contract
        self._speed = speed
        self._any_key = any_key
        self._is_live = is_live
        self._pages: dict[bytes, Callable[[Request], Response]] = {
            b"/": self._index,
            b"/docs": lambda _: _page(_text("reference.html")),
            b"/openapi.json": lambda _: _content(contract().contract.text().encode(), "application/json"),
            b"/openapi.yaml": lambda _: _content(contract().contract.path.read_bytes(), "application/yaml"),
            b"/healthz": lambda _: _content(b'{"status": "ok"}', "application/json"),
            **dict.fromkeys(_ASSETS, self._asset),
        }

    def respond(self, request: Request) -> Response | None:
        """The response to a request for a page; None where it is for none."""
        page = self._pages.get(request.path)
        if page is None or request.method not in {"GET", "HEAD"}:
            return None
        if self._contract().find(request.method, request.path) is not None:
            return None
        if request.path == b"/" and b"text/html" not in (request.header(b"accept") or b""):
            return None  # what is no browser gets what it got before there was a page
        return page(request)

    def _index(self, request: Request) -> Response:
        contract = self._contract()
        life = contract.life if contract.has_tasks else None
        key = "any" if self._any_key else "$OCTOPUSX_API_KEY"
        routes = [
            _ROUTE.substitute(
                id=html.escape(one.id),
                method=one.method.upper(),
                path=html.escape(one.path),
                summary=html.escape(one.summary),
                curl=html.escape(curl.command(one, request.origin, key)),
            )
            for one in contract.contract.operations.values()
        ]
        keys = _ANY_KEY if self._any_key else _ONE_KEY
        lasts = f"A task takes {life.lasts / self._speed:g} seconds" if life else "There are no tasks"
        speed = f", {self._speed:g} times faster than in the contract" if self._speed != 1 else ""
        body = _text("index.html").substitute(
            version=html.escape(contract.contract.version),
            routes="".join(routes),
            keys=keys,
            time=f"{lasts}{speed}.",
            live=_text("live.html").substitute(faults=_faults()) if self._is_live else _NOT_LIVE,
        )
        return _page(Template(body.replace("$", "$$")))

    @staticmethod
    def _asset(request: Request) -> Response:
        name, media_type = _ASSETS[request.path]
        file = FOLDER / name
        if not file.is_file():
            missing = b"The reference's bundle is missing. Install the project with pip, which puts it here."
            return _content(missing, "text/plain; charset=utf-8", 404)
        return _content(file.read_bytes(), media_type)


_ANY_KEY = "Any well-formed key works, for example <code>Bearer any</code>."
_ONE_KEY = "Only the keys of <code>--token</code> work. They are not shown here."
_NOT_LIVE = (
    "<p>Start the mock with <code>--control</code> to see its tasks, calls and bill here, to change its clock, and to "
    "switch faults on and off.</p>"
)
_ROUTE = Template(
    '<article id="$id"><h3><span class="method">$method</span> <code>$path</code></h3><p>$summary</p>'
    '<div class="curl"><button type="button" class="copy">Copy</button><pre tabindex="0">$curl</pre></div></article>\n'
)


def _faults() -> str:
    return "".join(
        f'<option value="{fault.name}">{fault.name}: {html.escape(fault.summary)}</option>' for fault in FAULTS
    )


def _text(name: str) -> Template:
    return Template((FOLDER / name).read_text("utf-8"))


def _page(page: Template) -> Response:
    headers = [(b"content-security-policy", _POLICY.encode()), (b"vary", b"accept")]
    response = _content(page.substitute().encode(), "text/html; charset=utf-8")
    response.headers += headers
    return response


def _content(content: bytes, media_type: str, status: int = 200) -> Response:
    return Response(status, [(b"content-type", media_type.encode()), *_HEADERS], content)
