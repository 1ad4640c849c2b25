"""Finished runs as the store would give them back."""

from datetime import UTC, datetime

from moored.storage.published import PublishedRun, StoredRun

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
