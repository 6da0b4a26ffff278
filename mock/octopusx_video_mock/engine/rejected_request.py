"""A request that is rejected, and the cause."""

from __future__ import annotations

WRONG_PREFERENCE = "wrong-preference"
"""The cause where ``Prefer`` asks for what can't be done: one of the mock's own, which the contract does not have."""


class RejectedRequest(Exception):  # noqa: N818 - a response, not an error
    """The request is rejected.

    Args:
        cause: One of the causes of ``x-when``, or ``WRONG_PREFERENCE``.
        reason: For the message of the response; "" keeps the message of the contract's example.
    """

    def __init__(self, cause: str, reason: str = "") -> None:
        self.cause = cause
        self.reason = reason
