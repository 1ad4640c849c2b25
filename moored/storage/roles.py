"""What a column is to a study: labels by the answers' names, numbers, categories, marks. Or a refusal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
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
    missing_numbers,
    named,
    numbers,
    stripped,
)
from moored.errors import OutsideDomain
from moored.storage.tables import Column

_YES = {"yes", "y", "true", "t", "1"}
_NO = {"no", "n", "false", "f", "0"}
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


def labels(
    where: Where, column: Column, answers: Mapping[str, float], missing: Collection[str]
) -> NDArray[np.float64]:
    """A human label's values (m,), NaN where there is none.

    A cell that is an answer's name has that answer's value, whatever the word; else a word for "missing" is no
    label; else it is a number on the answers' scale. Case matters only where two names differ by it alone.

    Errors: `OutsideDomain`, naming what came and how often.
    """
    refuse_type(where.name, column, "a label")
    texts = stripped(column.cells)
    if column.boolean:
        texts = _said_by_booleans(where, texts, answers)
    value_of = {word: _value(word, answers, missing) for word in set(texts.tolist())}
    if not column.boolean:
        value_of |= _by_number(value_of, answers, missing, column.delimiter)
        _refuse_reversed_codes(where, value_of, answers)
    wrong = np.fromiter((value_of[text] is None for text in texts), bool, len(texts))
    if wrong.any():
        raise OutsideDomain(_no_label(where, texts, wrong, answers))
    return np.array([value_of[text] for text in texts], dtype=np.float64)


def _value(word: str, answers: Mapping[str, float], missing: Collection[str]) -> float | None:
    """The value of an answer's name, NaN for "missing", None where the word is neither."""
    rules: tuple[Callable[[str], str], ...] = (str, str.strip, lambda name: name.strip().casefold())
    for rule in rules:
        alike = [value for name, value in answers.items() if rule(name) == rule(word)]
        if len(alike) == 1:
            return alike[0]
    return float("nan") if word in missing else None


def _by_number(
    value_of: Mapping[str, float | None],
    answers: Mapping[str, float],
    missing: Collection[str],
    delimiter: str,
) -> dict[str, float]:
    """The values of those words that are numbers: of an answer named so (1.0 is the answer "1"), else their own.

    Where answers are codes with other values, a number that is no code has no value.
    """
    words = [word for word, value in value_of.items() if value is None]
    try:
        found = numbers(words, (), delimiter).values
    except NoNumbers:
        words = [word for word in words if is_number(word)]
        found = np.array([float(word) for word in words])
    codes = {float(name): value for name, value in answers.items() if is_number(name)}
    recoded = any(code != value for code, value in codes.items())
    low, high = min(answers.values()), max(answers.values())
    gone = missing_numbers(missing)
    values = {}
    for word, number in zip(words, found.tolist(), strict=True):
        if number in codes:
            values[word] = codes[number]
        elif number in gone:
            values[word] = float("nan")
        elif low <= number <= high and not recoded:
            values[word] = number
    return values


def _reversed(answers: Mapping[str, float]) -> bool:
    """Is some "no" worth more than some "yes"?"""
    yes = [value for name, value in answers.items() if name.strip().casefold() in _YES]
    no = [value for name, value in answers.items() if name.strip().casefold() in _NO]
    return bool(yes and no) and max(no) > min(yes)


def _said_by_booleans(
    where: Where, texts: NDArray[np.object_], answers: Mapping[str, float]
) -> NDArray[np.object_]:
    """A declared truth value as an answer's name, where the answers are true and false, or yes = 1 and no = 0."""
    worth = {name.strip().casefold(): value for name, value in answers.items()}
    if {"true", "false"} <= set(worth):
        return texts
    for yes, no in (("yes", "no"), ("y", "n")):
        if worth == {yes: 1.0, no: 0.0}:
            return np.array([{"true": yes, "false": no}.get(text, text) for text in texts], dtype=object)
    raise OutsideDomain(
        f"{where.name!r} is a column of true and false, and which answer ({', '.join(answers)}) is true cannot be "
        "known; call the answers `true` and `false`, or name them in SQL, as "
        f"human = \"CASE WHEN {where.name} THEN '{next(iter(answers))}' "
        f"WHEN NOT {where.name} THEN '{list(answers)[-1]}' END\""
    )


def _refuse_reversed_codes(
    where: Where, value_of: Mapping[str, float | None], answers: Mapping[str, float]
) -> None:
    coded = [
        word for word in value_of if is_number(word) and not any(word == name.strip() for name in answers)
    ]
    if _reversed(answers) and any(value_of[word] in (0.0, 1.0) for word in coded):
        raise OutsideDomain(
            f"{where.name!r} holds {named(Counter(coded))}, and the answers are {_worth(answers)}: whether 1 means "
            "yes or the value 1 cannot be known; write the labels as the answers' names"
        )


def _worth(answers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:g}" for name, value in answers.items())


def _no_label(
    where: Where, texts: NDArray[np.object_], wrong: NDArray[np.bool_], answers: Mapping[str, float]
) -> str:
    words = Counter(texts[wrong].tolist())
    low, high = min(answers.values()), max(answers.values())
    first = next(iter(words))
    said = (
        f"{where.name!r} is {named(words)} for the units {where.units(wrong)} ({int(wrong.sum())} of "
        f"{len(texts)}); allowed is {', '.join(answers)} or a number from {low:g} to {high:g}, or an empty cell"
    )
    if wrong.sum() <= 2 and wrong[: int(wrong.sum())].all() and len(texts) > 5:
        return f"{said}; if that row is a second header, set `data.skip_rows = {int(wrong.sum())}` (`--skip-rows`)"
    if len(words) <= 3 and wrong.sum() < len(texts):
        listed = ", ".join(f'"{word}"' for word in words)
        means = "it means" if len(words) == 1 else "they mean"
        return f"{said}; if {means} no label, set `data.missing = [{listed}]`"
    return f"{said}; correct {first!r} or add it to the answers"


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


def _no_number(where: Where, column: Column, none: NoNumbers) -> str:
    texts = stripped(column.cells)
    wrong = np.fromiter((text in none.words for text in texts), bool, len(texts))
    return no_number(where.name, none, f" for the {where.noun} {where.units(wrong)}")


def no_number(name: str, none: NoNumbers, at: str = "") -> str:
    """Why a column cannot be read as numbers, and what to do."""
    return f"{name!r} holds {named(none.words)}{at}: {_what_to_do(none, name)}"


def _what_to_do(none: NoNumbers, name: str) -> str:
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
    words = ", ".join(f'"{word}"' for word in list(none.words)[:3])
    return (
        f"words among numbers; if they mean missing, set `data.missing = [{words}]` (`--na`); if {name!r} is a "
        f"category, write C({name}) in the formula"
    )


def categories_in(formula: str) -> frozenset[str]:
    """The columns that a formula asks for as categories: C(name)."""
    return frozenset(plain or quoted for plain, quoted in _CATEGORY.findall(formula))


def floats(where: Where, column: Column, missing: Collection[str]) -> NDArray[np.float64]:
    """Numbers, or a refusal. Errors: `OutsideDomain`."""
    refuse_type(where.name, column, "a number")
    try:
        return numbers(column.cells, missing, column.delimiter).values
    except NoNumbers as none:
        raise OutsideDomain(_no_number(where, column, none)) from none


def marked(name: str, column: Column, missing: Collection[str]) -> NDArray[np.bool_]:
    """Who is marked as labelled (m,). Errors: `OutsideDomain`."""
    found = marks(column.cells, missing)
    if isinstance(found, Counter):
        raise OutsideDomain(
            f"`{name}` holds {named(found)}; it must be 1, true, yes or x where a human labelled, and 0, false, no "
            "or empty elsewhere"
        )
    return found


def refuse_type(name: str, column: Column, what: str) -> None:
    """Refuse lists, structs and bytes. Errors: `OutsideDomain`."""
    if column.nested:
        raise OutsideDomain(
            f"{name!r} is of type {column.type}, which cannot be {what}; compute one number or word per row "
            "in SQL"
        )
