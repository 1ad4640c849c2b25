"""Units of a study that lack a value: refused with their ids, or left out by the rule of docs/formulas.md."""

from __future__ import annotations

import numpy as np
import pandas as pd

from moored.inference.formulas.missing import Kept, keep
from moored.study import Study


def complete_units(study: Study, ids: pd.Series, variables: pd.DataFrame, marked: pd.Series | None) -> Kept:
    """Which units stay, and which of them are labelled, by `estimate.missing`.

    ids, variables : one row per unit, missing where unknown. marked : who is labelled by `labels.column`, None
    without one: then who carries a label is.

    Errors: `NonFinite`, which names the labelled units that lack a label or a covariate.
    """
    missing = {str(name): np.asarray(variables[name].isna(), dtype=bool) for name in variables.columns}
    told = {study.outcome.name, *(c.name for c in study.covariates if c.human is not None)}
    labelled = ~missing[study.outcome.name] if marked is None else np.asarray(marked, dtype=bool)
    drawn = (
        study.labels.sample is not None
    )  # from units that all carry a label: one that does not is none of them
    return keep(
        study.estimate.missing,
        labelled,
        {} if drawn else {name: mask for name, mask in missing.items() if name in told},
        missing if drawn else {name: mask for name, mask in missing.items() if name not in told},
        list(ids),
        what="the study",
        way_out='`estimate.missing = "drop"` (docs/formulas.md says what is then estimated)',
    )
