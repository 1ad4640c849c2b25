"""The store's schema: brought up to date on opening, in one transaction, after a copy of an older store."""

from __future__ import annotations

import logging
from pathlib import Path

import duckdb

from moored.errors import SchemaNewer
from moored.storage.copies import copy_database
from moored.storage.queries import migrations, query

log = logging.getLogger(__name__)


def migrate(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Apply the migrations that the store at `path` has not seen; all of them or none.

    An older store is copied to `<store>.schema-N.backup` first. Errors: `SchemaNewer`; `MooredError` where it
    cannot be copied.
    """
    seen = applied(connection)
    pending = [migration for migration in migrations() if migration[0] not in seen]
    newest = migrations()[-1][0]
    if seen and max(seen) > newest:
        raise SchemaNewer(
            f"the store {path} has schema {max(seen)}, this moored knows up to {newest}; upgrade moored"
        )
    if not pending:
        return
    if seen:
        kept = path.with_suffix(f".schema-{max(seen)}.backup")
        copy_database(connection, kept)
        log.warning("the store %s is migrated to schema %d; as it was, it is kept as %s", path, newest, kept)
    connection.begin()
    try:
        connection.execute(query("create_schema_migrations")).fetchall()
        for number, name, sql in pending:
            connection.execute(sql).fetchall()
            values = {"number": number, "name": name}
            connection.execute(query("insert_schema_migration"), values).fetchall()
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def up_to_date(connection: duckdb.DuckDBPyConnection) -> bool:
    """Has the database seen exactly the migrations that there are?"""
    return applied(connection) == {number for number, _, _ in migrations()}


def applied(connection: duckdb.DuckDBPyConnection) -> set[int]:
    """The numbers of the migrations that the database has seen."""
    try:
        rows = connection.execute(query("schema_migrations")).fetchall()
    except duckdb.CatalogException:  # cheaper than to ask first: listing tables takes a third of an opening
        return set()
    return {number for (number,) in rows}
