"""Compute a stored version's numbers again from its stored inputs, and compare them bit by bit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from moored.errors import EstimationError, VersionDiffers
from moored.run.estimates import Estimates, estimate_study, sample_of
from moored.run.readings import Material, gather_version
from moored.settings import Settings, code_version
from moored.storage.published import EstimateRow, FitRow, estimate_rows, fit_rows
from moored.storage.results import find_run
from moored.storage.studies import spec_of_run, study_of_run
from moored.storage.warehouse import open_store
from moored.study import Study

_KEYS = {"estimator", "term"}
_LATER = {"covariance"}
Row = EstimateRow | FitRow


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is stored and computed differently; None where it is missing."""

    table: str
    estimator: str
    term: str | None
    column: str
    stored: Any
    computed: Any


@dataclass(frozen=True, slots=True)
class Verified:
    """What computing a version again came to."""

    study: str
    version: int
    run_id: str
    code_version: str
    """The code that made it."""
    code_now: str
    compared: int
    """How many stored values were: estimates, errors, intervals, J, warnings, the headline."""
    differences: tuple[Difference, ...]

    @property
    def other_code(self) -> bool:
        """Was it made by other code than computed it now?"""
        return self.code_version != self.code_now


def verify_version(settings: Settings, study: str, version: int | None = None) -> Verified:
    """Compute a published version again, by default the latest.

    Errors: `NotStored`; `VersionDiffers` where its inputs give no estimate today.
    """
    with open_store(settings.store) as store:
        run = find_run(store, study, version)
        spec, (_, folder) = study_of_run(store, run), spec_of_run(store, run)
        material = gather_version(store, spec, run)
    # The store is free again: what follows may take long.
    estimates = _computed(spec, material, run.version)
    own = spec.checks.expectations
    stored: list[Row] = [*run.estimates, *run.fits]
    differences = [
        *_differ("estimates", run.estimates, estimate_rows(estimates.every_fit)),
        *_differ("fits", run.fits, fit_rows(estimates.fits)),
    ]
    if run.headline != estimates.headline:
        differences.append(Difference("runs", "headline", None, "headline", run.headline, estimates.headline))
    return Verified(
        study=study,
        version=run.version,
        run_id=run.run_id,
        code_version=run.code_version,
        code_now=code_version(settings.pipeline, folder / own if own else None),
        compared=sum(len(_numbers(row)) for row in stored) + 1,
        differences=tuple(differences),
    )


def _computed(study: Study, material: Material, version: int) -> Estimates:
    try:
        return estimate_study(study, sample_of(study, material), material.units)
    except EstimationError as error:
        raise VersionDiffers(
            f"version {version} of {study.name!r} cannot be computed again: {error.message}"
        ) from error


def _differ(table: str, stored: Sequence[Row], computed: Sequence[Row]) -> Iterator[Difference]:
    was = {_key(row): _numbers(row) for row in stored}
    now = {_key(row): _numbers(row) for row in computed}
    for key in dict.fromkeys((*was, *now)):
        before, after = was.get(key, {}), now.get(key, {})
        for column in before or after:
            pair = _plain(before.get(column)), _plain(after.get(column))
            if column in _LATER and pair[0] is None:
                continue  # the version is older than the column
            if pair[0] != pair[1]:
                yield Difference(table, *key, column, *pair)


def _key(row: Row) -> tuple[str, str | None]:
    return row.estimator, row.term if isinstance(row, EstimateRow) else None


def _numbers(row: Row) -> dict[str, Any]:
    """What is compared of a row: everything but its keys."""
    return {name: value for name, value in asdict(row).items() if name not in _KEYS}


def _plain(value: Any) -> Any:
    """What has no value is None; a list, an array or a tuple is a list."""
    if isinstance(value, float) and math.isnan(value):
        return None
    return (
        [_plain(part) for part in value]
        if hasattr(value, "__iter__") and not isinstance(value, str)
        else value
    )
