"""Few clusters, lopsided clusters, strata with a single labelled unit, and units without a code."""

import numpy as np
import pandas as pd
import pytest

from moored.errors import DataInvalid, Unidentified
from moored.inference import ESTIMATORS, Columns, sample_from_frame, stream_from_frames
from moored.inference.data import worth

SOURCES = {"p": "yh ~ xh", "synth": "ys ~ xh"}


def table(rows=300, labelled=150, seed=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    y = x + rng.normal(size=rows)
    return pd.DataFrame(
        {
            "y": y,
            "x": x,
            "s": (np.arange(rows) < labelled).astype(int),
            "yh": y + rng.normal(size=rows),
            "ys": y + 2 * rng.normal(size=rows),
            "xh": x,
        }
    )


def fit(name, frame, **columns):
    return ESTIMATORS[name](sample_from_frame(frame, Columns("y ~ x", "s", SOURCES, **columns)), "ols")


@pytest.mark.parametrize("estimator", list(ESTIMATORS))
@pytest.mark.parametrize("clusters", [1, 2])
def test_no_more_clusters_than_coefficients_are_refused(estimator, clusters):
    frame = table().assign(who=np.arange(300) % clusters)
    with pytest.raises(Unidentified, match=f"{clusters} labelled cluster"):
        fit(estimator, frame, cluster="who")


@pytest.mark.parametrize("estimator", ["human", "gmm-proxy", "gmm-synth", "gmm-small", "ppi++-proxy"])
def test_few_clusters_are_said(estimator):
    frame = table()
    few = fit(estimator, frame.assign(who=np.arange(300) % 15), cluster="who")
    assert any("15 labelled clusters, worth 15 of equal size" in line for line in few.warnings)
    many = fit(estimator, frame.assign(who=np.arange(300) // 2), cluster="who")
    assert not any("of equal size" in line for line in many.warnings)


def test_one_large_cluster_beside_many_small_ones_is_few():
    frame = table()
    frame["who"] = np.where(np.arange(300) % 3, 0, np.arange(300))
    found = fit("human", frame, cluster="who")
    assert any("50 labelled clusters, worth 2 of equal size" in line for line in found.warnings)
    sample = sample_from_frame(frame, Columns("y ~ x", "s", SOURCES, cluster="who"))
    assert sample.independent == 2


@pytest.mark.parametrize(("sizes", "n"), [([5] * 8, 8), ([1], 1), ([], 0), ([100, 1, 1], 1), ([2, 1], 1)])
def test_what_clusters_are_worth(sizes, n):
    assert worth(sizes) == n


@pytest.mark.parametrize("option", ["cluster", "strata"])
@pytest.mark.parametrize("blank", [None, "", "  ", np.nan, pd.NA])
def test_a_unit_without_a_code_is_refused_with_its_row(option, blank):
    frame = table()
    frame["code"] = pd.Series([f"c{k % 40}" for k in range(300)], dtype=object)
    frame.loc[[4, 6], "code"] = blank
    with pytest.raises(DataInvalid, match=r"2 do not have it: row 5, row 7"):
        fit("human", frame, **{option: "code"})


@pytest.mark.parametrize("option", ["weights", "probability"])
@pytest.mark.parametrize("bad", [np.nan, 0.0, -1.0, np.inf])
def test_a_unit_without_a_weight_is_refused_with_its_row(option, bad):
    frame = table().assign(w=2.0 if option == "weights" else 0.5)
    frame.loc[[4, 6], "w"] = bad
    with pytest.raises(DataInvalid, match=r"2 do not have it: row 5, row 7"):
        fit("human", frame, **{option: "w"})
    with pytest.raises(DataInvalid, match="it holds 'many'"):
        fit("human", frame.assign(w="many"), **{option: "w"})


@pytest.mark.parametrize("alone", [1, 2, 5])
def test_strata_with_a_single_labelled_unit_are_pooled_and_said(alone):
    frame = table()
    frame["h"] = np.where(np.arange(300) % 2, "a", "b")
    lonely = [f"l{k}" for k in range(alone)]
    frame.loc[range(alone), "h"] = lonely
    frame.loc[range(200, 200 + alone), "h"] = lonely
    found = fit("human", frame, strata="h")
    assert any(
        f"{', '.join(lonely)} {'has' if alone == 1 else 'have'} a single labelled unit" in line
        for line in found.warnings
    )
    pooled = frame.assign(h=frame["h"].replace(dict.fromkeys(lonely, "pool" if alone > 1 else "b")))
    whole = fit("human", frame.assign(p=_rates(frame)), strata="h", probability="p")
    merged = fit("human", pooled.assign(p=_rates(frame)), strata="h", probability="p")
    np.testing.assert_allclose(whole.se, merged.se)
    chunks = lambda: (frame.iloc[i : i + 70] for i in range(0, 300, 70))  # noqa: E731
    streamed = ESTIMATORS["human"](
        stream_from_frames(chunks, Columns("y ~ x", "s", SOURCES, strata="h")), "ols"
    )
    np.testing.assert_allclose(streamed.se, found.se)
    assert streamed.warnings == found.warnings


def _rates(frame):
    return frame.groupby("h")["s"].transform("mean")


def test_a_stratum_without_a_labelled_unit_is_refused():
    frame = table().assign(h=["z" if k > 250 else "ab"[k % 2] for k in range(300)])
    with pytest.raises(DataInvalid, match="no labelled unit"):
        fit("human", frame, strata="h")
