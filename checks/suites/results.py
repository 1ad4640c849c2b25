"""Estimates: there, finite, with errors and intervals that fit, and not far from what they should be near."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from checks.check import Check, Measure, all_true, at_most
from checks.evidence import Evidence

CHECKS: tuple[Check, ...] = (
    at_most(
        "estimators-present",
        "nothing",
        "estimators that the study asks for and that gave no estimate",
        "look why they failed, or take them out of estimate.estimators",
        severity="critical",
        allowed="none",
    ),
    at_most(
        "headline-present",
        "nothing",
        "headline estimators (human labels with sources) without an estimate",
        "look why they failed; a naive estimate is never a headline",
        severity="critical",
        allowed="none",
    ),
    all_true("estimates-finite", "estimates", "finite", "estimates that are not finite", "rescale the data"),
    all_true(
        "errors-positive",
        "estimates",
        "positive",
        "standard errors that are not above 0 and finite",
        "look for a covariate that predicts the outcome perfectly, or a constant outcome",
    ),
    all_true(
        "interval-holds-estimate",
        "estimates",
        "inside",
        "intervals that do not contain their estimate",
        "this is a fault of the estimator: report it",
    ),
    at_most(
        "near-human",
        "max_human_gap",
        "the distance of an estimate from the human-only one, in standard errors of their difference",
        "the sources pull the estimate further than chance allows: read rule 6 before believing it",
    ),
    at_most(
        "no-harm",
        "max_error_ratio",
        "an estimate's standard error over the human-only one",
        "with so few labels these sources cost precision: prefer the human-only estimate, or drop a source",
    ),
    at_most(
        "estimate-drift",
        "max_drift",
        "rule 8: the distance of an estimate from the last version's, in standard errors of their difference",
        "look at what changed in model, prompts or data since then before publishing",
    ),
)
NAIVE = "naive"


def frame(estimates: pd.DataFrame) -> pd.DataFrame:
    """The estimates, flagged."""
    estimate, se = (pd.to_numeric(estimates[name], errors="coerce") for name in ("estimate", "se"))
    lower, upper = (pd.to_numeric(estimates[name], errors="coerce") for name in ("lower", "upper"))
    finite = np.isfinite(estimate)
    return pd.DataFrame(
        {
            "unit_id": estimates["estimator"] + ": " + estimates["term"],
            "finite": finite,
            "positive": (np.isfinite(se) & (se > 0))
            | estimates["estimator"].str.startswith(NAIVE) & (se == 0),
            # An open end of a one-sided interval is stored as missing.
            "inside": ~finite | (~(lower > estimate) & ~(upper < estimate)),
        }
    )


def measures(estimates: pd.DataFrame, evidence: Evidence) -> Iterator[Measure]:
    """What is absent, and how far estimates are from the human-only and the last ones."""
    came = set(estimates["estimator"])
    asked = evidence.study.estimate.estimators
    absent = [name for name in asked if name not in came]
    yield Measure(
        "estimators-present", "estimates", len(absent), note=f"absent: {', '.join(absent)}" if absent else ""
    )
    finite = set(
        estimates.loc[np.isfinite(pd.to_numeric(estimates["estimate"], errors="coerce")), "estimator"]
    )
    headlines = [name for name in asked if name.startswith("gmm")] or ["human"]
    lacking = 0 if finite.intersection(headlines) else 1
    note = f"one of {', '.join(headlines)} must be there" if lacking else ""
    yield Measure("headline-present", "estimates", lacking, note=note)
    yield from _against_human(estimates)
    yield from _against_last(estimates, evidence)


def _moored(estimates: pd.DataFrame) -> pd.DataFrame:
    return estimates[~estimates["estimator"].str.startswith(NAIVE)]


def _against_human(estimates: pd.DataFrame) -> Iterator[Measure]:
    human = estimates[estimates["estimator"] == "human"].set_index("term")
    for row in _moored(estimates).itertuples():
        if row.estimator == "human" or row.term not in human.index:
            continue
        base, se = float(human.loc[row.term, "estimate"]), float(human.loc[row.term, "se"])
        subject = f"{row.estimator}: {row.term}"
        # Var(human - moored) = Var(human) - Var(moored) for an efficient combination (Hausman 1978); near
        # equality the difference of variances is noise, so it is bounded below.
        spread = np.sqrt(max(se**2 - row.se**2, 0.05 * se**2))
        yield Measure(
            "near-human", subject, abs(row.estimate - base) / spread if spread > 0 else float("nan")
        )
        yield Measure("no-harm", subject, row.se / se if se > 0 else float("nan"))


def _against_last(estimates: pd.DataFrame, evidence: Evidence) -> Iterator[Measure]:
    previous = evidence.previous
    if previous is None:
        yield Measure("estimate-drift", "estimates", float("nan"), note="no earlier version to compare with")
        return
    both = _moored(estimates).merge(previous.estimates, on=["estimator", "term"], suffixes=("", "_before"))
    for row in both.itertuples():
        spread = float(np.hypot(row.se, row.se_before))
        distance = abs(row.estimate - row.estimate_before) / spread if spread > 0 else float("nan")
        note = f"{row.estimate_before:.4g} in version {previous.version}, {row.estimate:.4g} now{_came_with(evidence)}"
        yield Measure("estimate-drift", f"{row.estimator}: {row.term}", distance, note=note)


def _came_with(evidence: Evidence) -> str:
    """Which recipes differ from the last version's."""
    assert evidence.previous is not None
    now = evidence.generations.groupby("source")["recipe"].agg(lambda r: r.iloc[0]).to_dict()
    changed = [
        name for name, recipe in evidence.previous.recipes.items() if now.get(name) not in (None, recipe)
    ]
    return f"; the recipe changed of {', '.join(changed)}" if changed else "; no recipe changed"
