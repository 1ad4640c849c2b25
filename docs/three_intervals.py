"""README's figure, from the tweets that come with moored as numbers: `uv run python docs/three_intervals.py`.

The same table, draw of labels and fits as in docs/tutorials/data-frame.ipynb.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import moored
from moored.benchmark.recorded import read_recorded
from moored.figures.look import DARK, EVERYONE, HEADLINE, MUTED, NAIVE, OTHER, as_svg, bare, in_the_look

FIGURE = Path(__file__).parent / "figures" / "three-intervals.svg"
SEED, LABELS = 2025, 150
Interval = tuple[float, float, float]
PHONE = 4.9
"""Inches: the width at which a phone shows the letters as they are drawn."""


def main() -> None:
    """Fit, say the numbers, write the figure."""
    table, everyone = tweets()
    share = moored.fit(table, "positive ~ 1", sources=["model", "rewritten"], family="mean")
    alone = moored.fit(table, "positive ~ 1", family="mean")
    naive = moored.fit(table, "model ~ 1", family="mean")
    lines = {
        f"Model labels alone ({len(table):,})": _interval(naive),
        f"Human labels alone ({LABELS})": _interval(alone),
        "Both, with moored": _interval(share),
    }
    for name, (estimate, lower, upper) in lines.items():
        print(f"{name:30} {estimate:.3f} [{lower:.3f}, {upper:.3f}]")  # noqa: T201
    print(f"all {len(table):,} human labels: {everyone:.3f}")  # noqa: T201
    saved(lines, everyone, len(table))


def saved(lines: dict[str, Interval], everyone: float, units: int) -> None:
    """Write the figure, which follows its page from light to dark."""
    svg = as_svg(
        drawn(lines, everyone, units),
        "three",
        "Share of positive tweets",
        "Model labels alone: a narrow interval that misses the truth. Human labels alone: a wide one that holds "
        "it. Both together: a narrower one that holds it.",
    )
    dark = "; ".join(f"{name}: {colour}" for name, colour in DARK.items())
    style = f"svg {{ font-family: sans-serif }} @media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}"
    FIGURE.write_text(svg.replace("<title", f"<style>{style}</style>\n<title", 1) + "\n")


def tweets() -> tuple[pd.DataFrame, float]:
    """One row per tweet: the human label where it counts, what each source read; and the share by all labels."""
    table, _ = read_recorded("tweets")
    table = table.rename(columns={"proxy_positive": "model", "synthetic_positive": "rewritten"})
    labelled = np.random.default_rng(SEED).permutation(len(table)) < LABELS
    everyone = float(table["positive"].mean())
    return table.assign(positive=table["positive"].where(labelled)), everyone


def _interval(fit: moored.inference.Fit) -> Interval:
    (lower, upper), *_ = fit.conf_int().to_numpy()
    return float(fit.params.iloc[0]), float(lower), float(upper)


@in_the_look
def drawn(lines: dict[str, Interval], everyone: float, units: int) -> Figure:
    """One line per interval, its name and numbers above it, the truth as an upright line. Readable on a phone."""
    figure = Figure(figsize=(PHONE, 2.35), layout="constrained")
    axes = figure.subplots()
    bare(axes)
    colours = (NAIVE, OTHER, HEADLINE)
    left = min(low for _, low, _ in lines.values()) - 0.01
    for place, ((name, (estimate, lower, upper)), colour) in enumerate(
        zip(lines.items(), colours, strict=True)
    ):
        axes.plot([lower, upper], [place, place], color=colour, linewidth=5)
        axes.plot([estimate], [place], "s" if place == 0 else "o", color=colour, markersize=9)
        axes.text(left, place - 0.36, name, weight="bold")
        axes.annotate(
            f"{lower:.0%} to {upper:.0%}", (upper, place), (8, -3), textcoords="offset points", color=colour
        )
    axes.axvline(everyone, color=EVERYONE, linewidth=1.6, linestyle=(0, (4, 3)))
    axes.annotate(
        f"all {units:,} human labels: {everyone:.0%}",
        (everyone, 2.72),
        (5, 0),
        textcoords="offset points",
        color=EVERYONE,
        weight="bold",
    )
    axes.set_yticks([])
    axes.set_ylim(2.8, -0.7)
    axes.set_xlim(left - 0.005, max(up for *_, up in lines.values()) + 0.075)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("share of positive tweets", color=MUTED)
    return figure


if __name__ == "__main__":
    main()
