"""Files of delimited text, read by stated rules: every field is a text, and no row is lost.

The first record is the header. Fields are in double quotes where they hold the delimiter, a quote (doubled) or a
line break. The delimiter is the comma, semicolon, tab or bar that gives the header and the first rows the same
number of fields. There are no comments, and nothing is a number, a date or a missing value here.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from moored.errors import DataInvalid, EmptyTable, HeaderUnclear, WrongEncoding
from moored.storage.text_files import by_mark, known, open_bytes, text_of, zero_byte

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LOOKED_AT = 50
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
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
    rows = list(_even(path, records, len(names), delimiter))
    qualtrics = second_headers(rows)
    wording = tuple(rows[0]) if qualtrics == 2 else ()
    skipped = stated.skip_rows or qualtrics
    if skipped < qualtrics:
        raise HeaderUnclear(
            f"{path} has {qualtrics} more header rows under its first, as Qualtrics writes them, and "
            f"`data.skip_rows` is {skipped}; leave it out, they are found without it"
        )
    return Delimited(
        names, [row for row in rows[skipped:] if _given(row)], delimiter, encoding, skipped, wording
    )


def _even(
    path: Path, records: Iterable[tuple[int, list[str]]], width: int, delimiter: str
) -> Iterator[list[str]]:
    """The records, each of `width` fields. Errors: `DataInvalid`, naming the line."""
    for line, record in records:
        if len(record) != width:
            raise DataInvalid(_ragged(path, line, len(record), width, delimiter))
        yield record


def _given(row: Sequence[str]) -> bool:
    """Does a field hold anything? Spreadsheets write rows of delimiters alone below the last."""
    return any(field and not field.isspace() for field in row)


def header_of(path: Path, stated: Dialect) -> tuple[tuple[str, ...], str, int]:
    """Column names, delimiter and rows to skip beside the header, from the beginning of a file of any size.

    A line `sep=;` above it is one of them. Errors as of `read_delimited`.
    """
    with open_bytes(path) as file:
        start = file.read(1 << 20)
    # What is cut in the middle of a character or a quoted field is not looked at.
    encoding = known(stated.encoding or by_mark(start) or "utf-8")
    text = start.decode(encoding, errors="replace")
    if (zero := text.find("\0")) >= 0:
        raise WrongEncoding(zero_byte(path, text[:zero].count("\n") + 1, encoding))
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


@dataclass(frozen=True, slots=True)
class Counted:
    """What a UTF-8 file of any size has under its header and the rows to skip.

    empty: records without anything in them. ends: the line ends that were seen, those inside fields, too.
    """

    records: int
    empty: int
    ends: tuple[str, ...]


def count_records(path: Path, delimiter: str, width: int, skipped: int) -> Counted:
    """Look at each record, apart from any other reader. width: fields of each; skipped: rows beside the header.

    Errors: `DataInvalid`, naming the line; `WrongEncoding`.
    """
    count, empty = -1 - skipped, 0
    with open_bytes(path) as file:
        lines = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        try:
            for record in csv.reader(_read_lines(path, lines), delimiter=delimiter, strict=True):
                if len(record) == width:
                    count += 1
                    if (not record[0] or record[0].isspace()) and count > 0 and not _given(record):
                        empty += 1
                elif record and count >= 0:
                    break
                elif record:
                    count += 1  # a header, or a row that is skipped
            else:
                ends = lines.newlines or ()
                return Counted(count, empty, (ends,) if isinstance(ends, str) else ends)
        except csv.Error:
            pass
    raise _fault_of(path, delimiter, width, skipped)


def _fault_of(path: Path, delimiter: str, width: int, skipped: int) -> DataInvalid:
    """Which record it is that `count_records` stumbled over: slower, by its line."""
    with open_bytes(path) as file:
        lines = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        records = _records_of(path, _read_lines(path, lines), delimiter, 0)
        try:
            for _ in _even(path, islice(records, 1 + skipped, None), width, delimiter):
                pass
        except DataInvalid as error:
            return error
    return DataInvalid(f"{path} was written to while it was read; wait until it is whole")


def _read_lines(path: Path, lines: Iterable[str]) -> Iterator[str]:
    """The lines. Errors: `WrongEncoding`."""
    place = 0
    try:
        for place, line in enumerate(lines, 1):
            if "\0" in line:
                raise WrongEncoding(zero_byte(path, place, "utf-8"))
            yield line
    except UnicodeDecodeError as error:
        where = f" after line {place:,}" if place else ""
        raise WrongEncoding(
            f"{path} is not in UTF-8 (byte 0x{error.object[error.start]:02X}{where}), and a table read in chunks "
            "must be; save it in UTF-8 or as Parquet"
        ) from None


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
    return _records_of(path, _lines(text), delimiter, above)


def _records_of(
    path: Path, lines: Iterable[str], delimiter: str, above: int
) -> Iterator[tuple[int, list[str]]]:
    """(line that it starts on, fields) of each record; blank lines are none."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
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
