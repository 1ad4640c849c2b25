"""Files of delimited text, read by stated rules: every field is a text, and no row is lost.

The first record is the header. Fields are in double quotes where they hold the delimiter, a quote (doubled) or a
line break. The delimiter is the comma, semicolon, tab or bar that gives the header and the first rows the same
number of fields. There are no comments, and nothing is a number, a date or a missing value here.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, cast

from moored.errors import DataInvalid, EmptyTable, HeaderUnclear, NotReadable, WrongEncoding

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LOOKED_AT = 50
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_ONE_BYTE = re.compile(r"cp125|cp437|cp850|iso8859|latin|mac|koi8")
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written. encoding: None where it is stated or told by a byte-order mark nowhere: UTF-8."""

    encoding: str | None = None
    delimiter: str | None = None
    skip_rows: int = 0
    """Rows under the header that are no data."""
    codes: tuple[str, ...] = ()
    """Columns of SPSS, Stata or SAS to read by their codes, not by their value labels."""


@dataclass(frozen=True, slots=True)
class Delimited:
    """A file as it was read: column names, rows of as many fields, and how it is written."""

    names: tuple[str, ...]
    rows: list[list[str]]
    delimiter: str
    encoding: str
    skipped: int = 0
    """Rows under the header that are no data: as stated, or Qualtrics' two."""
    wording: tuple[str, ...] = ()
    """The questions, where the second header of Qualtrics has them."""


def read_delimited(path: Path, stated: Dialect) -> Delimited:
    """The whole file. Errors: `DataInvalid`, naming the line."""
    text, encoding = text_of(path, stated.encoding)
    delimiter, at = _delimiter(path, text, stated.delimiter)
    records = _records(path, text[at:], delimiter, text[:at].count("\n"))
    names = _header(path, records)
    rows = []
    for line, record in records:
        if len(record) != len(names):
            raise DataInvalid(_ragged(path, line, len(record), len(names), delimiter))
        rows.append(record)
    qualtrics = second_headers(rows)
    wording = tuple(rows[0]) if qualtrics == 2 else ()
    skipped = stated.skip_rows or qualtrics
    if skipped < qualtrics:
        raise HeaderUnclear(
            f"{path} has {qualtrics} more header rows under its first, as Qualtrics writes them, and "
            f"`data.skip_rows` is {skipped}; leave it out, they are found without it"
        )
    return Delimited(names, rows[skipped:], delimiter, encoding, skipped, wording)


def header_of(path: Path, stated: Dialect) -> tuple[tuple[str, ...], str, int]:
    """Column names, delimiter and rows to skip beside the header, from the beginning of a file of any size.

    A line `sep=;` above it is one of them. Errors as of `read_delimited`.
    """
    with _opened(path) as file:
        start = file.read(1 << 20)
    # What is cut in the middle of a character or a quoted field is not looked at.
    encoding = stated.encoding or _by_mark(start) or "utf-8"
    text = start.decode(encoding, errors="replace")
    if (zero := text.find("\0")) >= 0:
        raise WrongEncoding(_zero_byte(path, text[:zero].count("\n") + 1, encoding))
    delimiter, at = _delimiter(path, text, stated.delimiter)
    records = _records(path, text[at:], delimiter, 0)
    names = _header(path, records)
    try:
        qualtrics = second_headers([record for _, record in islice(records, 2)])
    except DataInvalid:  # perhaps cut; the whole file is looked at later
        qualtrics = 0
    return names, delimiter, (stated.skip_rows or qualtrics) + (at > 0)


def _header(path: Path, records: Iterator[tuple[int, list[str]]]) -> tuple[str, ...]:
    first = next(records, None)
    if first is None:
        raise EmptyTable(f"{path} is empty; give a table with a header and one row per unit")
    return _names(path, first[1])


def count_records(path: Path, delimiter: str) -> int:
    """How many records a UTF-8 file of any size has under its header, counted apart from any other reader."""
    with _opened(path) as file:
        lines = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        whole = _without_zero_bytes(path, lines)
        return sum(1 for record in csv.reader(whole, delimiter=delimiter, strict=True) if record) - 1


def _without_zero_bytes(path: Path, lines: Iterable[str]) -> Iterator[str]:
    for place, line in enumerate(lines, 1):
        if "\0" in line:
            raise WrongEncoding(_zero_byte(path, place, "utf-8"))
        yield line


def _zero_byte(path: Path, line: int, encoding: str) -> str:
    return (
        f"{path} holds a zero byte on line {line}: it is no text in {encoding}; save the table in UTF-8, or set "
        '`data.encoding = "utf-16"` (`--encoding utf-16`) if it is in UTF-16'
    )


def _opened(path: Path) -> IO[bytes]:
    packed = path.suffix.lower() == ".gz"
    return cast(IO[bytes], gzip.GzipFile(path)) if packed else path.open("rb")


def _by_mark(content: bytes) -> str | None:
    return next((encoding for mark, encoding in _BOMS if content.startswith(mark)), None)


def text_of(path: Path, stated: str | None) -> tuple[str, str]:
    """A file's text, and its encoding: by its mark, as stated, or UTF-8. Errors: `WrongEncoding`, `NotReadable`."""
    try:
        with _opened(path) as file:
            content = file.read()
    except (OSError, EOFError) as error:
        raise NotReadable(f"{path} cannot be read: {error}; it may be cut short, write it anew") from error
    encoding = _by_mark(content) or stated or "utf-8"
    try:
        text = content.decode(encoding)
    except LookupError:
        raise WrongEncoding(
            f"there is no encoding {encoding!r}; name one such as utf-8, cp1252, latin-1 or utf-16"
        ) from None
    except UnicodeDecodeError as error:
        raise WrongEncoding(_undecoded(path, content, error, encoding)) from None
    if encoding == stated and _is_utf8_after_all(content, encoding):
        raise WrongEncoding(
            f"{path} is in UTF-8: in {encoding}, as `data.encoding` says, it would have letters such as "
            f"{_garbled(content, encoding)!r}; leave `data.encoding` (`--encoding`) out"
        )
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise WrongEncoding(_zero_byte(path, line, encoding))
    return text, encoding.removesuffix("-sig")


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


def _delimiter(path: Path, text: str, stated: str | None) -> tuple[str, int]:
    """The delimiter, and where the header begins (after a line `sep=;`, which Excel writes and reads)."""
    first = text.split("\n", 1)[0].rstrip("\r")
    at = len(text.split("\n", 1)[0]) + 1 if first[:4].lower() == "sep=" and len(first) == 5 else 0
    if stated is not None or at:
        return stated or first[4], at
    widths = {delimiter: _widths(text, delimiter) for delimiter in DELIMITERS}
    split = {delimiter: found for delimiter, found in widths.items() if found and found[0] > 1}
    if path.suffix.lower() in (".tsv", ".tab") and "\t" in split:
        return "\t", at
    whole = [delimiter for delimiter, found in split.items() if set(found) == {found[0]}]
    candidates = whole or list(split) or [","]
    most = max(len(widths[delimiter]) and widths[delimiter][0] for delimiter in candidates)
    best = [d for d in candidates if (widths[d][0] if widths[d] else 0) == most]
    if len(best) > 1:
        listed = " or ".join(DELIMITERS[delimiter] for delimiter in best)
        raise DataInvalid(
            f"{path} may be separated by {listed}; say which, as `data.delimiter = {best[0]!r}` (`--delimiter`)"
        )
    return best[0], at


def _widths(text: str, delimiter: str) -> list[int]:
    """Fields of the first records; what cannot be read so is left out."""
    found: list[int] = []
    try:
        reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
        found.extend(len(record) for record in islice((record for record in reader if record), _LOOKED_AT))
    except csv.Error:
        pass
    return found


def _lines(text: str) -> Iterator[str]:
    """The lines with their ends, as a file opened with `newline=""` gives them; `io.StringIO` would copy the text
    at four bytes per character."""
    return (line[0] for line in _LINE.finditer(text))


def _records(path: Path, text: str, delimiter: str, above: int) -> Iterator[tuple[int, list[str]]]:
    """(line that it starts on, fields) of each record; blank lines are none."""
    reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
    line = above + 1
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise DataInvalid(_misquoted(path, line, error)) from error
        if record is None:
            return
        if record:
            yield line, record
        line = above + reader.line_num + 1


def _misquoted(path: Path, line: int, error: csv.Error) -> str:
    if "end of data" in str(error):
        why = "a double quote is opened and never closed"
    elif "expected after" in str(error):
        why = "a quoted field goes on after its closing quote"
    else:
        why = str(error)
    return (
        f'{path}, the row that starts on line {line}: {why}; write a quote inside a quoted field twice, as ""'
    )


def _names(path: Path, record: list[str]) -> tuple[str, ...]:
    names = tuple(name if name.strip() else f"column {place}" for place, name in enumerate(record, 1))
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise HeaderUnclear(f"{path} has two columns called {twice[0]!r}; give each column a name of its own")
    return names


def _ragged(path: Path, line: int, got: int, wanted: int, delimiter: str) -> str:
    sign = DELIMITERS.get(delimiter, repr(delimiter))
    said = f"{path}, line {line} has {got} fields where the header has {wanted} (separated by {sign})"
    if got == wanted + 1 and line == 2:
        return (
            f"{said}; give the first column a name too (R: `write.csv(..., row.names = FALSE)`), "
            "or put texts that hold the delimiter in double quotes"
        )
    if wanted == 1:
        return f"{said}; put the header into the first line, and delete what stands above it"
    if got > wanted:
        return f"{said}; put a text that holds the delimiter in double quotes"
    return f"{said}; a field is missing there, or a text with a line break is not in double quotes"


def second_headers(rows: Sequence[Sequence[str]]) -> int:
    """How many more header rows there are: Qualtrics writes the questions and a row of import ids."""
    for place, row in enumerate(rows[:3]):
        if row and all(cell.replace(" ", "").startswith('{"ImportId"') for cell in row):
            return place + 1
    return 0
