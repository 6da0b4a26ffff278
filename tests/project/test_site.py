"""The site of the documentation has all of the contract, loads nothing from elsewhere, and has no dead link."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

import pytest
from octopusx_video_openapi import Contract, Schema, load
from octopusx_video_openapi.documentation import rule_section

from docs.site import build

ROOT = Path(__file__).parents[2]


class _Text(HTMLParser):
    """The text that a reader sees in the main part of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0
        self.feed(page[page.index("<article") : page.rindex("</article>")])
        self.text = " ".join(" ".join(self.parts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


@pytest.fixture(scope="module")
def site() -> Path:
    """A built site."""
    if not build.BUNDLE.exists():
        pytest.fail(f"{build.BUNDLE} is missing; pip install -e . puts it there")
    return build.build(load())


def _text(site: Path, page: str) -> str:
    return _Text((site / page / "index.html").read_text("utf-8")).text


@pytest.mark.slow
def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """Pages, sections, pictures and scripts."""
    assert list(build.broken(site)) == []


@pytest.mark.slow
def test_the_reference_has_all_of_the_contract(site: Path, contract: Contract) -> None:
    """Each operation, response, field, rule and grade is in the text that a reader sees."""
    operations, schemas, rules = (_text(site, f"reference/{name}") for name in ("operations", "schemas", "rules"))
    for operation in contract.operations.values():
        assert f"{operation.method.upper()} {operation.path}" in operations
        for status, response in operation.responses.items():
            section = re.search(rf"{operation.id}: {status} .*?Billed: (\w+)", operations)
            assert section is not None, (operation.id, status)
            assert section[1] == response.billed
        for parameter in operation.parameters:
            assert parameter.name in operations
    for name, schema in contract.schemas.items():
        assert name in schemas
        for field in _fields(schema):
            assert field in schemas, (name, field)
    for rule in contract.rules:
        assert f"{rule.id} {' '.join(rule.title.split())[:40]}" in rules.replace("¶ ", "")
    for kind in ("documented", "gateway", "inferred", "chosen"):
        graded = [one for one in _grades(contract) if one == kind]
        shown = sum(text.count(f"{kind} :") + text.count(f"{kind}:") for text in (operations, schemas, rules))
        assert shown >= len(graded) > 0, kind


@pytest.mark.slow
def test_each_rule_has_the_section_that_findings_name(site: Path, contract: Contract) -> None:
    """The place that the suite names for a rule is a heading with its number, and no two rules have the same."""
    headings: list[tuple[str, str]] = []
    for page in sorted({urldefrag(rule_section(rule.id)).url for rule in contract.rules}):
        text = (site / page / "index.html").read_text("utf-8")
        headings += [(f"{page}#{anchor}", shown) for anchor, shown in re.findall(r'<h2 id="([^"]+)">([^<]+)<', text)]
    assert headings == [(rule_section(rule.id), rule.id) for rule in contract.rules]


def _fields(schema: Schema) -> Iterator[str]:
    for part in (schema, *schema.branches("allOf", "anyOf", "oneOf")):
        for name, field in part.properties.items():
            yield name
            if not field.reference:
                yield from _fields(field)


def _grades(contract: Contract) -> Iterator[str]:
    """The kind of each grade of an operation, a parameter, a response, a component schema and a rule."""
    operations = contract.operations.values()
    parts: list[Any] = [
        *operations,
        *(parameter for one in operations for parameter in one.parameters),
        *(response for one in operations for response in one.responses.values()),
        *contract.schemas.values(),
        *contract.rules,
    ]
    return (part.grade.kind for part in parts if part.grade is not None)


@pytest.mark.slow
def test_the_contradictions_of_the_public_pages_are_on_the_site(site: Path) -> None:
    """As many rows as in the page of the contract."""
    source = (ROOT / "openapi" / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", source, re.MULTILINE)
    text = _text(site, "contract")
    assert len(rows) == int(rows[-1][0])
    for number, what in rows:
        assert re.search(rf"\b{number} {re.escape(_plain(what))}", text), what


def _plain(markdown: str) -> str:
    return markdown.replace("`", "")


@pytest.mark.slow
def test_the_benchmarks_are_drawn(site: Path) -> None:
    """Each has two pictures, with a text in their place, in a file of the site."""
    page = (site / "benchmarks" / "index.html").read_text("utf-8")
    pictures = dict(re.findall(r'<img alt="([^"]+)" src="([^"]+)"', page))
    titles = re.findall(r"^# (.+)$", build.BENCHMARKS.read_text("utf-8"), re.MULTILINE)
    assert list(pictures) == [
        f"{title}: {what}, as in the tables below"
        for title in titles
        for what in ("the figures", "the figures and their targets")
    ]
    for address in pictures.values():
        assert (site / "benchmarks" / address).resolve().read_text("utf-8").startswith("<svg ")


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    """With its page, and what to do."""
    (tmp_path / "index.html").write_text(
        '<a href="gone/">x</a><a href="#nowhere">y</a><a href="other.html#there">z</a>'
        '<script src="https://cdn.example/a.js"></script><img src="gone.png">',
        "utf-8",
    )
    (tmp_path / "other.html").write_text('<p id="there"><a href="index.html">back</a>', "utf-8")
    found = list(build.broken(tmp_path))
    assert [one.partition(";")[0] for one in found] == [
        "index.html: loads https://cdn.example/a.js from another host",
        "index.html: gone.png is not there",
        "index.html: the link to gone/ leads nowhere",
        "index.html: #nowhere has no such section",
    ]


def test_a_missing_bundle_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with the fix, and exit status 2."""
    monkeypatch.setattr(build, "BUNDLE", build.ROOT / "mock" / "gone.js")
    assert build.main([]) == 2
    assert capsys.readouterr().err == "error: mock/gone.js is missing; run: nox -s lint, which installs it\n"
