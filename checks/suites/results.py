"""Estimates: there, finite, with errors and intervals that fit, and not far from what they should be near."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from checks.check import Check, Measure, all_true, at_least, at_most
from checks.evidence import Evidence
from moored.run.estimates import EVERYONE, wanted_estimators

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
    at_least(
        "fit-j",
        "alpha_each",
        "rule 6: the p-value of Hansen's J of a published fit",
        "labelled units are no random sample, or rule 1, 2 or 3 was broken: find out which",
        severity="critical",
        allowed="at least {alpha_each:.2g}",
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
    naive = estimates["estimator"].str.startswith(NAIVE)
    return pd.DataFrame(
        {
            "unit_id": estimates["estimator"] + ": " + estimates["term"],
            "finite": finite,
            "positive": (np.isfinite(se) & (se > 0)) | (naive & (se == 0)),
            # An open end of a one-sided interval is stored as missing.
            "inside": ~finite | (~(lower > estimate) & ~(upper < estimate)),
        }
    )


def measures(estimates: pd.DataFrame, fits: pd.DataFrame, evidence: Evidence) -> Iterator[Measure]:
    """What is absent, and how far estimates are from the human-only and the last ones."""
    # A naive baseline may fail: it is reported with a mark and is never the published number.
    asked = [name for name in wanted_estimators(evidence.study) if not name.startswith(NAIVE)]
    came = set(estimates["estimator"])
    absent = [name for name in asked if name not in came]
    note = f"absent: {', '.join(absent)}" if absent else ""
    yield Measure("estimators-present", "estimates", len(absent), note=note)
    there = np.isfinite(pd.to_numeric(estimates["estimate"], errors="coerce"))
    finite = set(estimates.loc[there, "estimator"])
    headlines = [name for name in asked if name != "human"] or ["human"]
    lacking = not finite.intersection(headlines)
    note = f"one of {', '.join(headlines)} must be there" if lacking else ""
    yield Measure("headline-present", "estimates", int(lacking), note=note)
    yield from _hansen(fits)
    yield from _against_human(estimates)
    yield from _against_last(estimates, evidence)


def _hansen(fits: pd.DataFrame) -> Iterator[Measure]:
    for row in fits.to_dict("records"):
        p = row.get("j_p_value")
        if p is not None and np.isfinite(p):
            yield Measure("fit-j", str(row["estimator"]), float(p))


def _corrected(estimates: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of the estimators that rest on human labels."""
    own = ~estimates["estimator"].str.startswith(NAIVE) & (estimates["estimator"] != EVERYONE)
    rows = estimates[own].to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def _against_human(estimates: pd.DataFrame) -> Iterator[Measure]:
    rows = _corrected(estimates)
    human = {row["term"]: row for row in rows if row["estimator"] == "human"}
    for row in rows:
        base = human.get(row["term"])
        if base is None or row["estimator"] == "human":
            continue
        subject = f"{row['estimator']}: {row['term']}"
        estimate, se = _number(row["estimate"]), _number(row["se"])
        human_se = _number(base["se"])
        # Var(human - corrected) = Var(human) - Var(corrected) for an efficient combination (Hausman 1978);
        # where the two are close their difference is noise, so it is bounded below.
        spread = np.sqrt(max(human_se**2 - se**2, 0.05 * human_se**2))
        yield Measure("near-human", subject, _over(estimate - _number(base["estimate"]), spread))
        yield Measure("no-harm", subject, _over(se, human_se))


def _against_last(estimates: pd.DataFrame, evidence: Evidence) -> Iterator[Measure]:
    previous = evidence.previous
    if previous is None or not len(previous.estimates):
        yield Measure("estimate-drift", "estimates", float("nan"), note="no earlier version to compare with")
        return
    before = {(row["estimator"], row["term"]): row for row in _corrected(previous.estimates)}
    for row in _corrected(estimates):
        last = before.get((row["estimator"], row["term"]))
        if last is not None:
            now, then = _number(row["estimate"]), _number(last["estimate"])
            spread = float(np.hypot(_number(row["se"]), _number(last["se"])))
            note = f"{then:.4g} in version {previous.version}, {now:.4g} now; {_came_with(evidence)}"
            yield Measure(
                "estimate-drift", f"{row['estimator']}: {row['term']}", _over(now - then, spread), note=note
            )


def _came_with(evidence: Evidence) -> str:
    """What else differs from the last version: recipes, data."""
    assert evidence.previous is not None
    now = evidence.generations.groupby("source")["recipe"].first().to_dict()
    changed = [
        f"the recipe of {name}"
        for name, recipe in evidence.previous.recipes.items()
        if now.get(name) not in (None, recipe)
    ]
    if evidence.data_version and evidence.previous.data_version not in ("", evidence.data_version):
        changed.append("the data")
    return f"changed with it: {', '.join(changed)}" if changed else "no recipe changed"


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _over(distance: float, spread: float) -> float:
    return abs(distance) / spread if spread > 0 else float("nan")
