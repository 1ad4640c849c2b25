"""No room left: a clear stop, nothing torn, and with room again the next run goes on."""

import os
import random
import resource
from contextlib import contextmanager

import pytest

from moored.errors import DiskFull
from moored.storage.generations import append_generations, run_counts
from moored.storage.ingest import read_units
from moored.storage.journal import Journal
from moored.storage.studies import store_units
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


def largest(folder):
    return max(file.stat().st_size for file in folder.iterdir() if file.is_file())


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
    stored = 0
    with no_file_above(largest(tmp_path) + 400_000), pytest.raises(DiskFull, match="free disk space"):
        while stored < 500:
            append(stored)
            stored += 1
    assert 0 < stored < 500
    append(stored)
    with open_store(path) as store:
        assert run_counts(store, "run")["generated"] == (stored + 1) * CHUNK


def test_the_journal_keeps_every_reply_that_was_acknowledged(tmp_path):
    journal = Journal(tmp_path / "j.sqlite", "small")
    none = {"request": "", "prompt_tokens": 0, "completion_tokens": 0, "latency_s": 0.0}
    journal.store("first", reply="r", **none)
    rng = random.Random(0)
    stored = 0
    with no_file_above(largest(tmp_path) + 400_000), pytest.raises(DiskFull, match="free disk space"):
        while stored < 5000:
            journal.store(f"k{stored}", reply=rng.randbytes(500).hex(), **none)
            stored += 1
    assert 0 < stored < 5000
    journal.store(f"k{stored}", reply="again", **none)
    again = Journal(journal.path, "small")
    assert again.reply(f"k{stored}").reply == "again"
    assert all(again.reply(f"k{number}") is not None for number in range(stored))
