"""A few units through every stage, as a run would take them there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moored.llm.generate import generate
from moored.llm.generations import Generation, Unit
from moored.llm.recipe_builder import build_recipe
from moored.llm.replies import said_in
from moored.llm.serving import open_endpoints
from moored.run.chunks import shuffled_units
from moored.run.plan import units_of
from moored.settings import Settings
from moored.storage.journal import Journal
from moored.study import Study


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of one source for one unit."""

    unit_id: str
    source: str
    step: str
    draw: int
    prompt: str | None
    """The request's body, as JSON; None where nothing was asked."""
    said: str | None
    """What the model said."""
    written: str | None
    """The synthetic text, of a writing step."""
    value: float | None
    """The parsed value, of a reading step."""
    status: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What came of each unit, and what it cost."""

    units: tuple[Unit, ...]
    stages: tuple[Stage, ...]
    requests: int
    """Sent just now; a run finds their replies in the journal."""
    usd: float


def preview(study: Study, folder: Path, settings: Settings, count: int) -> Preview:
    """Send `count` units, the first in the order of the study's seed, through every source.

    Replies are kept in the journal, within the study's caps; nothing goes into the store.
    Errors: those of `units_of`, `build_recipe` and `generate`.
    """
    units = shuffled_units(units_of(study, folder, settings).frame, study)[:count]
    with (
        Journal(settings.journal, study.name) as journal,
        open_endpoints(study, settings.cache, settings.base_url, servers=1) as endpoints,
    ):
        before = journal.spent()
        stages: list[Stage] = []
        for source in study.sources:
            endpoint = endpoints[source.name]
            recipe = build_recipe(study, source, endpoint, folder, journal)
            rows = generate(units, recipe, endpoint, journal, study.generation)
            stages += [_stage(row, journal) for row in rows]
        spent = journal.spent() - before
    return Preview(tuple(units), tuple(stages), spent.requests, spent.usd)


def _stage(row: Generation, journal: Journal) -> Stage:
    stored = journal.reply(row.request_key) if row.request_key else None
    written = row.text if row.step == "write" else None
    return Stage(
        unit_id=row.unit_id,
        source=row.source,
        step=row.step,
        draw=row.draw,
        prompt=(stored.request or None) if stored else None,  # a batch's reply has none
        said=None if row.reply is None else said_in(row.reply),
        written=written,
        value=row.value,
        status=row.status,
        error=row.error,
    )


def prompt_lines(prompt: str) -> list[str]:
    """A request's body as people read it: who says what."""
    body: dict[str, Any] = json.loads(prompt)["body"]
    if "prompt" in body:
        return str(body["prompt"]).splitlines()
    return [line for said in body["messages"] for line in f"[{said['role']}] {said['content']}".splitlines()]
