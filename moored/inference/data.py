"""The data of one study: a sample of units, some of them labelled, and its auxiliary sources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from moored.errors import DataInvalid, NonFinite

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Kind = Literal["proxy", "synthetic"]
LARGEST = 1e40  # fourth powers of the data are summed, and must stay finite


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One recipe's outputs for every unit: a proxy (the model reads) or synthetic (it writes, then reads).

    Attributes
    ----------
    name
        What tables and messages call it.
    kind
        "proxy" or "synthetic".
    y
        (T,) the outcome as the model gives it; a probability is legal for a binary outcome.
    X
        (T, p) the covariates as the model gives them, constant included, columns as in `Sample.X`.
    observed
        (T,) False where the generation failed. Such a unit has a zero moment in this source,
        labelled or not; its y and X are ignored and may be NaN. None: every unit is observed.

    Raises
    ------
    DataInvalid
        Shapes that do not fit, or a kind that is neither.
    NonFinite
        NaN, infinity or more than 1e40 in an observed unit.

    Example
    -------
    >>> Source("gpt", "proxy", [0.9, 0.2], [[1.0], [1.0]]).kind
    'proxy'
    """

    name: str
    kind: Kind
    y: Array
    X: Array
    observed: Mask | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("proxy", "synthetic"):
            raise DataInvalid(f"Source {self.name!r} is of kind {self.kind!r}; use 'proxy' or 'synthetic'.")
        _set(self, "y", _floats(self.y, f"source {self.name!r}: y"))
        _set(self, "X", _columns(self.X, f"source {self.name!r}: X"))
        if len(self.y) != len(self.X):
            raise DataInvalid(f"Source {self.name!r} has {len(self.y)} outcomes and {len(self.X)} rows of X.")
        if self.observed is not None:
            _set(self, "observed", _mask(self.observed, len(self.y), f"source {self.name!r}: observed"))
        _refuse_non_finite(self.y, self.X, self.observed, f"Source {self.name!r}", "mark it observed=False")


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """T units, their human labels where there are any, and the model's sources for all of them.

    Attributes
    ----------
    y
        (T,) human outcome; ignored (may be NaN) where not labelled.
    X
        (T, p) human covariates with the constant as a column; ignored (may be NaN) where not labelled.
    labelled
        (T,) S_t of docs/method.md section 1.
    terms
        P names of the columns of X; the constant is "Intercept".
    sources
        The auxiliary sources, M of them, M >= 0.
    probability
        (T,) known probability of being labelled, in (0, 1]; None: equal for all.
    cluster
        (T,) code of the group (a person, a thread) whose units are dependent; None: independent.
    strata
        (T,) code of the stratum within which units were drawn for labelling; None: one draw from all.
    notes
        What a reader must know of these data; every fit carries them among its warnings.

    Raises
    ------
    DataInvalid
        Shapes that do not fit, two sources of one name, probabilities outside (0, 1].
    NonFinite
        A labelled unit without a finite outcome or covariate.

    Example
    -------
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(1.0, 1.0, 400)
    >>> X, labelled = np.ones((400, 1)), np.arange(400) < 100
    >>> proxy = Source("gpt", "proxy", y + rng.normal(0.0, 0.5, 400), X)
    >>> sample = Sample(y, X, labelled, ("Intercept",), (proxy,))
    >>> sample.n_labelled, sample.n_total
    (100, 400)
    """

    y: Array
    X: Array
    labelled: Mask
    terms: tuple[str, ...] = ()
    sources: tuple[Source, ...] = field(default=())
    probability: Array | None = None
    cluster: NDArray[Any] | None = None
    strata: NDArray[Any] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _set(self, "y", _floats(self.y, "y"))
        _set(self, "X", _columns(self.X, "X"))
        T, p = self.X.shape
        _set(self, "labelled", _mask(self.labelled, T, "labelled"))
        _set(self, "terms", tuple(self.terms) or _default_terms(self.X[self.labelled], p))
        _set(self, "sources", _sources(self.sources))
        if len(self.y) != T or len(self.terms) != p:
            raise DataInvalid(
                f"{len(self.y)} outcomes, {T} rows of X, {p} columns and {len(self.terms)} terms do not fit "
                "together; give one outcome and one row per unit, and one term per column."
            )
        _refuse_non_finite(self.y, self.X, self.labelled, "The human data", "count it as not labelled")
        self._check_sources(T, p)
        self._check_labelling(T)

    def _check_sources(self, T: int, p: int) -> None:
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise DataInvalid(f"Two sources share a name: {', '.join(names)}; give each its own.")
        for source in self.sources:
            if source.X.shape != (T, p):
                raise DataInvalid(
                    f"Source {source.name!r} has X of shape {source.X.shape}; the sample needs {(T, p)}, "
                    "one row per unit and the same terms."
                )

    def _check_labelling(self, T: int) -> None:
        if self.probability is not None:
            given = _floats(self.probability, "probability")
            if len(given) != T or not bool(np.all((given > 0) & (given <= 1))):
                raise DataInvalid(
                    "Labelling probabilities must be one number per unit, above 0 and at most 1."
                )
            if bool(np.any((given == 1) & ~self.labelled)):
                raise DataInvalid(
                    "A unit with labelling probability 1 is not labelled; check the probabilities."
                )
            _set(self, "probability", given)
        for name in ("cluster", "strata"):
            codes = getattr(self, name)
            if codes is not None:
                codes = np.asarray(codes)
                if codes.shape != (T,):
                    raise DataInvalid(f"{name} has shape {codes.shape}; it needs one code per unit, {(T,)}.")
                _set(self, name, codes)

    @property
    def n_total(self) -> int:
        """T, the number of units."""
        return len(self.labelled)

    @property
    def n_labelled(self) -> int:
        """n, the number of labelled units."""
        return int(np.count_nonzero(self.labelled))

    @property
    def independent(self) -> int:
        """n, or how many labelled clusters of equal size the labelled clusters are worth (`worth`)."""
        if self.cluster is None:
            return self.n_labelled
        return worth(np.unique(self.cluster[self.labelled], return_counts=True)[1].tolist())

    def with_sources(self, sources: Iterable[Source]) -> Sample:
        """The same units with other sources."""
        return replace(self, sources=tuple(sources))

    def of_kind(self, kind: Kind) -> Sample:
        """The same units with the sources of one kind only."""
        return self.with_sources(source for source in self.sources if source.kind == kind)

    def take(self, rows: NDArray[Any]) -> Sample:
        """The units at `rows` (an index or a mask), in that order."""
        sources = tuple(
            Source(s.name, s.kind, s.y[rows], s.X[rows], None if s.observed is None else s.observed[rows])
            for s in self.sources
        )

        def pick(values: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if values is None else values[rows]

        return Sample(
            y=self.y[rows],
            X=self.X[rows],
            labelled=self.labelled[rows],
            terms=self.terms,
            sources=sources,
            probability=pick(self.probability),
            cluster=pick(self.cluster),
            strata=pick(self.strata),
            notes=self.notes,
        )


def worth(sizes: Iterable[float]) -> int:
    """How many clusters of equal size these are worth: (sum n_g)^2 / sum n_g^2, rounded down (Kish 1965).

    A few large clusters decide a clustered variance, however many small ones stand beside them.
    """
    given = list(sizes)
    return int(sum(given) ** 2 / sum(size**2 for size in given) * (1.0 + 1e-9)) if given else 0


def generator(rng: Any) -> np.random.Generator:
    """numpy's generator of `rng`: a generator itself, or a whole number from 0 as its seed. Raises DataInvalid."""
    try:
        if rng is None:
            raise TypeError("a draw without a seed cannot be repeated")
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise DataInvalid(
            f"rng came as {rng!r}; give a whole number from 0, such as rng=1, or numpy.random.default_rng(1)."
        ) from error


def _sources(given: Any) -> tuple[Source, ...]:
    listed = [given] if isinstance(given, Source) else given
    if not isinstance(listed, list | tuple) or not all(isinstance(source, Source) for source in listed):
        raise DataInvalid(
            f"The sources came as {type(given).__name__}; give a tuple of Source, such as "
            'sources=(Source("proxy", "proxy", y, X),).'
        )
    return tuple(listed)


def _set(target: object, name: str, value: object) -> None:
    object.__setattr__(target, name, value)


def _floats(values: Any, what: str) -> Array:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataInvalid(f"{what} is not numeric: {error}.") from error
    if array.ndim != 1:
        raise DataInvalid(f"{what} has shape {array.shape}; it must be one-dimensional.")
    return array


def _columns(values: Any, what: str) -> Array:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataInvalid(f"{what} is not numeric: {error}.") from error
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise DataInvalid(f"{what} has shape {array.shape}; it must be units by terms.")
    return array


def _mask(values: Any, T: int, what: str) -> Mask:
    given = np.asarray(values)
    if given.shape != (T,):
        raise DataInvalid(f"{what} has shape {given.shape}; it needs one value per unit, {(T,)}.")
    if given.dtype != np.bool_ and not bool(np.all((given == 0) | (given == 1))):
        raise DataInvalid(f"{what} must hold true and false, or 1 and 0, and nothing else.")
    return given.astype(np.bool_)


def _default_terms(X: Array, p: int) -> tuple[str, ...]:
    ones = bool(len(X)) and bool(np.all(X[:, 0] == 1))
    return tuple("Intercept" if j == 0 and ones else f"x{j}" for j in range(p))


def _refuse_non_finite(y: Array, X: Array, where: Mask | None, what: str, way_out: str) -> None:
    good = (np.abs(y) < LARGEST) & (np.abs(X) < LARGEST).all(axis=1)  # False for NaN too
    bad = ~good if where is None else ~good & where
    count = int(np.count_nonzero(bad))
    if count:
        first: Sequence[int] = np.flatnonzero(bad)[:3].tolist()
        raise NonFinite(
            f"{what}: {count} of {len(y)} units {'holds' if count == 1 else 'hold'} NaN, infinity or more than "
            f"{LARGEST:.0e} ({'row' if count == 1 else 'rows'} {', '.join(map(str, first))}); "
            f"rescale or repair each, or {way_out}.",
            rows=list(first),
        )
