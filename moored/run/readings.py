"""What a version is checked and estimated from, read back from the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from moored.storage.generations import NOW, SourcePlan, latest_generations
from moored.storage.published import StoredRun
from moored.storage.studies import stored_units
from moored.storage.values import source_values
from moored.storage.warehouse import Warehouse
from moored.study import Study


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """The units of a data version and what the sources say of them.

    units : one row per unit (`storage.studies.stored_units`).
    generations : the last terminal row of each step (`storage.generations.latest_generations`).
    values : by source, one row per unit and a column for each variable, missing where not observed.
    """

    units: pd.DataFrame
    generations: pd.DataFrame
    values: Mapping[str, pd.DataFrame]

    def long_values(self) -> pd.DataFrame:
        """The numbers as unit_id, source, variable, value; what is not observed, or is a word, is left out."""
        frames = [
            frame.select_dtypes("number")
            .assign(unit_id=self.units["unit_id"], source=source)
            .melt(["unit_id", "source"], var_name="variable", value_name="value")
            for source, frame in self.values.items()
        ]
        return pd.concat(frames, ignore_index=True).dropna()


def gather(
    store: Warehouse, study: Study, data_version: str, planned: Sequence[SourcePlan], seq: int = NOW
) -> Material:
    """Read the material of a data version, counting generation rows up to `seq`."""
    units = stored_units(store, study, data_version)
    generations = latest_generations(store, study.name, data_version, planned, seq)
    expected = {part.source: part.expected_rows for part in planned}
    values = {
        source.name: source_values(study, source, units, generations, expected[source.name])
        for source in study.sources
        if source.name in expected
    }
    return Material(units, generations, values)


def gather_version(store: Warehouse, study: Study, run: StoredRun) -> Material:
    """The material that a run was computed from.

    `study` must be the study that the run was made with; its data version and generation rows are the run's.
    """
    rows = store.rows("plan_of_run", {"run_id": run.run_id})
    planned = [SourcePlan(row["source"], row["recipe"], row["expected_rows"]) for row in rows]
    return gather(store, study, run.data_version, planned, run.generation_seq)
