"""What the kill matrix and the mutants found, as data, and the page that sums both up."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.campaigns import results

DOCS = Path(__file__).parents[3] / "docs"
PAGE = DOCS / "DETECTION.md"
_BAR_WIDTH = 30
_FATES = ("killed", "refused", "equivalent", "survived", "crashed")

_JUDGED = (
    "openapi/openapi.yaml",
    "openapi/octopusx_video_openapi",
    *("contract_tests", "mock", "tests/defects", "tests/campaigns/mutants"),
)
"""What decides what a campaign finds."""

Json = dict[str, Any]


def write(name: str, result: Json) -> None:
    """Write the result of a campaign, and the page anew.

    Args:
        name: ``kill_matrix`` or ``mutants``.
        result: What the page reads; the last complete run of the other campaign stays as it is.
    """
    results.write(name, result)
    PAGE.write_text("\n".join(_page()) + "\n", "utf-8")


def update(name: str, rows: str, result: Json, order: Iterable[str]) -> None:
    """Put the rows of a part of a campaign in the place of those that are there, and write the page.

    Args:
        name: ``kill_matrix`` or ``mutants``.
        rows: The member of the result with the rows, each of which has a name.
        result: What the part found.
        order: The names of all rows, in their order. Rows with other names are left out.
    """
    write(name, results.merged(name, rows, result, order))


def read(name: str) -> Json:
    """The result of a campaign as it was written last; empty before the first."""
    return results.read(name)


def state() -> str:
    """A name of the contract, the suite, the mock and the defects as they are now, of 12 characters.

    A row that has it needs not be asked again.
    """
    digest = hashlib.sha256()
    for part in _JUDGED:
        path = DOCS.parent / part
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix in {".py", ".yaml", ".json", ".ini"}:
                digest.update(f"{file.relative_to(DOCS.parent)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def _page() -> Iterator[str]:
    yield from ("# What the suite detects", "")
    yield "`nox -s kill_matrix` and `nox -s mutants` write this page after a complete run, and after a part of one with"
    yield "`--update`, from the data in [results/](results): one row for each defect and each mutant. The suite does"
    yield "not know the defects (`tests/defects/`), which are written from the rules of the contract."
    for name, section in (("kill_matrix", _kill_matrix), ("mutants", _mutants)):
        result = read(name)
        if result:
            yield ""
            yield from section(result)


def _kill_matrix(result: Json) -> Iterator[str]:
    defects, correct = result["defects"], result["correct"]
    caught = [defect for defect in defects if defect["layer"]]
    silent = sum(run["status"] == 0 for run in correct)
    yield from ("## Defective servers", "")
    yield f"- {len(caught)} of {len(defects)} defective servers fail by the rule that they break, with seed"
    yield f"  {result['seed']}. ([kill_matrix.json](results/kill_matrix.json))"
    yield f"- {silent} of {len(correct)} runs against correct servers find nothing, {_over_http(correct)} over HTTP."
    yield from ("", "By what is wrong:", "")
    yield from _chart("kind of defect", Counter(defect["family"] for defect in defects), _by(caught, "family"))
    yield from ("", "By the layer of the suite that names the rule first:", "")
    layers = _by(caught, "layer")
    yield from _chart("layer", Counter(dict.fromkeys(layers, len(defects))), layers)
    yield from _missed("defect", [defect for defect in defects if not defect["layer"]], ("summary", "rule"))


def _over_http(correct: Sequence[Json]) -> int:
    return sum(run["over_http"] for run in correct)


def _by(rows: Sequence[Json], key: str) -> Counter[str]:
    return Counter(row[key] for row in rows)


def _mutants(result: Json) -> Iterator[str]:
    mutants = result["mutants"]
    yield from ("## Mutants of the contract", "")
    yield "The contract is changed in one place, and the suite has to behave differently with it. What counts as"
    yield "killed is in `tests/campaigns/mutants/campaign.py`. A refused mutant breaks the vocabulary of the contract."
    yield "No server can show the difference that an equivalent mutant makes; the data has the reason."
    yield from (f"Seed {result['seed']}. ([mutants.json](results/mutants.json))", "")
    yield f"| kind | mutants | {' | '.join(_FATES)} |"
    yield "| --- |" + " ---: |" * (len(_FATES) + 1)
    for kind in ("tightens", "loosens"):
        fates = Counter(mutant["fate"] for mutant in mutants if mutant["kind"] == kind)
        yield f"| {kind} | {fates.total()} | {' | '.join(str(fates[fate]) for fate in _FATES)} |"
    yield from ("", "Killed or refused, of those that are not equivalent:", "")
    able = [mutant for mutant in mutants if mutant["fate"] != "equivalent"]
    yield from _chart("kind", _by(able, "kind"), _by([m for m in able if m["fate"] in {"killed", "refused"}], "kind"))
    yield from _missed("mutant", [m for m in mutants if m["fate"] in {"survived", "crashed"}], ("name", "fate"))


def _chart(title: str, totals: Counter[str], found: Counter[str]) -> Iterator[str]:
    yield from (f"| {title} | detected | of | |", "| --- | ---: | ---: | --- |")
    for name, total in sorted(totals.items(), key=lambda pair: (-found[pair[0]], pair[0])):
        full = round(_BAR_WIDTH * found[name] / total)
        yield f"| {name} | {found[name]} | {total} | `{'█' * full}{'·' * (_BAR_WIDTH - full)}` |"


def _missed(what: str, rows: Sequence[Json], columns: tuple[str, str]) -> Iterator[str]:
    if rows:
        yield from ("", f"Each {what} that is not detected:", "")
        yield from (f"- {' — '.join(str(row[column]) for column in columns)}" for row in rows)
