"""What was read of a user's table, for people: rows, labels and covariates with their counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moored.cells import stripped
from moored.plaintext import counted
from moored.storage.tables import Column

_WIDTH = 80
_LEVELS = 6


@dataclass(frozen=True, slots=True)
class ColumnRead:
    """One variable as it was read.

    counts : (what the file says, how often, its value or None) of a label or a category, most frequent first.
    span : least, median and greatest of a number. coded : how often each code came that the file declares
    as missing; their cells are empty.
    """

    name: str
    kind: str
    rows: int
    missing: int
    counts: tuple[tuple[str, int, float | None], ...] = ()
    span: tuple[float, float, float] | None = None
    coded: tuple[tuple[str, int], ...] = ()

    @property
    def line(self) -> str:
        """In one line."""
        if self.span is not None:
            low, median, high = self.span
            said = f"{low:g} to {high:g}, median {median:g}"
        else:
            shown = [
                word + (f" = {value:g}" if value is not None and word != f"{value:g}" else "") + f" ({count})"
                for word, count, value in self.counts[:_LEVELS]
            ]
            more = len(self.counts) - _LEVELS
            said = ", ".join(shown) + (f", {more} more" if more > 0 else "")
        empty = f"; empty {self.missing}" if self.missing else ""
        line = f"{self.kind} {self.name}: {said or 'nothing'}{empty}"
        return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."

    @property
    def lines(self) -> tuple[str, ...]:
        """The line, and one more on codes that the file declares as missing."""
        coded = ", ".join(f"{code} ({count})" for code, count in self.coded)
        return (self.line, f"missing in {self.name} by the file's codes: {coded}") if coded else (self.line,)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: rows of the table, units, how many are labelled, how the file is written, the variables."""

    rows: int
    units: int
    labelled: int
    notes: tuple[str, ...]
    columns: tuple[ColumnRead, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """A few lines, of at most 80 characters where no long code for missing is listed."""
        written = f" ({', '.join(self.notes)})" if self.notes else ""
        units = "" if self.units == self.rows else f", {counted(self.units, 'unit')}"
        return (
            f"{counted(self.rows, 'row')}{units}, {self.labelled} labelled{written}",
            *(line for column in self.columns for line in column.lines),
        )


def label_read(name: str, column: Column, values: NDArray[np.float64]) -> ColumnRead:
    """A label: what the file says, and the value that it stands for."""
    words = stripped(column.cells)
    known = ~np.isnan(values)
    value_of = dict(zip(words[known].tolist(), values[known].tolist(), strict=True))
    counts = Counter(words[known].tolist()).most_common()
    shown = tuple((word, count, value_of[word]) for word, count in counts)
    return ColumnRead(name, "label", len(words), int((~known).sum()), shown, coded=_coded(column))


def _coded(column: Column) -> tuple[tuple[str, int], ...]:
    return tuple(column.entry.missing.items())


def covariate_read(
    name: str, column: Column, values: NDArray[np.float64] | NDArray[np.object_]
) -> ColumnRead:
    """A covariate: the span of a number, the levels of a category."""
    if values.dtype == object:
        given = [word for word in values if word is not None]
        levels = tuple((word, count, None) for word, count in Counter(given).most_common())
        return ColumnRead(
            name, "category", len(values), len(values) - len(given), levels, coded=_coded(column)
        )
    known = values[~np.isnan(values)]
    span = (float(known.min()), float(np.median(known)), float(known.max())) if len(known) else None
    return ColumnRead(name, "number", len(values), len(values) - len(known), span=span, coded=_coded(column))
