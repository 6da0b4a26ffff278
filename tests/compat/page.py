"""docs/COMPATIBILITY.md, made from the data in docs/results: the table of changes, and the mutants of the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.campaigns import results

PAGE = results.RESULTS.parent / "COMPATIBILITY.md"
TABLE, MUTANTS = "compat_table", "compat_mutants"
"""The names of the two results."""
KINDS = {
    "callers": "What breaks callers",
    "servers": "What breaks servers alone",
    "vendor": "Vendor extensions",
    "nothing": "Texts and additions that break nothing",
    "rewrite": "Rewrites that mean the same",
}
_FATES = {
    "value": "by a value",
    "drawn": "by drawn values",
    "reason": "by a reason",
    "neither": "neither way",
    "wrong": "wrong",
    "refused": "refused",
}
_OF_TABLE = """\
Made by `nox -s compat -- --table` from `tests/compat/changes.yaml`, where each change was written down with what it
breaks before there was a comparison (but for `client-attribute-type`, whose expectation was wrong and was corrected,
and `rewrite-all-of-split`, which is new). The conventions are in
[What a change breaks](../openapi/README.md#what-a-change-breaks)."""
_OF_MUTANTS = """\
`nox -s compat -- --mutants` compares the contract with each mutant that `nox -s mutants` makes of it. Who breaks is
confirmed by a value that the validators of one document accept and those of the other refuse, or by another
observation (`tests/campaigns/compat_mutants/witnesses.py` has each). Where nobody breaks, both contracts agree on
1,000 drawn values, or a reason says why there is nothing to observe. The vocabulary refuses some mutants, which can't
be loaded."""
_VERDICTS = ("callers", "servers", "callers and servers", "nobody", "")

Json = dict[str, Any]


def write() -> None:
    """Write the page anew from both results; a part that was never made is left out."""
    PAGE.write_text("\n".join(_page()) + "\n", "utf-8")


def _page() -> Iterator[str]:
    yield "# Changes of the contract, and what is found of them"
    for name, section in ((TABLE, _table), (MUTANTS, _mutants)):
        result = results.read(name)
        if result:
            yield ""
            yield from section(result)


def _table(result: Json) -> Iterator[str]:
    rows = result["changes"]
    right, theirs = (sum(row[key] for row in rows) for key in ("is_right", "is_redocly_right"))
    yield _OF_TABLE
    yield from (
        "",
        f"Right: {right} of {len(rows)}. Redocly's `diff` gives the same version in {theirs} of {len(rows)}.",
    )
    for kind, title in KINDS.items():
        yield from ("", f"## {title}", "")
        yield "| change | expected | found | Redocly | why |"
        yield "| --- | --- | --- | --- | --- |"
        for row in rows:
            if row["kind"] == kind:
                found = f"{row['found']}{'' if row['is_right'] else ' **wrong**'}"
                yield f"| {row['what']} | {row['expected']} | {found} | {row['redocly']} | {row['why']} |"


def _mutants(result: Json) -> Iterator[str]:
    rows = result["mutants"]
    yield from ("## Mutants of the contract", "")
    yield _OF_MUTANTS
    yield from (f"([{MUTANTS}.json](results/{MUTANTS}.json))", "")
    yield f"| who breaks | mutants | {' | '.join(_FATES.values())} |"
    yield "| --- |" + " ---: |" * (len(_FATES) + 1)
    for verdict in _VERDICTS:
        fates = Counter(row["fate"] for row in rows if row["verdict"] == verdict)
        cells = " | ".join(str(fates[fate]) for fate in _FATES)
        yield f"| {verdict or 'not compared'} | {fates.total()} | {cells} |"
    for fate, title in (("neither", "Confirmed neither way"), ("reason", "Confirmed by a reason"), ("wrong", "Wrong")):
        some = [row for row in rows if row["fate"] == fate]
        if some:
            compared = sum(row["fate"] != "refused" for row in rows)
            yield from ("", f"{title}, {len(some)} of {compared} ({100 * len(some) / compared:.1f} %):", "")
            yield from (f"- {row['name']}: {row['by']}" for row in some)
