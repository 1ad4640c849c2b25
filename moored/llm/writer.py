"""The thread that writes to the journal, for all coroutines of a loop.

What they hand over while a commit is under way goes into the next one, as a few statements; only when it is
durable are they told. So a reply is stored before it counts, at the price of one commit for many.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from moored.errors import MooredError
from moored.llm.journal import CallBegun, CallEnded, Journal, ReplyKept
from moored.study import Caps

T = TypeVar("T")
Future = asyncio.Future[Any]
Settled = tuple[Future | None, Any, BaseException | None]

GATHER_S = 0.002
"""Entries that come within this time share a commit; short beside any reply, long beside a commit's own cost."""


@dataclass(slots=True)
class Group:
    """Entries of one commit."""

    others: list[tuple[Callable[[], Any], Future | None]] = field(default_factory=list)
    begun: list[tuple[CallBegun, Future]] = field(default_factory=list)
    ended: list[tuple[CallEnded, CallBegun, ReplyKept | None, Future]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.others or self.begun or self.ended or self.counts)

    @property
    def waiting(self) -> list[Future]:
        """Who is to be told."""
        told = [told for _, told in self.others if told is not None]
        return [*told, *(told for *_, told in self.ended), *(told for _, told in self.begun)]

    def parts(self) -> Iterator[Group]:
        """Each entry as a group of its own."""
        yield from (Group(others=[entry]) for entry in self.others)
        yield from (Group(ended=[entry]) for entry in self.ended)
        yield from (Group(begun=[entry]) for entry in self.begun)
        if self.counts:
            yield Group(counts=self.counts)


class Writer:
    """Group commit: what is awaited here returns once it is durable. Errors: the journal's."""

    def __init__(self, journal: Journal, caps: Caps = (None, None, None)) -> None:
        self._journal = journal
        self._caps = caps
        self._queue: queue.SimpleQueue[Group | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="moored-journal", daemon=True)
        self._loop = asyncio.get_running_loop()
        self._group = Group()
        self._writing = self._due = False

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._queue.put(self._group)
        self._queue.put(None)
        self._group = Group()
        await asyncio.to_thread(self._thread.join)

    def begin(self, call: CallBegun) -> asyncio.Future[int | None]:
        """Write a request down before it is sent; its number, or None where a cap forbids it."""
        told: asyncio.Future[int | None] = self._loop.create_future()
        self._group.begun.append((call, told))
        self._gather()
        return told

    def end(self, ended: CallEnded, begun: CallBegun, reply: ReplyKept | None) -> asyncio.Future[None]:
        """Write down how a request ended, with its reply if that is worth keeping."""
        told: asyncio.Future[None] = self._loop.create_future()
        self._group.ended.append((ended, begun, reply, told))
        self._gather()
        return told

    def count(self, status: str, *, cached: bool) -> None:
        """Count one terminal row, without waiting for it."""
        self._group.counts[status] += 1
        self._group.counts["cached"] += cached
        self._gather()

    def write(self, entry: Callable[[], T]) -> asyncio.Future[T]:
        """Run `entry` in the next commit; its result."""
        told: asyncio.Future[T] = self._loop.create_future()
        self._group.others.append((entry, told))
        self._gather()
        return told

    def note(self, entry: Callable[[], Any]) -> None:
        """Run `entry` in the next commit, without waiting for it."""
        self._group.others.append((entry, None))
        self._gather()

    def _gather(self) -> None:
        if not self._due and not self._writing:
            self._due = True
            self._loop.call_later(GATHER_S, self._hand_over)

    def _hand_over(self) -> None:
        self._due = False
        if self._group and not self._writing:
            self._writing = True
            self._queue.put(self._group)
            self._group = Group()

    def _work(self) -> None:
        while (group := self._queue.get()) is not None:
            if group:
                self._loop.call_soon_threadsafe(self._tell, self._commit(group))

    def _tell(self, results: list[Settled]) -> None:
        self._writing = False
        for future, result, error in results:
            if future is None or future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        if self._group:
            self._gather()

    def _commit(self, group: Group) -> list[Settled]:
        """Write all entries in one commit. Where one of them is at fault, each has a commit of its own."""
        parts = list(group.parts())
        try:
            return self._written(group)
        except Exception as error:
            if isinstance(error, MooredError) or len(parts) == 1:
                return [(future, None, error) for future in group.waiting]
        except BaseException as error:
            return [(future, None, error) for future in group.waiting]
        return [settled for part in parts for settled in self._commit(part)]

    def _written(self, group: Group) -> list[Settled]:
        journal = self._journal
        with journal.transaction():
            settled: list[Settled] = [(told, entry(), None) for entry, told in group.others]
            if group.ended:
                kept = [reply for _, _, reply, _ in group.ended if reply is not None]
                journal.store_all(kept)
                journal.end_all(
                    [ended for ended, *_ in group.ended], [begun[2:5] for _, begun, *_ in group.ended]
                )
                settled += [(told, None, None) for *_, told in group.ended]
            if group.begun:
                calls = journal.begin_all([call for call, _ in group.begun], self._caps)
                settled += [(told, call, None) for call, (_, told) in zip(calls, group.begun, strict=True)]
            if group.counts:
                journal.count_all(group.counts)
        return settled
