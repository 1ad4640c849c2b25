import numpy as np
import pytest

from moored.errors import Separated, StudyInvalid
from moored.inference import ESTIMATORS
from moored.run.estimates import EVERYONE, estimate_study, wanted_estimators
from tests.materials import material
from tests.studies import study, study_table


def test_every_wanted_estimator_has_its_rows():
    result = estimate_study(study(), material())
    found = list(dict.fromkeys(result.estimates["estimator"]))
    assert found == [*wanted_estimators(study()), EVERYONE]
    assert list(result.fits["estimator"]) == list(wanted_estimators(study()))
    assert result.marks == ()


def test_the_rows_are_the_estimators_own():
    given = material()
    from moored.run.estimates import sample_of

    fit = ESTIMATORS["gmm-synth"](sample_of(study(), given), "ols", level=0.95)
    rows = estimate_study(study(), given).estimates.query("estimator == 'gmm-synth'")
    np.testing.assert_array_equal(rows["estimate"], fit.estimate)
    np.testing.assert_array_equal(rows["se"], fit.se)


def test_the_sources_save_labels():
    rows = estimate_study(study(), material()).estimates.set_index(["estimator", "term"])
    assert rows.loc[("gmm-synth", "question"), "se"] < 0.9 * rows.loc[("human", "question"), "se"]


def test_the_headline_is_one_estimator_at_every_size():
    sizes = ((400, 30), (400, 149), (400, 150))
    found = [estimate_study(study(), material(units=T, labelled=n)).headline for T, n in sizes]
    assert set(found) == {"gmm-small"}


def test_the_headline_is_fitted_though_nobody_asked_for_it():
    asked = study(estimate={"formula": "polite ~ question", "estimators": ["human"]})
    result = estimate_study(asked, material())
    assert set(result.fits["estimator"]) == {"human", result.headline}


def test_a_baseline_that_cannot_be_fitted_is_marked():
    given = material()
    given.values["synthetic"]["question"] = 1.0
    result = estimate_study(study(), given)
    assert "naive-synthetic" not in set(result.fits["estimator"])
    assert any(mark.startswith("naive-synthetic could not be fitted") for mark in result.marks)


def test_human_labels_that_give_no_estimate_stop():
    given = material()
    units = given.units.assign(polite=given.units["question"].where(given.units["labelled"]))
    separated = type(given)(units, given.generations, given.values)
    with pytest.raises(Separated):
        estimate_study(study(estimate={"formula": "polite ~ question", "family": "logit"}), separated)


def test_a_study_with_a_proxy_alone_asks_for_no_synthetic_baseline():
    alone = study(sources=[{"name": "proxy", "kind": "proxy"}])
    assert "naive-synthetic" not in wanted_estimators(alone)
    assert "gmm-proxy" in wanted_estimators(alone)


def test_refuses_an_estimator_that_there_is_not():
    with pytest.raises(StudyInvalid, match="there are human"):
        wanted_estimators(study(estimate={"formula": "polite ~ 1", "estimators": ["magic"]}))


def test_the_target_is_the_studys():
    plain = estimate_study(study(), material())
    spec = study_table()["estimate"]
    aimed = estimate_study(study(estimate=spec | {"target": "corpus"}), material())
    assert set(plain.fits["target"]) == {"population"}
    assert set(aimed.fits.set_index("estimator").loc[["human", "gmm-small"], "target"]) == {"corpus"}
    se = [r.estimates.set_index(["estimator", "term"])["se"] for r in (plain, aimed)]
    n, T = plain.fits.loc[0, ["n_labelled", "n_total"]]
    terms = list(se[0]["human"].index)
    for term in terms:
        assert se[1]["human"][term] == pytest.approx(se[0]["human"][term] * (1 - n / T) ** 0.5)
