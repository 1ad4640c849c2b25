"""Evidence, arranged once for all checks: units by sources, and the texts' prints."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from checks.check import MOST_IDS
from checks.evidence import Evidence
from checks.language import language
from checks.statistics import Labelling
from checks.textprints import Texts

Step = tuple[str, str]
"""(source, step)."""

TERMINAL = ("ok", "failed", "refused", "over-budget")


class View:
    """Evidence as arrays. T units, G steps (source, step) that the study asks for."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.study = evidence.study
        self.units = evidence.units
        self.T = len(evidence.units)
        self.labelled: NDArray[np.bool_] = evidence.units["labelled"].to_numpy(dtype=bool)
        self.steps: tuple[Step, ...] = tuple(
            (source.name, step)
            for source in self.study.sources
            for step in (
                *(("write",) if source.kind == "synthetic" else ()),
                *(f"read.{variable}" for variable in self.study.questions),
            )
        )

    # ---- rows of generations -------------------------------------------------------------

    @cached_property
    def identified(self) -> NDArray[np.bool_]:
        """Units with an id of their own: the first of those that share one."""
        ids = self.units["unit_id"]
        return np.asarray(~ids.duplicated() & ids.notna(), dtype=np.bool_)

    @cached_property
    def unit_codes(self) -> NDArray[np.int64]:
        """Row in `units` of each generation; -1 where the unit is unknown."""
        rows = np.flatnonzero(self.identified)
        index = pd.Index(self.units["unit_id"].iloc[rows])
        found = index.get_indexer(pd.Index(self.evidence.generations["unit_id"]))
        return np.where(found >= 0, rows[found] if len(rows) else -1, -1)

    @cached_property
    def step_codes(self) -> NDArray[np.int64]:
        """Index in `steps` of each generation; -1 where the study has no such step."""
        sources, source_names = pd.factorize(self.evidence.generations["source"])
        steps, step_names = pd.factorize(self.evidence.generations["step"])
        table = np.full((len(source_names) + 1, len(step_names) + 1), -1, np.int64)
        for g, (source, step) in enumerate(self.steps):
            if source in source_names and step in step_names:
                table[source_names.get_loc(source), step_names.get_loc(step)] = g
        found: NDArray[np.int64] = table[sources, steps]
        return found

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Generations of a unit and a step that the study has."""
        return np.asarray((self.unit_codes >= 0) & (self.step_codes >= 0), dtype=np.bool_)

    @cached_property
    def ok_rows(self) -> NDArray[np.bool_]:
        """Generations that ended well."""
        return np.asarray(self.evidence.generations["status"] == "ok", dtype=np.bool_)

    # ---- units by steps ------------------------------------------------------------------

    def cells(
        self, rows: NDArray[np.bool_], weights: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """How many of the given generations, or what sum of weights, each unit has in each step, (T, G)."""
        rows = rows & self.known
        cells = self.unit_codes[rows] * len(self.steps) + self.step_codes[rows]
        given = None if weights is None else weights[rows]
        counts = np.bincount(cells, given, minlength=self.T * len(self.steps))
        return np.asarray(counts, dtype=np.float64).reshape(self.T, len(self.steps))

    @cached_property
    def rows(self) -> NDArray[np.float64]:
        """How many terminal rows each unit has in each step, (T, G)."""
        return self.cells(np.ones(len(self.known), np.bool_))

    @cached_property
    def draws(self) -> NDArray[np.int64]:
        """How many draws each step has; one where it has no row at all, (G,)."""
        table = self.evidence.generations
        distinct = table["draw"][self.known].groupby(self.step_codes[self.known]).nunique()
        return np.asarray(distinct.reindex(range(len(self.steps)), fill_value=1), dtype=np.int64)

    @cached_property
    def answered(self) -> NDArray[np.float64]:
        """How many of them ended well, (T, G)."""
        return self.cells(self.ok_rows)

    @cached_property
    def whole(self) -> NDArray[np.bool_]:
        """Where every draw ended well, (T, G)."""
        return np.asarray(self.answered >= self.draws, dtype=np.bool_)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """The parsed value of each unit in each step, averaged over draws; NaN where not whole, (T, G)."""
        value = self.evidence.generations["value"].to_numpy(dtype=np.float64)
        rows = self.ok_rows & np.isfinite(value)
        with np.errstate(invalid="ignore"):
            mean = self.cells(rows, value) / self.cells(rows)
        return np.where(self.whole, mean, np.nan)

    def steps_of(self, source: str) -> list[int]:
        """The steps of one source."""
        return [g for g, (name, _) in enumerate(self.steps) if name == source]

    def missing(self, source: str) -> NDArray[np.bool_]:
        """Units of which any step or draw of the source did not end well."""
        return np.asarray(~self.whole[:, self.steps_of(source)].all(axis=1), dtype=np.bool_)

    def readings(self) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
        """(source, variable, values) of each thing that a source reads."""
        for g, (source, step) in enumerate(self.steps):
            if step.startswith("read."):
                yield source, step.removeprefix("read."), self.values[:, g]

    # ---- human data ----------------------------------------------------------------------

    def human(self, variable: str) -> NDArray[np.float64]:
        """A human variable of each unit, NaN where unknown; a category's words as codes."""
        values = self.units[variable]
        if pd.api.types.is_numeric_dtype(values):
            return values.to_numpy(dtype=np.float64)
        codes = pd.factorize(values)[0].astype(np.float64)
        return np.where(codes < 0, np.nan, codes)

    def known_for_all(self) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """What is known of every unit without a model: covariates by rule or column."""
        for covariate in self.study.covariates:
            if covariate.human is None:
                yield covariate.name, self.human(covariate.name)

    def labelling(self) -> Labelling:
        """The design of the labels, as the tests need it."""
        probability = self.units["probability"].to_numpy(dtype=np.float64)
        finite = probability[np.isfinite(probability)]
        unequal = (
            self.study.labels.design == "known-probability" and len(finite) > 0 and np.ptp(finite) > 1e-12
        )
        given = np.where((probability > 0) & (probability <= 1), probability, 1.0)
        return Labelling(self.labelled, given if unequal else None, self._labelled_clusters())

    def _labelled_clusters(self) -> NDArray[np.int64] | None:
        """Cluster codes where clusters, not units, were drawn: none of several units is labelled in part."""
        codes = pd.factorize(self.units["cluster"], use_na_sentinel=True)[0].astype(np.int64)
        if (codes < 0).any() or not len(codes):
            return None
        size = np.bincount(codes)
        labelled = np.bincount(codes, self.labelled)
        several = size > 1
        whole = (labelled == 0) | (labelled == size)
        return codes if several.any() and whole[several].all() else None

    # ---- texts ---------------------------------------------------------------------------

    @cached_property
    def raw_texts(self) -> Texts:
        """Each unit's text."""
        return Texts(self.units["text"])

    def spoken(self, t: int) -> str | None:
        """The language of a unit's text; None where it cannot be told."""
        if t not in self._spoken:
            self._spoken[t] = language(self.raw_texts[t])
        return self._spoken[t]

    @cached_property
    def _spoken(self) -> dict[int, str | None]:
        return {}

    def written(self, source: str) -> Written:
        """What a synthetic source wrote, and for which units."""
        if source not in self._written:
            g = self.steps.index((source, "write"))
            rows = np.flatnonzero((self.step_codes == g) & self.known & self.ok_rows)
            self._written[source] = Written(self, rows)
        return self._written[source]

    @cached_property
    def _written(self) -> dict[str, Written]:
        return {}

    def ids(self, units: NDArray[np.bool_] | NDArray[np.int64]) -> tuple[str, ...]:
        """The first ids of some units: an index or a mask."""
        rows = np.flatnonzero(units) if units.dtype == np.bool_ else units
        return tuple(str(i) for i in self.units["unit_id"].iloc[rows[:MOST_IDS]])


class Written:
    """The texts that one synthetic source wrote, each with its parent's row in `units`."""

    def __init__(self, view: View, rows: NDArray[np.int64]) -> None:
        self.parents = view.unit_codes[rows]
        self.texts = Texts(view.evidence.generations["text"].iloc[rows])
