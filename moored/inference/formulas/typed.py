"""Texts of a data frame that a formula would take for categories, though they are numbers, or say "missing"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from moored.cells import MISSING, NoNumbers, named, numbers, words_for_missing
from moored.errors import DataInvalid
from moored.inference.formulas.cells import Cells
from moored.inference.formulas.grammar import Reading

if TYPE_CHECKING:
    import pandas as pd


def refuse_texts(reading: Reading, cells: Mapping[str, Cells], *, outcome_alone: bool = False) -> None:
    """Refuse texts that are numbers, or words for "missing", where the formula does not say C(...).

    Such columns come of reading a file without saying how it writes numbers ("0,5"), or of turning a column with
    gaps into text ("nan"). As categories they would give a term per number, and "<NA>" as the reference level. A
    pandas category is what its maker says. Errors: `DataInvalid`.
    """
    factors = reading.outcome if outcome_alone else tuple(reading.codes)
    for factor in factors:
        code = reading.codes[factor]
        if code.codes:
            continue
        for name in code.variables:
            found = cells[name]
            if found.words and found.values.dtype == object:
                _refuse(name, found.values[~found.missing], outcome=factor in reading.outcome)


def _refuse(name: str, texts: pd.Series[str], *, outcome: bool) -> None:
    counts = texts.value_counts()
    distinct = list(counts.index)
    unclear = [word for word in distinct if word in MISSING]
    way_out = "" if outcome else f"; if they are categories, write C({name})"
    try:
        numbers(distinct, words_for_missing())
    except NoNumbers as none:
        if not none.categories:
            wrong = Counter({word: int(counts[word]) for word in none.words})
            what = none.reason or "words among numbers"
            raise DataInvalid(
                f"Column {name!r} holds {named(wrong)}: {what}, as texts; make it a column of plain numbers such "
                f"as 1234.5, with None where one is missing{way_out}."
            ) from none
        if unclear and not outcome:
            wrong = Counter({word: int(counts[word]) for word in unclear})
            raise DataInvalid(
                f"Column {name!r} holds {named(wrong)} among its words, which may be a category or mean that it is "
                f"missing; write None where it is missing{way_out}."
            ) from none
        return
    if len(unclear) < len(distinct):
        shown = ", ".join(map(repr, [word for word in distinct if word not in MISSING][:3]))
        raise DataInvalid(
            f"Column {name!r} holds numbers written as texts, such as {shown}; make them numbers, as "
            f"pd.to_numeric does{way_out}."
        )
