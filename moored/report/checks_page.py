"""One self-contained HTML page from a run's stored check outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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


def checks_page(
    rows: Sequence[Mapping[str, Any]],
    *,
    study: str,
    run_id: str,
    version: int | None = None,
    status: str = "",
    override_reason: str | None = None,
) -> str:
    """The page.

    rows: one mapping an outcome with suite, check, severity, passed, observed, threshold, unit_ids, message.
    version: None for a run that was stopped. override_reason: what `--publish-anyway` was given.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("moored.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    outcomes = [shown(row) for row in rows]
    return environment.get_template("checks.html").render(
        study=study,
        run_id=run_id,
        version=version,
        status=status,
        override_reason=override_reason,
        suites=_suites(outcomes),
        counts=counts(outcomes),
        asked=len(outcomes),
        failing=[o for o in worst_first(outcomes) if not o["passed"]],
        words=WORDS,
    )


def _suites(outcomes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    came = {o["suite"] for o in outcomes}
    suites = []
    for name in (*(s for s in SUITES if s in came), *sorted(came - set(SUITES))):
        own = [o for o in outcomes if o["suite"] == name]
        suites.append({"name": name, "title": SUITES.get(name, name), "outcomes": own, "counts": counts(own)})
    return suites


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """An outcome's row as it is shown: with its `state` (a key of `WORDS`), its numbers as text."""
    if not row["passed"]:
        state = "stopped" if row["severity"] == "critical" else "marked"
    else:
        state = "silent" if row["observed"] is None else "passed"
    return {
        **row,
        "state": state,
        "observed": _number(row["observed"]),
        "threshold": "" if row["threshold"] is None else str(row["threshold"]),
        "unit_ids": list(row["unit_ids"] if row["unit_ids"] is not None else ()),
    }


def worst_first(outcomes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Shown outcomes: what stops the run, what marks it, what was not asked, what passed."""
    return sorted(outcomes, key=lambda o: ORDER[o["state"]])


def counts(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many shown outcomes are in each state."""
    return {state: sum(o["state"] == state for o in outcomes) for state in ORDER}


def _number(value: Any) -> str:
    """Three digits; a store may give numbers back as text."""
    if value is None:
        return "–"
    try:
        number = float(value)
    except ValueError:
        return str(value)
    return f"{number:,.0f}" if number.is_integer() and abs(number) < 1e15 else f"{number:.3g}"
