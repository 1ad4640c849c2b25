"""Which estimator's row is the headline: a rule on sizes, fixed before anyone looks at the numbers."""

from __future__ import annotations

from moored.errors import DataInvalid

LABELS_A_COEFFICIENT = 25  # labels that the two-step GMM needs for each coefficient it estimates


def labels_for_gmm(p: int, M: int) -> int:
    """Labelled units (or clusters) from which on the two-step GMM's intervals hold: 25 p (1 + M).

    k = p (1 + M) coefficients are estimated by the two-step GMM. Its sandwich variance is then too small
    by about (1 - k/n)^2: once for the residuals, once for the noise of the weights (Lavenberg and Welch 1981).
    A normal interval of nominal .95 keeps .94 as long as k/n <= 1/25.
    """
    if M < 0 or p < 1:
        raise DataInvalid(f"p={p}, M={M}: a study has at least one parameter, and no fewer than 0 sources.")
    return LABELS_A_COEFFICIENT * p * (1 + M)


def headline(n: int, p: int, M: int, *, synthetic: bool = True) -> str:
    """The estimator whose row is the headline, by sizes alone: never by which looks better.

    From `labels_for_gmm` labels on it is the two-step GMM (`human` without sources), which uses every
    cross-moment; below, `gmm-small`. A fit of the two-step GMM below that number says so in its warnings.

    Parameters
    ----------
    n : labelled units, or labelled clusters; p : parameters; M : sources.
    synthetic : whether one of the sources is synthetic.
    """
    if n < 0:
        raise DataInvalid(f"n={n}: there are no fewer than 0 labelled units.")
    if n < labels_for_gmm(p, M):
        return "gmm-small"
    if M == 0:
        return "human"
    return "gmm-synth" if synthetic else "gmm-proxy"
