"""`moored estimate` by the number of units: CPU seconds and most memory of its process, whole and in chunks.

    python tests/benchmarks/size.py [--units 100000 1000000 10000000] [--kind csv] [--estimators human gmm-proxy]

The table has a number and a label for each unit, three sources, and texts that nobody asks for. Each size is a
process of its own; its most memory is what the system says of it when it has ended.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOURCES = ("a", "b", "c")
TABLE = """
SELECT 'u' || i AS id, 'a text of some length that nobody reads here, number ' || i AS text,
       labelled, CASE WHEN labelled = 1 THEN y END AS y, x,
       y + noise_a AS a, y + noise_b AS b, .5 * y + noise_c AS c
FROM (
    SELECT i, (hash(i) % 1000 < {labelled})::INT AS labelled, x, 1 + .5 * x + e AS y, noise_a, noise_b, noise_c
    FROM (
        SELECT i, (hash(i + 1) % 10007) / 5000.0 - 1 AS x, (hash(i + 2) % 10009) / 2500.0 - 2 AS e,
               (hash(i + 3) % 10037) / 5000.0 - 1 AS noise_a, (hash(i + 4) % 10039) / 3000.0 - 1.6 AS noise_b,
               (hash(i + 5) % 10061) / 5000.0 - 1 AS noise_c
        FROM range({units}) t(i)
    )
)
"""


def main() -> None:
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="moored-bench-") as folder:
        for units in asked.units:
            table = Path(folder) / f"table.{asked.kind}"
            _write(table, units, asked.labelled)
            for stream in asked.stream:
                for estimator in asked.estimators:
                    seconds, megabytes, code = _run(_command(table, estimator, stream=stream == "chunks"))
                    sys.stdout.write(
                        f"{units:10} {asked.kind} {stream:6} {estimator:10} {seconds:7.1f} CPU s "
                        f"{megabytes:6.0f} MB {'' if code == 0 else f'ended with {code}'}\n"
                    )
                    sys.stdout.flush()


def _write(table: Path, units: int, labelled: float) -> None:
    import duckdb

    kind = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet"}[table.suffix.removeprefix(".")]
    rows = TABLE.format(units=units, labelled=round(1000 * labelled))
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({rows}) TO '{table}' ({kind})")


def _command(table: Path, estimator: str, *, stream: bool) -> list[str]:
    sources = [part for name in SOURCES for part in ("--source", name, f"{name} ~ x")]
    command = [sys.executable, "-m", "moored", "estimate", str(table), "--formula", "y ~ x", *sources]
    command += ["--labelled", "labelled", "--json", "--estimator", estimator]
    return [*command, "--stream"] if stream else command


def _run(command: list[str]) -> tuple[float, float, int]:
    """CPU seconds, most megabytes and the exit code of a process."""
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    child = os.posix_spawn(command[0], command, os.environ | {"PYTHONPATH": str(ROOT)}, file_actions=silent)
    _, status, used = os.wait4(child, 0)
    most = used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return used.ru_utime + used.ru_stime, most, os.waitstatus_to_exitcode(status)


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description="moored estimate by the number of units.")
    parser.add_argument("--units", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--kind", choices=["csv", "parquet"], default="csv")
    parser.add_argument("--estimators", nargs="+", default=["gmm-proxy"])
    parser.add_argument("--stream", nargs="+", choices=["whole", "chunks"], default=["whole", "chunks"])
    parser.add_argument("--labelled", type=float, default=0.01, help="share of the units")
    return parser.parse_args()


if __name__ == "__main__":
    main()
