"""A study from its file, or from what a store kept of it; what is wrong with it as one sentence."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from moored.errors import StudyInvalid
from moored.study.study import Study
from moored.study.thresholds import CheckName


def load_study(path: Path) -> Study:
    """Read a study file. Errors: `StudyInvalid`, naming the key, what came and what is allowed."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyInvalid(f"cannot read the study {path}: {error}; name a TOML file") from error
    try:
        return parse_study(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise StudyInvalid(f"{path} is not TOML: {error}") from error
    except StudyInvalid as error:
        raise StudyInvalid(f"{path}: {error.message}", **error.details) from error


def parse_study(raw: dict[str, Any]) -> Study:
    """A study from its TOML table. Errors: `StudyInvalid`."""
    try:
        return Study.model_validate(raw)
    except ValidationError as error:
        raise StudyInvalid("; ".join(_plain(problem) for problem in error.errors())) from error


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
        raise StudyInvalid("; ".join(_plain(problem) for problem in error.errors())) from error


def _plain(problem: Any) -> str:
    """One pydantic problem as a sentence: where, what came, what is allowed."""
    where = ".".join(str(step) for step in problem["loc"]) or "the study"
    if problem["type"] == "extra_forbidden":
        allowed = _allowed_keys(problem["loc"][:-1])
        return f"unknown key `{where}`" + (f"; allowed here are {', '.join(allowed)}" if allowed else "")
    if problem["type"] == "missing":
        return f"`{where}` is missing"
    message = re.sub(r"^Value error, ", "", problem["msg"])
    given = problem["input"]
    return f"`{where}`: {message}" + ("" if isinstance(given, dict | list) else f", got {given!r}")


def _allowed_keys(loc: tuple[int | str, ...]) -> list[str]:
    part: Any = Study
    for step in loc:
        if isinstance(step, int):
            continue
        part = _part_of(part.model_fields[step].annotation)
    return list(part.model_fields)


def _part_of(annotation: Any) -> type[BaseModel]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(part for part in map(_part_or_none, annotation.__args__) if part is not None)


def _part_or_none(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
