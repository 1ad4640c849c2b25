"""What a row of results is for: a name alone says it, so that reading stored results needs no statistics."""

from __future__ import annotations


def role_of(estimator: str, headline: str | None) -> str:
    """What a row is for: "headline", the one to read; "biased", model labels as if true; else "comparison"."""
    if estimator == headline:
        return "headline"
    return "biased" if estimator.startswith("naive") else "comparison"
