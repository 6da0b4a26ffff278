"""Draws the layers of each package, as pyproject.toml has them and import-linter holds them (`nox -s layers`).

python docs/layers.py [--check]

A package is a column. A layer may import what is below it, and nothing beside or above it. Exit status: 0 the picture
is up to date, or was written; 1 with ``--check``, where it is not what pyproject.toml says.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "layers.svg"
COLUMN, GAP, ROW, HEAD, MARGIN = 230, 24, 34, 40, 16
"""Sizes in pixels: the width of a package, the space between two, the height of a layer and of a package's name."""


def main(arguments: list[str]) -> int:
    """Write the picture, or compare it."""
    picture = drawn(columns((ROOT / "pyproject.toml").read_text("utf-8")))
    if arguments == ["--check"]:
        is_current = PICTURE.exists() and PICTURE.read_text("utf-8") == picture
        print("docs/layers.svg is up to date" if is_current else "docs/layers.svg is out of date; run nox -s layers")
        return 0 if is_current else 1
    PICTURE.write_text(picture, "utf-8")
    print("docs/layers.svg written")
    return 0


def columns(pyproject: str) -> dict[str, list[list[str]]]:
    """The layers of each package from the top: the modules that stand side by side in each."""
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    return {
        contract["containers"][0]: [re.split(r" *[|:] *", layer) for layer in contract["layers"]]
        for contract in contracts
        if contract["type"] == "layers" and "." not in contract["containers"][0]
    }


def drawn(packages: dict[str, list[list[str]]]) -> str:
    """The picture as SVG."""
    rows = max(map(len, packages.values()))
    width = 2 * MARGIN + len(packages) * (COLUMN + GAP) - GAP
    height = 2 * MARGIN + HEAD + rows * ROW
    shapes = [shape for at, (name, layers) in enumerate(packages.items()) for shape in _column(at, name, layers, rows)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="#ffffff"/>', *shapes, "</svg>", ""])


def _column(at: int, name: str, layers: list[list[str]], rows: int) -> Iterator[str]:
    left = MARGIN + at * (COLUMN + GAP)
    yield _text(left + COLUMN // 2, MARGIN + HEAD // 2, name, 'font-size="15" font-weight="bold"')
    for number, modules in enumerate(layers):
        top = MARGIN + HEAD + (rows - len(layers) + number) * ROW
        share = COLUMN // len(modules)
        for place, module in enumerate(modules):
            box = f'x="{left + place * share}" y="{top}" width="{share - 4}" height="{ROW - 4}"'
            yield f'<rect {box} rx="4" fill="#e8eef7" stroke="#4a6fa5"/>'
            size = min(13, 2 * share // len(module))
            yield _text(left + place * share + share // 2 - 2, top + ROW // 2 + 2, module, f'font-size="{size}"')


def _text(x: int, y: int, text: str, style: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle" {style}>{escape(text.strip("() "))}</text>'


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
