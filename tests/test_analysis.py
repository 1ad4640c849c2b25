from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest

from checks import Evidence
from moored.errors import DataInvalid, Separated, StudyInvalid
from moored.inference import ESTIMATORS
from moored.inference.estimators import possible
from moored.row_role import YARDSTICK
from moored.run.estimates import estimate_study, sample_of, wanted_estimators
from moored.storage.published import estimate_rows
from tasks.estimate import estimate
from tests import runs
from tests.materials import material
from tests.studies import study, study_table


def estimated(asked, given):
    return estimate_study(asked, sample_of(asked, given), given.units)


def fitted(result):
    """Fits by the estimator's name."""
    return {fit.estimator: fit for fit in result.fits}


def test_every_wanted_estimator_has_its_rows():
    result = estimated(study(), material())
    assert [fit.estimator for fit in result.every_fit] == [*wanted_estimators(study()), YARDSTICK]
    assert list(fitted(result)) == list(wanted_estimators(study()))
    assert {row.effective_n for row in estimate_rows([result.everyone])} == {None}
    assert result.marks == ()


def test_the_fits_are_the_estimators_own():
    given = material()
    fit = ESTIMATORS["gmm-synth"](sample_of(study(), given), "ols", level=0.95)
    found = fitted(estimated(study(), given))["gmm-synth"]
    np.testing.assert_array_equal(found.estimate, fit.estimate)
    np.testing.assert_array_equal(found.se, fit.se)


def test_the_sources_save_labels():
    fits = fitted(estimated(study(), material()))
    assert fits["gmm-synth"].se[1] < 0.9 * fits["human"].se[1]


def test_the_headline_is_one_estimator_at_every_size():
    sizes = ((400, 30), (400, 149), (400, 150))
    found = [estimated(study(), material(units=T, labelled=n)).headline for T, n in sizes]
    assert set(found) == {"gmm-small"}


def test_the_headline_is_fitted_though_nobody_asked_for_it():
    asked = study(estimate={"formula": "polite ~ question", "estimators": ["human"]})
    result = estimated(asked, material())
    assert set(fitted(result)) == {"human", result.headline}


def test_a_baseline_that_cannot_be_fitted_is_marked():
    given = material()
    given.values["synthetic"]["question"] = 1.0
    result = estimated(study(), given)
    assert "naive-synthetic" not in set(fitted(result))
    assert any(mark.startswith("naive-synthetic could not be fitted") for mark in result.marks)


def test_human_labels_that_give_no_estimate_stop():
    given = material()
    units = given.units.assign(polite=given.units["question"].where(given.units["labelled"]))
    separated = type(given)(units, given.generations, given.values)
    with pytest.raises(Separated):
        estimated(study(estimate={"formula": "polite ~ question", "family": "logit"}), separated)


def test_a_study_with_a_proxy_alone_asks_for_no_synthetic_baseline():
    alone = study(sources=[{"name": "proxy", "kind": "proxy"}])
    assert "naive-synthetic" not in wanted_estimators(alone)
    assert "gmm-proxy" in wanted_estimators(alone)


def test_refuses_an_estimator_that_there_is_not():
    with pytest.raises(StudyInvalid, match="there are human"):
        wanted_estimators(study(estimate={"formula": "polite ~ 1", "estimators": ["magic"]}))


def test_the_target_is_the_studys():
    plain = estimated(study(), material())
    spec = study_table()["estimate"]
    aimed = estimated(study(estimate=spec | {"target": "corpus"}), material())
    assert {fit.target for fit in plain.fits} == {"population"}
    assert {fitted(aimed)[name].target for name in ("human", "gmm-small")} == {"corpus"}
    human = fitted(plain)["human"]
    share = 1 - human.n_labelled / human.n_total
    np.testing.assert_allclose(fitted(aimed)["human"].se, human.se * share**0.5, rtol=1e-6)


def test_what_was_checked_is_what_is_estimated_from(monkeypatch):
    """One Sample: the task that estimates is given the evidence of the checks, and passes its own sample on."""
    given, asked, seen = material(), study(), []
    evidence = Evidence(asked, given.units, given.generations, sample_of(asked, given))
    for name in (*wanted_estimators(asked), "human"):
        monkeypatch.setitem(ESTIMATORS, name, lambda data, *_, **__: seen.append(data) or runs.fit())
    estimate.fn(SimpleNamespace(study=asked), evidence)
    for data in seen[:-1]:  # the last one is the yardstick's: every label counted
        assert data is evidence.sample


@pytest.mark.parametrize("part", ["y", "X", "labelled"])
def test_nobody_can_write_into_what_was_checked(part):
    sample = sample_of(study(), material())
    arrays = [getattr(sample, part)]
    arrays += [getattr(source, part) for source in sample.sources if part != "labelled"]
    assert len(arrays) == (1 if part == "labelled" else 3)
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("kind", ["proxy", "synthetic"])
def test_an_estimator_needs_the_kinds_that_stand_beside_it(name, kind):
    """Without a kind that it needs it refuses or repeats another one; with the kinds it needs it is fitted."""
    alone = study(sources=[{"name": kind, "kind": kind}])
    given = material()
    kept = type(given)(given.units, given.generations, {kind: given.values[kind]})
    sample = sample_of(alone, kept)
    if possible(name, {kind}, repeats=False):
        assert ESTIMATORS[name](sample, "ols").estimator == name
        return
    others = [
        ESTIMATORS[other](sample, "ols") for other in ESTIMATORS if possible(other, {kind}, repeats=False)
    ]
    with suppress(DataInvalid):
        found = ESTIMATORS[name](sample, "ols").estimate
        assert any(np.allclose(found, fit.estimate, atol=1e-9) for fit in others)
