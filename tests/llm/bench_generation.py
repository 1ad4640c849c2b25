"""Rows a second: the pipeline's generation with its journal against the bare client, side by side.

    python tests/llm/bench_generation.py [rows] [concurrency] [latency in ms]

The server runs in a process of its own; both sides send the same bodies to it, three times in turn.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]


def server(urls: Any, over: Any, latency_s: float) -> None:
    from endpoint import serve

    with serve(latency_s=latency_s, keep_bodies=False) as served:
        urls.put(served.url)
        over.wait()


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


def main(rows: int = 2000, concurrency: int = 64, latency_ms: int = 50) -> None:
    os.environ.setdefault("OPENAI_API_KEY", "none")
    from conftest import a_recipe, a_study, endpoint_at, some_units

    from moored.llm.generate import generate
    from moored.llm.requests import read_request
    from moored.storage.journal import Journal
    from moored.study import Generation

    context = multiprocessing.get_context("spawn")
    urls, over = context.Queue(), context.Event()
    process = context.Process(target=server, args=(urls, over, latency_ms / 1000))
    process.start()
    endpoint = endpoint_at(urls.get())
    recipe, units = a_recipe(a_study(), endpoint), some_units(rows)
    bodies = [read_request(recipe, "positive", unit.text).body for unit in units]
    speeds: dict[str, list[float]] = {"bare": [], "moored": []}
    for _ in range(3):
        started = time.perf_counter()
        asyncio.run(bare(endpoint.base_url, bodies, concurrency))
        speeds["bare"].append(rows / (time.perf_counter() - started))
        with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "j.sqlite", "bench") as journal:
            started = time.perf_counter()
            done = generate(units, recipe, endpoint, journal, Generation(concurrency=concurrency))
            speeds["moored"].append(rows / (time.perf_counter() - started))
            assert {row.status for row in done} == {"ok"}
    over.set()
    process.join()
    for name, each in speeds.items():
        sys.stdout.write(f"{name:8}{statistics.median(each):8.0f} rows/s\n")
    ratio = statistics.median(speeds["moored"]) / statistics.median(speeds["bare"])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"moored / bare {ratio:.2f}; most memory {memory:.0f} MB\n")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
