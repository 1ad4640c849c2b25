"""A stream gives what the sample in memory gives, in as few passes as promised."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moored.errors import DataInvalid, NoLabels
from moored.inference import ESTIMATORS, estimate
from tests.inference.worlds import draw

STREAMING = [name for name in ESTIMATORS if name != "gmm-small"]


class Stream:
    def __init__(self, sample, size=170):
        self.sample, self.size, self.passes = sample, size, 0

    def __call__(self):
        self.passes += 1
        for start in range(0, self.sample.n_total, self.size):
            yield self.sample.take(np.arange(start, min(start + self.size, self.sample.n_total)))


@pytest.mark.parametrize("family", ["ols", "logit", "poisson"])
@pytest.mark.parametrize("name", STREAMING)
def test_every_estimator_streams(name, family):
    sample = draw(family, M=2, kinds=("proxy", "synthetic"), rng=31)
    whole, chunked = ESTIMATORS[name](sample, family), ESTIMATORS[name](Stream(sample), family)
    np.testing.assert_allclose(chunked.estimate, whole.estimate, atol=1e-10, rtol=0)
    np.testing.assert_allclose(chunked.covariance, whole.covariance, atol=1e-10, rtol=0)
    assert chunked.warnings == whole.warnings
    assert (chunked.n_labelled, chunked.n_total) == (sample.n_labelled, sample.n_total)


@pytest.mark.parametrize("design", ["cluster", "strata", "probability"])
@pytest.mark.parametrize("name", ["gmm-synth", "ppi++-proxy", "human"])
def test_designs_stream(name, design):
    rng = np.random.default_rng(1)
    sample = draw("logit", M=2, rng=32)
    T = sample.n_total
    codes = rng.permutation(np.repeat(np.arange(T // 4), 4)) if design == "cluster" else rng.integers(0, 3, T)
    given = rng.uniform(0.2, 0.9, T) if design == "probability" else codes
    sample = replace(sample, **{design: given})
    whole, chunked = ESTIMATORS[name](sample, "logit"), ESTIMATORS[name](Stream(sample), "logit")
    np.testing.assert_allclose(chunked.estimate, whole.estimate, atol=1e-10, rtol=0)
    np.testing.assert_allclose(chunked.covariance, whole.covariance, atol=1e-10, rtol=0)


@pytest.mark.parametrize(("family", "passes"), [("mean", 2), ("ols", 2), ("logit", 25)])
def test_number_of_passes(family, passes):
    stream = Stream(draw(family, p=1 if family == "mean" else 3, M=2, rng=33))
    ESTIMATORS["gmm-synth"](stream, family)
    assert stream.passes - 1 <= passes  # one look at the first chunk is no pass


def test_default_estimators_of_a_stream():
    stream = Stream(draw("ols", M=2, kinds=("proxy", "synthetic"), rng=34))
    assert [fit.estimator for fit in estimate(stream, "ols")] == ["human", "gmm-proxy", "gmm-synth"]


def test_a_stream_without_labels_or_rows_is_refused():
    sample = draw("ols", M=1, rng=35)
    bare = replace(sample, labelled=np.zeros(sample.n_total, bool))
    with pytest.raises(NoLabels, match="None of the 1000 units"):
        ESTIMATORS["gmm-synth"](Stream(bare), "ols")
    with pytest.raises(NoLabels, match="no rows"):
        ESTIMATORS["gmm-synth"](lambda: iter(()), "ols")


def test_chunks_that_change_their_sources_are_refused():
    sample = draw("ols", M=2, rng=36)

    def chunks():
        yield sample
        yield sample.with_sources(sample.sources[:1])

    with pytest.raises(DataInvalid, match="same sources"):
        ESTIMATORS["gmm-synth"](chunks, "ols")


def test_quantiles_need_memory():
    with pytest.raises(DataInvalid, match="in memory"):
        ESTIMATORS["human"](Stream(draw("mean", p=1, rng=37)), "quantile")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("family", ["ols", "logit"])
@pytest.mark.parametrize("kind", ["parquet", "duckdb"])
def test_ten_million_rows_in_bounded_memory(tmp_path, kind, family):
    """T = 1e7 under 1.5 GB, and time linear in T."""
    import duckdb

    seconds = {}
    for T in (1_000_000, 10_000_000):
        path = tmp_path / f"{T}.{kind}"
        store = path if kind == "duckdb" else ":memory:"
        with duckdb.connect(str(store), config={"memory_limit": "2GB"}) as connection:
            connection.sql(
                f"""create view made as (with u as
                (select range as i, random() - 0.5 as x, random() as e from range({T}))
                select case when i % 100 = 0 then (case when e < 0.5 + 0.4 * x then 1 else 0 end) end as y,
                x, i % 100 = 0 as s, (case when e < 0.5 + 0.4 * x then 0.8 else 0.3 end)
                + 0.2 * random() as f, x + 0.1 * random() as g from u)"""
            )
            if kind == "duckdb":
                connection.sql("create table units as from made")
            else:
                connection.sql(f"copy made to '{path}' (format parquet)")
        table = f"{path}::units" if kind == "duckdb" else str(path)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, table, family], check=True, capture_output=True, text=True
        )
        wall, peak, n_total = done.stdout.split()
        seconds[T] = float(wall)
        sys.stderr.write(f"{kind} {family} T={T}: {wall} s, {float(peak) / 1e6:.2f} GB\n")
        assert int(n_total) == T
        assert float(peak) < 1.5e6  # kilobytes
    assert seconds[10_000_000] < 20 * seconds[1_000_000]


PROGRAM = textwrap.dedent(
    """
    import re, sys, time
    from pathlib import Path
    from moored.inference import gmm
    from moored.inference.formula import Columns, stream_from_frames
    from moored.storage.column_sql import Wanted
    from moored.storage.columns import chunk_reader
    columns = Columns("y ~ x", "s", {"proxy": "f ~ g"})
    wanted = Wanted(variables=("y", "x", "f", "g"), marks=("s",))
    start = time.perf_counter()
    fit = gmm(stream_from_frames(chunk_reader(sys.argv[1], wanted, 200_000), columns), sys.argv[2])
    spent = time.perf_counter() - start
    peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
    print(spent, peak, fit.n_total)
    """
)
