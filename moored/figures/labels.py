"""Labels: who has one, and what one more is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from moored.figures.look import GRID, HEADLINE, MUTED, OTHER, WIDE, bare, in_the_look, label_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@in_the_look
def label_shares(groups: Sequence[Mapping[str, Any]], *, width: float = WIDE) -> Figure:
    """The share of labelled units in each group of units, beside the share in all.

    groups: mappings with name, units, labelled; the first is all units together.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 0.3 * len(groups) + 0.65), layout="constrained")
    axes = figure.subplots()
    bare(axes)
    shares = [group["labelled"] / group["units"] if group["units"] else 0.0 for group in groups]
    colours = [HEADLINE] + [OTHER] * (len(groups) - 1)
    axes.barh(range(len(groups)), shares, height=0.62, color=colours)
    for place, group in enumerate(groups):
        axes.annotate(
            f"{group['labelled']:,} of {group['units']:,}",
            (1.0, place),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            annotation_clip=False,
        )
    axes.axvline(shares[0], color=MUTED, linewidth=0.9, linestyle=":", zorder=3)
    axes.set_yticks(range(len(groups)), [label_of(group["name"], 24) for group in groups])
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.set_xlim(0, max(max(shares, default=0.0) * 1.05, 0.01))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")
    axes.set_xlabel("share of units with a human label")
    return figure


@in_the_look
def learning_curve(
    curves: Sequence[Mapping[str, Any]], *, labels: int, scale: str = "", width: float = WIDE
) -> Figure:
    """The half width of the interval against the number of labels, with the model and without, one panel per term.

    curves: mappings with term, n, with_model, alone (sequences of one length). labels: how many there are now.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 2.1 * max(len(curves), 1) + 0.35), layout="constrained")
    axes = figure.subplots(max(len(curves), 1), 1, squeeze=False, sharex=True)[:, 0]
    for panel, curve in zip(axes, curves, strict=False):
        panel.grid(color=GRID, linewidth=0.6)
        panel.set_axisbelow(True)
        panel.plot(curve["n"], curve["alone"], color=OTHER, linewidth=1.6, label="human labels alone")
        panel.plot(
            curve["n"], curve["with_model"], color=HEADLINE, linewidth=2.6, label="with the model's help"
        )
        panel.axvline(labels, color=MUTED, linewidth=1.2, linestyle=":", label=f"now: {labels:,} labels")
        panel.set_ylim(0, None)
        panel.set_title(label_of(curve["term"]))
        panel.set_ylabel("half width" + (f", {label_of(scale)}" if scale else ""))
    axes[0].legend(loc="upper right")
    axes[-1].set_xlabel("human labels")
    return figure
