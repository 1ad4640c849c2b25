"""The pipeline from Python: run a study over a data frame, and read what was published, as objects."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from moored import errors
from moored.errors import MooredError, StudyInvalid
from moored.run.plan import units_of
from moored.settings import Settings, read_settings
from moored.storage.frames import write_table
from moored.storage.objects import table_of_object
from moored.storage.place import refuse_unwritable
from moored.storage.run_lock import refuse_busy
from moored.storage.snapshot import open_to_read
from moored.storage.studies import find_study, is_study_file, refuse_no_store, refuse_unknown, store_study
from moored.storage.warehouse import open_store
from moored.study import Study, load_study, parse_study
from moored.versions.reader import Results, published

_LOOK_S, _GIVE_UP_S = 0.05, 60.0
_REFUSAL = "moored: "
_UNSHOWN = ("level", "logger", "message", "study", "run_id", "at", "code_version")


def run(
    study: Study | Mapping[str, Any] | str | Path,
    data: Any = None,
    *,
    store: str | Path | None = None,
    failed: bool = False,
    publish_anyway: str | None = None,
    progress: bool = True,
) -> Results:
    """Run a study and give what is published: generate what is missing, check, estimate.

    The run is a process of its own, as `moored run` is: it needs nothing of this one, and an interrupt ends it in
    order. Run again to go on.

    Parameters
    ----------
    study : a dict as a study file has it, a study file, or the name of a study in the store.
    data : a data frame in the place of the table that the study names; it is kept as a file beside the store.
    store : the DuckDB file; None: MOORED_STORE, or `moored.duckdb` where you are.
    failed : generate again what failed, too.
    publish_anyway : the reason to publish although a critical check fails.
    progress : say on stderr how far it is.

    Returns
    -------
    Results : the version that this run published, or the one that nothing has changed since (`changed`).

    Raises
    ------
    MooredError : what `moored run` ends with, by its own class.
    """
    settings = _settings(store)
    loaded, folder = _study(study, settings, framed=data is not None)
    lock = settings.run_lock(loaded.name)
    refuse_unwritable(settings.store, settings.journal, lock)
    refuse_busy(lock, loaded.name)
    if data is not None:
        loaded = _over(loaded, data, folder, settings)
    with open_store(settings.store, create=True) as opened:
        store_study(opened, loaded, folder)
    arguments = ["rerun", loaded.name, "--failed"] if failed else ["run", loaded.name]
    arguments += [] if publish_anyway is None else ["--publish-anyway", publish_anyway]
    said = _command([*arguments, "--json"], settings, progress=progress)
    return replace(_read(settings, loaded.name, said["version"]), changed=said["changed"])


def results(study: str | Path, version: int | None = None, *, store: str | Path | None = None) -> Results:
    """A published version of a study, by default the latest.

    Parameters
    ----------
    study : the study's name in the store, or its file. version : None: the latest.
    store : the DuckDB file; None: MOORED_STORE, or `moored.duckdb` where you are.

    Raises
    ------
    NotStored : no such store, study or version. StoreLocked : a run holds the store and nothing is published yet.
    """
    name = str(study)
    return _read(_settings(store), load_study(Path(name)).name if is_study_file(name) else name, version)


def _read(settings: Settings, name: str, version: int | None) -> Results:
    refuse_no_store(name, settings.store)
    with open_to_read(settings.store, settings.snapshot, _warn) as opened:
        refuse_unknown(opened, name)
        return published(opened, settings.store, name, version)


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=4)


def _settings(store: str | Path | None) -> Settings:
    settings = read_settings()
    return settings if store is None else replace(settings, store=Path(store).expanduser().absolute())


def _study(study: Any, settings: Settings, *, framed: bool) -> tuple[Study, Path]:
    """The study and the folder that its paths start at. framed: its table comes as a data frame."""
    if isinstance(study, Mapping):
        raw = dict(study)
        if framed and isinstance(raw.get("data", {}), Mapping):
            raw["data"] = {"source": "data frame"} | dict(raw.get("data", {}))
        return parse_study(raw), Path.cwd()
    if not isinstance(study, Study | str | Path):
        raise StudyInvalid(
            f"the study came as {type(study).__name__}; give a dict as a study file has it, a file, or the name of "
            "a study in the store"
        )
    return find_study(study if isinstance(study, Study) else str(study), settings.store)


def _over(study: Study, data: Any, folder: Path, settings: Settings) -> Study:
    """The study over a data frame, which is kept beside the store once it is seen that the study can use it.

    Errors: those of `units_of`.
    """
    file = settings.frame(study.name)
    tried = file.with_name(f".{file.stem}.tried.parquet")
    try:
        write_table(table_of_object(data), tried)
        units_of(_reading(study, tried, folder), folder, settings)
        tried.replace(file)
    finally:
        tried.unlink(missing_ok=True)
    return _reading(study, file, folder)


def _reading(study: Study, file: Path, folder: Path) -> Study:
    """The study with another table, whose columns say their types themselves."""
    own = {
        "source": os.path.relpath(file, folder),
        "encoding": None,
        "delimiter": None,
        "skip_rows": 0,
        "codes": (),
    }
    return study.model_copy(update={"data": study.data.model_copy(update=own)})


def _command(arguments: list[str], settings: Settings, *, progress: bool) -> dict[str, Any]:
    """What a command of moored prints with `--json`. Errors: what it ends with, by its own class."""
    environment = os.environ | {"MOORED_STORE": str(settings.store)}
    if progress:
        environment.setdefault("MOORED_LOG", "json")
    process = subprocess.Popen(  # noqa: S603
        # Without the folder where we are among the modules; apart from our interrupts, which are passed on below.
        [sys.executable, "-P", "-m", "moored", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    out: list[str] = []
    heard: list[str] = []
    threads = (
        threading.Thread(target=out.extend, args=(process.stdout,), daemon=True),
        threading.Thread(target=_listen, args=(process.stderr, heard, progress), daemon=True),
    )
    for thread in threads:
        thread.start()
    try:
        while (code := process.poll()) is None:  # a read that blocks might not hear of an interrupt
            time.sleep(_LOOK_S)
    except BaseException:
        _stop(process)
        raise
    for thread in threads:
        thread.join()
    said = _object("".join(out))
    if code or said is None:
        raise _error(said, code, heard)
    return said


def _listen(stream: IO[str], heard: list[str], progress: bool) -> None:
    for line in stream:
        heard.append(line.rstrip("\n"))
        if progress and (told := _told(heard[-1])):
            print(told, file=sys.stderr, flush=True)  # noqa: T201


def _told(line: str) -> str:
    """A line of the run's log for a person; nothing of a refusal, which is raised."""
    event = _object(line)
    if event is None:
        return "" if line.startswith(_REFUSAL) else line
    if event.get("level") == "ERROR":
        return ""
    fields = {key: value for key, value in event.items() if key not in _UNSHOWN}
    shown = ", ".join(f"{key} {_short(value)}" for key, value in fields.items())
    return f"{event.get('study', 'moored')}: {event.get('message', '')}" + (f" ({shown})" if shown else "")


def _short(value: Any) -> str:
    return (
        " ".join(f"{key} {number}" for key, number in value.items())
        if isinstance(value, dict)
        else str(value)
    )


def _stop(process: subprocess.Popen[str]) -> None:
    """Interrupt the run and wait until it has put in order what is under way."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_GIVE_UP_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _error(said: Mapping[str, Any] | None, code: int, heard: list[str]) -> MooredError:
    """What a command ended with, as the error that it was there."""
    if said is None or "error" not in said:
        last = f": {heard[-1]}" if heard else ""
        return MooredError(
            f"the run ended with code {code}{last}; what was generated is stored, run again to go on"
        )
    kind = getattr(errors, said["error"], MooredError)
    known = isinstance(kind, type) and issubclass(kind, MooredError)
    return (kind if known else MooredError)(said["sentence"], **said["details"])
