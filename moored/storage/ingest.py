"""From the user's table to the units of a study, or a refusal that names the rows."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moored.cells import stripped
from moored.errors import ColumnMissing, DataInvalid, DuplicateIds, EmptyTable, EmptyText
from moored.fingerprint import fingerprint
from moored.plaintext import counted, meant
from moored.storage.complete import complete_units
from moored.storage.delimited import Dialect
from moored.storage.examples import read_example
from moored.storage.file_kinds import DATABASES, located
from moored.storage.reading import Reading
from moored.storage.rules import read_query, select
from moored.storage.table_files import read_any
from moored.storage.tables import TEXT, Table, table_of_frame
from moored.storage.variables import (
    labelling,
    marked_units,
    missing_words,
    named_units,
    only_where_labelled,
    shuffled,
    texts_of,
    variables_of,
)
from moored.study import Study

_EXACT = {"DOUBLE": 10**15, "FLOAT": 2**24}
"""From here on a number of the type may have lost digits: Excel keeps 15 of them, the float of Stata 7."""
_TOGETHER = 10_000
"""Rows that are dictionaries at one time: they take ten times as much memory as what they become."""
_SHORTENED = re.compile(r"[0-9](\.[0-9]+)?E\+[0-9]+")
"""What a spreadsheet makes of a long number in a CSV file."""


@dataclass(frozen=True, slots=True)
class Units:
    """The units of one study at one data version.

    frame: one row per unit, ordered by id: `unit_id`, `text`, `content_hash`, `fields` (JSON of the user's other
    columns), `labelled`, `probability`, `cluster`, `held_back` (a label that does not count), and a column for
    each variable of the study: floats, NaN where unknown, or texts of a category, None where unknown.
    """

    frame: pd.DataFrame
    version: str
    reading: Reading
    """What was read, for people."""
    shown_units: tuple[str, ...] = ()
    """Ids of units that left: the study shows their text to the model as an example (docs/method.md, rule 3)."""
    notes: tuple[str, ...] = ()
    """What was left out since a value is missing, and what the estimates are about then."""


def read_units(study: Study, folder: Path, cache: Path, shown: Collection[str] = ()) -> Units:
    """Read, check and label the units that `study` names; relative paths start at `folder`.

    shown: texts that prompts show the model, beside the examples of the study's questions.

    Errors: the `DataInvalid` family, `StudyInvalid`, `FetchFailed`.
    """
    table = read_source(study, folder, cache)
    examples = [text for question in study.questions.values() for text, _ in question.examples]
    units, shown_units = _without_shown(_identified(study, table), {*examples, *shown})
    units = _sampled(study, units)
    rows, table = len(table), table.at(units.index)
    units["cluster"] = _clusters(study, table, units)
    variables, columns = variables_of(study, table, units)
    kept = complete_units(study, units["unit_id"], variables, marked_units(study, table))
    units, variables, table = units[kept.units], variables[kept.units], table.at(units.index[kept.units])
    labelled, probability = labelling(study, table, units, variables)
    if study.labels.probability is not None:
        probability = probability * kept.share
    units["labelled"], units["probability"] = labelled, probability
    units["held_back"] = variables[study.outcome.name].where(~labelled)
    reading = Reading(rows, len(units), int(labelled.sum()), table.notes, columns)
    units = pd.concat([units, only_where_labelled(study, variables, labelled)], axis=1)
    units = units.sort_values("unit_id", ignore_index=True)
    return Units(units, _version(units), reading, shown_units, kept.notes)


def read_source(study: Study, folder: Path, cache: Path) -> Table:
    """The user's table, or what the study's query selects of it. Errors: `DataInvalid`, `ColumnMissing`."""
    table = _rows(study, folder, cache)
    for key, column in (("id", study.data.id), ("text", study.data.text), ("cluster", study.data.cluster)):
        _require(table, column, f"data.{key}")
    for column in study.data.codes:
        _require(table, column, "data.codes")
    _require(table, study.labels.column, "labels.column")
    _require(table, study.labels.probability, "labels.probability")
    if not len(table):
        rows = "`data.query` selects no rows" if study.data.query else f"{study.data.source} has no rows"
        raise EmptyTable(f"{rows}; give one row per unit")
    return table


def _rows(study: Study, folder: Path, cache: Path) -> Table:
    source, query = study.data.source, study.data.query
    database = Path(source).suffix.lower() in DATABASES
    if query is not None and database and located(folder / source).kind == "duckdb":
        return read_query(folder / source, query)
    if source.startswith("example:"):
        table = table_of_frame(read_example(source.removeprefix("example:"), cache))
    else:
        file, sign, name = source.partition("::")  # a path would tidy up a table's name, too
        path = source if "://" in source else f"{folder / file}{sign}{name}"
        data = study.data
        stated = Dialect(data.encoding, data.delimiter, data.skip_rows, data.codes)
        table = read_any(path, stated).without_codes(missing_words(study))
    if query is None:
        return table
    return select(table, query, texts=texts_of(study), missing=missing_words(study))


def content_hash(text: str) -> str:
    """sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _require(table: Table, column: str | None, key: str) -> None:
    if column is not None and column not in table.names:
        raise ColumnMissing(
            f"`{key}` names the column {column!r}{meant(column, table.names)}, the data have "
            f"{', '.join(table.names)}"
        )


def _identified(study: Study, table: Table) -> pd.DataFrame:
    ids = _verbatim(table, study.data.id, "data.id")
    none = ids.isna() | (ids.str.strip() == "")
    if none.any():
        raise DataInvalid(
            f"{int(none.sum())} of {len(ids)} rows {'has' if none.sum() == 1 else 'have'} no "
            f"{study.data.id!r}; give every unit an id, and delete "
            "rows that are empty"
        )
    _refuse_shortened(study.data.id, table.types[study.data.id], ids)
    twice = ids[ids.duplicated()].unique()
    if len(twice):
        raise DuplicateIds(
            f"the id {named_units(twice)} stands in more than one row; make {study.data.id!r} unique"
        )
    text = _verbatim(table, study.data.text, "data.text").fillna("")
    empty = ids[text.str.strip() == ""]
    if len(empty):
        raise EmptyText(
            f"{counted(len(empty), 'unit has', 'units have')} no text: {named_units(empty)}; remove "
            f"{'it' if len(empty) == 1 else 'them'} or fill the text in"
        )
    units = pd.DataFrame({"unit_id": ids.astype(str), "text": text.astype(str)})
    others = table.frame.drop(columns=[study.data.id, study.data.text])
    units["fields"] = [
        json.dumps(row)
        for at in range(0, len(others), _TOGETHER)
        for row in others.iloc[at : at + _TOGETHER].to_dict("records")
    ]
    units["content_hash"] = units["text"].map(content_hash)
    return units


def _verbatim(table: Table, name: str, key: str) -> pd.Series:
    column = table.column(name)
    if column.nested:
        raise DataInvalid(f"`{key}` names {name!r}, a column of type {column.type}; name a column of texts")
    return pd.Series(column.cells, index=table.frame.index, dtype=object)


def _refuse_shortened(name: str, kind: str, ids: pd.Series) -> None:
    """Ids that have lost digits before we saw them."""
    if kind in _EXACT:
        digits = len(str(_EXACT[kind])) - 1
        if (ids.astype(float).abs() >= _EXACT[kind]).any():
            raise DataInvalid(
                f"{name!r} holds ids as floating-point numbers of more than {digits} digits, of which the last may "
                "be lost; store ids as texts or whole numbers"
            )
    shortened = [cell for cell in ids if _SHORTENED.fullmatch(cell.strip())] if kind == TEXT else []
    if shortened:
        raise DataInvalid(
            f"{name!r} holds {shortened[0]!r} ({len(shortened)} such ids), which a spreadsheet has made of a "
            "longer number: its digits are lost; export the table again with ids as texts"
        )


def _clusters(study: Study, table: Table, units: pd.DataFrame) -> pd.Series | None:
    if study.data.cluster is None:
        return None
    codes = _verbatim(table, study.data.cluster, "data.cluster")
    missing = missing_words(study)
    unknown = units["unit_id"][[word in missing for word in stripped(codes)]]
    if len(unknown):
        raise DataInvalid(
            f"`data.cluster` names {study.data.cluster!r}, which is empty for {len(unknown)} of {len(units)} "
            f"units: {named_units(unknown)}; say which units belong together, or give each a code of its own"
        )
    return codes.astype("string")


def _without_shown(units: pd.DataFrame, shown: Collection[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The units that are not shown to the model as an example, and the ids of the others.

    They leave on both sides, labelled or not, before anything is drawn. Case and blank space do not
    matter; the check `demonstrations-spent` finds those that are nearly the same.
    """
    folded = {_folded(text) for text in shown}
    shown_here = np.array([_folded(text) in folded for text in units["text"]], dtype=bool)
    if shown_here.all():
        raise DataInvalid("every unit's text is an example that the model is shown; show other texts")
    return units[~shown_here], tuple(sorted(units["unit_id"][shown_here]))


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _sampled(study: Study, units: pd.DataFrame) -> pd.DataFrame:
    """As many units as the study wants."""
    if study.data.rows is not None and study.data.rows < len(units):
        units = units.loc[shuffled(units["unit_id"], study.seed, "rows")[: study.data.rows]]
    return units


def _version(units: pd.DataFrame) -> str:
    """Of the columns' names, too: a covariate under another name, or under that of another one, is other data."""
    content = units.drop(columns=["text", "fields"])
    bits = {str(name): _bits(content[name]) for name in content.select_dtypes("float64")}
    rows = content.assign(**bits).to_json(orient="values")
    return fingerprint("data-2", {"columns": list(content), "rows": rows})


def _bits(numbers: pd.Series) -> NDArray[np.int64]:
    """Equal for equal numbers alone: decimals lose digits of small ones. What is missing is the same everywhere."""
    return np.where(numbers.isna(), np.nan, numbers.to_numpy()).view(np.int64)
