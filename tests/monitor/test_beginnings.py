"""What a run says as it begins."""

import logging

import pytest

from moored.monitor.beginnings import begin
from moored.run.run import new_run
from moored.storage.journal import Journal
from tests.published import publish_version
from tests.studies import study


@pytest.fixture
def said(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("moored"), "propagate", True)
    monkeypatch.setattr("moored.monitor.beginnings.set_up_logs", lambda _: None)
    return caplog


@pytest.mark.parametrize("asked", [False, True])
def test_a_store_that_came_without_its_journal_is_said(settings, tmp_path, said, asked):
    """Caps on money began at nothing again, and `status` said that no call was ever sent."""
    publish_version(settings.store, tmp_path)
    if asked:
        with Journal(settings.journal, "requests") as journal:
            journal.begin_all([("proxy", "k", 1, 1, 0.1, "p")], (None, None, None))
    begin(new_run(study(), tmp_path, settings))
    told = [record.getMessage() for record in said.records if record.levelno == logging.WARNING]
    assert len(told) == (not asked)
    assert all("180 rows that were asked for" in line and "caps" in line for line in told)


def test_a_first_run_is_told_nothing(settings, tmp_path, said):
    begin(new_run(study(), tmp_path, settings))
    assert [record for record in said.records if record.levelno == logging.WARNING] == []
