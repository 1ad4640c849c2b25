"""Names of studies and variables from the names of files and columns, which may hold anything."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from moored.study.study import OWN_NAMES

_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})
_MOST = 60
_WHO = re.compile(
    r"^(?:human|gold|label|labels|labelled|labeled|annotated|annotation|annotator|manual|hand|coded|coder|code"
    r"|expert|true|hum)[ _.\-]*\d*[ _.\-]+|[ _.\-]+(?:human|gold|label|labels|annotation|manual|coded|code)$",
    re.IGNORECASE,
)
_FORMULA_WORDS = frozenset(
    ("c", "i", "q", "np", "log", "exp", "sqrt", "poly", "bs", "cr", "cc", "center", "scale")
)


def variable_name(column: str, taken: Collection[str], otherwise: str) -> str:
    """A variable's name for a column: ASCII letters, digits and _; not one of moored's own and none of `taken`."""
    plain = _ascii(column)
    name = re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]+", "_", plain)).strip("_")
    if not re.search(r"[A-Za-z]", name):
        name = f"{otherwise}_{name}".rstrip("_")
    elif not name[0].isalpha():
        name = f"{otherwise[0]}{name}"
    name = name[: _MOST - 4]
    forbidden = OWN_NAMES | _FORMULA_WORDS | {other.casefold() for other in taken}
    candidate, number = name, 1
    while candidate.casefold() in forbidden:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def study_name(stem: str) -> str:
    """A study's name for a file's: lower case, digits, - and _."""
    name = re.sub(r"[^a-z0-9_-]+", "-", _ascii(stem).lower()).strip("-_")[:_MOST].strip("-_")
    return name or "study"


def noun_of(column: str) -> str:
    """What a label column is about, in words: without who labelled, and with blanks for signs."""
    said = column
    while (shorter := _WHO.sub("", said)) != said and shorter.strip(" _.-"):
        said = shorter
    return re.sub(r"\s+", " ", re.sub(r"[_.\-]+", " ", said)).strip(" ?!:;") or column.strip()


def _ascii(text: str) -> str:
    spelled = unicodedata.normalize("NFC", text).translate(_GERMAN)
    return unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
