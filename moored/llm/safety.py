"""Texts are data: mark those that try to instruct the model, redact what must not leave the machine."""

from __future__ import annotations

import functools
import re

_INSTRUCTS = re.compile(
    r"""
      \b(ignore|disregard|forget|override)\b.{0,40}\b(previous|prior|above|earlier|all|any|your|the)\b.{0,30}
        \b(instruction|prompt|rule|direction|message|context|question)s?
    | \b(system|developer)\s*(prompt|message)\b
    | ^\s*(system|assistant|developer)\s*:
    | \byou\s+are\s+(now|no\s+longer)\b
    | \b(answer|reply|respond|label|classify|rate)\b.{0,20}\b(only|always|this|it)?\s*(with|as)\b.{0,3}["'“‘:]
    | \b(as\s+an?|you\s+are\s+an?)\s+(ai|language\s+model|assistant)\b
    | </?\s*(text|system|instructions?)\s*> | <\|\w+\|> | \[/?INST\]
    """,
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
_WORDS = (
    *("ignore", "disregard", "forget", "override", "system", "developer", "assistant"),
    *("answer", "reply", "respond", "label", "classify", "rate", "<", "["),
)
_PAIRS = re.compile(r"you\s+are\s|as\s+an?\s")
"""One of these stands in the lower case of every ASCII text in which `_INSTRUCTS` is found. To look for them first
takes a tenth of the time."""
_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\w.])(?:\+|00)?(?:\(?\d{1,5}\)?[ ./-]?){2,6}\d{2,5}(?![\w.])")

_UNSTORABLE = re.compile(r"[\ud800-\udfff\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
SHORTEST_KEY = 8
"""A shorter key is not looked for in replies: `none` is one for servers that need none."""


def instructs(text: str) -> bool:
    """Whether a text looks as if it spoke to the model. A flag for people: nothing is dropped for it."""
    low = text.lower()
    if text.isascii() and not any(word in low for word in _WORDS) and not _PAIRS.search(low):
        return False
    return _INSTRUCTS.search(text) is not None


def redacted(text: str) -> str:
    """The text with e-mail addresses and phone numbers (7 digits and more) replaced."""
    return _PHONE.sub(_phone, _EMAIL.sub("[e-mail]", text))


def without_key(text: str, key: str) -> str:
    """A text without the API key, in case an endpoint repeats it: plain, or as JSON may escape it."""
    if len(key) < SHORTEST_KEY:
        return text
    text = text.replace(key, "[key]")
    escapes = "\\u00" in text or "\\/" in text
    return _key(key).sub("[key]", text) if escapes else text


def storable(text: str) -> str:
    """A text that any file, database and terminal takes: lone surrogates and control characters are replaced."""
    return _UNSTORABLE.sub("\ufffd", text)


@functools.lru_cache(maxsize=8)
def _key(key: str) -> re.Pattern[str]:
    return re.compile("".join(rf"(?:{re.escape(c)}|\\{re.escape(c)}|\\u(?i:{ord(c):04x}))" for c in key))


def _phone(found: re.Match[str]) -> str:
    digits = sum(character.isdigit() for character in found[0])
    return "[phone]" if 7 <= digits <= 15 else found[0]
