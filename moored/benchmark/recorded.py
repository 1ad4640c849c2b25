"""Recorded sources: what a model read and wrote of a study's units, as numbers, with where they come from.

Two files per study: NAME.parquet, one row per unit, and NAME.json, its provenance. Texts are not kept: they are
their authors'.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from moored.errors import ChecksumDiffers, DataInvalid, NotStored
from moored.run.readings import gather_version
from moored.storage.frames import read_table, write_parquet
from moored.storage.generations import stored_recipe
from moored.storage.published import StoredRun
from moored.storage.results import find_run
from moored.storage.studies import stored_fields, study_of_run, variable_names
from moored.storage.warehouse import Warehouse
from moored.study import Study

PREFIX = "recorded:"
FOLDER = Path(__file__).parent / "recorded"


def recorded_names(folder: Path = FOLDER) -> list[str]:
    """What is recorded."""
    return sorted(path.stem for path in folder.glob("*.parquet"))


def read_recorded(name: str, folder: Path = FOLDER) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The values, one row per unit, and their provenance. Errors: `DataInvalid`, `ChecksumDiffers`."""
    path = folder / f"{name}.parquet"
    if not path.is_file():
        known = ", ".join(recorded_names(folder)) or "none"
        raise DataInvalid(
            f"nothing is recorded as {name!r}, there are {known}; `moored benchmark record STORE` records a study"
        )
    provenance: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    if _sha256(path) != provenance["sha256"]:
        raise ChecksumDiffers(f"{path} is not the file that its provenance describes; record it again")
    return read_table(path), provenance


def record(
    store: Warehouse,
    study: str,
    *,
    columns: Sequence[str] = (),
    sources_only: bool = False,
    extend: bool = False,
    origin: str = "",
    folder: Path = FOLDER,
) -> Path:
    """Write the values of a published study; gives the file.

    columns: numeric columns of the user's own table to keep beside them, such as another model's reading.
    sources_only: leave out labels and covariates, where they are not ours to copy.
    extend: add these units to the ones that are recorded.
    Errors: `NotStored` (no published version), `DataInvalid` (a column that is not there or no number; units
    that are recorded already, or in another way).
    """
    run = find_run(store, study)
    then = study_of_run(store, run)
    material = gather_version(store, then, run)
    units = material.units
    outcome = then.outcome.name
    values = units[["unit_id", *(() if sources_only else variable_names(then))]].copy()
    if not sources_only:
        values[outcome] = values[outcome].fillna(units["held_back"])
    for column in columns:
        values[column] = _numbers(stored_fields(store, then.name, run.data_version), column)
    for source, frame in material.values.items():
        for variable in own_variables(then):
            values[f"{_plain(source)}_{variable}"] = frame[variable].to_numpy()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{study.removeprefix('recorded-')}.parquet"
    said = provenance(then, run, store, values, origin)
    if extend:
        values, said = _extended(values, said, *read_recorded(path.stem, folder))
    write_parquet(values, path)
    said |= {"sha256": _sha256(path)}
    path.with_suffix(".json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    return path


def _extended(
    values: pd.DataFrame, said: dict[str, Any], before: pd.DataFrame, said_before: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Both parts' values, and the provenance of the whole with that of each part."""
    name = said["study"]
    if list(values.columns) != list(before.columns) or _asked(said) != _asked(said_before):
        raise DataInvalid(
            f"{name!r} was recorded with other columns, questions, prompts or another model; record all of it again"
        )
    if twice := len(set(values["unit_id"]) & set(before["unit_id"])):
        raise DataInvalid(
            f"{twice} of these units of {name!r} are recorded already; leave them out of the study"
        )
    parts = [*said_before.pop("parts", [said_before]), dict(said)]
    whole = said | {
        "units": len(before) + len(values),
        "observed": {source: sum(part["observed"][source] for part in parts) for source in said["observed"]},
        "parts": [{key: value for key, value in part.items() if key != "sha256"} for part in parts],
    }
    return pd.concat([before, values], ignore_index=True), whole


def _asked(said: dict[str, Any]) -> dict[str, Any]:
    """What the model was asked, by source; how replies are parsed may differ."""
    parsing = {"parser", "fingerprint"}
    return {
        source: {key: value for key, value in recipe.items() if key not in parsing}
        for source, recipe in said["sources"].items()
    }


def own_variables(study: Study) -> tuple[str, ...]:
    """What each source says for itself: the outcome, and covariates that are read or computed from its own text."""
    return (study.outcome.name, *(c.name for c in study.covariates if c.column is None))


def provenance(
    study: Study, run: StoredRun, store: Warehouse, values: pd.DataFrame, origin: str
) -> dict[str, Any]:
    """Where recorded values come from: study, data, recipes with prompts, code, date; and how many there are."""
    recipes = {}
    for source, key in run.recipes.items():
        recipe = stored_recipe(store, key)
        if recipe is None:
            raise NotStored(f"the store has no recipe {key}; record from the store that the study was run in")
        recipes[source] = {"fingerprint": key} | json.loads(recipe)
    prefixes = {source: f"{_plain(source)}_" for source in run.recipes}
    observed = {
        source: int(values.filter(regex=f"^{prefix}").notna().all(axis=1).sum())
        for source, prefix in prefixes.items()
    }
    return {
        "study": study.name,
        "study_fingerprint": run.study_fingerprint,
        "data_source": study.data.source.rpartition("/")[2],
        "data_version": run.data_version,
        "origin": origin,
        "units": len(values),
        "observed": observed,
        "columns": list(values.columns),
        "code_version": run.code_version,
        "recorded_at": run.stored_at.isoformat(),
        "sources": recipes,
    }


def _plain(source: str) -> str:
    return source.replace("-", "_")


def _numbers(fields: pd.DataFrame, column: str) -> Any:
    parsed = fields["fields"].map(json.loads)
    found = parsed.map(lambda row: row.get(column))
    numbers = pd.to_numeric(found, errors="coerce")
    if numbers.isna().any():
        raise DataInvalid(f"the study's table has no numeric column {column!r}, or it is empty in some rows")
    return numbers.to_numpy(dtype=float)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
