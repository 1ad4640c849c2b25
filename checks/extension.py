"""A user's own expectations: a Python file that the study names in `[checks] expectations`.

    import great_expectations.expectations as gxe

    EXPECTATIONS = {
        "units": [gxe.ExpectColumnValuesToMatchRegex(column="text", regex="[a-z]", severity="warning")],
    }

The keys are frames (units, labelled, written, generations); severity and notes are Great Expectations' own:
`critical` stops the run, anything else publishes with a mark.
"""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moored.errors import StudyInvalid
from moored.study import Study

FRAMES = ("units", "labelled", "written", "generations")


def custom_expectations(study: Study, folder: Path) -> Mapping[str, list[Any]]:
    """The expectations of the study's file by frame; empty where it names none. Errors: `StudyInvalid`."""
    if study.checks.expectations is None:
        return {}
    path = folder / study.checks.expectations
    try:
        found = runpy.run_path(str(path)).get("EXPECTATIONS")
    except FileNotFoundError as error:
        raise StudyInvalid(
            f"checks.expectations names {path}, which is not there; put the file there"
        ) from error
    except Exception as error:
        raise StudyInvalid(
            f"{path} does not run as Python: {type(error).__name__}: {error}; correct it"
        ) from error
    if not isinstance(found, dict) or not set(found) <= set(FRAMES):
        raise StudyInvalid(f"{path} must set EXPECTATIONS to a dict with the keys {', '.join(FRAMES)}")
    _refuse_others(path, found)
    return found


def _refuse_others(path: Path, found: Mapping[str, Any]) -> None:
    from great_expectations.expectations.expectation import Expectation

    for frame, expectations in found.items():
        if not isinstance(expectations, list | tuple):
            raise StudyInvalid(f"{path}: EXPECTATIONS[{frame!r}] must be a list of expectations")
        for expectation in expectations:
            if not isinstance(expectation, Expectation):
                raise StudyInvalid(
                    f"{path}: EXPECTATIONS[{frame!r}] holds {expectation!r}, which is no expectation"
                )
