"""Figures of a version: MSE, coverage with its binomial band, width and effective n against the label fraction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from moored.benchmark.claims import RIVALS
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
