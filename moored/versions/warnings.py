"""What a reader of a version must know, the gravest first: for the terminal and for the report alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from moored.numbers import p_equals
from moored.plaintext import listed
from moored.row_role import YARDSTICK, is_biased

if TYPE_CHECKING:
    from moored.storage.published import FitRow, PublishedRun

DISAGREE = 0.05
"""p-value of the agreement test below which it is said."""


def warnings_of(run: PublishedRun) -> list[str]:
    """Marks, disagreement of human and model labels, what the estimators say of themselves; each once."""
    fits = sorted(
        (fit for fit in run.fits if not is_biased(fit.estimator) and fit.estimator != YARDSTICK),
        key=lambda fit: fit.estimator != run.headline,
    )
    disagree = (_disagreement(fit) for fit in fits if fit.j_p_value is not None and fit.j_p_value < DISAGREE)
    return list(dict.fromkeys((*run.marks, *disagree, *_own(fits))))


def _disagreement(fit: FitRow) -> str:
    return (
        f"{fit.estimator}: human and model labels disagree more than chance explains (agreement test: "
        f"{p_equals(fit.j_p_value)}); look at the checks before you use it"
    )


def _own(fits: list[FitRow]) -> Iterator[str]:
    """What estimators say of themselves, and which of them say so: several say the same of one source."""
    said: dict[str, list[str]] = {}
    for fit in fits:
        for warning in fit.warnings:
            said.setdefault(warning, []).append(fit.estimator)
    for warning, estimators in said.items():
        yield f"{listed(list(dict.fromkeys(estimators)))}: {warning}"
