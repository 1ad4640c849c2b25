"""Chunks made once and read again: whatever happens to a pass or to its file, each pass has all of them."""

import resource

import numpy as np
import pytest

from moored.storage.spool import large_files_folder, spooled


class Maker:
    """Three arrays a pass; counts the passes that began."""

    def __init__(self):
        self.passes = 0

    def __call__(self):
        self.passes += 1
        for number in range(3):
            yield np.full(5000, float(number))


def sums(chunks):
    return [float(chunk.sum()) for chunk in chunks]


ALL = [0.0, 5000.0, 10000.0]


def test_chunks_are_made_once():
    make = Maker()
    chunks = spooled(make)
    assert [sums(chunks()) for _ in range(3)] == [ALL] * 3
    assert make.passes == 1


def test_a_pass_that_is_left_in_the_middle_is_no_whole_one():
    make = Maker()
    chunks = spooled(make)
    assert next(iter(chunks())).sum() == 0.0
    assert sums(chunks()) == sums(chunks()) == ALL
    assert make.passes == 2


def test_two_passes_at_one_time_do_not_disturb_each_other():
    chunks = spooled(Maker())
    sums(chunks())
    assert [(a[0], b[0]) for a, b in zip(chunks(), chunks(), strict=True)] == [(0, 0), (1, 1), (2, 2)]


def test_two_first_passes_at_one_time_do_not_mix():
    chunks = spooled(Maker())
    assert [(a[0], b[0]) for a, b in zip(chunks(), chunks(), strict=True)] == [(0, 0), (1, 1), (2, 2)]
    one, other = chunks(), chunks()
    assert sums(chunks()) == sums(one) == sums(other) == ALL
    fresh = spooled(Maker())
    early = fresh()
    next(early)
    assert sums(fresh()) == ALL
    assert sums(early) == ALL[1:]
    assert sums(fresh()) == ALL


def test_without_room_for_the_file_each_pass_makes_its_chunks():
    make = Maker()
    chunks = spooled(make)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))  # one array of three
    try:
        assert [sums(chunks()) for _ in range(2)] == [ALL] * 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert make.passes == 2


def test_an_error_while_chunks_are_made_is_raised_each_time():
    def broken():
        yield 1
        raise ValueError("the table ends in the middle of a row")

    chunks = spooled(broken)
    for _ in range(2):
        with pytest.raises(ValueError, match="in the middle"):
            list(chunks())


def test_large_files_go_where_the_user_says(monkeypatch, tmp_path):
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    assert large_files_folder() in (None, "/var/tmp")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert large_files_folder() is None
