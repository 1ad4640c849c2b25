"""Texts are data: mark those that try to instruct the model, redact what must not leave the machine."""

from __future__ import annotations

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
_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\w.])(?:\+|00)?(?:\(?\d{1,5}\)?[ ./-]?){2,6}\d{2,5}(?![\w.])")


def instructs(text: str) -> bool:
    """Whether a text looks as if it spoke to the model. A flag for people: nothing is dropped for it."""
    return _INSTRUCTS.search(text) is not None


def redacted(text: str) -> str:
    """The text with e-mail addresses and phone numbers (7 digits and more) replaced."""
    return _PHONE.sub(_phone, _EMAIL.sub("[e-mail]", text))


def without_key(text: str, key: str) -> str:
    """An error text without the API key, in case an endpoint repeats it."""
    return text.replace(key, "[key]") if len(key) >= 8 else text


def _phone(found: re.Match[str]) -> str:
    digits = sum(character.isdigit() for character in found[0])
    return "[phone]" if 7 <= digits <= 15 else found[0]
