"""What a table means and does not say is computed as it stands; the fit says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import moored
from moored.cli import app
from moored.inference.formula import Columns, sample_from_frame
from moored.inference.formulas.unsaid import _CODES, _is_apart
from moored.run.sample import build_sample
from tests.studies import study

RNG = np.random.default_rng(12)
WORKING = np.random.default_rng(8).integers(18, 66, 200)
HOURS = np.random.default_rng(9).normal(38, 6, 300).round()
AGES, INCOMES = RNG.integers(18, 90, 80), RNG.integers(900, 90_000, 80)
SCALE, GRADES = np.arange(80) % 7 + 1, np.arange(80) % 2


def notes(values, formula="y ~ x", sources=None):
    frame = pd.DataFrame({"x": np.asarray(values, dtype=float), "y": RNG.normal(size=len(values)), "s": 1})
    found = sample_from_frame(frame.assign(m=frame["x"]), Columns(formula, "s", sources or {}))
    return [note for note in found.notes if "each counts as a number" in note]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([*SCALE, 99], "'x' is 99 1 time, and 1 to 7 elsewhere"),
        ([*SCALE, 98, 99, 98], "'x' is 98 2 times, 99 1 time, and"),
        ([*SCALE, -9, -9, -9], "'x' is -9 3 times"),
        ([*GRADES, 9, 9, 9], "'x' is 9 3 times, and 0 to 1 elsewhere"),
        ([*AGES, -9, -9, -9, -8], "'x' is -9 3 times, and 18"),
        ([*AGES, -99, -99], "'x' is -99 2 times"),
        ([*INCOMES, -999, -999], "'x' is -999 2 times"),
        ([*AGES, 9999], "'x' is 9999 1 time"),
        ([*np.zeros(80), 99], "'x' is 99 1 time, and 0 to 0 elsewhere"),
        ([*WORKING, 99, 99, 99], "'x' is 99 3 times, and 18 to 65 elsewhere"),
        ([*WORKING, *[98, 99] * 4], "'x' is 98 4 times, 99 4 times, and 18 to 65 elsewhere"),
        ([*HOURS, *[999] * 3, 99, 99, 99], "'x' is 99 3 times, 999 3 times"),
    ],
)
def test_a_code_far_from_the_other_values_is_named(values, said):
    (note,) = notes(values)
    assert note.startswith(said)


@pytest.mark.parametrize(
    "values",
    [
        SCALE,
        [*AGES, 98, 99],
        [*SCALE, 8],
        [*RNG.poisson(1, 80), 9, 9, 8],
        RNG.normal(size=80) * 100,
        [*(RNG.normal(size=80) * 1000), -99, -99],
        RNG.integers(0, 101, 300),
        np.arange(1, 81),
        [-1, 0, 1] * 20,
        RNG.integers(990, 1010, 80),
        [*WORKING, 99, 99],
        [*WORKING, 66, 67, 69, 70, 77, 77, 77],
        np.minimum(np.random.default_rng(2).normal(45, 25, 500).round(), 99),
        np.minimum(np.random.default_rng(3).lognormal(10.3, 0.8, 500).round(), 99_999),
    ],
)
def test_values_among_the_others_are_left_in_peace(values):
    assert notes(values) == []


def test_a_heavy_tail_is_no_code_even_where_each_row_comes_three_times():
    rng, found = np.random.default_rng(4), 0
    for _ in range(60):
        for values in (rng.zipf(2, 200), rng.negative_binomial(0.5, 0.03, 200), rng.pareto(1, 200) * 5 + 5):
            seen = np.unique(np.round(values))
            suspect = np.isin(seen, _CODES)
            found += any(_is_apart(code, 3, seen[~suspect]) for code in seen[suspect])
    assert found <= 2


def test_a_category_and_a_column_that_is_not_used_are_left_in_peace():
    assert notes([*GRADES, 9, 9, 9], "y ~ C(x)") == []
    assert notes([*GRADES, 99, 99, 99], "y ~ 1") == []


def test_an_outcome_and_a_source_are_looked_at():
    values = [*GRADES, *GRADES, 99, 99]
    frame = pd.DataFrame({"y": values, "gpt": values, "x": RNG.normal(size=len(values))})
    warnings = moored.fit(frame, "y ~ x", sources="gpt", estimator="human").warnings
    assert [warning.split(" is ")[0] for warning in warnings if "counts as a number" in warning] == [
        "'y'",
        "'gpt'",
    ]


def test_the_command_and_a_study_say_it(tmp_path):
    frame = pd.DataFrame({"y": RNG.normal(size=82), "x": [*SCALE, -99, -99], "s": 1})
    frame.to_csv(tmp_path / "t.csv", index=False)
    asked = [
        "estimate",
        str(tmp_path / "t.csv"),
        "--formula",
        "y ~ x",
        "--labelled",
        "s",
        "--missing",
        "drop",
    ]
    assert "'x' is -99 2 times, and 1 to 7 elsewhere" in CliRunner().invoke(app, asked).stdout.replace(
        "\n", " "
    )
    assert "each counts as a number" not in CliRunner().invoke(app, [*asked, "--na", "-99"]).stdout


def test_a_version_of_a_study_is_marked():
    given = study(covariates=[{"name": "age", "column": "age"}], estimate={"formula": "polite ~ age"})
    units = pd.DataFrame(
        {"unit_id": [f"u{n}" for n in range(82)], "labelled": True, "age": [*SCALE, -99.0, -99.0]}
    )
    units["polite"] = [float(n % 2) for n in range(82)]
    assert any("'age' is -99 2 times" in note for note in build_sample(given, units, {}).notes)


def twin_notes(**columns):
    frame = pd.DataFrame({"y": RNG.normal(size=80), "s": 1} | columns)
    names = {"cluster": "c"} if "c" in columns else {}
    formula = "y ~ g" if "g" in columns else "y ~ 1"
    notes = sample_from_frame(frame, Columns(formula, "s", {}, **names)).notes
    return [note for note in notes if "write them alike" in note]


@pytest.mark.parametrize("other", ["NORTH", "north\u200b", "n\u00adorth", "\uff4eorth", "\u2060north"])
def test_a_category_or_cluster_that_is_written_in_two_ways_is_named(other):
    words = ["north", "north", other, "south"] * 20
    (note,) = twin_notes(g=words)
    assert note.startswith(f"the categories of 'g' hold {other!r} beside 'north'")
    (note,) = twin_notes(c=[f"{word}{n // 8}" for n, word in enumerate(words)])
    assert "each counts as a cluster of its own" in note


@pytest.mark.parametrize(
    "words", [["a", "b"], ["e\u0301", "\u00e9", "z", "z"], ["a ", "a", "b", "b"], ["i", "l"]]
)
def test_what_is_one_or_looks_otherwise_is_left_in_peace(words):
    assert twin_notes(g=words * (80 // len(words))) == []
    assert twin_notes(c=[n % 40 for n in range(80)]) == []
