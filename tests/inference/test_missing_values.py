"""Missing stays missing: against statsmodels on the complete cases."""

import json
import re
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st

from moored.errors import DataInvalid, NoLabels, NonFinite, Singular
from moored.inference import ESTIMATORS, Columns, sample_from_frame, stream_from_frames

BLANKS = (None, np.nan, pd.NA, "", "  ", "\t")
FORMULAS = (
    "y ~ x + z",
    "y ~ g",
    "y ~ C(g)",
    "y ~ C(k)",
    "y ~ g * x",
    "y ~ C(g, Treatment('b')) + z",
    "y ~ C(g, Sum)",
    "y ~ scale(x) + center(z)",
    "y ~ standardize(x) * g",
    "y ~ bs(x, df=4) + g",
    "y ~ cr(x, df=3) - 1",
    "y ~ cr(x, df=4, constraints='center') + z",
    "y ~ I(x**2) + x + g",
    "y ~ 0 + g + x",
)


def table(seed, rows=120, share=0.15):
    """Everything may be missing, for the labelled and for the others."""
    rng = np.random.default_rng(seed)
    g = rng.choice(list("abc"), rows)
    frame = pd.DataFrame(
        {
            "y": rng.normal(size=rows) + (g == "b"),
            "x": rng.normal(size=rows),
            "z": rng.exponential(size=rows),
            "k": rng.integers(1, 4, rows).astype(float),
            "s": (np.arange(rows) < 80).astype(int),
        }
    )
    frame["g"] = [BLANKS[rng.integers(len(BLANKS))] if rng.random() < share else level for level in g]
    for name in ("x", "z", "k"):
        frame.loc[rng.random(rows) < share, name] = np.nan
    frame.loc[frame["s"] == 0, "y"] = np.nan
    return frame


def complete(frame, formula):
    """statsmodels on the labelled rows that have all values, HC0."""
    names = [name for name in ("y", "x", "z", "k", "g") if re.search(rf"\b{name}\b", formula)]
    kept = frame[frame["s"] == 1].copy()
    kept["g"] = kept["g"].map(lambda value: value if isinstance(value, str) and value.strip() else None)
    kept = kept.dropna(subset=names)
    formula = formula.replace("scale(x)", "scale(x, ddof=1)")  # as R does, and formulaic
    return smf.ols(formula, kept).fit(cov_type="HC0")


@given(st.integers(0, 10**6), st.sampled_from(FORMULAS))
@settings(max_examples=30, deadline=None)
def test_human_is_the_complete_cases(seed, formula):
    frame = table(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sample = sample_from_frame(frame, Columns(formula, "s", {}, missing="drop"))
        fit = ESTIMATORS["human"](sample, "ols")
    expected = complete(frame, formula)
    np.testing.assert_allclose(
        np.sort(fit.estimate), np.sort(expected.params), atol=1e-8
    )  # patsy's own order
    np.testing.assert_allclose(np.sort(fit.se), np.sort(expected.bse), atol=1e-8)


@pytest.mark.parametrize(("formula", "plain"), [("y ~ poly(x, 3) + g", "y ~ x + I(x**2) + I(x**3) + g")])
def test_polynomials_span_the_powers(formula, plain):
    frame = table(11)
    sample = sample_from_frame(frame, Columns(formula, "s", {}, missing="drop"))
    fit = ESTIMATORS["human"](sample, "ols")
    fitted = (sample.X @ fit.estimate)[sample.labelled]
    np.testing.assert_allclose(fitted, complete(frame, plain).fittedvalues, atol=1e-8)


@pytest.mark.parametrize("blank", BLANKS, ids=repr)
@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_a_blank_category_is_refused_with_its_rows(blank, dtype):
    values = pd.Series(["a", blank, "b", "c"] * 10, dtype=object)
    frame = pd.DataFrame(
        {"y": np.random.default_rng(1).normal(size=40), "g": values.astype(dtype), "s": [1] * 20 + [0] * 20}
    )
    with pytest.raises(
        NonFinite, match=r"5 labelled units lack .*'g' of row 2, row 6, row 10, row 14, row 18"
    ):
        sample_from_frame(frame, Columns("y ~ g", "s", {}))


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "float32"])
def test_nullable_numbers_that_are_missing(dtype):
    frame = pd.DataFrame({"y": np.arange(40.0) % 7, "x": pd.array([1, 2, None, 4] * 10, dtype=dtype), "s": 1})
    with pytest.raises(NonFinite, match="'x' of row 3"):
        sample_from_frame(frame, Columns("y ~ x", "s", {}))
    sample = sample_from_frame(frame, Columns("y ~ x", "s", {}, missing="drop"))
    assert sample.n_labelled == 30


def test_a_missing_covariate_that_is_known_for_others_leaves_the_population():
    frame = table(3)
    sample = sample_from_frame(frame, Columns("y ~ x", "s", {}, missing="drop"))
    assert sample.n_total == int(frame["x"].notna().sum())
    assert any("left out" in note and "'x'" in note for note in sample.notes)
    assert any("left out" in warning for warning in ESTIMATORS["human"](sample, "ols").warnings)


def test_a_missing_label_counts_as_not_labelled():
    frame = table(4, share=0.0)
    frame.loc[[0, 5], "y"] = np.nan
    frame.loc[frame["s"] == 0, "x"] = np.nan
    frame.loc[7, "x"] = np.nan
    pi = pd.Series(0.5, index=frame.index)
    columns = Columns("y ~ x", "s", {"p": "z ~ k"}, probability="pi", missing="drop")
    sample = sample_from_frame(frame.assign(pi=pi), columns)
    assert (sample.n_total, sample.n_labelled) == (120, 77)
    np.testing.assert_allclose(sample.probability, 0.5 * 77 / 80)
    assert "'y' of row 1, row 6; 'x' of row 8" in sample.notes[0]
    with pytest.raises(NonFinite, match="3 labelled units"):
        sample_from_frame(frame.assign(pi=pi), Columns("y ~ x", "s", {}))


def test_nobody_left():
    frame = table(4).assign(x=np.nan)
    with pytest.raises(NoLabels):
        sample_from_frame(frame, Columns("y ~ x", "s", {}, missing="drop"))


def test_a_source_takes_what_the_formula_has_learned():
    frame = table(5, share=0.0)
    frame["yh"], frame["xh"], frame["gh"] = frame["z"], frame["x"] * 3 + 8, frame["g"].replace({"b": "a"})
    frame.loc[:9, "gh"] = [*BLANKS, "q", "q", "a", "c"]
    columns = Columns("y ~ scale(x) + g", "s", {"p": "yh ~ scale(xh) + gh"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sample = sample_from_frame(frame, columns)
    source, labelled = sample.sources[0], frame["s"] == 1
    mean, sd = frame["x"][labelled].mean(), frame["x"][labelled].std()
    np.testing.assert_allclose(source.X[8:, 1], ((frame["xh"] - mean) / sd)[8:])
    assert sample.terms == ("Intercept", "scale(x)", "g[T.b]", "g[T.c]")
    assert not source.observed[:8].any()
    assert source.observed[8:].all()
    assert not source.X[8:, 2].any()  # it never says b
    assert any("2 units hold 'q' in gh" in note for note in sample.notes)
    fit = ESTIMATORS["gmm-proxy"](sample, "ols")
    assert any("'q' in gh" in warning for warning in fit.warnings)
    assert np.isfinite(fit.se).all()


def test_a_spline_of_a_source_keeps_its_value_beyond_the_range():
    frame = table(6, share=0.0)
    frame["yh"], frame["xh"] = frame["z"], frame["x"] * 4
    sample = sample_from_frame(frame, Columns("y ~ bs(x, df=4)", "s", {"p": "yh ~ bs(xh, df=4)"}))
    far = sample.sources[0].X[(frame["xh"] > 4).to_numpy()]
    assert len(far) > 1
    assert np.ptp(far, axis=0).max() == 0
    assert sample.sources[0].observed is None


@pytest.mark.parametrize("codes", [[1, 2, 3], [1.0, 2.0, 3.0], ["1", "2", "3"]])
def test_categories_meet_whichever_way_a_table_has_them(codes):
    frame = table(7, share=0.0)
    frame["kh"] = pd.Series(np.resize(codes, len(frame)))
    frame["yh"] = frame["z"]
    sample = sample_from_frame(frame, Columns("y ~ C(k)", "s", {"p": "yh ~ C(kh)"}))
    assert sample.terms == ("Intercept", "C(k)[T.2]", "C(k)[T.3]")
    assert sample.sources[0].observed is None
    np.testing.assert_array_equal(sample.sources[0].X[:3, 1:], [[0, 0], [1, 0], [0, 1]])


def test_a_source_whose_categories_are_other_ones_is_refused():
    frame = table(8, share=0.0).assign(gh="yes", yh=1.0)
    with pytest.raises(DataInvalid, match=r"'yes' in gh and nothing that a labelled unit has"):
        sample_from_frame(frame, Columns("y ~ g", "s", {"p": "yh ~ gh"}))


@pytest.mark.parametrize(
    "formula", ["yh ~ xh", "yh ~ scale(xh) + g", "yh ~ scale(xh, center=False)", "yh ~ center(xh)"]
)
def test_a_source_may_not_transform_otherwise(formula):
    frame = table(8, share=0.0).assign(xh=1.0, yh=1.0)
    with pytest.raises(DataInvalid, match="write the same terms"):
        sample_from_frame(frame, Columns("y ~ scale(x)", "s", {"p": formula}))


def test_a_category_of_a_single_level_is_not_dropped_unseen():
    frame = table(9, share=0.0)
    frame.loc[frame["s"] == 1, "g"] = "a"
    with pytest.raises(Singular, match="g has a single level among the labelled units"):
        sample_from_frame(frame, Columns("y ~ g + x", "s", {}))


def test_streams_say_the_row_and_cannot_drop():
    frame = table(10, share=0.0)
    frame.loc[70, "x"] = np.nan
    chunks = lambda: (frame.iloc[i : i + 50] for i in range(0, 120, 50))  # noqa: E731
    with pytest.raises(NonFinite, match="'x' of row 71"):
        ESTIMATORS["human"](stream_from_frames(chunks, Columns("y ~ x", "s", {})), "ols")
    with pytest.raises(DataInvalid, match="cannot leave units out"):
        stream_from_frames(chunks, Columns("y ~ x", "s", {}, missing="drop"))


def run(path, *options):
    return subprocess.run(
        [sys.executable, "-m", "moored", "estimate", str(path), *options, "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_shell_says_the_same(tmp_path):
    path = tmp_path / "t.csv"
    with path.open("w") as file:
        file.write("y,g,s\n")
        for k in range(120):
            level = "abc"[k % 3]
            blank = k < 60 and k % 4 == 0
            file.write(
                f"{ {'a': 5, 'b': 1, 'c': 0}[level] + k % 2 / 10 },{'' if blank else level},{int(k < 60)}\n"
            )
    refused = run(path, "--formula", "y ~ g", "--labelled", "s", "--estimator", "human")
    assert refused.returncode == 35
    assert "'g' of row 1, row 5" in refused.stderr + refused.stdout
    done = run(path, "--formula", "y ~ g", "--labelled", "s", "--estimator", "human", "--missing", "drop")
    assert done.returncode == 0, done.stderr
    found = [row["estimate"] for row in json.loads(done.stdout)["estimates"]]
    np.testing.assert_allclose(found, [5.0667, -4.0, -5.0], atol=1e-4)
    assert "Warning" not in done.stderr


def test_a_scaled_column_that_is_empty_where_nobody_labelled(tmp_path):
    rng = np.random.default_rng(2)
    path = tmp_path / "t.csv"
    x = rng.uniform(0, 9, 40)
    y = x + rng.normal(size=40)
    lines = [f"{b},{a},1" for a, b in zip(x, y, strict=True)]
    path.write_text("\n".join(["y,x,s", *lines, *[",,0"] * 60]) + "\n")
    done = run(path, "--formula", "y ~ scale(x)", "--labelled", "s", "--estimator", "human")
    assert done.returncode == 0, done.stderr
    slope = json.loads(done.stdout)["estimates"][1]["estimate"]
    np.testing.assert_allclose(slope, np.polyfit((x - x.mean()) / x.std(ddof=1), y, 1)[0])


def test_where_every_labelled_unit_lacks_a_value_that_is_said_and_not_that_nobody_labelled():
    frame = pd.DataFrame({"y": [1.0, 2.0, 3.0], "x": [np.nan, np.nan, 2.0], "s": [1, 1, 0]})
    with pytest.raises(
        NoLabels, match=r"No labelled unit has a value .*2 units, 2 of them labelled, .* lack 'x'"
    ):
        sample_from_frame(frame, Columns("y ~ x", "s", {}, missing="drop"))
