"""A table in short, for who chooses among its columns: names, kinds, values with counts, labels, questions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from moored.cells import NoNumbers, booleans, numbers, stripped, words_for_missing
from moored.storage.codebook import Entry
from moored.storage.delimited import Dialect
from moored.storage.table_files import read_any
from moored.storage.tables import Column, Table

Kind = Literal["number", "boolean", "date", "category", "text", "nested", "empty"]
LEVELS = 50
"""A column of words is a category up to so many different ones; above, or where most differ, it is text."""
_LONG = 60


@dataclass(frozen=True, slots=True)
class ColumnDescription:
    """One column in short.

    kind : of its cells; "category" has few different words, "text" many or long ones. empty : cells that are empty
    or a word for "missing". distinct : how many different cells are not. counts : (cell, how often), most frequent
    first, at most `LEVELS`. span : least and greatest of a number. longest : characters of the longest cell.
    wording : the question or variable label that the file has. value_labels : (code, label) of SPSS, Stata or SAS,
    whose cells are the labels. coded_missing : (code and label, how often) of user-missing codes; they are empty.
    """

    name: str
    kind: Kind
    rows: int
    empty: int
    distinct: int
    counts: tuple[tuple[str, int], ...]
    span: tuple[float, float] | None = None
    longest: int = 0
    wording: str = ""
    value_labels: tuple[tuple[str, str], ...] = ()
    coded_missing: tuple[tuple[str, int], ...] = ()

    @property
    def unique(self) -> bool:
        """Could it be an id: no cell is empty, and no two are the same?"""
        return self.rows > 0 and self.empty == 0 and self.distinct == self.rows


@dataclass(frozen=True, slots=True)
class TableDescription:
    """A table in short. notes : how it was read, where that is not the usual."""

    rows: int
    columns: tuple[ColumnDescription, ...]
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the table's order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> ColumnDescription:
        """A column by its exact name. Raises KeyError."""
        found = {column.name: column for column in self.columns}
        return found[name]


def describe_table(data: str | Path | Any, dialect: Dialect | None = None) -> TableDescription:
    """A file, `file::table`, or a data frame of Python in short. Errors: the `DataInvalid` family."""
    table = read_any(data, dialect)
    return TableDescription(
        len(table), tuple(_described(table, name) for name in table.names), tuple(table.notes)
    )


def _described(table: Table, name: str) -> ColumnDescription:
    column, entry = table.column(name), table.codebook.get(name, Entry())
    missing = words_for_missing()
    cells = stripped(column.cells)
    given = [cell for cell in cells.tolist() if cell not in missing]
    counts = Counter(given)
    kind, span = _kind(column, counts, len(given))
    return ColumnDescription(
        name,
        kind,
        rows=len(cells),
        empty=len(cells) - len(given),
        distinct=len(counts),
        counts=tuple(counts.most_common(LEVELS)),
        span=span,
        longest=max(map(len, counts), default=0),
        wording=entry.wording,
        value_labels=tuple(entry.value_labels.items()),
        coded_missing=tuple(entry.missing.items()),
    )


def _kind(column: Column, counts: Counter[str], given: int) -> tuple[Kind, tuple[float, float] | None]:
    if not counts:
        return "empty", None
    if column.nested:
        return "nested", None
    if column.temporal:
        return "date", None
    cells = np.array(list(counts), dtype=object)
    if column.boolean or booleans(cells, ()) is not None:
        return "boolean", None
    try:
        values = numbers(cells, words_for_missing(), column.delimiter).values
    except NoNumbers as none:
        if none.reason == "dates":
            return "date", None
    else:
        return "number", (float(values.min()), float(values.max()))
    long = max(map(len, counts)) > _LONG
    many = len(counts) > LEVELS or (given > 20 and len(counts) > given / 2)
    return ("text" if long or many else "category"), None
