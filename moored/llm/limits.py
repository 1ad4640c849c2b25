"""How many requests may be in flight, and when none may: one `Limiter` per model and worker process.

Concurrency adapts as TCP does: one more after a window of successes, half after a 429 (additive
increase, multiplicative decrease). A Retry-After stops everybody; one that is longer than the study
allows ends the run. A run of failures opens the circuit breaker: one request at a time tries whether the
endpoint is back, and if it is not, the run ends with one sentence instead of thousands of failed rows.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from moored.errors import EndpointBusy, EndpointUnreachable, MooredError
from moored.llm.loop import Lending
from moored.plaintext import counted

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
BREAK_AFTER = 10
"""Failures in a row, over all rows, that open the breaker."""

_LEARNED: dict[tuple[str, str], float] = {}
"""Concurrency that a model was found to bear, by (endpoint, model): kept from chunk to chunk."""


def backoff_s(attempt: int) -> float:
    """Exponential backoff with full jitter: uniform between 0 and the doubled wait."""
    return random.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt))  # noqa: S311


@dataclass(slots=True)
class Limiter:
    """`await enter()` before sending, `leave()` after it; then one of `succeeded`, `slowed`, `failed`."""

    scope: tuple[str, str]
    most: int
    patience: int
    """Trials of an endpoint that is down before the run gives up."""
    max_wait_s: float = 3600.0
    """Longest time without an answer, since the endpoint asks to wait."""
    limit: float = 0.0
    in_flight: int = 0
    resume_at: float = 0.0
    failures: int = 0
    trials: int = 0
    answered: bool = False
    """Any answer came through this limiter."""
    down: MooredError | None = None
    """Why nothing is sent any more; every `enter` raises it."""
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    _halved_at: float = 0.0
    _slow_since: float | None = None

    def __post_init__(self) -> None:
        self.limit = min(_LEARNED.get(self.scope, float(self.most)), float(self.most))

    @property
    def open(self) -> bool:
        """The breaker is open: the endpoint looks down."""
        return self.failures >= BREAK_AFTER

    async def enter(self) -> bool:
        """Wait for a place; True where this request tries an endpoint that looks down. Errors: `down`."""
        while True:
            if self.down is not None:
                raise self.down
            wait = self.resume_at - time.monotonic()
            if wait > 0:
                await asyncio.sleep(min(wait, 1.0))  # to see `down` in time
            elif self.in_flight < (1 if self.open else max(1, int(self.limit))):
                self.in_flight += 1
                return self.open
            else:
                place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.append(place)
                await place

    def leave(self) -> None:
        """Give the place back."""
        self.in_flight -= 1
        self._wake(1)

    def succeeded(self) -> None:
        """An answer came: the endpoint is there, and one more may be in flight after a window of them."""
        self._there()
        self._slow_since = None
        if self.limit < self.most:
            self.limit = min(float(self.most), self.limit + 1.0 / max(self.limit, 1.0))
            _LEARNED[self.scope] = self.limit
            self._wake(1)

    def slowed(self, retry_after_s: float | None, attempt: int) -> None:
        """A 429: everybody waits, and half as many go on. Several at once count as one."""
        now = time.monotonic()
        self._there()
        if now - self._halved_at > 1.0:
            self._halved_at = now
            self.limit = max(1.0, self.limit / 2)
            _LEARNED[self.scope] = self.limit
        self.hold(retry_after_s if retry_after_s is not None else backoff_s(attempt))

    def hold(self, wait_s: float) -> None:
        """Nobody sends for so long; the run ends where that is longer than allowed, all waits since the last
        answer together."""
        now = time.monotonic()
        self._slow_since = self._slow_since if self._slow_since is not None else now
        self.resume_at = max(self.resume_at, now + wait_s)
        if self.resume_at - self._slow_since > self.max_wait_s:
            self.give_up(EndpointBusy(_too_long(self.resume_at - self._slow_since, wait_s, self.max_wait_s)))

    def failed(self, why: str, *, trial: bool) -> bool:
        """No answer, or a server error. Whether it counts against the row: not while the breaker is open."""
        if not self.open:
            self.failures += 1
            return True
        if trial:
            self.trials += 1
            self.resume_at = max(self.resume_at, time.monotonic() + backoff_s(self.trials))
            if self.trials >= self.patience:
                self.give_up(
                    EndpointUnreachable(
                        f"the endpoint is down: {why}, {counted(self.failures + self.trials, 'time')} in a row; "
                        "start it or wait, then run again: what was generated is stored"
                    )
                )
        return False

    def give_up(self, error: MooredError) -> None:
        """Send nothing more; requests in flight may still end."""
        self.down = self.down or error
        self._wake(len(self._waiting))

    def _there(self) -> None:
        if self.open:
            self._wake(len(self._waiting))
        self.answered = True
        self.failures = self.trials = 0

    def _wake(self, places: int) -> None:
        while places > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                places -= 1


_LIMITERS = Lending[Limiter]()


def lent_limiter(
    scope: tuple[str, str], most: int, patience: int, max_wait_s: float
) -> AbstractAsyncContextManager[Limiter]:
    """The limiter that all chunks of this process share while any of them runs."""
    settings = (scope, most, patience, max_wait_s)
    return _LIMITERS.lend(settings, lambda: nullcontext(Limiter(*settings)))


def _too_long(whole_s: float, wait_s: float, most_s: float) -> str:
    back = datetime.now(UTC) + timedelta(seconds=wait_s)
    waited = "" if whole_s - wait_s < 60 else f", after {duration(whole_s - wait_s)} of waiting"
    return (
        f"the endpoint asks to wait {duration(wait_s)}{waited}, longer than `generation.max_wait_minutes` = "
        f"{most_s / 60:g}; what was generated is stored: run again after {back:%Y-%m-%d %H:%M} UTC"
    )


def duration(seconds: float) -> str:
    """A time for people."""
    for unit, length in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.95 * length:
            return f"{seconds / length:.1f} {unit}"
    return counted(round(seconds), "second")
