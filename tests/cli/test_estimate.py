"""`moored estimate` is as strict as a run: a headline, roles, tests of the design, and the target asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from moored.cli import app
from moored.errors import ColumnMissing


def table(folder: Path, *, selected: float = 0.0, failing: float = 0.0) -> str:
    rng = np.random.default_rng(2)
    x = rng.normal(size=1200)
    y = 0.3 + 0.5 * x + rng.normal(size=1200)
    weight = np.exp(selected * y)
    labelled = np.isin(np.arange(1200), rng.choice(1200, 300, replace=False, p=weight / weight.sum()))
    f = np.where(~labelled & (rng.random(1200) < failing), np.nan, y + 0.7 * rng.normal(size=1200))
    frame = pd.DataFrame({"y": np.where(labelled, y, np.nan), "x": x, "f": f, "s": labelled.astype(int)})
    frame.to_csv(folder / "t.csv", index=False)
    return str(folder / "t.csv")


def run(file: str, *more: str) -> str:
    asked = ["estimate", file, "--formula", "y ~ x", "--labelled", "s", "--source", "gpt", "f ~ x", *more]
    found = CliRunner().invoke(app, asked)
    assert found.exit_code == 0, found.output
    return found.stdout


def test_one_row_is_to_be_read_and_the_target_is_stored(tmp_path):
    file = table(tmp_path)
    wide, narrow = (json.loads(run(file, "--json", "--target", t)) for t in ("population", "corpus"))
    assert wide["headline"] == "gmm-small"
    roles = {fit["estimator"]: fit["role"] for fit in wide["fits"]}
    assert roles["gmm-small"] == "headline"
    assert set(roles.values()) == {"headline", "comparison"}
    assert {row["role"] for row in wide["estimates"] if row["estimator"] == "human"} == {"comparison"}
    assert [fit["target"] for fit in narrow["fits"]] == ["corpus"] * len(narrow["fits"])
    assert narrow["estimates"][0]["se"] == pytest.approx(wide["estimates"][0]["se"] * np.sqrt(0.75))
    first = wide["fits"][0]
    assert np.sqrt(first["covariance"][1][1]) == pytest.approx(wide["estimates"][1]["se"])
    assert {test["test"] for test in wide["tests"]} == {"agreement", "labelling"}


def test_the_words_name_the_headline_and_the_corpus(tmp_path):
    said = run(table(tmp_path), "--target", "corpus")
    assert "The estimate to read is gmm-small" in said
    assert "what all labels of these very units would have given" in " ".join(said.split())
    assert "warning:" not in said


def test_what_is_not_the_usual_is_said_beside_the_numbers(tmp_path):
    """One-sided p-values, 90% intervals and a quantile looked like any other table's."""
    file = table(tmp_path)
    options = ("--level", "0.9", "--alternative", "larger")
    said = " ".join(run(file, *options).split())
    assert "lower, upper: 90% interval, one-sided." in said
    assert "the alternative is a larger value, so p-values are one-sided" in said
    fit = json.loads(run(file, "--json", *options))["fits"][0]
    assert (fit["family"], fit["level"], fit["alternative"]) == ("ols", 0.9, "larger")
    quantile = ("--family", "quantile:0.9")
    asked = ["estimate", file, "--formula", "y ~ 1", "--labelled", "s", *quantile]
    assert "Estimated is the 0.9 quantile." in CliRunner().invoke(app, asked).stdout
    usual = " ".join(run(file).split())
    assert "interval" not in usual
    assert "one-sided" not in usual


def test_labelling_by_the_outcome_and_failing_on_one_side_are_warned_of(tmp_path):
    said = " ".join(run(table(tmp_path, selected=0.4)).split())
    assert "labelling was not random" in said
    said = " ".join(run(table(tmp_path, failing=0.15)).split())
    assert "warning: gpt fails more often on one side" in said


def test_adjusted_p_values(tmp_path):
    found = json.loads(run(table(tmp_path), "--json", "--adjust", "holm"))
    assert all(row["p_adjusted"] >= row["p_value"] for row in found["estimates"])
    assert "(holm, all terms)" in run(table(tmp_path), "--adjust", "holm")


def test_intervals_that_hold_for_all_terms(tmp_path):
    plain = json.loads(run(table(tmp_path), "--json"))["estimates"]
    found = json.loads(run(table(tmp_path), "--json", "--adjust", "simultaneous"))["estimates"]
    for row, other in zip(found, plain, strict=True):
        assert row["lower_adjusted"] < row["lower"] == other["lower"]
        assert row["upper"] < row["upper_adjusted"]
        assert (row["p_adjusted"] < 0.05) == (not row["lower_adjusted"] <= 0 <= row["upper_adjusted"])
    printed = run(table(tmp_path), "--adjust", "simultaneous")
    assert f"interval {found[0]['lower_adjusted']:.4g} to" in " ".join(printed.split())


@pytest.mark.parametrize("option", [("--target", "sample"), ("--adjust", "fdr")])
def test_what_is_not_known_is_refused(tmp_path, option):
    asked = ["estimate", table(tmp_path), "--formula", "y ~ x", "--labelled", "s", "--source", "gpt", "f ~ x"]
    assert CliRunner().invoke(app, [*asked, *option]).exit_code != 0


def test_a_stream_has_its_own_headline_and_the_same_tests(tmp_path):
    file = table(tmp_path)
    whole, streamed = (json.loads(run(file, "--json", *more)) for more in ((), ("--stream",)))
    assert (streamed["headline"], whole["headline"]) == ("gmm-proxy", "gmm-small")
    np.testing.assert_allclose(
        [test["p_value"] for test in streamed["tests"]],
        [test["p_value"] for test in whole["tests"]],
        rtol=1e-6,
    )


def test_a_column_that_is_not_there_is_answered_with_all_that_are(tmp_path):
    frame = pd.DataFrame({"Outcome": [1.0, 2.0, 3.0], "x": [1, 2, 4], "s": 1, "age": 3})
    frame.to_csv(tmp_path / "t.csv", index=False)
    asked = ["estimate", str(tmp_path / "t.csv"), "--formula", "outcome ~ x", "--labelled", "s"]
    said = r"no column 'outcome' \(did you mean 'Outcome'.*\), it has Outcome, x, s, age"
    with pytest.raises(ColumnMissing, match=said):
        CliRunner().invoke(app, asked, catch_exceptions=False)
