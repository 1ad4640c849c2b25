"""What changed between two published versions of a study: what went in, and what came out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moored.storage.generations import stored_recipe
from moored.storage.published import EstimateRow, StoredRun
from moored.storage.results import find_run
from moored.storage.studies import spec_of_run, unit_changes, unit_counts
from moored.storage.warehouse import Warehouse
from moored.study import Study, in_order


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs; None where a version does not have it."""

    key: str
    a: Any
    b: Any


@dataclass(frozen=True, slots=True)
class EstimateChange:
    """One estimate in both versions; None where a version does not have it."""

    estimator: str
    term: str
    estimate_a: float | None
    estimate_b: float | None
    se_a: float | None
    se_b: float | None
    change: float | None
    in_ses: float | None
    """The change over version a's standard error."""
    se_change: float | None
    """Version b's standard error over version a's, less one."""


@dataclass(frozen=True, slots=True)
class Diff:
    """Version `a` against version `b`; equal parts are left out, estimates are all there."""

    study: str
    a: int
    b: int
    code_version: Change | None
    keys: tuple[Change, ...]
    """Keys of the study, dotted."""
    recipes: Mapping[str, tuple[Change, ...]]
    """By source, the keys of the recipe that differ."""
    counts: tuple[Change, ...]
    """Units, labelled units, and the last generation row."""
    units: Sequence[Mapping[str, Any]] | None
    """change, units, such_as; None where the store itself could not be read."""
    headline: Change | None
    estimates: tuple[EstimateChange, ...]


def diff_versions(store: Warehouse, study: str, a: int, b: int) -> Diff:
    """Compare two versions of a study. Errors: `NotStored`."""
    was, now = find_run(store, study, a), find_run(store, study, b)
    return Diff(
        study=study,
        a=a,
        b=b,
        code_version=_change("code_version", was.code_version, now.code_version),
        keys=tuple(_changes(_spec(store, was), _spec(store, now))),
        recipes=_recipes(store, was.recipes, now.recipes),
        counts=tuple(_changes(_counts(store, study, was), _counts(store, study, now))),
        units=None if store.written_at else unit_changes(store, study, was.data_version, now.data_version),
        headline=_change("headline", was.headline, now.headline),
        estimates=tuple(_estimates(was.estimates, now.estimates)),
    )


def study_changes(a: Study, b: Study) -> tuple[Change, ...]:
    """The keys in which two studies differ, dotted."""
    was, now = (dict(_flat(in_order(one.model_dump(mode="json")))) for one in (a, b))
    return tuple(_changes(was, now))


def _change(key: str, was: str | None, now: str | None) -> Change | None:
    return None if was == now else Change(key, was, now)


def _changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    for key in dict.fromkeys((*was, *now)):
        if was.get(key) != now.get(key):
            yield Change(key, was.get(key), now.get(key))


def _spec(store: Warehouse, run: StoredRun) -> dict[str, Any]:
    return dict(_flat(in_order(spec_of_run(store, run)[0])))


def _counts(store: Warehouse, study: str, run: StoredRun) -> dict[str, Any]:
    return unit_counts(store, study, run.data_version) | {"generation_row": run.generation_seq}


def _recipes(
    store: Warehouse, was: Mapping[str, str], now: Mapping[str, str]
) -> dict[str, tuple[Change, ...]]:
    """What differs in the recipe of each source; of a source that came or went, everything."""
    return {
        source: tuple(_changes(_recipe(store, was.get(source)), _recipe(store, now.get(source))))
        for source in dict.fromkeys((*was, *now))
        if was.get(source) != now.get(source)
    }


def _recipe(store: Warehouse, fingerprint: str | None) -> dict[str, Any]:
    if fingerprint is None:
        return {}
    content = stored_recipe(store, fingerprint)
    return {"fingerprint": fingerprint} | dict(_flat(in_order(json.loads(content or "{}"))))


def _flat(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Nested JSON as dotted keys; what has a name is known by it, any other list is one value."""
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        value = {item["name"]: item for item in value}
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, (*path, key))
    else:
        yield ".".join(path), value


def _estimates(was: Sequence[EstimateRow], now: Sequence[EstimateRow]) -> Iterator[EstimateChange]:
    a = {(row.estimator, row.term): row for row in was}
    b = {(row.estimator, row.term): row for row in now}
    for key in dict.fromkeys((*b, *a)):
        yield _side_by_side(*key, a.get(key), b.get(key))


def _side_by_side(
    estimator: str, term: str, was: EstimateRow | None, now: EstimateRow | None
) -> EstimateChange:
    change = in_ses = se_change = None
    if was is not None and now is not None:
        change = now.estimate - was.estimate
        in_ses = change / was.se if was.se else None
        se_change = now.se / was.se - 1 if was.se else None
    return EstimateChange(
        estimator=estimator,
        term=term,
        estimate_a=None if was is None else was.estimate,
        estimate_b=None if now is None else now.estimate,
        se_a=None if was is None else was.se,
        se_b=None if now is None else now.se,
        change=change,
        in_ses=in_ses,
        se_change=se_change,
    )
