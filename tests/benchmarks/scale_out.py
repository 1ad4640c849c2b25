"""Generation on the workers of a Dask cluster: rows a second by their number, in docs/performance.md.

    python tests/benchmarks/scale_out.py [--workers 1 2 4] [--rows 8000] [--in-flight 32] [--latency-ms 500]

A cluster with so many workers, one after the other, each with `--in-flight` requests; the model server answers
after the time that a real model takes, so that a worker waits as it would: what grows is what one machine's two
cores do not bound. CPU time is that of the flow, its Prefect server, the scheduler and the workers together.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from light_server import light_server
from measured import Measured, measure
from page import measured_on, write_section
from throughput import SIDES, work_of


def main() -> None:
    asked = _arguments()
    with (
        tempfile.TemporaryDirectory(prefix="moored-bench-") as name,
        light_server(asked.latency_ms / 1000, processes=2) as (url, used),
    ):
        folder = Path(name)
        work = work_of(folder, asked.rows)
        measured = {workers: _one(asked, workers, url, work, folder / "log") for workers in asked.workers}
    text = _table(asked, measured, 1000 * sum(used) / (len(measured) * asked.rows))
    sys.stdout.write(text)
    if not asked.print:
        write_section("scale-out", text)


def _one(asked: Any, workers: int, url: str, work: Path, log: Path) -> Measured:
    together = str(asked.in_flight * workers)
    command = [sys.executable, str(SIDES / "ours.py"), f"dask{workers}", url, str(work), together]
    one = measure(command, asked.rows, dict(os.environ), log)
    sys.stderr.write(f"{workers} workers: {one.rows_per_s:.0f} rows/s, {one.cpu_ms:.2f} ms CPU per row\n")
    return one


def _table(asked: Any, measured: dict[int, Measured], server_ms: float) -> str:
    lines = [
        "| workers | rows/s | of one worker's | efficiency | bound by latency | CPU ms per row |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    first = next(iter(measured.values())).rows_per_s / next(iter(measured))
    for workers, one in measured.items():
        times = one.rows_per_s / first
        bound = workers * asked.in_flight * 1000 / asked.latency_ms
        figures = (
            f"{one.rows_per_s:.0f} | {times:.2f} | {times / workers:.0%} | {bound:.0f} | {one.cpu_ms:.2f}"
        )
        lines.append(f"| {workers} | {figures} |")
    said = (
        f"{asked.rows:,} rows, {asked.in_flight} requests in flight per worker, answers after "
        f"{asked.latency_ms} ms. "
        f"The model server (two processes) took {server_ms:.3f} CPU ms per row, on the same machine."
    )
    return "\n".join([f"{measured_on('moored', 'distributed', 'prefect')} {said}", "", *lines]) + "\n"


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description="Rows a second by the number of Dask workers.")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    for name, default in (("rows", 8000), ("in-flight", 32), ("latency-ms", 500)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--print", action="store_true", help="leave docs/performance.md as it is")
    return parser.parse_args()


if __name__ == "__main__":
    main()
