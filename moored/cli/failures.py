"""How a command ends badly: one sentence on stderr, with `--json` one object on stdout, and the exit code."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moored.cli.render import print_json, say
from moored.errors import MooredError
from moored.monitor.logs import LOGGER, set_up_logs

INTERRUPTED = 130
UNEXPECTED = 1


def wants_json() -> bool:
    """Does the command line ask for JSON?"""
    given = sys.argv[1:]
    return "--json" in (given[: given.index("--")] if "--" in given else given)


def refused(error: MooredError) -> int:
    """Say a refusal. Gives its exit code."""
    _end(error.exit_code, type(error).__name__, error.message, error.details, error.public)
    return error.exit_code


def interrupted() -> int:
    """Say that the user stopped it."""
    _end(INTERRUPTED, "Interrupted", "interrupted; what is done is stored, run again to go on")
    return INTERRUPTED


def misused(error: Any) -> int:
    """Say that typer does not understand the command line; only where JSON is wanted, else typer says so."""
    _end(error.exit_code, "UsageError", f"{error.format_message()} `moored --help` lists the commands.")
    return int(error.exit_code)


def unexpected(error: Exception) -> int:
    """Say an error that nobody foresaw: its kind, its words, and where its traceback is."""
    where = _kept(error)
    words = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {words[0][:300]}" if words else type(error).__name__
    kept = f"its traceback is in {where}; please report it with that file" if where else "please report it"
    _end(
        UNEXPECTED, type(error).__name__, f"this should not happen, it is a fault of moored ({what}); {kept}"
    )
    return UNEXPECTED


def as_object(error: MooredError) -> dict[str, Any]:
    """An error as the object that `--json` prints."""
    return _object(error.exit_code, type(error).__name__, error.message, error.details)


def _end(
    code: int, name: str, sentence: str, details: Mapping[str, Any] | None = None, public: str | None = None
) -> None:
    if wants_json():
        print_json(_object(code, name, sentence, details or {}))
    tell_error(sentence, public)


def tell_error(sentence: str, public: str | None = None) -> None:
    """On stderr, as everything there is written; among log lines what is for all eyes."""
    if os.environ.get("MOORED_LOG") == "json":
        set_up_logs("json")
        LOGGER.error(_without_key(public or sentence))
    else:
        say(f"moored: {_without_key(sentence)}", err=True)


def _object(code: int, name: str, sentence: str, details: Mapping[str, Any]) -> dict[str, Any]:
    return {"code": code, "error": name, "sentence": _without_key(sentence), "details": dict(details)}


def _kept(error: Exception) -> Path | None:
    """The file with the whole traceback, None where none can be written."""
    text = _without_key("".join(traceback.format_exception(error)))
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            prefix="moored-traceback-",
            suffix=".txt",
            delete=False,
            encoding="utf-8",
            errors="backslashreplace",
        ) as file:
            file.write(text)
            return Path(file.name)
    except OSError:
        return None


def _without_key(text: str) -> str:
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    return text.replace(key, "[key]") if len(key) >= 8 else text
