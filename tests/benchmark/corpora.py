"""Small corpora for the benchmark's tests, made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from moored.benchmark.corpus import Corpus, read_corpus
from moored.benchmark.task import load_task

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared corpora are not here")

TOML = """
name = "mine"
data = "mine.csv"
formula = "polite ~ hedge"

[sources]
proxy = "read ~ hedge"
synthetic = "written ~ hedge"
"""


def frame(T: int = 400, seed: int = 1) -> pd.DataFrame:
    """Texts' numbers: a binary outcome and covariate, a good reading and a worse one."""
    rng = np.random.default_rng(seed)
    hedge = (rng.random(T) < 0.3).astype(int)
    polite = (rng.random(T) < 0.4 + 0.2 * hedge).astype(int)
    read = np.clip(0.7 * polite + 0.3 * rng.random(T), 0, 1)
    written = np.clip(0.3 * polite + 0.7 * rng.random(T), 0, 1)
    return pd.DataFrame({"polite": polite, "hedge": hedge, "read": read, "written": written})


def write_task(folder: Path, text: str = TOML, rows: pd.DataFrame | None = None) -> Path:
    """`mine.toml` and `mine.csv` in a folder."""
    (frame() if rows is None else rows).to_csv(folder / "mine.csv", index=False)
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def corpus(folder: Path) -> Corpus:
    """The corpus of `write_task`."""
    return read_corpus(load_task(write_task(folder)), None)
