"""JSON and JSON Lines: one object per row. An export of Label Studio is known by its form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from moored.errors import EmptyTable, HeaderUnclear, NotReadable
from moored.storage.cell_values import table_of_values
from moored.storage.delimited import Dialect
from moored.storage.label_studio import annotated_rows, is_export
from moored.storage.tables import Table
from moored.storage.text_files import text_of

_SEVERAL = 2
_ROWS = "a list of objects, one per row, or one object per line"


def read_json(file: Path, dialect: Dialect) -> Table:
    """A file of rows as objects; an object inside a row gives columns such as `meta.language`.

    Errors: `NotReadable`, naming the line or the row; `EmptyTable`, `HeaderUnclear`, `WrongEncoding`.
    """
    text, encoding = text_of(file, dialect.encoding)
    if not text.strip():
        raise EmptyTable(f"{file} is empty; give {_ROWS}")
    rows = _rows(file, text)
    if not rows:
        raise EmptyTable(f"{file} has no rows; give {_ROWS}")
    notes: tuple[str, ...] = () if encoding == "utf-8" else (f"in {encoding}",)
    if is_export(rows):
        rows, said = annotated_rows(file, rows)
        notes += said
    flat = [row for row in (_flat(file, row) for row in rows) if _says_anything(row)]
    if not flat:
        raise EmptyTable(f"{file} has no rows: its objects are empty; give {_ROWS}")
    names = dict.fromkeys(name for row in flat for name in row)
    columns = {name: [row.get(name) for row in flat] for name in names}
    single = [name for name, values in columns.items() if _are_lists_of_one(values)]
    for name in single:
        columns[name] = [value[0] if value else None for value in columns[name]]
        notes += (f"{name!r}: lists of one item, read as the item",)
    table = table_of_values(columns)
    return Table(table.frame, table.types, notes=notes)


def _says_anything(row: Mapping[str, Any]) -> bool:
    """A row of nothing is none, like a line of delimiters."""
    return any(bool(value.strip()) if isinstance(value, str) else value is not None for value in row.values())


def _are_lists_of_one(values: Sequence[Any]) -> bool:
    """As tools for annotation write a label; an empty list is none."""
    lists = [value for value in values if value is not None]
    return bool(lists) and all(isinstance(value, list) and len(value) < _SEVERAL for value in lists)


def _rows(file: Path, text: str) -> list[dict[str, Any]]:
    """The objects of a list, or of the lines."""
    found: list[Any]
    if text.lstrip().startswith("["):
        found = _loaded(file, text, 1)
    else:
        found = _whole(text) or [
            _loaded(file, line, number)
            for number, line in enumerate(text.split("\n"), 1)  # other line breaks may stand in a text
            if line.strip()
        ]
    for place, row in enumerate(found, 1):
        if not isinstance(row, dict):
            raise NotReadable(f"{file}: row {place} is no object but {json.dumps(row)[:40]}; give {_ROWS}")
    return found


def _whole(text: str) -> list[Any] | None:
    """A file of one value, perhaps over several lines, as rows."""
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    return _rows_of_object(found) if isinstance(found, dict) else [found]


def _rows_of_object(found: dict[str, Any]) -> list[Any]:
    """Rows under one key (`{"data": [{...}, ...]}`), or columns, as `DataFrame.to_json` writes them; or one row."""
    values = list(found.values())
    tables = [value for value in values if isinstance(value, list) and value and isinstance(value[0], dict)]
    if len(tables) == 1:
        return tables[0]
    if {"columns", "data"} <= found.keys() and all(isinstance(row, list) for row in found["data"]):
        return [dict(zip(found["columns"], row, strict=False)) for row in found["data"]]
    if values and all(isinstance(value, dict) and value.keys() == values[0].keys() for value in values):
        return [{name: column[at] for name, column in found.items()} for at in values[0]]
    if values and all(isinstance(value, list) and len(value) == len(values[0]) > 1 for value in values):
        return [dict(zip(found, row, strict=True)) for row in zip(*values, strict=True)]
    return [found]


def _loaded(file: Path, text: str, line: int) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        at = line + error.lineno - 1
        raise NotReadable(
            f"{file}, line {at}, character {error.colno}: this is no JSON ({error.msg}); give {_ROWS}"
        ) from error
    except _Twice as error:
        raise HeaderUnclear(
            f"{file}: an object on line {line} has two keys {error}; give each one a name"
        ) from error
    except (ValueError, RecursionError) as error:
        raise NotReadable(
            f"{file}, line {line}: this is no JSON (nested too deep, or {error}); give {_ROWS}"
        ) from error


class _Twice(ValueError):
    """A key that stands twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(repr(next(key for key in keys if keys.count(key) > 1)))
    return found


def _flat(file: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    pairs = list(_pairs(row))
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise HeaderUnclear(f"{file} has two columns called {twice!r}; give each column a name of its own")
    return found


def _pairs(row: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if isinstance(value, dict) and value:
            yield from _pairs(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", None if value == {} else value
