"""Rows a second: the pipeline's generation, store and journal included, against the bare client and curator.

    python tests/benchmarks/throughput.py [--rows 2000] [--concurrency 64] [--latency-ms 50] [--rounds 3]
        [--curator PATH/bin/python]

One light server in a process of its own, its CPU time given apart; every round runs each side once, one after the
other, so that ratios are of the same minutes. `bare` is AsyncOpenAI on aiohttp in one process, and nothing else.
`threads` and `dask` are `flows.generation.generate_missing` in a Prefect flow: Dask's two workers are there before
the clock starts, as a cluster is, and share the concurrency; `dask, from nothing` starts them as `moored run` does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from light_server import light_server
from served import KNOWN, stage, study_of, write_texts


def main() -> None:
    asked = _arguments()
    with (
        tempfile.TemporaryDirectory(prefix="moored-bench-") as name,
        light_server(asked.latency_ms / 1000) as (url, used),
    ):
        os.environ["OPENAI_BASE_URL"] = url
        folder = Path(name)
        write_texts(folder, asked.rows)
        speeds = _rounds(asked, folder, url)
    middle = {side: statistics.median(each) for side, each in speeds.items()}
    for side, each in speeds.items():
        against = {other: middle[side] / middle[other] for other in ("bare", "curator") if other in middle}
        ratios = "  ".join(f"{ratio:5.2f} x {other}" for other, ratio in against.items())
        runs = " ".join(f"{speed:.0f}" for speed in each)
        sys.stdout.write(f"{side:20}{middle[side]:7.0f} rows/s  {ratios}  ({runs})\n")
    sys.stdout.write(f"the model server took {sum(used):.1f} s of CPU time in all\n")


def _rounds(asked: Any, folder: Path, url: str) -> dict[str, list[float]]:
    from distributed import LocalCluster
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from moored.cli.api_server import api_server

    bodies = _bodies(folder, url)
    prompts = folder / "prompts.json"
    prompts.write_text(json.dumps([body["messages"][-1]["content"] for body in bodies]))
    sides: dict[str, Callable[[str], float]] = {
        "bare": lambda _: _seconds(lambda: asyncio.run(bare(url, bodies, asked.concurrency))),
        "threads": lambda _: _stage(folder, asked.concurrency // 2, MOORED_WORKERS="0"),
        "dask": lambda at: _stage(folder, asked.concurrency // 2, MOORED_DASK_ADDRESS=at),
        "dask, from nothing": lambda _: _stage(folder, asked.concurrency // 2, MOORED_WORKERS="2"),
    }
    if asked.curator:
        sides["curator"] = lambda _: curator(asked.curator, url, prompts, asked)
    speeds: dict[str, list[float]] = {side: [] for side in sides}
    with (
        api_server() as api,
        temporary_settings({PREFECT_API_URL: api.address}),
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
    ):
        _stage(folder, asked.concurrency // 2, MOORED_DASK_ADDRESS=cluster.scheduler_address)  # imports
        for _ in range(asked.rounds):
            for side, run in sides.items():
                speeds[side].append(asked.rows / run(cluster.scheduler_address))
                sys.stderr.write(f"{side}: {speeds[side][-1]:.0f} rows/s\n")
    return speeds


def _stage(folder: Path, concurrency: int, **environment: str) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        (Path(name) / "texts.csv").symlink_to(folder / "texts.csv")
        before = dict(os.environ)
        os.environ |= environment
        try:
            return stage(study_of(concurrency=concurrency), Path(name))
        finally:
            os.environ.clear()
            os.environ |= before


def _bodies(folder: Path, url: str) -> list[dict[str, Any]]:
    """The requests that the stage sends."""
    import pandas as pd

    from moored.llm.endpoints import external_endpoint
    from moored.llm.recipe_builder import build_recipe
    from moored.llm.requests import read_request
    from moored.storage.journal import Journal

    study = study_of()
    endpoint = external_endpoint(url)
    with Journal(folder / "known.sqlite", "known") as journal:
        journal.keep_abilities(f"{endpoint.identity} m chat", KNOWN)
        recipe = build_recipe(study, study.sources[0], endpoint, folder, journal)
    return [read_request(recipe, "positive", text).body for text in pd.read_csv(folder / "texts.csv")["text"]]


async def bare(url: str, bodies: list[dict[str, Any]], concurrency: int) -> None:
    """AsyncOpenAI on aiohttp and a queue, nothing else."""
    import openai

    async with openai.AsyncOpenAI(
        base_url=url, max_retries=0, http_client=openai.DefaultAioHttpClient()
    ) as client:
        queue = iter(bodies)

        async def worker() -> None:
            for body in queue:
                await client.chat.completions.create(**body)

        await asyncio.gather(*(worker() for _ in range(concurrency)))


def curator(python: str, url: str, prompts: Path, asked: Any) -> float:
    """Seconds that curator takes, in a process of its own, imports not counted."""
    script = Path(__file__).parent / "curator_client.py"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, str(script), url, str(prompts), str(asked.concurrency)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith("rows/s ")]
    assert said, done.stdout[-2000:] + done.stderr[-4000:]
    return float(asked.rows / float(said[0].split()[1]))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description="Rows a second, side by side.")
    for name, default in (("rows", 2000), ("concurrency", 64), ("latency-ms", 50), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--curator", help="the Python of an environment with bespokelabs-curator")
    return parser.parse_args()


if __name__ == "__main__":
    main()
