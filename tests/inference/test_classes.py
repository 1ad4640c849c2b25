"""What a multinomial fit refuses is said of the class that it is about."""

import numpy as np
import pandas as pd
import pytest

import moored
from moored.errors import MooredError

ESTIMATORS = ["human", "gmm-proxy", "ppi++-proxy"]


def table(**changes):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=300), rng.integers(0, 3, 300).astype(float)
    return pd.DataFrame({"y": y, "x": x, "p": y, "done": np.arange(300) < 120}).assign(**changes)


def refused(frame, estimator, formula="y ~ x"):
    with pytest.raises(MooredError) as error:
        moored.fit(
            frame, formula, labelled="done", sources=["p"], family="multinomial:3", estimator=estimator
        )
    assert "'2:" not in str(error.value)
    assert "'1:" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_class_that_is_predicted_perfectly_is_named(estimator):
    frame = table()
    frame["y"] = np.where(frame.x > 1, 2.0, frame.y % 2)
    said = refused(frame, estimator)
    assert "class 2 is predicted perfectly along " in said
    assert "merge class 2 with another" in said


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("empty", [0, 1, 2])
def test_a_class_without_a_label_is_named(estimator, empty):
    frame = table()
    frame.loc[frame.done & (frame.y == empty), "y"] = (empty + 1) % 3
    assert f"No labelled unit is of class {empty}, so nothing" in refused(frame, estimator)


def test_a_term_that_others_make_up_is_a_term_of_no_class():
    frame = table()
    assert "the term 'z' is constant or a combination" in refused(
        frame.assign(z=2 * frame.x), "human", "y ~ x + z"
    )
