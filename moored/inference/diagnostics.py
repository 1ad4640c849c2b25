"""What the data say about how they came about: J by source, balance, and what each source brings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from moored.inference.balance import balance
from moored.inference.data import Array, Sample
from moored.inference.failures import label_dependence
from moored.inference.families import family_of
from moored.inference.gmm.estimator import gmm
from moored.inference.gmm.first_step import first_fits
from moored.inference.moments import Moments
from moored.inference.solve.newton import dependent_column
from moored.inference.solve.passes import Block, Passes, Stream, with_sources


@dataclass(frozen=True, slots=True)
class Test:
    """A chi-squared test: what was tested, the statistic, its degrees of freedom and its p-value."""

    name: str
    statistic: float
    df: int
    p_value: float

    __test__ = False  # not a pytest class


def j_test(data: Sample | Stream, family: str | Moments = "ols") -> Test | None:
    """Hansen's J of the two-step fit over all sources; None where no source is usable.

    Example
    -------
    With the sample of `Sample`:

    >>> found = j_test(sample, "mean")
    >>> found.df, found.p_value > 0.001
    (1, True)
    """
    fit = gmm(data, family)
    if fit.j is None or fit.j_df is None or fit.j_p_value is None:
        return None
    return Test("all sources", fit.j, fit.j_df, fit.j_p_value)


def source_tests(data: Sample | Stream, family: str | Moments = "ols") -> tuple[Test, ...]:
    """For each source, whether the labelled mean of its moments differs from the mean over all units.

    The moments are the source's scores at its full-sample fit. Under random labelling the difference of the
    weighted labelled sum and its share of the total is asymptotically normal with mean 0; its quadratic form
    is chi-squared with k degrees of freedom. Rejecting says that the labelled units are not a random sample,
    or that the source's recipe differs between labelled and unlabelled units (docs/method.md section 5). Sources
    that cannot be fitted, or leave no residual, are left out.

    Example
    -------
    With the sample of `Sample`:

    >>> [test.name for test in source_tests(sample, "mean")]
    ['gpt']
    """
    passes = Passes(data, family_of(family), scaled=True)
    counts = passes.counts
    if counts.labelled == counts.total:
        return ()
    _, etas, _ = first_fits(passes)  # labels that the covariates separate have no fit; the sources may
    tests = []
    for m, eta in etas.items():
        found = balance(passes, _scores(passes, m, eta), len(eta))
        if found is not None:
            tests.append(_chi2(passes.names[m], found, len(eta)))
    return tuple(tests)


def missing_tests(data: Sample | Stream, family: str | Moments = "ols") -> tuple[Test, ...]:
    """For each source that failed somewhere, whether failing depends on labelling (statistic: failures).

    Example
    -------
    With the sample of `Sample`, in which no generation failed:

    >>> missing_tests(sample, "mean")
    ()
    """
    passes = Passes(data, family_of(family))
    failed, tests = passes.counts.failed, []
    for m, name in enumerate(passes.names):
        p_value = label_dependence(passes, m)
        if p_value is not None:
            tests.append(Test(name, float(failed[m]), 1, p_value))
    return tuple(tests)


def labelling_test(data: Sample | Stream, family: str | Moments = "ols") -> Test | None:
    """Whether labelled and unlabelled units differ in the mean of what every unit has: readings and covariates.

    One chi-squared test of all sources' y and X together. J looks at the sources' residuals only; labelling by the
    outcome, or by what goes with it, shows in the readings first. None where nothing varies or all are labelled.

    Example
    -------
    With the sample of `Sample`:

    >>> labelling_test(sample, "mean").p_value > 0.001
    True
    """
    passes = Passes(data, family_of(family), scaled=True)
    counts = passes.counts
    if not passes.names or counts.labelled == counts.total:
        return None
    means = _means(passes)
    kept = _varying(passes, means)
    if not kept:
        return None
    found = balance(passes, lambda block: _columns(block, means)[:, kept], len(kept))
    return None if found is None else _chi2("readings and covariates", found, len(kept))


def _columns(block: Block, means: Array | None = None) -> Array:
    """(m, M (1 + p)) every source's y and X, failed units at the mean."""
    found = np.column_stack([np.column_stack([rows.y, rows.X]) for rows in block.sources])
    if means is None:
        return found
    width = found.shape[1] // len(block.sources)
    seen = [np.ones(block.size) if rows.seen is None else rows.seen for rows in block.sources]
    return np.asarray((found - means) * np.repeat(np.column_stack(seen), width, axis=1))


def _means(passes: Passes) -> Array:
    total: list[Array] = []
    size: list[Array] = []
    for block in passes:
        found = _columns(block)
        seen = [np.ones(block.size) if rows.seen is None else rows.seen for rows in block.sources]
        weights = np.repeat(np.column_stack(seen), found.shape[1] // len(seen), axis=1)
        total.append((found * weights).sum(axis=0))
        size.append(weights.sum(axis=0))
    return np.asarray(np.sum(total, axis=0) / np.maximum(np.sum(size, axis=0), 1.0))


def _varying(passes: Passes, means: Array) -> list[int]:
    """Columns that vary and do not repeat those before them."""
    products = np.zeros((len(means), len(means)))
    for block in passes:
        rows = _columns(block, means)
        products += rows.T @ rows
    kept: list[int] = []
    for j in range(len(means)):
        trial = [*kept, j]
        if products[j, j] > 1e-18 * passes.counts.total and (
            dependent_column(products[np.ix_(trial, trial)], 1e-9) is None
        ):
            kept = trial
    return kept


def _scores(passes: Passes, m: int, eta: Array) -> Callable[[Block], Array]:
    return lambda block: block.sources[m].psi(passes.family, eta)


def _chi2(name: str, statistic: float, df: int) -> Test:
    from scipy.special import chdtrc

    return Test(name, statistic, df, float(chdtrc(df, statistic)))


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one source brings: standard errors (p,) with all sources and without this one, and its R2 alone.

    `labels_saved` (p,) is 1 - (se_all / se_without)^2, the share of labels that this source saves when the
    others are there.
    """

    source: str
    se_all: Array
    se_without: Array
    labels_saved: Array
    r2_alone: Array


def contributions(data: Sample | Stream, family: str | Moments = "ols") -> tuple[Contribution, ...]:
    """Drop-one standard errors and score R2 of each source that the fit over all of them uses.

    Example
    -------
    With the sample of `Sample`:

    >>> found, = contributions(sample, "mean")
    >>> found.source, bool(found.se_all[0] < found.se_without[0])
    ('gpt', True)
    """
    whole = gmm(data, family)
    out = []
    for name in whole.sources:
        without = gmm(with_sources(data, lambda source, name=name: source.name != name), family)  # type: ignore[misc]
        alone = gmm(with_sources(data, lambda source, name=name: source.name == name), family)  # type: ignore[misc]
        ratio = np.divide(whole.se, without.se, out=np.ones_like(whole.se), where=without.se > 0)
        r2 = np.zeros_like(whole.se) if alone.r2 is None else alone.r2
        out.append(Contribution(name, whole.se, without.se, 1.0 - ratio**2, r2))
    return tuple(out)


def score_r2(data: Sample | Stream, family: str | Moments = "ols") -> dict[str, Array]:
    """R2 (p,) of the human influence function on each source's moments alone, and on all under "all".

    n Var(theta_j) tends to sigma_j^2 (1 - (1 - n/T) R2_j): the most that the sources can ever save.

    Example
    -------
    With the sample of `Sample`, whose proxy errs with half of the outcome's deviation:

    >>> bool(0.7 < score_r2(sample, "mean")["all"][0] < 0.9)
    True
    """
    whole = gmm(data, family)
    out = {contribution.source: contribution.r2_alone for contribution in contributions(data, family)}
    out["all"] = np.zeros_like(whole.se) if whole.r2 is None else whole.r2
    return out
