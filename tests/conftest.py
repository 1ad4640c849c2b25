"""A Prefect server of the tests' own, and the command line called as a user calls it."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from moored.settings import Settings, read_settings
from moored.storage.studies import store_study
from moored.storage.warehouse import open_store
from tests import forks
from tests.endpoint import KEY
from tests.prefect_server import started
from tests.studies import study

os.environ |= {
    "DO_NOT_TRACK": "1",
    "MOORED_REPORTS": "none",  # a page takes a second; a test that wants pages says so
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
}
sys.dont_write_bytecode = False  # hundreds of processes import the same modules
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.pop(
    "COLUMNS", None
)  # xdist gives its workers the terminal's width; what they write goes to no terminal
# A busy machine makes examples slowly; that says nothing of what they are tried on.
hypothesis_settings.register_profile("moored", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("moored")
# A shell's background jobs ignore Ctrl-C and so do their children: those that these tests stop by it must not.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The whole suite runs in three to six processes, which wait a lot; files that are named, and what is slow, in
    pytest's own."""
    whole = config.args == [str(Path(part)) for part in config.getini("testpaths")]
    processes = min(max(3, os.cpu_count() or 1), 6)
    return processes if whole and config.option.markexpr == "not slow" else 0


ROOT = Path(__file__).parents[1]
LONGEST = {
    "test_scheduled",
    "test_main_job",
    "test_notebook",
    "test_surroundings",
    "test_pages",
    "test_external_dask",
    "test_corpus",
    "test_small_quantile",
    "test_faults",
    "test_ui",
    "test_stored_words",
    "test_benchmark_scripts",
}
Moored = Callable[..., Answer]


def pytest_configure(config: pytest.Config) -> None:
    """One process that forks commands, for all of pytest's processes."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        forks.start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, then files that start servers: a long one that is begun last is waited for
    alone."""
    starting = {item.path for item in items if item.get_closest_marker("prefect") is not None}
    items.sort(key=lambda item: (item.path.stem not in LONGEST, item.path not in starting))


def pytest_collection_finish() -> None:
    """What is imported by now stays: the collector need not go through it again and again."""
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class PrefectServer:
    """A running server, and its database as it was before the first run."""

    address: str
    empty: Path


def _shared(request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> Path:
    """A folder of all of pytest's processes."""
    base = folders.getbasetemp()
    return base.parent if hasattr(request.config, "workerinput") else base


@pytest.fixture(scope="session")
def prefect_process(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrefectServer]:
    """This process's Prefect server. One for all processes was tried: SQLite's locks made it answer 503 while all
    waited."""
    folder = tmp_path_factory.mktemp("prefect")
    empty = _shared(request, tmp_path_factory) / "prefect.db"
    with started(folder, empty) as address:
        yield PrefectServer(address, empty)


@pytest.fixture(scope="session")
def prefect_server(prefect_process: PrefectServer) -> Iterator[str]:
    """One Prefect server for the session, on loopback, with a database of its own. Gives its address."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: prefect_process.address}):
        yield prefect_process.address
        APILogWorker.drain_all()
        EventsWorker.drain_all()


@pytest.fixture(scope="session")
def prefect_home(prefect_process: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the Prefect servers of runs in processes of their own keep their database: made once, it takes long."""
    home = tmp_path_factory.mktemp("prefect-home")
    shutil.copy(prefect_process.empty, home)
    return home


@pytest.fixture
def own_prefect_home(prefect_process: PrefectServer, tmp_path: Path) -> Path:
    """The same, for one test alone."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(prefect_process.empty, home)
    return home


@pytest.fixture(scope="session")
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the build backend that pyproject.toml names; once for all of pytest's processes."""
    out = _shared(request, tmp_path_factory) / "wheel"
    with FileLock(out.with_suffix(".lock")):
        if not out.exists():
            command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", out, ROOT]
            subprocess.run(command, check=True, capture_output=True, timeout=240)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which nothing is yet: its tables take four times as long to make as to open."""
    path = tmp_path_factory.mktemp("empty") / "store.duckdb"
    with open_store(path, create=True):
        return path


@pytest.fixture
def settings(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Where to run: a store in `tmp_path` that knows the study of `tests.studies`."""
    monkeypatch.setenv("MOORED_STORE", str(shutil.copy(empty_store, tmp_path)))
    with open_store(tmp_path / "store.duckdb") as store:
        store_study(store, study(), tmp_path)
    return read_settings()


@pytest.fixture
def moored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Moored:
    """Call `moored ...` in this process: exit code, stdout, stderr. The store is `store.duckdb` in `tmp_path`."""
    monkeypatch.setenv("MOORED_STORE", str(tmp_path / "store.duckdb"))
    monkeypatch.setenv("MOORED_WORKERS", "0")
    for name in ("NO_PROXY", "no_proxy"):  # a command adds to these: what it adds goes with the test
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Answer:
        from moored.cli import main

        monkeypatch.setattr(sys, "argv", ["moored", *map(str, arguments)])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capfd.readouterr()
        return Answer(code, captured.out, captured.err)

    return call
