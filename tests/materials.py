"""Units and readings of a study, as the store gives them back."""

from __future__ import annotations

import numpy as np
import pandas as pd

from moored.run.readings import Material

T, N = 400, 200


def material(seed: int = 1, units: int = T, labelled: int = N) -> Material:
    """A binary outcome, a binary rule, and two sources that know something of the outcome."""
    rng = np.random.default_rng(seed)
    question = rng.integers(0, 2, units).astype(float)
    polite = (rng.random(units) < 0.3 + 0.4 * question).astype(float)
    chosen = np.zeros(units, dtype=bool)
    chosen[rng.choice(units, labelled, replace=False)] = True
    frame = pd.DataFrame(
        {
            "unit_id": [f"u{i:04d}" for i in range(units)],
            "text": [f"text {i}" for i in range(units)],
            "content_hash": "h",
            "labelled": chosen,
            "probability": labelled / units,
            "cluster": None,
            "held_back": np.where(chosen, np.nan, polite),
            "polite": np.where(chosen, polite, np.nan),
            "question": question,
        }
    )

    def reading(noise: float) -> pd.DataFrame:
        soft = np.clip(polite + rng.normal(0, noise, units), 0, 1)
        return pd.DataFrame({"polite": soft, "question": question})

    return Material(frame, pd.DataFrame(), {"proxy": reading(0.4), "synthetic": reading(0.8)})
