"""Sources that are the human labels themselves where there are any, as `label.fillna(gpt)` makes them."""

from __future__ import annotations

import numpy as np

from moored.inference.data import Array, Sample, Source

CERTAIN = 100
"""So many labels without one error: a model that is right in 97 of 100 has them once in 21 times."""
FEWEST = 20
UNLIKE = 0.05


def copied(sample: Sample) -> tuple[str, ...]:
    """A note on each source that is the label in every labelled unit, where that is more than a good model.

    Filled with labels where there are any, a source is exact there and errs elsewhere: what it adds is its bias. A
    model that is always right looks alike while labels are few, unless the readings of the others are of another
    law (Kolmogorov and Smirnov, asked of simple draws alone).
    """
    found = []
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
