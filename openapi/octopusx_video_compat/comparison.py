"""The comparison of two contracts: everything that is different, each difference once, with its line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from octopusx_video_openapi import Contract

from octopusx_video_compat import client_names, exchanges, meanings, promises
from octopusx_video_compat.difference import Difference

_NAMED = 3
"""The most places that one difference names."""


def compared(base: Contract, new: Contract) -> list[Difference]:
    """What means something else in a new contract: first what breaks callers, then servers, then the rest.

    Args:
        base: The released contract.
        new: The contract as it is now.

    Raises:
        ContractError: A schema contains itself, or the generator can't read a contract.
    """
    found = list(_each_once(_differences(base, new)))
    found = [one._replace(line=(base if one.in_base else new).line(*one.pointer)) for one in found]
    return sorted(found, key=lambda one: (-("callers" in one.breaks), -len(one.breaks), one.in_base, one.line or 0))


def _differences(base: Contract, new: Contract) -> Iterator[Difference]:
    pairs, lists = exchanges.pairs(base, new), meanings.lists(base, new)
    yield from exchanges.of_operations(base, new)
    for pair in pairs:
        yield from exchanges.of_messages(pair, lists)
        yield from exchanges.of_keys(pair)
        yield from exchanges.of_links(pair)
        yield from meanings.of_bills(pair, lists)
        yield from meanings.of_places(pair)
        yield from meanings.of_lengths(pair, lists)
        yield from meanings.of_causes(pair)
    yield from meanings.of_life(base, new)
    yield from promises.of_rules(base, new, pairs, lists)
    yield from client_names.of_names(base, new)


def _each_once(differences: Iterable[Difference]) -> Iterator[Difference]:
    """Each difference once, with the places that it concerns."""
    found: dict[tuple[object, ...], list[Difference]] = {}
    for one in differences:
        found.setdefault((one.rule, one.pointer, one.breaks, one.sentence), []).append(one)
    for same in found.values():
        places = list(dict.fromkeys(one.where for one in same))
        more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
        yield same[0]._replace(where=", ".join(places[:_NAMED]) + more)
