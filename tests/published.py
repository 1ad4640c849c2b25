"""Published versions without a model: generation rows are written as a model's replies would have left them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from moored.llm.prompts import load_prompt
from moored.llm.recipe import Recipe
from moored.run.estimates import estimate_study, sample_of
from moored.run.readings import gather
from moored.storage.data_versions import store_units
from moored.storage.generations import (
    SourcePlan,
    append_generations,
    generation_seq,
    store_plan,
    store_recipe,
)
from moored.storage.ingest import read_units
from moored.storage.results import Inputs, RunRow, publish
from moored.storage.studies import store_study
from moored.storage.warehouse import open_store
from moored.study import Study
from tests.studies import requests_frame, study, write_requests

BEGAN = datetime(2026, 11, 20, 8, tzinfo=UTC)
CHECKS = (
    (
        "texts",
        "ids-present",
        "critical",
        True,
        "0",
        "none",
        (),
        "Units without an id: 0 of 60, allowed none.",
    ),
    (
        "labels",
        "labels-enough",
        "warning",
        False,
        "30",
        "at least 50",
        ("r001",),
        "Few labels: 30; label more.",
    ),
    (
        "results",
        "estimate-drift",
        "warning",
        True,
        None,
        "at most 3",
        (),
        "Rule 8: could not be asked, no version.",
    ),
)
_CHECK_KEYS = ("suite", "check", "severity", "passed", "observed", "threshold", "unit_ids", "message")


def publish_version(
    store: Path,
    folder: Path,
    frame: pd.DataFrame | None = None,
    *,
    written: Mapping[str, str] | None = None,
    failed: tuple[str, ...] = (),
    flagged: tuple[str, ...] = (),
    model: str = "stub",
    override: str | None = None,
    checks: tuple[tuple[Any, ...], ...] = CHECKS,
    **changes: Any,
) -> int:
    """Publish one version of the study of `tests.studies` over `frame`; gives the version.

    written: synthetic texts by unit id. failed, flagged: units by id.
    """
    given = study(**changes)
    write_requests(folder, requests_frame() if frame is None else frame)
    units = read_units(given, folder, folder)
    recipes = {source.name: recipe_of(given, source.name, model) for source in given.sources}
    planned = [SourcePlan(name, recipe.fingerprint, recipe.expected_rows) for name, recipe in recipes.items()]
    with open_store(store, create=True) as opened:
        run_id = f"20261120T080000-{generation_seq(opened, given.name):08d}"
        store_study(opened, given, folder)
        store_units(opened, given, units)
        for recipe in recipes.values():
            store_recipe(opened, recipe.fingerprint, recipe.model_dump_json())
        store_plan(opened, given.name, run_id, units.version, planned)
        for recipe in recipes.values():
            rows = generation_rows(given, recipe, units.frame, written or {}, set(failed), set(flagged))
            append_generations(opened, given.name, run_id, rows)
        material = gather(opened, given, units.version, planned)
        estimates = estimate_study(given, sample_of(given, material), material.units)
        keys = {name: recipe.fingerprint for name, recipe in recipes.items()}
        seq = generation_seq(opened, given.name)
        failing = [check for check in checks if not check[3]]
        row = RunRow(
            run_id,
            given.name,
            Inputs(given.fingerprint, units.version, "0.1.0+0123456789ab", keys, seq),
            BEGAN,
            headline=estimates.headline,
            marks=(*(f"[{check[1]}] {check[7]}" for check in failing), *estimates.marks),
            override_reason=override,
        )
        outcomes = pd.DataFrame(
            [dict(zip(_CHECK_KEYS, check, strict=True)) for check in checks], columns=_CHECK_KEYS
        )
        outcomes["unit_ids"] = outcomes["unit_ids"].map(list)
        return publish(opened, row, outcomes, estimates.fits)


def recipe_of(given: Study, source: str, model: str = "stub") -> Recipe:
    """The recipe of a source, as a chat model at an address would have it."""
    found = next(one for one in given.sources if one.name == source)
    written = found.kind == "synthetic"
    return Recipe(
        source=source,
        kind=found.kind,
        model=model,
        endpoint="https://models.example/v1",
        api="chat",
        scoring="logprobs",
        json_schema=False,
        draws=1,
        questions=given.questions,
        read=load_prompt("read", Path(), "read"),
        write=load_prompt("restate", Path(), "write") if written else None,
        conditioning=("text",) if written else (),
        temperature=0.7,
        max_tokens=60,
        seed=given.seed,
        redact=False,
        timeout_s=60,
    )


def generation_rows(
    given: Study,
    recipe: Recipe,
    units: pd.DataFrame,
    written: Mapping[str, str],
    failed: set[str],
    flagged: set[str],
) -> list[dict[str, Any]]:
    """A terminal row per unit and step: readings that know something of the label, some wrong ones among them."""
    rng = np.random.default_rng(5)
    rows = []
    for unit in units.itertuples():
        text = str(unit.text)
        for step, _ in recipe.steps:
            wrong = unit.unit_id in failed and step != "write"
            polite = text.startswith(("Please", "Would")) != (rng.random() < 0.15)
            value = float(np.clip(0.85 * polite + 0.1 * rng.random(), 0, 1))
            new = written.get(str(unit.unit_id), f"In other words: {text[:200]}")
            answer = "positive" if value >= 0.5 else "negative"
            said = new if step == "write" else "neither of them" if wrong else answer
            reply = {"choices": [{"message": {"content": said}}]}
            rows.append(
                {
                    "unit_id": unit.unit_id,
                    "source": recipe.source,
                    "step": step,
                    "draw": 0,
                    "recipe": recipe.fingerprint,
                    "content_hash": unit.content_hash,
                    "status": "failed" if wrong else "ok",
                    "value": None if wrong or step == "write" else value,
                    "text": None if wrong else said,
                    "reply": json.dumps(reply),
                    "error": f"answered {said!r}, allowed are positive, negative" if wrong else None,
                    "error_kind": "wrong-answer" if wrong else None,
                    "attempts": 1,
                    "prompt_tokens": 100,
                    "completion_tokens": 5,
                    "usd": 0.0001,
                    "latency_s": 0.5,
                    "cached": False,
                    "request_key": None,
                    "flag": "instructs" if unit.unit_id in flagged else None,
                    "prices": "test",
                }
            )
    return rows


def later(days: int) -> datetime:
    """So many days after the first run began."""
    return BEGAN + timedelta(days=days)
