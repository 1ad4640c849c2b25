"""A version in sentences: the question, the answer, what it is worth, whether to trust it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from moored.numbers import RATIOS, scale_of, worth
from moored.plaintext import listed
from moored.report.facts import Facts, Surroundings
from moored.storage.published import EstimateRow
from moored.study import Study

MODELS = {
    "mean": "a mean",
    "ols": "a linear regression",
    "logit": "a logistic regression",
    "poisson": "a Poisson regression",
}
MOST_TERMS = 6
LITTLE = 0.02
"""A share of labels saved that is next to nothing."""


def question_of(study: Study) -> str:
    """What the study asks, as a person would."""
    left, _, right = study.estimate.formula.partition("~")
    terms = [term.strip() for term in right.split("+") if term.strip() not in {"1", "0", "-1", ""}]
    if study.estimate.family == "mean" or not terms:
        return f"What is the mean of {left.strip()}?"
    return f"How does {left.strip()} go with {listed(terms)}?"


def definitions(study: Study) -> list[tuple[str, str]]:
    """Each variable and what it is."""
    outcome = study.outcome
    worth = ", ".join(f"{answer} = {value:g}" for answer, value in outcome.answers.items())
    told = [(outcome.name, f"the outcome. The model is asked: “{outcome.ask.strip()}” ({worth})")]
    for covariate in study.covariates:
        if covariate.question is not None:
            said = (
                f"known for labelled units; elsewhere the model is asked: “{covariate.question.ask.strip()}”"
            )
        elif covariate.rule is not None:
            said = f"a rule over each text, written texts too: {covariate.rule}"
        else:
            said = f"known for every unit: {covariate.column}"
        told.append((covariate.name, said))
    return told


def population_line(facts: Facts) -> str:
    """How many units, how many labels, which model."""
    family = facts.fit.family
    unit = scale_of(family)
    return (
        f"{facts.study.estimate.formula}: {MODELS.get(family, family)} over {facts.fit.n_total:,} units, "
        f"{facts.fit.n_labelled:,} of them labelled by humans."
        + (f" The numbers are {unit}." if unit else "")
    )


def interval(row: EstimateRow, *, exp: bool = False, like: EstimateRow | None = None) -> str:
    """`0.36 [−0.38, 1.10]`, with two digits of its error, or as many decimals as the row `like`."""
    values = _values(row, exp=exp)
    places = _places(values if like is None else _values(like, exp=exp))
    estimate, lower, upper = (_fixed(value, places) for value in values)
    return f"{estimate} [{lower or '−∞'}, {upper or '∞'}]"


def _values(row: EstimateRow, *, exp: bool) -> list[float | None]:
    values = [row.estimate, row.lower, row.upper]
    return [None if value is None else math.exp(min(value, 700.0)) for value in values] if exp else values


def _places(values: Sequence[float | None]) -> int:
    """Decimals that show two digits of the error, a quarter of the interval's width."""
    estimate, lower, upper = values
    if (
        estimate is None
        or lower is None
        or upper is None
        or not math.isfinite(upper - lower)
        or upper <= lower
    ):
        return 3
    return min(max(1 - math.floor(math.log10((upper - lower) / 4)), 0), 10)


def _fixed(value: float | None, places: int) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return minus(f"{value:.{places}f}" if abs(value) < 1e7 else f"{value:.4g}")


def minus(text: str) -> str:
    """A number with a minus sign in place of a hyphen."""
    return text.replace("-", "−")


def meaning(row: EstimateRow, study: Study, level: float) -> str:
    """What one estimate says, in a sentence or two."""
    outcome, term, family = study.outcome.name, row.term, study.estimate.family
    inside = f"{100 * level:.6g}% interval"
    if term == "Intercept":
        return _level_of(row, outcome, family, inside)
    ratio = f"; {RATIOS[family]} {interval(row, exp=True)}" if family in RATIOS else ""
    what = f"the {scale_of(family)} of {outcome}" if family in RATIOS else outcome
    lower, upper = _ends(row)
    effect = (
        f"A difference of one in {term} goes with a difference of {interval(row)} in {what} ({inside} in "
        f"brackets{ratio})."
    )
    if lower > 0:
        return f"{effect} The interval is above zero: more {term} goes with more {outcome}."
    if upper < 0:
        return f"{effect} The interval is below zero: more {term} goes with less {outcome}."
    return f"{effect} Zero is inside the interval, so the data do not tell the direction."


def _level_of(row: EstimateRow, outcome: str, family: str, inside: str) -> str:
    if family == "mean":
        return f"The mean of {outcome} is {interval(row)}, {inside} in brackets."
    said = f"Where every covariate is zero, {outcome} has {interval(row)}"
    if family == "logit":
        shares = [_share(end) for end in (row.estimate, row.lower, row.upper)]
        return f"{said} log odds, {inside} in brackets: a share of {shares[0]} [{shares[1]}, {shares[2]}]."
    return f"{said}{' log rate' if family == 'poisson' else ''}, {inside} in brackets."


def _share(log_odds: float | None) -> str:
    if log_odds is None:
        return "–"
    return f"{1 / (1 + math.exp(-max(min(log_odds, 700.0), -700.0))):.2f}"


def _ends(row: EstimateRow) -> tuple[float, float]:
    lower, upper = row.lower, row.upper
    return (-math.inf if lower is None else lower, math.inf if upper is None else upper)


def worth_line(facts: Facts) -> str:
    """What the model's help is worth, in labels."""
    return worth({row.term: row.effective_n for row in facts.headline}, facts.fit.n_labelled)


def trust_of(facts: Facts) -> tuple[str, str]:
    """Whether this may be reported: `bad`, `look` or `good`, and the sentence."""
    run = facts.run
    if run.override_reason:
        return "bad", (
            "A critical check failed and was overridden. Do not report this before the reason holds: "
            f"“{run.override_reason}”"
        )
    if run.headline == "human":
        return (
            "look",
            "The estimator that the rule names could not be fitted, so the human labels stand alone.",
        )
    if run.marks:
        return "look", "Read the warnings before you report this; see “Checks”."
    return "good", "No check warned. This can be reported."


def why_not_more(facts: Facts, around: Surroundings) -> list[str]:
    """Why the model did not help more: its knowledge, the share of labelled units, the few labels, failures."""
    n, T = facts.fit.n_labelled, facts.fit.n_total
    known = [(row.term, row.r2, row.labels_saved) for row in facts.headline if row.r2 is not None]
    told = []
    if known:
        best = max(r2 for _, r2, _ in known)
        said = listed([f"{r2:.2f} for {term}" for term, r2, _ in known[:MOST_TERMS]])
        told.append(
            f"What the model knows of the human labels (R², from 0 to 1) is {said}. With endlessly many unlabelled "
            f"units no more than this share of the labels could be saved: at best {best:.0%}."
        )
        told.append(
            f"{n:,} of {T:,} units are labelled ({n / T:.0%}). With so many units, at most "
            f"{(1 - n / T) * best:.0%} can be saved; more unlabelled units would raise this bound."
        )
    gaps = [(1 - n / T) * r2 - saved for _, r2, saved in known if saved is not None]
    if gaps and max(gaps) > 0.05:
        told.append(
            "The saving is below its bound, because how far to trust the model is itself learned from few labels."
        )
    unread = sorted({row["source"] for row in facts.generation if row["failed"] + row["refused"]})
    if unread:
        told.append(
            f"Some generations failed in {listed(unread)}; such units give that source no information."
        )
    useful = {row["source"] for row in around.gains if row["labels_saved"] > LITTLE}
    useless = sorted({row["source"] for row in around.gains} - useful)
    told += [f"{source} brings next to nothing beyond the other sources." for source in useless]
    return told
