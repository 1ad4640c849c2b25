"""Whether the units that were shown to the model as examples were picked by their answer.

They leave the data. Drawn at random they leave a random rest; picked by their answer they take it away with them,
and the estimate is biased. No test of the sources sees that: it is the same on both sides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moored.storage.ingest import Units
from moored.study import Study

UNLIKELY = 1.96
"""Standard errors of a random draw from which the examples' mean answer is not put down to chance."""


def picked_line(study: Study, units: Units) -> str | None:
    """What to tell the reader where the examples that left the data were picked by their answer, else None."""
    if not units.shown_units:
        return None
    values = study.outcome.answers
    shown = np.array([values[answer] for _, answer in study.outcome.examples])
    labels = units.frame[study.outcome.name].fillna(units.frame["held_back"]).to_numpy(dtype=np.float64)
    if not picked(shown, labels[np.isfinite(labels)]):
        return None
    counts = {answer: sum(given == answer for _, given in study.outcome.examples) for answer in values}
    told = ", ".join(f"{count} {answer!r}" for answer, count in counts.items() if count)
    return (
        f"the examples that left the data are {told}: picked by their answer, they bias what is left; draw them at "
        "random, or write examples that are no units of the study"
    )


def picked(shown: NDArray[np.float64], labels: NDArray[np.float64]) -> bool:
    """Whether k >= 2 answers shown are all alike where labels are not, or their mean is no random draw's.

    The mean of k of N values drawn without replacement has the variance s^2 (N - k) / (k (N - 1)).
    """
    k, pool = len(shown), np.concatenate([shown, labels])
    if k < 2 or np.ptp(pool) == 0:
        return False
    if np.ptp(shown) == 0:
        return True
    N = len(pool)
    spread = pool.std() * np.sqrt((N - k) / (k * (N - 1)))
    return bool(abs(shown.mean() - pool.mean()) > UNLIKELY * spread)
