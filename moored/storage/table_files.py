"""The one door: a file of any kind, a table of a database or a data frame of Python comes in as a `Table`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moored.errors import DataInvalid, SheetUnnamed
from moored.plaintext import counted
from moored.storage.arrow_files import read_arrow
from moored.storage.codebook import Entry
from moored.storage.delimited import DELIMITERS, Delimited, Dialect, read_delimited
from moored.storage.file_kinds import Kind, TableFile, located
from moored.storage.json_files import read_json
from moored.storage.objects import table_of_object
from moored.storage.sqlite_files import read_sqlite
from moored.storage.statistics_files import read_statistics
from moored.storage.tables import TEXT, Table, relation_of, table_of
from moored.storage.workbooks import read_workbook


def read_any(data: str | Path | Any, dialect: Dialect | None = None) -> Table:
    """The whole table. Errors: the `DataInvalid` family; `ExtraMissing` where a package is needed for the file."""
    if not isinstance(data, str | Path):
        return table_of_object(data)
    found, stated = located(data), dialect or Dialect()
    if found.part and found.kind in ("delimited", "statistics", "arrow", "json", "parquet"):
        raise SheetUnnamed(
            f"{found.file} holds one table, and {found.part!r} was named in it; leave `::` out"
        )
    refuse_idle(found, stated)
    match found.kind:
        case "delimited":
            return _of_delimited(read_delimited(found.file, stated))
        case "excel":
            return read_workbook(found.file, found.part, stated)
        case "statistics":
            return read_statistics(found.file, stated)
        case "json":
            return read_json(found.file, stated)
        case "arrow":
            return read_arrow(found.file)
        case "sqlite":
            return read_sqlite(found.file, found.part)
    with relation_of(data) as (_, relation):
        return _plain_numbers(table_of(relation))


def _plain_numbers(table: Table) -> Table:
    """Whole floating-point numbers as every other kind of file has them: 3, not 3.0."""
    whole = {
        name: table.frame[name].str.removesuffix(".0")
        for name, kind in table.types.items()
        if kind in ("DOUBLE", "FLOAT") and len(table)
    }
    return replace(table, frame=table.frame.assign(**{n: c.where(c.notna(), None) for n, c in whole.items()}))


_PREVIEW = "Survey Preview"
"""What Qualtrics writes in the column Status of a row that was a trial."""
_READ_BY: dict[str, tuple[Kind, ...]] = {
    "delimiter": ("delimited",),
    "skip_rows": ("delimited", "excel"),
    "encoding": ("delimited", "json", "statistics"),
}
"""What a user may state of a file, and the kinds of file for which it means something."""


def refuse_idle(found: TableFile, stated: Dialect) -> None:
    """Refuse what would change nothing: whoever states it expects that it does. Errors: `DataInvalid`."""
    for key, kinds in _READ_BY.items():
        if getattr(stated, key) and found.kind not in kinds:
            option = key.replace("_", "-")
            raise DataInvalid(
                f"`data.{key}` (`--{option}`) says nothing of this kind of file ({found.file}); leave it out"
            )


def _of_delimited(read: Delimited) -> Table:
    frame = pd.DataFrame(
        {name: _cells(read.rows, place) for place, name in enumerate(read.names)}, dtype=object
    )
    notes = []
    if read.delimiter != ",":
        notes.append(f"separated by {DELIMITERS.get(read.delimiter, repr(read.delimiter))}")
    if read.encoding != "utf-8":
        notes.append(f"in {read.encoding}")
    if read.skipped:
        whose = " of Qualtrics" if read.wording else ""
        notes.append(f"{counted(read.skipped, 'row')}{whose} under the header skipped")
    if read.wording and (previews := sum(_PREVIEW in row for row in read.rows)):
        notes.append(f"answers of a preview, not of a respondent, among the rows: {previews}")
    questions = zip(read.names, read.wording, strict=True) if read.wording else ()
    codebook = {name: Entry(wording=question.strip()) for name, question in questions}
    return Table(frame, dict.fromkeys(read.names, TEXT), read.delimiter, tuple(notes), codebook)


def _cells(rows: Sequence[Sequence[str]], place: int) -> NDArray[np.object_]:
    found = np.empty(len(rows), dtype=object)
    found[:] = [row[place] or None for row in rows]
    return found
