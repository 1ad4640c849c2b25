"""CPU seconds of 999 bootstrap draws, by the numbers of units and of labels: two coefficients, three sources.

python tests/benchmarks/bootstrap.py [--units 1000000] [--labels 1000 10000] [--family ols]
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from moored.inference.bootstrap import bootstrap
from moored.inference.data import Sample, Source


def main() -> None:
    parser = argparse.ArgumentParser(description="The bootstrap, by units and labels.")
    parser.add_argument("--units", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--labels", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--family", choices=["ols", "logit"], default="ols")
    asked = parser.parse_args()
    for units in asked.units:
        for labels in asked.labels:
            sample = _sample(units, labels, asked.family)
            began = time.process_time()
            bootstrap(sample, asked.family, rng=1)
            seconds = time.process_time() - began
            sys.stdout.write(f"{units:10} units, {labels:6} labels, {asked.family}: {seconds:5.1f} CPU s\n")
            sys.stdout.flush()


def _sample(units: int, labels: int, family: str) -> Sample:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(units), rng.normal(size=units)])
    y = 1 + 0.5 * X[:, 1] + rng.normal(size=units)
    if family == "logit":
        y = (y > 1).astype(float)
    read = [y + rng.normal(0.0, 0.5, units) for _ in range(3)]
    if family == "logit":
        read = [np.clip(one, 0.0, 1.0) for one in read]
    sources = tuple(Source(f"s{m}", "proxy", one, X) for m, one in enumerate(read))
    labelled = np.zeros(units, dtype=bool)
    labelled[rng.choice(units, labels, replace=False)] = True
    return Sample(y, X, labelled, ("Intercept", "x"), sources)


if __name__ == "__main__":
    main()
