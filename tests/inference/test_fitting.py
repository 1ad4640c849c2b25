"""The front door: what a notebook writes gives what the sample, the formula and the estimator give."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import moored
from moored.errors import ColumnMissing, DataInvalid, NoLabels, Unidentified
from moored.inference import ESTIMATORS, Columns, sample_from_frame


def table(T=300, n=80, seed=1):
    rng = np.random.default_rng(seed)
    x, g = rng.normal(size=T), rng.choice(["a", "b", "c & d"], T)
    truth = 0.5 * x + (g == "b") + rng.normal(size=T)
    frame = pd.DataFrame({"x": x, "g": g, "my y": truth, "gpt": truth + rng.normal(size=T) / 2})
    frame["syn"] = frame["gpt"] + rng.normal(size=T) / 2
    frame["seen"] = rng.permutation(T) < n
    frame["person"] = np.arange(T) // 3
    frame["w"] = T / n
    frame["y"] = frame["my y"].where(frame["seen"])
    return frame


def same(fit, other):
    np.testing.assert_array_equal(fit.estimate, other.estimate)
    np.testing.assert_array_equal(fit.covariance, other.covariance)
    assert fit.terms == other.terms


def by_hand(frame, formula, sources, estimator, family="ols", **columns):
    return ESTIMATORS[estimator](
        sample_from_frame(frame, Columns(formula, "seen", sources, **columns)), family
    )


def test_the_headline_is_the_default_and_where_the_outcome_is_there_a_human_labelled():
    frame = table()
    expected = by_hand(frame, "y ~ x + g", {"gpt": "gpt ~ x + g"}, "gmm-small")
    for fit in (
        moored.fit(frame, "y ~ x + g", sources="gpt"),
        moored.fit(frame, "y ~ x + g", sources=["gpt"]),
        moored.fit(frame, "y ~ x + g", sources={"gpt": "gpt"}, labelled="seen"),
        moored.fit(frame, "`my y` ~ x + g", sources={"m": "gpt ~ x + g"}, labelled="seen"),
    ):
        assert fit.estimator == "gmm-small"
        same(fit, expected)
    assert moored.fit(frame, "y ~ x + g", sources="gpt").formula == "y ~ x + g"


def test_an_estimator_clusters_weights_and_several_sources():
    frame = table()
    sources = {"gpt": "gpt ~ x", "syn": "syn ~ x"}
    fit = moored.fit(
        frame, "y ~ x", sources=["gpt", "syn"], estimator="gmm-synth", cluster="person", weights="w"
    )
    same(fit, by_hand(frame, "y ~ x", sources, "gmm-synth", cluster="person", weights="w"))
    assert fit.sources == ("gpt", "syn")
    alone = moored.fit(frame, "y ~ x", estimator="human", level=0.9)
    assert (alone.sources, alone.level) == ((), 0.9)
    classes = frame.assign(y=(frame["y"] > 0).where(frame["seen"]), gpt=frame["gpt"] > 0)
    assert moored.fit(classes, "y ~ x", sources="gpt", family="multinomial:2").estimator == "gmm-proxy"


def test_a_table_has_any_index_and_any_make():
    frame = table()
    expected = moored.fit(frame, "y ~ x", sources="gpt")
    same(moored.fit(frame.set_index("person"), "y ~ x", sources="gpt"), expected)
    same(moored.fit(frame.to_dict("list"), "y ~ x", sources="gpt"), expected)
    same(moored.fit(frame.rename(columns={"person": 7, "seen": 8}), "y ~ x", sources="gpt"), expected)
    shuffled = frame.sample(frac=1.0, random_state=1)
    np.testing.assert_allclose(
        moored.fit(shuffled, "y ~ x", sources="gpt").estimate, expected.estimate, rtol=1e-9
    )


class Polars:
    """What a polars frame is to us where pyarrow is not installed."""

    def __init__(self, frame):
        self.frame = frame

    def to_pandas(self):
        raise ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow")

    def to_dict(self, *, as_series):
        assert as_series is False
        return {name: self.frame[name].tolist() for name in self.frame}


def test_polars_needs_no_pyarrow():
    frame = table()
    same(moored.fit(Polars(frame), "y ~ x", sources="gpt"), moored.fit(frame, "y ~ x", sources="gpt"))


def test_polars_and_pyarrow_themselves():
    frame = table()
    expected = moored.fit(frame, "y ~ x + g", sources="gpt")
    same(moored.fit(pl.DataFrame(frame.to_dict("list")), "y ~ x + g", sources="gpt"), expected)
    same(moored.fit(pa.Table.from_pandas(frame), "y ~ x + g", sources="gpt"), expected)


def test_odd_names_of_columns():
    frame = table().rename(columns={"x": "a:b", "gpt": "GPT-4 (%)", "y": "is it - polite?"})
    frame["labelled"] = 7  # a column of the user's own, which is not asked for
    fit = moored.fit(frame, "`is it - polite?` ~ `a:b`", sources="GPT-4 (%)")
    assert fit.terms == ("Intercept", "a:b")
    assert fit.sources == ("GPT-4 (%)",)
    assert fit.contrast("a:b = 1").iloc[0]["estimate"] == fit.params["a:b"]
    assert "GPT" not in repr(fit)


def test_a_source_takes_the_outcomes_transformation():
    frame = table().assign(**{"the y": lambda t: np.exp(t["y"]), "GPT 4": lambda t: np.exp(t["gpt"])})
    expected = moored.fit(frame, "log(`the y`) ~ x", sources={"GPT 4": "log(`GPT 4`) ~ x"})
    same(moored.fit(frame, "log(`the y`) ~ x", sources="GPT 4"), expected)
    same(
        moored.fit(frame, "I(y * 2) ~ x", sources="gpt"),
        moored.fit(frame, "I(y * 2) ~ x", sources={"g": "I(gpt * 2) ~ x"}),
    )
    with pytest.raises(DataInvalid, match="several columns"):
        moored.fit(frame, "I(y - x) ~ g", sources="gpt")


def test_categories_and_their_contrasts():
    fit = moored.fit(table(), "y ~ x + C(g)", sources="gpt")
    assert fit.terms == ("Intercept", "x", "C(g)[T.b]", "C(g)[T.c & d]")
    assert fit.wald_test("C(g)[T.b] = C(g)[T.c & d] = 0").df == 2


@pytest.mark.parametrize(
    ("arguments", "error", "why"),
    [
        ({"data": 3}, DataInvalid, "int is not a data frame"),
        ({"formula": ["y ~ x"]}, DataInvalid, "formula came as list"),
        ({"formula": "y"}, DataInvalid, "outcome ~ covariates"),
        ({"formula": "z ~ x"}, ColumnMissing, "names the column 'z'"),
        ({"formula": "y ~ z"}, ColumnMissing, "no column 'z'"),
        ({"sources": 3}, DataInvalid, "sources came as int"),
        ({"sources": "z"}, ColumnMissing, "A source names the column 'z'"),
        ({"sources": {"a": 3}}, DataInvalid, "the source 'a' came as 3"),
        ({"sources": ["gpt", "gpt"]}, DataInvalid, "share the name"),
        ({"sources": {"gpt:human": "gpt"}}, DataInvalid, "is of kind 'human'"),
        ({"labelled": "z"}, ColumnMissing, "no column 'z'"),
        ({"labelled": "g"}, DataInvalid, "must be 1, true"),
        ({"family": "logistic"}, DataInvalid, "No family is called 'logistic'"),
        ({"estimator": "ppi"}, DataInvalid, "No estimator is called 'ppi'"),
        ({"level": 95}, DataInvalid, "between 0.5 and 1"),
        ({"level": 0.05}, DataInvalid, r"0.95 for 95% intervals \(alpha = 0.05\)"),
        ({"level": "0.95"}, DataInvalid, "The level is '0.95'"),
        ({"level": None}, DataInvalid, "The level is None"),
        ({"family": None}, DataInvalid, "The family came as NoneType"),
        ({"estimator": ["human"]}, DataInvalid, "estimator came as list; give a name, as text"),
        (
            {"labelled": pd.Series([1])},
            DataInvalid,
            "labelled came as Series; give a name, as text, of a column",
        ),
        ({"weights": np.ones(3)}, DataInvalid, "weights came as ndarray"),
        ({"probability": [0.5]}, DataInvalid, "probability came as list"),
        ({"cluster": ["person"]}, DataInvalid, "cluster came as list"),
        ({"strata": pd.Series([1])}, DataInvalid, "strata came as Series"),
        ({"cluster": "z"}, ColumnMissing, "no column 'z'"),
        ({"missing": "ignore"}, DataInvalid, "drop"),
    ],
)
def test_what_cannot_be_fitted_is_one_sentence(arguments, error, why):
    given = {"data": table(), "formula": "y ~ x", "sources": "gpt"} | arguments
    data, formula = given.pop("data"), given.pop("formula")
    with pytest.raises(error, match=f"(?i){why}") as caught:
        moored.fit(data, formula, **given)
    assert "\n" not in caught.value.message


def test_nobody_labelled_and_too_few():
    with pytest.raises(NoLabels):
        moored.fit(table().assign(y=np.nan), "y ~ x", sources="gpt")
    with pytest.raises(Unidentified):
        moored.fit(table(n=3), "y ~ x", sources="gpt")
    levels = table()
    levels.columns = pd.MultiIndex.from_product([["a"], levels.columns])
    with pytest.raises(DataInvalid, match="2 levels"):
        moored.fit(levels, "y ~ x")


def test_the_example_of_the_docstring_runs():
    import doctest

    from moored.inference import fitting

    assert doctest.testmod(fitting, raise_on_error=True).attempted >= 5


@pytest.mark.parametrize("name", ["1", "0", "2020", "1.5", "-1", " 1 "])
def test_a_column_named_as_a_number_is_not_taken_for_the_constant(name):
    frame = table().rename(columns={"x": name})
    with pytest.raises(DataInvalid, match="rename the column"):
        moored.fit(frame, f"y ~ `{name}`", sources="gpt")
    with pytest.raises(DataInvalid, match="rename the column"):
        moored.fit(frame.rename(columns={"y": "z", name: "x"}), f"`{name}` ~ x", sources="gpt")


def test_ranges_of_pandas_cut_are_categories():
    frame = table()
    cut = pd.cut(frame["x"], [-9, -0.5, 0.5, 9])
    fit = moored.fit(frame.assign(x=cut), "y ~ x", sources="gpt")
    assert fit.terms == ("Intercept", "x[T.(-0.5, 0.5]]", "x[T.(0.5, 9.0]]")
    said = moored.fit(frame.assign(x=cut.cat.rename_categories(["a", "b", "c"])), "y ~ x", sources="gpt")
    np.testing.assert_array_equal(fit.estimate, said.estimate)


SPELLED = {
    "whole floats": lambda code, row: float(code) if row % 2 else code,
    "decimals": lambda code, row: (Decimal(f"{code}.00"), Fraction(code), np.int8(code))[row % 3],
    "texts of the numbers": lambda code, row: str(code) if row % 2 else code,
    "blanks": lambda code, row: f"u{code} " if row % 2 else f"u{code}",
    "accents": lambda code, row: ("é", "e\u0301")[row % 2] + str(code),
    "tuples": lambda code, row: (code, "a"),
}


@pytest.mark.parametrize("spelling", SPELLED)
def test_one_code_spelled_in_two_ways_is_one_cluster(spelling):
    """Units of one person that count as of two give a standard error that is too small."""
    frame = table()
    spelled = [SPELLED[spelling](code, row) for row, code in enumerate(frame["person"])]
    other = frame.assign(person=pd.Series(spelled, dtype=object))
    expected = moored.fit(frame, "y ~ x", sources="gpt", cluster="person")
    found = moored.fit(other, "y ~ x", sources="gpt", cluster="person")
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-10)


def test_codes_that_only_look_alike_stay_apart():
    frame = table()
    halves = moored.fit(frame.assign(person=np.arange(300) / 2), "y ~ x", sources="gpt", cluster="person")
    texts = frame.assign(person=[f"0{'0' * (row % 2)}{row // 2}" for row in range(300)])
    alone = moored.fit(texts, "y ~ x", sources="gpt", cluster="person")
    np.testing.assert_allclose(halves.se, alone.se, rtol=1e-10)


@pytest.mark.parametrize(
    ("columns", "options", "error", "why"),
    [
        (
            {"person": [[1]] * 300},
            {"cluster": "person"},
            DataInvalid,
            r"holds \[1\]; a code is a number or a text",
        ),
        ({"gpt": np.ones((300, 2))}, {"sources": "gpt"}, DataInvalid, "'gpt' is an array of 2 dimensions"),
        ({7: np.ones(300)}, {"sources": "7"}, ColumnMissing, "its name is no text but 7; rename it"),
    ],
)
def test_what_is_no_column_of_values_is_refused_by_name(columns, options, error, why):
    given = {name: values.to_numpy() for name, values in table().items()} | columns
    with pytest.raises(error, match=why):
        moored.fit(given, "y ~ x", **options)


@pytest.mark.parametrize("kind", [object, "string", "category"])
def test_space_around_a_category_is_none_of_it(kind):
    """As the command line reads the same table; "b" and "b " were two terms."""
    frame = table()
    padded = [f" {level}" if row % 3 else f"{level}\t" for row, level in enumerate(frame["g"])]
    expected = moored.fit(frame, "y ~ g", sources="gpt")
    same(moored.fit(frame.assign(g=pd.Series(padded).astype(kind)), "y ~ g", sources="gpt"), expected)


def test_an_order_of_padded_categories_is_kept():
    frame = table()
    order = ["b ", "c & d", "a", "b", "none"]
    padded = [level + " " if level == "b" and row % 2 else level for row, level in enumerate(frame["g"])]
    found = moored.fit(frame.assign(g=pd.Categorical(padded, order, ordered=True)), "y ~ g", sources="gpt")
    assert found.terms == ("Intercept", "g[T.c & d]", "g[T.a]")
