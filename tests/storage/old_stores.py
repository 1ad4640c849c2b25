"""Stores as earlier releases made them: their migrations, and every data version with all its units."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import duckdb
import pandas as pd

from moored.storage.queries import SQL, migrations
from moored.storage.warehouse import Warehouse

WHOLE = {
    "texts": "study, unit_id, content_hash, text, fields",
    "units": 'study, data_version, unit_id, content_hash, labelled, probability, "cluster", held_back',
    "unit_values": "study, data_version, unit_id, variable, value",
    "unit_words": "study, data_version, unit_id, variable, word",
    "data_versions": "study, data_version, units, labelled",
}


@contextmanager
def old_store(path: Path, schema: int):
    """A store of an earlier schema; one to write to."""
    with duckdb.connect(path) as connection:
        connection.execute((SQL / "queries" / "create_schema_migrations.sql").read_text())
        for number, name, sql in migrations()[:schema]:
            connection.execute(sql)
            connection.execute("INSERT INTO schema_migrations (number, name) VALUES (?, ?)", [number, name])
        yield Warehouse(connection)


def store_whole(
    store: Warehouse, study: str, data_version: str, units: pd.DataFrame, variables: list[str]
) -> None:
    """A data version as releases before schema 9 stored it."""
    frame = units.assign(study=study, data_version=data_version)
    keys = ["study", "data_version", "unit_id"]
    numbers = [name for name in variables if pd.api.types.is_numeric_dtype(frame[name])]
    words = [name for name in variables if name not in numbers]
    counts = {"units": len(frame), "labelled": int(frame["labelled"].sum())}
    rows = {
        "texts": frame,
        "units": frame.assign(cluster=frame["cluster"].astype("string")),
        "unit_values": frame.melt(keys, numbers, "variable", "value").dropna(),
        "unit_words": frame.melt(keys, words, "variable", "word").dropna(),
        "data_versions": pd.DataFrame([{"study": study, "data_version": data_version} | counts]),
    }
    for table, columns in WHOLE.items():
        if len(rows[table]):
            with store.incoming(rows[table]):
                insert = (
                    f"INSERT INTO {table} ({columns}) SELECT {columns} FROM incoming ON CONFLICT DO NOTHING"
                )
                store._connection.execute(insert).fetchall()
