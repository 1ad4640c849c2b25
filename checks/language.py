"""What language a text is in: its script, and for Latin script its commonest words.

Enough to see a model that answers in another language; a short text is often undecided, and then not counted.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_COMMON = {
    "English": "the of and to in is that for it was on with as you this but not are have be at my i so just",
    "Spanish": "el la de que y en los se del las un por con no una su para es lo como más pero muy me mi",
    "French": "le la les des et est un une du que pas pour dans ce qui au sur je ne avec il elle sont mais très",
    "German": "der die und das ist nicht ein eine ich zu den mit sich auf für im dem es auch wie sie war aber sehr",
    "Italian": "il di che è la e non un una per sono con del della mi si lo gli ma più anche questo molto i",
    "Portuguese": "o de que e do da em um para com não uma os no se na por mais as dos mas foi muito é eu você",
    "Dutch": "de het een en van ik je is dat niet in op te zijn met voor er maar ook als heb was zo wat",
}
_WORDS = {language: frozenset(words.split()) for language, words in _COMMON.items()}
LETTERS = 60
"""Letters of a text that are looked at for its script."""


def language(text: str) -> str | None:
    """The language or script of a text; None where it cannot be told."""
    letters = [c for c in text[: 4 * LETTERS] if c.isalpha()][:LETTERS]
    if len(letters) < 4:
        return None
    scripts = [_script(letter) for letter in letters]
    script = max(sorted(set(scripts)), key=scripts.count)
    return _latin(text) if script == "LATIN" else script.capitalize()


def _latin(text: str) -> str | None:
    words = text.casefold().split()
    hits = sorted(((sum(w in common for w in words), name) for name, common in _WORDS.items()), reverse=True)
    (first, name), (second, _) = hits[0], hits[1]
    return name if first >= 2 and first > second else None


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").split()[0].split("-")[0]
