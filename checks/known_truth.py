"""What the tests of the gate say of worlds with a known truth: would a run on such data have been stopped?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from checks.evidence import Evidence
from checks.suites.same_law import decided, measures
from checks.view import View
from moored.benchmark.known_truth import WorldPiece, draws
from moored.inference.data import Sample
from moored.inference.simulate.worlds import WORLDS
from moored.study import parse_study


def checked(piece: WorldPiece, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `benchmark_worlds`, each with what the tests say of its world's draws.

    stopped: the share of draws that one of them stops. stopped_by: the tests, and how many draws each stopped.
    """
    said = {world: _said(piece, world) for world in piece.scenario.worlds}
    return [{**row, **said[row["world"]]} for row in rows]


def _said(piece: WorldPiece, world: str) -> dict[str, Any]:
    found = [failing(sample, WORLDS[world].family) for sample in draws(piece, world)]
    counted = Counter(test for tests in found for test in tests)
    by = [f"{count} {test}" for test, count in counted.most_common()]
    return {"stopped": float(np.mean([bool(tests) for tests in found])), "stopped_by": by}


def failing(sample: Sample, family: str) -> list[str]:
    """The tests (validity rules 2, 5, 6, 7) that stop a run on this sample, at a study's default level."""
    evidence = _evidence(sample, family)
    tests, each = decided(list(measures(View(evidence))), evidence.study.checks.alpha)
    return sorted({test.check for test in tests if test.observed < each})


def _evidence(sample: Sample, family: str) -> Evidence:
    """The sample as a study would have gathered it: covariates by rule, every text read, all rows of one recipe."""
    names = [f"x{j}" for j in range(1, sample.X.shape[1])]
    ids = pd.Series(np.arange(sample.n_total)).astype(str)
    y = np.where(sample.labelled, sample.y, np.nan)
    units = {"unit_id": ids, "text": "a text", "labelled": sample.labelled, "cluster": None, "y": y}
    units |= {"probability": sample.labelled.mean()} | dict(zip(names, sample.X.T[1:], strict=True))
    shared = {"unit_id": ids, "step": "read.y", "draw": 0, "recipe": "one", "status": "ok"}
    read = [pd.DataFrame(shared | {"source": s.name, "value": s.y}) for s in sample.sources]
    study = parse_study(
        {
            "name": "world",
            "data": {"source": "world.csv"},
            "outcome": {"name": "y", "human": "y", "ask": "?", "answers": {"no": 0.0, "yes": 1.0}},
            "covariates": [{"name": name, "rule": "length(text)"} for name in names],
            "labels": {"design": "simple-random"},
            "model": {"name": "embedded"},
            "sources": [{"name": source.name, "kind": "proxy"} for source in sample.sources],
            "estimate": {"formula": " + ".join(["y ~ 1", *names]), "family": family},
        }
    )
    return Evidence(study, pd.DataFrame(units), pd.concat(read, ignore_index=True), sample)
