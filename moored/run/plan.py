"""What a run needs from the model: the data version and one recipe per source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from moored.llm.endpoints import AbilityStore
from moored.llm.prices import price_of, require_price
from moored.llm.prompts import shown_texts
from moored.llm.recipe import Recipe
from moored.llm.recipe_builder import build_recipe
from moored.llm.serving import describe_endpoints
from moored.plaintext import counted
from moored.run.estimates import refuse_without_estimate
from moored.run.run import Run
from moored.settings import Settings
from moored.storage.generations import (
    SourcePlan,
)
from moored.storage.ingest import Units, read_units
from moored.storage.journal import Journal
from moored.storage.results import Inputs
from moored.study import Study


@dataclass(frozen=True, slots=True)
class Data:
    """The data that a run is about, as they are in the store."""

    version: str
    shown_units: tuple[str, ...] = ()
    """Units that left the data, since the study shows their text to the model (docs/method.md, rule 3)."""
    picked: str | None = None
    """What to tell the reader where those were picked by their answer."""
    notes: tuple[str, ...] = ()
    """What was left out since a value is missing (`storage.complete`)."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run needs from the model: one recipe per source, for every unit of a data version."""

    data: Data
    recipes: Mapping[str, Recipe]

    @property
    def data_version(self) -> str:
        """Of the units that are generated for."""
        return self.data.version

    @property
    def marks(self) -> tuple[str, ...]:
        """What a reader of the version must know of its data."""
        data = self.data
        lines = (shown_line(data.shown_units) if data.shown_units else None, data.picked)
        return (*(line for line in lines if line is not None), *data.notes)

    @property
    def recipe_keys(self) -> dict[str, str]:
        """Recipe fingerprint by source."""
        return {source: recipe.fingerprint for source, recipe in self.recipes.items()}

    @property
    def planned(self) -> list[SourcePlan]:
        """What is expected of each source."""
        return [
            SourcePlan(name, recipe.fingerprint, recipe.expected_rows)
            for name, recipe in self.recipes.items()
        ]

    @property
    def asked_elsewhere(self) -> list[SourcePlan]:
        """The same of sources whose model does not run here: what answers there, nobody here decides."""
        return [part for part in self.planned if not self.recipes[part.source].endpoint.startswith("gguf:")]

    def conditioning(self, generations: pd.DataFrame) -> pd.Series:
        """What each written text was conditioned on (docs/method.md, rule 2), by its row of `generations`."""
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


def units_of(study: Study, folder: Path, settings: Settings) -> Units:
    """The units of a study, less those that a prompt shows the model.

    Errors: those of `read_units`, and of `refuse_without_estimate`: a study that cannot work costs no request.
    """
    units = read_units(study, folder, settings.cache, shown_texts(study, folder))
    refuse_without_estimate(study, units.frame)
    return units


def plan_of(run: Run, data: Data) -> RunPlan:
    """One recipe a source of the study. Errors: `StudyInvalid`, those of the first request to an endpoint."""
    with Journal(run.settings.journal, run.study.name) as journal:
        return RunPlan(data, recipes_of(run, journal))


def recipes_of(run: Run, journal: AbilityStore) -> dict[str, Recipe]:
    """One recipe per source of the study. Errors: as of `plan_of`; nothing is asked where `journal` knows all."""
    study, settings = run.study, run.settings
    endpoints = describe_endpoints(study, settings.cache, settings.base_url)
    recipes = {
        source.name: build_recipe(study, source, endpoints[source.name], run.folder, journal)
        for source in study.sources
    }
    for name, recipe in recipes.items():
        require_price(price_of(recipe, endpoints[name]), recipe, study.generation)
    return recipes


def shown_line(units: Sequence[str]) -> str:
    """Which units the study shows to the model, for people."""
    named = ", ".join(units[:5]) + (", ..." if len(units) > 5 else "")
    count = counted(len(units), "unit")
    return f"{count} left the data, since the model is shown the text as an example: {named}"
