"""The forest plot: every estimator's interval of every term, from stored rows."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]
HEADLINE, OTHER, NAIVE = "#0b5394", "#444444", "#b0883a"


def forest_plot(estimates: Rows, title: str, headline: str | None = None) -> Figure:
    """One panel a term, one line an estimator, from the top as in the table.

    estimates: rows with estimator, term, estimate, lower, upper. headline: the estimator to read, drawn bold.
    Naive intervals, which hold no bias, are dashed; the dotted line is the human estimate.
    """
    from matplotlib.figure import Figure

    terms = list(dict.fromkeys(str(row["term"]) for row in estimates))
    names = list(dict.fromkeys(str(row["estimator"]) for row in estimates))
    figure = Figure(
        figsize=(2.2 + 2.8 * max(len(terms), 1), 1.1 + 0.3 * max(len(names), 1)), layout="constrained"
    )
    panels = figure.subplots(1, max(len(terms), 1), sharey=True, squeeze=False)[0]
    for panel, term in zip(panels, terms, strict=False):
        _draw(panel, [row for row in estimates if row["term"] == term], names, headline)
        panel.set_title(term, fontsize=10)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(max(len(names), 1) - 0.5, -0.5)
    for label in panels[0].get_yticklabels():
        label.set_fontweight("bold" if label.get_text() == headline else "normal")
    figure.suptitle(title, fontsize=11)
    return figure


def as_data_uri(figure: Figure) -> str:
    """The figure as a PNG that a page can hold in itself."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _draw(panel: Axes, rows: Rows, names: list[str], headline: str | None) -> None:
    for row in rows:
        name = str(row["estimator"])
        place = names.index(name)
        colour = HEADLINE if name == headline else NAIVE if name.startswith("naive") else OTHER
        panel.plot(
            [row["lower"], row["upper"]],
            [place, place],
            color=colour,
            linewidth=2.4 if name == headline else 1.4,
            linestyle="--" if name.startswith("naive") else "-",
        )
        panel.plot(row["estimate"], place, "o", color=colour, markersize=6 if name == headline else 4)
        if name == "human":
            panel.axvline(row["estimate"], color=OTHER, linewidth=0.8, linestyle=":")
    panel.tick_params(labelsize=8)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
