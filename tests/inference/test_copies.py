"""A source that the human labels were filled into: exact where labelled, the model's own elsewhere."""

import numpy as np
import pandas as pd
import pytest

from moored.inference import fit
from moored.inference.copies import repeated

T = 1000


def told(table, family, **more):
    fits = fit(table, "y ~ 1", sources="gpt", family=family, **more)
    return [warning for warning in fits.warnings if "is the human label in each" in warning]


def table(n, outcome, reading):
    labelled = np.arange(T) < n
    return pd.DataFrame(
        {"y": np.where(labelled, outcome, np.nan), "gpt": np.where(labelled, outcome, reading)}
    )


def readings(rng, kind):
    if kind == "numbers":
        y = rng.normal(1.0, 1.0, T)
        return y, 0.5 * y + rng.normal(0.0, 0.4, T)
    y = (rng.random(T) < 0.4).astype(float)
    right = np.where(rng.random(T) < 0.8, y, 1 - y)
    return y, np.clip(0.1 + 0.8 * right + 0.05 * rng.normal(size=T), 0, 1) if kind == "shares" else right


@pytest.mark.parametrize(("kind", "n"), [("numbers", 40), ("shares", 20), ("answers", 100)])
def test_labels_filled_into_a_source_are_said(kind, n):
    """Published before, far from the truth and without a mark."""
    rng = np.random.default_rng(4)
    found = [told(table(n, *readings(rng, kind)), "mean") for _ in range(20)]
    assert sum(map(bool, found)) >= (20 if kind != "numbers" else 15)
    assert f"each of the {n} labelled units" in next(filter(None, found))[0]


def test_a_model_that_is_right_is_left_alone():
    rng = np.random.default_rng(5)
    marked = 0
    for _ in range(60):
        y = (rng.random(T) < 0.4).astype(float)
        right = np.where(rng.random(T) < 0.97, y, 1 - y)
        frame = pd.DataFrame({"y": np.where(np.arange(T) < 60, y, np.nan), "gpt": right})
        marked += bool(told(frame, "mean"))
    assert marked <= 3


def test_one_label_that_differs_is_enough():
    rng = np.random.default_rng(6)
    y, reading = readings(rng, "answers")
    frame = table(200, y, reading)
    frame.loc[7, "gpt"] = 1 - frame.loc[7, "y"]
    assert not told(frame, "mean")


def test_what_was_drawn_by_probabilities_may_read_otherwise():
    """The readings of labelled units are then of another law by design."""
    rng = np.random.default_rng(7)
    y = rng.normal(size=T)
    pi = np.where(y > 1, 0.3, 0.03)
    frame = pd.DataFrame({"y": np.where(rng.random(T) < pi, y, np.nan), "gpt": y, "pi": pi})
    assert not told(frame, "mean", probability="pi")


def repeats(frame, **more):
    found = fit(frame, "y ~ 1", sources="gpt", family="mean", **more)
    return [warning for warning in found.warnings if "copies of others" in warning]


def units(rng, size=200):
    y = rng.integers(1, 6, size).astype(float)
    frame = pd.DataFrame({"id": [f"u{row}" for row in range(size)], "y": y, "gpt": y})
    frame["gpt"] = np.clip(frame.gpt + rng.integers(-1, 2, size), 1, 5)
    return frame.assign(y=frame.y.where(frame.index < 80), tags=[[row] for row in range(size)])


def test_rows_that_a_join_repeated_are_said():
    """160 labels in the place of 80, and no mark."""
    frame = units(np.random.default_rng(8))
    assert not repeats(frame)
    (said,) = repeats(pd.concat([frame, frame]))
    assert said.startswith("200 of 400 rows are copies of others in each column, 'id' too")
    (said,) = repeats(pd.concat([frame, frame[:3]]))
    assert said.startswith("3 of 203 rows")


def test_rows_that_are_alike_by_chance_or_by_counts_are_not():
    frame = units(np.random.default_rng(9))
    assert not repeats(frame.drop(columns=["id", "tags"]))
    counted = frame[:30].loc[lambda table: table.index.repeat(12)]
    assert not repeats(counted.assign(y=counted.y.where(np.arange(360) % 2 == 0)))
    assert not repeats(pd.concat([frame, frame]).assign(wave=np.repeat([1, 2], 200)))


def several(rng, family):
    """80 labelled of 200 units, and five synthetic outputs of each, one per row."""
    T = 200
    x = rng.normal(size=T)
    y = (rng.random(T) < 0.4).astype(float) if family == "logit" else x + rng.normal(size=T)
    units = pd.DataFrame({"id": np.arange(T), "x": x, "y": np.where(np.arange(T) < 80, y, np.nan)})
    rows = units.loc[units.index.repeat(5)].reset_index(drop=True)
    noise = rng.random(len(rows))
    return rows.assign(draw=np.arange(len(rows)) % 5, syn=noise)


@pytest.mark.parametrize("family", ["ols", "logit"])
def test_units_that_stand_in_several_rows_are_said(family):
    """400 labels in the place of 80: standard errors of less than half, and no mark."""
    rows = several(np.random.default_rng(10), family)
    found = fit(rows, "y ~ x", sources="syn", family=family)
    (said,) = [warning for warning in found.warnings if "labelled rows are" in warning]
    assert said.startswith("the 400 labelled rows are 80 values of 'id'")
    clustered = fit(rows, "y ~ x", sources="syn", family=family, cluster="id")
    assert not any("labelled rows are" in warning for warning in clustered.warnings)


def test_texts_of_one_person_are_units_of_their_own():
    rng = np.random.default_rng(11)
    for share in (0.02, 0.5):
        person = np.arange(300) // 3
        y = (rng.random(300) < share).astype(float)
        y[:5] = [1, 0, 1, 0, 1]
        frame = pd.DataFrame({"person": person, "age": person % 50, "y": y, "gpt": rng.random(300)})
        frame["y"] = frame.y.where(frame.index < 200)
        found = fit(frame, "y ~ 1", sources="gpt", family="mean")
        assert not any("labelled rows are" in warning for warning in found.warnings)


def test_a_column_that_says_the_outcome_in_other_words_is_no_id():
    rng = np.random.default_rng(12)
    y = rng.integers(0, 40, 300).astype(float)
    frame = pd.DataFrame(
        {"y": np.where(np.arange(300) < 150, y, np.nan), "gpt": y + rng.integers(-2, 3, 300)}
    )
    frame["percent"] = [f"{value:.0f} %" for value in y]
    frame["root"] = np.sqrt(y)
    assert not fit(frame, "y ~ 1", sources="gpt", family="mean").warnings


@pytest.mark.parametrize("columns", [["y"], ["y", "g"]])
def test_units_that_have_nothing_but_no_label_are_no_copies(columns):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"y": np.where(np.arange(200) < 60, rng.normal(size=200), np.nan), "g": np.arange(200) % 3}
    )
    assert repeated(frame[columns]) == ()
    twice = pd.concat([frame, frame.head(10)], ignore_index=True)
    assert repeated(twice[columns])[0].startswith("10 of 210 rows are copies")
