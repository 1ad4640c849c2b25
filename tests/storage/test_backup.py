"""Backups: whole, restored by being named, and never in the place of anything."""

import os
import stat

import pytest

from moored.errors import NotStored, WouldOverwrite
from moored.storage.backup import back_up
from moored.storage.journal import Journal
from moored.storage.results import latest_run
from moored.storage.warehouse import open_store
from tests.runs import publish_frames
from tests.storage.test_results import CHECKS, FITS, estimates, run_row


@pytest.fixture
def paths(tmp_path):
    """A store with a version and a journal with a reply; where their copies go."""
    folder = tmp_path / "kept"
    paths = (
        tmp_path / "s.duckdb",
        tmp_path / "s.replies.sqlite",
        folder / "copy.duckdb",
        folder / "copy.replies.sqlite",
    )
    with open_store(paths[0], create=True) as store:
        publish_frames(store, run_row("one"), CHECKS, estimates(), FITS)
    return paths


def fill(journal):
    journal.store_all([("key", "{}", "yes", 1, 1, 0.1)])


def test_the_copy_is_a_store_with_its_replies(paths):
    with Journal(paths[1], "requests") as journal:  # open, and its reply still in the log beside it
        fill(journal)
        assert back_up(*paths) == [paths[2], paths[3]]
    with open_store(paths[2]) as copy:
        assert latest_run(copy, "requests").run_id == "one"
        assert publish_frames(copy, run_row("two"), CHECKS, estimates(), FITS) == 2
    with Journal(paths[3], "requests") as copied:
        assert copied.reply("key").reply == "yes"
        fill(copied)
    with open_store(paths[0]) as store:
        assert latest_run(store, "requests").run_id == "one"


def test_it_is_two_files_for_their_owner_alone(paths):
    with Journal(paths[1], "requests") as journal:
        fill(journal)
        before = os.umask(0)
        try:
            back_up(*paths)
        finally:
            os.umask(before)
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in paths[2].parent.iterdir()} == {
        "copy.duckdb": "0o600",
        "copy.replies.sqlite": "0o600",
    }


def test_a_store_without_replies_is_one_file(paths):
    assert back_up(*paths) == [paths[2]]


@pytest.mark.parametrize("taken", [2, 3])
def test_replaces_nothing(paths, taken):
    paths[taken].parent.mkdir()
    paths[taken].write_text("precious")
    with pytest.raises(WouldOverwrite, match="name another file"):
        back_up(*paths)
    assert paths[taken].read_text() == "precious"
    assert len(list(paths[taken].parent.iterdir())) == 1


def test_there_must_be_a_store(paths):
    paths[0].unlink()
    with pytest.raises(NotStored):
        back_up(*paths)
