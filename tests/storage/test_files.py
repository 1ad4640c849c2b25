"""Files for their owner alone, whole or not there."""

import os
import stat
import threading
from contextlib import suppress

import pytest

from moored.storage.files import private, replacing
from moored.storage.journal import Journal
from moored.storage.run_lock import hold
from moored.storage.snapshot import write_snapshot
from moored.storage.warehouse import open_store
from tests.runs import publish_frames
from tests.storage.test_results import CHECKS, FITS, estimates, run_row


@pytest.fixture(params=[0o000, 0o022], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    assert os.umask(before) == request.param


def test_every_file_of_the_store_is_its_owners_alone(tmp_path, umask):
    with (
        open_store(tmp_path / "s.duckdb", create=True) as store,
        Journal(tmp_path / "s.sqlite", "s") as journal,
    ):
        publish_frames(store, run_row("one"), CHECKS, estimates(), FITS)
        journal.count_all({"ok": 1})
        write_snapshot(store, tmp_path / "s.published.duckdb")
        with hold(tmp_path / "s.lock", "s", "run"):
            pass
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert {"s.duckdb", "s.duckdb.wal", "s.sqlite", "s.sqlite-wal", "s.published.duckdb", "s.lock"} <= set(
        modes
    )
    assert set(modes.values()) == {0o600}


def test_the_umask_comes_back_when_the_last_thread_leaves(umask):
    inside, leave = threading.Event(), threading.Event()

    def other():
        with private:
            inside.set()
            leave.wait()

    thread = threading.Thread(target=other)
    with private:
        thread.start()
        inside.wait()
    assert os.umask(0o077) == 0o077
    leave.set()
    thread.join()


def test_a_file_is_replaced_whole_or_stays(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with suppress(ZeroDivisionError), replacing(path) as unfinished:
        unfinished.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    (tmp_path / ".file.unfinished").write_text("left by a killed writer")
    with replacing(path) as unfinished:
        assert not unfinished.exists()
        unfinished.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
