"""A fit as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moored.errors import DataInvalid
from moored.extras import needed
from moored.numbers import RATIOS, scale_of
from moored.reader.text import title_of
from moored.row_role import is_biased

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from moored.reader.frames import Labelled


def draw_terms(fit: Labelled, frame: pd.DataFrame, level: float, exp: bool, ax: Axes | None) -> Axes:
    """The rows of `frame` (estimate, lower, upper by term) of a fit; see `Labelled.plot`."""
    if exp and fit.family not in RATIOS:
        raise DataInvalid(
            f"exp=True turns log odds and log rates into ratios, and the family is {fit.family!r}; leave it out."
        )
    with needed("tables", "A picture"):
        from matplotlib import pyplot as plt  # noqa: F401
    from moored.figures.coefficients import coefficient_plot

    with np.errstate(over="ignore"):
        values = [np.exp(frame[name]) if exp else frame[name] for name in ("estimate", "lower", "upper")]
    estimate, lower, upper = (value.to_numpy(dtype=np.float64) for value in values)
    unit = RATIOS[fit.family] if exp else scale_of(fit.family)
    biased = is_biased(fit.estimator)
    return coefficient_plot(
        list(frame.index),
        estimate,
        lower,
        upper,
        title=title_of(fit) + (" (biased)" if biased else ""),
        scale=f"{unit or 'estimate'}, {100 * level:.6g}% interval",
        zero=1.0 if exp else 0.0,
        biased=biased,
        ax=ax,
    )
