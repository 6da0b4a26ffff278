"""Pages, help texts, errors and docstrings use the field's terms, and none of the words that readers stumbled over."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.defects import DEFECTS

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "SDK": "sdk/octopusx_video",
    "mock": "mock/octopusx_video_mock",
    "suite": "contract_tests/octopusx_video_contract",
    "contract": "openapi/octopusx_video_openapi",
}
COMMANDS = {
    "octopusx_video": [
        *("", "extend", "extensions", "wait", "status", "download"),
        *("batch", "batch run", "batch worker", "batch resolve", "batch export"),
    ],
    "octopusx_video_mock": [""],
    "octopusx_video_contract": ["", "probe"],
}
AVOIDED = {
    r"answer(s|ed|ing)?": "response, respond",
    r"told|tells?|telling": "report, say, show",
    r"heard|hears?": "observe",
    r"came|comes? out": "arrive, be received, happen",
    r"books": "billing, ledger",
    r"voice": "log",
    r"walk(s|ed)?": "whole life, go through",
    r"near miss(es)?": "boundary value",
    r"judge[sd]?|verdict": "check, outcome",
    r"mend(s|ed)?": "fix",
    r"lived|lives through": "run",
    r"anew": "again",
    r"surely": "certainly, provably",
    r"keeps? its word": "conform to the contract",
    r"(is|are) held to": "is tested against",
    r"gives? up on": "stop",
}
"""A pattern of words that were not understood at first reading, and what is written in their place."""
_WORDS = re.compile(rf"\b({'|'.join(AVOIDED)})\b", re.IGNORECASE)


def avoided(text: str) -> list[str]:
    """The avoided words of a text, each with what stands around it."""
    plain = re.sub(r"``[^`]*``|`[^`]*`|^ *\w+:", "``", text, flags=re.MULTILINE)  # names and literals
    return [" ".join(plain[max(0, one.start() - 40) : one.end() + 40].split()) for one in _WORDS.finditer(plain)]


def docstrings(package: str) -> Iterator[tuple[str, str]]:
    """The place and the text of each docstring of a package."""
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", ast.get_docstring(node) or ""


def messages(package: str) -> Iterator[tuple[str, str]]:
    """The place and the text of each string that an error is made of."""
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Raise) and node.exc is not None:
                texts = [one.value for one in ast.walk(node.exc) if isinstance(one, ast.Constant)]
                yield f"{path.relative_to(ROOT)}:{node.lineno}", "".join(one for one in texts if isinstance(one, str))


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("texts", [docstrings, messages])
def test_no_avoided_word_is_written(package: str, texts: object) -> None:
    """Neither a docstring nor an error of a package has an avoided word."""
    assert callable(texts)
    found = {place: avoided(text) for place, text in texts(PACKAGES[package])}
    assert {place: words for place, words in found.items() if words} == {}


def test_no_summary_of_a_defect_has_an_avoided_word() -> None:
    """Those of the defective servers are on the page of the kill matrix."""
    found = {defect.name: avoided(defect.summary) for defect in DEFECTS}
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.slow
@pytest.mark.parametrize(("module", "command"), [(one, name) for one, names in COMMANDS.items() for name in names])
def test_no_help_text_has_an_avoided_word(module: str, command: str) -> None:
    """The help of each command is written in the field's terms."""
    arguments = [sys.executable, "-m", module, *command.split(), "--help"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60)
    assert avoided(done.stdout) == []


PAGES = (
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "openapi/README.md"),
    *(
        f"docs/{name}.md"
        for name in (
            *("BATCHES", "CHANGING", "COMMAND_LINE", "DISTRIBUTED", "GLOSSARY", "MOCK", "MONEY", "SCALING", "SUITE"),
            "WAITING",
        )
    ),
)
"""The pages that are written by hand. The table of docs/MOCK.md has the texts of the faults, as in faults/table.py."""


@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_an_avoided_word(page: str) -> None:
    """Neither in a sentence nor in a table; code is left out."""
    text = (ROOT / page).read_text("utf-8")
    prose = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)
    assert avoided(re.sub(r"^    .*$", "", prose, flags=re.MULTILINE)) == []


def test_the_list_finds_what_it_is_for() -> None:
    """A word of the list is found, in whatever form, and quoted names are not."""
    assert avoided("It tells whether a server keeps its word.")
    assert avoided("What came is judged.")
    assert avoided("``Answer`` is the name of a class of another package; the response is complete.") == []
