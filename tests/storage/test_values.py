import numpy as np
import pandas as pd

from moored.storage.values import source_values
from tests.studies import study

UNITS = pd.DataFrame({"unit_id": ["a", "b", "c"], "text": ["one?", "two.", "three?"], "age": [1.0, 2.0, 3.0]})


def rows(*given):
    columns = ["unit_id", "source", "step", "draw", "status", "value", "text"]
    return pd.DataFrame(given, columns=columns)


def read(unit, value, draw=0, source="proxy", status="ok"):
    return (unit, source, "read.polite", draw, status, value, None)


def write(unit, text, status="ok"):
    return (unit, "synthetic", "write", 0, status, np.nan, text)


def test_rows_are_matched_by_id_whatever_their_order():
    values = source_values(
        study(), study().sources[0], UNITS, rows(read("c", 0.3), read("a", 0.1), read("b", 0.2)), 1
    )
    assert list(values["polite"]) == [0.1, 0.2, 0.3]
    assert list(values["question"]) == [1.0, 0.0, 1.0]


def test_draws_are_averaged_and_stay_one_unit():
    given = rows(*(read(unit, value, draw) for unit in "abc" for draw, value in enumerate((0.0, 1.0, 1.0))))
    values = source_values(study(), study().sources[0], UNITS, given, 3)
    np.testing.assert_allclose(values["polite"], 2 / 3)
    assert len(values) == 3


def test_a_unit_that_failed_in_one_step_is_not_observed_at_all():
    given = rows(read("a", 0.1), read("b", np.nan, status="failed"))
    values = source_values(study(), study().sources[0], UNITS, given, 1)
    assert list(values["polite"].isna()) == [False, True, True]
    assert list(values["question"].isna()) == [False, True, True]


def test_a_rule_is_computed_on_the_written_text():
    given = rows(
        *(write(unit, text) for unit, text in zip("abc", ("one", "two?", "three"), strict=True)),
        *(read(unit, 0.5, source="synthetic") for unit in "abc"),
    )
    values = source_values(study(), study().sources[1], UNITS, given, 2)
    assert list(values["question"]) == [0.0, 1.0, 0.0]


def test_a_column_known_for_every_unit_stays():
    own = study(covariates=[{"name": "age", "column": "age"}])
    values = source_values(own, own.sources[0], UNITS, rows(*(read(unit, 0.5) for unit in "abc")), 1)
    assert list(values["age"]) == [1.0, 2.0, 3.0]


def test_other_sources_do_not_mix_in():
    given = rows(*(read(unit, 0.5) for unit in "abc"), read("a", 0.9, source="other"))
    values = source_values(study(), study().sources[0], UNITS, given, 1)
    assert list(values["polite"]) == [0.5, 0.5, 0.5]
