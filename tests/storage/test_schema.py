"""Stores of an earlier release: copied, then migrated in one transaction."""

import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime

import duckdb
import pytest

from moored.errors import MooredError
from moored.storage.generations import generation_seq
from moored.storage.queries import migrations
from moored.storage.results import estimates_of, find_run, latest_run
from moored.storage.studies import store_study, stored_units
from moored.storage.warehouse import Warehouse, open_store
from tests.runs import publish_frames
from tests.storage.old_stores import old_store, store_whole
from tests.storage.test_results import CHECKS, FITS, estimates, run_row
from tests.studies import study, write_requests

FIRST = 1


@pytest.fixture
def old(tmp_path):
    """A store as the release before made it: schema 1, a study, units and two versions."""
    from moored.storage.ingest import read_units

    path = tmp_path / 'it\'s "old".duckdb'
    write_requests(tmp_path)
    with old_store(path, FIRST) as store:
        units = read_units(study(), tmp_path, tmp_path)
        store_study(store, study(), tmp_path)
        store_whole(store, "requests", units.version, units.frame, ["polite", "question"])
        _publish_two(store._connection)
    return path, units.version


def _publish_two(connection):
    """Two versions, with what this release knew of them."""
    store = Warehouse(connection)
    connection.execute(
        "INSERT INTO generations SELECT nextval('generation_seq'), 'one', 'requests', 'r' || i, 'proxy', 'write',"
        " 0, 'recipe', 'h', NULL, NULL, NULL, 0.5, 'ok', NULL, NULL, 1, false, 1, 1, 0, '', 0.1, NULL, $now"
        " FROM range(10) t(i)",
        {"now": datetime.now(UTC)},
    )
    later = {"target": "VARCHAR", "covariance": "DOUBLE[][]"}  # columns that this release did not have
    for column, kind in later.items():
        connection.execute(f"ALTER TABLE fits ADD COLUMN {column} {kind}")
    publish_frames(store, run_row("one"), CHECKS, estimates(0.5), FITS)
    publish_frames(store, run_row("two"), CHECKS, estimates(0.7), FITS)
    for column in later:
        connection.execute(f"ALTER TABLE fits DROP COLUMN {column}")


def numbers(path):
    with duckdb.connect(path) as connection:
        return sorted(connection.execute("SELECT number FROM schema_migrations").fetchall())


def backup_of(path):
    return path.with_suffix(".schema-1.backup")


def test_an_older_store_is_copied_then_migrated_and_reads(old, caplog):
    path, data_version = old
    with open_store(path) as store:
        assert latest_run(store, "requests").version == 2
        assert find_run(store, "requests", 1).run_id == "one"
        assert [row.estimate for row in estimates_of(store, "two")] == [0.7, 0.7]
        assert len(stored_units(store, study(), data_version)) == 60
        assert generation_seq(store, "requests") == 10
        assert publish_frames(store, run_row("three"), CHECKS, estimates(), FITS) == 3
    assert numbers(path) == [(number,) for number, _, _ in migrations()]
    assert numbers(backup_of(path)) == [(FIRST,)]
    assert f"as it was, it is kept as {backup_of(path)}" in caplog.text
    assert stat.S_IMODE(backup_of(path).stat().st_mode) == 0o600


def test_the_copy_is_all_of_the_older_store(old):
    path, _ = old
    with open_store(path):
        pass
    with duckdb.connect(backup_of(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        columns = {name: ", ".join(f'"{c}"' for c in connection.table(name).columns) for name in tables}
        copied = {name: connection.table(name).order("ALL").fetchall() for name in tables}
        assert connection.execute("SELECT nextval('generation_seq')").fetchall() == [(11,)]
        constraints = connection.execute("SELECT count(*) FROM duckdb_constraints()").fetchall()
    with duckdb.connect(path) as connection:
        for name in set(tables) - {"schema_migrations"}:
            kept = connection.table(name).project(columns[name])  # a migration may add columns
            assert kept.order("ALL").fetchall() == copied[name], name
        assert connection.execute("SELECT count(*) FROM duckdb_constraints()").fetchall() >= constraints
    assert len(copied["estimates"]) == 4


KILLED = """
import os, signal, sys
from pathlib import Path
from moored.storage import schema
from moored.storage.warehouse import open_store
real = schema.query
def query(name):
    if name == "insert_schema_migration":
        os.kill(os.getpid(), signal.SIGKILL)
    return real(name)
schema.query = query
with open_store(Path(sys.argv[1])):
    pass
"""


def test_a_migration_that_is_killed_leaves_the_old_schema(old):
    path, _ = old
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert numbers(path) == [(FIRST,)]
    with duckdb.connect(path) as connection:
        assert connection.execute("FROM duckdb_tables() WHERE table_name = 'moves'").fetchall() == []
    with open_store(path) as store:
        assert latest_run(store, "requests").version == 2


def test_a_migration_that_fails_leaves_the_old_schema(old, monkeypatch):
    path, _ = old
    broken = [
        *migrations(),
        (9000, "9000_broken", "CREATE TABLE fine (i INT); CREATE TABLE broken (i NOTYPE);"),
    ]
    monkeypatch.setattr("moored.storage.schema.migrations", lambda: broken)
    with pytest.raises(duckdb.Error), open_store(path):
        pass
    assert numbers(path) == [(FIRST,)]


def test_a_store_of_today_and_a_new_one_are_not_copied(tmp_path):
    for _ in range(2):
        with open_store(tmp_path / "s.duckdb", create=True):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["s.duckdb"]


def test_an_older_store_that_cannot_be_copied_stays_as_it_is(old):
    path, _ = old
    backup_of(path).mkdir()
    with pytest.raises(MooredError, match="cannot be written"), open_store(path):
        pass
    assert numbers(path) == [(FIRST,)]
