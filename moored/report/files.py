"""Pages as files: for their owner alone, whole or not at all, and never over a file that is no page of ours."""

from __future__ import annotations

from pathlib import Path

from moored.errors import PageNotWritten
from moored.report.facts import facts_of, surroundings_of
from moored.report.page import report_page
from moored.storage.files import private, replacing
from moored.storage.warehouse import open_store

MARK = '<meta name="generator" content="moored">'
_HEAD = 4_000


def page_name(study: str, version: int) -> str:
    """What a version's page is called."""
    return f"{study}-version-{version}.html"


def write_page(path: Path, page: str) -> Path:
    """Write a page; an older page of moored is replaced. Errors: `PageNotWritten`."""
    path = path.absolute()
    try:
        if path.exists() and not _is_ours(path):
            raise PageNotWritten(f"{path} is there and is no page of moored; name another file")
        with private, replacing(path) as unfinished:
            unfinished.write_text(page, encoding="utf-8", errors="backslashreplace")
    except (OSError, ValueError) as error:
        raise PageNotWritten(
            f"cannot write {path}: {getattr(error, 'strerror', None) or error}; name a file in a folder of yours"
        ) from error
    return path


def write_new(path: Path, content: str | bytes) -> Path:
    """Write a file that is not there yet, for its owner alone. Errors: `PageNotWritten`."""
    path = path.absolute()
    raw = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    try:
        with private, path.open("xb") as file:
            file.write(raw)
    except FileExistsError as error:
        raise PageNotWritten(f"{path} is there already and is not replaced; name another file") from error
    except (OSError, ValueError) as error:
        raise PageNotWritten(
            f"cannot write {path}: {getattr(error, 'strerror', None) or error}; name a file in a folder of yours"
        ) from error
    return path


def write_report(store: Path, study: str, version: int, folder: Path) -> Path:
    """Write a version's page into the folder of pages beside the store. Errors: `NotStored`, `PageNotWritten`."""
    with open_store(store) as opened:
        facts = facts_of(opened, study, version)
        around = surroundings_of(opened, facts)
    try:
        with private:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PageNotWritten(f"cannot make {folder}: {error.strerror or error}; free the name") from error
    return write_page(folder / page_name(study, version), report_page(facts, around))


def _is_ours(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return MARK in file.read(_HEAD)
    except OSError:
        return False
