"""What a report and a methods statement say of one version: read from the store, in one record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from moored.errors import EstimationError
from moored.inference import contributions
from moored.llm.recipe import Recipe
from moored.report.examples import Examples, examples_of
from moored.report.groups import label_groups
from moored.run.estimates import sample_of
from moored.run.readings import Material, gather_version
from moored.storage.generations import recipe_pairs, stored_recipe
from moored.storage.published import CheckRow, EstimateRow, FitRow, PublishedRun
from moored.storage.results import checks_of, find_run, history, latest_run
from moored.storage.studies import spec_of_run, study_of_run, unit_counts
from moored.storage.warehouse import Warehouse
from moored.study import Study
from moored.versions.diff import Diff, diff_versions

Row = Mapping[str, Any]
MOST_VERSIONS = 12
"""Versions whose estimates are drawn and whose changes are told: the last ones."""


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """One published version, beside the one before it."""

    version: int
    stored_at: Any
    headline: str
    rows: Sequence[EstimateRow]
    """The headline's estimates."""
    diff: Diff | None
    """What changed since the version before; None of the first that is told."""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """One published version, with all that is known of how it came about."""

    run: PublishedRun
    study: Study
    spec: Row
    """The study as it was stored."""
    units: int
    labelled: int
    checks: Sequence[CheckRow]
    recipes: Mapping[str, Recipe | None]
    """By source; None where this moored cannot read what another wrote."""
    generation: Sequence[Row]
    """By source and step: counts, tokens, USD, latency."""
    failures: Sequence[Row]

    @property
    def fit(self) -> FitRow:
        """What holds for all terms of the headline."""
        return next(fit for fit in self.run.fits if fit.estimator == self.run.headline)

    @property
    def headline(self) -> tuple[EstimateRow, ...]:
        """The headline's estimates."""
        return self.run.estimates_by(self.run.headline)


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What a page shows beside the version's own facts; it takes longer to find out."""

    latest: int
    versions: Sequence[VersionFacts]
    earlier: int
    """Versions older than those told."""
    gains: Sequence[Row]
    """What each source brings, by term: source, term, r2_alone, labels_saved, se_all, se_without."""
    no_gains: str
    """Why there are none."""
    groups: Sequence[Row]
    """Labelled units in groups of units: name, units, labelled."""
    examples: Examples


def facts_of(store: Warehouse, study: str, version: int | None = None) -> Facts:
    """The facts of a published version, by default the latest. Errors: `NotStored`."""
    run = find_run(store, study, version)
    key = {
        "study": study,
        "data_version": run.data_version,
        "seq": run.generation_seq,
        "recipes": recipe_pairs(run.recipes),
    }
    counts = unit_counts(store, study, run.data_version)
    return Facts(
        run=run,
        study=study_of_run(store, run),
        spec=spec_of_run(store, run)[0],
        units=counts["units"],
        labelled=counts["labelled"],
        checks=checks_of(store, run.run_id),
        recipes={source: _recipe(store, recipe) for source, recipe in run.recipes.items()},
        generation=store.rows("generation_facts", key),
        failures=store.rows("failures_of_version", key),
    )


def surroundings_of(store: Warehouse, facts: Facts) -> Surroundings:
    """What stands around a version: its neighbours, the gain of each source, example units."""
    name = facts.study.name
    latest = latest_run(store, name)
    material = gather_version(store, facts.study, facts.run)
    published = [run.version for run in history(store, name) if run.version is not None]
    gains, no_gains = _gains(facts.study, material)
    return Surroundings(
        latest=facts.run.version if latest is None else latest.version,
        versions=_versions(store, name, published[-MOST_VERSIONS:]),
        earlier=max(0, len(published) - MOST_VERSIONS),
        gains=gains,
        no_gains=no_gains,
        groups=label_groups(facts.study, material.units),
        examples=examples_of(store, facts.study, facts.run, material),
    )


def _recipe(store: Warehouse, fingerprint: str) -> Recipe | None:
    try:
        return Recipe.model_validate_json(stored_recipe(store, fingerprint) or "")
    except ValidationError:
        return None


def _versions(store: Warehouse, study: str, published: Sequence[int]) -> list[VersionFacts]:
    told = []
    for place, version in enumerate(published):
        run = find_run(store, study, version)
        headline = run.headline or "human"
        diff = diff_versions(store, study, published[place - 1], version) if place else None
        told.append(VersionFacts(version, run.stored_at, headline, run.estimates_by(headline), diff))
    return told


def _gains(study: Study, material: Material) -> tuple[list[dict[str, Any]], str]:
    """What each source brings in the two-step fit, or why that cannot be computed."""
    try:
        sample = sample_of(study, material)
        found = contributions(sample, study.estimate.family)
    except EstimationError as error:
        return [], error.message
    return [
        {
            "source": gain.source,
            "term": term,
            "r2_alone": float(gain.r2_alone[at]),
            "labels_saved": float(gain.labels_saved[at]),
            "se_all": float(gain.se_all[at]),
            "se_without": float(gain.se_without[at]),
        }
        for gain in found
        for at, term in enumerate(sample.terms)
    ], ""


def as_json(value: Any) -> str:
    """A stored value for people: JSON, indented."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
