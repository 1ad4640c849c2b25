"""What `moored results` says: the answer in words, then a table, then warnings."""

import re

import pytest

from moored.cli.answer import print_results
from moored.row_role import BIASED_WORDS, YARDSTICK_WORDS
from moored.storage.published import EstimateRow, FitRow
from tests.runs import published_run

STUDY = {"estimate": {"formula": "polite ~ question"}, "sources": [{}, {}]}
NUMBERS = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def row(estimator, term, estimate, se, effective=None, r2=None, p=0.26):
    return EstimateRow(
        estimator=estimator,
        term=term,
        estimate=estimate,
        se=se,
        lower=estimate - 1.96 * se,
        upper=estimate + 1.96 * se,
        p_value=p,
        effective_n=effective,
        labels_saved=None if effective is None else 1 - 120 / effective,
        r2=r2,
    )


def fit(estimator, family="logit", p=None, warnings=()):
    return FitRow(
        estimator=estimator,
        family=family,
        level=0.95,
        n_labelled=120,
        n_total=500,
        j=None if p is None else 1.25,
        j_df=None if p is None else 2,
        j_p_value=p,
        warnings=tuple(warnings),
        target="population",
        covariance=None,
    )


def result(**changes):
    whole = {
        "fits": [
            fit("human"),
            fit("naive-proxy", warnings=["as true"]),
            fit("gmm-proxy", p=0.49, warnings=["few labels"]),
            fit("gmm-small"),
        ],
        "estimates": [
            row(name, term, estimate, se, effective, r2)
            for name, effective, r2 in (
                ("human", 120.0, 0.0),
                ("naive-proxy", None, None),
                ("gmm-proxy", 202.0, 0.46),
                ("gmm-small", 179.0, 0.53),
                ("everyone-labelled", None, None),
            )
            for term, estimate, se in (("Intercept", 0.6263, 0.1605), ("question", 0.4525, 0.4007))
        ],
    }
    return published_run(**whole | changes)


@pytest.fixture
def said(capsys, monkeypatch):
    def said(changes=None, columns=None, **options):
        if columns is None:
            monkeypatch.delenv("COLUMNS", raising=False)
        else:
            monkeypatch.setenv("COLUMNS", str(columns))
        print_results(result(**(changes or {})), STUDY, **options)
        return capsys.readouterr().out

    return said


def test_the_answer_comes_first_and_in_words(said):
    lines = said().splitlines()
    assert lines[0] == "requests, version 3: polite ~ question"
    assert "120 of them labelled by humans; the numbers are log odds" in lines[1]
    assert "gmm-small" in lines[2]
    assert "question: 0.4525, 95% interval -0.3329 to 1.2379: zero is inside, so the direction" in lines[4]
    assert "120 human labels are as good as 179 for Intercept and 179 for question" in lines[5]
    assert "no check warned" in lines[6]


@pytest.mark.parametrize("columns", [20, 30, 40, 60, 80, 100, 200])
def test_no_number_is_cut_in_any_width(said, columns):
    whole = said()
    narrow = said(columns=columns)
    assert set(NUMBERS.findall(whole)) == set(NUMBERS.findall(narrow))
    assert "…" not in narrow
    if columns >= 80:
        assert max(map(len, narrow.splitlines())) <= columns


@pytest.mark.parametrize(
    ("estimate", "se"), [(123456.789, 512.25), (0.0000123, 0.0000041), (1e12, 1e9), (0.0, 0.0)]
)
def test_numbers_of_any_size_keep_their_digits(said, estimate, se):
    out = said({"estimates": [row("gmm-small", "x", estimate, se, 130.0, 0.2)]}, columns=80)
    shown = next(line for line in out.splitlines() if line.startswith("> gmm-small")).split()
    assert float(shown[2]) == pytest.approx(estimate, rel=1e-2)
    assert float(shown[3]) == pytest.approx(se, rel=1e-2)


def test_naive_ones_stand_apart_and_the_headline_is_marked(said):
    lines = said().splitlines()
    apart = lines.index(BIASED_WORDS)
    naive = [place for place, line in enumerate(lines) if line.strip().startswith("naive-proxy")]
    assert all(place > apart for place in naive)
    assert all(place < apart for place, line in enumerate(lines) if "gmm-proxy" in line and "0." in line[:30])
    assert YARDSTICK_WORDS in lines
    assert sum(line.startswith("> gmm-small") for line in lines) == 2


def test_the_headline_is_chosen_by_a_rule(said):
    assert "The estimate to read is gmm-small, by a rule that was fixed before any number was seen" in said()


def test_a_stand_in_is_not_by_the_rule(said):
    out = said({"headline": "human", "marks": ["gmm-small could not be fitted: it did not converge"]})
    assert "human, in the place of the one that the rule names, which could not be fitted" in out
    assert "fixed before" not in out
    assert "1. the estimator that the rule names could not be fitted" in out


def test_warnings_are_ranked(said):
    out = said({"marks": ["[balance] off"], "override_reason": "we know"})
    places = [
        out.index(words) for words in ("1. published against", "2. [balance] off", "3. gmm-proxy: few labels")
    ]
    assert places == sorted(places)
    assert "do not report this before" in out
    assert "as true" not in out, "the naive ones have their line"


@pytest.mark.parametrize(("p", "words"), [(0.49, "no sign of trouble"), (0.01, "disagree more than chance")])
def test_the_agreement_test_in_words(said, p, words):
    out = said({"fits": [fit("gmm-small"), fit("gmm-proxy", p=p)]})
    assert words in out
    assert "J =" not in out


@pytest.mark.parametrize("effective", [115.0, 120.0])
def test_help_that_is_none_is_said_so(said, effective):
    out = said({"estimates": [row("gmm-small", "x", 1.0, 0.1, effective, 0.0)]})
    assert "The model added no precision" in out
    assert "%" not in out.replace("95%", "")


def test_odds_ratios(said):
    out = said(exp=True)
    assert "the numbers are odds ratios" in out
    assert "question: 1.5722, 95% interval 0.7169 to 3.4483: 1 is inside" in out


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[31mred\x1b[0m",
        "[red]markup[/red]",
        "\u202eabc\u202c",
        "bell\a\b\b\b",
        "a\rb",
        "\x9b2J",
        "\ud800",
        "\u2028line",
    ],
)
def test_hostile_texts_are_shown_as_text(said, hostile):
    out = said(
        {
            "estimates": [row("gmm-small", hostile, 1.0, 0.1, 130.0, 0.2)],
            "marks": [hostile],
            "override_reason": hostile,
        }
    )
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\ud800-\udfff]", out)
    if hostile.isprintable():
        assert hostile in out


def test_a_text_of_a_megabyte_is_cut_and_counted(said):
    out = said({"marks": ["x" * 10**6]})
    assert len(out) < 20_000
    assert "(1,000,003 characters)" in out


def test_all_numbers_on_request(said):
    out = said(columns=80, verbose=True)
    assert "J = 1.25 on 2 degrees of" in out
    assert "labels saved" in out.replace("\n", " ") or "saved" in out


def test_what_several_estimators_say_alike_is_said_once(said):
    lost = "source 'proxy' failed for 9 of 500 units"
    fits = [fit("human"), fit("naive-proxy", warnings=[lost]), fit("gmm-proxy", warnings=[lost])]
    out = said({"fits": [*fits, fit("gmm-small", warnings=["few labels", lost])], "marks": []})
    assert f"1. gmm-small: few labels\n2. gmm-small and gmm-proxy: {lost}" in out
    assert out.count(lost) == 1
