"""The journal's writer: many entries to a commit, told once it is durable."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from moored.errors import DiskFull
from moored.llm.journal import CallBegun, CallEnded, ReplyKept
from moored.llm.writer import Writer
from moored.storage.journal import Journal


def _begun(key: str) -> CallBegun:
    return CallBegun("s", key, 10, 5, 0.0, "p")


async def _exchange(writer: Writer, key: str, seen: list[str], path: Path) -> None:
    """A request as the sender does it; `seen` collects what another connection sees when it is told."""
    call = await writer.begin(_begun(key))
    assert call is not None
    await writer.end(
        CallEnded(call, "ok", 200, 7, 1, 0.0), _begun(key), ReplyKept(key, "{}", "[1]", 7, 1, 0.1)
    )
    writer.count("ok", cached=False)
    with sqlite3.connect(path) as other:
        seen += [found for (found,) in other.execute("SELECT key FROM replies WHERE key = ?", [key])]


def test_a_hundred_requests_share_a_few_commits(journal: Journal, monkeypatch: Any) -> None:
    begun: list[int] = []
    begin_all = journal.begin_all
    monkeypatch.setattr(
        journal, "begin_all", lambda calls, caps: begun.append(len(calls)) or begin_all(calls, caps)
    )
    seen: list[str] = []

    async def main() -> None:
        async with Writer(journal) as writer:
            await asyncio.gather(*(_exchange(writer, str(at), seen, journal.path) for at in range(100)))

    asyncio.run(main())
    assert sorted(seen) == sorted(map(str, range(100)))  # durable before anybody was told
    assert sum(begun) == 100
    assert len(begun) < 20
    progress = journal.progress()
    assert (progress.requests, progress.ok, progress.tokens) == (100, 100, 800)
    assert journal.unfinished() == 0


def test_caps_hold_within_a_group(journal: Journal) -> None:
    async def main() -> list[int | None]:
        async with Writer(journal, (3, None, None)) as writer:
            return await asyncio.gather(*(writer.begin(_begun(str(at))) for at in range(10)))

    calls = asyncio.run(main())
    assert [call is None for call in calls] == [False] * 3 + [True] * 7
    assert journal.calls() == 3


def test_what_is_noted_last_is_written_before_the_end(journal: Journal) -> None:
    async def main() -> None:
        async with Writer(journal) as writer:
            writer.count("failed", cached=False)
            writer.note(lambda: journal.wait_until(4e9))

    asyncio.run(main())
    assert journal.progress().failed == 1
    assert journal.waits_until() == 4e9


def test_a_waiter_that_is_gone_does_not_stop_the_others(journal: Journal) -> None:
    async def main() -> int | None:
        async with Writer(journal) as writer:
            gone, stays = writer.begin(_begun("a")), writer.begin(_begun("b"))
            gone.cancel()
            return await stays

    assert asyncio.run(main()) is not None
    assert journal.calls() == 2  # written down all the same


def test_one_entry_at_fault_is_told_alone_and_a_full_disk_everybody(
    journal: Journal, monkeypatch: Any
) -> None:
    async def main(*entries: Any) -> list[Any]:
        async with Writer(journal) as writer:
            waits = [writer.begin(_begun("a")), *map(writer.write, entries)]
            writer.count("ok", cached=True)
            return await asyncio.gather(*waits, return_exceptions=True)

    call, bad, good = asyncio.run(main(lambda: 1 / 0, lambda: "written"))
    assert (isinstance(call, int), type(bad), good) == (True, ZeroDivisionError, "written")
    assert (journal.calls(), journal.progress().ok) == (1, 1)

    def full() -> None:
        raise DiskFull("the disk is full")

    told = asyncio.run(main(full))
    assert [type(error) for error in told] == [DiskFull, DiskFull]
    assert (journal.calls(), journal.progress().ok) == (1, 1)  # the whole commit is undone
    with pytest.raises(DiskFull):
        raise told[0]
