"""What the cells of a column say: numbers, words for "missing", marks for yes and no. Every cell is looked at.

Cells are texts or None. Nothing here knows where a column comes from or what it is called.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Cells = Sequence[str | None] | NDArray[np.object_]

MISSING = ("NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "<NA>", ".")
"""Words that mean "no value" in numbers, labels and categories, spelled exactly so; an empty cell always does."""

YES = ("1", "1.0", "true", "t", "yes", "y", "x")
NO = ("0", "0.0", "false", "f", "no", "n")

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NUMBER = re.compile(NUMBER)
_FOREIGN = re.compile(r"[^0-9eE+\-.\n]")
_COMMA = re.compile(r"[+-]?[0-9]+(?:,[0-9]+)?")
_COMMA_FILES = (";", "\t")
"""Delimiters of files in which 1,5 is one and a half."""
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?")
DOT_GROUPS = r"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?"
_DOT_GROUPS = re.compile(DOT_GROUPS)
_SPACE_GROUPS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:[ '\u00a0\u2009\u202f][0-9]{3})+(?:[.,][0-9]+)?")
_MONEY = re.compile(r"[+-]?\s*[$€£¥₹]\s*[+-]?[0-9][0-9.,]*|[+-]?[0-9][0-9.,]*\s*[$€£¥₹]")
_PERCENT = re.compile(r"[+-]?[0-9][0-9.,]*\s*%")
_DATE = re.compile(r"(\d{4}([-/])\d\d?\2\d\d?|\d\d?([./-])\d\d?\3\d{2,4})([T ]\d\d?:\d\d.*)?")
_DASH = re.compile(r"[\u2010-\u2015\u2212\ufe63\uff0d]\s?[0-9][0-9.,]*")
"""A minus as it is printed, not as it is typed."""
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_UNSEEN = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_DRESSED = (
    (_UNSEEN, "numbers with characters that cannot be seen"),
    (
        re.compile(r"=?['\"\u00b4\u2018\u2019\u201c-\u201e`]+|['\"\u00b4\u2018\u2019\u201c-\u201e`]+$"),
        "numbers in quotes",
    ),
    (re.compile(r"^\(|\)$"), "numbers in parentheses"),
    (re.compile(r"(?<=[0-9])\s?-$"), "minus signs behind the number"),
)
"""What spreadsheets, accounts and web pages put around a number, to take away, and its name."""
_DIGITS = re.compile(r"[+-]?(?:[0-9][0-9.,]*|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers: `values` (m,) with NaN where missing; `decimal_comma` where they were written so."""

    values: NDArray[np.float64]
    decimal_comma: bool = False


class NoNumbers(Exception):
    """The cells are no column of numbers.

    words: the cells that are none, with counts. some: others are numbers, or all are in another notation.
    reason: what they are instead, such as "dates"; empty where they are just words.
    """

    def __init__(self, words: Counter[str], reason: str = "", *, some: bool = False) -> None:
        super().__init__(reason or "words")
        self.words = words
        self.reason = reason
        self.some = some

    @property
    def categories(self) -> bool:
        """Every cell is a word: nothing looks like a number in another notation."""
        return not self.some and not self.reason


def stripped(cells: Iterable[str | None]) -> NDArray[Any]:
    """The cells without space around them, (m,) of str, "" where there is none."""
    return np.array(["" if cell is None else cell.strip() for cell in cells], dtype=object)


def words_for_missing(stated: Collection[str] = ()) -> frozenset[str]:
    """The empty cell, the usual words and those that the user states."""
    return frozenset(("", *MISSING, *(word.strip() for word in stated)))


def missing_numbers(missing: Collection[str]) -> list[float]:
    """Those words for "missing" that are numbers, such as -99."""
    return [float(word) for word in missing if _NUMBER.fullmatch(word)]


def numbers(cells: Cells, missing: Collection[str], delimiter: str = "") -> Numbers:
    """The cells as numbers, or `NoNumbers`.

    delimiter: of the file that they stand in. With semicolons or tabs, 1,5 is one and a half; elsewhere a comma
    in a number is refused, and everywhere what may be a decimal comma or a thousands separator.
    """
    texts = stripped(cells)
    gone = np.fromiter((text in missing for text in texts), bool, len(texts))
    given = texts[~gone]
    plain = _plain(given)
    comma = False
    if plain is None:
        plain = _with_comma(given, delimiter)
        comma = True
    elif delimiter == ";" and _all_grouped(given):
        raise NoNumbers(
            Counter(text for text in given if "." in text),
            "dots that may be decimal points or stand between thousands",
            some=True,
        )
    values = np.full(len(texts), np.nan)
    values[~gone] = plain
    values[np.isin(values, missing_numbers(missing))] = np.nan
    return Numbers(values, comma)


def _plain(texts: NDArray[Any]) -> NDArray[np.float64] | None:
    """Numbers with a decimal point, or None."""
    if _FOREIGN.search("\n".join(texts)):
        return None
    try:
        values = texts.astype(np.float64)
    except ValueError:
        return None
    return values if bool(np.isfinite(values).all()) else None


def _all_grouped(texts: NDArray[Any]) -> bool:
    dotted = [text for text in texts if "." in text]
    return bool(dotted) and all(_DOT_GROUPS.fullmatch(text) for text in dotted)


def _with_comma(texts: NDArray[Any], delimiter: str) -> NDArray[np.float64]:
    """Numbers with a decimal comma. Errors: `NoNumbers`."""
    commas = [text for text in texts if "," in text]
    if not commas or not all(_COMMA.fullmatch(text) for text in texts):
        raise _words_among_commas(texts, delimiter) or _what_else(texts)
    if all(_THOUSANDS.fullmatch(text) for text in commas):
        raise NoNumbers(
            Counter(commas), "commas that may be decimal commas or stand between thousands", some=True
        )
    if delimiter not in _COMMA_FILES:
        raise NoNumbers(Counter(commas), "decimal commas", some=True)
    values = np.array([text.replace(",", ".") for text in texts]).astype(np.float64)
    if not bool(np.isfinite(values).all()):
        raise NoNumbers(Counter(texts[~np.isfinite(values)]), "numbers out of range", some=True)
    return values


_NOTATIONS = (
    (_DATE, "dates"),
    (_PERCENT, "percent signs"),
    (_MONEY, "currency signs"),
    (_SPACE_GROUPS, "thousands separators"),
    (_THOUSANDS, "thousands separators"),
    (_DOT_GROUPS, "thousands separators"),
    (re.compile(r"[+-]?[0-9]+,[0-9]+"), "decimal commas beside other notations"),
    (_DASH, "dashes in the place of minus signs"),
    (_INFINITE, "infinite numbers"),
)


def _words_among_commas(texts: NDArray[Any], delimiter: str) -> NoNumbers | None:
    """The words, where every other cell is a number with a decimal comma that would be read."""
    words = [text for text in texts if not _COMMA.fullmatch(text)]
    foreign = any(_is_float(text) or any(sign.fullmatch(text) for sign, _ in _NOTATIONS) for text in words)
    if foreign or len(words) == len(texts) or delimiter not in _COMMA_FILES:
        return None
    return NoNumbers(Counter(words), some=True)


def _what_else(texts: NDArray[Any]) -> NoNumbers:
    wrong = [text for text in texts if not is_number(text)]
    some = len(wrong) < len(texts)
    for notation, name in _NOTATIONS:
        odd = [text for text in wrong if notation.fullmatch(text)]
        if odd:
            return NoNumbers(Counter(wrong), name, some=some)
    if any(map(_is_float, wrong)):
        return NoNumbers(Counter(wrong), "numbers in an unusual notation or out of range", some=some)
    return NoNumbers(Counter(wrong), _dressed(wrong), some=some)


def _dressed(texts: list[str]) -> str:
    """What stands around a number in every one of the texts; "" where one of them is a word all the same."""
    bare = texts
    taken: list[str] = []
    for around, name in _DRESSED:
        fewer = [around.sub("", text).strip() for text in bare]
        if fewer != bare:
            bare, taken = fewer, [*taken, name]
    return taken[0] if taken and all(map(_DIGITS.fullmatch, bare)) else ""


def _is_float(text: str) -> bool:
    """Does Python take for a number what is none here: 1_000, other scripts' digits, 1e999?"""
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_number(text: str) -> bool:
    """A finite number with a decimal point."""
    return _NUMBER.fullmatch(text) is not None and bool(np.isfinite(float(text)))


def booleans(cells: Cells, missing: Collection[str]) -> NDArray[np.float64] | None:
    """1 and 0 where every cell that is not missing says true or false, in any case; else None."""
    texts = stripped(cells)
    given = {text for text in texts.tolist() if text not in missing}
    if not given or not {text.lower() for text in given} <= {"true", "false"}:
        return None
    return np.array([np.nan if text in missing else float(text.lower() == "true") for text in texts])


def marks(cells: Cells, missing: Collection[str]) -> NDArray[np.bool_] | Counter[str]:
    """Who is marked: 1, true, t, yes, y, x in any case; 0, false, f, no, n, or a word for "missing", is not.

    Other words come back as their counts, and then nothing is read.
    """
    texts = [text if text in missing else text.lower() for text in stripped(cells).tolist()]
    unknown = Counter(text for text in texts if text not in YES and text not in NO and text not in missing)
    return unknown or np.fromiter((text in YES for text in texts), bool, len(texts))


def named(words: Counter[str], most: int = 5) -> str:
    """A few words with their counts: 'DK' (12 times), '-99' (3 times), ..."""
    listed = [
        f"{_short(word)} ({count} {'time' if count == 1 else 'times'})"
        for word, count in words.most_common(most)
    ]
    return ", ".join(listed) + (", ..." if len(words) > most else "")


def _short(word: str, most: int = 40) -> str:
    return repr(word if len(word) <= most else word[: most - 3] + "...")
