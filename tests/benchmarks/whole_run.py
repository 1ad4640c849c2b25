"""One `moored run` from nothing to its published version: seconds, rows per second, most memory of its process.

    python tests/benchmarks/whole_run.py [--units 100000] [--concurrency 64] [--latency-ms 20]

The table has a text per unit and a label for half of them; a light server in a process of its own answers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parent))

from light_server import light_server
from served import study_table, write_texts
from toml_text import toml_of


def main() -> None:
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="moored-bench-") as name:
        folder = Path(name)
        write_texts(folder, asked.units)
        (folder / "bench.toml").write_text(toml_of(study_table(concurrency=asked.concurrency)))
        with light_server(asked.latency_ms / 1000) as (url, _):
            began = time.perf_counter()
            most = _run(folder, url)
            seconds = time.perf_counter() - began
        sent_s = _seconds_of_sending(folder / "log")
        sys.stdout.write(
            f"{asked.units} units: {seconds:.0f} s, of which {sent_s:.1f} s for generation "
            f"({asked.units / sent_s:,.0f} rows/s); at most {most:.0f} MB\n"
        )


def _run(folder: Path, url: str) -> float:
    """Run the study; the most MB of its process."""
    places = {"MOORED_STORE": str(folder / "s.duckdb"), "MOORED_LOG": f"json:{folder / 'log'}"}
    environment = os.environ | places | {"OPENAI_BASE_URL": url, "PREFECT_HOME": str(folder / "prefect")}
    command = [sys.executable, "-m", "moored", "run", "bench.toml"]
    child = psutil.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    most = 0.0
    while child.poll() is None:
        try:
            most = max(most, child.memory_info().rss / 1e6)
        except psutil.Error:
            break
        time.sleep(0.05)
    assert child.wait() == 0
    return most


def _seconds_of_sending(log: Path) -> float:
    """From the first request to the last chunk that was stored."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    at = {
        message: [datetime.fromisoformat(line["at"]) for line in lines if line["message"] == message]
        for message in ("units to generate", "chunk stored")
    }
    return (at["chunk stored"][-1] - at["units to generate"][0]).total_seconds()


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description="A whole run, from nothing.")
    for name, default in (("units", 100_000), ("concurrency", 64), ("latency-ms", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


if __name__ == "__main__":
    main()
