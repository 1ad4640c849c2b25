"""No room left: a clear stop, nothing torn, and with room again the next run goes on."""

import os
import random
import resource
from contextlib import contextmanager

from moored.errors import DiskFull
from moored.storage.data_versions import store_units
from moored.storage.generations import append_generations, run_counts
from moored.storage.ingest import read_units
from moored.storage.journal import Journal
from moored.storage.warehouse import open_store
from tests.storage.test_generations import row
from tests.studies import requests_frame, study, write_requests

CHUNK = 50


@contextmanager
def no_file_above(size):
    """The kernel refuses to let any file of this process grow further, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def done_until_full(folder, work):
    """How often `work` went through before there was no more room."""
    largest = max(file.stat().st_size for file in folder.iterdir() if file.is_file())
    with no_file_above(largest + 400_000):
        for done in range(5000):
            try:
                work(done)
            except DiskFull as full:
                if "free disk space and run again" in str(full):
                    return done
                raise
    raise AssertionError


def test_the_store_keeps_every_chunk_that_was_acknowledged(tmp_path):
    write_requests(tmp_path, requests_frame(6))
    units = read_units(study(labels={"design": "undeclared"}), tmp_path, tmp_path)
    path = tmp_path / "store.duckdb"

    def append(number):
        rows = [
            row(units, 0) | {"text": os.urandom(500).hex(), "draw": number * CHUNK + place}
            for place in range(CHUNK)
        ]
        with open_store(path) as store:
            append_generations(store, "requests", "run", rows)

    with open_store(path, create=True) as store:
        store_units(store, study(), units)
    stored = done_until_full(tmp_path, append)
    assert stored > 0
    append(stored)
    with open_store(path) as store:
        assert run_counts(store, "run")["generated"] == (stored + 1) * CHUNK


def test_the_journal_keeps_every_reply_that_was_acknowledged(tmp_path):
    journal = Journal(tmp_path / "j.sqlite", "small")

    def store(key, reply):
        journal.store_all([(key, "", reply, 0, 0, 0.0)])

    store("first", "r")
    rng = random.Random(0)
    stored = done_until_full(tmp_path, lambda number: store(f"k{number}", rng.randbytes(500).hex()))
    assert stored > 0
    store(f"k{stored}", "again")
    again = Journal(journal.path, "small")
    assert again.reply(f"k{stored}").reply == "again"
    assert all(again.reply(f"k{number}") is not None for number in range(stored))
