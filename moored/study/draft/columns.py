"""What can be seen of a column: how full, how long, how many values, numbers or words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from moored.cells import NoNumbers, booleans, numbers, stripped, words_for_missing

Kind = Literal["nothing", "number", "truth", "words", "dates", "mixed", "nested"]

NO_ANSWERS = frozenset(
    (
        *(
            "-",
            "--",
            "---",
            "?",
            "n.a.",
            "n/a",
            "na",
            "none",
            "null",
            "missing",
            "not coded",
            "uncoded",
            "todo",
        ),
        *(
            "unlabelled",
            "unlabeled",
            "not labelled",
            "not labeled",
            "dk",
            "don't know",
            "do not know",
            "no answer",
        ),
        *(
            "k.a.",
            "k. a.",
            "keine angabe",
            "weiß nicht",
            "weiss nicht",
            "nicht kodiert",
            "sans réponse",
            "ns/nc",
        ),
    )
)
"""Words that people write where they have no label."""
_CODES = frozenset((-9.0, -99.0, -98.0, -97.0, -88.0, -77.0, -999.0, 77.0, 88.0, 97.0, 98.0, 99.0, 999.0))
_SCALE = (-10, 11)
"""Values outside of these are no answers of a scale; codes for "no answer" are taken from there."""


@dataclass(frozen=True, eq=False)
class ColumnFacts:
    """A column and its cells: a str or None each.

    kind: what all its cells are that are not missing. missing: words for "no value", the empty cell among them.
    label: what its file calls the column. value_labels: what its file says that each code means.
    """

    name: str
    place: int
    cells: NDArray[np.object_]
    kind: Kind
    values: NDArray[np.float64] | None
    missing: frozenset[str]
    label: str = ""
    value_labels: Mapping[str, str] = field(default_factory=dict)

    def at(self, rows: NDArray[np.bool_]) -> ColumnFacts:
        """The same of some of the rows."""
        values = None if self.values is None else self.values[rows]
        return replace(self, cells=self.cells[rows], values=values)

    def shortened(self, length: int) -> ColumnFacts:
        """The same with the beginning of each cell."""
        return replace(self, cells=np.array([cell and cell[:length] for cell in self.cells], dtype=object))

    @property
    def rows(self) -> int:
        """Of the table."""
        return len(self.cells)

    @cached_property
    def texts(self) -> NDArray[np.object_]:
        """The cells without space around them, "" where there is none."""
        return stripped(self.cells)

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Where there is a value."""
        return np.fromiter((text not in self.missing for text in self.texts), bool, self.rows)

    @cached_property
    def blank(self) -> int:
        """Cells with nothing at all; in ids and texts only these are missing."""
        return int(sum(text == "" for text in self.texts))

    @property
    def filled(self) -> int:
        """Rows with a value."""
        return int(self.known.sum())

    @property
    def empty(self) -> int:
        """Rows without."""
        return self.rows - self.filled

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each value is there."""
        return Counter(self.texts[self.known].tolist())

    @property
    def spellings(self) -> list[str]:
        """The values, most frequent first; of those that differ by case alone the most frequent one."""
        found: dict[str, str] = {}
        for word, _ in self.counts.most_common():
            found.setdefault(word.casefold(), word)
        return list(found.values())

    @property
    def distinct(self) -> int:
        """Different values."""
        return len(self.counts)

    @cached_property
    def mean_length(self) -> float:
        """Characters of a cell that is filled."""
        return float(np.mean([len(text) for text in self.texts[self.known]])) if self.filled else 0.0

    @cached_property
    def whole(self) -> bool:
        """Whole numbers only."""
        if self.values is None:
            return False
        known = self.values[np.isfinite(self.values)]
        return len(known) > 0 and bool((known == np.round(known)).all())

    @property
    def free_text(self) -> bool:
        """Texts that people wrote: words, mostly different, several of them in a cell."""
        if self.kind not in ("words", "mixed") or self.filled == 0:
            return False
        spaced = np.mean([(" " in text.strip()) or len(text) > 40 for text in self.texts[self.known]])
        return bool(self.distinct >= min(0.5 * self.filled, 50) and (spaced >= 0.5 or self.mean_length >= 25))

    @property
    def in_front(self) -> bool:
        """The filled rows are the first ones of the table, and not all of them."""
        return 1 < self.filled < self.rows and bool(self.known[: self.filled].all())


def look_at(
    name: str,
    place: int,
    cells: NDArray[np.object_],
    *,
    stated: Collection[str] = (),
    delimiter: str = "",
    dates: bool = False,
    nested: bool = False,
    label: str = "",
    value_labels: Mapping[str, str] | None = None,
) -> ColumnFacts:
    """The facts of a column. stated: words that mean "no value" beside the usual ones."""
    missing = words_for_missing(stated)
    kind, values = _kind(cells, missing, delimiter)
    if dates:
        kind = "dates"
    if nested:
        kind = "nested"
    return ColumnFacts(name, place, cells, kind, values, missing, label, dict(value_labels or {}))


def _kind(
    cells: NDArray[np.object_], missing: frozenset[str], delimiter: str
) -> tuple[Kind, NDArray[np.float64] | None]:
    if all(text in missing for text in stripped(cells)):
        return "nothing", None
    logical = booleans(cells, missing)
    if logical is not None:
        return "truth", logical
    try:
        return "number", numbers(cells, missing, delimiter).values
    except NoNumbers as none:
        if none.categories:
            return "words", None
        return ("dates" if none.reason == "dates" else "mixed"), None


def words_without_answer(column: ColumnFacts) -> tuple[str, ...]:
    """The words of a label column that stand for "no label": usual spellings, and codes such as 99."""
    words = [word for word in column.counts if word.casefold() in NO_ANSWERS]
    rest = [word for word in column.counts if word not in words]
    if rest and all(re.fullmatch(r"[+-]?\d+(?:\.0+)?", word) for word in rest):
        answers = [float(word) for word in rest if float(word) not in _CODES]
        if answers and _SCALE[0] <= min(answers) and max(answers) <= _SCALE[1]:
            words += [word for word in rest if float(word) in _CODES and not _among(float(word), answers)]
    return tuple(words)


def _among(code: float, answers: list[float]) -> bool:
    return min(answers) <= code <= max(answers) + 1
