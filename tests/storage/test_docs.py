"""docs/versions.md lists the tables of the snapshot as they are."""

import re
from pathlib import Path

import duckdb

from moored.storage.snapshot import write_snapshot
from moored.storage.warehouse import open_store

PAGE = Path(__file__).parent.parent.parent / "docs" / "versions.md"


def test_the_columns_of_the_snapshot_are_listed(tmp_path):
    with open_store(tmp_path / "s.duckdb", create=True) as store:
        write_snapshot(store, tmp_path / "s.published.duckdb")
    with duckdb.connect(tmp_path / "s.published.duckdb", read_only=True) as snapshot:
        rows = snapshot.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal ORDER BY column_index"
        ).fetchall()
    tables = {}
    for table, column in rows:
        tables.setdefault(table, []).append(column)
    listed = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", PAGE.read_text(), flags=re.M))
    listed["latest_runs"] = listed["runs"]
    assert {table: columns.split(", ") for table, columns in listed.items()} == tables
