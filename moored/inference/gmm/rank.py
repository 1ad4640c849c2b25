"""The rank rule: a source whose moments add nothing is dropped by name."""

from __future__ import annotations

import numpy as np

from moored.inference.data import Array

REDUNDANT = 1e-9  # share of a source's moments that earlier sources leave unexplained, below which it goes


def independent_sources(S_zz: Array, names: tuple[str, ...], scale_of: Array) -> tuple[list[int], list[str]]:
    """Sources whose moments add rank, in order, and a warning for each of the others.

    S_zz (2q, 2q) is ordered labelled then remaining; `scale_of` (q,) is the size that a source's score
    would have if it explained nothing, against which a zero is a zero.
    """
    M = len(names)
    k = len(S_zz) // (2 * M)
    diagonal = np.diag(S_zz)
    kept: list[int] = []
    warnings = []
    for m in range(M):
        columns = np.arange(m * k, (m + 1) * k)
        own = np.concatenate([columns, columns + M * k])
        if (diagonal[own] <= 1e-20 * np.tile(scale_of[columns], 2)).any():
            warnings.append(
                f"source {names[m]!r} dropped: its residuals are zero among the labelled or the unlabelled "
                "(a constant, or explained completely by its covariates)"
            )
            continue
        trial = [*kept, m]
        at = np.concatenate([np.concatenate([np.arange(i * k, (i + 1) * k) for i in trial])] * 2)
        at[len(at) // 2 :] += M * k
        scale = 1.0 / np.sqrt(diagonal[at])
        if np.linalg.eigvalsh(S_zz[np.ix_(at, at)] * np.outer(scale, scale))[0] < REDUNDANT:
            why = "it repeats the sources before it" if kept else "its moments are collinear"
            warnings.append(
                f"source {names[m]!r} dropped: {why}, or too few units are labelled or unlabelled to "
                "tell it apart"
            )
            continue
        kept = trial
    return kept, warnings
