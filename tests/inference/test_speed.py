"""CPU seconds against statsmodels' GMM and ppi-python at T = 1e5, p = 5, M = 1, in one run."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from moored.inference import ESTIMATORS, FAMILIES, gmm
from tests.inference.worlds import draw

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
T, N, P = 100_000, 1000, 5


def cpu(function, repeat):
    spent = []
    for _ in range(repeat):
        start = time.process_time()
        function()
        spent.append(time.process_time() - start)
    return float(np.median(spent))


def sample_of(family):
    return draw(family, T=T, n=N, p=P, M=1, rng=1, predicted_covariates=False)


@pytest.mark.parametrize("family", ["ols", "logit"])
def test_benchmark(benchmark, family):
    sample = sample_of(family)
    benchmark(lambda: gmm(sample, family))


@pytest.mark.parametrize("family", ["ols", "logit"])
def test_sixty_times_faster_than_statsmodels(family):
    from statsmodels.sandbox.regression.gmm import GMM

    sample, f = sample_of(family), FAMILIES[family]
    X, S = sample.sources[0].X, sample.labelled[:, None].astype(float)
    y = np.nan_to_num(sample.y)
    start = np.zeros(2 * P)

    class Augmented(GMM):
        def momcond(self, params):
            h = f.psi(sample.sources[0].y, X, params[P:])
            return np.column_stack([f.psi(y, X, params[:P]) * S, h * S, h])

    def theirs():
        model = Augmented(np.zeros(T), np.zeros((T, 1)), np.zeros((T, 3 * P)), k_moms=3 * P, k_params=2 * P)
        model.fit(start, maxiter=2, wargs={"centered": False}, optim_args={"disp": 0})

    ratio = cpu(theirs, 1) / cpu(lambda: gmm(sample, family), 5)
    sys.stderr.write(f"{family}: {ratio:.0f} times faster than statsmodels' GMM\n")
    assert ratio > 60


@pytest.mark.parametrize("family", ["ols", "logit"])
def test_faster_than_ppi_python_once_compiled(family):
    import ppi_py

    sample = sample_of(family)
    L, source = sample.labelled, sample.sources[0]
    X, y, f = source.X[L], sample.y[L], source.y[L]
    X_rest, f_rest = source.X[~L], source.y[~L]
    their = getattr(ppi_py, f"ppi_{'ols' if family == 'ols' else 'logistic'}_ci")
    if family == "logit":
        f, f_rest = f.round(), f_rest.round()
    their(X, y, f, X_rest, f_rest)
    seconds = cpu(lambda: their(X, y, f, X_rest, f_rest), 5)
    ours = cpu(lambda: gmm(sample, family), 5), cpu(lambda: ESTIMATORS["ppi++-proxy"](sample, family), 5)
    sys.stderr.write(f"{family}: gmm {ours[0]:.3f} s, ppi++ {ours[1]:.3f} s, ppi-python {seconds:.3f} s\n")
    assert ours[0] < seconds


def test_first_answer_of_a_new_process():
    """What a user waits for: import and one fit, against ppi-python's import and compilation."""
    code = (
        "import numpy as np; from moored.inference import Sample, Source, gmm; r = np.random.default_rng(0);"
        "X = np.column_stack([np.ones(10000), r.normal(size=10000)]); y = X.sum(1) + r.normal(size=10000);"
        "s = Source('p', 'proxy', y + r.normal(size=10000), X); print(gmm(Sample(y, X, np.arange(10000) < 500,"
        "(), (s,))).estimate)"
    )
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env={**os.environ})
    assert time.perf_counter() - start < 5
