"""What one pass of counting finds: sizes, rates, failed generations, the labels' range."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moored.errors import DataInvalid
from moored.inference.data import Mask, Sample, worth


@dataclass(frozen=True, slots=True)
class Counts:
    """What one pass of counting finds.

    T, n, the labelled clusters (n where there are no clusters) and how many of equal size and weight they are
    worth, the labels of the rarer answer (where all are 0 or 1; else those above 0), the mean labelling
    probability and the variance of the number of labelled units that the probabilities give, the strata's rates,
    the strata with a single labelled unit and the one that each is pooled with in the variance, the labelled units
    of each stratum after that, failed generations per source (of all units, of the labelled), whether some unit was
    labelled with certainty, the least and the greatest label, and whether all labels are 0 or 1 and all readings
    between.
    """

    total: int
    labelled: int
    independent: int
    effective: int
    rarer: int
    mean_probability: float | None
    drawn_variance: float
    rates: dict[Any, float] | None
    lonely: dict[Any, Any]
    pooled: dict[Any, int]
    failed: tuple[int, ...]
    failed_labelled: tuple[int, ...]
    certain: bool
    low: float
    high: float
    ones_and_zeros: bool


class Tally:
    """Counts, chunk by chunk."""

    def __init__(self, recipes: tuple[tuple[str, str], ...]) -> None:
        self.recipes = recipes
        self.total = self.labelled = 0
        self.probability = self.drawn_variance = 0.0
        self.weights = [0.0, 0.0]
        self.ones = self.positive = 0
        self.known = self.certain = False
        self.strata: dict[Any, list[int]] = {}
        self.clusters: Counter[Any] = Counter()  # the labelled units' weights
        self.clustered = False
        self.failed = [0] * len(recipes)
        self.failed_labelled = [0] * len(recipes)
        self.low, self.high, self.binary = np.inf, -np.inf, True
        self.ones_and_zeros = True

    def add(self, chunk: Sample) -> None:
        """Count one chunk. Raises DataInvalid where its sources are not the first chunk's."""
        if tuple((source.name, source.kind) for source in chunk.sources) != self.recipes:
            raise DataInvalid("The chunks do not carry the same sources in the same order; make them alike.")
        self.total += chunk.n_total
        self.labelled += chunk.n_labelled
        weight = np.ones(chunk.n_labelled)
        if chunk.probability is not None:
            self.known = True
            weight = 1.0 / chunk.probability[chunk.labelled]
            self.weights = [self.weights[0] + float(weight.sum()), self.weights[1] + float(weight @ weight)]
            self.drawn_variance += float(chunk.probability @ (1.0 - chunk.probability))
            self.probability += float(chunk.probability.sum())
            self.certain = self.certain or bool((chunk.probability == 1).any())
        if chunk.cluster is not None:
            self.clustered = True
            values, inverse = np.unique(chunk.cluster[chunk.labelled], return_inverse=True)
            sizes = np.bincount(inverse, weights=weight, minlength=len(values))
            self.clusters.update(dict(zip(values.tolist(), sizes.tolist(), strict=True)))
        if chunk.strata is not None:
            self._add_strata(chunk.strata, chunk.labelled)
        for m, source in enumerate(chunk.sources):
            if source.observed is not None:
                failed = ~source.observed
                self.failed[m] += int(np.count_nonzero(failed))
                self.failed_labelled[m] += int(np.count_nonzero(failed & chunk.labelled))
        self._add_outcomes(chunk)

    def counts(self) -> Counts:
        """The totals. Raises DataInvalid where a stratum has no labelled unit and nothing says its rate."""
        rates = {code: hit / size for code, (size, hit) in self.strata.items()} if self.strata else None
        if rates and not self.known:
            self.certain = max(rates.values()) == 1
            empty = [code for code, rate in rates.items() if rate == 0][:3]
            if empty and self.labelled:
                raise DataInvalid(
                    f"Strata {empty} have no labelled unit: nothing is known of them; label some."
                )
        mean = self.probability / self.total if self.known else None
        lonely, pooled = self._lonely(), Counter[Any]()
        for code, (_, hit) in self.strata.items():
            pooled[lonely.get(code, code)] += hit
        return Counts(
            total=self.total,
            labelled=self.labelled,
            independent=len(self.clusters) if self.clustered else self.labelled,
            effective=self._effective(),
            rarer=min(self.ones, self.labelled - self.ones) if self.binary else self.positive,
            mean_probability=mean,
            drawn_variance=self.drawn_variance,
            rates=rates,
            lonely=lonely,
            pooled=dict(pooled),
            failed=tuple(self.failed),
            failed_labelled=tuple(self.failed_labelled),
            certain=self.certain,
            low=self.low,
            high=self.high,
            ones_and_zeros=self.ones_and_zeros,
        )

    def _effective(self) -> int:
        """(sum w)^2 / sum w^2 of the labelled units' weights, or of their clusters', rounded down (Kish 1965)."""
        if self.clustered:
            return worth(self.clusters.values())
        total, square = self.weights
        if not self.known:
            drawn = [(size, hit) for size, hit in self.strata.values() if hit]
            total, square = float(sum(size for size, _ in drawn)), sum(size**2 / hit for size, hit in drawn)
        return int(total**2 / square * (1.0 + 1e-9)) if square else self.labelled

    def _lonely(self) -> dict[Any, Any]:
        """Each stratum with a single labelled unit -> the first of them, or the next smallest where it is alone."""
        hits = {code: hit for code, (_, hit) in self.strata.items() if hit}
        alone = [code for code, hit in hits.items() if hit == 1]
        if len(alone) == 1:
            others = [code for code in hits if code != alone[0]]
            return {alone[0]: min(others, key=hits.__getitem__)} if others else {}
        return dict.fromkeys(alone, alone[0]) if alone else {}

    def _add_outcomes(self, chunk: Sample) -> None:
        y = chunk.y[chunk.labelled]
        if len(y):
            self.low, self.high = min(self.low, float(y.min())), max(self.high, float(y.max()))
        self.ones, self.positive = self.ones + int((y == 1).sum()), self.positive + int((y > 0).sum())
        self.binary = self.binary and bool(((y == 0) | (y == 1)).all())
        self.ones_and_zeros = self.ones_and_zeros and self.binary
        for source in chunk.sources if self.ones_and_zeros else ():
            read = source.y if source.observed is None else source.y[source.observed]
            self.ones_and_zeros = self.ones_and_zeros and bool(((read >= 0) & (read <= 1)).all())

    def _add_strata(self, codes: NDArray[Any], labelled: Mask) -> None:
        values, inverse = np.unique(codes, return_inverse=True)
        sizes = np.bincount(inverse, minlength=len(values))
        hits = np.bincount(inverse, weights=labelled, minlength=len(values))
        for code, size, hit in zip(values.tolist(), sizes.tolist(), hits.tolist(), strict=True):
            found = self.strata.setdefault(code, [0, 0])
            found[0] += int(size)
            found[1] += int(hit)
