"""What in a user's SQL gives another value each time, or depends on the order in which the rows happen to stand.

Each run would have other data by it, and so another number.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from typing import Any

import duckdb

_CLOCK = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
"""What DuckDB reads as a function without parentheses, where no column is called so."""
_SURROUNDINGS = frozenset({"current_setting", "getvariable"})
_HARMLESS = frozenset({"error"})
"""Called volatile so that DuckDB does not compute it ahead."""
_BY_ORDER = frozenset(
    {
        "any_value",
        "arbitrary",
        "array_agg",
        "first",
        "group_concat",
        "json_group_array",
        "last",
        "list",
        "listagg",
        "string_agg",
    }
)
"""Aggregates that take their rows as they come."""
_WINDOWS_BY_ORDER = frozenset(
    {"fill", "first_value", "lag", "last_value", "lead", "nth_value", "ntile", "row_number", *_BY_ORDER}
)
_DRAWN_INSIDE = frozenset({"reservoir_quantile"})
_AGAIN = "compute the column once and keep it in the table"
_ORDERED = "add an ORDER BY over columns that tell the rows apart, such as the id"


def unrepeatable(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    columns: Collection[str],
    *,
    file: bool = False,
    numbered: bool = False,
) -> str | None:
    """Why `query`, a SELECT, would not give the same rows again, and what to write; None if nothing says so.

    columns: names that are columns, whatever else they mean in SQL. file: the connection is to a file of the
    user's, whose views and macros are looked into. numbered: rows stand in the order of a file: their number
    in it may be an id, and LIMIT means the first of them. A query that DuckDB cannot take apart is left to it to
    refuse.
    """
    own = _own_definitions(connection) if file else {}
    known = {name.casefold() for name in columns}
    waiting, seen = [query], {query}
    while waiting:
        for node in _nodes(connection, waiting.pop()):
            why = _why(node, known, numbered=numbered)
            if why is not None:
                return why
            further = own.get(str(node.get("table_name") or node.get("function_name") or "").casefold())
            if further is not None and further not in seen:
                seen.add(further)
                waiting.append(further)
    return None


def _why(node: dict[str, Any], known: set[str], *, numbered: bool) -> str | None:
    name = str(node.get("function_name") or "").casefold()
    if name and (name in _varying() or (name == "age" and len(node["arguments"]) == 1)):
        return f"`{name}` gives another value each time: {_AGAIN}"
    parts = node.get("column_names") or []
    if len(parts) == 1 and parts[0].casefold() in _CLOCK - known:
        return f"`{parts[0]}` gives another value each time: {_AGAIN}"
    sample = node.get("sample")
    if sample is not None and not sample["repeatable"]:
        return "a sample is another one each time: write `REPEATABLE (1)` behind it"
    if node.get("class") == "WINDOW":
        alone = name == "row_number" and not node["partitions"]
        return None if numbered and alone else _why_window(node, name)
    if node.get("class") == "FUNCTION" and name in _BY_ORDER and not node["order_bys"]["orders"]:
        return (
            f"`{name}` depends on the order of the rows: write `{name}(... ORDER BY ...)`, or `min` or `max`"
        )
    modifiers = {modifier["type"]: modifier for modifier in node.get("modifiers") or ()}
    return _why_modified(modifiers, numbered=numbered)


def _why_window(node: dict[str, Any], name: str) -> str | None:
    if node["orders"] or node.get("arg_orders"):
        return None
    part = "ROWS" in f"{node['start']} {node['end']}" or "EXPR" in f"{node['start']} {node['end']}"
    if name not in _WINDOWS_BY_ORDER and not part:
        return None
    return f"`{name}` OVER rows without an order depends on how they happen to stand: {_ORDERED}"


def _why_modified(modifiers: dict[str, dict[str, Any]], *, numbered: bool) -> str | None:
    if "ORDER_MODIFIER" in modifiers:
        return None
    if not numbered and ("LIMIT_MODIFIER" in modifiers or "LIMIT_PERCENT_MODIFIER" in modifiers):
        return f"LIMIT takes whichever rows come first: {_ORDERED}"
    if modifiers.get("DISTINCT_MODIFIER", {}).get("distinct_on_targets"):
        return f"DISTINCT ON takes whichever rows come first: {_ORDERED}"
    return None


def _nodes(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """Every part of what DuckDB reads `query` as, the outer before the inner."""
    # json.loads ends at a sum of some hundred columns: each is one level deeper.
    rows = connection.execute(
        "SELECT id, parent, key, type, atom FROM json_tree(json_serialize_sql($1::VARCHAR)) ORDER BY id",
        [query],
    ).fetchall()
    built: dict[int | None, Any] = {}
    for number, parent, key, kind, atom in rows:
        made = {"OBJECT": {}, "ARRAY": []}.get(kind, atom and json.loads(atom))
        built[number] = made
        holder = built.get(parent)
        if isinstance(holder, dict):
            holder[key] = made
        elif isinstance(holder, list):
            holder.append(made)
    return [made for made in built.values() if isinstance(made, dict)]


@cache
def _varying() -> frozenset[str]:
    """Functions of the clock, of chance and of the surroundings, from DuckDB's own list. It has "within a query"
    also for those that ask for the time zone, which is fixed here: they take arguments."""
    with duckdb.connect(":memory:") as connection:
        found = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE' "
            "OR (stability = 'CONSISTENT_WITHIN_QUERY' AND parameters = []) "
            "OR (internal AND macro_definition LIKE '%current_timestamp%')"
        ).fetchall()
    return (frozenset(name for (name,) in found) | _SURROUNDINGS | _DRAWN_INSIDE) - _HARMLESS


def _own_definitions(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """By name, folded: what the views and macros of the user's file are, as queries."""
    views = connection.execute("SELECT view_name, sql FROM duckdb_views() WHERE NOT internal").fetchall()
    macros = connection.execute(
        "SELECT function_name, function_type, macro_definition FROM duckdb_functions() "
        "WHERE NOT internal AND macro_definition IS NOT NULL"
    ).fetchall()
    own = {name.casefold(): _query_of_view(connection, made) for name, made in views if made}
    for name, kind, made in macros:
        own[name.casefold()] = made if kind == "table_macro" else f"SELECT {made}"
    return own


def _query_of_view(connection: duckdb.DuckDBPyConnection, made: str) -> str:
    """What stands behind the AS of a CREATE VIEW: the first that is a query."""
    pieces = made.split(" AS ")
    for place in range(1, len(pieces)):
        query = " AS ".join(pieces[place:])
        if not _nodes(connection, query)[0]["error"]:
            return query
    return made
