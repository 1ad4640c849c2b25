"""What generation needs of the journal, and the thread that writes to it.

Many coroutines write at once; one thread takes whatever waits, writes it in one commit, and only then
tells them. So a reply is durable before it counts, at the price of one commit for many.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self, TypeVar

from moored.errors import MooredError

T = TypeVar("T")
Entry = tuple[Callable[[], Any], asyncio.Future[Any] | None]
Settled = tuple[asyncio.Future[Any] | None, Any, BaseException | None]


class Reply(Protocol):
    """A stored reply."""

    @property
    def reply(self) -> str:
        """As it came."""

    @property
    def prompt_tokens(self) -> int:
        """Of the request."""

    @property
    def completion_tokens(self) -> int:
        """Of the reply."""

    @property
    def latency_s(self) -> float:
        """From sending to the last byte."""


class Journal(Protocol):
    """`moored.storage.journal.Journal`, as far as generation knows it."""

    @property
    def study(self) -> str:
        """Whose entries these are."""

    def transaction(self) -> AbstractContextManager[None]:
        """Several entries, one durable commit."""

    def reply(self, key: str) -> Reply | None:
        """The stored answer to a request."""

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
        """Keep a raw reply."""

    def begin(
        self,
        *,
        source: str,
        key: str,
        prompt_tokens: int,
        completion_tokens: int,
        usd: float,
        prices: str,
        caps: tuple[int | None, int | None, float | None],
    ) -> int | None:
        """Write down a request before it is sent; None where a cap forbids it."""

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
        """Write down how a request ended."""

    def reserve(self, scope: str, amount: float, per_minute: float, burst: float) -> float:
        """Take from a bucket that all workers share; the time from which it may be used."""

    def count(self, status: str, *, cached: bool) -> None:
        """Count one terminal row."""

    def wait_until(self, when: float) -> None:
        """Write down that the endpoint is given a rest until then (seconds since 1970)."""

    def forget_abilities(self, endpoint: str) -> None:
        """What a probe found does not hold any more."""


class Writer:
    """Group commit: `await writer.write(entry)` returns once the entry is durable."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="moored-journal", daemon=True)
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    async def write(self, entry: Callable[[], T]) -> T:
        """Run `entry` in the next commit; its result. Errors: the journal's."""
        done: asyncio.Future[T] = self._loop.create_future()
        self._queue.put((entry, done))
        return await asyncio.shield(done)

    def note(self, entry: Callable[[], Any]) -> None:
        """Run `entry` in the next commit, without waiting for it."""
        self._queue.put((entry, None))

    def _work(self) -> None:
        ended = False
        while not ended:
            taken = [self._queue.get()]
            while not self._queue.empty():
                taken.append(self._queue.get())
            ended = None in taken
            batch = [item for item in taken if item is not None]
            if batch:
                self._loop.call_soon_threadsafe(_settle, self._commit(batch))

    def _commit(self, batch: list[Entry]) -> list[Settled]:
        """Write all entries in one commit. Where one of them is at fault, each has a commit of its own."""
        try:
            with self._journal.transaction():
                return [(future, entry(), None) for entry, future in batch]
        except Exception as error:
            if isinstance(error, MooredError) or len(batch) == 1:
                return [(future, None, error) for _, future in batch]
        except BaseException as error:
            return [(future, None, error) for _, future in batch]
        return [settled for item in batch for settled in self._commit([item])]


def _settle(results: list[Settled]) -> None:
    for future, result, error in results:
        if future is None or future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
