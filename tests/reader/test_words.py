"""Combinations of terms in words: what they come to, and how they are refused."""

from __future__ import annotations

import numpy as np
import pytest

from moored.errors import DataInvalid, TermUnknown
from moored.reader.combinations import combinations_of

TERMS = (
    "Intercept",
    "x",
    "age",
    "C(g)[T.b]",
    "C(g)[T.a b]",
    "x:age",
    "my col",
    "x - y",
    "bs(x, df=4)[1]",
    "1:x",
    "ü_%",
)


def matrix(said):
    found = combinations_of(said, TERMS)
    return (
        found.labels,
        [dict(zip(TERMS, row, strict=True)) for row in found.matrix.tolist()],
        found.null.tolist(),
    )


def only(weights):
    return dict.fromkeys(TERMS, 0.0) | weights


@pytest.mark.parametrize(
    ("said", "weights", "null"),
    [
        ("x", {"x": 1}, 0),
        ("x - age", {"x": 1, "age": -1}, 0),
        ("x = age", {"x": 1, "age": -1}, 0),
        ("x == age", {"x": 1, "age": -1}, 0),
        ("x=age+1", {"x": 1, "age": -1}, 1),
        ("2 * x - age / 4 = 0.5", {"x": 2, "age": -0.25}, 0.5),
        ("-(x + age) * 2", {"x": -2, "age": -2}, 0),
        ("1e3*x", {"x": 1000}, 0),
        ("x - 2", {"x": 1}, 2),
        ("0.5 = x", {"x": 1}, 0.5),
        ("0 = x - age", {"x": 1, "age": -1}, 0),
        ("C(g)[T.b] = C(g)[T.a b]", {"C(g)[T.b]": 1, "C(g)[T.a b]": -1}, 0),
        ("x:age - x", {"x:age": 1, "x": -1}, 0),
        ("my col = `my col` * 3", {"my col": -2}, 0),
        ("x - y", {"x - y": 1}, 0),
        ("`x` - `x - y`", {"x": 1, "x - y": -1}, 0),
        ("bs(x, df=4)[1] = 1", {"bs(x, df=4)[1]": 1}, 1),
        ("1:x - 1 * x", {"1:x": 1, "x": -1}, 0),
        ("ü_% - Intercept", {"ü_%": 1, "Intercept": -1}, 0),
        ("(x + age) / 2 - age", {"x": 0.5, "age": -0.5}, 0),
        ("- -x", {"x": 1}, 0),
    ],
)
def test_words_are_a_row_of_numbers(said, weights, null):
    labels, rows, nulls = matrix(said)
    assert labels == (said if "=" in said or not null else f"{said} = 0",) or "=" in said
    assert rows == [only(weights)]
    assert nulls == [null]


def test_a_number_beside_terms_makes_an_equation_whose_label_says_so():
    """The estimate is of the terms: called `x - 2` it would be read as the estimate of that."""
    assert matrix("x - 2, 3 * age + 1, x - age, x + 1 - 1")[0] == (
        "x - 2 = 0",
        "3 * age + 1 = 0",
        "x - age",
        "x + 1 - 1",
    )


def test_several_in_one_text_in_a_list_and_in_a_chain():
    labels, rows, nulls = matrix("x = age = 0, my col = 2")
    assert labels == ("x = age", "age = 0", "my col = 2")
    assert rows == [only({"x": 1, "age": -1}), only({"age": 1}), only({"my col": 1})]
    assert nulls == [0, 0, 2]
    assert matrix(["x = age", "age = 0, my col = 2"])[1:] == (rows, nulls)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("z", "no term is called 'z'"),
        ("x - agex", "'agex'"),
        ("xx", "'xx'"),
        ("`age ", "'`age '"),
        ("x - ", "ends where"),
        ("", "ends where"),
        ("x * age", "multiplies two terms"),
        ("1 / x", "divides by a term"),
        ("x / 0", "by zero"),
        ("x - x", "names no term"),
        ("1 = 2", "names no term"),
        ("(x - age", r"'\)' should stand where the end does"),
        ("x age", "should stand where 'age' does"),
        ("x > 1", "'>'"),
        ("2x", "'2x'"),
        ("x =", "ends where"),
        ("x,, age", "',' stands where"),
    ],
)
def test_words_that_say_nothing_are_refused_with_the_terms(said, why):
    with pytest.raises(TermUnknown, match=why) as error:
        matrix(said)
    assert "Intercept, x, age" in error.value.message
    assert error.value.exit_code == 16


def test_numbers_are_named_in_words():
    found = combinations_of([[0, 1, -1], [0.5, 0, 0], [0, -1, 2]], ("a", "b", "c"), [1, 2, 3])
    assert found.labels == ("b - c", "0.5 * a", "-b + 2 * c")
    assert found.null.tolist() == [1, 2, 3]
    assert combinations_of([0, 1, 0], ("a", "b", "c"), 2).null.tolist() == [2]
    assert combinations_of(np.eye(2), ("a", "b")).null.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("given", "q"),
    [
        ([1, 0], None),
        ([[1, np.nan, 0]], None),
        ([], None),
        (["x", 1, 2], None),
        ([0, 1, 0], [1, 2]),
        ("b", 1),
        (None, None),
    ],
)
def test_numbers_of_another_shape_are_refused(given, q):
    with pytest.raises(DataInvalid):
        combinations_of(given, ("a", "b", "c"), q)


@pytest.mark.parametrize("given", [{"x": 1, "age": -1}, {"x", "age"}])
def test_weights_by_name_are_not_read_as_the_names_alone(given):
    with pytest.raises(DataInvalid, match="of which only the names would be read"):
        combinations_of(given, TERMS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("said", ["1e400*x", "1e308*10*x", "x/1e-320", "x = 1e400", "1e400*x = 1e400 * age"])
def test_a_number_that_is_not_finite_is_refused(said):
    with pytest.raises(TermUnknown, match="a number in it is too large"):
        matrix(said)


@pytest.mark.parametrize("said", ["(" * 3000 + "x" + ")" * 3000, "-" * 5000 + "x"])
def test_words_without_end_are_refused(said):
    with pytest.raises(TermUnknown, match="nested too deeply"):
        matrix(said)
