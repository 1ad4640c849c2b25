"""A published version as a reader has it: its headline's fit, the other fits, and what must be known of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from moored.errors import NotStored, VersionDiffers
from moored.inference import Fit
from moored.inference.data import Array
from moored.inference.joint import Joint, Region
from moored.inference.laws import Alternative
from moored.reader.combinations import Combinations
from moored.reader.readable import Readable
from moored.row_role import role_of
from moored.run.estimates import fit_of
from moored.run.readings import gather_version
from moored.storage.published import EstimateRow, FitRow, PublishedRun, estimate_row
from moored.storage.results import find_run
from moored.storage.studies import study_of_run, told_of_run
from moored.storage.warehouse import Warehouse, open_store

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PublishedFit(Readable):
    """One estimator's fit in a published version: the numbers as they are stored.

    What is not stored (intervals at another level, tests, combinations) comes from the fit computed again from the
    version's stored inputs, which must be the stored one bit by bit.
    """

    estimator: str
    family: str
    formula: str
    terms: tuple[str, ...]
    estimate: Array
    covariance: Array
    se: Array
    lower: Array
    upper: Array
    p_value: Array
    level: float
    alternative: Alternative
    target: Literal["population", "corpus"]
    n_labelled: int
    n_total: int
    j: float | None
    j_df: int | None
    j_p_value: float | None
    r2: Array | None
    effective_n: Array | None
    labels_saved: Array | None
    warnings: tuple[str, ...]
    run: PublishedRun
    """The version's record."""
    store: Path
    _computed: list[Fit] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """The study and its version."""
        return f"{self.run.study}, version {self.run.version}"

    @property
    def marks(self) -> tuple[str, ...]:
        """What the version must say wherever it is read: what its checks warned of, and why it was published so."""
        reason = self.run.override_reason
        return ((f"Published although a critical check failed: {reason}",) if reason else ()) + self.run.marks

    def ends(self, level: float) -> tuple[Array, Array]:
        """See `Fit.ends`."""
        return self.again().ends(level)

    def combined(self, combinations: Combinations, level: float) -> dict[str, Array]:
        """See `Fit.combined`."""
        return self.again().combined(combinations, level)

    def wald_test(self, R: Any = None, q: Any = None) -> Joint:
        """See `Fit.wald_test`."""
        return self.again().wald_test(R, q)

    def confidence_region(self, R: Any = None, level: float | None = None) -> Region:
        """See `Fit.confidence_region`."""
        return self.again().confidence_region(R, level)

    @property
    def vcov(self) -> pd.DataFrame:
        """Covariance of the estimates, term by term."""
        old = bool(np.isnan(self.covariance).any())  # of a version that is older than the column
        return self.again().vcov if old else super(PublishedFit, self).vcov

    def again(self) -> Fit:
        """The fit, computed from the version's stored inputs. Errors: `VersionDiffers`, those of `open_store`."""
        if not self._computed:
            with open_store(self.store) as store:
                study = study_of_run(store, self.run)
                material = gather_version(store, study, self.run)
            fit = fit_of(study, material, self.estimator)
            if tuple(map(estimate_row, fit.rows())) != self.run.estimates_by(self.estimator):
                raise VersionDiffers(
                    f"{self.origin} is not what its stored inputs give today, so what is not stored of it cannot "
                    f"be computed; `moored verify {self.run.study}` says what differs"
                )
            self._computed.append(fit)
        return self._computed[0]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Results(PublishedFit):
    """A published version. It reads like the fit of its headline; `results["human"]` is another one's."""

    fits: tuple[PublishedFit, ...] = ()
    """Every estimator's fit, in the order of the stored table."""
    changed: bool | None = None
    """Of a run: did it publish this version, or had nothing changed?"""

    @property
    def study(self) -> str:
        """The study's name."""
        return self.run.study

    @property
    def version(self) -> int:
        """The version's number."""
        return self.run.version

    @property
    def headline(self) -> str:
        """The estimator to read, by the rule."""
        return self.estimator

    @property
    def override_reason(self) -> str | None:
        """Why it was published although a critical check failed."""
        return self.run.override_reason

    @property
    def counts(self) -> Mapping[str, Any]:
        """Units, labels, generated rows, tokens and money of the run."""
        return self.run.counts

    def __getitem__(self, estimator: str) -> PublishedFit:
        """The fit of an estimator. Errors: `NotStored`."""
        for fit in self.fits:
            if fit.estimator == estimator:
                return fit
        known = ", ".join(fit.estimator for fit in self.fits)
        raise NotStored(
            f"version {self.version} of {self.study!r} has no fit of {estimator!r}; it has {known}"
        )

    @property
    def ordered(self) -> tuple[PublishedFit, ...]:
        """The fits as a table has them: the headline's, those to compare it with, the biased ones."""
        last = ["headline", "comparison", "biased"]
        return tuple(sorted(self.fits, key=lambda fit: last.index(role_of(fit.estimator, self.headline))))

    @property
    def estimates(self) -> pd.DataFrame:
        """Every stored estimate, one row per estimator and term: what `moored results --json` prints."""
        import pandas as pd

        return pd.DataFrame(list(map(asdict, self.run.estimates)))

    def forest(self, terms: str | Sequence[str] | None = None) -> Figure:
        """Every estimator's interval of every term, those that are biased apart."""
        from moored.extras import needed
        from moored.numbers import scale_of

        with needed("tables", "A picture"):
            from moored.figures import forest_plot
        chosen = set(self._chosen(terms))
        rows = [asdict(row) for row in self.run.estimates if row.term in chosen]
        return forest_plot(rows, self.origin, headline=self.headline, scale=scale_of(self.family))


def published(store: Warehouse, path: Path, study: str, version: int | None = None) -> Results:
    """A published version, by default the latest; `path` is where its store is. Errors: `NotStored`."""
    run = find_run(store, study, version)
    told = told_of_run(store, run) or {}
    formula = told.get("estimate", {}).get("formula", "")
    fits = tuple(_fit(fit, run.estimates_by(fit.estimator), formula, run, path) for fit in _in_order(run))
    head = next(fit for fit in fits if fit.estimator == run.headline)
    return Results(**{part.name: getattr(head, part.name) for part in fields(PublishedFit)}, fits=fits)


def _in_order(run: PublishedRun) -> list[FitRow]:
    """The fits as the estimates stand; who labelled everyone is no fit."""
    names = dict.fromkeys(row.estimator for row in run.estimates)
    return [fit for name in names if (fit := run.fit_of(name)) is not None]


def _fit(
    fit: FitRow, rows: Sequence[EstimateRow], formula: str, run: PublishedRun, path: Path
) -> PublishedFit:
    p = len(rows)
    return PublishedFit(
        estimator=fit.estimator,
        family=fit.family,
        formula=formula,
        terms=tuple(row.term for row in rows),
        covariance=np.full((p, p), np.nan) if fit.covariance is None else np.array(fit.covariance),
        estimate=_column(rows, "estimate"),
        se=_column(rows, "se"),
        lower=_column(rows, "lower", -math.inf),
        upper=_column(rows, "upper", math.inf),
        p_value=_column(rows, "p_value"),
        r2=_or_none(rows, "r2"),
        effective_n=_or_none(rows, "effective_n"),
        labels_saved=_or_none(rows, "labels_saved"),
        level=fit.level,
        alternative="two-sided",  # no study states another
        target="corpus" if fit.target == "corpus" else "population",
        n_labelled=fit.n_labelled,
        n_total=fit.n_total,
        j=fit.j,
        j_df=fit.j_df,
        j_p_value=fit.j_p_value,
        warnings=fit.warnings,
        run=run,
        store=path,
    )


def _column(rows: Sequence[EstimateRow], name: str, missing: float = math.nan) -> Array:
    values = (getattr(row, name) for row in rows)
    return np.array([missing if value is None else value for value in values], dtype=np.float64)


def _or_none(rows: Sequence[EstimateRow], name: str) -> Array | None:
    """None where no term has such a number."""
    return None if all(getattr(row, name) is None for row in rows) else _column(rows, name)
