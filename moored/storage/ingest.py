"""From the user's table to the units of a study, or a refusal that names the rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from moored.errors import ColumnMissing, DataInvalid, DuplicateIds, EmptyText, NoLabels, OutsideDomain
from moored.fingerprint import fingerprint
from moored.storage.complete import complete_units
from moored.storage.examples import read_example
from moored.storage.frames import DATABASES, read_query, read_table, select
from moored.storage.rules import evaluate
from moored.study import Question, Study

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Units:
    """The units of one study at one data version.

    frame: one row a unit, ordered by id: `unit_id`, `text`, `content_hash`, `fields` (JSON of the user's other
    columns), `labelled`, `probability`, `cluster`, `held_back` (a label that does not count), and a float
    column for each variable of the study, NaN where unknown.
    """

    frame: pd.DataFrame
    version: str
    spent: tuple[str, ...] = ()
    """Ids of units that left: the study shows their text to the model as an example (docs/method.md, rule 3)."""
    notes: tuple[str, ...] = ()
    """What was left out since a value is missing, and what the estimates are about then."""


def read_units(study: Study, folder: Path, cache: Path, shown: Collection[str] = ()) -> Units:
    """Read, check and label the units that `study` names; relative paths start at `folder`.

    shown: texts that prompts show the model, beside the examples of the study's questions.

    Errors: the `DataInvalid` family, `StudyInvalid`, `FetchFailed`.
    """
    data = read_source(study, folder, cache)
    examples = [text for question in study.questions.values() for text, _ in question.examples]
    units, spent = _unspent(_identified(study, data), {*examples, *shown})
    units = _sampled(study, units)
    data = data.loc[units.index]
    units["cluster"] = _clusters(study, data, units)
    variables = _variables(study, data, units)
    marked = None if study.labels.column is None else _marked(data[study.labels.column])
    kept = complete_units(study, units["unit_id"], variables, marked)
    units, variables, data = units[kept.units], variables[kept.units], data[kept.units]
    labelled, probability = _labelling(study, data, units, variables[study.outcome.name])
    if study.labels.probability is not None:
        probability = probability * kept.share
    units["labelled"], units["probability"] = labelled, probability
    units["held_back"] = variables[study.outcome.name].where(~labelled)
    units = pd.concat([units, _human_only_where_labelled(study, variables, labelled)], axis=1)
    units = units.sort_values("unit_id", ignore_index=True)
    return Units(units, _version(units), spent, kept.notes)


def read_source(study: Study, folder: Path, cache: Path) -> pd.DataFrame:
    """The user's table, or what the study's query selects of it. Errors: `DataInvalid`, `ColumnMissing`."""
    data = _rows(study.data.source, study.data.query, folder, cache)
    for key, column in (("id", study.data.id), ("text", study.data.text), ("cluster", study.data.cluster)):
        _require(data, column, f"data.{key}")
    _require(data, study.labels.column, "labels.column")
    _require(data, study.labels.probability, "labels.probability")
    return data


def _rows(source: str, query: str | None, folder: Path, cache: Path) -> pd.DataFrame:
    if query is not None and Path(source).suffix in DATABASES:
        return read_query(folder / source, query)
    if source.startswith("example:"):
        data = read_example(source.removeprefix("example:"), cache)
    else:
        file, sign, table = source.partition("::")  # a path would tidy up a table's name, too
        data = read_table(f"{folder / file}{sign}{table}")
    return data if query is None else select(data, query)


def content_hash(text: str) -> str:
    """sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _require(data: pd.DataFrame, column: str | None, key: str) -> None:
    if column is not None and column not in data.columns:
        raise ColumnMissing(
            f"`{key}` names the column {column!r}, the data have {', '.join(map(str, data.columns))}"
        )


def _identified(study: Study, data: pd.DataFrame) -> pd.DataFrame:
    ids = data[study.data.id]
    if ids.isna().any():
        raise DataInvalid(f"{int(ids.isna().sum())} rows have no {study.data.id!r}; give every unit an id")
    ids = ids.astype(str)
    twice = ids[ids.duplicated()].unique()
    if len(twice):
        raise DuplicateIds(
            f"the id {_named(twice)} stands in more than one row; make {study.data.id!r} unique"
        )
    text = data[study.data.text].astype("string").fillna("")
    empty = ids[text.str.strip() == ""]
    if len(empty):
        raise EmptyText(f"{len(empty)} units have no text: {_named(empty)}; remove them or fill the text in")
    units = pd.DataFrame({"unit_id": ids, "text": text.astype(str)})
    others = data.drop(columns=[study.data.id, study.data.text])
    units["fields"] = [json.dumps(row, default=str) for row in others.astype(object).to_dict("records")]
    units["content_hash"] = units["text"].map(content_hash)
    return units


def _unspent(units: pd.DataFrame, shown: Collection[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The units that are not shown to the model as an example, and the ids of the others.

    They leave on both sides, labelled or not, before anything is drawn. Case and blank space do not
    matter; the check of rule 3 finds those that are nearly the same.
    """
    spent = units["text"].map(_folded).isin({_folded(text) for text in shown})
    if spent.all():
        raise DataInvalid("every unit's text is an example that the model is shown; show other texts")
    return units[~spent], tuple(sorted(units["unit_id"][spent]))


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _sampled(study: Study, units: pd.DataFrame) -> pd.DataFrame:
    """As many units as the study wants."""
    if study.data.rows is not None and study.data.rows < len(units):
        units = units.loc[_shuffled(units["unit_id"], study.seed, "rows")[: study.data.rows]]
    return units


def _clusters(study: Study, data: pd.DataFrame, units: pd.DataFrame) -> pd.Series | None:
    if study.data.cluster is None:
        return None
    codes = data[study.data.cluster].astype("string")
    unknown = units["unit_id"][codes.fillna("").str.strip() == ""]
    if len(unknown):
        raise DataInvalid(
            f"`data.cluster` names {study.data.cluster!r}, which is empty for {len(unknown)} of {len(units)} "
            f"units: {_named(unknown)}; say which units belong together, or give each of these a code of its own"
        )
    return codes


def _variables(study: Study, data: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    over_text = {c.name: c.rule for c in study.covariates if c.rule is not None}
    over_data = {c.name: c.column or c.human or "" for c in study.covariates if c.rule is None}
    over_data[study.outcome.name] = study.outcome.human
    raw = pd.concat([evaluate(over_text, units[["text"]]), evaluate(over_data, data)], axis=1)
    values = pd.DataFrame(index=units.index)
    for name in raw.columns:
        values[name] = _numbers(name, raw[name], study.questions.get(name), units["unit_id"])
    for covariate in study.covariates:
        unknown = units["unit_id"][values[covariate.name].isna()]
        if covariate.human is None and len(unknown) and study.estimate.missing == "refuse":
            raise DataInvalid(
                f"the covariate {covariate.name!r} is unknown for {len(unknown)} units: {_named(unknown)}; "
                "fill it in, compute it by a rule, let the model read it (`human` and "
                '`question`), or leave these units out (`estimate.missing = "drop"`)'
            )
    return values


def _numbers(name: str, raw: pd.Series, question: Question | None, ids: pd.Series) -> pd.Series:
    """Labels as floats: numbers and booleans as they are, words by the question's answers."""
    answers = question.answers if question else {}
    if pd.api.types.is_numeric_dtype(raw) or pd.api.types.is_bool_dtype(raw):
        values = raw.astype("Float64").astype(float)
    else:
        words = raw.map(lambda word: answers.get(word, np.nan), na_action="ignore")
        values = pd.to_numeric(words.where(words.notna(), raw), errors="coerce").astype(float)
    wrong = raw.notna() & ~np.isfinite(values)
    allowed = "a number"
    if answers:
        low, high = min(answers.values()), max(answers.values())
        wrong |= (values < low) | (values > high)
        allowed = f"{', '.join(answers)} or a number from {low:g} to {high:g}"
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise OutsideDomain(
            f"{name!r} is {raw.iloc[first]!r} for the unit {ids.iloc[first]} ({int(wrong.sum())} such units); "
            f"allowed is {allowed}"
        )
    return values


def _labelling(
    study: Study, data: pd.DataFrame, units: pd.DataFrame, label: pd.Series
) -> tuple[pd.Series, pd.Series]:
    """Who counts as labelled, and with which probability."""
    labelled = label.notna()
    if study.labels.column is not None:
        labelled &= _marked(data[study.labels.column])
    for covariate in study.covariates:
        if covariate.human is not None:
            labelled &= evaluate({"value": covariate.human}, data)["value"].notna()
    if not labelled.any():
        raise NoLabels(
            f"no unit carries a human label: `{study.outcome.human}` is empty everywhere; label some units"
        )
    if study.labels.sample is not None:
        labelled = _drawn(study, units, labelled)
    if study.labels.probability is None:
        return labelled, pd.Series(labelled.mean(), index=units.index)
    probability = pd.to_numeric(data[study.labels.probability], errors="coerce").astype(float)
    wrong = units["unit_id"][~((probability > 0) & (probability <= 1))]
    if len(wrong):
        raise OutsideDomain(f"labels.probability is not in (0, 1] for the units {_named(wrong)}")
    return labelled, probability


def _drawn(study: Study, units: pd.DataFrame, labelled: pd.Series) -> pd.Series:
    wanted = study.labels.sample
    assert wanted is not None
    if not labelled.all() or wanted > len(units):
        raise DataInvalid(
            f"`labels.sample = {wanted}` draws from units that all carry a label, but {int(labelled.sum())} "
            f"of {len(units)} do; leave it out to use the labels that there are"
        )
    chosen = _shuffled(units["unit_id"], study.seed, "labels")[:wanted]
    return pd.Series(units.index.isin(chosen), index=units.index)


def _human_only_where_labelled(study: Study, variables: pd.DataFrame, labelled: pd.Series) -> pd.DataFrame:
    human = [study.outcome.name, *(c.name for c in study.covariates if c.human is not None)]
    return variables.assign(**{name: variables[name].where(labelled) for name in human})


def _marked(column: pd.Series) -> pd.Series:
    if pd.api.types.is_bool_dtype(column):
        return column.fillna(False).astype(bool)
    return column.astype("string").str.strip().str.lower().isin(["1", "1.0", "true"])


def _shuffled(ids: pd.Series, seed: int, purpose: str) -> pd.Index:
    """The index of `ids` in an order that depends on the seed and each id alone: stable as data grow."""
    keys = ids.map(lambda unit: hashlib.sha256(f"{purpose}:{seed}:{unit}".encode()).hexdigest())
    return keys.sort_values().index


def _version(units: pd.DataFrame) -> str:
    content = units.drop(columns=["text", "fields"])
    return fingerprint("data-1", content.to_json(orient="values", double_precision=15))


def _named(ids: object) -> str:
    listed = list(ids)  # type: ignore[call-overload]
    return ", ".join(map(str, listed[:_SHOWN])) + (", ..." if len(listed) > _SHOWN else "")
