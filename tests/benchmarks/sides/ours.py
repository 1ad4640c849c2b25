"""moored, and what it stands on, over the same texts: `python ours.py SIDE URL FOLDER CONCURRENCY`.

`aiohttp` sends prepared bodies and reads the replies: the wire alone. `bare` is AsyncOpenAI on aiohttp. The others
are `flows.generation.generate_missing` in a Prefect flow with a server of its own, store and journal included: in
`threads` of one process, on the workers of a Dask cluster that is there already (`dask2`: two of them), or on two
that it starts (`fresh`).
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from clock import done, ready  # noqa: E402
from served import stage, study_of  # noqa: E402


async def by_aiohttp(url: str, bodies: list[Any], concurrency: int) -> int:
    """Rows that one aiohttp session was answered."""
    import aiohttp
    import orjson

    queue, answered = iter(bodies), 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def worker() -> None:
            nonlocal answered
            for body in queue:
                async with session.post(f"{url}/chat/completions", data=orjson.dumps(body)) as response:
                    answered += "choices" in orjson.loads(await response.read())

        await asyncio.gather(*(worker() for _ in range(concurrency)))
    return answered


async def by_openai(url: str, bodies: list[Any], concurrency: int) -> int:
    """Rows that AsyncOpenAI was answered."""
    import openai

    queue, answered = iter(bodies), 0
    async with openai.AsyncOpenAI(
        base_url=url, max_retries=0, http_client=openai.DefaultAioHttpClient()
    ) as client:

        async def worker() -> None:
            nonlocal answered
            for body in queue:
                reply = await client.chat.completions.create(**body)
                answered += bool(reply.choices[0].message.content)

        await asyncio.gather(*(worker() for _ in range(concurrency)))
    return answered


CLIENTS: dict[str, Callable[..., Any]] = {"aiohttp": by_aiohttp, "bare": by_openai}


def client(side: str, url: str, folder: Path, concurrency: int) -> None:
    """A client alone, over the bodies that the stage sends."""
    bodies = json.loads((folder / "bodies.json").read_text())
    asyncio.run(CLIENTS[side](url, bodies[:8], concurrency))
    ready()
    done(asyncio.run(CLIENTS[side](url, bodies, concurrency)), len(bodies))


def pipeline(side: str, folder: Path, concurrency: int) -> None:
    """The stage; `concurrency` in two threads, or all workers, together."""
    from moored.cli.pipeline import early_server, own_api
    from moored.settings import read_settings

    workers = int(side.removeprefix("dask") or 2) if side.startswith("dask") else 2
    with ExitStack() as stack:
        os.environ |= {
            "MOORED_WORKERS": "2" if side == "fresh" else "0",
            "MOORED_STORE": str(folder / "s.duckdb"),
        }
        server = stack.enter_context(early_server(read_settings()))
        assert server is not None
        importlib.import_module("flows.generation")  # while the server starts, as a run does
        stack.enter_context(own_api(server))
        if side.startswith("dask"):
            from distributed import LocalCluster

            cluster = LocalCluster(
                n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
            )
            os.environ["MOORED_DASK_ADDRESS"] = stack.enter_context(cluster).scheduler_address
        if side != "fresh":
            run_stage(folder / "few.csv", concurrency // workers)
        run_stage(folder / "texts.csv", concurrency // workers, ready, lambda: done(1, 1))


def run_stage(texts: Path, concurrency: int, *marks: Callable[[], None]) -> None:
    """Generate for a table; every row must be stored."""
    import duckdb

    with tempfile.TemporaryDirectory(dir=texts.parent) as name:
        (Path(name) / "texts.csv").symlink_to(texts)
        stage(study_of(concurrency=concurrency), Path(name), *marks)
        with duckdb.connect(Path(name) / "store.duckdb", read_only=True) as store:
            counted = store.execute("SELECT count(*) FROM generations WHERE status = 'ok'").fetchone()
    wanted = len(texts.read_text().splitlines()) - 1
    assert counted == (wanted,), f"{counted} rows instead of {wanted}"


if __name__ == "__main__":
    which, address, where, in_flight = sys.argv[1:]
    os.environ["OPENAI_BASE_URL"] = address
    if which in CLIENTS:
        client(which, address, Path(where), int(in_flight))
    else:
        pipeline(which, Path(where), int(in_flight))
