"""How tokenizers spell: from a token as an endpoint names it to the bytes it stands for."""

from __future__ import annotations

import re
import unicodedata

from moored.llm.raw import Token

DECORATION = " \t\r\n\v\f\u00a0\u200b\ufeff\"'`*_#([{“”‘’«»„「『【（"
"""What may stand before an answer. No minus, point or comparison: they may belong to it."""
_ESCAPED = re.compile(rb"\\x([0-9a-fA-F]{2})")
_BYTE = re.compile(r"<0x([0-9a-fA-F]{2})>")
_BLANKS = "ĠĊĉč"
"""Blank, line feed, tab and carriage return as byte-level vocabularies spell them."""


def _byte_level() -> dict[str, int]:
    """GPT-2's vocabulary: each byte as a character that prints."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + at): byte for at, byte in enumerate(others)}


_BYTES = _byte_level()


def spellings(token: Token) -> tuple[bytes, ...]:
    """The bytes that a token may stand for, the likeliest first."""
    text = token.text
    if text.startswith("bytes:"):
        raw = text.removeprefix("bytes:").encode("utf-8", "replace")
        return (_ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), raw),)
    if (byte := _BYTE.fullmatch(text)) is not None:
        return (bytes([int(byte[1], 16)]),)
    plain = text.encode("utf-8", "replace")
    given = plain if token.spelled is None else bytes(token.spelled)
    if given != plain and given:
        return (given,)
    pieces = text.replace("▁", " ")
    if pieces != text:
        return pieces.encode("utf-8", "replace"), plain
    if text.isascii() or any(letter not in _BYTES for letter in text):
        return (plain,)
    level = bytes(_BYTES[letter] for letter in text)
    return (level, plain) if any(blank in text for blank in _BLANKS) else (plain, level)


def folded(spelled: bytes) -> bytes:
    """Bytes without case; those of a last character that is not whole yet stay as they are."""
    try:
        text, rest = spelled.decode(), b""
    except UnicodeDecodeError as error:
        unfinished = error.end == len(spelled) and error.reason == "unexpected end of data"
        rest = spelled[error.start :] if unfinished else b""
        text = spelled[: len(spelled) - len(rest)].decode("utf-8", "replace")
    return fold(text).encode("utf-8", "replace") + rest


def fold(text: str) -> str:
    """A text without case, in composed characters."""
    return unicodedata.normalize("NFC", text).casefold()


def undecorated(spelled: bytes) -> bytes:
    """Bytes without blanks, quotes, markdown and opening brackets before them."""
    text = spelled.decode("utf-8", "surrogateescape")
    return text.lstrip(DECORATION).encode("utf-8", "surrogateescape")


def ends_word(rest: str) -> bool:
    """Whether what follows an answer's letters leaves them a word of their own."""
    if not rest:
        return True
    mark, after = rest[0], rest[1:2]
    if mark.isspace() or mark in '<;!)]}"`*“”»」』】）。！，；\ufffd':
        return True
    return mark in ".,:'_’" and not after.isalnum()


def ends_answer(rest: str) -> bool:
    """Whether what follows an answer leaves it a reply of its own: no further word in its sentence."""
    if not ends_word(rest):
        return False
    if rest[:1].isspace():
        later = rest.lstrip(" \t\u00a0")
        return later[:1] in ("", "\n", "\r", "(", "<", "*", '"', "`", "}", "]")
    return True
