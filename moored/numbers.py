"""Numbers of a fit as text: enough digits for their error, none of them cut to nothing."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from moored.plaintext import listed

MODELS = {
    "mean": "mean",
    "ols": "linear regression",
    "logit": "logistic regression",
    "poisson": "Poisson regression",
    "quantile": "quantile",
    "multinomial": "multinomial logistic regression",
}
"""What is fitted, by family."""
RATIOS = {"logit": "odds ratio", "poisson": "rate ratio"}
"""What the exponential of a coefficient is, by family."""

_SCALES = {"logit": "log odds", "poisson": "log rate", "multinomial": "log odds against class 0"}
_MOST_DECIMALS = 10
_POWERS_FROM = 1e9
_MOST_DIGITS = 15
_MOST_TERMS = 3
_LEAST_P = 2e-16
_USUAL_P = (0.1, 0.05, 0.01, 0.005, 0.001)


def model_of(family: str) -> str:
    """What is fitted, with the number that the family carries: a quantile says which one it is."""
    name, _, carried = family.partition(":")
    return f"{carried} quantile" if name == "quantile" and carried else MODELS.get(name, family)


def scale_of(family: str) -> str:
    """What a coefficient's number is: "log odds", "log rate"; empty where it is in the outcome's own units."""
    return _SCALES.get(family.partition(":")[0], "")


def decimals(rows: Iterable[Mapping[str, Any]]) -> int:
    """Decimals for estimates of one term: three digits of the typical standard error, at least four for small
    numbers; below zero for numbers from a thousand million on, whose last digits before the point are none either.
    """
    listed = list(rows)
    errors = [row["se"] for row in listed if row.get("se") and math.isfinite(row["se"])]
    if not errors:
        return 4
    needed = 2 - math.floor(math.log10(statistics.median(errors)))
    largest = max(abs(row["estimate"]) for row in listed)
    least = 4 if largest < 1000 else 1 if largest < _POWERS_FROM else needed
    return min(max(needed, least), _MOST_DECIMALS)


def number(value: Any, places: int = 4, least: int = 1) -> str:
    """A number with so many decimals; with `least` digits, in powers of ten, where the decimals show fewer."""
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if abs(value) >= _POWERS_FROM:
        digits = math.floor(math.log10(abs(value))) + places  # as many as the decimals would leave
        return f"{value:.{min(max(digits, 4), _MOST_DIGITS)}e}"
    places = max(places, 0)
    if value and abs(value) < 10.0 ** (least - 1 - places) and places:
        return f"{value:.{max(least, 3) - 1}e}"
    return f"{value if round(value, places) else 0:.{places}f}"


def share(value: Any) -> str:
    """A share from 0 to 1 with two decimals: what is less is no knowledge worth a power of ten."""
    return "" if value is None or math.isnan(value) else f"{abs(round(value, 2)):.2f}"


def p_value(value: Any) -> str:
    """Two digits; more where they would round it up to a usual level of significance, which its interval says it is
    below. What lies below the precision of floating-point numbers is said so, as R does.
    """
    if value is None or math.isnan(value):
        return ""
    if value < _LEAST_P:
        return "<2e-16"
    rounded = (f"{value:.{digits}g}" for digits in range(2, _MOST_DIGITS))
    return next((text for text in rounded if not value < float(text) in _USUAL_P), f"{value:.2g}")


def p_equals(value: Any) -> str:
    """`p = 0.031`, or `p < 2e-16`."""
    shown = p_value(value)
    return f"p < {shown[1:]}" if shown.startswith("<") else f"p = {shown}"


def worth(effective_n: Mapping[str, float | None], labels: int) -> str:
    """What the model's help is worth, as a sentence. effective_n: by term, of the headline; labels: how many."""
    known = {term: value for term, value in effective_n.items() if value is not None}
    if not known or max(known.values()) <= labels + 0.5:
        return f"The model added no precision: {labels:,} human labels are worth {labels:,}."
    if len(known) > _MOST_TERMS:
        said = f"{min(known.values()):,.0f} to {max(known.values()):,.0f}, by term"
    else:
        said = listed([f"{value:,.0f} for {term}" for term, value in known.items()])
    return f"With the model's help {labels:,} human labels are as good as {said}."


def exponential(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of log odds or log rates as odds or rates: estimate, lower, upper, and the error of the estimate."""
    ratio = {key: _exp(row[key]) for key in ("estimate", "lower", "upper")}
    return {**row, **ratio, "se": math.exp(min(row["estimate"], 700.0)) * (row["se"] or 0.0)}


def _exp(value: float | None) -> float | None:
    if value is None:
        return None
    return math.exp(value) if value < 700 else math.inf
