"""Units of a study that lack a value, and units without a cluster."""

import numpy as np
import pandas as pd
import pytest

from moored.errors import DataInvalid, NonFinite
from moored.run.plan import Data, RunPlan
from moored.storage.ingest import read_units
from tests.studies import requests_frame, study, write_requests

ANSWERS = {"no": 0.0, "yes": 1.0}
HASTE = {"name": "haste", "human": "haste", "question": {"ask": "In haste?", "answers": ANSWERS}}
AGE = {"name": "age", "column": "age"}


def frame(labelled=40):
    table = requests_frame()
    rng = np.random.default_rng(8)
    table["haste"] = rng.integers(0, 2, len(table)).astype(float)
    table["age"] = rng.integers(20, 70, len(table)).astype(float)
    table["pi"] = 0.5
    table["asked"] = (np.arange(len(table)) < labelled).astype(int)
    table["who"] = [f"p{k // 2}" for k in range(len(table))]
    table.loc[labelled:, ["polite", "haste"]] = np.nan
    return table


def units(folder, table, missing="refuse", labels=None, **changes):
    write_requests(folder, table)
    asked = study(
        covariates=[HASTE, AGE],
        estimate={"formula": "polite ~ haste + age", "missing": missing},
        labels=labels or {"design": "undeclared"},
        **changes,
    )
    return read_units(asked, folder, folder)


def test_a_labelled_unit_without_a_human_covariate_is_refused_with_its_id(tmp_path):
    table = frame()
    table.loc[[3, 5], "haste"] = np.nan
    with pytest.raises(NonFinite, match=r"2 labelled units lack .*'haste' of r003, r005.*missing = \"drop\""):
        units(tmp_path, table)


def test_or_counts_as_not_labelled(tmp_path):
    table = frame()
    table.loc[[3, 5], "haste"] = np.nan
    labels = {"design": "known-probability", "probability": "pi"}
    found = units(tmp_path, table, "drop", labels)
    assert len(found.frame) == 60
    assert list(found.frame.loc[found.frame["labelled"], "unit_id"]) == [
        f"r{k:03d}" for k in range(40) if k not in (3, 5)
    ]
    np.testing.assert_allclose(found.frame["probability"], 0.5 * 38 / 40)
    assert "2 labelled units lack a value ('haste' of r003, r005) and count as not labelled" in found.notes[0]
    assert found.notes[0] in RunPlan(Data("v", notes=found.notes), {}).marks


def test_a_unit_that_is_marked_as_labelled_and_has_no_label(tmp_path):
    table = frame()
    table.loc[7, "polite"] = np.nan
    labels = {"design": "undeclared", "column": "asked"}
    with pytest.raises(NonFinite, match="'polite' of r007"):
        units(tmp_path, table, labels=labels)
    found = units(tmp_path, table, "drop", labels)
    assert (len(found.frame), int(found.frame["labelled"].sum())) == (60, 39)
    assert units(tmp_path, table).notes == ()  # without a mark, it is one that nobody labelled


def test_a_covariate_that_is_known_for_all_leaves_with_its_units(tmp_path):
    table = frame()
    table.loc[[2, 50, 51], "age"] = np.nan
    with pytest.raises(DataInvalid, match='missing = "drop"'):
        units(tmp_path, table)
    found = units(tmp_path, table, "drop")
    assert (len(found.frame), int(found.frame["labelled"].sum())) == (57, 39)
    assert found.frame["age"].notna().all()
    assert found.notes[0].startswith("3 units, 1 of them labelled, are left out: they lack 'age'.")


def test_a_draw_is_from_the_units_that_have_all(tmp_path):
    table = frame(labelled=60)
    table.loc[[2, 4], "haste"] = np.nan
    table.loc[6, "polite"] = np.nan
    labels = {"design": "simple-random", "sample": 30}
    with pytest.raises(DataInvalid):
        units(tmp_path, table.drop(index=[2, 4]), labels=labels)
    found = units(tmp_path, table, "drop", labels)
    assert (len(found.frame), int(found.frame["labelled"].sum())) == (57, 30)


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_unit_without_a_cluster_is_refused_with_its_id(tmp_path, blank):
    table = frame()
    table.loc[[1, 9], "who"] = blank
    with pytest.raises(DataInvalid, match=r"empty for 2 of 60 units: r001, r009; .*a code of its own"):
        units(tmp_path, table, data={"source": "requests.csv", "cluster": "who"})
    table["who"] = [f"p{k // 2}" for k in range(60)]
    assert len(units(tmp_path, table, data={"source": "requests.csv", "cluster": "who"}).frame) == 60


def test_nothing_missing_says_nothing(tmp_path):
    one, other = units(tmp_path, frame()), units(tmp_path, frame(), "drop")
    assert one.notes == other.notes == ()
    pd.testing.assert_frame_equal(one.frame, other.frame)
