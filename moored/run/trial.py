"""A trial before a run: each model is asked what the run will ask it, of one long text of the study, too."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from moored.errors import TooManyFailures
from moored.llm.generate import generate
from moored.llm.generations import Unit
from moored.llm.prices import price_of, require_price
from moored.llm.recipe_builder import build_recipe
from moored.llm.serving import open_endpoints, probe_models
from moored.llm.useless import advice
from moored.settings import Settings
from moored.storage.journal import Journal
from moored.study import Study

TOO_LONG = "too-long"


def try_models(study: Study, folder: Path, settings: Settings, units: pd.DataFrame) -> list[str]:
    """What came of it, a line each.

    A model on this machine also reads one of the longest texts; one that too many others are longer than would not
    do: if it has no room for that, more units fail than the study allows.

    Errors: those of `probe_models` and of a run's first request; `TooManyFailures`, `StudyInvalid`.
    """
    with (
        Journal(settings.journal, study.name) as journal,
        open_endpoints(study, settings.cache, settings.base_url, servers=1) as endpoints,
    ):
        lines = probe_models(study, folder, endpoints, journal)
        unit = _long_unit(study, units)
        for source in study.sources:
            endpoint = endpoints[source.name]
            recipe = build_recipe(study, source, endpoint, folder, journal)
            require_price(price_of(recipe, endpoint), recipe, study.generation)
            if not study.model_of(source).runs_here:
                continue
            rows = generate([unit], recipe, endpoint, journal, study.generation, begun=True)
            for row in rows:
                if row.error_kind == TOO_LONG:
                    raise TooManyFailures(
                        f"the text of {unit.id!r} ({len(unit.text):,} characters) is too long for the model "
                        f"{recipe.model!r} ({row.error}), and more than a share of "
                        f"{study.generation.max_failed_share:g} of the texts are as long or longer "
                        f"(`generation.max_failed_share`); {advice(TOO_LONG)}",
                        example=row.error,
                    )
    return lines


def _long_unit(study: Study, units: pd.DataFrame) -> Unit:
    """The shortest of the texts of which more than may fail are as long or longer."""
    ordered = units.assign(length=units["text"].str.len()).sort_values(
        ["length", "unit_id"], ascending=[False, True]
    )
    place = min(int(study.generation.max_failed_share * len(ordered)), len(ordered) - 1)
    row = ordered.iloc[place]
    return Unit(str(row["unit_id"]), str(row["text"]), str(row["content_hash"]))
