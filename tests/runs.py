"""Finished runs as the store would give them back."""

from datetime import UTC, datetime

import numpy as np

from moored.inference.results import Fit
from moored.storage.published import EstimateRow, FitRow, PublishedRun, StoredRun
from moored.storage.results import publish_rows

ROW = {
    "run_id": "run-1",
    "study": "requests",
    "version": 3,
    "status": "published",
    "inputs": "inputs-1:a",
    "study_fingerprint": "study-1:a",
    "data_version": "data-1:b",
    "code_version": "0.1+c",
    "recipes": {"proxy": "recipe-1:d"},
    "generation_seq": 1,
    "headline": "gmm-small",
    "marks": (),
    "override_reason": None,
    "counts": {"units": 500, "labelled": 120},
    "timings": {"total_s": 1.0},
    "started_at": datetime(2026, 11, 1, tzinfo=UTC),
    "stored_at": datetime(2026, 11, 1, tzinfo=UTC),
}


def stored_run(**changes):
    """A run without its numbers."""
    return StoredRun(**ROW | changes)


def published_run(estimates=(), fits=(), **changes):
    """A published version."""
    return PublishedRun(**ROW | changes, estimates=tuple(estimates), fits=tuple(fits))


def fit(estimator="human", estimate=(0.5, 0.5), se=0.1, **changes):
    """A fit with normal intervals."""
    estimate, se = (
        np.array(estimate, dtype=float),
        np.broadcast_to(np.asarray(se, dtype=float), len(estimate)),
    )
    whole = {
        "estimator": estimator,
        "family": "ols",
        "terms": ("Intercept", "question"),
        "estimate": estimate,
        "covariance": np.diag(se**2),
        "se": se,
        "lower": estimate - 2 * se,
        "upper": estimate + 2 * se,
        "p_value": np.full(len(estimate), 0.01),
        "level": 0.95,
        "alternative": "two-sided",
        "df": None,
        "n_labelled": 20,
        "n_total": 40,
        "j": None,
        "j_df": None,
        "j_p_value": None,
        "r2": None,
        "effective_n": None,
        "labels_saved": None,
        "warnings": (),
        "sources": (),
    }
    return Fit(**whole | changes)


def rows_of(kind, frame, **more):
    """Records of a frame, None where it has no value."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return tuple(kind(**more | row) for row in rows)


def publish_frames(store, run, checks, estimates, fits):
    """Publish a version of rows that no estimator gave."""
    given = (
        rows_of(EstimateRow, estimates, r2=None),
        rows_of(FitRow, fits, target="population", covariance=None),
    )
    return publish_rows(store, run, checks, *given)
