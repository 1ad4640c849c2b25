"""One of a thing is said in the singular, with its verb."""

import dataclasses

import numpy as np
import pytest

import moored
from moored.errors import MooredError
from moored.inference import ESTIMATORS, Sample
from moored.inference.small.control_variates import gmm_small
from moored.plaintext import counted


def test_a_number_and_its_noun():
    assert counted(1, "row") == "1 row"
    assert counted(0, "row") == "0 rows"
    assert counted(1234, "unit holds", "units hold") == "1,234 units hold"


def sample(n, y=None, strata=None):
    values = np.arange(60.0) % 7 if y is None else y
    return Sample(values, np.ones((60, 1)), np.arange(60) < n, ("Intercept",), strata=strata)


@pytest.mark.parametrize("estimator", [ESTIMATORS["human"], gmm_small])
def test_refusals_and_warnings_of_one(estimator):
    with pytest.raises(MooredError) as refused:
        estimator(sample(1), "mean")
    assert "1 labelled unit " in str(refused.value)
    assert "1 parameter" in str(refused.value)
    one = sample(40, (np.arange(60) == 3).astype(float))
    (said,) = [warning for warning in estimator(one, "mean").warnings if "fewer than 5" in warning]
    assert said.startswith("only 1 label is 1, ")


def test_a_coefficient_a_stratum_a_label_above_zero():
    strata = np.where(np.arange(60) == 0, "north", "south")
    said = " ".join(ESTIMATORS["human"](sample(20, strata=strata), "mean").warnings)
    assert "(worth 19 of equal weight) for 1 coefficient, " in said
    assert "stratum north has a single labelled unit, which says nothing of its variance: it is" in said
    y = (np.arange(60) == 3).astype(float)
    covariate = np.column_stack([np.ones(60), np.arange(60) % 5 - 2.0])
    rare = dataclasses.replace(sample(40, y), X=covariate, terms=("Intercept", "x"))
    assert "only 1 label is of the rarer answer" in " ".join(ESTIMATORS["human"](rare, "logit").warnings)


def test_what_is_wrong_with_one_row():
    import pandas as pd

    frame = pd.DataFrame({"y": np.arange(60.0) % 7, "x": np.arange(60.0) % 5, "done": np.arange(60) < 30})
    frame.loc[4, "x"] = np.nan
    with pytest.raises(MooredError, match=r"1 labelled unit lacks a value .* fill it in, or leave it out"):
        moored.fit(frame, "y ~ x", labelled="done")
    said = " ".join(moored.fit(frame, "y ~ x", labelled="done", missing="drop").warnings)
    assert "1 unit, 1 of them labelled, is left out: it lacks 'x'" in said
    frame.loc[4, "x"] = np.inf
    with pytest.raises(MooredError, match=r"1 of 60 units holds NaN, .* \(row 4\)"):
        Sample(frame.y.to_numpy(), np.column_stack([np.ones(60), frame.x]), frame.done.to_numpy())
    frame["x"], frame["b"] = 1.0 * (np.arange(60) % 5), 1.0 * (np.arange(60) % 2)
    frame.loc[4, "b"] = 3.0
    with pytest.raises(MooredError, match="the outcome 3 is outside the domain"):
        moored.fit(frame, "b ~ x", labelled="done", family="logit")
