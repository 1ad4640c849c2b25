"""Sheets of Excel and OpenDocument workbooks: the values that are stored, the header found and said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moored.errors import DataInvalid, EmptyTable, HeaderUnclear, NotReadable, PasswordNeeded
from moored.extras import needed
from moored.plaintext import counted
from moored.storage.cell_values import table_of_values
from moored.storage.delimited import Dialect
from moored.storage.sheet_xml import unread_cells
from moored.storage.tables import TEXT, Table, only_one

Rows = Sequence[Sequence[Any]]
Ranges = Sequence[tuple[tuple[int, int], tuple[int, int]]]
DIGITS = 10**15
"""Excel keeps 15 digits of a number, so a longer id has lost its last ones."""


def read_workbook(file: Path, part: str, dialect: Dialect) -> Table:
    """The sheet that is named, or the only one that has cells.

    Errors: `NotReadable`, `PasswordNeeded`, `SheetUnnamed`, `HeaderUnclear`, `EmptyTable`; `DataInvalid` where
    cells are merged or a formula has no stored value.
    """
    name, rows, merged = _sheet(file, part)
    top = _header_row(rows)
    names = _names(file, rows, top, merged)
    body, notes = rows[top + 1 :], [] if part else [f"sheet {name!r}"]
    _refuse_merged(file, merged, top)
    if top:
        notes.append(f"header in row {top + 1}, the rows above it left out")
    notes += unread_cells(file, name)
    if dialect.skip_rows:
        notes.append(f"{counted(dialect.skip_rows, 'row')} under the header skipped")
    body = [row for row in body[dialect.skip_rows :] if any(_given(cell) for cell in row)]
    cells = {
        name: [row[place] if place < len(row) else None for row in body] for place, name in names.items()
    }
    table = table_of_values(
        {name: [cell if _given(cell) else None for cell in column] for name, column in cells.items()},
        strings=TEXT,
    )
    types = {name: _rounded(table.types[name], cells[name]) for name in table.names}
    return Table(table.frame, types, notes=tuple(notes))


def _sheet(file: Path, part: str) -> tuple[str, Rows, Ranges]:
    """The sheet's name, all its cells from the first row and column on, and the ranges of merged cells."""
    with needed("files", str(file)):
        import python_calamine as calamine
    try:
        with calamine.CalamineWorkbook.from_path(str(file)) as book:
            shown = [
                sheet.name
                for sheet in book.sheets_metadata
                if sheet.typ == calamine.SheetTypeEnum.WorkSheet
                and (part or sheet.visible == calamine.SheetVisibleEnum.Visible)
            ]
            sheets = {name: book.get_sheet_by_name(name) for name in ([part] if part in shown else shown)}
            filled = [name for name, sheet in sheets.items() if sheet.start is not None]
            name = only_one(file, part, [part] if part in shown else shown if part else filled, "sheets")
            sheet = sheets[name]
            if sheet.start is None:
                raise EmptyTable(f"the sheet {name!r} of {file} is empty; give a header and one row per unit")
            return name, sheet.to_python(skip_empty_area=False), sheet.merged_cell_ranges or []
    except calamine.PasswordError as error:
        raise PasswordNeeded(
            f"{file} is protected by a password; open it in Excel and save it without one, or as CSV"
        ) from error
    except calamine.CalamineError as error:
        with file.open("rb") as opened:
            start = opened.read(20)
        why = error if start.startswith(b"PK") else f"it begins with {start!r}"
        raise NotReadable(
            f"{file} cannot be read as a workbook ({why}); open it in Excel and save it as .xlsx, or as CSV"
        ) from error


def _given(cell: Any) -> bool:
    return cell is not None and not (isinstance(cell, str) and not cell.strip())


def _header_row(rows: Rows) -> int:
    """The first row with as many cells as a table has; rows with one cell above it are a title."""
    counts = [sum(map(_given, row)) for row in rows]
    wide = max(counts) > 1
    return next(place for place, count in enumerate(counts) if count > (1 if wide else 0))


def _names(file: Path, rows: Rows, top: int, merged: Ranges) -> dict[int, str]:
    """Place and name of each column; a column without any cell is none."""
    for (first, left), (last, right) in merged:
        if first <= top <= last and (right > left or last > top):
            raise HeaderUnclear(
                f"{file}: the cells {_range(first, left, last, right)} of the header are merged; unmerge them and "
                "give each column one name in one row"
            )
    header = rows[top]
    names: dict[int, str] = {}
    for place in range(max(map(len, rows))):
        cell = header[place] if place < len(header) else None
        if _given(cell):
            name = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
        elif any(place < len(row) and _given(row[place]) for row in rows[top + 1 :]):
            name = f"column {place + 1}"
        else:
            continue
        if name in names.values():
            raise HeaderUnclear(f"{file} has two columns called {name!r}; give each column a name of its own")
        names[place] = name
    return names


def _refuse_merged(file: Path, merged: Ranges, top: int) -> None:
    for (first, left), (last, right) in merged:
        if first > top:
            raise DataInvalid(
                f"{file}: the cells {_range(first, left, last, right)} are merged, and only the first of them has "
                "the value; unmerge them and fill each in"
            )


def _range(first: int, left: int, last: int, right: int) -> str:
    return f"{_letters(left)}{first + 1}:{_letters(right)}{last + 1}"


def _letters(place: int) -> str:
    """A column as Excel calls it: A, B, ..., AA."""
    text = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        text = chr(65 + rest) + text
    return text


def _rounded(kind: str, cells: Sequence[Any]) -> str:
    """Numbers of more digits than Excel keeps are no exact ones."""
    long = kind == "BIGINT" and any(isinstance(cell, int | float) and abs(cell) >= DIGITS for cell in cells)
    return "DOUBLE" if long else kind
