"""A file of text: its bytes, its encoding, and why it is none."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from moored.errors import NotReadable, WrongEncoding

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ONE_BYTE = re.compile(r"cp125|cp437|cp850|iso8859|latin|mac|koi8")


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The file, unpacked where it is packed. Errors: `NotReadable`, of what is read in the block, too."""
    packed = path.suffix.lower() == ".gz"
    try:
        with gzip.GzipFile(path) if packed else path.open("rb") as file:
            yield cast(IO[bytes], file)
    except (OSError, EOFError, zlib.error) as error:
        raise NotReadable(f"{path} cannot be read: {error}; it may be cut short, write it anew") from error


def by_mark(content: bytes) -> str | None:
    """The encoding that the first bytes declare."""
    return next((encoding for mark, encoding in _BOMS if content.startswith(mark)), None)


def known(encoding: str) -> str:
    """The encoding. Errors: `WrongEncoding` where Python has none of that name for texts."""
    try:
        " ".encode(encoding).decode(encoding, errors="replace")
    except (LookupError, UnicodeError):
        raise WrongEncoding(
            f"there is no encoding {encoding!r}; name one such as utf-8, cp1252, latin-1 or utf-16"
        ) from None
    return encoding


def text_of(path: Path, stated: str | None) -> tuple[str, str]:
    """A file's text, and its encoding: by its mark, as stated, or UTF-8. Errors: `WrongEncoding`, `NotReadable`."""
    with open_bytes(path) as file:
        content = file.read()
    encoding = by_mark(content) or known(stated or "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise WrongEncoding(_undecoded(path, content, error, encoding)) from None
    if encoding == stated and _is_utf8_after_all(content, encoding):
        raise WrongEncoding(
            f"{path} is in UTF-8: in {encoding}, as `data.encoding` says, it would have letters such as "
            f"{_garbled(content, encoding)!r}; leave `data.encoding` (`--encoding`) out"
        )
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise WrongEncoding(zero_byte(path, line, encoding))
    return text, encoding.removesuffix("-sig")


def zero_byte(path: Path, line: int, encoding: str) -> str:
    """The refusal of text with a zero byte."""
    return (
        f"{path} holds a zero byte on line {line}: it is no text in {encoding}; save the table in UTF-8, or set "
        '`data.encoding = "utf-16"` (`--encoding utf-16`) if it is in UTF-16'
    )


def _is_utf8_after_all(content: bytes, encoding: str) -> bool:
    """Of an encoding with one byte per letter, in which any bytes can be read: is it UTF-8 with other letters?"""
    if content.isascii() or not _ONE_BYTE.match(codecs.lookup(encoding).name):
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _garbled(content: bytes, encoding: str) -> str:
    at = next(place for place, byte in enumerate(content) if byte > 127)
    return content[at : at + 2].decode(encoding, errors="replace")


def _undecoded(path: Path, content: bytes, error: UnicodeDecodeError, encoding: str) -> str:
    at = error.start
    line = content[:at].count(b"\n") + 1
    name = encoding.upper().removesuffix("-SIG")
    said = f"{path} is not in {name}: line {line}, byte {at} is 0x{content[at]:02X}"
    if encoding.startswith("utf-8"):
        before = content[max(0, at - 10) : at].rpartition(b"\n")[2]
        near = (before + content[at : at + 10].partition(b"\n")[0]).decode("cp1252", errors="replace").strip()
        return (
            f"{said} (in Windows-1252 this reads {near!r}); save the file in UTF-8, or say its encoding, "
            'as `data.encoding = "cp1252"` (`--encoding cp1252`) for Windows-1252 and Latin-1'
        )
    return f"{said}; correct `data.encoding`, or save the file in UTF-8"
