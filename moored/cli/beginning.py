"""What keeps a run from beginning is told as a run's end is: recorded, logged, alerted."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from moored.errors import DiskFull, MooredError, SchemaNewer, StoreLocked, StoreUnwritable, StudyBusy
from moored.settings import Settings, read_settings

_NO_STORE = (DiskFull, SchemaNewer, StoreLocked, StoreUnwritable)
"""With these nothing can be stored of the ending."""


@contextmanager
def settings_of_run(argument: str) -> Iterator[Settings]:
    """The settings, for a run of the study that `argument` names. A refusal that no flow has told is told here.

    Another run under way is none: that run says how it ended. Errors: `StudyInvalid`, and those of the block.
    """
    settings = None
    try:
        settings = read_settings()
        yield settings
    except StudyBusy:
        raise
    except MooredError as error:
        if not _is_told(error):
            _tell(argument, error, settings)
        raise


@contextmanager
def settings_of_watch() -> Iterator[Settings]:
    """The settings, for a watch: one that cannot look says so to those whom it would tell of the rest."""
    try:
        yield read_settings()
    except MooredError as error:
        from moored.monitor.alerts import Alert, send_alert

        send_alert(Alert("failed", "watch", error.public))
        raise


def _is_told(error: BaseException | None) -> bool:
    """Has a flow told of the error, or of one that led to it?"""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if getattr(error, "told", False):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _tell(argument: str, error: MooredError, settings: Settings | None) -> None:
    from moored.monitor.alerts import Alert, send_alert
    from moored.monitor.endings import ending_of, settle
    from moored.monitor.logs import log

    if settings is None or isinstance(error, _NO_STORE):
        study = _name(argument, None)
        _set_up_logs(os.environ.get("MOORED_LOG") if settings is None else settings.log)
        log(f"{study}: {error.public}", level=logging.ERROR, study=study, outcome="failed")
        send_alert(Alert("failed", study, error.public))
        return
    _set_up_logs(settings.log)
    settle(ending_of(_name(argument, settings.store), None, error), settings)


def _set_up_logs(where: str | None) -> None:
    from moored.monitor.logs import set_up_logs

    try:
        set_up_logs(where)
    except MooredError:  # a log file that cannot be written
        set_up_logs(None)


def _name(argument: str, store: Path | None) -> str:
    """The name that the file gives, whatever is wrong with the rest, or the file's own where the store knows it."""
    from moored.storage.studies import is_study_file, refuse_unknown
    from moored.storage.warehouse import open_store
    from moored.study.file import name_in

    if not is_study_file(argument):
        return argument
    path = Path(argument)
    if (name := name_in(path)) is not None:
        return name
    with suppress(MooredError, OSError):
        if store is not None and store.exists():
            with open_store(store) as opened:
                refuse_unknown(opened, path.stem)
            return path.stem
    return argument
