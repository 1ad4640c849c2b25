"""A fit's numbers as pandas frames and series, labelled by its terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from moored.reader.combinations import Combinations, combinations_of
from moored.reader.levels import stated_level

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
ROW = ("estimate", "se", "lower", "upper", "p_value", "effective_n", "labels_saved", "r2")


class Labelled:
    """The reader's side of a fit of p terms. Frames and series are labelled by the terms.

    A class of fits brings the attributes below, `ends` and `combined`.
    """

    __slots__ = ()

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
    alternative: Literal["two-sided", "larger", "smaller"]
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

    @property
    def origin(self) -> str:
        """Where the fit is published, as "tweets, version 1"; empty where it is not."""
        return ""

    @property
    def marks(self) -> tuple[str, ...]:
        """What a table of the fit must say below itself."""
        return ()

    def ends(self, level: float) -> tuple[Array, Array]:
        """Interval ends (p,) at a level."""
        raise NotImplementedError

    def combined(self, combinations: Combinations, level: float) -> dict[str, Array]:
        """estimate, se, lower, upper and p_value, (c,) each, of combinations of terms."""
        raise NotImplementedError

    @property
    def params(self) -> pd.Series[float]:
        """Estimates, by term."""
        return self._series(self.estimate, "estimate")

    @property
    def bse(self) -> pd.Series[float]:
        """Standard errors, by term."""
        return self._series(self.se, "se")

    @property
    def pvalues(self) -> pd.Series[float]:
        """p-values of zero, by term: from the law of the interval, which need not be that of `tvalues`."""
        return self._series(self.p_value, "p_value")

    @property
    def tvalues(self) -> pd.Series[float]:
        """Estimate over standard error, by term; infinite where the standard error is zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(self.estimate == 0, 0.0, self.estimate / self.se)
        return self._series(ratio, "t")

    @property
    def vcov(self) -> pd.DataFrame:
        """Covariance of the estimates, term by term."""
        import pandas as pd

        return pd.DataFrame(self.covariance, index=self._index(), columns=self._index())

    @property
    def nobs(self) -> int:
        """T, the number of units; `n_labelled` of them have a human label."""
        return self.n_total

    def conf_int(self, level: float | None = None) -> pd.DataFrame:
        """Interval ends, `lower` and `upper` by term, at the fit's level or another."""
        import pandas as pd

        lower, upper = self._ends(level)
        return pd.DataFrame({"lower": lower, "upper": upper}, index=self._index())

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """One row per term: estimate, se, lower, upper, p_value, effective_n, labels_saved, r2 (NaN: has none)."""
        import pandas as pd

        values: dict[str, Array | None] = {name: getattr(self, name) for name in ROW}
        values["lower"], values["upper"] = self._ends(level)
        none = np.full(len(self.terms), np.nan)
        return pd.DataFrame(
            {name: none if value is None else value for name, value in values.items()}, index=self._index()
        )

    def glance(self) -> pd.DataFrame:
        """One row: what holds for the whole fit."""
        import pandas as pd

        return pd.DataFrame([self._facts()], index=pd.Index([self.estimator], name="estimator"))

    def contrast(self, L: Any, level: float | None = None) -> pd.DataFrame:
        """Linear combinations of the terms.

        Parameters
        ----------
        L : words, such as "x - age", "x = age" or ["x = 1", "z - 2 * x"]; or numbers (p,) or (c, p).
        level : of the intervals; None: the fit's.

        Returns
        -------
        DataFrame, one row per combination: estimate, se, lower, upper, null (what it is held against) and
        p_value. A combination of a single term has that term's own interval.

        Raises
        ------
        TermUnknown : words that name no combination. DataInvalid : numbers of another shape, or not finite.
        """
        import pandas as pd

        chosen = combinations_of(L, self.terms)
        found = self.combined(chosen, self.level if level is None else stated_level(level))
        p_value = found.pop("p_value")
        index = pd.Index(chosen.labels, name="combination")
        return pd.DataFrame({**found, "null": chosen.null, "p_value": p_value}, index=index)

    def _facts(self) -> Mapping[str, Any]:
        return {
            "family": self.family,
            "formula": self.formula,
            "nobs": self.n_total,
            "n_labelled": self.n_labelled,
            "level": self.level,
            "alternative": self.alternative,
            "target": self.target,
            "j": np.nan if self.j is None else self.j,
            "j_df": np.nan if self.j_df is None else self.j_df,
            "j_p_value": np.nan if self.j_p_value is None else self.j_p_value,
            "warnings": len(self.warnings),
        }

    def _ends(self, level: float | None) -> tuple[Array, Array]:
        return (
            (self.lower, self.upper)
            if level is None or level == self.level
            else self.ends(stated_level(level))
        )

    def _index(self) -> pd.Index[str]:
        import pandas as pd

        return pd.Index(self.terms, name="term")

    def _series(self, values: Array, name: str) -> pd.Series[float]:
        import pandas as pd

        return pd.Series(values, index=self._index(), name=name)
