"""What kind of file a table is in: by its name, held against its first bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from moored.errors import FileAbsent, NotReadable, PasswordNeeded

Kind = Literal["delimited", "parquet", "duckdb", "sqlite", "excel", "statistics", "arrow", "json"]

DATABASES = (".duckdb", ".db", ".ddb")
READ = (
    "read are CSV and other delimited text, Excel, SPSS, Stata, SAS, Parquet, Feather, JSON and JSON Lines, and "
    "tables of DuckDB and SQLite as `file::table`"
)
_BY_NAME: dict[Kind, tuple[str, ...]] = {
    "parquet": (".parquet", ".pq"),
    "excel": (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
    "statistics": (".sav", ".zsav", ".por", ".dta", ".sas7bdat", ".xpt"),
    "arrow": (".feather", ".arrow", ".ipc"),
    "json": (".json", ".jsonl", ".ndjson"),
    "sqlite": (".sqlite", ".sqlite3"),
}
KIND_OF = {suffix: kind for kind, suffixes in _BY_NAME.items() for suffix in suffixes}
_OTHERS = {
    ".rds": "in R, `write.csv(readRDS(...), row.names = FALSE)`",
    ".rdata": "in R, `write.csv(..., row.names = FALSE)`",
    ".rda": "in R, `write.csv(..., row.names = FALSE)`",
    ".pkl": "with pandas, `read_pickle(...).to_parquet(...)`",
    ".gsheet": "in Google Sheets, download it as CSV",
    ".numbers": "in Numbers, export to CSV",
    ".mdb": "in Access, export the table as CSV",
    ".accdb": "in Access, export the table as CSV",
    ".doc": "copy the table into a sheet and save it as CSV",
    ".docx": "copy the table into a sheet and save it as CSV",
    ".pdf": "copy the table into a sheet and save it as CSV",
    ".html": "save the table as CSV",
    ".xml": "save the table as CSV",
    ".zip": "unpack it first",
    ".7z": "unpack it first",
    ".tar": "unpack it first",
    ".bz2": "unpack it first",
    ".xz": "unpack it first",
    ".zst": "unpack it first",
}
_PACKED_TEXT = ("delimited", "json")


@dataclass(frozen=True, slots=True)
class _Magic:
    start: bytes
    what: str
    fits: tuple[Kind, ...]
    ends: str


_PAGE = "a web page, perhaps one that asks to log in; download the table itself"
_MAGIC = (
    _Magic(b"PAR1", "a Parquet file", ("parquet",), ".parquet"),
    _Magic(b"PK\x03\x04", "an Excel workbook or another zip archive", ("excel",), ".xlsx"),
    _Magic(b"\xd0\xcf\x11\xe0", "an old or protected Excel workbook", ("excel",), ".xls"),
    _Magic(b"ARROW1", "an Arrow or Feather file", ("arrow",), ".feather"),
    _Magic(b"$FL2", "an SPSS file", ("statistics",), ".sav"),
    _Magic(b"$FL3", "an SPSS file", ("statistics",), ".zsav"),
    _Magic(b"<stata_dta>", "a Stata file", ("statistics",), ".dta"),
    _Magic(b"SQLite format 3\0", "an SQLite database", ("sqlite",), ".sqlite"),
    _Magic(b"<!DOCTYPE", _PAGE, (), ""),
    _Magic(b"<!doctype", _PAGE, (), ""),
    _Magic(b"<html", _PAGE, (), ""),
    _Magic(b"version https://", "no table but a pointer of Git LFS; type: git lfs pull", (), ""),
    _Magic(b"%PDF", "a PDF file, which is not read; save the table as CSV", (), ""),
)


@dataclass(frozen=True, slots=True)
class TableFile:
    """Where a table is. part: the sheet or the table of the file that is named after `::`, empty without one."""

    file: Path
    kind: Kind
    part: str = ""


def located(path: str | Path) -> TableFile:
    """The file, and its kind. Errors: `FileAbsent`, `NotReadable`, `PasswordNeeded`."""
    name, _, part = str(path).partition("::")
    if "://" in name:
        raise FileAbsent(f"{name} is an address; download the table, then name the file")
    file = Path(name)
    try:
        if file.is_dir():
            raise FileAbsent(f"{file} is a folder; name one file")
        if not file.is_file():
            raise FileAbsent(f"there is no file {file}; {READ}")
        with file.open("rb") as opened:
            start = opened.read(16)
    except (OSError, ValueError) as error:
        raise FileAbsent(
            f"the file {name[:80]!r} cannot be opened: {getattr(error, 'strerror', None) or error}"
        ) from error
    return TableFile(file, _kind(file, start, part), part)


def _kind(file: Path, start: bytes, part: str) -> Kind:
    if start.startswith(b"SQLite format 3"):
        return "sqlite"
    suffixes = [suffix.lower() for suffix in file.suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = suffixes[-2] if packed and len(suffixes) > 1 else suffixes[-1] if suffixes else ""
    kind = KIND_OF.get(suffix)
    if kind is None and (part or suffix in DATABASES):
        return "duckdb"
    if kind is None and suffix in _OTHERS:
        raise NotReadable(f"{file} ends in {suffix}, which is not read; {READ}: {_OTHERS[suffix]}")
    kind = kind or "delimited"
    if packed and kind not in _PACKED_TEXT:
        raise NotReadable(f"{file} is packed by gzip; unpack it first (CSV and JSON are read packed, too)")
    if start.startswith(b"\x1f\x8b") and not packed:
        raise NotReadable(f"{file} is packed by gzip; end its name in {suffix or '.csv'}.gz")
    if start[8:].startswith(b"ENCRYPTE"):
        raise PasswordNeeded(f"{file} is protected by a password; open it in SPSS and save it without one")
    _refuse_misnamed(file, kind, start)
    return kind


def _refuse_misnamed(file: Path, kind: Kind, start: bytes) -> None:
    for magic in _MAGIC:
        if start.startswith(magic.start) and kind not in magic.fits:
            raise NotReadable(f"{file} is {magic.what}" + (magic.ends and f"; end its name in {magic.ends}"))
