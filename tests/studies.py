"""Studies and data for the tests: small, written here, no text of anybody's."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from moored.study import Study, parse_study
from tests.endpoint import text_of
from tests.toml_text import toml_of


def study_table(**changes: Any) -> dict[str, Any]:
    """A study over `requests.csv` as TOML reads it; `changes` replace whole sections."""
    table: dict[str, Any] = {
        "name": "requests",
        "seed": 7,
        "data": {"source": "requests.csv"},
        "outcome": {
            "name": "polite",
            "human": "polite",
            "ask": "Is the tone of this request positive or negative?",
            "answers": {"positive": 1.0, "negative": 0.0},
            "examples": [["Could you kindly help me?", "positive"], ["Do it now.", "negative"]],
        },
        "covariates": [{"name": "question", "rule": "contains(text, '?')"}],
        "labels": {"design": "simple-random", "sample": 30},
        "model": {"name": "stub"},
        "sources": [
            {"name": "proxy", "kind": "proxy"},
            {"name": "synthetic", "kind": "synthetic"},
        ],
        "estimate": {"formula": "polite ~ question", "family": "ols"},
        "generation": {"chunk_rows": 30, "concurrency": 8},
    }
    return table | changes


def study(**changes: Any) -> Study:
    """The same, parsed."""
    return parse_study(study_table(**changes))


def requests_frame(rows: int = 60) -> pd.DataFrame:
    """Requests that differ, every third of them polite on its face, with a human label that mostly agrees."""
    rng = np.random.default_rng(3)
    openings = ["Please could you", "Just", "Would you kindly", "You have to", "I need you to", "Stop and"]
    tasks = ["send the report", "fix page", "look at ticket", "answer letter", "close the window of room"]
    texts, labels = [], []
    for row in range(rows):
        opening, mark = openings[row % 6], "?" if row % 4 else "."
        texts.append(f"{opening} {tasks[row % 5]} {row}{mark}")
        kind = opening.startswith(("Please", "Would"))
        labels.append(int(kind != (rng.random() < 0.3)))
    return pd.DataFrame({"id": [f"r{row:03d}" for row in range(rows)], "text": texts, "polite": labels})


def write_requests(folder: Path, frame: pd.DataFrame | None = None) -> Path:
    """`requests.csv` in `folder`."""
    path = folder / "requests.csv"
    (requests_frame() if frame is None else frame).to_csv(path, index=False)
    return path


def write_study(folder: Path, **changes: Any) -> Path:
    """`requests.toml` in `folder`."""
    path = folder / "requests.toml"
    path.write_text(toml_of(study_table(**changes)))
    return path


def reads_well(body: dict[str, Any]) -> str:
    """A model that writes a short form and hears politeness, not always: what `tests.endpoint` may answer."""
    text = text_of(body)
    if "rewrite" in str(body.get("messages", "")):
        return f"In short: {text.lower()}"
    polite = any(word in text.lower() for word in ("please", "kindly"))
    mistaken = hashlib.sha256(text.encode()).digest()[0] < 40
    return "positive" if polite != mistaken else "negative"
