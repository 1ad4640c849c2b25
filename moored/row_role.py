"""What a row of results is for: a name alone says it, so that reading stored results needs no statistics."""

from __future__ import annotations

YARDSTICK = "everyone-labelled"
"""The human-only estimate had every held-back label counted: a demonstration's yardstick, not an estimate."""
BIASED_WORDS = "model labels used as if they were true: biased, do not report"
YARDSTICK_WORDS = "all human labels counted, the held-back ones too: only a demonstration knows them"


def is_biased(estimator: str) -> bool:
    """Whether an estimator takes model labels as if they were true."""
    return estimator.startswith("naive")


def role_of(estimator: str, headline: str | None) -> str:
    """What a row is for: "headline", the one to read; "biased", model labels as if true; else "comparison"."""
    if estimator == headline:
        return "headline"
    return "biased" if is_biased(estimator) else "comparison"
