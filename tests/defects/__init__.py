"""Servers with one defect each, by which a suite that judges servers is judged itself.

Each defect was written from the contract, and from what the authors of such a server, mock or gateway would ship by
mistake; none from a suite. ``DEFECTS`` has them all, ``serve`` runs one.
"""

from tests.defects import (
    billing,
    connection,
    content,
    credentials,
    error_schema,
    forms,
    later,
    life,
    media_type,
    refused,
    response_schema,
    routing,
    single_cases,
    single_checks,
    single_fields,
    single_moments,
    single_requests,
    single_states,
    sizes,
    status,
    telling,
    together,
    validation,
)
from tests.defects._defect import Asked, Case, Defect, Family, Server
from tests.defects._serving import ServedDefect, defective, serve

__all__ = ["DEFECTS", "UNSEEN", "Asked", "Case", "Defect", "Family", "ServedDefect", "Server", "defective", "serve"]

_PLAIN = tuple(
    defect
    for module in (
        response_schema,
        error_schema,
        status,
        media_type,
        credentials,
        validation,
        refused,
        routing,
        life,
        telling,
        content,
        billing,
        connection,
    )
    for defect in module.DEFECTS
)

UNSEEN: tuple[Defect, ...] = tuple(
    defect
    for module in (
        forms,
        later,
        single_cases,
        single_checks,
        single_fields,
        single_moments,
        single_requests,
        single_states,
        sizes,
        together,
    )
    for defect in module.DEFECTS
)
"""Written when all others were caught, to see what of the contract was not asked. Each shows in a certain case alone,
so that the suite itself has to prove that it shows."""

DEFECTS: tuple[Defect, ...] = (*_PLAIN, *UNSEEN)
"""Every defect."""
