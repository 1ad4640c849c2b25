import subprocess
import sys
import tracemalloc
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import pytest
from checked_worlds import clean, study
from faults import FAULTS, outcomes_of
from pandas.testing import assert_frame_equal
from scipy import stats

from checks import run_checks
from checks.data_docs import write_data_docs
from checks.language import language
from checks.statistics import Labelling, correlation_interval, entropy, stability_index, wilson_interval
from checks.textprints import Texts, alike, nearly_repeated
from checks.view import View
from moored.errors import StudyInvalid


def named(outcomes, check):
    return next(outcome for outcome in outcomes if outcome.check == check)


# ---- the gate ------------------------------------------------------------------------------------


def test_checks_change_nothing_so_no_warning_changes_a_number():
    evidence = FAULTS["boilerplate"]()
    before = evidence.units.copy(deep=True), evidence.generations.copy(deep=True)
    arrays = [(s.y.copy(), s.X.copy(), s.observed.copy()) for s in evidence.sample.sources]
    assert not named(run_checks(evidence), "boilerplate").passed
    assert_frame_equal(evidence.units, before[0])
    assert_frame_equal(evidence.generations, before[1])
    for source, (y, X, observed) in zip(evidence.sample.sources, arrays, strict=True):
        np.testing.assert_array_equal(source.y, y)
        np.testing.assert_array_equal(source.X, X)
        np.testing.assert_array_equal(source.observed, observed)


def test_a_failing_check_names_rows_limit_and_remedy():
    outcome = named(outcomes_of("values-in-range"), "values-in-range")
    assert outcome.unit_ids == ("u7",)
    assert outcome.observed == 1
    assert "u7" in outcome.message
    assert "correct the parser" in outcome.message
    with pytest.raises(FrozenInstanceError):
        outcome.passed = True


def test_a_study_sets_thresholds_and_severities():
    evidence = FAULTS["missing-share"]()
    assert named(outcomes_of("missing-share"), "missing-share").severity == "warning"
    strict = replace(evidence, study=study(checks={"severity": {"missing-share": "critical"}}))
    outcome = named(run_checks(strict), "missing-share")
    assert (outcome.severity, outcome.passed) == ("critical", False)
    lax = replace(evidence, study=study(checks={"max_missing_share": 0.9}))
    assert named(run_checks(lax), "missing-share").passed


@pytest.mark.parametrize(
    "checks",
    [
        {"max_refusal_share": 0.1},
        {"max_refused_share": 1.5},
        {"alpha": 0.0},
        {"text_length": [10, 1]},
        {"severity": {"no-such-check": "warning"}},
        {"severity": {"one-recipe": "fatal"}},
        {"min_labelled": -1},
    ],
)
def test_a_wrong_table_of_checks_is_refused(checks):
    with pytest.raises(StudyInvalid, match="checks"):
        study(checks=checks)


def test_a_check_that_cannot_be_asked_passes_and_says_so():
    outcome = named(run_checks(clean(n=12)), "same-law")
    assert outcome.passed
    assert outcome.observed is None
    assert "fewer than 20" in outcome.message


def test_a_table_without_generations_is_judged_too():
    evidence = clean()
    outcomes = run_checks(replace(evidence, generations=evidence.generations.iloc[:0], sample=None))
    assert not named(outcomes, "failed-rows-kept").passed


def test_whole_clusters_labelled_are_not_taken_for_many_units():
    # 40 people of 10 texts; 20 people labelled; long is a person's. By units the difference would look huge.
    rng = np.random.default_rng(1)
    person = np.repeat(np.arange(40), 10)
    labelled = np.isin(person, rng.choice(40, 20, replace=False))
    trait = rng.normal(size=40)[person]
    by_units, by_people = Labelling(labelled), Labelling(labelled, cluster=person)
    people = stats.mannwhitneyu(
        trait[::10][labelled[::10]], trait[::10][~labelled[::10]], use_continuity=False
    )
    assert by_people.differ(trait) == pytest.approx(people.pvalue, abs=0.03)
    assert by_units.differ(trait) < by_people.differ(trait)


def test_importing_the_package_does_not_import_great_expectations():
    script = "import checks, sys; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_data_docs_are_written_where_asked(tmp_path):
    index = write_data_docs(clean(), tmp_path / "docs")
    assert index.is_file()
    assert len(list((tmp_path / "docs" / "validations").rglob("*.html"))) == 2


def test_a_unit_with_a_failed_draw_is_missing_in_its_source():
    evidence = clean(failing=0.0)
    reads = evidence.generations[evidence.generations["source"] == "proxy"].assign(draw=1)
    reads.loc[reads["unit_id"] == "u5", ["status", "value"]] = ["failed", np.nan]
    view = View(replace(evidence, generations=pd.concat([evidence.generations, reads], ignore_index=True)))
    assert np.flatnonzero(view.missing("proxy")).tolist() == [5]
    assert np.isnan(view.values[5, view.steps.index(("proxy", "read.mood"))])
    assert not view.missing("other").any()


# ---- own expectations ----------------------------------------------------------------------------

OWN = """
import great_expectations.expectations as gxe
EXPECTATIONS = {
    "units": [
        gxe.ExpectColumnValuesToMatchRegex(column="text", regex="^[a-z]", severity="warning", notes="begins low"),
        gxe.ExpectColumnValuesToNotMatchRegex(column="text", regex="river", meta={"check": "no-river"}),
        gxe.ExpectColumnValuesToNotBeNull(column="nowhere"),
        gxe.ExpectTableRowCountToBeBetween(min_value=10, severity="warning"),
    ]
}
"""


def test_own_expectations_are_asked_with_their_own_severity(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    evidence = replace(clean(checks={"expectations": "own.py"}), folder=tmp_path)
    low, river, nowhere, count = [o for o in run_checks(evidence) if o.suite == "own"]
    assert (low.passed, low.severity) == (True, "warning")
    assert low.message.startswith("Begins low")
    assert (river.check, river.passed, river.severity) == ("no-river", False, "critical")
    assert river.observed == evidence.units["text"].str.contains("river").sum()
    assert 0 < len(river.unit_ids) <= 20
    assert not nowhere.passed
    assert "nowhere" in nowhere.message
    assert count.passed


@pytest.mark.parametrize(
    "content", [None, "import nothing_of_the_kind", "EXPECTATIONS = {'tables': []}", "x = 1"]
)
def test_a_file_of_own_expectations_that_cannot_be_used_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "own.py").write_text(content)
    with pytest.raises(StudyInvalid, match="own"):
        run_checks(replace(clean(checks={"expectations": "own.py"}), folder=tmp_path))


# ---- statistics ----------------------------------------------------------------------------------


def test_the_rank_test_is_mann_and_whitneys():
    rng = np.random.default_rng(0)
    labelled = np.arange(100) < 40
    values = rng.integers(0, 8, 100).astype(float)
    outside = stats.mannwhitneyu(
        values[labelled], values[~labelled], use_continuity=False, method="asymptotic"
    )
    assert Labelling(labelled).differ(values) == pytest.approx(outside.pvalue, rel=1e-12)


def test_known_unequal_probabilities_are_no_difference():
    rejected = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=1000)
        probability = 0.1 + 0.4 / (1 + np.exp(-2 * x))
        labelled = rng.random(1000) < probability
        assert Labelling(labelled).differ(x) < 0.01
        rejected += Labelling(labelled, probability).differ(x) < 0.05
    assert rejected <= 20


def test_missing_answers_are_compared_by_fishers_exact_test():
    labelled = np.arange(50) < 20
    missing = np.isin(np.arange(50), [0, 1, 2, 3, 4, 30])
    assert Labelling(labelled).depend(missing) == pytest.approx(stats.fisher_exact([[5, 15], [1, 29]]).pvalue)
    assert np.isnan(Labelling(labelled).depend(np.zeros(50, bool)))


def test_intervals_agree_with_scipys():
    rng = np.random.default_rng(2)
    x = rng.normal(size=60)
    y = x + rng.normal(size=60)
    interval = stats.pearsonr(x, y).confidence_interval(0.95)
    assert correlation_interval(x, y)[1:] == pytest.approx((interval.low, interval.high))
    wilson = stats.binomtest(12, 40).proportion_ci(0.95, method="wilson")
    assert wilson_interval(12, 40) == pytest.approx((wilson.low, wilson.high))


def test_the_stability_index_is_small_without_change_and_large_with_it():
    rng = np.random.default_rng(3)
    same = [stability_index(rng.normal(size=200), rng.normal(size=200)) for _ in range(50)]
    assert max(same) < 0.25
    assert stability_index(rng.normal(size=200), rng.normal(1, size=200)) > 0.5
    assert stability_index(rng.integers(0, 2, 500).astype(float), np.ones(500)) > 0.5


def test_entropy_of_equal_shares_is_the_logarithm_of_their_number():
    assert entropy("abcd" * 5) == pytest.approx(2)
    assert entropy([]) == 0


# ---- texts ---------------------------------------------------------------------------------------


def shingles(text):
    # Eight spaces follow a text, so its last bytes make shingles with four of them.
    padded = text.encode() + b" " * 4
    return {padded[i : i + 5] for i in range(len(text.encode()))}


def test_prints_estimate_the_jaccard_similarity():
    rng = np.random.default_rng(4)
    alphabet = np.array(list("abcdefghijklmnop "))
    errors = []
    for _ in range(300):
        text = "".join(rng.choice(alphabet, 120))
        cut = int(rng.integers(10, 110))
        other = text[:cut] + "".join(rng.choice(alphabet, 120 - cut))
        left, right = both = Texts([text, other])
        exact = len(shingles(left) & shingles(right)) / len(shingles(left) | shingles(right))
        errors.append((both.prints[0] == both.prints[1]).mean() - exact)
    assert abs(np.mean(errors)) < 0.02
    assert np.std(errors) < 0.13


def test_near_copies_are_found_and_others_are_not():
    base = "the committee will meet again on thursday to discuss the budget of the coming year in detail"
    texts = Texts(
        [base, base.upper() + "  ", base + ".", "something else altogether", "another thing", "", None]
    )
    assert nearly_repeated(texts).tolist() == [True, True, True, False, False, False, False]
    assert alike(texts.prints[:1], texts.prints[1:2]).all()


def test_one_long_text_does_not_make_all_of_them_take_its_space():
    """As an array of fixed width, 20,000 texts of which one has a million characters are 80 GB."""
    texts = Texts([f"the answer of respondent {number}" for number in range(20_000)] + ["word " * 200_000])
    tracemalloc.start()
    try:
        assert not nearly_repeated(texts)[-1]
        assert tracemalloc.get_traced_memory()[1] < 2e8
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("this is not the one that i have seen", "English"),
        ("das ist nicht der Hund und auch nicht die Katze", "German"),
        ("no es lo que me gusta pero los perros del parque", "Spanish"),
        ("это не та собака", "Cyrillic"),
        ("这不是那只狗吗", "Cjk"),
        ("ok", None),
        ("12345 !!", None),
    ],
)
def test_languages_are_told_where_they_can_be(text, spoken):
    assert language(text) == spoken


def test_units_frames_may_carry_more_columns():
    evidence = clean()
    more = replace(evidence, units=evidence.units.assign(held_back=pd.NA, extra="x"))
    assert all(outcome.passed for outcome in run_checks(more))
