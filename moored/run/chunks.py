"""A run's work in chunks: which units, in which order, how many at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from moored.llm.endpoints import Endpoint
from moored.llm.generations import Generation, Unit
from moored.llm.recipe import Recipe
from moored.run.plan import RunPlan
from moored.run.run import Run
from moored.storage.generations import missing_units, texts_of
from moored.storage.warehouse import Warehouse, open_store
from moored.study import GenerationSettings, Study
from moored.study.scope import Scope

SHARES, EVEN_ROWS, MOST_CHUNKS = 4, 500, 200
"""A source's chunks: so many where that leaves them at most so large; never more than so many."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Units that one task sends to one source's model."""

    source: str
    unit_ids: tuple[str, ...]
    begun: bool = False
    """The source has usable rows already."""


@dataclass(frozen=True, slots=True)
class Work:
    """A chunk as a worker gets it."""

    units: list[Unit]
    recipe: Recipe
    endpoint: Endpoint
    study: str
    journal: Path
    limits: GenerationSettings
    again: bool
    """Ask anew where the stored reply could not be used."""
    begun: bool
    workers: int = 1
    """How many workers the process that does it stands for."""


@dataclass(frozen=True, slots=True)
class Generated:
    """What became of one chunk."""

    rows: list[Generation]

    @property
    def units(self) -> int:
        """How many units it was."""
        return len({row.unit_id for row in self.rows})

    @property
    def over_budget(self) -> bool:
        """Was a request not sent, since a cap was reached?"""
        return any(row.status == "over-budget" for row in self.rows)


def needed_units(store: Warehouse, run: Run, plan: RunPlan, scope: Scope) -> dict[str, list[str]]:
    """The ids of the units that still need generation, by source, shuffled by the study's seed.

    An interrupted run then leaves a random subset, not "all labelled, half of the rest" (docs/method.md, rule 5).
    """
    return {
        part.source: _shuffled(
            missing_units(
                store, run.study.name, plan.data_version, part, failed=scope.failed, only=scope.units
            ),
            run.study.seed,
        )
        for part in plan.planned
        if not scope.sources or part.source in scope.sources
    }


def chunks_of(
    needed: Mapping[str, Sequence[str]], fewest: int, begun: frozenset[str] = frozenset()
) -> list[Chunk]:
    """Units by source in chunks of at least `fewest`: enough of them to share out evenly, few enough for
    Prefect, which costs .2 s a chunk and bears a thousand."""
    chunks = []
    for source, units in needed.items():
        even = min(EVEN_ROWS, len(units) // SHARES)
        size = max(fewest, even, -(-len(units) // MOST_CHUNKS))
        chunks += [
            Chunk(source, tuple(units[at : at + size]), source in begun) for at in range(0, len(units), size)
        ]
    return chunks


def read_texts(store: Warehouse, run: Run, plan: RunPlan, unit_ids: Sequence[str]) -> list[Unit]:
    """Units with their texts."""
    return [Unit(*row) for row in texts_of(store, run.study.name, plan.data_version, unit_ids)]


def texts_by_chunk(run: Run, plan: RunPlan, chunks: Sequence[Chunk]) -> Iterator[list[Unit]]:
    """The units of each chunk, read from the store when their turn comes; it is open until the last is taken."""
    with open_store(run.settings.store) as store:
        for chunk in chunks:
            yield read_texts(store, run, plan, chunk.unit_ids)


def shuffled_units(frame: pd.DataFrame, study: Study) -> list[Unit]:
    """The units of a frame (unit_id, text, content_hash) in the order of the study's seed."""
    rows = {str(row[0]): row for row in frame[["unit_id", "text", "content_hash"]].to_numpy()}
    return [Unit(*map(str, rows[unit])) for unit in _shuffled(sorted(rows), study.seed)]


def _shuffled(unit_ids: Sequence[str], seed: int) -> list[str]:
    order = np.random.default_rng(seed).permutation(len(unit_ids))
    return [unit_ids[place] for place in order]
