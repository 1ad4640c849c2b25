import numpy as np
import pandas as pd
import pytest

from moored.errors import NonFinite, Singular, StudyInvalid, Unidentified
from moored.inference import Columns, sample_from_frame
from moored.run.estimates import refuse_without_estimate
from moored.run.sample import build_sample, everyone_labelled
from tests.materials import N, T, material
from tests.studies import study


def test_the_same_formula_is_applied_to_humans_and_sources():
    given = material()
    sample = build_sample(study(), given.units, given.values)
    assert sample.terms == ("Intercept", "question")
    assert sample.X.shape == (T, 2)
    np.testing.assert_array_equal(sample.y[sample.labelled], given.units["polite"].dropna())
    assert [source.name for source in sample.sources] == ["proxy", "synthetic"]
    for source in sample.sources:
        np.testing.assert_array_equal(source.y, given.values[source.name]["polite"])
        np.testing.assert_array_equal(source.X[:, 1], given.values[source.name]["question"])


def test_a_unit_without_a_reading_is_not_observed_and_keeps_its_place():
    given = material()
    given.values["proxy"].loc[[3, 5]] = np.nan
    source = build_sample(study(), given.units, given.values).sources[0]
    assert len(source.y) == T
    assert list(np.flatnonzero(~source.observed)) == [3, 5]


def test_everyone_labelled_uses_the_held_back_labels():
    given = material()
    whole = everyone_labelled(study(), given.units)
    assert whole.labelled.all()
    expected = given.units["polite"].fillna(given.units["held_back"])
    np.testing.assert_array_equal(whole.y, expected)
    assert build_sample(study(), given.units, given.values).labelled.sum() == N


def test_nobody_held_back_means_no_such_line():
    given = material()
    assert everyone_labelled(study(), given.units.assign(held_back=np.nan)) is None


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("polite ~ wealth", "write it over polite, question"),
        ("question ~ polite", "the study's outcome is polite"),
        ("~ question", "write it over"),
        ("polite ~ question +", "write it over"),
        ("polite ~ __import__('os').getpid()", "cannot be read"),
        ("polite ~ exec(question)", "exec() is no function of a formula"),
        ("polite ~ I(question.values.tofile('x'))", "is no function of a formula"),
        ("polite ~ question^2", "I(question**2)"),
        ("log(polite) ~ question", "the study's outcome is polite"),
    ],
)
def test_refuses_a_formula(formula, words):
    given = material()
    with pytest.raises(StudyInvalid) as refusal:
        build_sample(study(estimate={"formula": formula}), given.units, given.values)
    assert words in refusal.value.message


def test_refuses_fewer_labels_than_parameters():
    given = material(labelled=2)
    with pytest.raises(Unidentified, match="2 labelled units cannot identify 2 parameters"):
        build_sample(study(), given.units, given.values)


def with_region(labelled=N, seed=1):
    given = material(seed, labelled=labelled)
    rng = np.random.default_rng(seed)
    region = pd.Series(rng.choice(["east", "north", "west"], T), dtype=object)
    minutes = pd.Series(rng.uniform(1, 60, T))
    given.units["region"], given.units["minutes"] = region, minutes
    for frame in given.values.values():
        frame["region"], frame["minutes"] = region, minutes
    return given


def asking(formula, **changes):
    covariates = [
        {"name": "question", "rule": "contains(text, '?')"},
        {"name": "region", "column": "region"},
        {"name": "minutes", "column": "minutes"},
    ]
    return study(covariates=covariates, estimate={"formula": formula}, **changes)


@pytest.mark.parametrize(
    "formula",
    [
        "polite ~ C(region)",
        "polite ~ region * question",
        "polite ~ log(minutes) + C(region, Treatment('west'))",
        "polite ~ minutes + I(minutes**2)",
        "polite ~ poly(minutes, 2) + bs(minutes, df=4):question",
        "polite ~ scale(minutes) + center(minutes):region",
        "polite ~ (question + minutes)^2",
    ],
)
def test_a_study_computes_what_a_table_computes(formula):
    given = with_region()
    sample = build_sample(asking(formula), given.units, given.values)
    frame = given.units.assign(s=given.units["labelled"])
    whole = sample_from_frame(frame, Columns(formula, "s", {}))
    assert sample.terms == whole.terms
    known = sample.labelled
    np.testing.assert_array_equal(sample.X[known], whole.X[known])
    for source in sample.sources:
        assert source.observed.all() if source.observed is not None else True
        np.testing.assert_allclose(source.X[known], sample.X[known])


def test_a_category_that_no_labelled_unit_has_fails_in_the_sources_and_is_said():
    given = with_region()
    first = np.flatnonzero(~given.units["labelled"])[:3]
    given.units.loc[first, "region"] = "south"
    for frame in given.values.values():
        frame.loc[first, "region"] = "south"
    sample = build_sample(asking("polite ~ region"), given.units, given.values)
    assert "region[T.south]" not in sample.terms
    assert [int((~source.observed).sum()) for source in sample.sources] == [3, 3]
    assert "3 units hold 'south' in region" in sample.notes[0]


def test_a_blank_category_of_a_source_is_a_failed_generation():
    given = with_region()
    given.values["proxy"].loc[[2, 9], "region"] = None
    source = build_sample(asking("polite ~ region"), given.units, given.values).sources[0]
    assert list(np.flatnonzero(~source.observed)) == [2, 9]


def test_a_category_that_the_model_reads_is_the_nearest_of_the_human_ones():
    answers = {"none": 0.0, "some": 1.0, "much": 2.0}
    haste = {"name": "haste", "human": "haste", "question": {"ask": "In haste?", "answers": answers}}
    given = material()
    rng = np.random.default_rng(4)
    told = rng.integers(0, 3, T).astype(float)
    given.units["haste"] = np.where(given.units["labelled"], told, np.nan)
    soft = told + rng.uniform(-0.45, 0.45, T)
    for frame in given.values.values():
        frame["haste"] = soft
    given.values["proxy"].loc[7, "haste"] = np.nan
    asked = study(covariates=[haste], estimate={"formula": "polite ~ C(haste)"})
    sample = build_sample(asked, given.units, given.values)
    assert sample.terms == ("Intercept", "C(haste)[T.1]", "C(haste)[T.2]")
    proxy = sample.sources[0]
    assert list(np.flatnonzero(~proxy.observed)) == [7]
    seen = proxy.observed
    np.testing.assert_array_equal(proxy.X[seen, 1] + 2 * proxy.X[seen, 2], told[seen])


def test_everyone_labelled_speaks_of_the_same_terms():
    given = with_region()
    asked = asking("polite ~ scale(minutes) + region")
    whole, sample = everyone_labelled(asked, given.units), build_sample(asked, given.units, given.values)
    assert whole.terms == sample.terms
    known = sample.labelled
    np.testing.assert_array_equal(whole.X[known], sample.X[known])


@pytest.mark.parametrize(
    ("units", "formula", "error"),
    [
        (lambda u: u.assign(minutes=3.0), "polite ~ minutes", Singular),
        (lambda u: u.assign(minutes=2 * u["question"] + 1), "polite ~ question + minutes", Singular),
        (lambda u: u.assign(region="east"), "polite ~ region", Singular),
        (lambda u: u.assign(minutes=0.0), "polite ~ log(minutes)", NonFinite),
        (lambda u: u, "polite ~ minutes + minutes^2", StudyInvalid),
        (lambda u: u, "polite ~ log(region)", StudyInvalid),
    ],
)
def test_what_the_human_labels_cannot_say_is_refused_without_a_source(units, formula, error):
    given = with_region()
    with pytest.raises(error):
        refuse_without_estimate(asking(formula), units(given.units))
