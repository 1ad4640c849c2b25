"""Most memory of the flow's process and of its workers, by the number of units: it is to be flat.

    python tests/benchmarks/memory.py [--units 1000 10000 100000] [--workers 2] [--synthetic] [--no-run]

Each size is a process of its own that generates for the whole study in a Prefect flow, through Dask's workers
or (--workers 0) the flow's threads, against a server without latency; with --no-run it reads the table and stores
its data version, no more. RSS is sampled twenty times a second.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from served import model_server, stage, study_of, write_texts


def main() -> None:
    asked = _arguments()
    if asked.child:
        (_store if asked.no_run else _generate)(Path(asked.child), asked)
        return
    for units in asked.units:
        with tempfile.TemporaryDirectory(prefix="moored-bench-") as folder, model_server(0.0) as url:
            write_texts(Path(folder), units)
            os.environ["OPENAI_BASE_URL"] = url
            started = time.perf_counter()
            flow, worker = _watch(folder, asked)
            sys.stdout.write(
                f"{units:8} units: flow {flow:5.0f} MB, largest worker {worker:5.0f} MB, "
                f"{time.perf_counter() - started:.0f} s\n"
            )
            sys.stdout.flush()


def _watch(folder: str, asked: Any) -> tuple[float, float]:
    """MB of the flow's process and of its largest worker, at most."""
    import psutil

    extra = [*["--synthetic"] * asked.synthetic, *["--no-run"] * asked.no_run]
    child = subprocess.Popen(
        [sys.executable, __file__, "--child", folder, "--workers", str(asked.workers), *extra]
    )
    flow, workers = psutil.Process(child.pid), dict[int, psutil.Process]()
    most = {"flow": 0.0, "worker": 0.0}
    looks = 0
    while child.poll() is None:
        try:
            if looks % 20 == 0:
                workers = {p.pid: p for p in flow.children() if "spawn_main" in " ".join(p.cmdline())}
            most["flow"] = max(most["flow"], flow.memory_info().rss / 1e6)
            sizes = [process.memory_info().rss / 1e6 for process in workers.values()]
            most["worker"] = max(most["worker"], *sizes, 0.0)
        except psutil.Error:
            pass
        looks += 1
        time.sleep(0.05)
    assert child.returncode == 0
    return most["flow"], most["worker"]


def _generate(folder: Path, asked: Any) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from moored.cli.api_server import api_server

    os.environ["MOORED_WORKERS"] = str(asked.workers)
    sources = ("proxy", "synthetic") if asked.synthetic else ("proxy",)
    with api_server() as api, temporary_settings({PREFECT_API_URL: api.address}):
        stage(study_of(sources, concurrency=32), folder)


def _store(folder: Path, _asked: Any) -> None:
    import flows.survey  # noqa: F401, what a run has in memory
    from moored.storage.data_versions import store_units
    from moored.storage.ingest import read_units
    from moored.storage.warehouse import open_store

    study = study_of()
    units = read_units(study, folder, folder)
    with open_store(folder / "store.duckdb", create=True) as store:
        store_units(store, study, units)


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description="Most memory, by the number of units.")
    parser.add_argument("--units", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--synthetic", action="store_true", help="a synthetic source, too")
    parser.add_argument("--no-run", action="store_true", help="read and store the table, generate nothing")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
