"""Figures of a version: MSE, coverage with its binomial band, width and effective n against the label fraction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from moored.benchmark.claims import RIVALS
from moored.benchmark.models import PROXIES, Point
from moored.row_role import is_biased

SHOWN = (*RIVALS, "gmm-small", "naive-proxy")
FIGURES = {
    "mse": ("mse_ratio", "MSE / human-only"),
    "coverage": ("coverage", "coverage of 95% intervals"),
    "width": ("width_ratio", "width / human-only"),
    "effective-n": ("effective_n", "effective sample size"),
}
# Okabe and Ito's palette, which readers with colour-vision deficiencies can tell apart.
COLOURS = {
    "human": "#000000",
    "ppi++-proxy": "#56B4E9",
    "ppi++-synth": "#0072B2",
    "reppi": "#CC79A7",
    "gmm-proxy": "#E69F00",
    "gmm-synth": "#D55E00",
    "gmm-small": "#009E73",
    "naive-proxy": "#999999",
}
WIDTH = 3.1  # inches a panel
LOWEST_COVERAGE = 0.5
SAVED_AT = (0.1, 0.3)  # label fractions of the figure of R2 against labels saved
TALLEST_RATIO = 1.6  # of a ratio to human-only; naive methods leave the panel at the top


def write_figures(frame: pd.DataFrame, folder: Path, bounds: dict[str, float]) -> list[Path]:
    """One file a figure, one panel a setting. `frame` as from `claims.focus`; bounds: R2 by setting."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_figure(frame, kind, folder / f"benchmark-{kind}.png", bounds) for kind in FIGURES]


def _figure(frame: pd.DataFrame, kind: str, path: Path, bounds: dict[str, float]) -> Path:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    value, label = FIGURES[kind]
    settings = list(dict.fromkeys(frame["setting"]))
    columns = min(4, len(settings))
    rows = -(-len(settings) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(WIDTH * columns, 2.4 * rows + 0.7), squeeze=False, sharex=True
    )
    for axis, setting in zip(axes.flat, settings, strict=False):
        _panel(axis, frame[frame["setting"] == setting], kind, value, bounds.get(setting))
        axis.set_title(setting, fontsize=9)
    for axis in axes.flat[len(settings) :]:
        axis.set_visible(False)
    for axis in axes.flat[max(0, len(settings) - columns) : len(settings)]:  # nothing stands below these
        axis.set_xlabel("labelled share", fontsize=8)
        axis.tick_params(labelbottom=True)
    figure.supylabel(label, fontsize=9)
    handles, names = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="lower center", ncols=len(names), fontsize=8, frameon=False)
    figure.tight_layout(rect=(0.01, 0.45 / (2.4 * rows + 0.7), 1, 1))
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
    return path


def _panel(axis: Any, rows: pd.DataFrame, kind: str, value: str, r2: float | None) -> None:
    for name in SHOWN if kind != "effective-n" else SHOWN[:-1]:  # the naive one's would hide the others'
        own = rows[rows["estimator"] == name].sort_values("fraction")
        if len(own):
            style = "--" if is_biased(name) else "-"
            heavy = 1.9 if name == "gmm-synth" else 1.1
            axis.plot(
                own["fraction"],
                own[value].astype(float),
                style,
                color=COLOURS[name],
                lw=heavy,
                marker=".",
                ms=4,
                label=name,
            )
    axis.tick_params(labelsize=7)
    human = rows[rows["estimator"] == "human"].sort_values("fraction")
    if kind == "coverage":
        axis.fill_between(human["fraction"], human["band_low"], human["band_high"], color="#dddddd", zorder=0)
        axis.axhline(0.95, color="black", lw=0.5, ls=":")
        rivals = rows[rows["estimator"].isin(RIVALS)]
        axis.set_ylim(max(LOWEST_COVERAGE, min(0.85, float(rivals["coverage"].min()) - 0.02)), 1.005)
    if kind in ("mse", "width"):
        top = min(TALLEST_RATIO, 1.05 * float(rows[value].max()))
        axis.set_ylim(0, max(top, 1.1))
    if kind == "mse" and r2 is not None:
        share = human["fraction"].to_numpy(dtype=float)
        axis.plot(share, 1.0 - (1.0 - share) * r2, color="black", lw=0.8, ls=":", label="bound by R2")


def write_saved_figure(found: Sequence[Point], folder: Path) -> Path | None:
    """R2 against labels saved, one panel per label fraction of SAVED_AT: a point per setting, and the bound.

    Hollow: the proxies alone. Filled: all sources. None where no point has such a label fraction.
    """
    shown = [point for point in found if point.fraction in SAVED_AT]
    if not shown:
        return None
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.lines import Line2D

    fractions = sorted({point.fraction for point in shown})
    models = sorted({point.models for point in shown})
    colour = dict(zip(models, [*COLOURS.values()] * (1 + len(models) // len(COLOURS)), strict=False))
    figure, axes = plt.subplots(
        1, len(fractions), figsize=(4.2 * len(fractions), 4.4), squeeze=False, sharey=True
    )
    for axis, fraction in zip(axes.flat, fractions, strict=True):
        _bound(axis, fraction)
        for point in (point for point in shown if point.fraction == fraction):
            hollow = point.estimator == PROXIES
            axis.plot(
                point.r2,
                point.saved,
                "o",
                ms=5,
                mec=colour[point.models],
                mfc="none" if hollow else colour[point.models],
            )
    axes[0][0].set_ylabel("labels saved, measured", fontsize=9)
    handles = [Line2D([], [], marker="o", ls="", color=colour[name], label=name) for name in models]
    figure.legend(handles=handles, loc="lower center", ncols=2, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.06 + 0.045 * -(-len(models) // 2), 1, 1))
    path = folder / "benchmark-r2.png"
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
    return path


def _bound(axis: Any, fraction: float) -> None:
    axis.plot([0, 1], [0, 1.0 - fraction], color="black", lw=0.8, ls=":")
    axis.axhline(0, color="black", lw=0.5)
    axis.set_xlim(0, 0.7)
    axis.set_ylim(-0.15, 0.7)
    axis.set_title(f"{fraction:.0%} of the texts labelled", fontsize=9)
    axis.set_xlabel("R2 of the sources", fontsize=9)
    axis.tick_params(labelsize=8)
