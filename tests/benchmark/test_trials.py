"""Draws are the same for every method, and the table does not depend on how the work is cut."""

from __future__ import annotations

import numpy as np
import pytest

from moored.benchmark.bounds import truth_of
from moored.benchmark.corpus import Corpus
from moored.benchmark.metrics import summarise
from moored.benchmark.trials import AT_ONCE, TrialPlan, joined, order, pieces, run_piece, usable
from moored.errors import StudyInvalid
from tests.benchmark.corpora import corpus

OWN = """
from dataclasses import replace
from moored.inference import ESTIMATORS


def shrunk(data, family="ols", **options):
    fit = ESTIMATORS["human"](data, family, **options)
    return replace(fit, estimator="shrunk", estimate=fit.estimate / 2)
"""


def test_the_fixed_design_draws_without_and_the_redrawn_with_replacement():
    child = np.random.SeedSequence(7)
    fixed, redrawn = order(500, child, "fixed"), order(500, child, "redrawn")
    assert sorted(fixed.tolist()) == list(range(500))
    assert 250 < len(set(redrawn.tolist())) < 375


def test_a_sample_of_a_corpus_may_be_redrawn_as_a_larger_one(tmp_path):
    child = np.random.SeedSequence(7)
    larger = order(500, child, "redrawn", 3000)
    assert (len(larger), larger.max()) == (3000, 499)
    one = corpus(tmp_path)
    task = one.task.model_copy(update={"redraw": 1000})
    plan = TrialPlan(trials=2, fractions=(0.1,), estimators=("human",))
    (first, *_) = pieces([Corpus(task, one.sample, one.term)], plan)
    assert {cell.design: cell.n for cell in run_piece(first)} == {"redrawn": 100}


def test_the_work_is_cut_the_same_way_whatever_the_workers(tmp_path):
    plan = TrialPlan(trials=2 * AT_ONCE + 5)
    cut = [(piece.family, piece.first, piece.last) for piece in pieces([corpus(tmp_path)], plan)]
    assert cut[:3] == [("logit", 0, 50), ("logit", 50, 100), ("logit", 100, 105)]
    assert len(cut) == 6


def test_a_trial_is_the_same_alone_and_among_others(tmp_path):
    plan = TrialPlan(trials=8, fractions=(0.1, 0.4), estimators=("human", "gmm-synth"))
    (whole, *_) = pieces([corpus(tmp_path)], plan)
    cells = {cell.key: cell for cell in run_piece(whole)}
    from dataclasses import replace

    for cell in run_piece(replace(whole, first=3, last=5)):
        np.testing.assert_allclose(
            cell.answers.estimate, cells[cell.key].answers.estimate[3:5], rtol=1e-12, atol=1e-14
        )


def test_labelled_sets_are_nested_and_the_same_for_every_method(tmp_path):
    plan = TrialPlan(trials=4, fractions=(0.2,), estimators=("human", "naive-proxy"), designs=("fixed",))
    (piece, *_) = pieces([corpus(tmp_path)], plan)
    proxy = [cell for cell in run_piece(piece) if cell.estimator == "naive-proxy"]
    # with the corpus fixed, a method that uses no label says the same in every trial
    assert np.ptp(proxy[0].answers.estimate, axis=0).max() < 1e-12


def test_methods_without_their_kind_of_source_are_left_out(tmp_path):
    one = corpus(tmp_path)
    proxy_only = type(one)(one.task, one.sample.of_kind("proxy"), one.term)
    names = usable(proxy_only, TrialPlan())
    assert "gmm-proxy" in names
    assert not {"gmm-synth", "ppi++-synth", "naive-synthetic"} & set(names)


def test_an_estimator_of_one_s_own_is_one_function(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(OWN)
    plan = TrialPlan(trials=6, fractions=(0.3,), estimators=("human", f"{file}:shrunk"), designs=("redrawn",))
    one = corpus(tmp_path)
    cells = joined([cell for piece in pieces([one], plan) for cell in run_piece(piece)])
    truths = {("mine", family): truth_of(one, family) for family in one.task.families}
    rows = summarise(cells, truths, 0.95)
    assert {row["estimator"] for row in rows} == {"human", "shrunk"}
    human, shrunk = (cell.answers.estimate for cell in cells[:2])
    np.testing.assert_allclose(shrunk, human / 2, rtol=1e-9, atol=1e-12)


def test_estimators_that_are_not_there_are_refused(tmp_path):
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "taken.py").write_text("def human(data, **options): ...")
    for name, said in (
        ("magic", "no estimator 'magic'"),
        (f"{tmp_path}/broken.py:f", "ZeroDivisionError"),
        (f"{tmp_path}/taken.py:human", "already"),
    ):
        plan = TrialPlan(trials=1, estimators=(name,))
        with pytest.raises(StudyInvalid, match=said):
            run_piece(pieces([corpus(tmp_path)], plan)[0])
