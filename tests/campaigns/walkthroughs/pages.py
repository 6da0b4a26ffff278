"""The site and the mock's page, clicked through in a real Chromium (`nox -s pages`).

python -m tests.campaigns.walkthroughs.pages [--screenshots DIR]

On the mock's page a person sees a whole life of a task, a fault and a bill, and changes the clock. Each
page is shown wide and light, and 360 pixels wide and dark. There must be no request to another host, no error on the
console, nothing that is wider than the window, and no serious finding of axe-core. Exit status: 0 all is right, 1 it is
not, 2 there is no Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
from axe_playwright_python.sync_playwright import Axe
from octopusx_video_mock import Mock
from octopusx_video_openapi import load
from octopusx_video_openapi.lifecycle import task_life
from playwright.sync_api import Browser, Page, sync_playwright

from docs.site import build
from tests.support.serving import serving

SCREENSHOTS = build.WORK / "screenshots"
WINDOWS = (("wide", 1200, "light"), ("narrow", 360, "dark"))
SHORT = ("/", "/reference/operations/", "/try/")
"""The pages of the site that a short run shows."""
SERIOUS = {"serious", "critical"}
KEY = {"Authorization": "Bearer any"}
SETTLED_MS = 1500
"""How long a page may take to draw itself."""


class _Watched:
    """A page of the browser, with what it asked for and what went wrong."""

    def __init__(self, browser: Browser, base: str, width: int, scheme: Any) -> None:
        self.base = base
        self.problems: list[str] = []
        self.page: Page = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, permissions=["clipboard-write"]
        ).new_page()
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("console", lambda message: self._said(message.type, message.text))
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))

    def _asked(self, url: str) -> None:
        if not url.startswith((self.base, "data:", "blob:")):
            self.problems.append(f"a request to another host: {url}")

    def _said(self, kind: str, text: str) -> None:
        if kind == "error":
            self.problems.append(f"on the console: {text}")

    def checked(self, width: int) -> Iterator[str]:
        """What is wrong with the page as it is shown now."""
        yield from self.problems
        self.problems.clear()
        shown = self.page.evaluate("document.documentElement.scrollWidth")
        if shown > width:
            yield f"it is {shown} pixels wide in a window of {width}"
        for one in Axe().run(self.page).response["violations"]:
            if one["impact"] in SERIOUS:
                yield f"axe-core: {one['id']} ({one['impact']}) at {one['nodes'][0]['target']}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Click through all pages, and return the exit status."""
    parser = argparse.ArgumentParser(prog="nox -s pages --", description="Click through the site and the mock's page.")
    parser.add_argument("--short", action="store_true", help="one window, and three pages of the site")
    parser.add_argument("--screenshots", type=Path, default=SCREENSHOTS, help="where they are kept")
    options = parser.parse_args(arguments)
    program = shutil.which("chromium")
    if program is None:
        print("pages: there is no chromium on the PATH; apt-get install chromium", file=sys.stderr)
        return 2
    options.screenshots.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, width, scheme in WINDOWS[-1:] if options.short else WINDOWS:
            some = SHORT if options.short else None
            problems += [f"{name}: {one}" for one in _site(browser, name, width, scheme, options.screenshots, some)]
            problems += [f"{name}: {one}" for one in _mock(browser, name, width, scheme, options.screenshots)]
        browser.close()
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems; screenshots in {options.screenshots}")
    return int(bool(problems))


def _site(
    browser: Browser, name: str, width: int, scheme: str, screenshots: Path, some: Sequence[str] | None
) -> Iterator[str]:
    site = build.build(load())
    with _served(site) as base:
        watched = _Watched(browser, base, width, scheme)
        for path in sorted(site.rglob("index.html")):
            address = f"/{path.parent.relative_to(site)}/".replace("/./", "/")
            if some is not None and address not in some:
                continue
            watched.page.goto(f"{base}{address}")
            watched.page.wait_for_timeout(SETTLED_MS)
            yield from (f"{address}: {one}" for one in watched.checked(width))
            watched.page.screenshot(path=screenshots / f"site{re.sub(r'[^a-z]', '-', address)}{name}.png")
        watched.page.close()


def _mock(browser: Browser, name: str, width: int, scheme: str, screenshots: Path) -> Iterator[str]:
    life = task_life(load())
    mock = Mock()
    with mock.serve(control=True) as base, httpx.Client(base_url=base, headers=KEY) as http:
        watched = _Watched(browser, base, width, scheme)
        page = watched.page
        page.goto(base)
        page.wait_for_selector("text=Connected")
        page.click(".copy >> nth=0")
        page.wait_for_selector("text=Copied")
        submit = _submits(http)
        submit()
        page.wait_for_selector("#tasks progress")
        for _ in range(int(life.lasts / 180)):
            page.click("[data-advance='180']")
        page.wait_for_selector("#tasks video")
        yield from _plays(page)
        page.select_option("#fault", "failed")
        page.click("#fault-on")
        page.wait_for_selector("#faults li")
        submit()
        page.click("#faults button")
        page.wait_for_selector("#faults li", state="detached")
        page.click("[data-advance='180']")
        page.wait_for_selector("#tasks .failed")
        bill = (page.inner_text("#billed"), page.inner_text("#submissions"))
        if bill != ("1", "2"):
            yield f"the bill is {bill} after a task that succeeded and one that failed"
        page.select_option("#rate", "60")
        page.wait_for_selector("text=/runs 60/")
        page.click("#stop")
        page.wait_for_selector("text=stands still")
        yield from (f"the mock's page: {one}" for one in watched.checked(width))
        page.screenshot(path=screenshots / f"mock-{name}.png", full_page=True)
        page.goto(f"{base}/docs")
        page.wait_for_selector("text=Test Request >> nth=0", timeout=20_000)
        yield from (f"the mock's reference: {one}" for one in watched.checked(width))
        page.screenshot(path=screenshots / f"reference-{name}.png")
        page.close()


def _submits(http: httpx.Client) -> Any:
    """Sends the documented submit of createVideoExtension."""
    operation = load().operations["createVideoExtension"]
    body = next(iter(operation.body_examples.values()))
    return lambda: http.post(operation.path, json=body).raise_for_status()


def _plays(page: Page) -> Iterator[str]:
    seconds = page.evaluate(
        "async () => { const video = document.querySelector('#tasks video'); await video.play(); "
        "await new Promise(done => setTimeout(done, 700)); return video.currentTime; }"
    )
    if not seconds > 0:
        yield f"the video does not play: it stands at {json.dumps(seconds)} s"


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
            pass

    with serving(partial(Quiet, directory=str(folder))) as url:
        yield url


if __name__ == "__main__":
    sys.exit(main())
