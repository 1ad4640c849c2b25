"""A source of which nothing can be used is not asked to its end; and what helps against each kind of failure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from moored.errors import TooManyFailures

USELESS_AFTER = 20
"""Rows of one step that ended, all of them without anything usable and so many for one reason."""
_PASSES = frozenset({"server", "unreachable", "rate-limited"})
"""Kinds that are the endpoint's state, not the question's: the limiter decides, and asking again helps."""
_FOLLOWS = frozenset({"budget", "write", "store"})
_ADVICE = {
    "too-long": "shorten the texts (`rule` or `query` in `data`), or take a model with a larger context",
    "request": "correct the model or its settings; `moored validate` asks the endpoint what it takes",
    "refusal": "change the prompt or the model: this one does not want to do it",
    "content-filter": "change the endpoint's content filter, the prompt or the model",
    "thinking": "give it `model.thinking_tokens` (more of them), or take a model that thinks less",
    "empty": "take another writing prompt (`write`) or another model",
}
_ANSWERS = (
    "give the question `examples` (pairs of a text and its answer, which leave the data), another reading prompt "
    "(`read`), or take another model"
)


@dataclass(slots=True)
class Start:
    """How the first rows of each step ended, until one of them can be used."""

    source: str
    usable: set[str] = field(default_factory=set)
    _failed: dict[str, Counter[str]] = field(default_factory=dict)

    def ended(self, step: str, status: str, kind: str | None, error: str | None) -> TooManyFailures | None:
        """Count a terminal row; the reason to stop, once nothing speaks for going on."""
        if status in ("ok", "over-budget") or step in self.usable:
            self.usable |= {step} if status == "ok" else set()
            return None
        if kind is None or kind in _PASSES | _FOLLOWS:
            return None
        counted = self._failed.setdefault(step, Counter())
        counted[kind] += 1
        if counted[kind] < USELESS_AFTER:
            return None
        what = "writes" if step == "write" else f"answers to {step.removeprefix('read.')!r}"
        why = error or kind
        return TooManyFailures(
            f"none of the first {counted.total()} {what} of source {self.source!r} can be used ({why}); "
            f"{advice(kind)}; `moored preview` shows what came, and what was asked is stored",
            example=why,
        )


def advice(kind: str | None) -> str:
    """What helps against failures of one kind."""
    if kind in _PASSES or kind is None:
        return "run `moored rerun --failed` when the endpoint is well again"
    return _ADVICE.get(kind, _ANSWERS)


def helps_again(kind: str | None) -> bool:
    """Would asking the same again help?"""
    return kind is None or kind in _PASSES
