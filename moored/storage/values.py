"""What each source says of each unit: generation rows turned into one value per unit and variable."""

from __future__ import annotations

import numpy as np
import pandas as pd

from moored.cells import words_for_missing
from moored.storage.roles import alike
from moored.storage.rules import evaluate
from moored.storage.tables import TEXT, Table
from moored.study import Source, Study


def source_values(
    study: Study, source: Source, units: pd.DataFrame, generations: pd.DataFrame, expected_rows: int
) -> pd.DataFrame:
    """One row per unit, ordered as `units`; a column for each variable, of floats or of a category's words; missing
    in every column of a unit whose generation is not whole (docs/method.md, rule 4: it keeps its row and its
    moment is zero).

    A variable that is asked of the model is the mean over its draws. A rule over the text is computed on the
    text that the source read: the unit's own for a proxy, the written one for a synthetic source. A column known
    for every unit stays as it is.
    """
    rows = generations[generations["source"] == source.name]
    whole = _whole(rows, expected_rows).reindex(units["unit_id"], fill_value=False).to_numpy()
    values = pd.DataFrame(index=units.index)
    read = _read(rows)
    rules = {c.name: c.rule for c in study.covariates if c.rule is not None}
    missing = words_for_missing(study.data.missing)
    computed = evaluate(rules, _texts(source, rows, units), texts=("text",), missing=missing) if rules else {}
    for name in (study.outcome.name, *(covariate.name for covariate in study.covariates)):
        if name in study.questions:
            column = read[name].reindex(units["unit_id"]).to_numpy() if name in read else np.nan
        elif name in rules:
            words = not pd.api.types.is_numeric_dtype(units[name]) if name in units else False
            column = alike(computed[name], missing, words=words)
        else:
            column = units[name].to_numpy()
        values[name] = column
    return values.where(pd.Series(whole, index=values.index), np.nan)


def _whole(rows: pd.DataFrame, expected: int) -> pd.Series:
    """By unit: has it a successful row for every step and draw?"""
    return (rows["status"] == "ok").groupby(rows["unit_id"]).sum() == expected


def _read(rows: pd.DataFrame) -> pd.DataFrame:
    """By unit and variable: the mean over draws of what the model read."""
    read = rows[rows["step"].str.startswith("read.")]
    variable = read["step"].str.removeprefix("read.")
    return read["value"].groupby([read["unit_id"], variable]).mean().unstack()


def _texts(source: Source, rows: pd.DataFrame, units: pd.DataFrame) -> Table:
    texts = units["text"]
    if source.kind != "proxy":
        written = rows[rows["step"] == "write"].set_index("unit_id")["text"]
        texts = written.reindex(units["unit_id"]).set_axis(units.index)
    cells = texts.astype(object).where(texts.notna(), None)
    return Table(pd.DataFrame({"text": cells}), {"text": TEXT})
