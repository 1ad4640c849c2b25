"""Copies in a table: sources that are the labels, as `label.fillna(gpt)` makes them, and repeated rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from moored.inference.data import Array, Mask, Sample, Source

if TYPE_CHECKING:
    import pandas as pd

CERTAIN = 100
"""So many labels without one error: a model that is right in 97 of 100 has them once in 21 times."""
FEWEST = 20
UNLIKE = 0.05
UNHEARD_OF = np.log(1e-6)
MOST_COPIES = 10
"""Rows of one kind above which a table is of kinds, counted, and not of units."""


def copied(sample: Sample) -> tuple[str, ...]:
    """A note where all are labelled, and on each source that is every labelled unit's label, if no good model is.

    Filled with labels where there are any, a source is exact there and errs elsewhere: what it adds is its bias. A
    model that is always right looks alike while labels are few, unless the readings of the others are of another
    law (Kolmogorov and Smirnov, asked of simple draws alone).
    """
    found = []
    if sample.sources and bool(sample.labelled.all()):
        found.append(
            "every unit is labelled, so the sources add nothing; if some are not, leave the outcome empty there, "
            "or name a column that says who is"
        )
    for source in sample.sources:
        seen = np.ones(sample.n_total, dtype=bool) if source.observed is None else source.observed
        inside, outside = seen & sample.labelled, seen & ~sample.labelled
        n = int(inside.sum())
        if n < FEWEST or not outside.any() or bool((source.y[inside] != sample.y[inside]).any()):
            continue
        if n >= CERTAIN or (_simple(sample) and _unlike(source.y[inside], source.y[outside])):
            found.append(_said(source, n))
    return tuple(found)


def _simple(sample: Sample) -> bool:
    return sample.probability is None and sample.strata is None and sample.cluster is None


def _unlike(one: Array, other: Array) -> bool:
    from scipy.stats import ks_2samp

    return bool(ks_2samp(one, other, method="asymp").pvalue < UNLIKE)


def _said(source: Source, n: int) -> str:
    return (
        f"source {source.name!r} is the human label in each of the {n} labelled units that it answers for: if "
        "labels were filled into it, the estimate is biased; give the model's own answers for labelled units, too"
    )


def repeated(frame: pd.DataFrame) -> tuple[str, ...]:
    """A note on rows that are copies of others in each column, as a join on a key that is not one makes them.

    Rows of few answers are alike by chance. Copies they are where some column, an id or a measurement, differs
    between all rows that are none: then nothing but copying makes it repeat.
    """
    rows, distinct = len(frame), {}
    for name in frame.columns:
        try:
            distinct[name] = frame[name].nunique(dropna=False)
        except TypeError:  # lists and dicts
            continue
        if distinct[name] == rows:
            return ()
    most = max(distinct.values(), default=0)
    if most < max(FEWEST, rows // MOST_COPIES):
        return ()
    key = max(distinct, key=lambda name: distinct[name])
    # Rows without a key are alike in that alone.
    known = frame.loc[frame[key].notna().to_numpy(), list(distinct)]
    copies = int(known.duplicated().sum())
    if copies == 0 or known[key].nunique() != len(known) - copies:
        return ()
    note = (
        f"{copies:,} of {rows:,} rows are copies of others in each column, {key!r} too, as a join makes them: each "
        "counts as a unit of its own, and the intervals are too narrow; leave them out"
    )
    return (note,)


def stacked(
    frame: pd.DataFrame, outcome: Sequence[str], covariates: Sequence[str], rows: Mask
) -> tuple[str, ...]:
    """A note on labelled units that stand in several rows each, as a join with several model outputs each makes.

    They do where some other column, an id, tells groups of rows apart that have one outcome and one row of
    covariates each, and more often than chance would have it: by the frequencies of the outcome less than once in a
    million. A column that says the outcome in other words is no id.

    rows : (T,) who is labelled.
    """
    labelled = frame[rows]
    used = [*outcome, *covariates]
    codes = labelled.groupby(list(outcome), sort=False).ngroup().to_numpy()
    share = np.bincount(codes) / len(codes)
    for name in frame.columns.difference(used, sort=False):
        try:
            groups = labelled[name].astype(object).factorize()[0]
        except TypeError:  # lists and dicts
            continue
        number = int(groups.max(initial=-1)) + 1
        if bool((groups < 0).any()) or not FEWEST <= number <= 0.75 * len(groups):
            continue
        if any((labelled[column].groupby(groups).nunique(dropna=False) > 1).any() for column in used):
            continue
        sizes = np.bincount(groups)
        recoded = len(share) == number  # a group has one outcome, so each outcome then has one group
        if recoded and not covariates and np.ptp(sizes) > 0:
            continue
        chance = sum(np.log((share ** int(size)).sum()) for size in sizes)
        if chance < UNHEARD_OF:
            return (_said_of_stacked(str(name), number, len(groups)),)
    return ()


def _said_of_stacked(name: str, units: int, rows: int) -> str:
    return (
        f"the {rows:,} labelled rows are {units:,} values of {name!r}, with one outcome and one row of covariates "
        "each: if these are the units, each counts several times, and the intervals are too narrow; give one row "
        f"per unit (several outputs of a model are columns), or say that rows belong together by cluster={name!r}"
    )
