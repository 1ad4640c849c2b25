"""A human label: by the answers' names, the value labels of SPSS or Stata, or a number on the answers' scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Set

import numpy as np
from numpy.typing import NDArray

from moored.cells import NoNumbers, is_number, missing_numbers, named, numbers, stripped
from moored.errors import LabelsUnknown, OutsideDomain
from moored.storage.roles import Where, in_toml, refuse_type
from moored.storage.tables import Column

_YES = {"yes", "y", "true", "t", "1"}
_NO = {"no", "n", "false", "f", "0"}
_SHOWN = 5


def labels(
    where: Where, column: Column, answers: Mapping[str, float], missing: Set[str]
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
    _refuse_unclear(where, column, texts.tolist(), answers, missing)
    by_label = _by_value_label(where, column, set(texts.tolist()), answers, missing)
    words = set(texts.tolist()) - set(by_label)
    value_of = {word: _value(word, answers, missing) for word in words}
    if not column.boolean:
        value_of |= _by_number(value_of, answers, missing, column.delimiter)
        _refuse_reversed_codes(where, value_of, answers)
    value_of |= by_label
    wrong = np.fromiter((value_of[text] is None for text in texts), bool, len(texts))
    if wrong.any():
        raise OutsideDomain(_no_label(where, texts, wrong, answers))
    return np.array([value_of[text] for text in texts], dtype=np.float64)


def _value(word: str, answers: Mapping[str, float], missing: Set[str]) -> float | None:
    """The value of an answer's name, NaN for "missing", None where the word is neither."""
    rules: tuple[Callable[[str], str], ...] = (str, str.strip, lambda name: name.strip().casefold())
    for rule in rules:
        alike = [value for name, value in answers.items() if rule(name) == rule(word)]
        if len(alike) == 1:
            return alike[0]
    return float("nan") if word in missing else None


def _refuse_unclear(
    where: Where, column: Column, texts: list[str], answers: Mapping[str, float], missing: Set[str]
) -> None:
    """Refuse words for "missing" that are an answer's name but for their case: None where an answer is none."""
    names = {name.strip().casefold(): name for name in answers}
    words = (missing & set(texts)) - {name.strip() for name in answers} - set(column.entry.codes)
    unclear = {word: names[word.casefold()] for word in words if word.casefold() in names}
    if unclear:
        word, name = next(iter(unclear.items()))
        counts = Counter(text for text in texts if text in unclear)
        raise OutsideDomain(
            f"{where.name!r} holds {named(counts)}, which may be the answer {name!r} or mean that there is no "
            f'label; leave these cells empty, or say that it is the answer, as `recode = {{ "{word}" = "{name}" }}`'
        )


def _by_value_label(
    where: Where, column: Column, words: Set[str], answers: Mapping[str, float], missing: Set[str]
) -> dict[str, float | None]:
    """The values of those words that are value labels: of the answer called so, or of the one called as the code.

    A labelled code is never a number on the answers' scale: whether 1 is the answer worth 1 its label alone knows.

    Errors: `LabelsUnknown`.
    """
    values: dict[str, float | None] = {}
    for word, codes in column.entry.codes.items():
        if word in words:
            coded = (_value(code, answers, frozenset()) for code in codes)
            found = {value for value in (_value(word, answers, missing), *coded) if value is not None}
            values[word] = found.pop() if len(found) == 1 else None
    unknown = [word for word, value in values.items() if value is None]
    if unknown:
        raise LabelsUnknown(_unknown_labels(where, column, unknown, answers))
    return values


def _unknown_labels(where: Where, column: Column, unknown: list[str], answers: Mapping[str, float]) -> str:
    labels = list(column.entry.value_labels.items())
    listed = ", ".join(f"{code} = {label!r}" for code, label in labels[: 2 * _SHOWN])
    cells = stripped(column.cells).tolist()
    counted = named(Counter({word: cells.count(word) for word in unknown}))
    return (
        f"{where.name!r} has the value labels {listed}, and none of the answers ({', '.join(answers)}) is called "
        f"{counted}; name the answers as the labels, or say which it is, as "
        f'`recode = {{ "{unknown[0]}" = "{next(iter(answers))}" }}`'
    )


def _by_number(
    value_of: Mapping[str, float | None],
    answers: Mapping[str, float],
    missing: Set[str],
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
        f'known; say it, as `recode = {{ true = "{next(iter(answers))}", false = "{list(answers)[-1]}" }}`'
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
    if len(words) <= 3 and wrong.sum() < len(texts) and all(map(str.isprintable, words)):
        listed = ", ".join(map(in_toml, words))
        means = "it means" if len(words) == 1 else "they mean"
        return f"{said}; if {means} no label, set `data.missing = [{listed}]`"
    return f"{said}; correct {first!r} or add it to the answers"
