"""Reasons not to go on: the budget is used up, or too many generations failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moored.errors import BudgetReached, TooManyFailures
from moored.llm.useless import advice, helps_again
from moored.run.run import Run
from moored.storage.generations import (
    SourceState,
)
from moored.storage.journal import Journal
from moored.study import Study


def out_of_budget(run: Run) -> BudgetReached:
    """The refusal to go on, with every cap of the study and what is spent."""
    limits = run.study.generation
    with Journal(run.settings.journal, run.study.name) as journal:
        spent = journal.spent()
    used = {"max_requests": spent.requests, "max_tokens": spent.tokens, "max_usd": round(spent.usd, 4)}
    caps = ", ".join(
        f"`generation.{name}` is {cap:,}, spent are {used[name]:,}"
        for name in used
        if (cap := getattr(limits, name)) is not None
    )
    return BudgetReached(
        f"the study's budget is used up ({caps}); what was generated is stored: raise the cap and run again"
    )


def refuse_failures(
    study: Study, states: Iterable[SourceState], failures: Sequence[Mapping[str, Any]]
) -> None:
    """Stop where a source misses units, or more of them failed than the study allows.

    failures: why, most frequent first, as the store tells it (source, kind, example). Errors: `TooManyFailures`.
    """
    for state in states:
        lost = state.failed + state.refused
        if state.missing:
            raise TooManyFailures(
                f"{state.missing} of {state.expected} units of {state.source!r} "
                f"{'has' if state.missing == 1 else 'have'} no "
                "generation yet; "
                "run again to go on"
            )
        if lost > study.generation.max_failed_share * state.expected:
            first = next((row for row in failures if row["source"] == state.source), {})
            kind, why = first.get("kind"), str(first.get("example") or "")
            again = f"then `moored rerun {study.name} --failed`" if helps_again(kind) else advice(kind)
            raise TooManyFailures(
                f"{lost} of {state.expected} generations of {state.source!r} failed ({why}); allowed is a share "
                f"of {study.generation.max_failed_share:g} (`generation.max_failed_share`); look at "
                f"`moored status {study.name}`, {again}",
                example=why,
            )
