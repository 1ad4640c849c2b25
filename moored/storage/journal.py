"""The journal: every request sent to a model, and every reply, durable before it counts.

One SQLite file beside the store, written by all workers at once (WAL). It answers three questions:
was this exact request answered before (`replies`), what was ever sent and spent (`calls`, `totals`),
and when may the next request go out (`buckets`). A request is written down before it is sent, its reply
before anybody sees it: a killed process loses the requests in flight and nothing else.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moored.storage.journal_groups import JournalGroups, Progress

__all__ = ["Journal", "Progress", "StoredReply", "shared_journal"]


@dataclass(frozen=True, slots=True)
class StoredReply:
    """What a model once answered to exactly this request."""

    key: str
    request: str
    reply: str
    prompt_tokens: int
    completion_tokens: int
    latency_s: float


class Journal(JournalGroups):
    """Open the journal at `path`, for one study's entries. Safe in many processes and threads at once.

    Errors: `SchemaNewer`, `StoreLocked` (a write that waited a minute), `DiskFull`.
    """

    may_ask = True
    """What it does not know of an endpoint may be asked (`moored.llm.endpoints.AbilityStore`)."""

    def reply(self, key: str) -> StoredReply | None:
        """The stored answer to a request."""
        row = self._one("reply", {"key": key})
        return None if row is None else StoredReply(*row)

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
        """Write down how one request ended, whatever it began with, and what it really used (`end_all`)."""
        with self.transaction():
            was = self._run("call", {"call": call}).fetchone()
            self.end_all([(call, outcome, http_status, prompt_tokens, completion_tokens, usd)], [was])

    def expected(self, call: int) -> tuple[int, int]:
        """The tokens of the prompt and of the reply that a request was written down with."""
        row = self._one("call", {"call": call})
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def withdraw(self, call: int) -> None:
        """Take back a request that was written down and certainly never sent."""
        with self.transaction():
            nothing = {"prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}
            self.finish(call, outcome="never-sent", http_status=None, **nothing)  # type: ignore[arg-type]
            self._add(requests=-1)

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
            none = (0, 0, 0.0)
            calls = self.begin_all([("probe", endpoint, *none, "")] * requests, (None, None, None))
            self.end_all([(call or 0, "ok", None, *none) for call in calls], [none] * requests)
            self._run("set_abilities", {"endpoint": endpoint, "abilities": json.dumps(dict(abilities))})


_SHARED: dict[tuple[Path, str], tuple[Journal, int]] = {}
_SHARING = threading.Lock()


@contextmanager
def shared_journal(path: Path, study: str) -> Iterator[Journal]:
    """The journal that all threads of this process write a study's entries to; the last one closes it."""
    with _SHARING:
        journal, users = _SHARED.get((path, study), (Journal(path, study), 0))
        _SHARED[path, study] = journal, users + 1
    try:
        yield journal
    finally:
        with _SHARING:
            journal, users = _SHARED.pop((path, study))
            if users > 1:
                _SHARED[path, study] = journal, users - 1
        if users == 1:
            journal.close()
