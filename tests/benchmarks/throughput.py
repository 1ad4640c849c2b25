"""Generation against its peers, on the same work: rows a second, CPU per row; written to docs/performance.md.

    python tests/benchmarks/throughput.py --peers FOLDER [--rows 2000] [--concurrency 128] [--latency-ms 50]
        [--rounds 3] [--sides threads,curator] [--keep FOLDER] [--print]

One light server in processes of its own, its CPU time given apart. Each round runs every side once, one after
the other, each in a process of its own, so that ratios are of the same minutes; medians over the rounds. FOLDER
keeps an environment per peer and is filled on first use (uv, the user's package index); without --peers only our
own sides run. What is measured is kept in --keep, and not measured again from there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from light_server import light_server
from measured import Measured, measure
from page import measured_on, write_section
from served import bodies_of, write_texts

SIDES = Path(__file__).parent / "sides"
OURS = ("aiohttp", "bare", "threads", "dask2", "fresh")
PEERS = {
    "curator": ("bespokelabs-curator==0.1.31",),
    "designer": ("data-designer==0.9.7",),
    "distilabel": ("distilabel[openai]==1.5.3", "requests"),
    "edsl": ("edsl==1.0.9", "openai"),
}
WORDS = {
    "aiohttp": "aiohttp alone: prepared bodies, no store",
    "bare": "AsyncOpenAI on aiohttp, no store",
    "threads": "**moored**, threads of one process",
    "dask2": "**moored**, two Dask workers that are up",
    "fresh": "**moored**, two Dask workers, their start included",
    "curator": "bespokelabs-curator 0.1.31",
    "designer": "NeMo Data Designer 0.9.7",
    "distilabel": "distilabel 1.5.3",
    "edsl": "edsl 1.0.9, local runner",
}
FEWER = {"designer": 4, "distilabel": 4, "edsl": 20}
"""Sides that take long get a part of the rows."""
ONCE = ("dask2", "fresh", "designer", "distilabel", "edsl")
"""Sides that run in the first round alone."""


def main() -> None:
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="moored-bench-") as name:
        measured = _rounds(asked, Path(name))
    text = _table(asked, measured)
    sys.stdout.write(text)
    if not asked.print:
        write_section("throughput", text)


def _rounds(asked: Any, folder: Path) -> dict[str, list[Measured]]:
    sides = asked.sides.split(",") if asked.sides else [*OURS, *(PEERS if asked.peers else ())]
    python = {side: _python(asked.peers, side) for side in sides}
    work = {side: work_of(folder, asked.rows // FEWER.get(side, 1)) for side in sides}
    measured: dict[str, list[Measured]] = {side: [] for side in sides}
    for number in range(asked.rounds):
        for side in sides:
            if number and side in ONCE:
                continue
            kept = Path(asked.keep or folder) / f"{side}-{number}.json"
            if not kept.exists():
                one = _run(asked, side, python[side], work[side], folder / "log")
                kept.write_text(json.dumps(asdict(one)))
                sys.stderr.write(f"{side}: {one.rows_per_s:.0f} rows/s, {one.cpu_ms:.2f} ms CPU per row\n")
            measured[side].append(Measured(**json.loads(kept.read_text())))
    return measured


def _run(asked: Any, side: str, python: str, work: Path, log: Path) -> Measured:
    rows, peer = asked.rows // FEWER.get(side, 1), side in PEERS
    environment = {name: value for name, value in os.environ.items() if not peer or name != "PYTHONPATH"}
    with light_server(asked.latency_ms / 1000) as (url, used):
        script = [str(SIDES / f"{side}.py")] if peer else [str(SIDES / "ours.py"), side]
        prompts = work / "prompts.json" if peer else work
        one = measure([python, *script, url, str(prompts), str(asked.concurrency)], rows, environment, log)
    return replace(one, server_s=sum(used))


def work_of(folder: Path, rows: int) -> Path:
    """The same texts as a table, as the bodies that the stage sends, and as prompts."""
    work = folder / str(rows)
    if not work.exists():
        work.mkdir()
        write_texts(work, rows)
        lines = (work / "texts.csv").read_text().splitlines()
        (work / "few.csv").write_text("\n".join(lines[:9]) + "\n")
        bodies = bodies_of(work)
        (work / "bodies.json").write_text(json.dumps(bodies))
        (work / "prompts.json").write_text(json.dumps([body["messages"][-1]["content"] for body in bodies]))
    return work


def _python(peers: str | None, side: str) -> str:
    """The Python that runs a side; a peer's environment is made where it is missing."""
    if side not in PEERS:
        return sys.executable
    assert peers, f"{side} needs --peers"
    python = Path(peers) / side / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "--quiet", "--python", "3.11", str(python.parents[1])], check=True)
        command = ["uv", "pip", "install", "--quiet", "--python", str(python), *PEERS[side]]
        subprocess.run(command, check=True, cwd=peers)  # not here: uv would hold the peers to our own pins
    return str(python)


def _table(asked: Any, measured: dict[str, list[Measured]]) -> str:
    middle = {
        side: [statistics.median(values) for values in zip(*map(_figures, runs), strict=True)]
        for side, runs in measured.items()
    }
    lines = [
        "| client | CPU ms per row | times that of moored | rows/s | rows/s of moored | from nothing: s, CPU s |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for side, (cpu, speed, whole, whole_cpu) in middle.items():
        runs, ours = measured[side], measured.get("threads", measured[side])
        pairs = list(zip(ours, runs, strict=False))  # of one round each
        times_cpu = statistics.median(its.cpu_ms / our.cpu_ms for our, its in pairs)
        times_speed = statistics.median(our.rows_per_s / its.rows_per_s for our, its in pairs)
        few = "" if runs[0].rows == asked.rows else f" ({runs[0].rows} rows)"
        speeds = sorted(one.rows_per_s for one in runs)
        spread = f" ({speeds[0]:,.0f} to {speeds[-1]:,.0f})" if len(speeds) > 1 else ""
        against = f"{cpu:.2f} | {times_cpu:.2f} | {speed:,.0f}{spread} | {times_speed:.2f} times as many"
        lines.append(f"| {WORDS[side]}{few} | {against} | {whole:.1f}, {whole_cpu:.1f} |")
    every = [one for runs in measured.values() for one in runs]
    server_ms = 1000 * sum(one.server_s for one in every) / sum(one.rows for one in every)
    once = "".join(f", one of {WORDS[side]}" for side in measured if side in ONCE)
    said = (
        f"{asked.rows:,} rows, {asked.concurrency} requests in flight, a server that answers after "
        f"{asked.latency_ms} ms (at most {asked.concurrency * 1000 / asked.latency_ms:,.0f} rows/s); medians of "
        f"{asked.rounds} rounds{once}. The server took {server_ms:.2f} CPU ms per row, on the same machine."
    )
    ours = measured_on("moored", "openai", "aiohttp", "prefect", "distributed", "duckdb")
    return "\n".join([f"{ours} {said}", "", *lines]) + "\n"


def _figures(one: Measured) -> tuple[float, float, float, float]:
    return one.cpu_ms, one.rows_per_s, one.whole_wall_s, one.whole_cpu_s


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description="Generation against its peers.")
    for name, default in (("rows", 2000), ("concurrency", 128), ("latency-ms", 50), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--peers", help="a folder with an environment per peer; made on first use")
    parser.add_argument("--sides", help="some of them, with commas")
    parser.add_argument(
        "--keep", help="a folder for what each run measured, so that a stopped benchmark goes on"
    )
    parser.add_argument("--print", action="store_true", help="leave docs/performance.md as it is")
    return parser.parse_args()


if __name__ == "__main__":
    main()
