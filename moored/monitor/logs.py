"""Logs: one line an event, with the ids of its study and run; no text, prompt or reply is ever in them."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from moored.errors import StudyInvalid

LOGGER = logging.getLogger("moored")
_NAME = "moored-log"


def set_up_logs(where: str | None) -> None:
    """Direct the package's log, again and again with the same effect.

    where: None (warnings, plain, on stderr), "plain" (every line), "json" (JSON lines on stderr) or
    "json:FILE" (appended to a file). Errors: `StudyInvalid` for anything else.
    """
    form, _, file = (where or "").partition(":")
    if form not in {"", "plain", "json"} or (file and form != "json"):
        raise StudyInvalid(f"MOORED_LOG is {where!r}; set it to plain, json or json:FILE, or not at all")
    for handler in [handler for handler in LOGGER.handlers if handler.name == _NAME]:
        LOGGER.removeHandler(handler)
        handler.close()
    handler = _appending(Path(file)) if file else logging.StreamHandler(sys.stderr)
    handler.name = _NAME
    handler.setLevel(logging.INFO if form else logging.WARNING)
    if not form:
        handler.addFilter(lambda record: not hasattr(record, "outcome"))  # its caller says how a run ended
    handler.setFormatter(_json() if form == "json" else logging.Formatter("moored: %(message)s"))
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


def log(
    message: str, *, study: str, run_id: str | None = None, level: int = logging.INFO, **fields: Any
) -> None:
    """Log one event of a run. fields: numbers, names, ids; they are keys of the JSON line."""
    LOGGER.log(level, message, extra={"study": study, "run_id": run_id, **fields})


def _appending(file: Path) -> logging.Handler:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return logging.FileHandler(file, encoding="utf-8")
    except OSError as error:
        raise StudyInvalid(
            f"MOORED_LOG names {file}, which cannot be written: {error.strerror}; name another file"
        ) from error


def _json() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(
        ["levelname", "name", "message"],
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp="at",
    )
