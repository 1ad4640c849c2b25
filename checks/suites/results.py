"""Estimates: there, finite, with errors and intervals that fit, and not far from what they should be near."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from checks.check import Check, Measure, all_true, at_least, at_most
from checks.evidence import Evidence
from moored.inference import Fit
from moored.run.estimates import Estimates, wanted_estimators

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
        "estimators that the headline's rule names and that gave no estimate",
        "look why it failed: label more units, or use fewer terms or sources; the human labels stand in for it",
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


def frame(fits: Iterable[Fit]) -> pd.DataFrame:
    """The estimates, flagged."""
    return pd.concat([_flagged(fit) for fit in fits], ignore_index=True)


def _flagged(fit: Fit) -> pd.DataFrame:
    finite, exact = np.isfinite(fit.estimate), fit.estimator.startswith(NAIVE) & (fit.se == 0)
    return pd.DataFrame(
        {
            "unit_id": [f"{fit.estimator}: {term}" for term in fit.terms],
            "finite": finite,
            "positive": (np.isfinite(fit.se) & (fit.se > 0)) | exact,
            "inside": ~finite | (~(fit.lower > fit.estimate) & ~(fit.upper < fit.estimate)),
        }
    )


def measures(estimates: Estimates, evidence: Evidence) -> Iterator[Measure]:
    """What is absent, and how far estimates are from the human-only and the last ones."""
    # A naive baseline may fail: it is reported with a mark and is never the published number.
    asked = [name for name in wanted_estimators(evidence.study) if not name.startswith(NAIVE)]
    came = {fit.estimator for fit in estimates.fits}
    absent = [name for name in asked if name not in came]
    note = f"absent: {', '.join(absent)}" if absent else ""
    yield Measure("estimators-present", "estimates", len(absent), note=note)
    finite = {fit.estimator for fit in estimates.fits if np.isfinite(fit.estimate).any()}
    lacking = estimates.ruled not in finite
    note = f"{estimates.ruled} must be there" if lacking else ""
    yield Measure("headline-present", "estimates", int(lacking), note=note)
    for fit in estimates.fits:
        if fit.j_p_value is not None and np.isfinite(fit.j_p_value):
            yield Measure("fit-j", fit.estimator, float(fit.j_p_value))
    corrected = [fit for fit in estimates.fits if not fit.estimator.startswith(NAIVE)]
    yield from _against_human(corrected)
    yield from _against_last(corrected, evidence)


def _against_human(fits: Sequence[Fit]) -> Iterator[Measure]:
    human = next((fit for fit in fits if fit.estimator == "human"), None)
    if human is None:
        return
    base = dict(zip(human.terms, zip(human.estimate, human.se, strict=True), strict=True))
    for fit in fits:
        for term, estimate, se in zip(fit.terms, fit.estimate, fit.se, strict=True):
            if fit is human or term not in base:
                continue
            human_estimate, human_se = base[term]
            # Var(human - corrected) = Var(human) - Var(corrected) for an efficient combination (Hausman 1978);
            # where the two are close their difference is noise, so it is bounded below.
            spread = np.sqrt(max(human_se**2 - se**2, 0.05 * human_se**2))
            subject = f"{fit.estimator}: {term}"
            yield Measure("near-human", subject, _over(estimate - human_estimate, spread))
            yield Measure("no-harm", subject, _over(se, human_se))


def _against_last(fits: Sequence[Fit], evidence: Evidence) -> Iterator[Measure]:
    previous = evidence.previous
    if previous is None or not previous.estimates:
        yield Measure("estimate-drift", "estimates", float("nan"), note="no earlier version to compare with")
        return
    before = {(row.estimator, row.term): row for row in previous.estimates}
    for fit in fits:
        for term, now, se in zip(fit.terms, fit.estimate, fit.se, strict=True):
            last = before.get((fit.estimator, term))
            if last is not None:
                spread = float(np.hypot(se, last.se))
                note = f"{last.estimate:.4g} in version {previous.version}, {now:.4g} now; {_came_with(evidence)}"
                subject = f"{fit.estimator}: {term}"
                yield Measure("estimate-drift", subject, _over(now - last.estimate, spread), note=note)


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


def _over(distance: float, spread: float) -> float:
    return float(abs(distance) / spread) if spread > 0 else float("nan")
