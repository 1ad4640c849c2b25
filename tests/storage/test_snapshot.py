"""The snapshot: what is published, readable while another process holds the store."""

import subprocess
import sys
import threading

import duckdb
import pytest

from moored.errors import StoreLocked
from moored.storage.results import estimates_of, history, latest_run, roll_back
from moored.storage.snapshot import open_snapshot, open_to_read, refresh_snapshot
from moored.storage.warehouse import open_store
from tests.runs import publish_frames
from tests.storage.test_results import CHECKS, FITS, estimates, run_row

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"


@pytest.fixture
def paths(tmp_path):
    """A store with two versions, and its snapshot."""
    store, snapshot = tmp_path / "s.duckdb", tmp_path / "s.published.duckdb"
    with open_store(store, create=True) as opened:
        publish_frames(opened, run_row("one"), CHECKS, estimates(0.5), FITS)
        publish_frames(opened, run_row("two"), CHECKS, estimates(0.7), FITS)
        refresh_snapshot(opened, snapshot)
    return store, snapshot


@pytest.fixture
def held(paths):
    """Another process has the store open."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(paths[0])], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline()
    yield holder
    holder.communicate()


def test_a_free_store_is_read_itself(paths):
    told = []
    with open_to_read(*paths, told.append) as store:
        assert store.written_at is None
        assert latest_run(store, "requests").version == 2
    assert told == []


def test_a_held_store_is_read_by_its_snapshot(paths, held):
    told = []
    with open_to_read(*paths, told.append) as store:
        assert [run.version for run in history(store, "requests")] == [1, 2]
        assert [row.estimate for row in estimates_of(store, latest_run(store, "requests").run_id)] == [
            0.7,
            0.7,
        ]
    assert len(told) == 1
    assert f"held by process {held.pid}; this is its snapshot of {store.written_at:%Y-%m-%d}" in told[0]


def test_anything_reads_it_beside_the_holder(paths, held):
    with duckdb.connect(paths[1], read_only=True) as connection:
        assert connection.execute("SELECT study, version, estimate FROM latest").fetchall() == [
            ("requests", 2, 0.7),
            ("requests", 2, 0.7),
        ]
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert {"runs", "estimates", "fits", "checks"} <= tables
    assert not {"texts", "units", "unit_values", "generations"} & tables


def test_a_held_store_without_a_snapshot_is_locked(paths, held):
    paths[1].unlink()
    with pytest.raises(StoreLocked), open_to_read(*paths, print, patience_s=0.2):
        pass


def test_a_snapshot_of_another_schema_is_not_read(paths):
    with duckdb.connect(paths[1]) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE number > 1")
    with open_snapshot(paths[1]) as snapshot:
        assert snapshot is None
    paths[1].write_text("words")
    with open_snapshot(paths[1]) as snapshot:
        assert snapshot is None
    with open_store(paths[0]) as store:
        refresh_snapshot(store, paths[1])
    with open_snapshot(paths[1]) as snapshot:
        assert latest_run(snapshot, "requests").version == 2


def test_it_is_written_anew_only_where_there_is_more(paths):
    was = paths[1].stat().st_ino
    with open_store(paths[0]) as store:
        refresh_snapshot(store, paths[1])
        assert paths[1].stat().st_ino == was
        roll_back(store, "requests", 1)
        refresh_snapshot(store, paths[1])
    assert paths[1].stat().st_ino != was
    with open_snapshot(paths[1]) as snapshot:
        assert latest_run(snapshot, "requests").version == 1


def test_readers_meanwhile_see_the_old_or_the_new_one(paths):
    over, seen = threading.Event(), set()

    def read():
        while not over.is_set():
            with open_snapshot(paths[1]) as snapshot:
                seen.add(snapshot.rows("published_counts")[0]["runs"])

    reader = threading.Thread(target=read)
    reader.start()
    with open_store(paths[0]) as store:
        for number in range(3, 9):
            publish_frames(store, run_row(f"run-{number}"), CHECKS, estimates(), FITS)
            refresh_snapshot(store, paths[1])
    over.set()
    reader.join()
    assert seen <= set(range(2, 9))
    assert sorted(path.name for path in paths[0].parent.iterdir()) == ["s.duckdb", "s.published.duckdb"]


def test_one_that_cannot_be_written_stops_nothing(paths, caplog):
    with open_store(paths[0]) as store:
        publish_frames(store, run_row("three"), CHECKS, estimates(), FITS)
        refresh_snapshot(store, paths[0].parent / "nowhere" / "s.published.duckdb")
    assert "the snapshot is of an earlier time" in caplog.text
    assert "s.published.duckdb cannot be written" in caplog.text
