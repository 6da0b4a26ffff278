"""Servers with one defect each, by which a suite that tests servers is tested itself.

Each defect was written from the contract, and from what the authors of such a server, mock or gateway would ship by
mistake; none from a suite. A module has those of one thing that is wrong: in ``DEFECTS`` what ordinary requests show,
in ``RARE`` what shows in a certain case alone. ``DEFECTS`` here has them all, ``serve`` runs one.
"""

from collections.abc import Iterator
from types import ModuleType

from tests.defects import billing, connection, credentials, error_schema, media_type, response_schema, routing, status
from tests.defects._defect import Case, Defect, Family, Server, WireRequest, defects
from tests.defects._serving import ServedDefect, defective, serve
from tests.defects.content import addresses, files, lengths, ranges
from tests.defects.life import echoes, finality, identity, lookup, outcome, states, times
from tests.defects.validation import bodies, fields, valid_rejected

__all__ = ["DEFECTS", "RARE", "Case", "Defect", "Family", "ServedDefect", "Server", "WireRequest", "defective", "serve"]

_FAMILIES: dict[Family, tuple[ModuleType, ...]] = {
    "response schema": (response_schema, error_schema),
    "status": (status,),
    "media type": (media_type,),
    "credentials": (credentials,),
    "validation": (fields, bodies, valid_rejected),
    "routing": (routing,),
    "life": (identity, lookup, states, finality, outcome, echoes, times),
    "content": (files, lengths, ranges, addresses),
    "billing": (billing,),
    "connection": (connection,),
}


def _tables(name: str) -> Iterator[Defect]:
    for family, modules in _FAMILIES.items():
        for module in modules:
            yield from defects(family, getattr(module, name, {}))


RARE: tuple[Defect, ...] = tuple(_tables("RARE"))
"""Each shows in a certain case alone, so that the suite itself has to prove that it shows."""

DEFECTS: tuple[Defect, ...] = (*_tables("DEFECTS"), *RARE)
"""Every defect."""
