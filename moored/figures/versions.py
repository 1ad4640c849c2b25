"""The estimate over versions: what each version published, and how far it moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from moored.figures.look import GRID, HEADLINE, MUTED, OTHER, WIDE, in_the_look, label_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@in_the_look
def estimate_over_versions(
    rows: Sequence[Mapping[str, Any]], *, current: int | None = None, scale: str = "", width: float = WIDE
) -> Figure:
    """One panel per term, one interval per version, from left to right.

    rows: mappings with version, term, estimate, lower, upper. current: the version that the page is about, drawn
    heavy; its estimate is the dotted line.
    """
    from matplotlib.figure import Figure

    terms = list(dict.fromkeys(str(row["term"]) for row in rows)) or [""]
    versions = sorted({int(row["version"]) for row in rows})
    figure = Figure(figsize=(width, 1.75 * len(terms) + 0.35), layout="constrained")
    axes = figure.subplots(len(terms), 1, squeeze=False, sharex=True)[:, 0]
    for panel, term in zip(axes, terms, strict=True):
        panel.set_title(label_of(term))
        panel.grid(axis="y", color=GRID, linewidth=0.6)
        panel.set_axisbelow(True)
        for row in rows:
            if str(row["term"]) == term:
                _draw(panel, row, versions.index(int(row["version"])), heavy=row["version"] == current)
        panel.set_ylabel(label_of(scale))
        panel.tick_params(axis="y", labelsize=8.5)
    step = -(-len(versions) // (12 if width >= WIDE else 6)) or 1
    axes[-1].set_xticks(range(0, len(versions), step), [str(version) for version in versions[::step]])
    axes[-1].set_xlim(-0.6, len(versions) - 0.4)
    axes[-1].set_xlabel("version")
    return figure


def _draw(panel: Any, row: Mapping[str, Any], place: int, *, heavy: bool) -> None:
    colour = HEADLINE if heavy else OTHER
    if row["lower"] is not None and row["upper"] is not None:
        panel.plot([place, place], [row["lower"], row["upper"]], color=colour, linewidth=3 if heavy else 1.6)
    panel.plot([place], [row["estimate"]], "o", color=colour, markersize=7 if heavy else 5)
    if heavy:
        panel.axhline(row["estimate"], color=MUTED, linewidth=0.9, linestyle=":")
