"""Tables for people and JSON for machines, from the same rows."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import typer


def print_json(value: Any) -> None:
    """One JSON object on stdout; what is not finite is null."""
    typer.echo(json.dumps(_finite(value), default=_plain, allow_nan=False))


def print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], title: str = "") -> None:
    """Rows as a table on stdout. columns: key -> format, "" for text, "+" for a share as a percentage."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name, form in columns.items():
        table.add_column(name.replace("_", " "), justify="right" if form else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(row.get(name), form) for name, form in columns.items()))
    Console(highlight=False, width=None if _is_terminal() else 160).print(table)


ESTIMATE_COLUMNS = {
    "estimator": "",
    "term": "",
    "estimate": ".4f",
    "se": ".4f",
    "lower": ".4f",
    "upper": ".4f",
    "p_value": ".2g",
    "effective_n": ".0f",
    "labels_saved": "%",
    "r2": ".2f",
}


def _cell(value: Any, form: str) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if form == "%":
        return f"{value:.0%}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return format(value, form)


def _is_terminal() -> bool:
    import sys

    return sys.stdout.isatty()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
