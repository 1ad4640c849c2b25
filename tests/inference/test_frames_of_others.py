"""Frames of polars and Arrow give what the same table gives in pandas; what is none is refused, in one line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import moored
from moored.errors import DataInvalid

RNG = np.random.default_rng(31)
LABELS = pd.Series(RNG.normal(size=120)).where(np.arange(120) % 4 == 0)
TABLE = pd.DataFrame({"y": LABELS, "gpt": RNG.normal(size=120), "g": ["south", "north", "east"] * 40})


def arrow(frame):
    pyarrow = pytest.importorskip("pyarrow")
    columns = {name: pyarrow.array(frame[name], from_pandas=True) for name in frame}
    return pyarrow.table(columns | {"g": columns["g"].dictionary_encode()})


def polars(frame):
    pl = pytest.importorskip("polars")
    return pl.from_pandas(frame).with_columns(pl.col("g").cast(pl.Categorical))


def lazy(frame):
    return polars(frame).lazy()


@pytest.mark.parametrize("made", [arrow, polars, lazy])
@pytest.mark.parametrize("words", [["south", "north", "east"], ["3", "1", "2"]])
def test_categories_are_in_the_order_of_the_alphabet_whatever_came_first(made, words):
    table = TABLE.assign(g=words * 40)
    formula = "y ~ C(g)" if words[0] == "3" else "y ~ g"
    expected = moored.fit(table, formula, sources="gpt").params
    found = moored.fit(made(table), formula.replace("C(g)", "g"), sources="gpt").params
    np.testing.assert_allclose(found, expected)
    assert [term[-2] for term in found.index] == [term[-2] for term in expected.index]


def test_an_order_that_its_maker_gave_stays():
    pl = pytest.importorskip("polars")
    ordered = pl.from_pandas(TABLE).with_columns(pl.col("g").cast(pl.Enum(["south", "east", "north"])))
    assert list(moored.fit(ordered, "y ~ g").params.index) == ["Intercept", "g[T.east]", "g[T.north]"]
    pyarrow = pytest.importorskip("pyarrow")
    kept = pyarrow.Table.from_pandas(TABLE.assign(g=pd.Categorical(TABLE["g"], ["north", "south", "east"])))
    assert list(moored.fit(kept, "y ~ g").params.index) == ["Intercept", "g[T.south]", "g[T.east]"]


def test_one_column_is_no_table():
    with pytest.raises(DataInvalid, match="A Series is not a data frame"):
        moored.fit(polars(TABLE)["y"], "y ~ 1")


@pytest.mark.parametrize("sources", [{"gpt": TABLE["gpt"]}, {"gpt": TABLE["gpt"].to_numpy()}])
def test_a_refusal_does_not_print_the_data(sources):
    with pytest.raises(DataInvalid) as refused:
        moored.fit(TABLE, "y ~ 1", sources=sources)
    assert len(refused.value.message) < 160


def test_a_table_in_which_everyone_is_labelled_is_said():
    filled = TABLE.assign(y=TABLE["y"].fillna(0.0))
    (said,) = (
        w for w in moored.fit(filled, "y ~ 1", sources="gpt").warnings if "every unit is labelled" in w
    )
    assert "leave the outcome empty there" in said
    assert not moored.fit(TABLE, "y ~ 1", sources="gpt").warnings
    assert not moored.fit(filled, "y ~ 1").warnings


def test_half_precision_and_codes_of_time_are_read():
    data = TABLE.assign(
        y=TABLE["y"].round(1).astype("float16"), when=pd.to_timedelta(np.arange(120) // 2, "D")
    )
    found = moored.fit(data, "y ~ 1", sources="gpt", cluster="when")
    expected = moored.fit(
        data.assign(y=data["y"].astype(float), when=np.arange(120) // 2),
        "y ~ 1",
        sources="gpt",
        cluster="when",
    )
    np.testing.assert_array_equal(found.bse, expected.bse)
