"""The environment: where to run. Read once, at the edge; the values go down as arguments.

A study says what to run; nothing in it depends on these settings.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from moored import __version__
from moored.errors import StudyInvalid
from moored.storage.queries import SQL

_PACKAGE = Path(__file__).parent
_INSTALLED = _PACKAGE / "pipeline"
"""Where the wheel keeps flows/, tasks/, checks/ and the example studies; a checkout has them beside the package."""
_PROCESSES = 2
_ADDRESS = re.compile(
    r"\s*(?:(?!https?:)[a-z][a-z0-9+.-]*://)?(?:\[[0-9a-f:.%]+\]|[^\s/:\[\]@]+):(?P<port>[0-9]{1,5})\s*",
    re.IGNORECASE | re.ASCII,
)
_LAST_PORT = 65_535
_PIPELINE = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent


@dataclass(frozen=True, slots=True)
class Settings:
    """One attribute an environment variable; `read_settings` gives the defaults."""

    store: Path
    """MOORED_STORE: the DuckDB file."""
    cache: Path
    """MOORED_CACHE: models and the example data."""
    pipeline: Path
    """MOORED_PIPELINE, for development: another folder of flows/, tasks/ and checks/ than the installed one."""
    dask_address: str | None
    """MOORED_DASK_ADDRESS: an external scheduler; without it a cluster is started on this machine."""
    workers: int | None
    """MOORED_WORKERS: worker processes of that cluster; 0: threads of the flow's own process; None: two where the
    work is worth them (`moored.run.workers.worth_processes`)."""
    poll_s: float
    """MOORED_POLL_S: seconds between two looks at open batches."""
    base_url: str | None
    """OPENAI_BASE_URL: the endpoint of any model that does not run here."""
    log: str | None = None
    """MOORED_LOG: how runs are logged (`moored.monitor.logs.set_up_logs`)."""
    metrics: Path | None = None
    """MOORED_METRICS: the file that Prometheus metrics are written to after each run."""
    reports: Path | None = None
    """MOORED_REPORTS: the folder of the pages that runs write, by default beside the store; `none`: no pages."""
    keep_runs: int = 200
    """MOORED_KEEP_RUNS: how many runs moored's own Prefect servers remember; 0: all."""

    @property
    def processes(self) -> int:
        """Worker processes for work that is worth them."""
        return _PROCESSES if self.workers is None else self.workers

    @property
    def journal(self) -> Path:
        """The journal of model calls and replies, beside the store."""
        return self.store.with_suffix(".replies.sqlite")

    @property
    def snapshot(self) -> Path:
        """What is published, to read at any time, beside the store."""
        return self.store.with_suffix(".published.duckdb")

    def frame(self, study: str) -> Path:
        """The data frame that the study was last run over from Python, beside the store."""
        return self.store.with_suffix(f".{study}.data.parquet")

    def run_lock(self, study: str) -> Path:
        """What a run of the study holds, beside the store."""
        return self.store.with_suffix(f".{study}.lock")


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the environment gives; a variable that is set to nothing is not set.

    Errors: `StudyInvalid` for a number or an address that is none.
    """
    named = {name: value for name, value in environment.items() if value.strip()}
    store = Path(named.get("MOORED_STORE", "moored.duckdb")).expanduser().absolute()
    reports = named.get("MOORED_REPORTS", store.with_suffix(".reports"))
    return Settings(
        store=store,
        cache=Path(named.get("MOORED_CACHE", user_cache_path("moored"))).expanduser().absolute(),
        pipeline=Path(named.get("MOORED_PIPELINE", _PIPELINE)).expanduser().absolute(),
        dask_address=_scheduler(named.get("MOORED_DASK_ADDRESS")),
        workers=_whole("MOORED_WORKERS", named["MOORED_WORKERS"]) if "MOORED_WORKERS" in named else None,
        poll_s=_seconds("MOORED_POLL_S", named.get("MOORED_POLL_S", "60")),
        base_url=named.get("OPENAI_BASE_URL"),
        log=named.get("MOORED_LOG"),
        metrics=_file(named.get("MOORED_METRICS")),
        reports=None if reports == "none" else Path(reports).expanduser().absolute(),
        keep_runs=_whole("MOORED_KEEP_RUNS", named.get("MOORED_KEEP_RUNS", "200")),
    )


def code_version(pipeline: Path, own: Path | None = None) -> str:
    """The package's version and a hash of the code that a result depends on; `own`: a file of the user's, too.

    The same for a checkout and for what is installed from it.
    """
    digest = hashlib.sha256()
    folders = {"moored": _PACKAGE, "sql": SQL}
    folders |= {room: pipeline / room for room in ("flows", "tasks", "checks")}
    for name, folder in folders.items():
        for file in sorted(folder.rglob("*")):
            if file.suffix in {".py", ".sql", ".toml", ".jinja"} and not _packed(file, name):
                digest.update(f"{name}/{file.relative_to(folder)}\0".encode())
                digest.update(file.read_bytes())
    if own is not None and own.is_file():
        digest.update(own.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"


def _packed(file: Path, room: str) -> bool:
    """Does the file lie in the package only because a wheel has no other place for it?"""
    return room == "moored" and (file.is_relative_to(_INSTALLED) or file.is_relative_to(_PACKAGE / "sql"))


def _file(value: str | None) -> Path | None:
    return Path(value).expanduser().absolute() if value else None


def _scheduler(address: str | None) -> str | None:
    found = _ADDRESS.fullmatch(address) if address else None
    if address and not (found and 0 < int(found["port"]) <= _LAST_PORT):
        raise StudyInvalid(
            f"MOORED_DASK_ADDRESS is {address!r}, where no Dask scheduler answers (it is no address of one); write "
            "it as tcp://host:8786 and start `dask scheduler` there, or leave it out"
        )
    return address


def _whole(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise StudyInvalid(f"{name} is {value!r}; set it to a whole number from 0")
    return int(value)


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise StudyInvalid(f"{name} is {value!r}; set it to seconds above 0")
    return seconds
