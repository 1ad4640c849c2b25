"""A copy of the store and of its journal of model replies, which is itself a store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from moored.errors import WouldOverwrite
from moored.storage.files import private, replacing
from moored.storage.journal_file import open_journal, plain_error
from moored.storage.warehouse import open_store


def back_up(store: Path, replies: Path, target: Path, target_replies: Path) -> list[Path]:
    """Copy the store, then its journal, which may only know more than the store; gives the files.

    Each is whole or not there. Errors: `WouldOverwrite`, `NotStored`, `StoreLocked`.
    """
    with open_store(store) as opened:
        for path in (target, target_replies):
            if path.exists():
                raise WouldOverwrite(f"{path} is there already; a backup replaces nothing: name another file")
        target.parent.mkdir(parents=True, exist_ok=True)
        opened.copy_to(target)
        if not replies.exists():
            return [target]
        _copy_journal(replies, target_replies)
    return [target, target_replies]


def _copy_journal(path: Path, target: Path) -> None:
    try:
        with (
            private,
            replacing(target) as unfinished,
            closing(open_journal(path)) as journal,
            closing(sqlite3.connect(unfinished)) as copy,
        ):
            journal.backup(copy)
    except sqlite3.Error as error:
        raise plain_error(path, error) from error
