"""What the steps of one run share: frozen, handed from task to task."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from moored.errors import BudgetReached, StudyInvalid, TooManyFailures
from moored.llm.endpoints import describe_endpoints
from moored.llm.prices import price_of, require_price
from moored.llm.prompts import shown_texts
from moored.llm.recipe import Recipe, build_recipe
from moored.scope import Scope
from moored.settings import Settings, code_version
from moored.storage.generations import (
    Planned,
    SourceState,
    generation_seq,
    run_counts,
)
from moored.storage.ingest import Units, read_units
from moored.storage.journal import Journal
from moored.storage.results import Inputs, RunRow
from moored.storage.run_lock import hold
from moored.storage.studies import unit_counts
from moored.storage.warehouse import Warehouse
from moored.study import Study


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one study, at one place."""

    run_id: str
    study: Study
    folder: Path
    """Where the study's relative paths start."""
    settings: Settings
    code_version: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Data:
    """The data that a run is about, as they are in the store."""

    version: str
    spent: tuple[str, ...] = ()
    """Units that left the data, since the study shows their text to the model (METHOD rule 3)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run needs from the model: one recipe a source, for every unit of a data version."""

    data_version: str
    recipes: Mapping[str, Recipe]
    spent: tuple[str, ...] = ()
    """As in `Data`."""

    @property
    def marks(self) -> tuple[str, ...]:
        """What a reader of the version must know of its data."""
        return (spent_line(self.spent),) if self.spent else ()

    @property
    def recipe_keys(self) -> dict[str, str]:
        """Recipe fingerprint by source."""
        return {source: recipe.fingerprint for source, recipe in self.recipes.items()}

    @property
    def planned(self) -> list[Planned]:
        """What is expected of each source."""
        return [
            Planned(name, recipe.fingerprint, recipe.expected_rows) for name, recipe in self.recipes.items()
        ]

    def conditioning(self, generations: pd.DataFrame) -> pd.Series:
        """What each written text was conditioned on (METHOD rule 2), by its row of `generations`."""
        inputs = {recipe.fingerprint: ",".join(recipe.conditioning) for recipe in self.recipes.values()}
        return generations["recipe"].map(inputs).where(generations["step"] == "write")

    def inputs(self, run: Run, generation_seq: int) -> Inputs:
        """What this run's results are computed from."""
        return Inputs(
            study_fingerprint=run.study.fingerprint,
            data_version=self.data_version,
            code_version=run.code_version,
            recipes=self.recipe_keys,
            generation_seq=generation_seq,
        )


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


def units_of(study: Study, folder: Path, settings: Settings) -> Units:
    """The units of a study, less those that a prompt shows the model. Errors: those of `read_units`."""
    return read_units(study, folder, settings.cache, shown_texts(study, folder))


def plan_of(run: Run, data: Data) -> Plan:
    """One recipe a source of the study. Errors: `StudyInvalid`, those of the first request to an endpoint."""
    study, settings = run.study, run.settings
    endpoints = describe_endpoints(study, settings.cache, settings.base_url)
    with Journal(settings.replies, study.name) as journal:
        recipes = {
            source.name: build_recipe(study, source, endpoints[source.name], run.folder, journal)
            for source in study.sources
        }
    for name, recipe in recipes.items():
        require_price(price_of(recipe, endpoints[name]), recipe, study.generation)
    return Plan(data.version, recipes, data.spent)


def spent_line(spent: Sequence[str]) -> str:
    """Which units are spent, for people."""
    named = ", ".join(spent[:5]) + (", ..." if len(spent) > 5 else "")
    units = "1 unit" if len(spent) == 1 else f"{len(spent)} units"
    return f"{units} left the data, since the model is shown the text as an example: {named}"


def out_of_budget(run: Run) -> BudgetReached:
    """The refusal to go on, with every cap of the study and what is spent."""
    limits = run.study.generation
    with Journal(run.settings.replies, run.study.name) as journal:
        spent = journal.spent()
    used = {"max_requests": spent.requests, "max_tokens": spent.tokens, "max_usd": round(spent.usd, 4)}
    caps = ", ".join(
        f"`generation.{name}` is {cap:,}, spent are {used[name]:,}"
        for name in used
        if (cap := getattr(limits, name)) is not None
    )
    return BudgetReached(
        f"the study's budget is used up ({caps}); what was generated is stored: raise the cap and run again"
    )


def rerun_scope(study: Study, *, failed: bool, sources: tuple[str, ...], units: tuple[str, ...]) -> Scope:
    """What to generate again. Errors: `StudyInvalid` (nothing, or a source that the study does not have)."""
    if not failed and not units:
        raise StudyInvalid("say what to generate again: --failed, or --units FILE")
    known = [source.name for source in study.sources]
    if unknown := sorted(set(sources) - set(known)):
        raise StudyInvalid(f"there is no source {', '.join(unknown)}; the study has {', '.join(known)}")
    return Scope(failed=failed, sources=sources, units=units)


def refuse_failures(study: Study, states: Iterable[SourceState], why: str) -> None:
    """Stop where a source misses units, or more of them failed than the study allows.

    Errors: `TooManyFailures`.
    """
    for state in states:
        lost = state.failed + state.refused
        if state.missing:
            raise TooManyFailures(
                f"{state.missing} of {state.expected} units of {state.source!r} have no generation yet; "
                "run again to go on"
            )
        if lost > study.generation.max_failed_share * state.expected:
            raise TooManyFailures(
                f"{lost} of {state.expected} generations of {state.source!r} failed ({why}); allowed is a share "
                f"of {study.generation.max_failed_share:g} (`generation.max_failed_share`); look at "
                f"`moored status {study.name}`, then `moored rerun {study.name} --failed`",
                example=why,
            )


def new_run(study: Study, folder: Path, settings: Settings) -> Run:
    """A run with an id of its own, from now."""
    started = datetime.now(UTC)
    own = study.checks.expectations
    return Run(
        run_id=f"{started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}",
        study=study,
        folder=folder,
        settings=settings,
        code_version=code_version(settings.pipeline, folder / own if own else None),
        started_at=started,
    )


@contextmanager
def only_run(run: Run) -> Iterator[None]:
    """No other run of the same study, for the block's time. Errors: `StudyBusy`."""
    with hold(run.settings.run_lock(run.study.name), run.study.name, run.run_id):
        yield


def run_row(
    store: Warehouse,
    run: Run,
    plan: Plan,
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
