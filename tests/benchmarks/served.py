"""What the benchmarks share: a model server in a process of its own, and a study over made-up texts."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "DASK_LOGGING__DISTRIBUTED": "critical",
    "PYTHONPATH": str(ROOT),
    "OPENAI_API_KEY": "none",
}
os.environ |= QUIET

KNOWN = {"logprobs": False, "json_schema": False}


def _serve(urls: Any, over: Any, latency_s: float) -> None:
    from endpoint import serve

    with serve(latency_s=latency_s, keep_bodies=False) as served:
        urls.put(served.url)
        over.wait()


@contextmanager
def model_server(latency_s: float) -> Iterator[str]:
    """The address of a server that answers in the OpenAI protocol after `latency_s`, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    urls, over = context.Queue(), context.Event()
    process = context.Process(target=_serve, args=(urls, over, latency_s))
    process.start()
    try:
        yield urls.get()
    finally:
        over.set()
        process.join()


def write_texts(folder: Path, rows: int, words: int = 30) -> None:
    """`texts.csv`: so many texts that differ, half of them labelled."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    vocabulary = np.array([f"word{number}" for number in range(2000)])
    texts = [f"text {row}: " + " ".join(rng.choice(vocabulary, words)) for row in range(rows)]
    labels = [float(rng.integers(0, 2)) if row % 2 else None for row in range(rows)]
    frame = pd.DataFrame({"id": [f"u{row:07d}" for row in range(rows)], "text": texts, "label": labels})
    frame.to_csv(folder / "texts.csv", index=False)


def study_of(sources: tuple[str, ...] = ("proxy",), **generation: Any) -> Any:
    """A study over `texts.csv` with one question."""
    from moored.study import parse_study

    return parse_study(study_table(sources, **generation))


def study_table(sources: tuple[str, ...] = ("proxy",), **generation: Any) -> dict[str, Any]:
    """The same as its file has it."""
    return {
        "name": "bench",
        "data": {"source": "texts.csv"},
        "outcome": {
            "name": "positive",
            "human": "label",
            "ask": "Is the mood of the text positive or negative?",
            "answers": {"positive": 1, "negative": 0},
            "examples": [("So happy today", "positive"), ("This is awful", "negative")],
        },
        "model": {"name": "m", "scoring": "label"},
        "sources": [{"name": kind, "kind": kind} for kind in sources],
        "generation": generation,
        "estimate": {"formula": "positive ~ 1"},
    }


def bodies_of(folder: Path) -> list[dict[str, Any]]:
    """The requests that the stage sends for `texts.csv`."""
    import pandas as pd

    from moored.llm.endpoints import external_endpoint
    from moored.llm.recipe_builder import build_recipe
    from moored.llm.requests import read_request
    from moored.storage.journal import Journal

    study = study_of()
    endpoint = external_endpoint("http://127.0.0.1:9/v1")  # not asked: all is known of it
    with Journal(folder / "known.sqlite", "known") as journal:
        journal.keep_abilities(f"{endpoint.identity} m chat", KNOWN)
        recipe = build_recipe(study, study.sources[0], endpoint, folder, journal)
    return [read_request(recipe, "positive", text).body for text in pd.read_csv(folder / "texts.csv")["text"]]


def nothing() -> None:
    """Neither a clock nor anything else."""


def stage(
    study: Any, folder: Path, begins: Callable[[], None] = nothing, ended: Callable[[], None] = nothing
) -> None:
    """The generation of a whole study in a flow, its store and journal in `folder`."""
    from prefect import flow

    from flows.generation import generate_missing
    from moored.llm.serving import describe_endpoints
    from moored.run.run import new_run
    from moored.settings import read_settings
    from moored.storage.journal import Journal
    from moored.study.scope import Scope
    from tasks.generate import plan_generation, settle_failures
    from tasks.units import load_units, remember_study

    settings = read_settings(os.environ | {"MOORED_STORE": str(folder / "store.duckdb")})
    endpoint = describe_endpoints(study, settings.cache, settings.base_url)[study.sources[0].name]
    with Journal(settings.journal, study.name) as journal:  # no probe
        journal.keep_abilities(f"{endpoint.identity} m chat", KNOWN)

    @flow(name="stage")
    def generation() -> None:
        run = new_run(study, folder, settings)
        remember_study(run)
        plan = plan_generation(run, load_units(run))
        begins()
        generate_missing(run, plan, Scope())
        ended()
        settle_failures(run, plan)

    generation()
