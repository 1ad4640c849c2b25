"""The journal: every request sent to a model, and every reply, durable before it counts.

One SQLite file beside the store, written by all workers at once (WAL). It answers three questions:
was this exact request answered before (`replies`), what was ever sent and spent (`calls`, `totals`),
and when may the next request go out (`buckets`). A request is written down before it is sent, its reply
before anybody sees it: a killed process loses the requests in flight and nothing else.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from moored.storage.journal_file import open_journal, plain_error


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


class Journal:
    """Open the journal at `path`, for one study's entries. Safe in many processes and threads at once.

    Errors: `SchemaNewer`, `StoreLocked` (a write that waited a minute), `DiskFull`.
    """

    def __init__(self, path: Path, study: str = "") -> None:
        self.path = path
        self.study = study
        self._lock = threading.RLock()
        self._reading = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._depth = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return Journal, (self.path, self.study)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock, self._reading:
            for connection in (self._writer, self._reader):
                if connection is not None:
                    connection.close()
            self._writer = self._reader = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several entries, one durable commit. Nested use joins the outer one."""
        with self._lock, self._plainly():
            connection = self._write()
            if self._depth == 0:
                connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    connection.execute("COMMIT")
            except BaseException:
                if self._depth == 1 and connection.in_transaction:
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def reply(self, key: str) -> StoredReply | None:
        """The stored answer to a request."""
        columns = "key, request, reply, prompt_tokens, completion_tokens, latency_s"
        row = self._one(f"SELECT {columns} FROM replies WHERE key = ?", key)  # noqa: S608
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
                "INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?, ?, ?)",
                (key, request, reply, prompt_tokens, completion_tokens, latency_s, time.time()),
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
            row = (self.study, source, key, time.time(), prompt_tokens, completion_tokens, usd, prices)
            return self._run(
                "INSERT INTO calls (study, source, key, started, prompt_tokens, completion_tokens, usd,"
                " prices) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            ).lastrowid

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
            was = self._run(
                "SELECT prompt_tokens, completion_tokens, usd FROM calls WHERE call = ?", (call,)
            ).fetchone()
            self._run(
                "UPDATE calls SET ended = ?, outcome = ?, http_status = ?, prompt_tokens = ?,"
                " completion_tokens = ?, usd = ? WHERE call = ?",
                (time.time(), outcome, http_status, prompt_tokens, completion_tokens, usd, call),
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
            row = self._run("SELECT free_at FROM buckets WHERE scope = ?", (scope,)).fetchone()
            free_at = max(now, row[0] if row else now)
            self._run(
                "INSERT INTO buckets VALUES (?, ?) ON CONFLICT DO UPDATE SET free_at = excluded.free_at",
                (scope, free_at + amount * 60.0 / per_minute),
            )
            return max(now, free_at + (amount - burst) * 60.0 / per_minute)

    def wait_until(self, when: float) -> None:
        """Write down that the endpoint is given a rest until then (seconds since 1970)."""
        with self.transaction():
            self._run("INSERT OR REPLACE INTO buckets VALUES (?, ?)", (f"wait/{self.study}", when))

    def waits_until(self, study: str | None = None) -> float | None:
        """Until when a study gives its endpoint a rest; None where it waits for nothing."""
        row = self._one("SELECT free_at FROM buckets WHERE scope = ?", f"wait/{study or self.study}")
        return float(row[0]) if row and row[0] > time.time() else None

    def forget_abilities(self, endpoint: str) -> None:
        """What a probe found does not hold any more: the next run asks again."""
        with self.transaction():
            self._run("DELETE FROM abilities WHERE endpoint = ?", (endpoint,))

    def calls(self, study: str | None = None) -> int:
        """Requests ever sent for a study."""
        return self.progress(study).requests

    def spent(self, study: str | None = None) -> Progress:
        """Requests, tokens and cost ever; of unfinished requests the estimate."""
        return self.progress(study)

    def progress(self, study: str | None = None, since: Progress | None = None) -> Progress:
        """A study's counters, or what was added to them since an earlier reading."""
        names = ", ".join(f.name for f in fields(Progress))
        row = self._one(f"SELECT {names} FROM totals WHERE study = ?", study or self.study)  # noqa: S608
        now = Progress(*row) if row else Progress()
        return now if since is None else now - since

    def unfinished(self, study: str | None = None) -> int:
        """Requests whose end was never written: in flight now, or lost with a killed process."""
        row = self._one("SELECT count(*) FROM calls WHERE study = ? AND ended IS NULL", study or self.study)
        return int(row[0]) if row else 0

    def abilities(self, endpoint: str) -> dict[str, Any] | None:
        """What an endpoint's probe once found."""
        row = self._one("SELECT abilities FROM abilities WHERE endpoint = ?", endpoint)
        return json.loads(row[0]) if row else None

    def keep_abilities(self, endpoint: str, abilities: Mapping[str, Any], requests: int = 0) -> None:
        """Remember what an endpoint's probe found, and that it cost so many requests."""
        with self.transaction():
            for _ in range(requests):
                none = {"prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}
                call = self.begin(source="probe", key=endpoint, prices="", **none)  # type: ignore[arg-type]
                self.finish(call or 0, outcome="ok", http_status=None, **none)  # type: ignore[arg-type]
            self._run(
                "INSERT OR REPLACE INTO abilities VALUES (?, ?)", (endpoint, json.dumps(dict(abilities)))
            )

    def keep_batch(self, batch: str, *, source: str, endpoint: str, calls: Mapping[str, int]) -> None:
        """Write down a batch: `calls` are its requests' numbers by key."""
        with self.transaction():
            row = (batch, self.study, source, endpoint, "open", time.time(), json.dumps(dict(calls)))
            self._run("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def name_batch(self, known: str, batch: str) -> None:
        """Give a batch that was written down under another name this one."""
        with self.transaction():
            self._run("UPDATE batches SET batch = ? WHERE batch = ?", (batch, known))

    def close_batch(self, batch: str, status: str) -> None:
        """Mark a batch as fetched, failed or expired."""
        with self.transaction():
            self._run("UPDATE batches SET status = ? WHERE batch = ?", (status, batch))

    def open_batches(self, source: str, endpoint: str) -> list[tuple[str, dict[str, int]]]:
        """Batches of this study's source that were written down and not fetched: name, calls by key."""
        with self._reading, self._plainly():
            rows = self._read().execute(
                "SELECT batch, calls FROM batches WHERE study = ? AND source = ? AND endpoint = ?"
                " AND status = 'open' ORDER BY created",
                (self.study, source, endpoint),
            )
            return [(batch, json.loads(calls)) for batch, calls in rows]

    def refused_in_batches(self, source: str) -> set[str]:
        """Keys of requests of this study's source that a batch came to and could not answer."""
        with self._reading, self._plainly():
            rows = self._read().execute(
                "SELECT key FROM calls WHERE study = ? AND source = ? AND outcome = 'batch-refused'",
                (self.study, source),
            )
            return {key for (key,) in rows}

    def waiting_batches(self, study: str | None = None) -> int:
        """How many batches of a study are open."""
        row = self._one(
            "SELECT count(*) FROM batches WHERE study = ? AND status = 'open'", study or self.study
        )
        return int(row[0]) if row else 0

    def _totals(self) -> Progress:
        names = ", ".join(f.name for f in fields(Progress))
        row = self._run(f"SELECT {names} FROM totals WHERE study = ?", (self.study,)).fetchone()  # noqa: S608
        return Progress(*row) if row else Progress()

    def _add(self, **amounts: float) -> None:
        names = ", ".join(amounts)
        sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in amounts)
        marks = ", ".join("?" * len(amounts))
        self._run(
            f"INSERT INTO totals (study, {names}) VALUES (?, {marks}) ON CONFLICT DO UPDATE SET {sums}",  # noqa: S608
            (self.study, *amounts.values()),
        )

    def _run(self, statement: str, values: Sequence[Any]) -> sqlite3.Cursor:
        return self._write().execute(statement, values)

    def _one(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        with self._reading, self._plainly():
            row: tuple[Any, ...] | None = self._read().execute(statement, values).fetchone()
            return row

    def _write(self) -> sqlite3.Connection:
        if self._writer is None:
            self._writer = open_journal(self.path)
        return self._writer

    def _read(self) -> sqlite3.Connection:
        if self._reader is None:
            self._reader = open_journal(self.path)
        return self._reader

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise plain_error(self.path, error) from error
