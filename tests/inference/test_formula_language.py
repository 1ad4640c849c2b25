"""What a formula may say, and what it may not drop unseen."""

from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moored.errors import DataInvalid, MooredError
from moored.inference import fit
from moored.inference.formula import Columns, sample_from_frame
from moored.inference.formulas.expressions import FUNCTIONS
from moored.inference.formulas.grammar import read_formula


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("y ~ x + x^2", "for a square write I(x**2), or poly(x, 2)"),
        ("y ~ x**2", "for a square write I(x**2)"),
        ("y ~ x + x:x", "for a square write I(x**2)"),
        ("y ~ x*x", "for a square write I(x**2)"),
        ("y ~ a:b^3", "I(b**2)"),
        ("y ~ log(x)^2", "I(log(x)**2)"),
        ("y ~ `my x`^2", "I(`my x`**2)"),
        ("y ~ I(x^2)", "^ is no power inside a function; write I(x**2)"),
        ("y ~ x + offset(log(n))", "an offset is not fitted: put the term itself among the covariates"),
        ("y ~ x - z", "- z takes away a term that is not there"),
        ("y ~ -x", "write I(-x)"),
        ("y ~ 2*x", "a number is no term: write I(x * 2)"),
        ("y ~ x + 5", "a number is no term"),
        ("y ~ .", "there is no . in a formula"),
        ("y ~ x + (1|g)", "random effects and fixed effects are not fitted, name their groups as clusters"),
        ("y ~ x + (x || g)", "name their groups as clusters"),
        ("y ~ x %in% g", "write x:g, which is what R makes of x %in% g, or g/x"),
        ("y ~ x in g", "write x:g"),
        ("y ~ z ~ x", "a formula has one ~"),
        ("y ~ `my x", "a backtick or a quotation mark opens and does not close"),
        ("y ~ x + (z", "a parenthesis opens and does not close"),
        ("y ~ z) + x", "a parenthesis opens and does not close, or closes without one"),
        ("y ~ x + + ", "a sign such as + has nothing on one of its sides"),
        ("y ~ my x", "a name with spaces stands between backticks"),
        ("y x", "write ~ between the outcome and the covariates"),
        ("y ~ as.factor(g)", "as.factor() is no function of a formula; write C(...) for categories"),
        ("y ~ as.numeric(g)", "write the column's name alone"),
        ("y ~ is.na(g)", "is.na() is no function of a formula"),
        ("y ~ relevel(g, ref='b')", "write C(g, Treatment('b')) to make b the reference"),
        ("y ~ C(g, 'b')", "write C(g, Treatment('b'))"),
        ("y ~ C(g, Treatment)", "write C(g, Treatment('b'))"),
        ("y ~ C(g, contr.treatment(base=2))", "R counts the levels there; write Treatment(2)"),
        ("y ~ poly(x, 2, raw=TRUE)", "write True for TRUE"),
        ("y ~ scale(x, FALSE)", "write False for FALSE"),
        ("y ~ log(x, 2)", "write log2(...), log10(...) or I(log(x) / log(3))"),
        ("y ~ ifelse(x > 0, 1, 0)", "write where(x > 0, 1, 0)"),
        ("y ~ I(x > 1 & z > 1)", "put each comparison between parentheses"),
        ("y ~ I(0 < x < 1)", "put each comparison between parentheses"),
        ("y ~ where(x > 1 or z > 1, 1, 0)", "put each comparison between parentheses"),
        ("y ~ I(g == 'b')", "words cannot be compared"),
        ("y ~ I(x @ z)", "functions of the list alone"),
        ("y ~ x$z", "write the name of the column alone"),
        ("y ~ I(class)", "'class' is a word of the language in which formulas compute"),
        ("y ~ log(`class` + 1)", "'class' is a word of the language in which formulas compute"),
        ("y ~ I(`True`)", "'True' is a word of the language in which formulas compute"),
        ("y ~ I(\u00b5)", "would be read with other letters that look alike"),
        ("log(`\ufb01`) ~ x", "would be read with other letters that look alike"),
        ("y ~ scale(`e\u0301`)", "would be read with other letters that look alike"),
        ("y ~ a|b", "name their groups as clusters"),
        ("y ~ factor(g)", "write C(...)"),
        ("y ~ ln(x)", "write log(...)"),
        ("y ~ eval(x)", "eval() is no function of a formula"),
        ("y ~ I(x.__class__)", "is no column"),
        ("y ~ I([i for i in x])", "functions of the list alone"),
        ("y ~ I((lambda: x)())", "is no function of a formula"),
        ("y ~ I(9**9**9*x)", "a power of numbers alone"),
        ("y ~ I('a'*10**9)", "words cannot be computed with"),
        ("y ~ x%2", "such as I(x % 2)"),
        ("y ~ poly(x, 100000)", "more than 100 columns"),
        ("y ~ scale(x, _state=x)", "named options alone"),
        ("y ~ (a+b+c+d+e+f)^9", "more than 1000 terms"),
        ("y ~ a*b*c*d*e*f*g*h*i*j*k", "more than 1000 terms"),
        ("y ~ " + "I(" * 900 + "x" + ")" * 900, "cannot be read"),
        ("a + b ~ x", "one numeric column"),
        ("y ~ cr(x, df=4)", "write cr(x, df=4, constraints='center'), or leave the constant out"),
        ("y ~ 0", "no term on its right side"),
        ("", "outcome ~ covariates"),
    ],
)
def test_what_a_formula_may_not_say(formula, words):
    with pytest.raises(DataInvalid) as refusal:
        read_formula("--formula", formula)
    assert words in refusal.value.message
    assert "\n" not in refusal.value.message


@pytest.mark.parametrize(
    ("formula", "terms"),
    [
        ("y ~ (a+b)^2", [(), ("a",), ("b",), ("a", "b")]),
        ("y ~ (a+b)**2 - a:b", [(), ("a",), ("b",)]),
        ("y ~ x + x", [(), ("x",)]),
        ("y ~ 0 + x", [("x",)]),
        ("y ~ x - 1", [("x",)]),
        ("y ~ I(x**2) + {x/3}", [(), ("I(x ** 2)",), ("x / 3",)]),
        ("y ~ np.log(x) + log(`my x`)", [(), ("np.log(x)",), ("log(`my x`)",)]),
        ("y ~ C(g, Treatment('b')) * I((x > 2) & (x < 9))", None),
        ("y ~ C(g, contr.sum)", [(), ("C(g, contr.sum)",)]),
    ],
)
def test_what_it_may_say(formula, terms):
    reading = read_formula("--formula", formula)
    assert terms is None or list(reading.terms) == terms


@given(st.text(alphabet="yxg01~+-*:/^().,_'[]{}|`% CIlogs\\\n\x00", max_size=30))
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused_by_name(text):
    with suppress(DataInvalid):
        read_formula("--formula", "y ~ " + text)


def frame(rows=60):
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "y": rng.normal(size=rows),
            "x": rng.uniform(1, 9, rows),
            "g": rng.choice(list("abc"), rows),
            "s": (np.arange(rows) < rows // 2).astype(int),
        }
    )


@pytest.mark.parametrize("name", [*FUNCTIONS, "np", "contr", "Intercept", "unit_id", "labelled", "text"])
def test_a_column_may_be_called_like_a_function(name):
    table = frame().rename(columns={"x": name})
    plain = sample_from_frame(frame(), Columns("y ~ x + C(g)", "s", {}))
    if name == "Intercept":
        with pytest.raises(DataInvalid, match="two columns of the formula would be called Intercept"):
            sample_from_frame(table, Columns("y ~ Intercept", "s", {}))
        own = sample_from_frame(table.assign(Intercept=1.0), Columns("y ~ 0 + Intercept", "s", {}))
        assert own.terms == ("Intercept",)
        return
    built = sample_from_frame(table, Columns(f"y ~ {name} + C(g)", "s", {}))
    np.testing.assert_array_equal(built.X[:30], plain.X[:30])
    logged = sample_from_frame(table, Columns(f"y ~ log({name})", "s", {}))
    np.testing.assert_allclose(logged.X[:30, 1], np.log(frame()["x"][:30]))


def test_a_column_of_such_a_name_that_is_not_used_does_no_harm():
    table = frame().assign(C=1, I="w", Intercept=2.0, log=0, np=1)
    built = sample_from_frame(table, Columns("y ~ C(g) + I(x**2) + np.log(x)", "s", {}))
    assert built.terms == ("Intercept", "C(g)[T.b]", "C(g)[T.c]", "I(x ** 2)", "np.log(x)")


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (
            lambda x: pd.to_datetime("2020-01-01") + pd.to_timedelta(x, unit="D"),
            "takes numbers and categories",
        ),
        (lambda x: [[1]] * len(x), "holds [1] among its values"),
        (lambda x: [*x[:-1], "many"], "a column of numbers, or one of words"),
        (lambda x: x + 1j, "takes numbers and categories"),
    ],
)
def test_values_that_no_formula_takes(column, words):
    table = frame()
    with pytest.raises(DataInvalid) as refusal:
        sample_from_frame(table.assign(x=column(table["x"])), Columns("y ~ x", "s", {}))
    assert words in refusal.value.message


@pytest.mark.parametrize(
    ("formula", "change", "words"),
    [
        ("y ~ log(x)", {"x": 0.0}, "log(x) is no finite number for 1 labelled unit (row 1)"),
        ("y ~ log(g)", {}, "'g' holds words, which C(...) alone can take"),
        ("y ~ scale(g)", {}, "'g' holds words"),
        ("y ~ bs(x, df=2)", {}, "`df` must be greater than 3"),
        ("y ~ C(x, nothing)", {}, "no column 'nothing'"),
        (
            "y ~ C(g, Treatment('z'))",
            {},
            "'z' is no level of the category; write one that labelled units have",
        ),
        ("y ~ C(x, Treatment('1'))", {}, "words between quotes and numbers without"),
    ],
)
def test_a_term_that_cannot_be_computed_says_where(formula, change, words):
    table = frame()
    for name, value in change.items():
        table.loc[0, name] = value
    with pytest.raises(MooredError) as refusal:
        sample_from_frame(table, Columns(formula, "s", {}))
    assert words in refusal.value.message


@pytest.mark.parametrize(
    ("data", "formula", "said"),
    [
        ("y ~ x", {"x": [1.0], "y": [1.0]}, "the table comes first"),
        ({"x": [1.0, 2.0], "y": [1.0]}, "y ~ x", "x 2, y 1"),
        ({"x": [1.0, 2.0], "y": ["a", "b"]}, "y ~ x", "y holds words .* such as 1 and 0"),
        ({"x": [1.0, 2.0], "y": [1.0, 2.0]}, "y ~ x > 0", r"I\(x > 0\)"),
        ({"x": [1.0, 2.0], "y": [1.0, 2.0]}, "y = x", "write ~ between"),
        ({"x": [1.0, 2.0], "y": [1.0, 2.0]}, "y <- x", "write ~ between"),
        ({"x": [1.0, 2.0], "y": [1.0, 2.0]}, "y ~ x == 1", r"I\(x > 0\)"),
        ({"x": [1.0, 2.0], "y": [1.0, 2.0]}, "y ~ .", "write the names"),
    ],
)
def test_what_was_mistaken_is_said(data, formula, said):
    with pytest.raises(DataInvalid, match=f"(?i){said}"):
        fit(data, formula)


@pytest.mark.parametrize("code", [7, 1234567, 7654321.5, 0.1234567, 10**12, -3])
def test_a_category_of_words_meets_the_same_in_numbers(code):
    """Codes of an industry or a place: a word among them makes the human column one of words."""
    human = [f"{code}", "other"] * 20
    table = pd.DataFrame(
        {"y": np.arange(40.0) % 7, "g": human, "s": [1] * 20 + [0] * 20, "p": np.arange(40.0) % 5}
    )
    table["read"] = np.where(table.g == "other", 1.0, float(code))
    sample = sample_from_frame(table, Columns("y ~ C(g)", "s", {"gpt": "p ~ C(read)"}))
    (source,) = sample.sources
    assert source.observed.tolist() == (table.g != "other").tolist()


def test_a_name_of_letters_that_look_alike_is_its_own_column_outside_of_functions():
    """Python takes the micro sign for the Greek letter: I(\u00b5) was computed of the other column."""
    table = {
        "y": [1.0, 2.0, 4.0, 3.0, 5.0],
        "\u00b5": [1.0, 2.0, 3.0, 5.0, 4.0],
        "\u03bc": [9.0, 1.0, 5.0, 2.0, 2.0],
    }
    table["s"] = [1] * 5
    micro, greek = (
        sample_from_frame(table, Columns(f"y ~ {name}", "s", {})) for name in ("\u00b5", "I(\u03bc)")
    )
    np.testing.assert_array_equal(micro.X[:, 1], table["\u00b5"])
    np.testing.assert_array_equal(greek.X[:, 1], table["\u03bc"])


def test_words_of_python_are_columns_outside_of_functions():
    table = {"y": [1.0, 2.0, 4.0], "class": [1.0, 2.0, 3.0], "in": [3.0, 2.0, 5.0], "s": [1] * 3}
    sample = sample_from_frame(table, Columns("y ~ `class` + `in`", "s", {}))
    np.testing.assert_array_equal(sample.X[:, 1], table["class"])
    assert read_formula("f", "y ~ I(`my x` * quoted0_)").variables == ("y", "my x", "quoted0_")
    assert read_formula("f", "y ~ C(g, Treatment('\u00b5'))").variables == ("y", "g")


TWENTY = {"y": [*map(float, range(20)), *[None] * 20], "m": [*map(float, range(20))] * 2}


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("0,5", "1,5"), "'0,5' (20 times), '1,5' (20 times): decimal commas, as texts"),
        (("1", "2"), "numbers written as texts, such as '1', '2'"),
        (("1", "NA"), "numbers written as texts, such as '1'"),
        (("1", "DK"), "'DK' (20 times): words among numbers"),
        (("5 %", "7 %"), "percent signs"),
        (("2024-01-31", "2024-02-29"), "dates"),
        (("nan", "rural"), "'nan' (20 times) among its words"),
        (("<NA>", "rural"), "'<NA>' (20 times) among its words"),
    ],
)
def test_texts_that_may_be_numbers_or_missing_are_no_categories_unasked(cells, said):
    table = pd.DataFrame(TWENTY | {"g": [*cells] * 20})
    with pytest.raises(DataInvalid) as refusal:
        fit(table, "y ~ g", sources="m")
    assert said in refusal.value.message
    assert refusal.value.message.endswith("write C(g).")
    assert len(fit(table, "y ~ C(g)", sources="m").terms) == 2
    category = table.assign(g=table.g.astype("category"))
    assert len(fit(category, "y ~ g", sources="m").terms) == 2


@pytest.mark.parametrize(("column", "formula"), [("y", "y ~ 1"), ("m", "y ~ 1"), ("x", "y ~ log(x)")])
def test_numbers_written_as_texts_are_called_so(column, formula):
    table = pd.DataFrame(TWENTY | {"x": [*range(1, 41)]})
    table[column] = [None if pd.isna(value) else str(value) for value in table[column]]
    with pytest.raises(DataInvalid, match=f"Column '{column}' holds numbers written as texts"):
        fit(table, formula, sources="m")


def test_the_text_among_numbers_is_named():
    table = TWENTY | {"x": [1.5] * 39 + ["n/a"]}
    with pytest.raises(DataInvalid, match="Column 'x' holds 'n/a' among its numbers"):
        fit(table, "y ~ x", sources="m")


@pytest.mark.parametrize("raw", ["", ", raw=True"])
def test_the_columns_of_a_polynomial_are_called_by_their_degree(raw):
    """Those of raw=True were counted from 0: [1] was the square."""
    table = {"y": [1.0, 2.0, 4.0, 3.0], "x": [1.0, 2.0, 4.0, 3.0], "s": [1] * 4}
    sample = sample_from_frame(table, Columns(f"y ~ poly(x, 2{raw})", "s", {}))
    assert [term[-3:] for term in sample.terms[1:]] == ["[1]", "[2]"]
    if raw:
        np.testing.assert_array_equal(sample.X[:, 2], np.square(table["x"]))
