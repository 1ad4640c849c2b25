"""The README's figure and table, from a version of the example `tweets`.

    uv run moored run deployments/studies/tweets.toml && uv run moored export tweets --out tweets-version-1
    uv run python docs/three_intervals.py tweets-version-1

`tweets-version-1` holds numbers alone: labels and what the model read, by unit.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

import moored
from moored.figures.look import DARK, EVERYONE, HEADLINE, MUTED, NAIVE, OTHER, as_svg, bare, in_the_look

FIGURE = Path(__file__).parent / "figures" / "three-intervals.svg"
Interval = tuple[float, float, float]
PHONE = 4.9
"""Inches: the width at which a phone shows the letters as they are drawn."""


def main() -> None:
    """Draw the figure of the version in the folder that is named."""
    table, everyone = tweets(Path(sys.argv[1]))
    share = moored.fit(table, "positive ~ 1", sources=["proxy", "synthetic"], family="mean")
    alone = moored.fit(table, "positive ~ 1", family="mean")
    naive = moored.fit({"positive": table["proxy"]}, "positive ~ 1", family="mean")
    labels = int(table["positive"].notna().sum())
    lines = {
        f"Model labels alone ({len(table)})": _interval(naive),
        f"Human labels alone ({labels})": _interval(alone),
        "Both, with moored": _interval(share),
    }
    for name, (estimate, lower, upper) in lines.items():
        print(f"{name:30} {estimate:.3f} [{lower:.3f}, {upper:.3f}]")  # noqa: T201
    print(f"all {len(table)} human labels: {everyone:.3f}")  # noqa: T201
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


def tweets(folder: Path) -> tuple[pd.DataFrame, float]:
    """One row per unit: the human label where it counts, what each source read; and the share by all labels."""
    units = pd.read_parquet(folder / "units.parquet").set_index("unit_id")
    values = pd.read_parquet(folder / "values.parquet").query("variable == 'positive'")
    wide = values.pivot_table(index="unit_id", columns="source", values="value").reindex(units.index)
    table = wide.rename(columns={"data": "positive"})
    return table.reset_index(), float(table["positive"].fillna(units["held_back"]).mean())


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
        f"all {units} human labels: {everyone:.0%}",
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
