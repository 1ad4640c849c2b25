import numpy as np
import pytest

from moored.errors import StudyInvalid, Unidentified
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
