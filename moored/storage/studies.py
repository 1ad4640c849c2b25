"""Studies, raw texts and data versions in the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moored.errors import NotStored
from moored.storage.parts import joined, unit_ranges
from moored.storage.warehouse import Warehouse, open_store

if TYPE_CHECKING:
    import pandas as pd

    from moored.storage.published import StoredRun
    from moored.study import Study


def find_study(argument: Study | str, store: Path) -> tuple[Study, Path]:
    """A study given as itself, by its file or by its name in the store, and the folder that its paths start at.

    Errors: `StudyInvalid`, `NotStored`.
    """
    from moored.study import load_study

    if not isinstance(argument, str):
        return argument, Path.cwd()
    if is_study_file(argument):
        path = Path(argument)
        return load_study(path), path.absolute().parent
    refuse_no_store(argument, store)
    with open_store(store) as opened:
        return stored_study(opened, argument)


def is_study_file(argument: str) -> bool:
    """Does the argument name a file, rather than a study in the store?"""
    try:
        return Path(argument).suffix == ".toml" or Path(argument).is_file()
    except (OSError, ValueError):  # no file can have such a name
        return False


def refuse_no_store(argument: str, store: Path) -> None:
    """Refuse a name where there is no store to look it up in. Errors: `NotStored`."""
    if not store.exists():
        what = f"{argument!r} is no study file and there" if argument else "there"
        raise NotStored(f"{what} is no store at {store}; name a .toml file, or set MOORED_STORE")


def store_study(store: Warehouse, study: Study, folder: Path) -> None:
    """Remember a study and the folder that its relative paths start at."""
    store.rows(
        "insert_study",
        {
            "fingerprint": study.fingerprint,
            "study": study.name,
            "spec": json.dumps(study.model_dump(mode="json")),  # keys in order: the prompt lists answers so
            "folder": str(folder),
        },
    )


def stored_study(store: Warehouse, name: str) -> tuple[Study, Path]:
    """The study last stored under `name`, and its folder. Errors: `NotStored`."""
    from moored.study import parse_stored

    refuse_unknown(store, name)
    row = store.row("study", {"study": name})
    assert row is not None
    return parse_stored(json.loads(row["spec"])), Path(row["folder"])


def refuse_unknown(store: Warehouse, name: str) -> None:
    """Refuse a name that no stored study has. Errors: `NotStored`."""
    known = [str(study["study"]) for study in store.rows("studies")]
    if name not in known:
        raise NotStored(
            f"the store has no study {name!r}; it has {', '.join(known) or 'none'}; name one, or a study file"
        )


def spec_of_run(store: Warehouse, run: StoredRun) -> tuple[dict[str, Any], Path]:
    """What the study of a run said, as it was stored, and the study's folder."""
    row = store.row("study_by_fingerprint", {"fingerprint": run.study_fingerprint})
    assert row is not None
    return json.loads(row["spec"]), Path(row["folder"])


def told_of_run(store: Warehouse, run: StoredRun) -> dict[str, Any] | None:
    """What the study of a run said, None where the store has no longer what it said."""
    row = store.row("study_by_fingerprint", {"fingerprint": run.study_fingerprint})
    return None if row is None else json.loads(row["spec"])


def study_of_run(store: Warehouse, run: StoredRun) -> Study:
    """The study as it was when a run was made."""
    from moored.study import parse_stored

    return parse_stored(spec_of_run(store, run)[0])


def unit_counts(store: Warehouse, study: str, data_version: str) -> dict[str, int]:
    """How many units a data version has, and how many of them are labelled."""
    row = store.row("data_version_stored", {"study": study, "data_version": data_version})
    assert row is not None
    return row


def unit_changes(store: Warehouse, study: str, a: str, b: str) -> list[dict[str, Any]]:
    """What changed between two data versions: change, units, such_as (the first few ids), a row a kind."""
    return store.rows("unit_changes", {"study": study, "a": a, "b": b})


def stored_units(store: Warehouse, study: Study, data_version: str) -> pd.DataFrame:
    """The units of a data version, ordered by id: as `ingest.Units.frame`, without `fields`."""
    ranges = unit_ranges(store, study.name, data_version)
    frame = joined(
        (_units_between(store, study, data_version, bounds) for bounds in ranges),
        texts=("unit_id", "text", "content_hash", "cluster"),
    )
    words = [name for name in variable_names(study) if frame[name].dtype == object]
    return frame.assign(**{name: frame[name].where(frame[name].notna(), None) for name in words})


def _units_between(
    store: Warehouse, study: Study, data_version: str, bounds: Mapping[str, str]
) -> pd.DataFrame:
    import pandas as pd

    key = {"study": study.name, "data_version": data_version, **bounds}
    frame = store.frame("units", key)
    values = store.frame("unit_values", key).pivot(index="unit_id", columns="variable", values="value")
    words = store.frame("unit_words", key).pivot(index="unit_id", columns="variable", values="word")
    both = pd.concat([values, words.astype(object)], axis=1).reindex(
        index=frame["unit_id"], columns=list(variable_names(study))
    )
    return pd.concat([frame, both.reset_index(drop=True)], axis=1)


def stored_fields(store: Warehouse, study: str, data_version: str) -> pd.DataFrame:
    """The user's other columns of each unit, ordered by id: `unit_id`, `fields` (JSON)."""
    return store.frame("unit_fields", {"study": study, "data_version": data_version})


def published_studies(store: Warehouse) -> list[str]:
    """The names of the studies with a published version."""
    return [str(row["study"]) for row in store.rows("published_studies")]


def variable_names(study: Study) -> tuple[str, ...]:
    """The outcome, then the covariates."""
    return (study.outcome.name, *(covariate.name for covariate in study.covariates))
