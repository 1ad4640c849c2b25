"""One self-contained HTML page from a run's stored check outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from moored.storage.published import CheckRow, StoredRun

SUITES = {
    "texts": "Raw texts",
    "labels": "Human labels and covariates",
    "proxies": "Model readings against labels",
    "synthetic": "Synthetic texts",
    "extraction": "Generations",
    "validity": "Validity rules",
    "results": "Results",
    "own": "The study's own expectations",
}
ORDER = {"stopped": 0, "marked": 1, "silent": 2, "passed": 3}
WORDS = {"stopped": "stops the run", "marked": "warning", "silent": "not asked", "passed": "passed"}


@dataclass(frozen=True, slots=True)
class ShownCheck:
    """A check as it is shown: with its state (a key of `WORDS`), its numbers as text."""

    suite: str
    check: str
    severity: str
    passed: bool
    state: str
    observed: str
    threshold: str
    unit_ids: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Suite:
    """The checks of one suite."""

    name: str
    title: str
    outcomes: tuple[ShownCheck, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many are in each state."""
        return counts(self.outcomes)


def checks_page(rows: Sequence[CheckRow], run: StoredRun) -> str:
    """What the checks said of a run as a page that loads nothing."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("moored.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    checks = [shown(row) for row in rows]
    return environment.get_template("checks.html").render(
        study=run.study,
        run_id=run.run_id,
        version=run.version,
        status=run.status,
        override_reason=run.override_reason,
        suites=_suites(checks),
        counts=counts(checks),
        asked=len(checks),
        failing=[check for check in worst_first(checks) if not check.passed],
        words=WORDS,
    )


def _suites(checks: Sequence[ShownCheck]) -> list[Suite]:
    came = {check.suite for check in checks}
    names = (*(name for name in SUITES if name in came), *sorted(came - set(SUITES)))
    return [
        Suite(name, SUITES.get(name, name), tuple(check for check in checks if check.suite == name))
        for name in names
    ]


def shown(row: CheckRow) -> ShownCheck:
    """A check's row as it is shown."""
    if not row.passed:
        state = "stopped" if row.severity == "critical" else "marked"
    else:
        state = "silent" if row.observed is None else "passed"
    return ShownCheck(
        suite=row.suite,
        check=row.check,
        severity=row.severity,
        passed=row.passed,
        state=state,
        observed=_number(row.observed),
        threshold=row.threshold or "",
        unit_ids=row.unit_ids,
        message=row.message,
    )


def worst_first(checks: Iterable[ShownCheck]) -> list[ShownCheck]:
    """What stops the run, what marks it, what was not asked, what passed."""
    return sorted(checks, key=lambda check: ORDER[check.state])


def counts(checks: Sequence[ShownCheck]) -> dict[str, int]:
    """How many checks are in each state."""
    return {state: sum(check.state == state for check in checks) for state in ORDER}


def _number(value: str | None) -> str:
    """Three digits of what is a number."""
    if value is None:
        return "–"
    try:
        number = float(value)
    except ValueError:
        return value
    return f"{number:,.0f}" if number.is_integer() and abs(number) < 1e15 else f"{number:.3g}"
