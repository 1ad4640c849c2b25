"""Every estimator by name, all of one signature: `ESTIMATORS[name](data, family=..., level=..., ...)`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from moored.errors import DataInvalid
from moored.inference.baselines import human, naive
from moored.inference.data import Kind, Sample
from moored.inference.families import Linear, Logit, Poisson, Quantile, family_of
from moored.inference.gmm.estimator import gmm
from moored.inference.gmm.first_step import FirstStep
from moored.inference.laws import Alternative
from moored.inference.moments import Moments
from moored.inference.ppi.mixtures import ppi_synth, reppi
from moored.inference.ppi.plus_plus import ppi_plus_plus
from moored.inference.results import Fit, Target
from moored.inference.small.control_variates import gmm_small
from moored.inference.solve.passes import Stream, with_sources


class Estimator(Protocol):
    """What every entry of ESTIMATORS is."""

    def __call__(
        self,
        data: Sample | Stream,
        family: str | Moments = "ols",
        *,
        level: float = 0.95,
        alternative: Alternative = "two-sided",
        first_step: FirstStep = "full",
        target: Target = "population",
    ) -> Fit:
        """Fit the family's parameters. Options that an estimator has no use for are ignored by it."""


def _of(data: Sample | Stream, kind: Kind) -> Sample | Stream:
    return with_sources(data, lambda source: source.kind == kind)


def _naive_proxy(data: Sample | Stream, family: str | Moments = "ols", **options: Any) -> Fit:
    options = {key: value for key, value in options.items() if key in ("level", "alternative")}
    return naive(data, family, name="naive-proxy", wanted=lambda source: source.kind == "proxy", **options)


def _naive_synthetic(data: Sample | Stream, family: str | Moments = "ols", **options: Any) -> Fit:
    options = {key: value for key, value in options.items() if key in ("level", "alternative")}
    return naive(
        data, family, name="naive-synthetic", wanted=lambda source: source.kind == "synthetic", **options
    )


def _naive_pooled(data: Sample | Stream, family: str | Moments = "ols", **options: Any) -> Fit:
    options = {key: value for key, value in options.items() if key in ("level", "alternative")}
    return naive(data, family, name="naive-pooled", wanted=lambda _: True, with_labels=True, **options)


def _ppi_proxy(data: Sample | Stream, family: str | Moments = "ols", **options: Any) -> Fit:
    options.pop("first_step", None)
    return ppi_plus_plus(_of(data, "proxy"), family, name="ppi++-proxy", **options)


def _ppi_synth(data: Sample | Stream, family: str | Moments = "ols", **options: Any) -> Fit:
    options.pop("first_step", None)
    return ppi_synth(data, family, **options)


def _reppi(data: Sample | Stream, family: str | Moments = "ols", **options: Any) -> Fit:
    options.pop("first_step", None)
    return reppi(data, family, **options)


def _gmm_proxy(data: Sample | Stream, family: str | Moments = "ols", **options: Any) -> Fit:
    return gmm(_of(data, "proxy"), family, name="gmm-proxy", **options)


def _gmm_synth(data: Sample | Stream, family: str | Moments = "ols", **options: Any) -> Fit:
    return gmm(data, family, name="gmm-synth", **options)


ESTIMATORS: Mapping[str, Estimator] = {
    "human": human,
    "naive-proxy": _naive_proxy,
    "naive-synthetic": _naive_synthetic,
    "naive-pooled": _naive_pooled,
    "ppi++-proxy": _ppi_proxy,
    "ppi++-synth": _ppi_synth,
    "reppi": _reppi,
    "gmm-proxy": _gmm_proxy,
    "gmm-synth": _gmm_synth,
    "gmm-small": gmm_small,
}


NEEDS: Mapping[str, frozenset[Kind]] = {
    "naive-proxy": frozenset({"proxy"}),
    "naive-synthetic": frozenset({"synthetic"}),
    "ppi++-proxy": frozenset({"proxy"}),
    "ppi++-synth": frozenset({"synthetic"}),
    "gmm-proxy": frozenset({"proxy"}),
}
"""The kinds of source without which an entry of ESTIMATORS refuses, or only repeats another one."""
REPEATS: Mapping[str, Kind] = {"gmm-synth": "synthetic"}
"""Without this kind the entry repeats another one, too; a study's versions have its row all the same."""


def possible(name: str, kinds: Collection[Kind], *, repeats: bool = True) -> bool:
    """Whether sources of these kinds are what an estimator needs.

    repeats: whether the entries of REPEATS may be there without theirs.
    """
    only_repeats = name in REPEATS and REPEATS[name] not in kinds
    return NEEDS.get(name, frozenset()) <= set(kinds) and (repeats or not only_repeats)


def default_estimators(data: Sample | Stream, family: str | Moments) -> tuple[str, ...]:
    """human, then gmm-proxy, gmm-synth and gmm-small as far as the sources allow them."""
    first = data if isinstance(data, Sample) else next(iter(data()))
    kinds = {source.kind for source in first.sources}
    asked = ("human", "gmm-proxy", "gmm-synth")
    wanted = [name for name in asked if possible(name, kinds, repeats=False)]
    known = isinstance(family_of(family), Linear | Logit | Poisson | Quantile)
    wanted += ["gmm-small"] if known and isinstance(data, Sample) else []
    return tuple(wanted)


def estimate(
    data: Sample | Stream,
    family: str | Moments = "ols",
    *,
    estimators: Sequence[str] | None = None,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
    first_step: FirstStep = "full",
    target: Target = "population",
) -> tuple[Fit, ...]:
    """One Fit for each named estimator, a name given twice fitted once; by default `default_estimators`.

    Raises DataInvalid for a name that ESTIMATORS does not have, and what the estimators raise.

    Example
    -------
    With the sample of `Sample`:

    >>> human, small = estimate(sample, "mean", estimators=["human", "gmm-small"])
    >>> bool(small.se[0] < human.se[0])
    True
    """
    wanted = default_estimators(data, family) if estimators is None else tuple(dict.fromkeys(estimators))
    unknown = [name for name in wanted if name not in ESTIMATORS]
    if unknown:
        raise DataInvalid(f"No estimator is called {unknown[0]!r}; choose from {', '.join(ESTIMATORS)}.")
    options: dict[str, Any] = {"level": level, "alternative": alternative, "first_step": first_step}
    if target != "population":  # an estimator of the user's own need not know of it
        options["target"] = target
    return tuple(ESTIMATORS[name](data, family, **options) for name in wanted)
