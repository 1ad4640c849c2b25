"""The forest plot: every estimator's interval of every term, those that are biased apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from moored.figures.look import (
    BAND,
    EVERYONE,
    HEADLINE,
    MUTED,
    NAIVE,
    NARROW,
    OTHER,
    WIDE,
    bare,
    in_the_look,
    label_of,
)
from moored.row_role import YARDSTICK, is_biased

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]
_LINE, _HEAD, _FOOT = 0.27, 0.62, 0.3
"""Inches: a line, what stands around the lines of a panel, and the words under the last one."""
_GAP = 0.55
"""Lines between the estimators to read and those apart."""


@in_the_look
def forest_plot(
    rows: Rows,
    title: str = "",
    *,
    headline: str | None = None,
    scale: str = "",
    width: float = WIDE,
    zero: float = 0.0,
) -> Figure:
    """One panel per term, one line per estimator: the headline first and heavy, naive ones apart and dashed.

    rows: mappings with estimator, term, estimate, lower, upper; an end may be None or infinite. headline: the
    estimator to read. scale: what the numbers are, such as "log odds". zero: where no effect is; 1 for ratios.
    In a narrow figure (`width` 3.6) the numbers beside the lines are left out.
    """
    from matplotlib.figure import Figure

    terms = list(dict.fromkeys(str(row["term"]) for row in rows)) or [""]
    panels = [_lines([row for row in rows if str(row["term"]) == term], headline) for term in terms]
    heights = [max(_span(panel), 1.0) * _LINE + _HEAD for panel in panels]
    figure = Figure(
        figsize=(width, sum(heights) + _FOOT * bool(scale) + 0.3 * bool(title)), layout="constrained"
    )
    axes = figure.subplots(len(terms), 1, squeeze=False, height_ratios=heights)[:, 0]
    for panel, term, lines in zip(axes, terms, panels, strict=True):
        _draw(panel, lines, zero, numbers=width > NARROW)
        panel.set_title(label_of(term))
    if scale:
        axes[-1].set_xlabel(label_of(scale))
    if title:
        figure.suptitle(label_of(title, 80), fontsize=11, x=0.01, ha="left")
    return figure


def kind_of(estimator: str, headline: str | None) -> str:
    """Which of headline, other, naive, everyone an estimator is drawn as."""
    if is_biased(estimator):
        return "naive"
    if estimator == YARDSTICK:
        return "everyone"
    return "headline" if estimator == headline else "other"


_ORDER = {"headline": 0, "other": 1, "naive": 2, "everyone": 3}
_COLOURS = {"headline": HEADLINE, "other": OTHER, "naive": NAIVE, "everyone": EVERYONE}


def _lines(rows: Rows, headline: str | None) -> list[tuple[float, str, Mapping[str, Any]]]:
    """(place from the top, kind, row), with a gap wherever the kind changes to one that stands apart."""
    ordered = sorted(rows, key=lambda row: _ORDER[kind_of(str(row["estimator"]), headline)])
    lines: list[tuple[float, str, Mapping[str, Any]]] = []
    place, before = 0.0, ""
    for row in ordered:
        kind = kind_of(str(row["estimator"]), headline)
        if lines:
            place += 1.0 + (_GAP if kind != before and kind in {"naive", "everyone"} else 0.0)
        lines.append((place, kind, row))
        before = kind
    return lines


def _span(lines: Sequence[tuple[float, str, Mapping[str, Any]]]) -> float:
    return lines[-1][0] + 1.0 if lines else 0.0


def _draw(
    panel: Axes,
    lines: Sequence[tuple[float, str, Mapping[str, Any]]],
    zero: float,
    *,
    numbers: bool,
) -> None:
    bare(panel)
    panel.set_ylim(max(_span(lines), 1.0) - 0.5, -0.5)
    panel.set_yticks(
        [place for place, _, _ in lines], [label_of(row["estimator"], 24) for _, _, row in lines]
    )
    naive = [place for place, kind, _ in lines if kind == "naive"]
    if naive:
        panel.axhspan(naive[0] - 0.6, naive[-1] + 0.6, color=BAND, linewidth=0, zorder=0)
    low, high = _limits([row for _, _, row in lines], zero)
    panel.set_xlim(low, high)
    panel.axvline(zero, color=MUTED, linewidth=1.0, zorder=1)
    for place, kind, row in lines:
        _interval(panel, place, kind, row, low, high)
    for label, (_, kind, _) in zip(panel.get_yticklabels(), lines, strict=True):
        label.set_fontweight("bold" if kind == "headline" else "normal")
        label.set_color(_COLOURS[kind])
    if numbers:
        _numbers(panel, lines)


def _interval(panel: Axes, place: float, kind: str, row: Mapping[str, Any], low: float, high: float) -> None:
    estimate, colour = _number(row["estimate"]), _COLOURS[kind]
    ends = [_end(row["lower"], low), _end(row["upper"], high)]
    panel.plot(
        ends,
        [place, place],
        color=colour,
        linewidth=3.0 if kind == "headline" else 1.6,
        linestyle=(0, (3, 2)) if kind == "naive" else "-",
        solid_capstyle="butt",
    )
    if math.isfinite(estimate):
        panel.plot(
            [estimate],
            [place],
            {"headline": "o", "other": "o", "naive": "s", "everyone": "D"}[kind],
            color=colour,
            markerfacecolor="none" if kind == "naive" else colour,
            markersize=7.5 if kind == "headline" else 5,
        )


def _numbers(panel: Axes, lines: Sequence[tuple[float, str, Mapping[str, Any]]]) -> None:
    """The numbers beside the lines, to the right."""
    places = _decimals([row for _, _, row in lines])
    for place, kind, row in lines:
        said = (_said(_number(row[key]), places) for key in ("estimate", "lower", "upper"))
        panel.annotate(
            "{}  [{}, {}]".format(*said),
            (1.0, place),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=_COLOURS[kind],
            fontweight="bold" if kind == "headline" else "normal",
            annotation_clip=False,
        )


def _limits(rows: Rows, zero: float) -> tuple[float, float]:
    """Room for every finite end and for zero, where that leaves the intervals at least a third of it."""
    values = [_number(row[key]) for row in rows for key in ("estimate", "lower", "upper")]
    ends = [value for value in values if math.isfinite(value)] or [zero]
    low, high = min(ends), max(ends)
    if max(high, zero) - min(low, zero) <= 3 * (high - low):
        low, high = min(low, zero), max(high, zero)
    room = 0.06 * (high - low) or max(abs(low), 1.0) * 0.1
    return low - room, high + room


def _decimals(rows: Rows) -> int:
    widths = [_number(row["upper"]) - _number(row["lower"]) for row in rows]
    known = sorted(width for width in widths if math.isfinite(width) and width > 0)
    if not known:
        return 2
    return min(max(2 - math.floor(math.log10(known[len(known) // 2] / 4)) - 1, 0), 8)


def _said(value: float, places: int) -> str:
    if not math.isfinite(value):
        return "–" if math.isnan(value) else "∞" if value > 0 else "−∞"
    text = f"{value:.{places}f}" if abs(value) < 1e6 else f"{value:.3g}"
    return text.replace("-", "−")


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _end(value: Any, edge: float) -> float:
    """An open end runs to the edge of the panel."""
    number = _number(value)
    return number if math.isfinite(number) else edge
