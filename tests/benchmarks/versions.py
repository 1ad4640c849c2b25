"""Many data versions of one table that grows: bytes of the store, and seconds of what people look at.

    python tests/benchmarks/versions.py [--units 100000] [--versions 500] [--growth 0.01] [--folder FOLDER]

Each version has more units than the one before it, by 1% of the first one's, and a thousandth of all units gets its
label. CPU seconds, since the clock on the wall also counts what else the machine does.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]


def main() -> None:
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="moored-bench-") as folder:
        _measure(Path(asked.folder or folder), asked)


def _measure(folder: Path, asked: Any) -> None:
    from moored.storage.data_versions import store_units
    from moored.storage.results import history, latest_run
    from moored.storage.studies import store_study, stored_units
    from moored.storage.warehouse import open_store
    from moored.versions.diff import diff_versions

    store, study = folder / "store.duckdb", _study()
    rows = [asked.units + round(asked.units * asked.growth) * number for number in range(asked.versions)]
    frame = _all_units(rows[-1])
    began = time.process_time()
    for number in range(asked.versions):
        units = _units(frame, rows[number], number)
        with open_store(store, create=True) as opened:
            store_study(opened, study, folder)
            before = time.process_time()
            store_units(opened, study, units)
            last = time.process_time() - before
            _publish(opened, study, units.version, number)
    _tell("bytes of the store", f"{store.stat().st_size / 1e6:.0f} MB")
    _tell("bytes of all files", f"{sum(f.stat().st_size for f in folder.iterdir()) / 1e6:.0f} MB")
    _tell("all versions", f"{time.process_time() - began:.1f} CPU s")
    _tell("storing the last one", f"{last:.2f} CPU s")
    with open_store(store) as opened:
        _time("history", lambda: history(opened, study.name))
        _time("latest", lambda: latest_run(opened, study.name))
        _time(
            "diff of the last two",
            lambda: diff_versions(opened, study.name, asked.versions - 1, asked.versions),
        )
        _time("diff of the first and the last", lambda: diff_versions(opened, study.name, 1, asked.versions))
        _time("units of the first", lambda: stored_units(opened, study, "data-0"))
        _time("units of the last", lambda: stored_units(opened, study, units.version))


def _all_units(rows: int) -> Any:
    """The table as it is in the end."""
    import numpy as np
    import pandas as pd

    from moored.storage.ingest import content_hash

    ids = np.arange(rows)
    names = pd.Series(ids).map("u{:08d}".format)
    texts = "A text of some length, as people write them in one or two sentences: number " + names
    frame = pd.DataFrame({"unit_id": names, "text": texts, "fields": '{"other": "column"}', "cluster": None})
    return frame.assign(content_hash=texts.map(content_hash), held_back=np.nan, age=20.0 + ids % 60)


def _units(frame: Any, rows: int, number: int) -> Any:
    """The table at its state `number`: its first rows, and labels that came since."""
    import numpy as np

    from moored.storage.ingest import Units
    from moored.storage.reading import Reading

    ids = np.arange(rows)
    labelled = ids * 7919 % 1000 < 30 + number
    known = {
        "labelled": labelled,
        "probability": labelled.mean(),
        "polite": np.where(labelled, ids % 2, np.nan),
    }
    reading = Reading(rows, rows, int(labelled.sum()), (), ())
    return Units(frame.iloc[:rows].assign(**known), f"data-{number}", reading)


def _study() -> Any:
    from moored.study import parse_study

    question = {"name": "polite", "human": "polite", "ask": "Polite?", "answers": {"yes": 1, "no": 0}}
    return parse_study(
        {
            "name": "growing",
            "data": {"source": "texts.csv"},
            "outcome": question,
            "covariates": [{"name": "age", "column": "age"}],
            "model": {"name": "m"},
            "sources": [{"name": "proxy", "kind": "proxy"}],
            "estimate": {"formula": "polite ~ age"},
        }
    )


def _publish(store: Any, study: Any, data_version: str, number: int) -> None:
    """A version over the data version, with as many numbers as a study of six estimators has."""
    from datetime import UTC, datetime

    import pandas as pd

    from moored.storage.published import EstimateRow, FitRow
    from moored.storage.results import Inputs, RunRow, publish_rows

    inputs = Inputs(study.fingerprint, data_version, "code", {"proxy": "recipe-1:x"}, number)
    run = RunRow(f"run-{number}", study.name, inputs, datetime.now(UTC), "e0", counts={"units": 1})
    terms, names = ("(Intercept)", "age"), [f"e{place}" for place in range(6)]
    estimates = [EstimateRow(e, t, 0.5, 0.1, 0.3, 0.7, 0.01, None, None, None) for e in names for t in terms]
    fits = [
        FitRow(e, "ols", 0.95, 100, 1000, None, None, None, (), "population", ((1.0, 0.0), (0.0, 1.0)))
        for e in names
    ]
    check = {"severity": "critical", "passed": True, "observed": "0", "threshold": "none", "unit_ids": []}
    checks = pd.DataFrame([{"suite": "s", "check": f"c{i}", "message": "none", **check} for i in range(59)])
    publish_rows(store, replace(run), checks, estimates, fits)


def _time(what: str, act: Callable[[], object]) -> None:
    act()
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    _tell(what, f"{time.process_time() - cpu:.2f} CPU s, {time.perf_counter() - wall:.2f} s")


def _tell(what: str, value: str) -> None:
    sys.stdout.write(f"{what:32} {value}\n")
    sys.stdout.flush()


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description="Many data versions of one table that grows.")
    parser.add_argument("--units", type=int, default=100_000, help="of the first version")
    parser.add_argument("--versions", type=int, default=500)
    parser.add_argument(
        "--growth", type=float, default=0.01, help="units of each version, of the first one's"
    )
    parser.add_argument("--folder", help="where the store is left; else it is deleted")
    return parser.parse_args()


if __name__ == "__main__":
    main()
