"""SQL expressions and queries of a study, computed over a table in a database of their own.

That database has no files, no network and no other table: a rule computes over its row and does nothing else.
In SQL a column of a delimited file is a number where every cell that is not missing is one, a truth value where
every cell says true or false, and else a text. Ids, texts and codes with leading zeros stay texts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from moored.cells import NoNumbers, booleans, numbers, stripped, words_for_missing
from moored.errors import ColumnMissing, DataInvalid, StudyInvalid, UnsafeRule
from moored.plaintext import meant
from moored.storage.repeatable import unrepeatable
from moored.storage.sandbox import open_sandbox, said, time_limit
from moored.storage.tables import TEXT, Column, Table, readable, table_of

_NONE = words_for_missing()
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STRINGS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_LOG = re.compile(r"\blog\s*\(", re.IGNORECASE)
_ZEROS = re.compile(r"[+-]?0[0-9]")
_WHOLE = 2**53
_PLACE = "\N{SECTION SIGN} place"
"""What a rule's rows are put back in order by: a window gives them in an order of its own."""


def evaluate(
    rules: Mapping[str, str],
    table: Table,
    *,
    texts: Collection[str] = (),
    missing: Collection[str] = _NONE,
) -> dict[str, Column]:
    """Each rule's value for each row of `table`, in its order. A rule that is a column's name is that column.

    texts: columns that stay text in SQL, however they look. missing: cells that are NULL in numbers.

    Errors: `ColumnMissing` (a rule names a column that `table` does not have), `UnsafeRule` (it reads files,
    mixes rows or gives other values each time), `StudyInvalid` (it is not an SQL expression, or does not end).
    """
    named = {name: column_named(rule, table) for name, rule in rules.items()}
    found = {name: table.column(column) for name, column in named.items() if column is not None}
    if len(found) == len(rules):
        return found
    with open_sandbox() as sandbox:
        _register(sandbox, table, texts, missing)
        return {
            name: found[name] if name in found else _evaluate_one(sandbox, name, rule, table)
            for name, rule in rules.items()
        }


def column_named(rule: str, table: Table) -> str | None:
    """The column that `rule` is the name of: exactly; else quoted as in SQL; else in another case."""
    names = table.names
    if rule in names:
        return rule
    text = rule.strip()
    if text in names:
        return text
    quoted = _QUOTED.fullmatch(text)
    if quoted is not None:
        text = quoted[1].replace('""', '"')
    elif not _PLAIN.fullmatch(text) or text.lower() in ("true", "false", "null"):
        return None
    alike = [name for name in names if name.casefold() == text.casefold()]
    return text if text in names else alike[0] if len(alike) == 1 else None


def refuse_log(name: str, rule: str) -> None:
    """In DuckDB's SQL `log` has base 10, in R and in formulas base e. Errors: `StudyInvalid`."""
    if _LOG.search(_STRINGS.sub("''", rule)):
        raise StudyInvalid(
            f"{name!r} is `{rule}`, where SQL's `log` is the logarithm to base 10; write `ln(...)` for the natural "
            "logarithm or `log10(...)`"
        )


def select(
    table: Table, query: str, *, texts: Collection[str] = (), missing: Collection[str] = _NONE
) -> Table:
    """The rows of a query over `table`, which it calls `data`; `data_as_text` has every column as text.

    Errors: `StudyInvalid` (no such query).
    """
    with open_sandbox() as sandbox:
        _register(sandbox, table, texts, missing)
        _register(sandbox, table, table.names, missing, view="data_as_text")
        rows = _selected(sandbox, query, file=False)
    codebook = {name: entry for name, entry in table.codebook.items() if name in rows.names}
    return Table(rows.frame, rows.types, table.delimiter, table.notes, codebook)


def read_query(path: Path, query: str) -> Table:
    """The rows of a query over the tables of a DuckDB file, which it can only read.

    Errors: `DataInvalid` (no such file), `StudyInvalid` (no such query), `StoreLocked`.
    """
    if not path.is_file():
        raise DataInvalid(f"there is no file {path}; name a DuckDB file")
    with readable(path), open_sandbox(path) as connection:
        return _selected(connection, query, file=True)


def _selected(connection: duckdb.DuckDBPyConnection, query: str, *, file: bool) -> Table:
    """The rows of one SELECT. file: over a user's database, whose tables have no order."""
    try:
        statements = connection.extract_statements(query)
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            raise StudyInvalid("`data.query` must be one SELECT")
        named = connection.sql("SELECT column_name FROM duckdb_columns() WHERE NOT internal").fetchall()
        columns = [name for (name,) in named]
        why = unrepeatable(connection, query, columns, file=file, numbered=not file)
        if why is not None:
            raise StudyInvalid(f"`data.query` must select the same rows each time, but {why}")
        with time_limit(connection, "`data.query`"):
            return table_of(connection.sql(query))
    except duckdb.Error as error:
        raise StudyInvalid(f"`data.query` cannot be run: {said(error)}") from error


def _register(
    sandbox: duckdb.DuckDBPyConnection,
    table: Table,
    texts: Collection[str],
    missing: Collection[str],
    view: str = "data",
) -> None:
    """The table as a view. Columns whose names differ by case alone are left out: SQL cannot tell them apart."""
    folded = [name.casefold() for name in table.names]
    columns: dict[str, np.ndarray | pd.Series] = {"row": np.arange(len(table))}
    picked = []
    for place, name in enumerate(table.names):
        if folded.count(name.casefold()) > 1:
            continue
        column = table.column(name)
        columns[f"c{place}"] = column.cells if name in texts else _in_sql(column, missing)
        kind = "" if name in texts or column.type == TEXT else f"::{column.type}"
        quoted = name.replace('"', '""')
        picked.append(f'c{place}{kind} AS "{quoted}"')
    sandbox.register(f"_{view}", pd.DataFrame(columns))
    given = sandbox.table(f"_{view}")
    given.project(", ".join(picked) or "NULL AS nothing").create_view(view)
    given.project(", ".join([f'"row" AS "{_PLACE}"', *picked])).create_view(f"_placed_{view}")


def _in_sql(column: Column, missing: Collection[str]) -> np.ndarray | pd.Series:
    return column.cells if column.type != TEXT else natural(column, missing)


def natural(column: Column, missing: Collection[str]) -> np.ndarray | pd.Series:
    """Numbers or truth values where all cells are such and nothing is lost by it, else the texts."""
    first = next((cell for cell in column.cells if cell is not None and cell.strip() not in missing), None)
    if first is None or len(first) > 40:
        return column.cells
    logical = booleans(column.cells, missing)
    if logical is not None:
        return pd.Series(logical).astype("boolean")
    try:
        found = numbers(column.cells, missing, column.delimiter)
    except NoNumbers:
        return column.cells
    if any(_ZEROS.match(cell) for cell in stripped(column.cells)):
        return column.cells
    known = found.values[~np.isnan(found.values)]
    if bool((np.abs(known) >= _WHOLE).any()):
        return column.cells
    whole = not any(
        "." in cell or "e" in cell.lower() for cell in stripped(column.cells) if cell not in missing
    )
    if whole and not found.decimal_comma:
        return pd.Series(found.values).astype("Int64")
    return pd.Series(found.values).astype("Float64")


def _evaluate_one(sandbox: duckdb.DuckDBPyConnection, name: str, rule: str, table: Table) -> Column:
    many = f"the rule of {name!r}, `{rule}`, must give one value for each row"
    try:
        rows = sandbox.table("_placed_data").set_alias("data")
        relation = rows.project(f'"{_PLACE}", ({rule}) AS value')
        if list(relation.columns) != [_PLACE, "value"]:
            raise UnsafeRule(many)
        why = unrepeatable(sandbox, f"SELECT ({rule})", table.names)
        if why is not None:
            raise UnsafeRule(
                f"the rule of {name!r}, `{rule}`, must give the same values each time, but {why}"
            )
        with time_limit(sandbox, f"the rule of {name!r}, `{rule}`,"):
            result = table_of(relation.order(f'"{_PLACE}"'))
    except duckdb.BinderException as error:
        if f'"{_PLACE}" must appear in the GROUP BY' in str(error):
            raise UnsafeRule(many) from error
        if "not found in FROM clause" not in str(error):
            raise _not_computed(name, error) from error
        raise ColumnMissing(
            f"the rule of {name!r}, `{rule}`, names a column that the data do not have"
            f"{meant(rule.strip(), table.names)}; they have {', '.join(table.names)}"
        ) from error
    except duckdb.PermissionException as error:
        raise UnsafeRule(f"the rule of {name!r}, `{rule}`, may compute over its row only") from error
    except duckdb.Error as error:
        raise _not_computed(name, error) from error
    if len(result) != len(table):
        raise UnsafeRule(many)
    return Column(result.column("value").cells, result.types["value"])


def _not_computed(name: str, error: duckdb.Error) -> StudyInvalid:
    """DuckDB's words, and what they most often mean."""
    mixed = "No function matches" in str(error) and "VARCHAR" in str(error)
    if not mixed and not isinstance(error, duckdb.ConversionException):
        return StudyInvalid(f"the rule of {name!r} is no SQL expression: {said(error)}")
    return StudyInvalid(
        f"the rule of {name!r} computes with a text as if it were a number ({said(error)}); a column is a number "
        "in SQL where every cell is one, without leading zeros: state its words for missing in `data.missing`, or "
        "write TRY_CAST(column AS DOUBLE)"
    )
