"""How a run ended, for people and for the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from moored.run.plan import RunPlan
from moored.run.run import Run
from moored.storage.generations import (
    generation_seq,
    run_counts,
)
from moored.storage.results import RunRow
from moored.storage.studies import unit_counts
from moored.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended well."""

    study: str
    version: int
    run_id: str
    changed: bool
    """False: nothing had changed since this version was published."""
    latest: int | None = None
    """The study's latest version now; not `version` where a rollback holds."""

    @property
    def sentence(self) -> str:
        """What happened, for a person."""
        if self.changed:
            return f"published version {self.version}"
        return f"nothing changed since version {self.version}: no model call, no new version"


def run_row(
    store: Warehouse,
    run: Run,
    plan: RunPlan,
    *,
    headline: str | None = None,
    marks: tuple[str, ...] = (),
    override: str | None = None,
) -> RunRow:
    """The run's own row as it stands now: inputs, counts, seconds since it began."""
    name = run.study.name
    counts = unit_counts(store, name, plan.data_version) | run_counts(store, run.run_id)
    generated_at = counts.pop("generated_at") or run.started_at
    return RunRow(
        run_id=run.run_id,
        study=name,
        inputs=plan.inputs(run, generation_seq(store, name)),
        started_at=run.started_at,
        headline=headline,
        marks=marks,
        override_reason=override,
        counts=counts,
        timings={
            "generation_s": (generated_at - run.started_at).total_seconds(),
            "total_s": (datetime.now(UTC) - run.started_at).total_seconds(),
        },
    )
