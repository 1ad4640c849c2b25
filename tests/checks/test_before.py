"""What would stop a run, asked of the data before any model: the same severities, thresholds and words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from checks.before import nearly_shown, refuse_before_asking
from moored.errors import ChecksFailed
from moored.storage.ingest import read_units
from tests.studies import requests_frame, study, write_requests

SOME = {"design": "simple-random"}


def units(folder, frame=None, **changes):
    write_requests(folder, frame)
    asked = study(**changes)
    return asked, read_units(asked, folder, folder).frame


def partly(rows=200, first=False):
    frame = requests_frame(rows)
    gone = np.arange(rows) >= 80 if first else np.random.default_rng(2).random(rows) < 0.5
    frame["polite"] = frame["polite"].astype(object).where(~gone, None)
    return frame


def test_sound_data_only_warn(tmp_path):
    asked, frame = units(tmp_path, partly(), labels=SOME)
    said = refuse_before_asking(asked, frame, tmp_path)
    assert all("label-design" not in line for line in said)


def test_labels_of_long_texts_alone_stop_it_as_they_would_the_run(tmp_path):
    frame = partly(first=True)
    frame["text"] = [text + " and so on" * (k < 80) for k, text in enumerate(frame["text"])]
    asked, found = units(tmp_path, frame, labels=SOME)
    with pytest.raises(ChecksFailed, match=r"\[labels-random\].*length of the text.*no model was asked"):
        refuse_before_asking(asked, found, tmp_path)


def test_a_near_copy_of_an_example_stops_it(tmp_path):
    frame = partly()
    text = str(frame["text"][5]) + " when the long meeting of the whole team is over today"
    frame.loc[5, "text"] = text
    outcome = {
        "name": "polite",
        "human": "polite",
        "ask": "Is it?",
        "answers": {"positive": 1.0, "negative": 0.0},
        "examples": [[f"{text}!", "positive"], ["Never.", "negative"]],
    }
    asked, found = units(tmp_path, frame, labels=SOME, outcome=outcome)
    with pytest.raises(ChecksFailed, match=r"\[demonstrations-spent\]"):
        refuse_before_asking(asked, found, tmp_path)
    assert nearly_shown(asked, found) == {f"{text}!"}


def test_a_severity_of_the_study_counts(tmp_path):
    asked, frame = units(tmp_path, partly(), labels={"design": "undeclared"})
    assert any(line.startswith("[label-design]") for line in refuse_before_asking(asked, frame, Path()))
    strict = {"severity": {"label-design": "critical"}}
    asked, frame = units(tmp_path, partly(), labels={"design": "undeclared"}, checks=strict)
    with pytest.raises(ChecksFailed, match="label-design"):
        refuse_before_asking(asked, frame, Path())


def test_a_row_check_made_critical_counts_its_rows(tmp_path):
    limits = {"text_length": [1, 10], "severity": {"text-length": "critical"}}
    asked, frame = units(tmp_path, partly(), labels=SOME, checks=limits)
    with pytest.raises(ChecksFailed, match=r"\[text-length\].* of 200"):
        refuse_before_asking(asked, frame, Path())


def test_it_agrees_with_the_gate_of_a_run(tmp_path):
    """The same evidence through Great Expectations: the same checks pass and fail, with the same words."""
    import pandas as pd

    from checks import Evidence, run_checks
    from checks.before import _COLUMNS, SUITES

    asked, frame = units(tmp_path, partly(first=True), labels=SOME)
    rows = pd.DataFrame({name: pd.Series([], dtype=object) for name in _COLUMNS})
    ran = {o.check: o for o in run_checks(Evidence(asked, frame, rows))}
    said = refuse_before_asking(asked, frame, tmp_path)
    names = {check.name for checks in SUITES.values() for check in checks}
    expected = {f"[{name}] {ran[name].message}" for name in names if not ran[name].passed}
    assert set(said) == expected
