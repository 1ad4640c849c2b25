"""Studies and data for the tests: small, written here, no text of anybody's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from moored.study import Study, parse_study


def study_table(**changes: Any) -> dict[str, Any]:
    """A study over `requests.csv` as TOML reads it; `changes` replace whole sections."""
    table: dict[str, Any] = {
        "name": "requests",
        "seed": 7,
        "data": {"source": "requests.csv"},
        "outcome": {
            "name": "polite",
            "human": "polite",
            "ask": "Is this request polite or impolite?",
            "answers": {"polite": 1.0, "impolite": 0.0},
            "examples": [["Could you kindly help me?", "polite"], ["Do it now.", "impolite"]],
        },
        "covariates": [{"name": "question", "rule": "contains(text, '?')"}],
        "labels": {"design": "simple-random", "sample": 20},
        "model": {"name": "stub"},
        "sources": [
            {"name": "proxy", "kind": "proxy"},
            {"name": "synthetic", "kind": "synthetic"},
        ],
        "estimate": {"formula": "polite ~ question", "family": "ols"},
        "generation": {"chunk_rows": 15, "concurrency": 8},
    }
    return table | changes


def study(**changes: Any) -> Study:
    """The same, parsed."""
    return parse_study(study_table(**changes))


def requests_frame(rows: int = 40) -> pd.DataFrame:
    """Requests that differ, every third of them polite on its face, with a human label that mostly agrees."""
    rng = np.random.default_rng(3)
    openings = ["Please could you", "Just", "Would you kindly", "You have to", "I need you to", "Stop and"]
    tasks = ["send the report", "fix page", "look at ticket", "answer letter", "close the window of room"]
    texts, labels = [], []
    for row in range(rows):
        opening, mark = openings[row % 6], "?" if row % 4 else "."
        texts.append(f"{opening} {tasks[row % 5]} {row}{mark}")
        kind = opening.startswith(("Please", "Would"))
        labels.append(int(kind != (rng.random() < 0.15)))
    return pd.DataFrame({"id": [f"r{row:03d}" for row in range(rows)], "text": texts, "polite": labels})


def write_requests(folder: Path, frame: pd.DataFrame | None = None) -> Path:
    """`requests.csv` in `folder`."""
    path = folder / "requests.csv"
    (requests_frame() if frame is None else frame).to_csv(path, index=False)
    return path
