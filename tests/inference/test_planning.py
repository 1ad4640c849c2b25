"""Closed forms of planning against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moored.errors import DataInvalid
from moored.inference import ESTIMATORS, Pilot, cheapest, detectable, least_r2, most_precise, power
from moored.inference.planning import adjusted_r2
from tests.inference.worlds import draw

PILOT = Pilot(sigma=2.0, r2=0.6)


def test_effective_n_is_the_number_of_labels_that_human_only_would_need():
    n, T = 80, 1000
    assert PILOT.sigma / math.sqrt(PILOT.effective_n(n, T)) == pytest.approx(PILOT.se(n, T), rel=1e-12)
    assert PILOT.labels_saved(n, T) == pytest.approx(1 - n / PILOT.effective_n(n, T), rel=1e-12)


def test_variance_of_the_mean_with_known_weights():
    rng, n, T, R2 = np.random.default_rng(4), 50, 200, 0.6
    z = rng.normal(size=(10_000, T))
    y = math.sqrt(R2) * z + math.sqrt(1 - R2) * rng.normal(size=z.shape)
    estimate = y[:, :n].mean(1) - math.sqrt(R2) * (z[:, :n].mean(1) - z.mean(1))
    assert estimate.std() == pytest.approx(Pilot(1.0, R2).se(n, T), rel=0.03)


@pytest.mark.parametrize("se", [0.1, 0.2, 0.35])
@pytest.mark.parametrize("r2", [0.0, 0.3, 0.9])
def test_labels_needed_is_the_first_n_that_reaches_the_error(se, r2):
    pilot, T = Pilot(2.0, r2), 1500
    brute = next(n for n in range(1, T + 1) if pilot.se(n, T) <= se * (1 + 1e-12))
    assert pilot.labels_needed(se, T) == brute


def test_labels_needed_refuses_what_no_labelling_reaches():
    with pytest.raises(DataInvalid, match="needs more units") as caught:
        PILOT.labels_needed(0.01, 1000)
    assert caught.value.details["units"] == 40_000


@pytest.mark.parametrize(("label", "calls"), [(1.0, 0.01), (1.0, 0.2), (1.0, 3.0), (5.0, 0.001)])
@pytest.mark.parametrize("r2", [0.0, 0.5, 0.95])
def test_cheapest_against_every_plan(label, calls, r2):
    pilot, se = Pilot(1.0, r2), 0.1
    plans = [label * 100]
    for T in range(2, 4000):
        room = se**2 - r2 / T
        n = math.ceil((1 - r2) / room - 1e-9) if room > 0 else T
        plans += [label * max(n, 1) + calls * T] if n < T else []
    found = cheapest(pilot, se, label=label, calls=calls)
    assert found.se <= se * (1 + 1e-9)
    assert found.cost <= min(plans) + 2 * calls + label


def test_cheapest_keeps_to_the_units_there_are():
    free = cheapest(PILOT, 0.1, label=1, calls=0.001)
    bound = cheapest(PILOT, 0.1, label=1, calls=0.001, units=500)
    assert bound.T <= 500 < free.T
    assert bound.se <= 0.1
    assert bound.n == PILOT.labels_needed(0.1, 500)


@pytest.mark.parametrize(("label", "calls"), [(2.0, 0.05), (2.0, 3.0), (1.0, 0.001)])
@pytest.mark.parametrize("r2", [0.0, 0.2, 0.6, 0.95, 1.0])
@pytest.mark.parametrize("units", [800, 100_000])
def test_most_precise_against_every_plan(r2, label, calls, units):
    pilot, budget = Pilot(1.0, r2), 1000.0
    alone = min(int(budget / label), units)
    best = pilot.sigma / math.sqrt(alone)
    for n in range(1, alone):
        T = min(int((budget - label * n) / calls), units)
        best = min(best, pilot.se(n, T)) if n < T else best
    found = most_precise(pilot, budget, label=label, calls=calls, units=units)
    assert found.cost <= budget + 1e-9
    assert 1 <= found.n <= found.T <= units
    assert found.se <= best * (1 + 1e-4)


def test_the_two_questions_have_one_answer():
    plan = cheapest(PILOT, 0.1, label=1, calls=0.01)
    back = most_precise(PILOT, plan.cost, label=1, calls=0.01)
    assert back.se == pytest.approx(0.1, rel=1e-3)
    assert back.n == pytest.approx(plan.n, abs=2)


def test_power_and_detectable_effect_against_draws():
    z = np.random.default_rng(5).normal(size=400_000)
    assert power(0.5, 0.2) == pytest.approx(np.mean(np.abs(z + 2.5) > 1.959964), abs=0.004)
    assert power(0.0, 1.0) == pytest.approx(0.05, abs=1e-12)
    for wanted in (0.5, 0.8, 0.95):
        assert power(detectable(0.3, power=wanted), 0.3) == pytest.approx(wanted, abs=1e-4)


def test_least_r2_is_where_the_estimated_coefficient_breaks_even():
    rng, n = np.random.default_rng(6), 20
    r2 = least_r2(n)
    z = rng.normal(size=(60_000, n))
    y = math.sqrt(r2) * z + math.sqrt(1 - r2) * rng.normal(size=z.shape)
    zc = z - z.mean(1, keepdims=True)
    a = (zc * y).sum(1) / (zc**2).sum(1)
    assert np.var(y.mean(1) - a * z.mean(1)) == pytest.approx(1 / n, rel=0.03)
    assert least_r2(4, 3) == 1.0


def test_adjusted_r2_of_noise_is_near_zero():
    rng, n, q, found = np.random.default_rng(7), 40, 6, []
    for _ in range(2000):
        y, Z = rng.normal(size=n), rng.normal(size=(n, q))
        y, Z = y - y.mean(), Z - Z.mean(0)
        left = y - Z @ np.linalg.lstsq(Z, y, rcond=None)[0]
        r2 = 1 - left @ left / (y @ y)
        found.append(1 - (1 - r2) * (n - 1) / (n - q - 1))
        assert adjusted_r2(r2, n, q) == max(found[-1], 0)
    assert abs(np.mean(found)) < 0.01


@pytest.mark.parametrize("name", ["gmm-small", "gmm-synth"])
def test_pilot_of_a_fit(name):
    sample = draw("ols", p=2, n=150, rng=3)
    fit = ESTIMATORS[name](sample, "ols")
    human = ESTIMATORS["human"](sample, "ols")
    pilot = Pilot.of(fit, fit.terms[1])
    assert pilot.sigma == pytest.approx(human.se[1] * math.sqrt(150), rel=0.05)
    assert pilot.se(150, 1000) == pytest.approx(fit.se[1], rel=0.15)


@pytest.mark.parametrize(
    "call",
    [
        lambda: Pilot(0.0, 0.5),
        lambda: Pilot(1.0, 1.5),
        lambda: PILOT.se(0, 10),
        lambda: PILOT.se(11, 10),
        lambda: PILOT.labels_needed(-1, 10),
        lambda: cheapest(PILOT, 0.1, label=0, calls=1),
        lambda: power(1, 0),
        lambda: power(1, 1, level=1.0),
        lambda: detectable(1, power=0.2),
        lambda: adjusted_r2(0.5, 3, 2),
        lambda: most_precise(PILOT, 1.0, label=5, calls=1),
        lambda: most_precise(PILOT, -1.0, label=5, calls=1),
        lambda: Pilot.of(ESTIMATORS["naive-proxy"](draw("ols"), "ols"), "x1"),
        lambda: Pilot.of(ESTIMATORS["human"](draw("ols"), "ols"), "nobody"),
    ],
)
def test_refusals(call):
    with pytest.raises(DataInvalid):
        call()


@settings(max_examples=150, deadline=None)
@given(
    sigma=st.floats(0.5, 3),
    r2=st.floats(0, 0.99),
    se=st.floats(0.15, 0.6),
    label=st.floats(0.1, 20),
    calls=st.floats(0.01, 5),
    units=st.one_of(st.none(), st.integers(5, 400)),
)
def test_the_cheapest_whole_numbers_are_those_of_trying_all(sigma, r2, se, label, calls, units):
    pilot = Pilot(sigma, r2)
    try:
        plan = cheapest(pilot, se, label=label, calls=calls, units=units)
    except DataInvalid:
        assert units is not None
        assert sigma / np.sqrt(units) > se * (1 - 1e-9)
        return
    n, T = np.meshgrid(np.arange(1, 401), np.arange(1, (units or 3000) + 1), indexing="ij")
    good = (n < T) & (sigma * np.sqrt((1 - r2) / n + r2 / T) <= se)
    costs = np.where(good, label * n + calls * T, np.inf)
    alone = label * np.ceil(sigma**2 / se**2 - 1e-9)
    assert plan.cost <= min(costs.min(), alone) * (1 + 1e-9)
    assert plan.se <= se * (1 + 1e-6)


@pytest.mark.parametrize("name", ["gmm-small", "gmm-synth"])
def test_a_pilot_knows_a_range(name):
    held = []
    big = ESTIMATORS[name](draw("ols", M=1, kinds=("synthetic",), T=40_000, n=20_000, p=2, rng=0), "ols")
    truth = Pilot.of(big, "x1")
    for seed in range(100):
        fit = ESTIMATORS[name](draw("ols", M=1, kinds=("synthetic",), T=2000, n=80, p=2, rng=seed), "ols")
        best, worst = Pilot.range_of(fit, "x1")
        middle = Pilot.of(fit, "x1")
        assert best.sigma < middle.sigma < worst.sigma
        assert worst.r2 <= middle.r2 <= best.r2
        held.append((best.sigma <= truth.sigma <= worst.sigma, worst.r2 <= truth.r2 <= best.r2))
        assert best.labels_needed(0.2, 4000) <= worst.labels_needed(0.2, 4000)
    assert np.mean(held, axis=0).min() >= 0.75


@pytest.mark.parametrize(("p", "M", "n", "least"), [(1, 3, 5, 6), (2, 1, 12, 13), (2, 3, 20, 21)])
def test_a_pilot_too_small_for_a_range_says_what_it_takes(p, M, n, least):
    family = "mean" if p == 1 else "ols"
    fit = ESTIMATORS["gmm-small"](draw(family, M=M, T=200, n=n, p=p, rng=3), family)
    with pytest.raises(DataInvalid, match=f"a pilot of this model needs {least} or more"):
        Pilot.range_of(fit, fit.terms[-1])
    fit = ESTIMATORS["gmm-small"](draw(family, M=M, T=200, n=least, p=p, rng=3), family)
    best, worst = Pilot.range_of(fit, fit.terms[-1])
    assert best.sigma < worst.sigma


@pytest.mark.parametrize(
    "asked",
    [
        lambda: PILOT.labels_needed(0.1, T=0),
        lambda: PILOT.labels_needed(0.1, T=-5),
        lambda: PILOT.labels_needed(0.1, T=math.nan),
        lambda: PILOT.labels_needed(0.1, T="100"),
        lambda: PILOT.labels_needed("small", T=100),
        lambda: PILOT.labels_needed(1e-200, T=100),
        lambda: PILOT.se(10, "100"),
        lambda: PILOT.labels_saved(None, 100),
        lambda: cheapest(PILOT, 0.1, label=1, calls=0.01, units=0),
        lambda: cheapest(PILOT, 0.1, label="1", calls=0.01),
        lambda: most_precise(PILOT, "100", label=1, calls=0.01),
        lambda: power(math.nan, 0.1),
        lambda: power("large", 0.1),
        lambda: power(0.3, True),
        lambda: detectable(0.1, power="0.8"),
        lambda: detectable(0.1, level=None),
        lambda: Pilot("1", 0.5),
        lambda: Pilot(1.0, None),
    ],
)
def test_what_is_no_such_number_is_refused(asked):
    with pytest.raises(DataInvalid):
        asked()


def test_a_pilot_of_a_corpus_is_the_same_pilot():
    sample = draw("ols", M=1, kinds=("synthetic",), T=900, n=300, p=2, rng=1)
    wide, narrow = (ESTIMATORS["gmm-synth"](sample, "ols", target=t) for t in ("population", "corpus"))
    assert Pilot.of(narrow, "x1").sigma == pytest.approx(Pilot.of(wide, "x1").sigma, rel=1e-9)
