"""What `moored doctor` looks at. Each look is cheap, and says what to do where something is wrong."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from moored import __version__
from moored.errors import MooredError, NotStored
from moored.extras import line_that_adds
from moored.fetch.models import EMBEDDED, known_models
from moored.fetch.obtain import has_size
from moored.fetch.space import in_words
from moored.settings import Settings, read_settings

State = Literal["ok", "warn", "fail"]
LITTLE, TOO_LITTLE = 2 * 10**9, 2 * 10**8
"""Free bytes of a disk."""
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w-]+)['\"]")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing, how it is, and in words; where it fails, with what to do."""

    name: str
    state: State
    said: str


def examine() -> list[Finding]:
    """Everything in turn. A look that goes wrong itself is a finding."""
    try:
        settings = read_settings()
    except MooredError as error:
        return [*_versions(), Finding("settings", "fail", error.message)]
    looks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _extras,
        _cache,
        _models,
        _endpoint,
        _disk,
        _loopback,
        _store,
        _prefect,
    )
    found = list(_versions())
    for look in looks:
        try:
            found += look(settings)
        except Exception as error:  # the look must not hide the others
            found.append(Finding(look.__name__.strip("_"), "fail", f"{type(error).__name__}: {error}"))
    return found


def _versions() -> Iterator[Finding]:
    place = Path(__file__).parents[2]
    where = f"a checkout in {place}" if (place / "pyproject.toml").is_file() else f"installed in {place}"
    yield Finding("moored", "ok", f"{__version__}, {where}")
    said = f"{platform.python_version()}, {sys.executable}, {platform.system()} {platform.machine()}"
    yield Finding("python", "ok", said)


def _extras(settings: Settings) -> Iterator[Finding]:  # noqa: ARG001
    """For each extra of the package: is all of it there?"""
    wanted: dict[str, list[str]] = {}
    for line in requires("moored") or ():
        of, name = _EXTRA.search(line), _NAME.match(line)
        if of and name and name[0] != "moored":
            wanted.setdefault(of[1], []).append(name[0])
    for extra, names in sorted(wanted.items()):
        missing = [name for name in names if not _installed(name)]
        if missing:
            said = f"without {', '.join(missing[:4])}{', ...' if len(missing) > 4 else ''}"
            yield Finding(f"moored[{extra}]", "warn", f"{said}; to have it: {line_that_adds(extra)}")
        else:
            yield Finding(f"moored[{extra}]", "ok", _told(names))


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _told(names: list[str]) -> str:
    first = [
        f"{name} {version(name)}" for name in names if name in ("prefect", "dask", "openai", "xllamacpp")
    ]
    return ", ".join(first) or f"{len(names)} packages"


def _cache(settings: Settings) -> Iterator[Finding]:
    """Can models be kept?"""
    folder = settings.cache
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        said = f"{folder} cannot be written ({error.strerror}); name another folder by MOORED_CACHE"
        yield Finding("cache", "fail", said)
        return
    used = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    yield Finding("cache", "ok", f"{folder}, {in_words(used)}")


def _models(settings: Settings) -> Iterator[Finding]:
    """Which models of the table are here, and is each of them one?"""
    for model in known_models().values():
        name = "embedded model" if model.name == EMBEDDED else f"model {model.name}"
        file, command = model.place(settings.cache), f"`moored model fetch {model.name}`"
        begun = file.with_name(f"{file.name}.part")
        if has_size(model, settings.cache):
            yield Finding(name, "ok", f"{file.name}, {in_words(model.size)}")
        elif file.is_file():
            said = f"{file} has {file.stat().st_size:,} bytes, not {model.size:,}; type {command}"
            yield Finding(name, "fail", said)
        elif begun.is_file():
            said = f"{in_words(begun.stat().st_size)} of {in_words(model.size)} are here; {command} goes on"
            yield Finding(name, "warn", said)
        elif model.name == EMBEDDED:
            yield Finding(name, "warn", "not fetched yet; the first run fetches it (some 100 MB)")
        else:
            said = f"not here; {command} ({in_words(model.size)}) brings it for studies that name it"
            yield Finding(name, "ok", said)


def _endpoint(settings: Settings) -> Iterator[Finding]:
    """The address and the key of any other model; the key is never shown."""
    from moored.llm.endpoints import KEY_VARIABLE, OPENAI, api_key, external_endpoint

    try:
        endpoint = external_endpoint(settings.base_url)
        has_key = api_key() != "none"
    except MooredError as error:
        yield Finding("endpoint", "fail", error.message)
        return
    where = (
        f"OPENAI_BASE_URL is {endpoint.base_url}" if settings.base_url else f"{OPENAI} (no OPENAI_BASE_URL)"
    )
    if has_key:
        yield Finding("endpoint", "ok", f"{where}; {KEY_VARIABLE} is set")
    elif settings.base_url:
        yield Finding("endpoint", "ok", f"{where}; {KEY_VARIABLE} is not set")
    else:
        yield Finding(
            "endpoint", "warn", f"{KEY_VARIABLE} is not set: only models on this machine can be used"
        )


def _disk(settings: Settings) -> Iterator[Finding]:
    """Room for the store and for the cache."""
    places = {
        "store": settings.store.parent,
        "cache": settings.cache,
        "temporary files": Path(tempfile.gettempdir()),
    }
    by_device: dict[int, tuple[list[str], Path]] = {}
    for what, place in places.items():
        there = next(folder for folder in (place, *place.parents) if folder.exists())
        by_device.setdefault(there.stat().st_dev, ([], there))[0].append(what)
    for names, place in by_device.values():
        free = shutil.disk_usage(place).free
        said = f"{in_words(free)} free for {', '.join(names)}"
        if free < TOO_LITTLE:
            yield Finding(
                "disk", "fail", f"{said}; free some, or name another place (MOORED_STORE, MOORED_CACHE)"
            )
        else:
            yield Finding("disk", "warn" if free < LITTLE else "ok", said)


def _loopback(settings: Settings) -> Iterator[Finding]:  # noqa: ARG001
    """Can a server of our own listen, and be reached?"""
    try:
        with socket.socket() as server, socket.socket() as client:
            server.bind(("127.0.0.1", 0))
            server.listen()
            client.settimeout(1)
            client.connect(server.getsockname())
    except OSError as error:
        said = f"nothing can listen on 127.0.0.1 ({error.strerror or error}); a run needs ports there"
        yield Finding("loopback", "fail", said)
        return
    yield Finding("loopback", "ok", "ports are free on 127.0.0.1")


def _store(settings: Settings) -> Iterator[Finding]:
    """The store, the journal and who runs what."""
    from moored.storage.health import FileHealth, journal_health, running_studies, store_health
    from moored.storage.place import refuse_unwritable

    refused = None
    try:
        refuse_unwritable(settings.store, settings.journal)
    except NotStored as error:
        refused = Finding("store", "fail", error.message)
    except MooredError as error:
        yield Finding("store", "fail", error.message)
        return

    def told(name: str, health: FileHealth | None, path: Path) -> Finding:
        if health is None:
            return Finding(name, "ok", f"none yet; a run makes {path}")
        if health.holder is not None:
            return Finding(name, "warn", f"{path} is held by {health.holder}; wait for it to end")
        if health.error is not None:
            return Finding(name, "fail", f"{path} cannot be opened ({health.error}); restore a backup")
        if (health.schema or 0) > health.newest:
            said = (
                f"{path} has schema {health.schema}, this moored knows up to {health.newest}; upgrade moored"
            )
            return Finding(name, "fail", said)
        said = f"{path}, {in_words(health.bytes)}, schema {health.schema} of {health.newest}"
        said += f", studies: {health.studies}" if name == "store" else ""
        older = health.schema is not None and health.schema < health.newest
        return Finding(
            name, "ok", said + ("; the next command that opens it brings it up to date" if older else "")
        )

    yield refused or told("store", store_health(settings.store), settings.store)
    yield told("model replies", journal_health(settings.journal), settings.journal)
    yield from (Finding("runs", "warn", sentence) for sentence in running_studies(settings.store))


def _prefect(settings: Settings) -> Iterator[Finding]:  # noqa: ARG001
    """Which Prefect server runs would use, told without Prefect, whose import takes seconds."""
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml")
    if address := os.environ.get("PREFECT_API_URL"):
        yield Finding("prefect", "ok", f"runs use the server at {address} (PREFECT_API_URL)")
        return
    if not profiles.is_file():
        yield Finding("prefect", "ok", "no profile; each run starts a server of its own")
        return
    try:
        table = tomllib.loads(profiles.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        yield Finding(
            "prefect", "fail", f"{profiles} cannot be read as TOML ({error}); correct it, or move it away"
        )
        return
    name = os.environ.get("PREFECT_PROFILE") or table.get("active", "")
    address = table.get("profiles", {}).get(name, {}).get("PREFECT_API_URL")
    said = f"runs use the server at {address}" if address else "each run starts a server of its own"
    yield Finding("prefect", "ok", f"profile {name!r} in {profiles}: {said}")
