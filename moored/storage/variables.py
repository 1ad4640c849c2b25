"""The variables of a study from the columns of its table, and who is labelled."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moored.cells import words_for_missing
from moored.errors import DataInvalid, NoLabels, OutsideDomain
from moored.storage.label_role import labels
from moored.storage.reading import ColumnRead, covariate_read, label_read
from moored.storage.roles import Where, categories_in, covariate, floats, marked
from moored.storage.rules import evaluate, refuse_log
from moored.storage.tables import TEXT, Column, Table
from moored.study import Study

_SHOWN = 5


def missing_words(study: Study) -> frozenset[str]:
    """What means "no value" in this study's labels, numbers and categories."""
    return words_for_missing(study.data.missing)


def texts_of(study: Study) -> tuple[str, ...]:
    """Columns that are texts, however they look."""
    data = study.data
    return (data.id, data.text) if data.cluster is None else (data.id, data.text, data.cluster)


def variables_of(
    study: Study, table: Table, units: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[ColumnRead, ...]]:
    """The outcome and the covariates of each unit, and how they were read.

    Numbers are floats with NaN where missing; categories are texts, None where missing.
    """
    raw = _columns(study, table, units)
    missing, read = missing_words(study), []
    values: dict[str, NDArray[np.generic]] = {}
    categories = categories_in(study.estimate.formula)
    for name, column in raw.items():
        where = Where(name, units["unit_id"])
        if name in study.questions:
            label = labels(where, column, study.questions[name].value_of, missing)
            values[name] = label
            read.append(label_read(name, column, label))
        else:
            found = covariate(where, column, missing, category=name in categories)
            values[name] = found
            read.append(covariate_read(name, column, found))
    frame = pd.DataFrame(values, index=units.index)
    _refuse_unknown(study, frame, units)
    return frame, tuple(sorted(read, key=lambda column: column.name != study.outcome.name))


def _columns(study: Study, table: Table, units: pd.DataFrame) -> dict[str, Column]:
    over_text = {c.name: c.rule for c in study.covariates if c.rule is not None}
    over_data = {c.name: c.column or c.human or "" for c in study.covariates if c.rule is None}
    over_data[study.outcome.name] = study.outcome.human
    for name, rule in {**over_text, **over_data}.items():
        if rule not in table.names:
            refuse_log(name, rule)
    texts = Table(units[["text"]].astype(object), {"text": TEXT})
    missing = missing_words(study)
    found = evaluate(over_text, texts, texts=("text",), missing=missing)
    found |= evaluate(over_data, table, texts=texts_of(study), missing=missing)
    return {
        name: found[name] for name in (*over_text, *over_data)
    }  # the order that data versions were made with


def _refuse_unknown(study: Study, values: pd.DataFrame, units: pd.DataFrame) -> None:
    """Covariates that nobody predicts must be known, unless the study drops units without them."""
    if study.estimate.missing == "drop":
        return
    for given in study.covariates:
        unknown = units["unit_id"][values[given.name].isna()]
        if given.human is None and len(unknown):
            raise DataInvalid(
                f"the covariate {given.name!r} is unknown for {len(unknown)} of {len(units)} units: "
                f"{named_units(unknown)}; fill it in, compute it by a rule, let the model read it (`human` and "
                '`question`), or leave these units out (`estimate.missing = "drop"`)'
            )


def marked_units(study: Study, table: Table) -> pd.Series | None:
    """Who is labelled by `labels.column`; None without one. Errors: `OutsideDomain`."""
    name = study.labels.column
    if name is None:
        return None
    found = marked(f"labels.column = {name}", table.column(name), missing_words(study))
    return pd.Series(found, index=table.frame.index)


def labelling(
    study: Study, table: Table, units: pd.DataFrame, variables: pd.DataFrame
) -> tuple[pd.Series, pd.Series]:
    """Who counts as labelled, and with which probability."""
    labelled = variables[study.outcome.name].notna()
    missing = missing_words(study)
    chosen = marked_units(study, table)
    if chosen is not None:
        labelled &= chosen
    for given in study.covariates:
        if given.human is not None:
            labelled &= variables[given.name].notna()
    if not labelled.any():
        raise NoLabels(
            f"no unit carries a human label: `{study.outcome.human}` is empty everywhere; label some units"
            if not variables[study.outcome.name].notna().any()
            else f"no unit carries a human label and is marked by {study.labels.column or 'its covariates'}; "
            "label some units"
        )
    if study.labels.sample is not None:
        labelled = _drawn(study, units, labelled)
    if study.labels.probability is None:
        return labelled, pd.Series(labelled.mean(), index=units.index)
    where = Where("labels.probability", units["unit_id"])
    found = floats(where, table.column(study.labels.probability), missing)
    wrong = ~((found > 0) & (found <= 1))
    if wrong.any():
        raise OutsideDomain(f"labels.probability is not in (0, 1] for the units {where.units(wrong)}")
    return labelled, pd.Series(found, index=units.index)


def _drawn(study: Study, units: pd.DataFrame, labelled: pd.Series) -> pd.Series:
    wanted = study.labels.sample
    assert wanted is not None
    if not labelled.all() or wanted > len(units):
        raise DataInvalid(
            f"`labels.sample = {wanted}` draws from units that all carry a label, but {int(labelled.sum())} "
            f"of {len(units)} do; leave it out to use the labels that there are"
        )
    chosen = shuffled(units["unit_id"], study.seed, "labels")[:wanted]
    return pd.Series(units.index.isin(chosen), index=units.index)


def shuffled(ids: pd.Series, seed: int, purpose: str) -> pd.Index:
    """The index of `ids` in an order that depends on the seed and each id alone: stable as data grow."""
    keys = ids.map(lambda unit: hashlib.sha256(f"{purpose}:{seed}:{unit}".encode()).hexdigest())
    return keys.sort_values().index


def only_where_labelled(study: Study, variables: pd.DataFrame, labelled: pd.Series) -> pd.DataFrame:
    """What humans said, NaN where it does not count."""
    human = [study.outcome.name, *(c.name for c in study.covariates if c.human is not None)]
    return variables.assign(**{name: variables[name].where(labelled) for name in human})


def named_units(ids: pd.Series | np.ndarray) -> str:
    """The first few ids."""
    listed = list(ids)
    return ", ".join(map(str, listed[:_SHOWN])) + (", ..." if len(listed) > _SHOWN else "")
