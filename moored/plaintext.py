"""Text in lines of ours: hostile characters of others are shown, not obeyed; words in a phrase; days by UTC."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

LONGEST = 4_000
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the wide ones are run, too
_JOINERS = {"\u200c", "\u200d"}  # many scripts and emoji need them
_BREAKS = {"\n", "\t"}


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = words or [""]
    return f"{', '.join(most)} and {last}" if most else last


def no_formula(cell: object) -> object:
    """A cell of a CSV file: a text that a spreadsheet would run as a formula begins with an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip().startswith(_FORMULA) else cell


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 row`, `2 rows`, `0 units hold`: a number and its noun, with a verb where one follows."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def meant(wanted: str, there: Iterable[object]) -> str:
    """` (did you mean 'x'?)` for a name that is not there, where one of those that are is close; else nothing."""
    there = list(there)
    names = [str(name) for name in there]
    if wanted in names and wanted not in there:
        return f" (its name is no text but {there[names.index(wanted)]!r}; rename it)"
    if alike := [name for name in names if _bare(name) == _bare(wanted)]:
        return f" (did you mean {alike[0]!r}, which differs in case, spaces or the form of its letters?)"
    close = difflib.get_close_matches(wanted, names, 1, 0.8)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _bare(name: str) -> str:
    return "".join(folded(name).split())


def folded(word: str) -> str:
    """A word without its case, spaces, the form of its letters, and characters that cannot be seen."""
    if not word.isascii():
        marks = unicodedata.normalize("NFKC", word)
        word = "".join(mark for mark in marks if unicodedata.category(mark) != "Cf")
    return " ".join(word.casefold().split())


def twins(words: Iterable[str]) -> dict[str, str]:
    """Words that differ from an earlier one in nothing that is seen or meant, and that one."""
    first: dict[str, str] = {}
    found = {}
    for word in words:
        if (other := first.setdefault(folded(word), word)) != word:
            found[word] = other
    return found


def plain(text: object, longest: int = LONGEST, *, said: bool = True, lines: bool = False) -> str:
    """A text with control, direction and half characters as escapes, and the end of a long one cut.

    A control character would move the cursor or colour the screen; a direction mark would show digits in another
    order than they stand. said: say how long a cut text is. lines: keep line breaks and tabs, which are spaces
    otherwise.
    """
    value = str(text)
    shown = value[:longest].replace("\r\n", "\n")
    if not lines:
        shown = shown.replace("\n", " ").replace("\t", " ")
    shown = "".join(_escape(mark) if _is_odd(mark) else mark for mark in shown)
    if len(value) <= longest:
        return shown
    return f"{shown}... ({len(value):,} characters)" if said else f"{shown}…"


def _is_odd(mark: str) -> bool:
    odd = unicodedata.category(mark) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return odd and mark not in _JOINERS and mark not in _BREAKS


def _escape(mark: str) -> str:
    code = ord(mark)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def day_of(moment: datetime) -> str:
    """The day by UTC: a version has one, wherever its reader is."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def minute_of(moment: datetime) -> str:
    """The day and the minute by UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
