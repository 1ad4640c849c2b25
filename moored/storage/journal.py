"""The journal: every request sent to a model, and every reply, durable before it counts.

One SQLite file beside the store, written by all workers at once (WAL). It answers three questions:
was this exact request answered before (`replies`), what was ever sent and spent (`calls`, `totals`),
and when may the next request go out (`buckets`). A request is written down before it is sent, its reply
before anybody sees it: a killed process loses the requests in flight and nothing else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from moored.storage.journal_batches import JournalBatches


@dataclass(frozen=True, slots=True)
class StoredReply:
    """What a model once answered to exactly this request."""

    key: str
    request: str
    reply: str
    prompt_tokens: int
    completion_tokens: int
    latency_s: float


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
    def tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    def __sub__(self, other: Progress) -> Progress:
        """What was added since `other`."""
        return Progress(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))


NOTHING = asdict(Progress())
"""What an entry adds to a study's counters where it does not say otherwise."""


class Journal(JournalBatches):
    """Open the journal at `path`, for one study's entries. Safe in many processes and threads at once.

    Errors: `SchemaNewer`, `StoreLocked` (a write that waited a minute), `DiskFull`.
    """

    may_ask = True
    """What it does not know of an endpoint may be asked (`moored.llm.endpoints.AbilityStore`)."""

    def reply(self, key: str) -> StoredReply | None:
        """The stored answer to a request."""
        row = self._one("reply", {"key": key})
        return None if row is None else StoredReply(*row)

    def store(
        self,
        key: str,
        *,
        request: str,
        reply: str,
        prompt_tokens: int,
        completion_tokens: int,
        latency_s: float,
    ) -> None:
        """Keep a raw reply; asked again, the last one stays."""
        with self.transaction():
            self._run(
                "store_reply",
                {
                    "key": key,
                    "request": request,
                    "reply": reply,
                    "prompt_tokens": prompt_tokens,
                    "completion_tokens": completion_tokens,
                    "latency_s": latency_s,
                    "created": time.time(),
                },
            )

    def begin(
        self,
        *,
        source: str,
        key: str,
        prompt_tokens: int,
        completion_tokens: int,
        usd: float,
        prices: str,
        caps: tuple[int | None, int | None, float | None] = (None, None, None),
    ) -> int | None:
        """Write down a request before it is sent; its number, or None where a cap forbids it.

        Tokens and cost are estimates until `finish`; those of a request that a killed process never
        finished stay, since it may have been paid. `caps`: requests, tokens, USD of the whole study.
        """
        with self.transaction():
            now = self._totals()
            wanted = (now.requests + 1, now.tokens + prompt_tokens + completion_tokens, now.usd + usd)
            if any(cap is not None and want > cap for want, cap in zip(wanted, caps, strict=True)):
                return None
            self._add(requests=1, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, usd=usd)
            row = {
                "study": self.study,
                "source": source,
                "key": key,
                "started": time.time(),
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "usd": usd,
                "prices": prices,
            }
            return self._run("begin_call", row).lastrowid

    def finish(
        self,
        call: int,
        *,
        outcome: str,
        http_status: int | None,
        prompt_tokens: int,
        completion_tokens: int,
        usd: float,
    ) -> None:
        """Write down how a request ended, and what it really used."""
        with self.transaction():
            was = self._run("call", {"call": call}).fetchone()
            self._run(
                "end_call",
                {
                    "call": call,
                    "ended": time.time(),
                    "outcome": outcome,
                    "http_status": http_status,
                    "prompt_tokens": prompt_tokens,
                    "completion_tokens": completion_tokens,
                    "usd": usd,
                },
            )
            self._add(
                prompt_tokens=prompt_tokens - was[0],
                completion_tokens=completion_tokens - was[1],
                usd=usd - was[2],
            )

    def withdraw(self, call: int) -> None:
        """Take back a request that was written down and certainly never sent."""
        with self.transaction():
            nothing = {"prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}
            self.finish(call, outcome="never-sent", http_status=None, **nothing)  # type: ignore[arg-type]
            self._add(requests=-1)

    def count(self, status: str, *, cached: bool) -> None:
        """Count one terminal row (ok, failed, refused, over-budget) for the progress display."""
        with self.transaction():
            self._add(**{status.replace("-", "_"): 1, "cached": int(cached)})

    def reserve(self, scope: str, amount: float, per_minute: float, burst: float) -> float:
        """Take `amount` out of a bucket that all workers share; the time from which it may be used.

        The generic cell rate algorithm: the bucket holds the moment at which it is full again, `burst`
        may be used ahead of it. A negative amount gives back what was not used.
        """
        with self.transaction():
            now = time.time()
            row = self._run("bucket", {"scope": scope}).fetchone()
            free_at = max(now, row[0] if row else now)
            self._run("set_bucket", {"scope": scope, "free_at": free_at + amount * 60.0 / per_minute})
            return max(now, free_at + (amount - burst) * 60.0 / per_minute)

    def wait_until(self, when: float) -> None:
        """Write down that the endpoint is given a rest until then (seconds since 1970)."""
        with self.transaction():
            self._run("set_bucket", {"scope": f"wait/{self.study}", "free_at": when})

    def waits_until(self, study: str | None = None) -> float | None:
        """Until when a study gives its endpoint a rest; None where it waits for nothing."""
        row = self._one("bucket", {"scope": f"wait/{study or self.study}"})
        return float(row[0]) if row and row[0] > time.time() else None

    def forget_abilities(self, endpoint: str) -> None:
        """What a probe found does not hold any more: the next run asks again."""
        with self.transaction():
            self._run("forget_abilities", {"endpoint": endpoint})

    def calls(self, study: str | None = None) -> int:
        """Requests ever sent for a study."""
        return self.progress(study).requests

    def spent(self, study: str | None = None) -> Progress:
        """Requests, tokens and cost ever; of unfinished requests the estimate."""
        return self.progress(study)

    def progress(self, study: str | None = None, since: Progress | None = None) -> Progress:
        """A study's counters, or what was added to them since an earlier reading."""
        row = self._one("totals", {"study": study or self.study})
        now = Progress(*row) if row else Progress()
        return now if since is None else now - since

    def unfinished(self, study: str | None = None) -> int:
        """Requests whose end was never written: in flight now, or lost with a killed process."""
        row = self._one("unfinished_calls", {"study": study or self.study})
        return int(row[0]) if row else 0

    def abilities(self, endpoint: str) -> dict[str, Any] | None:
        """What an endpoint's probe once found."""
        row = self._one("abilities", {"endpoint": endpoint})
        return json.loads(row[0]) if row else None

    def keep_abilities(self, endpoint: str, abilities: Mapping[str, Any], requests: int = 0) -> None:
        """Remember what an endpoint's probe found, and that it cost so many requests."""
        with self.transaction():
            for _ in range(requests):
                none = {"prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}
                call = self.begin(source="probe", key=endpoint, prices="", **none)  # type: ignore[arg-type]
                self.finish(call or 0, outcome="ok", http_status=None, **none)  # type: ignore[arg-type]
            self._run("set_abilities", {"endpoint": endpoint, "abilities": json.dumps(dict(abilities))})

    def _totals(self) -> Progress:
        row = self._run("totals", {"study": self.study}).fetchone()
        return Progress(*row) if row else Progress()

    def _add(self, **amounts: float) -> None:
        self._run("add_to_totals", {"study": self.study} | NOTHING | amounts)
