"""A study's table as the text of its file."""

from __future__ import annotations

import json
from typing import Any


def toml_of(table: dict[str, Any]) -> str:
    """A study's table as TOML: as JSON values, which TOML shares for what is used here."""
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)
