"""Compute a stored version's numbers again from its stored inputs, and compare them bit by bit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from moored.errors import EstimationError, VersionDiffers
from moored.run.estimates import estimate_study
from moored.run.readings import Material, gather_version
from moored.settings import Settings, code_version
from moored.storage.results import find_run
from moored.storage.studies import spec_of_run, study_of_run
from moored.storage.warehouse import open_store
from moored.study import Study

_KEYS = {"estimator", "term"}
_LATER = {"covariance"}


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
        stored = {
            "estimates": [asdict(row) for row in run.estimates],
            "fits": [asdict(fit) for fit in run.fits],
            "runs": [{"estimator": "headline", "headline": run.headline}],
        }
    # The store is free again: what follows may take long.
    computed = _computed(spec, material, run.version)
    own = spec.checks.expectations
    return Verified(
        study=study,
        version=run.version,
        run_id=run.run_id,
        code_version=run.code_version,
        code_now=code_version(settings.pipeline, folder / own if own else None),
        compared=sum(len(row.keys() - _KEYS) for rows in stored.values() for row in rows),
        differences=tuple(
            difference for table in stored for difference in _differ(table, stored[table], computed[table])
        ),
    )


def _computed(study: Study, material: Material, version: int) -> dict[str, list[dict[Any, Any]]]:
    try:
        estimates = estimate_study(study, material)
    except EstimationError as error:
        raise VersionDiffers(
            f"version {version} of {study.name!r} cannot be computed again: {error.message}"
        ) from error
    return {
        "estimates": estimates.estimates.to_dict("records"),
        "fits": estimates.fits.to_dict("records"),
        "runs": [{"estimator": "headline", "headline": estimates.headline}],
    }


def _differ(
    table: str, stored: Sequence[Mapping[str, Any]], computed: Sequence[Mapping[str, Any]]
) -> Iterator[Difference]:
    was = {(row["estimator"], row.get("term")): row for row in stored}
    now = {(row["estimator"], row.get("term")): row for row in computed}
    for estimator, term in dict.fromkeys((*was, *now)):
        before, after = was.get((estimator, term), {}), now.get((estimator, term), {})
        for column in before or after:
            pair = _plain(before.get(column)), _plain(after.get(column))
            if column in _LATER and pair[0] is None:
                continue  # the version is older than the column
            if pair[0] != pair[1]:
                yield Difference(table, estimator, term, column, *pair)


def _plain(value: Any) -> Any:
    """What has no value is None; a list, an array or a tuple is a list."""
    if isinstance(value, float) and math.isnan(value):
        return None
    return (
        [_plain(part) for part in value]
        if hasattr(value, "__iter__") and not isinstance(value, str)
        else value
    )
