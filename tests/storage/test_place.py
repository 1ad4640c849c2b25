"""A store that cannot be where it should be: one sentence, before a model is asked, and in `validate`."""

import os
import subprocess

import pytest

from moored.errors import StoreUnwritable
from moored.storage.journal import Journal
from moored.storage.place import refuse_unwritable
from tests.endpoint import serve
from tests.published import publish_version
from tests.studies import reads_well, requests_frame, write_requests, write_study
from tests.surroundings import called, environment, mounted_read_only, one_sentence


def a_folder(folder):
    (folder / "place").mkdir()
    return folder / "place", "is a folder; name a file by MOORED_STORE"


def a_file_on_the_way(folder):
    (folder / "place").write_text("")
    return folder / "place" / "deep" / "store.duckdb", f"{folder}/place is a file, "


def a_dangling_link(folder):
    (folder / "store.duckdb").symlink_to(folder / "nowhere" / "store.duckdb")
    return folder / "store.duckdb", "is a link to"


def a_dangling_link_on_the_way(folder):
    (folder / "place").symlink_to(folder / "nowhere")
    return folder / "place" / "store.duckdb", f"{folder}/place is a link to nothing"


def a_folder_of_another(folder):
    (folder / "place").mkdir(mode=0o555)
    return folder / "place" / "store.duckdb", "Permission denied"


def a_folder_that_cannot_be_entered(folder):
    (folder / "place").mkdir(mode=0o000)
    return folder / "place" / "store.duckdb", "Permission denied"


def a_lock_of_another(folder):
    lock = folder / "store.requests.lock"
    lock.write_text("")
    lock.chmod(0o444)
    return folder / "store.duckdb", f"{lock} cannot be written (it belongs to "


def a_journal_of_another(folder):
    journal = folder / "store.replies.sqlite"
    journal.write_text("")
    journal.chmod(0o400)
    return folder / "store.duckdb", f"{journal} cannot be written (it belongs to "


def a_name_too_long(folder):
    return folder / ("x" * 300) / "store.duckdb", "File name too long"


KINDS = [
    a_folder,
    a_file_on_the_way,
    a_dangling_link,
    a_dangling_link_on_the_way,
    a_folder_of_another,
    a_folder_that_cannot_be_entered,
    a_lock_of_another,
    a_journal_of_another,
    a_name_too_long,
]


def refused(folder, store, command, model):
    path = write_study(folder)
    write_requests(folder)
    mine = environment(folder, OPENAI_BASE_URL=model.url, MOORED_STORE=str(store))
    answer = called(folder, mine, command, path)
    assert answer.returncode == StoreUnwritable.exit_code, answer.stderr
    assert model.calls == 0
    return one_sentence(answer)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", ["validate", "run"])
def test_it_is_said_before_anything_is_spent(tmp_path, kind, command):
    store, said = kind(tmp_path)
    with serve(answers=reads_well) as model:
        sentence = refused(tmp_path, store, command, model)
    assert said in sentence, sentence


@pytest.mark.parametrize("command", ["validate", "run", "preview"])
def test_a_read_only_file_system_is_said(tmp_path, command):
    place = tmp_path / "place"
    place.mkdir()
    with mounted_read_only(place), serve(answers=reads_well) as model:
        sentence = refused(tmp_path, place / "store.duckdb", command, model)
    assert "Read-only file system" in sentence
    assert "MOORED_STORE" in sentence


def test_a_store_that_can_only_be_read_is_read_whole(tmp_path):
    """An archive, or the store of a colleague: `verify` and `methods` were refused, and sent to another store."""
    place = tmp_path / "place"
    place.mkdir()
    store = place / "store.duckdb"
    publish_version(store, place)
    publish_version(store, place, requests_frame(70))
    with Journal(store.with_suffix(".replies.sqlite"), "requests") as journal:
        journal.count_all({"ok": 1})
    mine = environment(tmp_path, MOORED_STORE=str(store))
    reads = ("results", "history", "status", "methods", "checks", "export")
    with mounted_read_only(place):
        for command in reads:
            answer = called(tmp_path, mine, command, "requests")
            assert (answer.returncode, answer.stderr) == (0, ""), (command, answer.stderr)
        assert "values differ" in called(tmp_path, mine, "verify", "requests").stderr  # it computed them
        assert called(tmp_path, mine, "diff", "requests", 1, 2).returncode == 0
        assert called(tmp_path, mine, "backup", tmp_path / "kept.duckdb").returncode == 0
        answer = called(tmp_path, mine, "rollback", "requests", 1)
        assert answer.returncode == StoreUnwritable.exit_code
        assert "can only be read" in one_sentence(answer)
    kept = mine | {"MOORED_STORE": str(tmp_path / "kept.duckdb")}
    assert called(tmp_path, kept, "results", "requests").returncode == 0


@pytest.mark.parametrize(
    "command", [("results", "requests"), ("watch",), ("status", "requests"), ("snapshot",)]
)
def test_reading_a_store_that_cannot_be_opened_is_one_sentence(tmp_path, command):
    mine = environment(tmp_path, MOORED_STORE=str(tmp_path))
    answer = called(tmp_path, mine, *command)
    assert answer.returncode in {52, StoreUnwritable.exit_code}
    assert "is a folder" in one_sentence(answer)


def test_a_place_that_is_not_there_yet_is_made(tmp_path):
    refuse_unwritable(tmp_path / "a" / "b" / "store.duckdb")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_link_to_a_store_is_a_store(tmp_path):
    (tmp_path / "there.duckdb").write_text("")
    (tmp_path / "store.duckdb").symlink_to(tmp_path / "there.duckdb")
    refuse_unwritable(tmp_path / "store.duckdb")


def test_no_space_is_said_as_such(tmp_path):
    """A file system of one page, which is full."""
    place = tmp_path / "place"
    place.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=4k", "none", place]
    if os.geteuid() != 0 or subprocess.run(options, capture_output=True, check=False).returncode:
        pytest.skip("mounting needs root")
    try:
        (place / "full").write_bytes(b"x" * 4096)
        with serve(answers=reads_well) as model:
            write_requests(tmp_path)
            mine = environment(tmp_path, OPENAI_BASE_URL=model.url, MOORED_STORE=str(place / "store.duckdb"))
            answer = called(tmp_path, mine, "run", write_study(tmp_path))
        assert answer.returncode == 56, answer.stderr
        assert "No space left on device" in one_sentence(answer)
    finally:
        subprocess.run(["umount", "-l", place], check=True)
