"""Failed generations: which sources they leave, what to tell the reader, and whether they depend on labelling.

A failed unit has a zero moment in its source. That is no datum: the mean of a source's moments is taken over the
units that it answered for, on each side. Where it answered for none on one side there is nothing to compare.
"""

from __future__ import annotations

import numpy as np

from moored.inference.balance import balance
from moored.inference.data import Array
from moored.inference.solve.passes import Block, Passes

DEPENDS = 0.01  # p-value below which failing is said to depend on labelling

Shares = tuple[tuple[float, float], ...]


def one_sided(passes: Passes) -> dict[int, str]:
    """Sources that answered for too few units of one side to be of any use, and why they are dropped."""
    counts, p = passes.counts, len(passes.terms)
    rest = counts.total - counts.labelled
    reasons = {}
    for m, (failed, inside) in enumerate(zip(counts.failed, counts.failed_labelled, strict=True)):
        sides = (("labelled", counts.labelled, inside), ("unlabelled", rest, failed - inside))
        for side, size, lost in sides:
            if lost and size - lost <= p:
                only = f"all but {size - lost} of" if size > lost else "all"
                reasons[m] = (
                    f"source {passes.names[m]!r} dropped: it failed for {only} the {size} {side} units"
                )
    return reasons


def failure_warnings(passes: Passes, used: list[int]) -> list[str]:
    """Of each used source that failed somewhere: how often on each side, and whether that depends on labelling."""
    counts, warnings = passes.counts, []
    rest = counts.total - counts.labelled
    for m in used:
        failed, inside = counts.failed[m], counts.failed_labelled[m]
        if not failed:
            continue
        name = passes.names[m]
        warnings.append(
            f"source {name!r} failed for {failed} of {counts.total} units ({inside} of {counts.labelled} labelled, "
            f"{failed - inside} of {rest} unlabelled); their moments in it are zero"
        )
        p_value = label_dependence(passes, m)
        if p_value is not None and p_value < DEPENDS:
            warnings.append(
                f"source {name!r} fails more often on one side (p = {p_value:.1g}): failing depends on being "
                "labelled, and these intervals may be wrong; run the failed generations again first"
            )
    return warnings


def label_dependence(passes: Passes, m: int) -> float | None:
    """p-value of source m's failing being independent of labelling, None where nothing can be compared.

    Fisher's exact test; with clusters, strata or unequal probabilities the chi-squared test of `balance`.
    """
    counts = passes.counts
    failed, inside = counts.failed[m], counts.failed_labelled[m]
    if not 0 < failed < counts.total or counts.labelled in (0, counts.total):
        return None
    if passes.clustered or passes.stratified or counts.mean_probability is not None:
        from scipy.special import chdtrc

        found = balance(passes, lambda block: _failed(block, m) - failed / counts.total, 1)
        return None if found is None else float(chdtrc(1, found))
    from scipy.stats import fisher_exact

    rest = counts.total - counts.labelled
    outside = failed - inside
    table = np.array([[inside, counts.labelled - inside], [outside, rest - outside]])
    return float(fisher_exact(table).pvalue)


def _failed(block: Block, m: int) -> Array:
    seen = block.sources[m].seen
    return np.zeros((block.size, 1)) if seen is None else 1.0 - seen[:, None]


def observed_shares(passes: Passes) -> Shares:
    """For each source, the (weighted) shares of the labelled and of the unlabelled units that it answered for."""
    M = len(passes.names)
    if not any(passes.counts.failed):
        return ((1.0, 1.0),) * M
    seen, sizes = np.zeros((M, 2)), np.zeros(2)
    for block in passes:
        w = np.ones(len(block.human.y)) if block.weight is None else block.weight
        sizes += w.sum(), block.rest_weight.sum()
        for m, (inside, every) in enumerate(zip(block.overlap, block.sources, strict=True)):
            seen[m, 0] += w.sum() if inside.seen is None else w @ inside.seen
            seen[m, 1] += block.rest_weight.sum() if every.seen is None else block.rest_weight @ every.seen
    return tuple((float(a), float(b)) for a, b in seen / np.maximum(sizes, 1e-300))
