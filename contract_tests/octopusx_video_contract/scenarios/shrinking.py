"""How long Hypothesis looks for a smaller example."""

from __future__ import annotations

import warnings

from hypothesis.internal.conjecture import engine

MAX_SECONDS = 5
"""A finding is worth seconds of looking for a smaller one, not the five minutes that Hypothesis takes."""


def limit_shrinking() -> None:
    """Have a smaller example looked for during seconds alone.

    Hypothesis has no setting for it. Its documentation names this number, and its source lets it be replaced.
    """
    if not hasattr(engine, "MAX_SHRINKING_SECONDS"):
        warnings.warn("this version of Hypothesis may look for a smaller example during minutes", stacklevel=2)
    engine.MAX_SHRINKING_SECONDS = MAX_SECONDS
