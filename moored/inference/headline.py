"""Which estimator's row is the headline: a rule fixed before anyone looks at the numbers."""

from __future__ import annotations

from moored.errors import DataInvalid
from moored.inference.families import Linear, Logit, Poisson, Quantile, family_of
from moored.inference.moments import Moments

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


def headline(family: str | Moments, M: int, *, synthetic: bool = True, streamed: bool = False) -> str:
    """The estimator whose row is the headline: never by which looks better, nor by how many labels there are.

    `gmm-small` wherever it can be fitted, which is mean, quantile, OLS, logit and Poisson with the table in memory:
    its weights tend to the two-step GMM's and its intervals hold at every n, so there is no size at which another
    takes over. For other families and for streams the two-step GMM over all sources, `human` without any; where the
    labels are fewer than `labels_for_gmm` the fit says so in its warnings.

    Parameters
    ----------
    family
        As in the estimators; M : sources.
    synthetic
        Whether one of the sources is synthetic. streamed : whether the table is read in chunks.

    Example
    -------
    >>> headline("logit", 2)
    'gmm-small'
    """
    if M < 0:
        raise DataInvalid(f"M={M}: a study has no fewer than 0 sources.")
    if isinstance(family_of(family), Linear | Logit | Poisson | Quantile) and not streamed:
        return "gmm-small"
    if M == 0:
        return "human"
    return "gmm-synth" if synthetic else "gmm-proxy"
