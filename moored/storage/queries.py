"""SQL lives in files; this reads them. Values are bound, never formatted in."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGED = Path(__file__).parent.parent / "sql"
_CHECKOUT = Path(__file__).parent.parent.parent / "sql"
SQL = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT


@cache
def query(name: str) -> str:
    """The text of `sql/queries/<name>.sql`."""
    return (SQL / "queries" / f"{name}.sql").read_text(encoding="utf-8")


@cache
def journal_query(name: str) -> str:
    """The text of `sql/journal/<name>.sql`: SQLite's, where the others are DuckDB's."""
    return (SQL / "journal" / f"{name}.sql").read_text(encoding="utf-8")


def migrations() -> list[tuple[int, str, str]]:
    """(number, name, SQL) of every migration, in order."""
    files = sorted((SQL / "migrations").glob("[0-9]*.sql"))
    return [(int(file.stem.split("_")[0]), file.stem, file.read_text(encoding="utf-8")) for file in files]
