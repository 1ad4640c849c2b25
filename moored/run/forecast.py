"""What a run of a study would ask and cost, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from moored.llm.plan import NeverAsks, PlannedCalls, plan_calls
from moored.llm.prices import price_of, require_price
from moored.llm.recipe_builder import build_recipe
from moored.llm.serving import describe_endpoints
from moored.run.chunks import shuffled_units
from moored.run.plan import units_of
from moored.settings import Settings
from moored.storage.generations import SourcePlan, ended_units
from moored.storage.journal import Journal, Progress
from moored.storage.warehouse import open_store
from moored.study import GenerationSettings, Study


@dataclass(frozen=True, slots=True)
class Forecast:
    """The calls of a run that starts now."""

    study: str
    units: int
    steps: tuple[PlannedCalls, ...]
    spent: Progress
    """What the study has sent so far; caps count it."""
    limits: GenerationSettings
    assumed: tuple[str, ...]
    """Models that were never asked what they give: planned for the costliest case."""

    @property
    def total(self) -> dict[str, float]:
        """Requests, tokens and USD of all steps."""
        return {
            "requests": sum(step.requests for step in self.steps),
            "stored": sum(step.stored for step in self.steps),
            "prompt_tokens": sum(step.prompt_tokens for step in self.steps),
            "completion_tokens": sum(step.completion_tokens for step in self.steps),
            "usd": sum(step.usd for step in self.steps),
        }

    @property
    def caps(self) -> list[dict[str, Any]]:
        """Each cap of the study beside what is spent and what this run adds."""
        total = self.total
        rows = (
            ("max_requests", self.limits.max_requests, self.spent.requests, total["requests"]),
            (
                "max_tokens",
                self.limits.max_tokens,
                self.spent.tokens,
                total["prompt_tokens"] + total["completion_tokens"],
            ),
            ("max_usd", self.limits.max_usd, self.spent.usd, total["usd"]),
        )
        return [
            {
                "cap": cap,
                "limit": limit,
                "spent": spent,
                "planned": planned,
                "enough": limit is None or not planned or spent + planned <= limit,
            }
            for cap, limit, spent, planned in rows
        ]

    def as_json(self) -> dict[str, Any]:
        """The object of `plan --json`."""
        return {
            "study": self.study,
            "units": self.units,
            "steps": [asdict(step) for step in self.steps],
            "total": self.total,
            "caps": self.caps,
            "assumed": list(self.assumed),
        }


def forecast(study: Study, folder: Path, settings: Settings) -> Forecast:
    """Count what a run would send, on the actual prompts. Nothing is sent, nothing is stored.

    Errors: those of `units_of`, `StudyInvalid`, `FetchFailed` (the embedded model's file is fetched).
    """
    units = units_of(study, folder, settings).frame
    endpoints = describe_endpoints(study, settings.cache, settings.base_url)
    everyone = shuffled_units(units, study)
    steps: list[PlannedCalls] = []
    with ExitStack() as stack:
        journal = (
            stack.enter_context(Journal(settings.journal, study.name)) if settings.journal.exists() else None
        )
        known = NeverAsks(journal)
        for source in study.sources:
            endpoint = endpoints[source.name]
            before = len(known.assumed)
            recipe = build_recipe(study, source, endpoint, folder, known)
            if study.model_of(source).scoring == "logprobs":
                del known.assumed[before:]  # the study says how it is scored: nothing is left to assume
            require_price(price_of(recipe, endpoint), recipe, study.generation)
            planned = SourcePlan(source.name, recipe.fingerprint, recipe.expected_rows)
            ended = _ended(settings.store, study.name, planned)
            needed = [unit for unit in everyone if (unit.id, unit.content_hash) not in ended]
            batch = study.in_batches(source)
            steps += plan_calls(
                needed, recipe, endpoint, journal, ended=len(everyone) - len(needed), batch=batch
            )
        spent = journal.spent() if journal is not None else Progress()
    return Forecast(study.name, len(units), tuple(steps), spent, study.generation, _models(known.assumed))


def _ended(path: Path, study: str, planned: SourcePlan) -> set[tuple[str, str]]:
    with open_store(path) if path.exists() else nullcontext() as store:
        return ended_units(store, study, planned) if store is not None else set()


def _models(assumed: Sequence[str]) -> tuple[str, ...]:
    """`<address> <model> <api>` as people say it."""
    return tuple(dict.fromkeys("{1} at {0}".format(*known.split(" ")) for known in assumed))
