"""What a shell completes arguments with: study files and folders, names of stored studies, tables."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def complete_study(incomplete: str) -> list[str]:
    """Study files below what was typed, and the studies in the store."""
    return [*_files(incomplete, {".toml"}), *(n for n in _stored_names() if n.startswith(incomplete))]


def complete_file(incomplete: str) -> list[str]:
    """Any file or folder."""
    return _files(incomplete, None)


def _files(incomplete: str, suffixes: set[str] | None) -> list[str]:
    folder, sign, start = incomplete.rpartition("/")
    found = []
    with suppress(OSError):
        for path in sorted(Path(folder + sign or ".").expanduser().iterdir()):
            hidden = path.name.startswith(".") and not start.startswith(".")
            if not path.name.startswith(start) or hidden:
                continue
            if path.is_dir():
                found.append(f"{folder}{sign}{path.name}/")
            elif suffixes is None or path.suffix in suffixes:
                found.append(f"{folder}{sign}{path.name}")
    return found


def _stored_names() -> list[str]:
    """Of the store, where it is there and free."""
    with suppress(Exception):  # a shell must not hear of it
        from moored.settings import read_settings
        from moored.storage.health import stored_names

        return stored_names(read_settings().store)
    return []
