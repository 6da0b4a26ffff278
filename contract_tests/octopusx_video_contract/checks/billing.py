"""What a response says of the bill. Pure: no request is made here."""

from __future__ import annotations

from octopusx_video_openapi import Contract, RuleId, billing
from octopusx_video_openapi.model import Billed

from octopusx_video_contract.messages.http import Response


def billed(contract: Contract, response: Response) -> Billed:
    """Whether a submit that was answered so may have been billed."""
    reached = response.request.reached(contract)
    return "possible" if reached is None else billing.billed(reached[0], response.status, response.json())


def times(reported: str) -> tuple[int, int]:
    """How often a request is billed, at least and at most, by what its response says."""
    return {"never": (0, 0), "yes": (1, 1)}.get(reported, (0, 1))


def bill_rule(contract: Contract, response: Response) -> str:
    """The rule that says what a response costs: the one that looks into the body, else that of x-billed."""
    reached = response.request.reached(contract)
    rule = reached and billing.decided_by(reached[0], response.status, response.json())
    return rule.id if rule else RuleId.R54
