"""Tasks: those that come along, a user's own, and what is refused."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from moored.benchmark.bounds import bounds
from moored.benchmark.corpus import _frame, available, read_corpus
from moored.benchmark.recorded import read_recorded, recorded_names
from moored.benchmark.task import built_in, find_tasks, load_task
from moored.errors import ChecksumDiffers, DataInvalid, StudyInvalid
from tests.benchmark.corpora import SHARED, TOML, frame, needs_shared, write_task


def test_ten_lines_of_toml_and_a_csv_are_a_task(tmp_path):
    assert len(TOML.strip().splitlines()) <= 10
    corpus = read_corpus(load_task(write_task(tmp_path)), None)
    assert corpus.sample.labelled.all()
    assert corpus.sample.terms[corpus.term] == "hedge"
    assert [(s.name, s.kind) for s in corpus.sample.sources] == [
        ("proxy", "proxy"),
        ("synthetic", "synthetic"),
    ]
    assert corpus.task.families == ("logit", "ols")


def test_the_data_may_lie_in_the_benchmark_s_folder(tmp_path):
    (tmp_path / "data").mkdir()
    path = write_task(tmp_path)
    (tmp_path / "mine.csv").rename(tmp_path / "data" / "mine.csv")
    assert not available(load_task(path), None)
    assert available(load_task(path), tmp_path / "data")
    assert read_corpus(load_task(path), tmp_path / "data").sample.n_total == 400


def test_a_file_that_is_not_the_task_s_own_is_refused(tmp_path):
    path = write_task(tmp_path)
    right = hashlib.sha256((tmp_path / "mine.csv").read_bytes()).hexdigest()
    path.write_text(f'sha256 = "{right}"\norigin = "my desk"\n' + TOML)
    assert read_corpus(load_task(path), None).sample.n_total == 400
    frame(seed=2).to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(ChecksumDiffers, match="comes from: my desk"):
        read_corpus(load_task(path), None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TOML.replace("formula", "formulas"), "formulas"),
        (TOML.replace('"mine"', '"My task"'), "name"),
        (TOML + "x = [", "not TOML"),
        ('families = ["probit"]\n' + TOML, "families"),
        (TOML.split("[sources]")[0], "sources"),
    ],
)
def test_a_task_that_cannot_be_read_is_refused_by_key(tmp_path, text, said):
    with pytest.raises(StudyInvalid, match=said):
        load_task(write_task(tmp_path, text))


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"polite": [np.nan] + [1.0] * 399}, DataInvalid, None),
        ({"polite": [2] + [1] * 399}, DataInvalid, "logit needs outcomes"),
        ({"read": None}, DataInvalid, "no column 'read'"),
    ],
)
def test_data_that_do_not_fit_the_task_are_refused(tmp_path, change, error, said):
    rows = frame().drop(columns=[name for name, values in change.items() if values is None])
    rows = rows.assign(**{name: values for name, values in change.items() if values is not None})
    with pytest.raises(Exception, match=said) as raised:
        read_corpus(load_task(write_task(tmp_path, rows=rows)), None)
    assert raised.value.exit_code in {error.exit_code, 21, 24, 35}


def test_a_term_that_the_formula_does_not_have_is_refused(tmp_path):
    with pytest.raises(StudyInvalid, match="the formula has Intercept, hedge"):
        read_corpus(load_task(write_task(tmp_path, 'term = "hedges"\n' + TOML)), None)


def test_tasks_are_found_by_name_or_file(tmp_path):
    path = write_task(tmp_path)
    assert [located.task.name for located in find_tasks(["stance", str(path)])] == ["stance", "mine"]
    with pytest.raises(StudyInvalid, match="there is no task 'stanse'"):
        find_tasks(["stanse"])
    with pytest.raises(StudyInvalid, match="share a name"):
        find_tasks([str(path), str(path)])


def test_the_tasks_that_come_along():
    known = built_in()
    assert [name for name, located in known.items() if located.task.paper] == [
        "bills",
        "politeness-hedge",
        "politeness-hedge-all",
        "politeness-hedge-qwen",
        "politeness-hedge-qwen-alone",
        "politeness-plural",
        "stance",
        "stance-all",
        "stance-qwen",
        "stance-qwen-alone",
    ]
    for located in known.values():
        recorded = located.task.data.removeprefix("recorded:")
        assert recorded != located.task.data or located.task.origin, "a file says where it comes from"


@pytest.mark.parametrize("name", recorded_names())
def test_every_recorded_corpus_is_whole(name):
    for located in built_in().values():
        if located.task.data == f"recorded:{name}":
            corpus = read_corpus(located, None)
            assert corpus.sample.n_total > 500
            for source in corpus.sample.sources:
                assert source.observed is None or source.observed.mean() > 0.9


@needs_shared
@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("politeness-hedge", 5480),
        ("politeness-plural", 5480),
        ("stance", 2049),
        ("politeness-hedge-qwen", 500),
        ("politeness-hedge-all", 500),
        ("stance-qwen", 250),
        ("stance-all", 250),
    ],
)
def test_what_is_recorded_is_joined_to_the_public_file(name, units):
    corpus = read_corpus(built_in()[name], SHARED)
    assert corpus.sample.n_total == units
    assert all(source.observed is None or source.observed.mean() > 0.9 for source in corpus.sample.sources)


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("politeness", {"proxy", "synthetic"}),
        ("politeness-qwen", {"qwen"}),
        ("politeness-qwen-alike", {"qwen"}),
        ("stance", {"proxy", "synthetic"}),
        ("stance-qwen", {"qwen"}),
    ],
)
def test_labels_that_are_not_ours_are_not_in_the_repository(name, sources):
    values, _ = read_recorded(name)
    assert {column.split("_")[0] for column in values} == {"unit", *sources}


def test_a_file_that_lacks_recorded_units_is_refused(tmp_path):
    pd.DataFrame({"id": ["1", "2"], "y": [0, 1], "x": [1, 0], "p": [1, 1]}).to_csv(
        tmp_path / "f.csv", index=False
    )
    toml = 'name = "t"\ndata = "f.csv"\nrecorded = "stance"\nformula = "y ~ x"\nsources = { p = "p ~ x" }\n'
    (tmp_path / "t.toml").write_text(toml)
    with pytest.raises(DataInvalid, match=r"lacks .* of the 2049 units recorded as 'stance'"):
        read_corpus(load_task(tmp_path / "t.toml"), None)


def test_bills_refuse_without_their_file_and_say_what_it_is(tmp_path):
    with pytest.raises(DataInvalid, match="Congressional Bills Project"):
        read_corpus(built_in()["bills"], tmp_path)


def test_bills_are_read_from_a_file_of_their_schema(tmp_path):
    rng = np.random.default_rng(4)
    ideology = rng.normal(size=300).clip(-1, 1)
    macro = (rng.random(300) < 0.3 + 0.1 * ideology).astype(int)
    rows = {"id": range(300), "macroeconomics": macro, "ideology": ideology}
    read = {"gpt4o": np.where(rng.random(300) < 0.1, 1 - macro, macro), "synthetic": rng.random(300)}
    pd.DataFrame(rows | read).to_csv(tmp_path / "bills.csv", index=False)
    corpus = read_corpus(built_in()["bills"], tmp_path)
    assert corpus.sample.terms == ("Intercept", "ideology")
    assert bounds(corpus, "logit")["r2_proxy"] > 0.4


def test_several_recorded_sets_are_joined_where_all_have_the_unit(tmp_path, monkeypatch):
    kept = {
        "one": pd.DataFrame({"unit_id": ["3", "1", "2"], "a": [0.3, 0.1, 0.2]}),
        "two": pd.DataFrame({"unit_id": ["1", "2", "4"], "b": [1.0, 2.0, 4.0]}),
        "again": pd.DataFrame({"unit_id": ["1"], "a": [0.0]}),
    }
    monkeypatch.setattr("moored.benchmark.corpus.read_recorded", lambda name: (kept[name], {}))
    pd.DataFrame({"id": range(1, 6), "y": 0, "x": 1}).to_csv(tmp_path / "f.csv", index=False)
    toml = 'name = "t"\ndata = "f.csv"\nrecorded = ["one", "two"]\nformula = "y ~ x"\nsources = { p = "a ~ x" }\n'
    (tmp_path / "t.toml").write_text(toml)
    joined = _frame(load_task(tmp_path / "t.toml"), None)
    assert joined[["unit_id", "a", "b"]].to_numpy().tolist() == [["1", 0.1, 1.0], ["2", 0.2, 2.0]]
    (tmp_path / "t.toml").write_text(toml.replace("two", "again"))
    with pytest.raises(DataInvalid, match="two columns 'a'"):
        _frame(load_task(tmp_path / "t.toml"), None)
