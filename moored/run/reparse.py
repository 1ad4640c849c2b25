"""Read stored replies again: after a new parser, or other values for the same answers. Nothing is sent."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from moored.errors import NotStored, StudyInvalid
from moored.llm.generations import Generation
from moored.llm.plan import NeverAsks
from moored.llm.recipe import Recipe
from moored.llm.reparse import reparse, stale_units
from moored.plaintext import counted
from moored.run.plan import Data, RunPlan, recipes_of, units_of
from moored.run.run import Run, new_run, only_run
from moored.settings import Settings
from moored.storage.generations import (
    SourcePlan,
    append_generations,
    source_states,
    store_plan,
    store_recipe,
    stored_recipe,
    whole_generations,
)
from moored.storage.journal import Journal
from moored.storage.progress import latest_plan
from moored.storage.warehouse import Warehouse, open_store
from moored.study import Study


@dataclass(frozen=True, slots=True)
class Reread:
    """What reading again came to."""

    appended: int = 0
    """Rows: everything as it is read now."""
    changed: int = 0
    """Rows among them that read differently than before."""
    missing: int = 0
    """Units that need the model: their written text reads differently, or they were never generated."""
    new_data: bool = False
    """The study's data are not those of the last run."""

    @property
    def publishable(self) -> bool:
        """A new version can be made of it without a model call."""
        return bool(self.appended) and not self.missing and not self.new_data

    @property
    def line(self) -> str:
        """For people."""
        if not self.appended:
            return "nothing to read again: the stored rows were read by this parser, with these values"
        done = (
            f"{counted(self.appended, 'row')} read again, {self.changed} of them differently; no model call"
        )
        if self.missing:
            return (
                f"{done}. {counted(self.missing, 'unit needs', 'units need')} the model now: `moored "
                "run` goes on"
            )
        if self.new_data:
            return f"{done}. The data have changed since the last run: `moored run` goes on"
        return done


def reread(study: Study, folder: Path, settings: Settings) -> Reread:
    """Append every generation of the study's last run as it is read today, under today's recipes.

    Errors: `NotStored` (never run), `StudyInvalid` (the study now asks something else), `StudyBusy`.
    """
    run = new_run(study, folder, settings)
    with only_run(run), open_store(settings.store) as store:
        data_version, before = latest_plan(store, study.name)
        if not before:
            raise NotStored(f"{study.name!r} has no run yet; `moored run` makes the first")
        plan = _plan(run, data_version)
        if plan.recipe_keys == {part.source: part.recipe for part in before}:
            return Reread()
        _refuse_other_questions(store, plan, before)
        counts = [_reread_source(store, run, plan, part) for part in before]
        # Last: until then the next try finds the rows as they were.
        store_plan(store, study.name, run.run_id, data_version, plan.planned)
        states = source_states(store, study.name, data_version, plan.planned)
    version = units_of(study, folder, settings).version
    return Reread(
        appended=sum(appended for appended, _ in counts),
        changed=sum(changed for _, changed in counts),
        missing=sum(state.missing for state in states),
        new_data=version != data_version,
    )


def _plan(run: Run, data_version: str) -> RunPlan:
    """Today's recipes, without asking an endpoint what it gives."""
    with Journal(run.settings.journal, run.study.name) as journal:
        return RunPlan(Data(data_version), recipes_of(run, NeverAsks(journal)))


def _refuse_other_questions(store: Warehouse, plan: RunPlan, before: list[SourcePlan]) -> None:
    was = {part.source: _stored(store, part.recipe) for part in before}
    for source, recipe in plan.recipes.items():
        old = was.get(source)
        if old is None or old.asking != recipe.asking:
            raise StudyInvalid(
                f"{source!r} now asks something else than in the last run, not only reads it otherwise; "
                "`moored run` asks it"
            )


def _stored(store: Warehouse, fingerprint: str) -> Recipe | None:
    try:
        return Recipe.model_validate_json(stored_recipe(store, fingerprint) or "")
    except ValidationError:
        return None


def _reread_source(store: Warehouse, run: Run, plan: RunPlan, part: SourcePlan) -> tuple[int, int]:
    """Append a source's rows; how many, and how many of them read differently."""
    recipe = plan.recipes.get(part.source)
    if recipe is None or recipe.fingerprint == part.recipe:
        return 0, 0
    store_recipe(store, recipe.fingerprint, recipe.model_dump_json())
    appended = changed = 0
    for rows in whole_generations(store, run.study.name, plan.data_version, part):
        was = [Generation(**row) for row in rows]
        now = list(reparse(was, recipe))
        stale = stale_units(was, now)
        pairs = [
            (old, new)
            for old, new in zip(was, now, strict=True)
            if new.step == "write" or new.unit_id not in stale
        ]
        kept = [asdict(replace(new, cached=True)) for _, new in pairs]
        append_generations(store, run.study.name, run.run_id, kept)
        appended += len(pairs)
        changed += sum(_said(old) != _said(new) for old, new in pairs)
    return appended, changed


def _said(row: Generation) -> tuple[str, float | None, str | None]:
    return row.status, row.value, row.text
