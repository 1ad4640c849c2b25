"""A study from its file, or from what a store kept of it; what is wrong with it as one sentence."""

from __future__ import annotations

import codecs
import re
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from moored.errors import StudyInvalid
from moored.study.problems import came, impossible, sentences
from moored.study.study import Study
from moored.study.thresholds import CheckName

_NAME = re.compile("[a-z0-9][a-z0-9_-]{0,59}")
_NAME_LINE = re.compile(
    rf"""^[ \t]*name[ \t]*=[ \t]*(["'])({_NAME.pattern})\1[ \t]*(?:#.*)?$""", re.MULTILINE
)
_TABLE_LINE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_TABLE_TWICE = re.compile(
    r"Cannot (?:declare|mutate immutable namespace|redefine namespace) \((.*?)\)(?: twice)?"
)
_QUOTED = re.compile(r"'([^']*)'")
_OTHER_ENCODINGS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


def load_study(path: Path) -> Study:
    """Read a study file. Errors: `StudyInvalid`, naming the key, what came and what is allowed."""
    raw = _toml(path)
    try:
        return parse_study(raw)
    except StudyInvalid as error:
        raise StudyInvalid(f"{path}: {error.message}", **error.details) from error


def name_in(path: Path) -> str | None:
    """The name that a study file gives, whatever is wrong with the rest; None where none can be read."""
    with suppress(StudyInvalid):
        name = _toml(path).get("name")
        return name if isinstance(name, str) and _NAME.fullmatch(name) else None
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    except (OSError, ValueError):
        return None
    found = _NAME_LINE.search(_TABLE_LINE.split(text, maxsplit=1)[0])
    return found[2] if found else None


def parse_study(raw: dict[str, Any]) -> Study:
    """A study from its TOML table. Errors: `StudyInvalid`."""
    if not isinstance(raw, dict):
        raise StudyInvalid(
            f"a study is a table of keys and values, got {came(raw)}; read it with `load_study`"
        )
    if found := impossible(raw):
        raise StudyInvalid(found)
    try:
        return Study.model_validate(raw)
    except ValidationError as error:
        raise StudyInvalid(sentences(error, Study, raw)) from error


def parse_stored(raw: dict[str, Any]) -> Study:
    """A study from what the store kept of it, perhaps of an earlier moored: keys that are gone since are left out.

    Errors: `StudyInvalid`.
    """
    severity = raw.get("checks", {}).get("severity", {})
    known = {check: value for check, value in severity.items() if check in get_args(CheckName)}
    try:
        return Study.model_validate(
            raw | {"checks": raw.get("checks", {}) | {"severity": known}}, extra="ignore"
        )
    except ValidationError as error:
        raise StudyInvalid(sentences(error, Study, raw)) from error


def _toml(path: Path) -> dict[str, Any]:
    """The table of a TOML file; a byte-order mark is left out."""
    try:
        text = _text(path.read_bytes())
        return tomllib.loads(text)
    except OSError as error:
        raise StudyInvalid(f"cannot read the study {path}: {error.strerror}; name a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise StudyInvalid(f"{path} is not TOML: {_toml_said(error)}; correct it there") from error
    except RecursionError:
        raise StudyInvalid(
            f"{path} nests tables or lists too deep; a study needs no more than 5 levels"
        ) from None
    except ValueError as error:
        raise StudyInvalid(f"{path} cannot be read: {_said(error)}") from error


def _text(content: bytes) -> str:
    for mark, encoding in _OTHER_ENCODINGS.items():
        if content.startswith(mark):
            raise ValueError(f"it is {encoding}; save it as UTF-8, as TOML is")
    return content.decode("utf-8-sig").replace("\r\n", "\n")


def _toml_said(error: tomllib.TOMLDecodeError) -> str:
    """What the parser says, in words about the file where its own are about itself."""

    def told(found: re.Match[str]) -> str:
        return f"the table [{'.'.join(re.findall(_QUOTED, found[1]))}] stands there a second time"

    said = str(error).replace("Cannot overwrite a value", "a key or a table stands there a second time")
    return _TABLE_TWICE.sub(told, said)


def _said(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 (byte {error.start + 1}); save it as UTF-8, as TOML is"
    if "digits" in str(error):
        return "it holds a number of thousands of digits; whole numbers go up to 9223372036854775807"
    return str(error)
