"""Words that people label with, and which of them is more: pairs and scales in a few languages."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

PAIRS = (
    ("yes", "no"),
    ("y", "n"),
    ("ja", "nein"),
    ("j", "n"),
    ("oui", "non"),
    ("sí", "no"),
    ("si", "no"),
    ("sim", "não"),
    ("true", "false"),
    ("t", "f"),
    ("wahr", "falsch"),
    ("richtig", "falsch"),
    ("vrai", "faux"),
    ("correct", "incorrect"),
    ("positive", "negative"),
    ("positiv", "negativ"),
    ("pos", "neg"),
    ("present", "absent"),
    ("for", "against"),
    ("favor", "against"),
    ("favour", "against"),
    ("pro", "contra"),
    ("pro", "con"),
    ("dafür", "dagegen"),
    ("agree", "disagree"),
    ("support", "oppose"),
    ("approve", "disapprove"),
    ("good", "bad"),
    ("gut", "schlecht"),
    ("high", "low"),
    ("hoch", "niedrig"),
    ("spam", "ham"),
    ("toxic", "clean"),
    ("polite", "rude"),
    ("höflich", "unhöflich"),
)
"""(worth 1, worth 0)."""

_NOT = (
    "un",
    "im",
    "in",
    "ir",
    "il",
    "dis",
    "non",
    "non-",
    "non ",
    "no ",
    "not ",
    "not_",
    "not-",
    "kein ",
    "nicht ",
)

SCALES = (
    (("strongly disagree", "completely disagree", "totally disagree", "fully disagree"),
     ("disagree",), ("somewhat disagree", "slightly disagree", "rather disagree"),
     ("neutral", "neither", "neither agree nor disagree", "neither nor", "undecided"),
     ("somewhat agree", "slightly agree", "rather agree"), ("agree",),
     ("strongly agree", "completely agree", "totally agree", "fully agree")),
    (("stimme überhaupt nicht zu", "stimme gar nicht zu"), ("stimme nicht zu", "stimme eher nicht zu"),
     ("teils/teils", "teils teils", "teils, teils", "weder noch", "neutral", "unentschieden"),
     ("stimme eher zu",), ("stimme zu",), ("stimme voll zu", "stimme voll und ganz zu", "stimme völlig zu")),
    (("very negative", "strongly negative"), ("negative", "neg"), ("somewhat negative", "slightly negative"),
     ("neutral", "mixed", "neu"), ("somewhat positive", "slightly positive"), ("positive", "pos"),
     ("very positive", "strongly positive")),
    (("sehr negativ",), ("negativ",), ("eher negativ",), ("neutral",), ("eher positiv",), ("positiv",),
     ("sehr positiv",)),
    (("very bad", "terrible", "very poor"), ("bad", "poor"), ("ok", "okay", "fair", "average", "neutral"),
     ("good",), ("very good",), ("excellent",)),
    (("sehr schlecht",), ("schlecht",), ("mittel", "mittelmäßig"), ("gut",), ("sehr gut",)),
    (("no",), ("maybe", "partly", "unsure", "somewhat"), ("yes",)),
    (("nein",), ("vielleicht", "teilweise", "teils"), ("ja",)),
    (("very dissatisfied",), ("dissatisfied",), ("neutral", "neither"), ("satisfied",), ("very satisfied",)),
    (("very unlikely",), ("unlikely",), ("neutral", "neither"), ("likely",), ("very likely",)),
    (("never",), ("rarely", "seldom"), ("sometimes", "occasionally"), ("often", "frequently"), ("always",)),
    (("nie",), ("selten",), ("manchmal",), ("oft", "häufig"), ("immer",)),
    (("none", "not at all"), ("very low", "very weak"), ("low", "weak", "a little", "slightly", "small", "mild"),
     ("medium", "moderate", "moderately", "somewhat", "mid"), ("high", "strong", "very", "large", "severe"),
     ("very high", "very strong", "extremely", "a lot")),
    (("gar nicht", "keine"), ("sehr niedrig", "sehr schwach"), ("niedrig", "gering", "schwach", "wenig"),
     ("mittel",), ("hoch", "stark"), ("sehr hoch", "sehr stark")),
)  # fmt: skip
"""Each from least to most; words in one place say the same."""


def ordered_pair(words: Sequence[str]) -> tuple[str, str] | None:
    """(the word worth 1, the word worth 0) of two, where it is known which is which."""
    a, b = words
    folded = (_folded(a), _folded(b))
    for pair in PAIRS:
        one, zero = map(_folded, pair)
        if {one, zero} == set(folded):
            return (a, b) if folded[0] == one else (b, a)
    for plain, other in ((a, b), (b, a)):
        said, negated = _folded(plain), _folded(other)
        if any(negated == f"{sign}{said}" for sign in _NOT) or negated in (
            "other",
            "none",
            "rest",
            "sonstige",
        ):
            return plain, other
    return None


def on_scale(words: Collection[str]) -> tuple[str, ...] | None:
    """The words from least to most, where all of them stand on one known scale, each at a place of its own."""
    for scale in SCALES:
        places = {
            word: at
            for word in words
            for at, alike in enumerate(scale)
            if _folded(word) in map(_folded, alike)
        }
        if len(places) == len(words) and len(set(places.values())) == len(words):
            return tuple(sorted(places, key=lambda word: places[word]))
    return None


def _folded(word: str) -> str:
    """A word without its case and its accents: "Sì" and "SÍ" are "si", however they are composed."""
    parts = unicodedata.normalize("NFKD", word.strip().casefold())
    return "".join(mark for mark in parts if not unicodedata.combining(mark))
