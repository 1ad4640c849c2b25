"""The journal's rows in groups: what many requests have to write down, in one commit of a few statements."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from moored.storage.journal_batches import JournalBatches

if TYPE_CHECKING:
    from moored.study import Caps


@dataclass(frozen=True, slots=True)
class Progress:
    """A study's counters. The difference of two readings is what happened between."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    ok: int = 0
    failed: int = 0
    refused: int = 0
    over_budget: int = 0
    cached: int = 0
    """Rows among these that cost no request."""

    @property
    def rows(self) -> int:
        """Terminal rows."""
        return self.ok + self.failed + self.refused + self.over_budget

    @property
    def lost(self) -> int:
        """Rows without an answer: failed or refused."""
        return self.failed + self.refused

    @property
    def tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    def __sub__(self, other: Progress) -> Progress:
        """What was added since `other`."""
        return Progress(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))


NOTHING = asdict(Progress())
"""What an entry adds to a study's counters where it does not say otherwise."""


class JournalGroups(JournalBatches):
    """Requests begun and ended, replies, counted rows: many of them at a time."""

    def begin_all(
        self, calls: Sequence[tuple[str, str, int, int, float, str]], caps: Caps
    ) -> list[int | None]:
        """Write requests down before they are sent; their numbers, None for each that a cap forbids.

        calls: source, key, prompt tokens, completion tokens, USD (both estimates until the request ends; those of
        a request that a killed process never ended stay, since it may have been paid), price table.
        """
        with self.transaction():
            now, started = self._totals(), time.time()
            requests, tokens, usd = now.requests, now.tokens, now.usd
            rows: list[tuple[Any, ...]] = []
            places: list[int | None] = []
            for source, key, prompt, completion, cost, prices in calls:
                wanted = (requests + 1, tokens + prompt + completion, usd + cost)
                if any(cap is not None and want > cap for want, cap in zip(wanted, caps, strict=True)):
                    places.append(None)
                else:
                    requests, tokens, usd = wanted
                    places.append(len(rows))
                    rows.append((self.study, source, key, started, prompt, completion, cost, prices))
            first = self._run_rows("begin_calls", rows) - len(rows) + 1  # nobody else writes: numbers follow
            self._add(
                requests=len(rows),
                prompt_tokens=sum(row[4] for row in rows),
                completion_tokens=sum(row[5] for row in rows),
                usd=sum(row[6] for row in rows),
            )
            return [None if place is None else first + place for place in places]

    def end_all(
        self,
        calls: Sequence[tuple[int, str, int | None, int, int, float]],
        estimates: Iterable[tuple[int, int, float]],
    ) -> None:
        """Write down how requests ended, and what they really used in place of what was estimated.

        calls: number, outcome, HTTP status, prompt tokens, completion tokens, USD. estimates: the last three as
        they were begun with.
        """
        with self.transaction():
            now = time.time()
            self._run_rows("end_calls", [(call, now, *ended) for call, *ended in calls])
            was = list(estimates)
            self._add(
                prompt_tokens=sum(c[3] for c in calls) - sum(e[0] for e in was),
                completion_tokens=sum(c[4] for c in calls) - sum(e[1] for e in was),
                usd=sum(c[5] for c in calls) - sum(e[2] for e in was),
            )

    def store_all(self, replies: Sequence[tuple[str, str, str, int, int, float]]) -> None:
        """Keep raw replies: key, request, reply, prompt tokens, completion tokens, seconds.

        Asked again, the last one stays.
        """
        with self.transaction():
            now = time.time()
            self._run_rows("store_replies", [(*reply, now) for reply in replies])

    def count_all(self, rows: Mapping[str, int]) -> None:
        """Count terminal rows by status (ok, failed, refused, over-budget), and `cached` among them."""
        with self.transaction():
            self._add(**{status.replace("-", "_"): number for status, number in rows.items()})

    def _totals(self) -> Progress:
        row = self._run("totals", {"study": self.study}).fetchone()
        return Progress(*row) if row else Progress()

    def _add(self, **amounts: float) -> None:
        self._run("add_to_totals", {"study": self.study} | NOTHING | amounts)
