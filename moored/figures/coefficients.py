"""The coefficients of one fit: one line per term, and a line where no effect is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from moored.figures.look import HEADLINE, MUTED, NAIVE, bare, label_of, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
_LINE, _AROUND = 0.32, 1.0
"""Inches: a line, and what stands around the lines."""


def coefficient_plot(
    terms: Sequence[str],
    estimate: Array,
    lower: Array,
    upper: Array,
    *,
    title: str = "",
    scale: str = "",
    zero: float = 0.0,
    biased: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw (p,) estimates and their intervals, the first term on top, in `ax` or a new figure of pyplot's.

    An end that is infinite is an arrow at the border. zero: where no effect is; 1 for ratios. biased: dashed, as of
    an estimator whose interval holds no bias.
    """
    with look():
        axes = _new_axes(len(terms)) if ax is None else ax
        colour, style = (NAIVE, (0, (4, 2))) if biased else (HEADLINE, "-")
        axes.axvline(zero, color=MUTED, linewidth=0.9, linestyle=":", zorder=1)
        low, high = _borders(estimate, lower, upper, zero)
        for place, (middle, left, right) in enumerate(zip(estimate, lower, upper, strict=True)):
            ends = [max(left, low), min(right, high)]
            axes.plot(ends, [place, place], color=colour, linestyle=style, linewidth=1.8, zorder=2)
            axes.plot([middle], [place], "s" if biased else "o", color=colour, markersize=5.5, zorder=3)
            for end, mark, at in ((left, "<", low), (right, ">", high)):
                if not np.isfinite(end):
                    axes.plot([at], [place], mark, color=colour, markersize=5.5, clip_on=False, zorder=3)
        axes.set_xlim(low, high)
        axes.set_yticks(range(len(terms)), [label_of(term) for term in terms])
        axes.set_ylim(len(terms) - 0.5, -0.5)
        axes.set_xlabel(scale)
        axes.set_title(label_of(title, 90))
        bare(axes)
    return axes


def region_plot(
    boundary: Array, centre: Array, labels: Sequence[str], level: float, ax: Axes | None = None
) -> Axes:
    """Draw the closed curve (m, 2) around `centre`, and lines where either of the two `labels` is zero."""
    with look():
        axes = _new_axes(8) if ax is None else ax
        axes.fill(*boundary.T, facecolor=HEADLINE, alpha=0.12, edgecolor="none")
        axes.plot(*boundary.T, color=HEADLINE, linewidth=1.8)
        axes.plot(*centre, "o", color=HEADLINE, markersize=5.5)
        axes.axhline(0.0, color=MUTED, linewidth=0.9, linestyle=":")
        axes.axvline(0.0, color=MUTED, linewidth=0.9, linestyle=":")
        axes.set_xlabel(label_of(labels[0], 60))
        axes.set_ylabel(label_of(labels[1], 60))
        axes.set_title(f"{100 * level:.6g}% region of both")
    return axes


def _new_axes(lines: int) -> Axes:
    from matplotlib import pyplot as plt

    _, axes = plt.subplots(figsize=(6.4, _LINE * lines + _AROUND), layout="constrained")
    return axes


def _borders(estimate: Array, lower: Array, upper: Array, zero: float) -> tuple[float, float]:
    """What the scale shows: every finite end and where no effect is, with some room."""
    numbers = np.concatenate([estimate, lower, upper, [zero]])
    numbers = numbers[np.isfinite(numbers)]
    low, high = float(numbers.min()), float(numbers.max())
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room
