"""What a workbook's own XML says of cells that its reader leaves empty: formulas never computed, and errors."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

from moored.errors import DataInvalid

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_CELL = re.compile(rb"<c ([^>]*[^/>])>(.*?)</c>", re.DOTALL)
_NO_VALUE = re.compile(rb"<f[ />](?!.*<v>[^<])", re.DOTALL)
_SHOWN = 5


def unread_cells(file: Path, sheet: str) -> list[str]:
    """A note on cells that hold errors such as #DIV/0!, which are read as empty; for .xlsx alone.

    Errors: `DataInvalid` where formulas have no stored value.
    """
    content = _sheet_xml(file, sheet)
    if b"<f" not in content and b't="e"' not in content:
        return []
    formulas, errors = [], []
    for attributes, inside in _CELL.findall(content):
        name = re.search(rb'\br="([A-Z]+[0-9]+)"', attributes)
        at = name[1].decode() if name else "?"
        if b't="e"' in attributes and b"#N/A" not in inside:
            errors.append(at)
        elif b't="str"' not in attributes and _NO_VALUE.search(inside):
            formulas.append(at)
    if formulas:
        raise DataInvalid(
            f"{file} has formulas without a stored value ({len(formulas)}: {_listed(formulas)}); open the workbook "
            "in Excel or LibreOffice, which compute them, and save it"
        )
    if not errors:
        return []
    return [f"cells with an error such as #DIV/0! are read as empty ({len(errors)}: {_listed(errors)})"]


def _listed(cells: list[str]) -> str:
    return ", ".join(cells[:_SHOWN]) + (", ..." if len(cells) > _SHOWN else "")


def _sheet_xml(file: Path, sheet: str) -> bytes:
    """The part of an .xlsx that has the sheet's cells; nothing of any other kind of workbook."""
    if file.suffix.lower() not in (".xlsx", ".xlsm"):
        return b""
    try:
        with zipfile.ZipFile(file) as parts:
            book = ET.fromstring(parts.read("xl/workbook.xml"))  # noqa: S314 - no entity is resolved
            links = ET.fromstring(parts.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
            target = {link.get("Id"): link.get("Target") or "" for link in links}
            wanted = next(one for one in book.iter(f"{_MAIN}sheet") if one.get("name") == sheet)
            path = target[wanted.get(_RELATION)]
            return parts.read(path.lstrip("/") if path.startswith("/") else f"xl/{path}")
    except (KeyError, StopIteration, ET.ParseError, zipfile.BadZipFile):
        return b""
