"""The pictures of a report: each drawn for a page and for a phone, with words for those who do not see it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from moored.errors import DataInvalid
from moored.figures import as_svg, estimate_over_versions, forest_plot, label_shares, learning_curve
from moored.figures.look import NARROW, WIDE
from moored.inference import Pilot
from moored.inference.planning import adjusted_r2
from moored.numbers import scale_of
from moored.plaintext import counted, listed
from moored.report.facts import Facts, Surroundings
from moored.report.words import interval
from moored.storage.published import EstimateRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_TERMS = 8
_POINTS = 40


@dataclass(frozen=True, slots=True)
class Picture:
    """One figure in two widths, as SVG elements; a page shows one of them."""

    wide: str
    narrow: str
    caption: str


def forest(facts: Facts) -> Picture:
    """Every estimator's interval of every term."""
    rows, more = _first_terms([asdict(row) for row in facts.run.estimates])
    scale = scale_of(facts.fit.family)
    caption = (
        f"Heavy: {facts.run.headline}, the estimate to read. Dashed on a shaded band: model labels used as if "
        f"they were true; biased, do not report. Brackets: {100 * facts.fit.level:.6g}% intervals.{more}"
    )
    return _picture(
        "forest",
        lambda width: forest_plot(rows, headline=facts.run.headline, scale=scale, width=width),
        "Forest plot of all estimators",
        f"The estimate to read, {facts.run.headline}: {_read(facts.headline)}. The table below has all numbers.",
        caption,
    )


def over_versions(facts: Facts, around: Surroundings) -> Picture | None:
    """The headline's estimates, version by version; None where there is one version."""
    if len(around.versions) < 2:
        return None
    every = [asdict(row) | {"version": told.version} for told in around.versions for row in told.rows]
    rows, more = _first_terms(every)
    scale = scale_of(facts.fit.family)
    moved = [f"version {told.version}: {_read(told.rows)}" for told in around.versions]
    return _picture(
        "versions",
        lambda width: estimate_over_versions(rows, current=facts.run.version, scale=scale, width=width),
        "The estimate over versions",
        "; ".join(moved),
        f"Each version's estimate to read. Heavy, and the dotted line: version {facts.run.version}.{more}",
    )


def labels(around: Surroundings) -> Picture:
    """Labelled units in groups of units."""
    shares = [f"{g['name']}: {g['labelled']:,} of {g['units']:,}" for g in around.groups]
    return _picture(
        "labels",
        lambda width: label_shares(around.groups, width=width),
        "Share of labelled units",
        "; ".join(shares),
        "Who has a human label. Dotted: the share in all units; under a random draw every group is near it.",
    )


def gain(facts: Facts) -> Picture | None:
    """Half widths against the number of labels; None where the estimator gives no R2."""
    curves = curves_of(facts)
    if not curves:
        return None
    scale = scale_of(facts.fit.family)
    n = facts.fit.n_labelled
    said = [
        f"{curve['term']}: {curve['now'][0]:.3g} with the model and {curve['now'][1]:.3g} without at {n:,} labels"
        for curve in curves
    ]
    return _picture(
        "gain",
        lambda width: learning_curve(curves, labels=n, scale=scale, width=width),
        "Half width of the interval against the number of labels",
        "; ".join(said),
        "What more labels would bring, by the limit formula with this version's R² (docs/method.md, section 3): a "
        "forecast, not a measurement.",
    )


def curves_of(facts: Facts) -> list[dict[str, Any]]:
    """By term: half widths of the interval with the model's help and without, from few labels to all units."""
    fit = facts.fit
    n, T, level = fit.n_labelled, fit.n_total, fit.level
    reach = _normal_quantile(0.5 + level / 2)
    at = np.unique(np.geomspace(min(max(n / 4, 10), T), T, _POINTS).round())
    curves = []
    for row in facts.headline[:MOST_TERMS]:
        pilot = _pilot(row, facts)
        if pilot is not None:
            curves.append(
                {
                    "term": row.term,
                    "n": at.tolist(),
                    "with_model": [reach * pilot.se(one, T) for one in at],
                    "alone": [reach * pilot.sigma / math.sqrt(one) for one in at],
                    "now": (reach * pilot.se(n, T), reach * pilot.sigma / math.sqrt(n)),
                }
            )
    return curves


def _pilot(row: EstimateRow, facts: Facts) -> Pilot | None:
    fit = facts.fit
    if row.effective_n is None or row.r2 is None or fit.n_labelled >= fit.n_total:
        return None
    if fit.target == "corpus":
        return None
    sources = len(facts.study.sources)
    q = sources * (1 if fit.estimator == "gmm-small" else len(facts.headline))
    try:
        r2 = adjusted_r2(row.r2, fit.n_labelled, q)
        return Pilot(row.se * math.sqrt(row.effective_n), r2)
    except DataInvalid:
        return None


def _normal_quantile(p: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)


def _read(rows: Sequence[EstimateRow]) -> str:
    return listed([f"{row.term} {interval(row)}" for row in rows[:MOST_TERMS]])


def _first_terms(rows: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], str]:
    terms = list(dict.fromkeys(row["term"] for row in rows))
    more = len(terms) - MOST_TERMS
    kept = [row for row in rows if row["term"] in terms[:MOST_TERMS]]
    return kept, f" {counted(more, 'more term is', 'more terms are')} in the table only." if more > 0 else ""


def _picture(key: str, draw: Callable[[float], Figure], title: str, words: str, caption: str) -> Picture:
    wide, narrow = (
        as_svg(draw(width), f"{key}-{name}", title, words)
        for name, width in (("wide", WIDE), ("narrow", NARROW))
    )
    return Picture(wide, narrow, caption)
