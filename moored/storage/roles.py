"""What a column is to a study: numbers, categories, marks. Or a refusal. Labels are in `label_role`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moored.cells import (
    NoNumbers,
    booleans,
    is_number,
    marks,
    named,
    numbers,
    stripped,
)
from moored.errors import OutsideDomain
from moored.storage.tables import Column

_CATEGORY = re.compile(r"\bC\(\s*(?:([^\W\d][\w.]*)|`([^`]+)`)\s*[,)]")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Where:
    """Whose column it is, for sentences: what it is called, and the unit (or number) of each row."""

    name: str
    ids: pd.Series
    noun: str = "units"

    def units(self, wrong: NDArray[np.bool_]) -> str:
        """The first units where `wrong` (m,)."""
        listed = list(self.ids[wrong])
        return ", ".join(map(str, listed[:_SHOWN])) + (", ..." if len(listed) > _SHOWN else "")


def covariate(
    where: Where, column: Column, missing: Collection[str], *, category: bool = False
) -> NDArray[np.float64] | NDArray[np.object_]:
    """A covariate (m,): numbers with NaN where missing, or, where every cell is a word, the words and None.

    category: the formula asks for categories, as `C(name)`; then numbers among the words are words, too.
    Errors: `OutsideDomain`: numbers and words are mixed, or it is a date or in a notation that is not read.
    """
    refuse_type(where.name, column, "a covariate")
    if column.temporal and not category:
        refuse_dates(where.name)
    logical = booleans(column.cells, missing)
    if logical is not None:
        return logical
    try:
        return numbers(column.cells, missing, column.delimiter).values
    except NoNumbers as none:
        if not (none.categories or category):
            raise OutsideDomain(_no_number(where, column, none)) from none
    texts = stripped(column.cells)
    gone = np.fromiter((text in missing for text in texts), bool, len(texts))
    texts[gone] = None
    return texts


def refuse_dates(name: str) -> NoReturn:
    """Errors: `OutsideDomain`."""
    raise OutsideDomain(
        f"{name!r} is a column of dates, which are no numbers; keep a number such as the year, or the days since a "
        f'date (in SQL, as column = "year({name})")'
    )


def alike(
    column: Column, missing: Collection[str], *, words: bool
) -> NDArray[np.float64] | NDArray[np.object_]:
    """What a rule gives for another text, as it was read for the units: words, or numbers with NaN where none."""
    texts = stripped(column.cells)
    if words:
        return np.array([None if text in missing else text for text in texts], dtype=object)
    logical = booleans(column.cells, missing)
    if logical is not None:
        return logical
    known = [is_number(text) and text not in missing for text in texts]
    return np.array([float(text) if good else np.nan for text, good in zip(texts, known, strict=True)])


def _no_number(where: Where, column: Column, none: NoNumbers, *, category: bool = True) -> str:
    texts = stripped(column.cells)
    wrong = np.fromiter((text in none.words for text in texts), bool, len(texts))
    labels = set(column.entry.value_labels.values())
    if not none.reason and labels >= set(none.words):
        words = ", ".join(map(in_toml, list(none.words)[:3]))
        return (
            f"{where.name!r} holds the value labels {named(none.words)} among numbers; if they are the ends of a "
            f'scale, read its codes (`data.codes = ["{where.name}"]`, `--codes`); if they mean missing, set '
            f"`data.missing = [{words}]` (`--na`)"
        )
    return no_number(where.name, none, f" for the {where.noun} {where.units(wrong)}", category=category)


def no_number(name: str, none: NoNumbers, at: str = "", *, category: bool = True) -> str:
    """Why a column cannot be read as numbers, and what to do. category: it may be one, of words."""
    return f"{name!r} holds {named(none.words)}{at}: {_what_to_do(none, name, category)}"


def _what_to_do(none: NoNumbers, name: str, category: bool) -> str:
    """What a column of numbers holds instead, and the way out."""
    if none.reason == "dates":
        return "dates are no numbers; keep a number such as the year, or the days since a date"
    if none.reason == "decimal commas":
        return (
            "decimal commas are read in files with semicolons or tabs only; write a decimal point, or separate the "
            "fields by semicolons"
        )
    if none.reason:
        return f"{none.reason} are not read; write plain numbers such as 1234.5"
    if odd := [word for word in none.words if not word.isprintable()]:
        return f"{odd[0]!r} is no text that can be typed; correct or delete it where the table is made"
    words = ", ".join(map(in_toml, list(none.words)[:3]))
    said = f"words among numbers; if they mean missing, set `data.missing = [{words}]` (`--na`)"
    return f"{said}; if {name!r} is a category, write C({name}) in the formula" if category else said


def in_toml(word: str) -> str:
    """A word as a study file has it."""
    return f"'{word}'" if {'"', "\\"} & set(word) and "'" not in word else f'"{word}"'


def categories_in(formula: str) -> frozenset[str]:
    """The columns that a formula asks for as categories: C(name)."""
    return frozenset(plain or quoted for plain, quoted in _CATEGORY.findall(formula))


def floats(where: Where, column: Column, missing: Collection[str]) -> NDArray[np.float64]:
    """Numbers, or a refusal. Errors: `OutsideDomain`."""
    refuse_type(where.name, column, "a number")
    try:
        return numbers(column.cells, missing, column.delimiter).values
    except NoNumbers as none:
        raise OutsideDomain(_no_number(where, column, none, category=False)) from none


def marked(name: str, column: Column, missing: Collection[str]) -> NDArray[np.bool_]:
    """Who is marked as labelled (m,). Errors: `OutsideDomain`."""
    found = marks(column.cells, missing)
    if isinstance(found, Counter) and column.entry.value_labels:
        found = marks(coded_cells(column), missing)  # 1 'labelled', 0 'not labelled'
    if isinstance(found, Counter):
        raise OutsideDomain(
            f"`{name}` holds {named(found)}; it must be 1, true, yes or x where a human labelled, and 0, false, no "
            "or empty elsewhere"
        )
    return found


def coded_cells(column: Column) -> NDArray[np.object_]:
    """The codes of SPSS or Stata in place of their labels."""
    codes = {label: of[0] for label, of in column.entry.codes.items()}
    return np.array([codes.get(cell, cell) for cell in column.cells], dtype=object)


def refuse_type(name: str, column: Column, what: str) -> None:
    """Refuse lists, structs and bytes. Errors: `OutsideDomain`."""
    if column.nested:
        raise OutsideDomain(
            f"{name!r} is of type {column.type}, which cannot be {what}; compute one number or word per row "
            "in SQL"
        )
