"""What a command prints: text for people, in the width there is, and JSON for machines, from the same rows.

Nothing that comes from data is written but through here: `say` and `print_table` show control characters as text.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer

from moored.cli.layout import Kind, blocks, wrapped
from moored.numbers import number
from moored.plaintext import plain


def print_json(value: Any) -> None:
    """One JSON object on stdout; what is not finite is null, and times are those of UTC."""
    typer.echo(json.dumps(_finite(value), default=_plain, allow_nan=False))


def say(text: object = "", *, indent: str = "", bold: bool = False, err: bool = False) -> None:
    """A sentence on stdout, or on stderr: wrapped between words where the width is known."""
    for line in wrapped(plain(text), width(err=err), indent):
        _echo(line, bold=bold, err=err)


def print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], title: str = "") -> None:
    """Rows as a table on stdout. columns: key -> format; "" for words, "=" for what is never broken."""
    if title:
        say(title)
    headers = [name.replace("_", " ") for name in columns]
    cells = [[cell(row.get(name), form) for name, form in columns.items()] for row in rows]
    kinds: list[Kind] = [
        "words" if form == "" else "whole" if form == "=" else "number" for form in columns.values()
    ]
    for place, block in enumerate(blocks(headers, cells, kinds, width())):
        if place:
            say()
        print_lines(block.header, bold=True)
        print_lines(block.lines()[len(block.header) :])


def print_lines(lines: Sequence[str], *, bold: bool = False) -> None:
    """Lines that are laid out already."""
    for line in lines:
        _echo(line, bold=bold)


def cell(value: Any, form: str = "") -> str:
    """A value in its format; empty where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if form in {"", "="}:
        return plain(value, 400)
    return number(value, 4, least=3) if form == "number" else format(value, form)


def width(*, err: bool = False) -> int | None:
    """Of the terminal, or what COLUMNS says; None where neither is there: a file has lines of any length."""
    stream = sys.stderr if err else sys.stdout
    if not (os.environ.get("COLUMNS", "").isdigit() or stream.isatty()):
        return None
    return max(shutil.get_terminal_size().columns, 20)


def _echo(line: str, *, bold: bool = False, err: bool = False) -> None:
    styled = bold and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    # Without a terminal, typer takes the style out again.
    typer.echo(typer.style(line, bold=True) if styled else line, err=err)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
