"""A check as data: which expectation of which frame, how bad a failure is, and the words for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from checks.evidence import Severity

Frame = Literal["units", "labelled", "written", "generations", "measures", "estimates"]
MOST_IDS = 20


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes
    ----------
    frame : the table it looks at; in "measures" each check has the column of its own name, a row a subject.
    expectation : a class of `great_expectations.expectations`.
    arguments : its arguments; "$name" is the threshold `name`, "$name[0]" a part of it.
    what : what is looked at, as the subject of a sentence.
    allowed : what is allowed; `{name}` is the threshold `name`.
    remedy : what would make it pass.
    """

    name: str
    severity: Severity
    frame: Frame
    expectation: str
    arguments: Mapping[str, Any]
    what: str
    allowed: str
    remedy: str

    @property
    def column(self) -> str:
        """The column that the expectation looks at."""
        return str(self.arguments["column"])

    def filled(self, thresholds: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with the thresholds in their places."""
        return {key: _filled(value, thresholds) for key, value in self.arguments.items()}


def _filled(value: Any, thresholds: Mapping[str, Any]) -> Any:
    found = re.fullmatch(r"\$(\w+)(?:\[(\d)\])?", value) if isinstance(value, str) else None
    if found is None:
        return value
    threshold = thresholds[found[1]]
    return threshold if found[2] is None else threshold[int(found[2])]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number that a check holds against its threshold."""

    check: str
    subject: str
    """What it is about: a source, a variable, a pair."""
    observed: float
    """NaN: it could not be computed, `note` says why."""
    unit_ids: tuple[str, ...] = ()
    note: str = ""
    """What a reader needs beside the number."""
    sources: tuple[str, ...] = field(default=())
    """The sources it is about: a later test of a source that already failed is not asked."""


def at_most(
    name: str, threshold: str, what: str, remedy: str, *, severity: Severity = "warning", allowed: str = ""
) -> Check:
    """A measure with an upper bound."""
    arguments = {"column": name, "max_value": f"${threshold}"}
    words = allowed or f"at most {{{threshold}}}"
    return Check(
        name, severity, "measures", "ExpectColumnValuesToBeBetween", arguments, what, words, f"{remedy}"
    )


def at_least(
    name: str, threshold: str, what: str, remedy: str, *, severity: Severity = "warning", allowed: str = ""
) -> Check:
    """A measure with a lower bound."""
    arguments = {"column": name, "min_value": f"${threshold}"}
    words = allowed or f"at least {{{threshold}}}"
    return Check(name, severity, "measures", "ExpectColumnValuesToBeBetween", arguments, what, words, remedy)


def all_true(name: str, frame: Frame, column: str, what: str, remedy: str, *, allowed: str = "none") -> Check:
    """A critical check of rows: the flag `column` is true in every one."""
    arguments = {"column": column, "value_set": [True]}
    return Check(name, "critical", frame, "ExpectColumnValuesToBeInSet", arguments, what, allowed, remedy)
