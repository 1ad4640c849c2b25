"""The most that a corpus's sources can ever save, from all of its labels.

n Var(theta_j) tends to sigma_j^2 (1 - (1 - n/T) R2_j), with R2_j that of the human influence function of theta_j
on the scores of the sources, all at their full-sample fits. So the share of labels saved tends to (1 - n/T) R2_j,
and no method that uses the sources through their scores does better in large samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from moored.benchmark.corpus import Corpus
from moored.benchmark.metrics import Truth
from moored.inference.data import Array, Sample, Source
from moored.inference.estimators import ESTIMATORS
from moored.inference.families import family_of
from moored.inference.solve.passes import Passes


def truth_of(corpus: Corpus, family: str) -> Truth:
    """The regression on every human label. Errors: the `EstimationError` family."""
    fit = ESTIMATORS["human"](corpus.sample.with_sources(()), family)
    return Truth(fit.terms, fit.estimate)


def bounds(corpus: Corpus, family: str) -> dict[str, Any]:
    """One row of `benchmark_tasks`: the corpus in numbers, for the task's own coefficient."""
    sample, place = corpus.sample, corpus.term
    human = ESTIMATORS["human"](sample.with_sources(()), family)
    influence = _influence(sample, family, human.estimate)
    scores = {source.name: _scores(sample, source, family) for source in sample.sources}
    proxies = [scores[s.name] for s in sample.sources if s.kind == "proxy"]
    synthetic = [scores[s.name] for s in sample.sources if s.kind == "synthetic"]
    naive = {kind: _naive(sample, family, kind) for kind in ("proxy", "synthetic")}

    def at(fit: Any) -> float | None:
        return None if fit is None else float(fit.estimate[place])

    return {
        "task": corpus.task.name,
        "family": family,
        "term": sample.terms[place],
        "paper": corpus.task.paper,
        "units": sample.n_total,
        "truth": float(human.estimate[place]),
        "truth_se": float(human.se[place]),
        "naive_proxy": at(naive["proxy"]),
        "naive_synthetic": at(naive["synthetic"]),
        "r2_proxy": r2(influence[:, place], proxies),
        "r2_synthetic": r2(influence[:, place], synthetic),
        "r2": r2(influence[:, place], list(scores.values())),
    }


def source_bounds(corpus: Corpus, family: str) -> list[dict[str, Any]]:
    """Rows of `benchmark_sources`: what each source knows of the task's own coefficient.

    `r2` is the source's alone and `r2_beyond` what it adds to the task's other sources. `r2_adjusted` is `r2` less
    what as many scores would explain by chance: 1 - (1 - r2) T / (T - p).
    """
    sample, place = corpus.sample, corpus.term
    human = ESTIMATORS["human"](sample.with_sources(()), family)
    influence = _influence(sample, family, human.estimate)[:, place]
    scores = {source.name: _scores(sample, source, family) for source in sample.sources}
    whole = r2(influence, list(scores.values())) or 0.0
    rows = []
    for source in sample.sources:
        own = scores[source.name]
        alone = r2(influence, [own]) or 0.0
        others = r2(influence, [given for name, given in scores.items() if name != source.name]) or 0.0
        rows.append(
            {
                "task": corpus.task.name,
                "family": family,
                "source": source.name,
                "kind": source.kind,
                "r2": alone,
                "r2_adjusted": 1.0 - (1.0 - alone) * len(own) / (len(own) - own.shape[1]),
                "r2_beyond": whole - others,
            }
        )
    return rows


def r2(influence: Array, scores: list[Array]) -> float | None:
    """Share of the squared influence (T,) that linear combinations of the scores (T, k) explain."""
    if not scores:
        return None
    H = np.column_stack(scores)
    left = influence - H @ np.linalg.lstsq(H, influence, rcond=None)[0]
    return float(1.0 - (left @ left) / (influence @ influence))


def _influence(sample: Sample, family: str, theta: Array) -> Array:
    moments = family_of(family)
    H = moments.sums(sample.y, sample.X, theta, None)[1]
    return np.asarray(np.linalg.solve(H, moments.psi(sample.y, sample.X, theta).T).T)


def _scores(sample: Sample, source: Source, family: str) -> Array:
    moments = family_of(family)
    rows = next(iter(Passes(sample.with_sources([source]), moments))).sources[0]
    eta = ESTIMATORS[f"naive-{source.kind}"](sample.with_sources([source]), family).estimate
    return rows.psi(moments, eta)


def _naive(sample: Sample, family: str, kind: str) -> Any:
    if kind not in {source.kind for source in sample.sources}:
        return None
    return ESTIMATORS[f"naive-{kind}"](sample, family)
