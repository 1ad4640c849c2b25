"""Files of SPSS, Stata and SAS: value labels are the cells, codes that mean "missing" are empty, both are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from moored.errors import NotReadable, WrongEncoding
from moored.extras import needed
from moored.storage.cell_values import number_text, table_of_values
from moored.storage.codebook import Entry
from moored.storage.delimited import Dialect
from moored.storage.tables import TEXT, Table

_STORED_SHORT = "float"
"""Stata's usual type of a number: 4 bytes, which keep whole numbers up to 16,777,216."""

_SHOWN = 5


def read_statistics(file: Path, dialect: Dialect) -> Table:
    """A file of SPSS, Stata or SAS. Errors: `NotReadable`, `WrongEncoding`, `ExtraMissing`."""
    values, about = _read(file, dialect)
    codebook, columns, notes = {}, {}, []
    for name, given in values.items():
        entry, cells = _decoded(name, given, about, coded=name in dialect.codes)
        codebook[name], columns[name] = entry, cells
        notes += _coded(name, about) if name in dialect.codes else _merged(name, entry)
    table = table_of_values(columns)
    types = {
        name: _type(table.types[name], codebook[name], str(about.readstat_variable_types.get(name)))
        for name in table.names
    }
    return Table(table.frame, types, notes=tuple(notes), codebook=codebook)


def _reader(file: Path) -> tuple[Callable[..., Any], dict[str, Any]]:
    with needed("files", str(file)):
        import pyreadstat
    kept: dict[str, Any] = {"user_missing": True}
    readers: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
        ".sav": (pyreadstat.read_sav, kept),
        ".zsav": (pyreadstat.read_sav, kept),
        ".por": (pyreadstat.read_por, {}),
        ".dta": (pyreadstat.read_dta, kept),
        ".sas7bdat": (pyreadstat.read_sas7bdat, kept),
        ".xpt": (pyreadstat.read_xport, {}),
    }
    return readers[file.suffix.lower()]


def _read(file: Path, dialect: Dialect) -> tuple[Mapping[str, Sequence[Any]], Any]:
    reader, options = _reader(file)
    if dialect.encoding is not None and file.suffix.lower() != ".por":
        options = options | {"encoding": dialect.encoding}
    try:
        found: tuple[Mapping[str, Sequence[Any]], Any] = reader(str(file), output_format="dict", **options)
    except (
        Exception
    ) as error:  # pyreadstat has a class of its own for each kind of file, and UnicodeDecodeError
        said = str(error)
        if "character set" in said:
            raise WrongEncoding(
                f"{file} cannot be read in the encoding {dialect.encoding!r}; name one such as utf-8 or cp1252"
            ) from error
        if isinstance(error, UnicodeDecodeError) or "encoding" in said:
            raise WrongEncoding(_undecoded(file, reader, options)) from error
        raise NotReadable(
            f"{file} cannot be read as a file of {_PROGRAM[file.suffix.lower()]} ({said.rstrip('.')}); it may be "
            "broken or cut short: write it anew"
        ) from error
    return found


_PROGRAM = {
    ".sav": "SPSS",
    ".zsav": "SPSS",
    ".por": "SPSS",
    ".dta": "Stata",
    ".sas7bdat": "SAS",
    ".xpt": "SAS",
}


def _undecoded(file: Path, reader: Callable[..., Any], options: Mapping[str, Any]) -> str:
    """Which row has the first text that is not in the encoding."""
    low, high = 0, 1
    while high < 2**40 and _reads(file, reader, options, high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _reads(file, reader, options, middle) else (low, middle)
    said = options.get("encoding", "the encoding that it states")
    return (
        f"{file}: a text of row {high} is not in {said}; say the encoding that it was written in, as "
        '`data.encoding = "cp1252"` (`--encoding cp1252`)'
    )


def _reads(file: Path, reader: Callable[..., Any], options: Mapping[str, Any], rows: int) -> bool:
    try:
        reader(str(file), output_format="dict", row_limit=rows, **options)
    except Exception:
        return False
    return True


def _decoded(name: str, given: Sequence[Any], about: Any, *, coded: bool) -> tuple[Entry, list[Any]]:
    """What the codebook says of a column, and its cells: labels in place of codes, None where a code is missing."""
    labels = {
        code_text(code): str(label).strip()
        for code, label in (about.variable_value_labels.get(name) or {}).items()
        if str(label).strip()
    }
    declared = _declared_missing(name, about)
    cells: list[Any] = []
    missing: Counter[str] = Counter()
    for value in given:
        if value is None or value != value:
            cells.append(None)
        elif declared(value):
            code = code_text(value)
            missing[f"{code} {labels[code]!r}" if code in labels else code] += 1
            cells.append(None)
        else:
            cells.append(value if coded else labels.get(code_text(value), value))
    wording = str((about.column_names_to_labels or {}).get(name) or "").strip()
    return Entry(wording, {} if coded else labels, dict(missing.most_common())), cells


def _declared_missing(name: str, about: Any) -> Callable[[Any], bool]:
    ranges = [(part["lo"], part["hi"]) for part in (about.missing_ranges or {}).get(name, ())]
    letters = set((about.missing_user_values or {}).get(name, ()))

    def missing(value: Any) -> bool:
        return value in letters or any(
            code_text(value) == code_text(low) if isinstance(low, str) else low <= value <= high
            for low, high in ranges
            if isinstance(value, str) == isinstance(low, str)
        )

    return missing


def code_text(value: Any) -> str:
    """A code as it is written in a codebook: 1, not 1.0."""
    return number_text(value) if isinstance(value, int | float) else str(value).rstrip()


def _coded(name: str, about: Any) -> list[str]:
    labels = list((about.variable_value_labels.get(name) or {}).items())
    listed = ", ".join(f"{code_text(code)} = {label!r}" for code, label in labels[:_SHOWN])
    return [f"{name!r} by its codes ({listed}{', ...' if len(labels) > _SHOWN else ''})"] if labels else []


def _merged(name: str, entry: Entry) -> list[str]:
    twice = [label for label, count in Counter(entry.value_labels.values()).items() if count > 1]
    return [f"{name!r} has several codes with the label {label!r}, read as one" for label in twice]


def _type(kind: str, entry: Entry, stored: str) -> str:
    if entry.value_labels and kind == "VARCHAR":
        return TEXT
    return "FLOAT" if stored == _STORED_SHORT and kind in ("BIGINT", "DOUBLE") else kind
