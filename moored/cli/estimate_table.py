"""The table of `moored estimate`: its columns by their roles in the formulas, whole or in chunks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from moored.errors import ColumnMissing
from moored.plaintext import meant

if TYPE_CHECKING:
    from moored.inference import Sample
    from moored.inference.formula import Columns
    from moored.inference.solve.passes import Stream
    from moored.storage.column_sql import Wanted
    from moored.storage.delimited import Dialect

CHUNK = 50_000  # rows: a chunk's copies are what a stream adds to the memory of the imports
MANY_CELLS = 10**8  # rows times columns above which a table is read in chunks unasked: some 3 GB in memory
_NAME = re.compile(r"`([^`]+)`|([^\W\d][\w.]*)")
SMALL_FILE = 10**8  # bytes below which nobody counts the cells


@dataclass(frozen=True, slots=True)
class Written:
    """How a table is written, where its user says so."""

    missing: tuple[str, ...] = ()
    encoding: str | None = None
    delimiter: str | None = None
    skip_rows: int = 0
    codes: tuple[str, ...] = ()


def open_table(
    file: str, columns: Columns, written: Written = Written(), *, stream: bool = False
) -> Sample | Stream:
    """A table's units, whole or in chunks."""
    from moored.inference.formula import sample_from_frame, stream_from_frames
    from moored.storage.columns import chunk_reader, read_columns
    from moored.storage.spool import spooled

    wanted = _wanted(file, columns, written)
    if stream or _is_large(file, wanted):
        return spooled(stream_from_frames(chunk_reader(file, wanted, CHUNK), columns))
    return sample_from_frame(read_columns(file, wanted), columns)


def _wanted(file: str, columns: Columns, written: Written) -> Wanted:
    """The table's columns by their role in the formulas and options."""
    from moored.inference.formula import needed_columns
    from moored.storage.column_sql import Wanted
    from moored.storage.columns import column_names
    from moored.storage.roles import categories_in

    dialect = data_dialect(columns, written)
    formulas = _formulas(columns)
    there = column_names(file, dialect)
    if absent := [name for name in written.codes if name not in there]:
        raise ColumnMissing(
            f"`--codes` names the column {absent[0]!r}{meant(absent[0], there)}, the data have {', '.join(there)}"
        )
    needed = needed_columns(columns, there)
    said = " ".join(formulas)
    return Wanted(
        variables=tuple(
            name
            for name in needed
            if name not in columns.plain() or re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said)
        ),
        categories=frozenset().union(*map(categories_in, formulas)),
        numbers=_given(columns.weights, columns.probability),
        codes=_given(columns.cluster, columns.strata),
        marks=(columns.labelled,),
        missing=written.missing,
        dialect=dialect,
    )


def data_dialect(columns: Columns, written: Written) -> Dialect:
    """How the table is to be read; an outcome is a number: of a column with value labels its codes."""
    from moored.storage.delimited import Dialect

    outcomes = [a or b for formula in _formulas(columns) for a, b in _NAME.findall(formula.partition("~")[0])]
    codes = tuple(dict.fromkeys((*written.codes, *outcomes)))
    return Dialect(written.encoding, written.delimiter, written.skip_rows, codes)


def _formulas(columns: Columns) -> tuple[str, ...]:
    return (columns.formula, *(formula for _, _, formula in columns.source_formulas()))


def _given(*names: str | None) -> tuple[str, ...]:
    return tuple(name for name in names if name is not None)


def _is_large(file: str, wanted: Wanted) -> bool:
    """Whether the used columns hold more than MANY_CELLS; a big file's rows are counted to know."""
    from moored.storage.columns import row_count

    if Path(file.partition("::")[0]).stat().st_size < SMALL_FILE:
        return False
    return row_count(file, wanted.dialect) * len(wanted.names) > MANY_CELLS
