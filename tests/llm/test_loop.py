"""What chunks of one process share: one loop, what is lent on it, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import pickle
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest

from moored.llm import loop
from moored.llm.generate import generate
from moored.llm.loop import Lending, on_shared_loop
from moored.storage.journal import Journal, shared_journal
from moored.study import GenerationSettings
from tests.endpoint import serve
from tests.llm.conftest import a_recipe, a_study, endpoint_at, some_units


class Things:
    """Opens things and counts them."""

    def __init__(self) -> None:
        self.opened = self.open = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[int]:
        self.opened += 1
        self.open += 1
        yield self.opened
        self.open -= 1


def test_threads_that_begin_together_share_one_loop(monkeypatch):
    monkeypatch.setattr(loop, "_LOOP", loop._SharedLoop())
    together = threading.Barrier(8)

    async def here() -> int:
        return id(asyncio.get_running_loop())

    def one(_: int) -> int:
        together.wait()
        return on_shared_loop(here())

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(8)))) == 1


def test_what_is_lent_is_opened_for_the_first_and_closed_after_the_last():
    things, lending = Things(), Lending[int]()

    async def use(seconds: float) -> int:
        async with lending.lend("key", things.one) as thing:
            await asyncio.sleep(seconds)
            return thing

    async def together() -> list[int]:
        return await asyncio.gather(use(0.01), use(0.05), use(0.02))

    assert on_shared_loop(together()) == [1, 1, 1]
    assert (things.opened, things.open) == (1, 0)
    assert on_shared_loop(use(0)) == 2


def test_what_is_kept_is_there_for_the_next_and_closed_once_nobody_came():
    things, lending = Things(), Lending[int](keep_s=0.2)

    async def use() -> int:
        async with lending.lend("key", things.one) as thing:
            return thing

    async def wait(seconds: float) -> int:
        await asyncio.sleep(seconds)
        return things.open

    assert [on_shared_loop(use()) for _ in range(3)] == [1, 1, 1]
    assert on_shared_loop(wait(0.1)) == 1
    assert on_shared_loop(use()) == 1
    assert on_shared_loop(wait(0.15)) == 1  # the time counts from the last use
    assert on_shared_loop(wait(0.2)) == 0
    assert on_shared_loop(use()) == 2


def test_what_cannot_be_opened_is_not_kept():
    lending = Lending[int]()

    @asynccontextmanager
    async def broken() -> AsyncIterator[int]:
        raise OSError("no")
        yield 0

    async def use() -> None:
        async with lending.lend("key", broken):
            pass

    for _ in range(2):
        with pytest.raises(OSError, match="no"):
            on_shared_loop(use())


def test_the_collector_looks_at_all_again_afterwards():
    async def frozen() -> int:
        return gc.get_freeze_count()

    before = gc.get_freeze_count()
    assert on_shared_loop(frozen()) > 10_000
    assert gc.get_freeze_count() == before


def test_chunks_after_each_other_use_the_same_connections(tmp_path):
    with serve() as server:
        endpoint = endpoint_at(server.url)
        recipe = a_recipe(a_study(), endpoint, "proxy")
        for chunk in range(4):
            units = some_units(80)[chunk * 20 : chunk * 20 + 20]
            with shared_journal(tmp_path / "j", "small") as journal:
                generate(units, recipe, endpoint, journal, GenerationSettings(concurrency=5))
        assert server.calls == 80
        assert len(server.clients) <= 5


def test_chunks_side_by_side_keep_to_one_limit(tmp_path):
    units = some_units(120)
    with serve(latency_s=0.03) as server, shared_journal(tmp_path / "j", "small") as journal:
        endpoint = endpoint_at(server.url)
        recipe = a_recipe(a_study(), endpoint, "proxy")

        def chunk(at: int) -> int:
            limits = GenerationSettings(concurrency=5)
            return len(generate(units[at : at + 30], recipe, endpoint, journal, limits, workers=2))

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(chunk, range(0, 120, 30))) == 120
        assert 8 <= server.most_in_flight <= 10


def test_a_shared_journal_is_closed_by_the_last(tmp_path):
    with shared_journal(tmp_path / "j", "s") as one:
        with shared_journal(tmp_path / "j", "s") as other, shared_journal(tmp_path / "j", "t") as third:
            assert one is other
            assert one is not third
            one.count_all({"ok": 1})
        assert one._writer is not None
    assert one._writer is None
    assert Journal(tmp_path / "j", "s").progress().ok == 1


_RUN = """
import pickle, sys
from pathlib import Path
from moored.llm.generate import generate
from moored.storage.journal import Journal
from moored.study import GenerationSettings
units, recipe, endpoint = pickle.loads(Path(sys.argv[1]).read_bytes())
print(len(generate(units, recipe, endpoint, Journal(Path(sys.argv[2]), "small"), GenerationSettings())))
"""


def test_a_process_ends_quietly_with_connections_open(tmp_path):
    with serve() as server:
        endpoint = endpoint_at(server.url)
        work = (some_units(8), a_recipe(a_study(), endpoint, "proxy"), endpoint)
        (tmp_path / "work").write_bytes(pickle.dumps(work))
        command = [sys.executable, "-W", "always", "-c", _RUN, str(tmp_path / "work"), str(tmp_path / "j")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "8\n"), done.stderr
    assert "Unclosed" not in done.stderr
    assert "Traceback" not in done.stderr
