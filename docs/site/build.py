"""Build the site of the documentation: ``nox -s docs [-- --output DIR]``.

The pages are those of the repository, with charts of the benchmarks, and with the reference of the API, the command
line and the Python interface, which are made from the contract, from the commands' own help and from docstrings. The
site loads nothing from another host, so that it works offline. Every link is followed when it is built.

Zensical builds it (by the authors of Material for MkDocs, which it succeeds): plain files, with a search that needs no
server. Scalar draws the interactive reference; its bundle is the one that the mock serves (hatch_build.py).

Exit status: 0 it is built, 1 a link leads nowhere or something is loaded from elsewhere, 2 it can't be built.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import octopusx_video_openapi
from octopusx_video_openapi import Contract, ContractError

from docs.site import charts, drawings, reference

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
WORK = ROOT / ".nox" / "site"
BUNDLE = ROOT / "mock" / "octopusx_video_mock" / "pages" / "scalar.js"
PAGES = {
    "README.md": "index.md",
    "docs/COMMAND_LINE.md": "command-line.md",
    "docs/BATCHES.md": "batches.md",
    "docs/DISTRIBUTED.md": "batches-on-several-machines.md",
    "docs/SCALING.md": "scaling.md",
    "docs/MONEY.md": "money-and-retries.md",
    "docs/WAITING.md": "waiting-and-downloads.md",
    "docs/MOCK.md": "mock.md",
    "docs/SUITE.md": "test-a-server.md",
    "docs/DETECTION.md": "what-the-suite-detects.md",
    "docs/CHANGING.md": "changing-the-contract.md",
    "docs/COMPATIBILITY.md": "what-a-change-breaks.md",
    "docs/GLOSSARY.md": "glossary.md",
    "openapi/README.md": "contract.md",
    "openapi/CHANGELOG.md": "contract-changelog.md",
    "benchmarks/RESULTS.md": "benchmarks.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Where each page of the repository stands on the site."""
_BATCH = tuple(f"batch {name}" for name in ("run", "worker", "status", "report", "resolve", "stop", "export"))
COMMANDS = {
    "octopusx-video": ("octopusx_video", ("", "extend", "extensions", "status", "wait", "download", "batch", *_BATCH)),
    "octopusx-video-mock": ("octopusx_video_mock", ("",)),
    "octopusx-video-contract": ("octopusx_video_contract", ("", "probe")),
}
BENCHMARKS = ROOT / "benchmarks" / "RESULTS.md"
BENCHMARK_DATA = ROOT / "docs" / "results"
_LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")


class SiteError(Exception):
    """The site can't be built. The text says why, and the fix."""


def main(arguments: list[str] | None = None) -> int:
    """Build the site, and return the exit status."""
    parser = argparse.ArgumentParser(prog="nox -s docs --", description="Build the site of the documentation.")
    parser.add_argument("--output", type=Path, default=WORK / "site", help="where it is written [default: %(default)s]")
    options = parser.parse_args(arguments)
    try:
        built = build(octopusx_video_openapi.load())
        problems = list(broken(built))
        if not problems:
            _publish(built, options.output)
    except (SiteError, ContractError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"built {len(list(options.output.rglob('*.html')))} pages in {options.output}")
    return int(bool(problems))


def build(contract: Contract) -> Path:
    """Build the site in a folder of its own, and return that.

    Raises:
        SiteError: A page or a program is missing, or Zensical can't build it.
    """
    if not BUNDLE.exists():
        raise SiteError(f"{BUNDLE.relative_to(ROOT)} is missing; run: nox -s lint, which installs it")
    source = WORK / "pages"
    shutil.rmtree(source, ignore_errors=True)
    (source / "reference").mkdir(parents=True)
    for page, name in PAGES.items():
        with _said(f"{page} is missing; restore it, or leave it out of PAGES in docs/site/build.py"):
            (source / name).write_text(_linked(ROOT / page), "utf-8")
    _add_charts(source, PAGES[str(BENCHMARKS.relative_to(ROOT))])
    for name in ("operations", "schemas", "rules", "money"):
        lines = getattr(reference, name)(contract)
        (source / "reference" / f"{name}.md").write_text("\n".join(lines) + "\n", "utf-8")
    (source / "reference" / "lifecycle.md").write_text(_LIFECYCLE, "utf-8")
    (source / "reference" / "states.svg").write_text(drawings.states(contract), "utf-8")
    (source / "reference" / "money.svg").write_text(drawings.bill(contract), "utf-8")
    shutil.copy(ROOT / "docs" / "layers.svg", source)
    shutil.copytree(HERE / "static", source, dirs_exist_ok=True)
    (source / "command-help.md").write_text("\n".join(_help()), "utf-8")
    for name in ("scalar.js", "reference.js"):  # the same page as that of the mock
        shutil.copy(BUNDLE.with_name(name), source / "try")
    (source / "try" / "openapi.json").write_text(contract.text(), "utf-8")
    _run_zensical()
    return WORK / "built"


def _add_charts(source: Path, page: str) -> None:
    """Draw the figures of each benchmark, and show them at the beginning of its part of the page.

    Raises:
        SiteError: The page has no part with the figures that the data is of.
    """
    text = (source / page).read_text("utf-8")
    for file in sorted(BENCHMARK_DATA.glob("benchmark_*.json")):
        data = json.loads(file.read_text("utf-8"))
        drawn = {"bars": "the figures", "targets": "the figures and their targets"}
        for kind in drawn:
            (source / f"{file.stem}_{kind}.svg").write_text(getattr(charts, kind)(data), "utf-8")
        shown = "\n\n".join(
            f"![{data['title']}: {what}, as in the tables below]({file.stem}_{kind}.svg)"
            for kind, what in drawn.items()
        )
        head = f"# {data['title']}\n\nWritten on {data['written']} by `{data['command']}`; do not edit.\n"
        if head not in text:
            raise SiteError(
                f"{file.relative_to(ROOT)} holds other figures than {BENCHMARKS.relative_to(ROOT)}, which has no part "
                f"{data['title']!r} of {data['written']}; run: {data['command']}"
            )
        text = text.replace(head, f"{head}\n{shown}\n")
    (source / page).write_text(text, "utf-8")


_LIFECYCLE = """\
# The lifecycle of a task

![The states of a task](states.svg)

The times are those of the mock (`x-task-life` in the contract). A status that is in none of the lists of the contract
means that the task is running ([R14](rules.md#R14)).
"""


def _run_zensical() -> None:
    shutil.copy(HERE / "zensical.toml", WORK / "zensical.toml")
    shutil.rmtree(WORK / "built", ignore_errors=True)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "-f", str(WORK / "zensical.toml")]
    with _said("Zensical is not installed; run: nox -s docs"):
        done = subprocess.run(
            command, cwd=WORK, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"}
        )
    if done.returncode != 0:
        raise SiteError(f"Zensical can't build the site:\n{done.stdout}{done.stderr}".rstrip())


@contextlib.contextmanager
def _said(text: str) -> Iterator[None]:
    try:
        yield
    except OSError:
        raise SiteError(text) from None


def _linked(page: Path) -> str:
    """The text of a page, with links to other pages of the site as they are there."""

    def link(found: re.Match[str]) -> str:
        address, fragment = urldefrag(found[2])
        if urlsplit(address).scheme or not address:
            return found[0]
        target = (page.parent / address).resolve()
        name = PAGES.get(str(target.relative_to(ROOT)), "layers.svg" if target.suffix == ".svg" else None)
        if name is None:  # a file of the repository that is no page
            return f"{found[1].lstrip('!').removeprefix('[').removesuffix('](')}"
        return f"{found[1]}{name}{f'#{fragment}' if fragment else ''}{found[3]}"

    return _LINK.sub(link, page.read_text("utf-8"))


def _help() -> Iterator[str]:
    """The page with the help of each command."""
    yield "# Help of all commands\n"
    environment = {**os.environ, "COLUMNS": "100"}
    for command, (module, names) in COMMANDS.items():
        for name in names:
            full = f"{command} {name}".strip()
            arguments = [sys.executable, "-m", module, *name.split(), "--help"]
            done = subprocess.run(arguments, capture_output=True, text=True, check=True, env=environment)
            yield f"## `{full}` {{ #{full.replace(' ', '-')} }}\n\n```text\n{done.stdout.rstrip()}\n```\n"


# ---- Links


class _Page(HTMLParser):
    """The anchors of a page, and the addresses that it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called for each tag."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif "src" in given:
            self.loaded.append(given["src"])
        elif tag == "link" and given.get("rel") in {"stylesheet", "icon", "preload", "modulepreload", "preconnect"}:
            self.loaded.append(given.get("href", ""))


def broken(site: Path) -> Iterator[str]:
    """Each link of a built site that leads nowhere, and each thing that is loaded from another host."""
    pages = {path: _Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        where = path.relative_to(site)
        for address in page.loaded:
            if urlsplit(address).scheme in {"http", "https"} or address.startswith("//"):
                yield f"{where}: loads {address} from another host; take it out"
            elif not address.startswith("data:") and not _target(site, path, address).is_file():
                yield f"{where}: {address} is not there; put it into docs/site/static"
        for address in page.links:
            if urlsplit(address).scheme or address.startswith("//"):
                continue
            target = _target(site, path, address)
            fragment = unquote(urldefrag(address).fragment)
            if target not in pages and not target.is_file():
                yield f"{where}: the link to {address} leads nowhere; correct it in the page's source"
            elif fragment and target in pages and fragment not in pages[target].anchors:
                yield f"{where}: {address} has no such section; correct it in the page's source"


def _target(site: Path, page: Path, address: str) -> Path:
    """The file that an address names."""
    path = unquote(urlsplit(address).path)
    if not path:
        return page
    found = site / path.lstrip("/") if path.startswith("/") else page.parent / path
    found = Path(os.path.normpath(found))
    return found / "index.html" if path.endswith("/") or found.is_dir() else found


def _publish(built: Path, output: Path) -> None:
    with _said(f"{output} can't be written; name another folder with --output"):
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(built, output)


if __name__ == "__main__":
    sys.exit(main())
