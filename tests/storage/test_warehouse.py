import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import duckdb
import pytest

from moored.errors import NotStored, SchemaNewer, StoreLocked
from moored.storage.queries import SQL, migrations
from moored.storage.warehouse import open_store


def test_a_new_store_has_the_newest_schema(tmp_path):
    with open_store(tmp_path / "s.duckdb", create=True) as store:
        assert [row["number"] for row in store.rows("schema_migrations")] == [m[0] for m in migrations()]


def test_opening_again_changes_nothing(tmp_path):
    for _ in range(2):
        with open_store(tmp_path / "s.duckdb", create=True) as store:
            rows = store.rows("schema_migrations")
    assert len(rows) == len(migrations())


def test_refuses_a_store_that_is_not_there(tmp_path):
    with pytest.raises(NotStored, match="no store at"), open_store(tmp_path / "s.duckdb"):
        pass


def test_refuses_a_file_that_is_no_store(tmp_path):
    (tmp_path / "s.duckdb").write_text("no database, only words " * 1000)
    with pytest.raises(NotStored, match="is no store of moored"), open_store(tmp_path / "s.duckdb"):
        pass


def test_refuses_a_newer_schema(tmp_path):
    with open_store(tmp_path / "s.duckdb", create=True) as store:
        store.rows("insert_schema_migration", {"number": 9999, "name": "9999_from_the_future"})
    with pytest.raises(SchemaNewer, match="9999"), open_store(tmp_path / "s.duckdb"):
        pass


def test_names_the_process_that_holds_the_store(tmp_path):
    path = tmp_path / "s.duckdb"
    with open_store(path, create=True):
        pass
    hold = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print(flush=True); sys.stdin.read()"
    holder = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline()
        with pytest.raises(StoreLocked, match=f"process {holder.pid}"), open_store(path, patience_s=0.2):
            pass
    finally:
        holder.communicate()
    with open_store(path):
        pass


def test_a_failed_transaction_leaves_nothing(tmp_path):
    with open_store(tmp_path / "s.duckdb", create=True) as store:
        with suppress(ZeroDivisionError), store.transaction():
            store.rows("insert_recipe", {"fingerprint": "f", "recipe": "{}"})
            raise ZeroDivisionError
        assert store.rows("studies") == []
    with duckdb.connect(tmp_path / "s.duckdb") as connection:
        assert connection.sql("FROM recipes").fetchall() == []


def test_every_query_is_named_somewhere():
    root = SQL.parent
    code = "".join(p.read_text() for folder in ("moored", "tasks") for p in (root / folder).rglob("*.py"))
    files = [path for room in ("queries", "journal") for path in (SQL / room).glob("*.sql")]
    assert [path.stem for path in files if f'"{path.stem}"' not in code] == []


INCOMING = {
    "end_unit_rows": "FROM unit_rows",
    "units_as_they_came": "FROM unit_rows",
    "end_value_rows": "FROM value_rows",
    "values_as_they_came": "FROM value_rows",
}
"""What comes in where no INSERT says it."""


@pytest.mark.parametrize("name", sorted(q.stem for q in (SQL / "queries").glob("*.sql")))
def test_every_query_is_sql_over_the_schema(tmp_path, name):
    text = (SQL / "queries" / f"{name}.sql").read_text()
    with open_store(tmp_path / "store.duckdb", create=True):
        pass
    with duckdb.connect(tmp_path / "store.duckdb") as connection:
        if re.search(r"\b(FROM|JOIN) incoming\b", text):
            target = re.search(r"INSERT INTO (\w+)", text)
            columns = f"FROM {target[1]}" if target else "SELECT *, '' AS source FROM unit_values"
            columns = INCOMING.get(name, columns)
            connection.execute(f"CREATE TEMP TABLE incoming AS {columns} LIMIT 0")
        if "FROM snapshot" in text:
            connection.execute(
                "CREATE TEMP TABLE snapshot AS SELECT now() AS written_at, 0 AS runs, 0 AS moves"
            )
        values = dict.fromkeys(re.findall(r"\$(\w+)", text))
        values |= {key: [] for key in values if key in {"recipes", "marks"}}
        values |= {key: str(tmp_path / "written") for key in values if key == "path"}
        if re.search(r"\btarget\b|COPY", text):
            if not text.startswith("ATTACH") and "COPY (" not in text:
                connection.execute("ATTACH $path AS target", {"path": str(tmp_path / "target.duckdb")})
            connection.execute(text, values or None).fetchall()
        else:
            connection.execute(f"EXPLAIN {text}", values)


def test_threads_of_one_process_open_and_close_it_at_will(tmp_path):
    """DuckDB refuses a file that another thread is just closing; without patience up to one in five was refused."""
    path = tmp_path / "s.duckdb"
    with open_store(path, create=True):
        pass

    def use(times):
        for _ in range(times):
            with open_store(path) as store:
                assert store.rows("studies") == []
            time.sleep(0.001)  # now and then it is the last one that closes the file
        return times

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(use, [100] * 6)) == 600
