# ruff: noqa: T201
"""What the checks cost in false alarms, in misses and in time. Run with `-m slow`."""

import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from checked_worlds import LITTLE, WORDS, World, clean, content_hash, failed_are_marked, study

from checks import Evidence, run_checks
from checks.statistics import Labelling
from checks.suites.same_law import decided, measures
from checks.view import View
from moored.inference import gmm
from moored.inference.data import Sample, Source

SIZES = ((30, 300), (60, 400), (120, 600), (200, 400))


def alarms(seeds, sizes=SIZES):
    found = Counter()
    for seed in seeds:
        n, T = sizes[seed % len(sizes)]
        failed = [
            o.check for o in run_checks(clean(seed, n=n, T=T)) if not o.passed and o.severity == "critical"
        ]
        found["worlds"] += 1
        found["stopped"] += bool(failed)
        found.update(failed)
    return found


def test_a_clean_world_of_each_size_raises_no_alarm():
    assert alarms(range(len(SIZES)))["stopped"] == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_at_most_one_in_a_hundred_of_200_clean_worlds_is_stopped(capsys):
    found = alarms(range(200))
    with capsys.disabled():
        print(f"\nfalse alarms in {found['worlds']} clean worlds: {dict(found)}")
    assert found["stopped"] <= 0.01 * found["worlds"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_tests_hold_their_level_in_1000_clean_worlds(capsys):
    stopped = 0
    for seed in range(1000, 2000):
        n, T = SIZES[seed % len(SIZES)]
        tests, each = decided(list(measures(View(clean(seed, n=n, T=T)))), 0.05)
        stopped += any(m.observed < each for m in tests)
    with capsys.disabled():
        print(f"\nat alpha = 0.05 {stopped} of 1000 clean worlds were stopped")
    # Binomial(1000, .05): 70 is three standard deviations above the mean.
    assert stopped <= 70


def asymmetric(seed, asymmetry, T=10_000, n=1000):
    """Synthetic values written from the true X where labelled and from the model's reading elsewhere."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=T)
    read = 0.8 * X + 0.6 * rng.normal(size=T) + 0.05
    outcome = X + 0.3 * rng.normal(size=T)
    labelled = np.zeros(T, bool)
    labelled[rng.choice(T, n, replace=False)] = True
    proxy = read + 0.3 * rng.normal(size=T)
    synthetic = np.where(labelled & asymmetry, X, read) + 0.3 * rng.normal(size=T)
    return outcome, labelled, proxy, synthetic


@pytest.mark.slow
def test_relations_show_asymmetric_conditioning_where_j_does_not(capsys):
    for asymmetry in (False, True):
        count = Counter()
        for seed in range(60):
            y, labelled, proxy, synthetic = asymmetric(seed, asymmetry)
            one = np.ones((len(y), 1))
            sources = (Source("p", "proxy", proxy, one), Source("s", "synthetic", synthetic, one))
            fit = gmm(Sample(y, one, labelled, ("Intercept",), sources), "mean")
            relation = Labelling(labelled).differ((proxy - proxy.mean()) * (synthetic - synthetic.mean()))
            count["covers"] += int(fit.lower[0] < 0 < fit.upper[0])
            count["j"] += int(fit.j_p_value < 1e-4)
            count["law"] += int(relation < 1e-4)
        with capsys.disabled():
            print(f"\nasymmetric {asymmetry}: of 60 intervals {count['covers']} cover; ", end="")
            print(f"J stops {count['j']}, same-law stops {count['law']}")
        if asymmetry:
            assert count["covers"] < 36
            assert count["law"] >= 54
        else:
            assert count["law"] <= 1


def asymmetric_evidence(seed, asymmetry):
    """The same world as a study would have gathered it; every text claims to be written from the same inputs."""
    y, labelled, proxy, synthetic = asymmetric(seed, asymmetry)
    T = len(y)
    texts = [f"text number {i} of this world" for i in range(T)]
    units = pd.DataFrame(
        {
            "unit_id": [f"u{i}" for i in range(T)],
            "text": texts,
            "content_hash": [content_hash(text) for text in texts],
            "labelled": labelled,
            "probability": labelled.mean(),
            "cluster": None,
            "mood": np.where(labelled, y, np.nan),
        }
    )
    outcome = {"name": "mood", "human": "mood", "ask": "Mood?", "answers": {"worst": -9.0, "best": 9.0}}
    sources = [{"name": "proxy", "kind": "proxy"}, {"name": "restated", "kind": "synthetic"}]
    asked = study(
        outcome=outcome, covariates=[], sources=sources, estimate={"formula": "mood ~ 1", "family": "mean"}
    )
    readings = {"proxy": proxy, "restated": synthetic}
    made = World(asked, units, readings, {"restated": [f"other words {i} of that world" for i in range(T)]})
    one = np.ones((T, 1))
    sample = Sample(
        units["mood"].to_numpy(),
        one,
        labelled,
        ("Intercept",),
        (Source("proxy", "proxy", proxy, one), Source("restated", "synthetic", synthetic, one)),
    )
    return Evidence(asked, units, made.generations(), sample)


def stopping(evidence):
    return {o.check for o in run_checks(evidence) if o.severity == "critical" and not o.passed}


def test_asymmetric_conditioning_is_stopped():
    assert stopping(asymmetric_evidence(0, asymmetry=True)) == {"same-law"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_asymmetric_worlds_are_stopped_and_symmetric_ones_are_not(capsys):
    found = {True: Counter(), False: Counter()}
    for asymmetry, count in found.items():
        for seed in range(20):
            evidence = asymmetric_evidence(seed, asymmetry)
            fit = gmm(evidence.sample, "mean")
            stopped = stopping(evidence)
            count["covers"] += int(fit.lower[0] < 0 < fit.upper[0])
            count["stopped"] += bool(stopped)
            count.update(stopped)
        with capsys.disabled():
            print(f"\nasymmetric {asymmetry}: of 20 runs {dict(count)}")
    assert found[True]["stopped"] >= 19
    assert found[False]["stopped"] <= 1


def million():
    T, n = 250_000, 2000
    rng = np.random.default_rng(3)
    vocabulary = np.array(WORDS + LITTLE)

    def sentences(words):
        drawn = vocabulary[rng.integers(0, len(vocabulary), (T, words))]
        return [f"{' '.join(row)} {i}" for i, row in enumerate(drawn)]

    texts = sentences(14)
    long = (rng.random(T) < 0.5).astype(float)
    mood = (rng.random(T) < 0.35 + 0.3 * long).astype(float)
    labelled = np.zeros(T, bool)
    labelled[rng.choice(T, n, replace=False)] = True
    units = {
        "unit_id": [f"u{i}" for i in range(T)],
        "text": texts,
        "content_hash": [content_hash(text) for text in texts],
        "labelled": labelled,
        "probability": n / T,
        "cluster": None,
        "mood": np.where(labelled, mood, np.nan),
        "long": long,
    }
    soft = {
        name: 1 / (1 + np.exp(1 - 2 * mood - rng.normal(size=T))) for name in ("proxy", "other", "restated")
    }
    made = World(study(), pd.DataFrame(units), soft, {"restated": sentences(13)})
    generations = failed_are_marked(made.generations())
    return Evidence(made.study, made.units, generations, made.sample(generations))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million_generations_are_checked_in_20_seconds_and_2_gb(capsys):
    # In a process of its own: the peak of memory is the process's.
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_checks_slow as t; t.measure()"
    folder = Path(__file__).parent
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    rows, cpu, wall, peak, failing = run.stdout.split()
    with capsys.disabled():
        print(
            f"\n{rows} generations: {cpu} s of CPU, {wall} s of wall time, {peak} GB at most, {failing} failing"
        )
    assert int(rows) == 1_000_000
    assert float(cpu) < 20
    assert float(peak) < 2
    assert int(failing) == 0


def measure():
    evidence = million()
    wall, cpu = time.perf_counter(), time.process_time()
    failing = sum(not outcome.passed for outcome in run_checks(evidence))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(len(evidence.generations), f"{cpu:.1f} {wall:.1f} {peak:.2f}", failing)
