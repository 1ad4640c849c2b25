"""What comes after generation, by the number of units: reading back, checks, estimates; CPU seconds and most MB.

    python tests/benchmarks/evidence.py [--units 100000 1000000]

Each size is stored by one process, with an answer per unit made up, and looked at by another one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import psutil

sys.path.insert(0, str(Path(__file__).parent))

from served import study_of, write_texts

T = TypeVar("T")

STORE = "store.duckdb"
ANSWERS = """
INSERT INTO generations BY NAME
SELECT 'run' AS run_id, 'bench' AS study, unit_id, 'proxy' AS source, 'read.positive' AS step, 0 AS draw,
       'recipe' AS recipe, content_hash, md5(unit_id) AS request_key, '{}' AS reply, 'positive' AS "text",
       (hash(unit_id) % 2)::DOUBLE AS "value", 'ok' AS status, 1 AS attempts, false AS cached, 100 AS prompt_tokens,
       1 AS completion_tokens, 0.0 AS usd, '' AS prices, 0.05 AS latency_s
FROM units
"""


def main() -> None:
    asked = _arguments()
    if asked.child:
        {"store": _store, "look": _look}[asked.child](Path(asked.folder))
        return
    for units in asked.units:
        with tempfile.TemporaryDirectory(prefix="moored-bench-") as folder:
            write_texts(Path(folder), units)
            sys.stdout.write(f"{units} units\n")
            sys.stdout.flush()
            for child in ("store", "look"):
                command = [sys.executable, __file__, "--child", child, "--folder", folder]
                subprocess.run(command, check=True, env=os.environ)


def _store(folder: Path) -> None:
    from moored.storage.data_versions import store_units
    from moored.storage.ingest import read_units
    from moored.storage.warehouse import open_store

    study = study_of()
    units = read_units(study, folder, folder)
    with open_store(folder / STORE, create=True) as store:
        store_units(store, study, units)
    with duckdb.connect(folder / STORE) as connection:
        connection.execute(ANSWERS)
    (folder / "version").write_text(units.version)


def _look(folder: Path) -> None:
    import flows.survey  # noqa: F401, what a run has in memory
    from checks import Evidence, check_results, run_checks
    from moored.run.estimates import estimate_study, sample_of
    from moored.run.readings import gather
    from moored.storage.generations import SourcePlan
    from moored.storage.warehouse import open_store

    study, version = study_of(), (folder / "version").read_text()
    with open_store(folder / STORE) as store:
        planned = [SourcePlan("proxy", "recipe", 1)]
        material = _told("read back", lambda: gather(store, study, version, planned))
    sample = _told("sample", lambda: sample_of(study, material))
    evidence = Evidence(study, material.units, material.generations, sample, data_version=version)
    _told("checks", lambda: run_checks(evidence))
    estimates = _told("estimates", lambda: estimate_study(study, sample, material.units))
    _told("their checks", lambda: check_results(estimates, evidence))


def _told(name: str, work: Callable[[], T]) -> T:
    """Do the work, and say what it took."""
    most, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            most[0] = max(most[0], psutil.Process().memory_info().rss / 1e6)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    began = time.process_time()
    done = work()
    seconds = time.process_time() - began
    over.set()
    watcher.join()
    sys.stdout.write(f"    {name:14} {seconds:6.1f} CPU s, at most {most[0]:5.0f} MB\n")
    sys.stdout.flush()
    return done


def _arguments() -> Any:
    parser = argparse.ArgumentParser(
        description="Reading back, checks and estimates, by the number of units."
    )
    parser.add_argument("--units", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
