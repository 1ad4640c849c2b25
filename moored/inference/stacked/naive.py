"""Model data taken at its word, over many draws (`moored.inference.baselines.naive`)."""

from __future__ import annotations

import numpy as np

from moored.inference.data import Kind
from moored.inference.families import family_of
from moored.inference.stacked.answers import Answers, no_answers, normal_answers
from moored.inference.stacked.draws import Draws
from moored.inference.stacked.gmm import sandwich
from moored.inference.stacked.newton import jacobian, root, scores, times


def naive_proxy(draws: Draws, family: str, level: float = 0.95) -> Answers:
    """The proxies, as if they were labels."""
    return _naive(draws, family, "proxy", level, with_labels=False)


def naive_synthetic(draws: Draws, family: str, level: float = 0.95) -> Answers:
    """The synthetic sources, as if they were labels."""
    return _naive(draws, family, "synthetic", level, with_labels=False)


def naive_pooled(draws: Draws, family: str, level: float = 0.95) -> Answers:
    """Every source, and the labels on top."""
    return _naive(draws, family, None, level, with_labels=True)


def _naive(draws: Draws, family: str, kind: Kind | None, level: float, *, with_labels: bool) -> Answers:
    moments, sources = family_of(family), draws.kept(kind)
    regular = draws.regular(moments)
    if not sources or draws.n <= draws.human.X.shape[-1]:
        return no_answers(draws)
    labelled = [source.labelled for source in sources] + ([draws.human] if with_labels else [])
    rest = [source.rest for source in sources]
    b = root(moments, [(rows, 1.0) for rows in (*labelled, *rest)], regular)
    # a unit's scores are summed first: it appears once for each source
    inside = np.sum([scores(moments, rows, b) for rows in labelled], axis=0)
    outside = np.sum([scores(moments, rows, b) for rows in rest], axis=0)
    H = np.sum([jacobian(moments, rows, b) for rows in (*labelled, *rest)], axis=0)
    covariance = sandwich(H, times(inside, inside) + times(outside, outside), regular)
    return normal_answers(b, covariance, regular, level=level, n=draws.n)
