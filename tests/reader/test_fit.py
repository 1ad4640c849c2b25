"""A fit as a notebook shows it: labelled frames, text, HTML and pictures, of odd names and odd numbers, too."""

from __future__ import annotations

import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

import moored
from moored.errors import DataInvalid, ExtraMissing, TermUnknown
from moored.inference import ESTIMATORS
from moored.numbers import p_value
from tests.inference.worlds import draw

HOSTILE = "<script>alert(1)</script> & \x1b[31mred\x1b[0m \u202e $x^2$ | _a_"


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def fitted(name="gmm-small", **options):
    return ESTIMATORS[name](draw("logit", M=1, rng=42), "logit", **options)


def test_frames_and_series_are_labelled_by_term():
    fit = fitted()
    for series, values in ((fit.params, fit.estimate), (fit.bse, fit.se), (fit.pvalues, fit.p_value)):
        assert isinstance(series, pd.Series)
        assert tuple(series.index) == fit.terms
        np.testing.assert_array_equal(series, values)
    assert fit.params["x1"] == fit.estimate[1]
    assert fit.vcov.loc["x1", "x2"] == fit.covariance[1, 2]
    assert list(fit.conf_int().columns) == ["lower", "upper"]
    assert fit.nobs == fit.n_total == 1000
    tidy = fit.tidy()
    assert list(tidy.columns) == [
        *("estimate", "se", "lower", "upper", "p_value", "effective_n", "labels_saved", "r2"),
    ]
    np.testing.assert_array_equal(tidy["r2"], fit.r2)
    np.testing.assert_array_equal(fit.tidy(0.9)[["lower", "upper"]], fit.conf_int(0.9))
    np.testing.assert_allclose(fit.tvalues, fit.estimate / fit.se)
    glance = fit.glance()
    assert len(glance) == 1
    assert glance.loc["gmm-small", "n_labelled"] == 150


def test_what_a_reader_changes_leaves_the_fit_alone():
    fit = fitted()
    before = fit.covariance.copy(), fit.estimate.copy()
    for frame in (fit.vcov, fit.params, fit.tidy()):
        frame.iloc[0] = 99.0
    np.testing.assert_array_equal(fit.covariance, before[0])
    np.testing.assert_array_equal(fit.estimate, before[1])


def test_naive_fits_have_no_effective_sample_and_say_that_they_are_biased():
    fit = fitted("naive-proxy")
    assert fit.tidy()["effective_n"].isna().all()
    for text in (
        repr(fit),
        str(fit.summary()),
        fit._repr_html_(),
        fit.to_markdown(),
        fit.to_latex(),
        fit.to_html(),
    ):
        assert "biased" in text
    assert "worth" not in str(fit.summary())


def test_the_summary_holds_the_numbers_and_how_to_read_them():
    fit = fitted("gmm-synth")
    text = str(fit.summary(0.9))
    assert "gmm-synth, logit" in text
    assert "150 of 1,000 units labelled; the numbers are log odds" in text
    assert "90% interval" in text
    assert f"{fit.conf_int(0.9).loc['x1', 'lower']:.4f}" in text
    assert f"J = {fit.j:.4g} on {fit.j_df} degrees of freedom" in text
    assert repr(fit.summary()) == str(fit.summary())
    corpus = fitted(target="corpus")
    assert "target: corpus" in str(corpus.summary())


def test_warnings_are_read_with_the_numbers():
    fit = replace(fitted(), warnings=("look here",))
    for text in (repr(fit), str(fit.summary()), fit._repr_html_()):
        assert "look here" in text


@pytest.mark.parametrize("alternative", ["larger", "smaller"])
def test_open_ends_missing_values_and_zeros_are_shown(alternative):
    fit = fitted("human", alternative=alternative)
    assert "inf" in repr(fit)
    assert "inf" in fit.to_latex()
    axes = fit.plot()
    assert all(np.isfinite(axes.get_xlim()))
    odd = replace(
        fit,
        se=np.zeros(3),
        p_value=np.array([np.nan, 0.0, 1e-320]),
        lower=np.full(3, np.nan),
        upper=np.full(3, np.inf),
    )
    for text in (
        repr(odd),
        str(odd.summary()),
        odd._repr_html_(),
        odd.to_markdown(),
        odd.to_latex(),
        odd.to_csv(),
    ):
        assert "x2" in text
    assert "<2e-16" in repr(odd)
    odd.plot()


class _Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def test_hostile_names_are_text_everywhere():
    fit = replace(
        fitted(), terms=("Intercept", HOSTILE, "b" * 500), formula=f"{HOSTILE} ~ x", warnings=(HOSTILE,)
    )
    for html in (fit._repr_html_(), fit.summary()._repr_html_(), fit.to_html(caption=HOSTILE, notes=HOSTILE)):
        seen = _Text()
        seen.feed(html)
        assert "script" not in seen.tags
        assert "<script>alert(1)</script>" in seen.text
    for text in (
        repr(fit),
        str(fit.summary()),
        fit.to_markdown(caption=HOSTILE),
        fit.to_latex(caption=HOSTILE),
    ):
        assert "\x1b" not in text
        assert "\u202e" not in text
    axes = fit.plot()
    axes.figure.canvas.draw()
    assert fit.contrast(f"`{HOSTILE}` = 1").iloc[0]["estimate"] == fit.estimate[1]
    fit.confidence_region([HOSTILE, "Intercept"]).plot().figure.canvas.draw()


def test_a_picture_has_a_line_per_term_a_zero_line_and_the_interval():
    fit = fitted()
    axes = fit.plot(level=0.9)
    assert [label.get_text() for label in axes.get_yticklabels()] == list(fit.terms)
    drawn = {tuple(line.get_xdata()) for line in axes.lines}
    assert (0, 0) in drawn
    for lower, upper in fit.conf_int(0.9).to_numpy():
        assert any(
            len(x) == 2 and x[0] == pytest.approx(lower) and x[1] == pytest.approx(upper) for x in drawn
        )
    assert "log odds, 90% interval" in axes.get_xlabel()
    some = fit.plot(terms="x2", exp=True)
    assert [label.get_text() for label in some.get_yticklabels()] == ["x2"]
    assert (1, 1) in {tuple(line.get_xdata()) for line in some.lines}
    _, mine = plt.subplots()
    assert fit.plot(ax=mine) is mine
    with pytest.raises(TermUnknown, match="'z' was asked for"):
        fit.plot(terms=["x1", "z"])
    with pytest.raises(DataInvalid, match="family is 'ols'"):
        replace(fit, family="ols").plot(exp=True)


def test_one_term_alone():
    fit = ESTIMATORS["gmm-small"](draw("ols", p=1, rng=1), "mean")
    assert fit.wald_test().df == 1
    for text in (repr(fit), str(fit.summary()), fit.to_markdown(), fit.to_latex()):
        assert "Intercept" in text
    fit.plot()
    assert fit.contrast("Intercept = 0.5").iloc[0]["null"] == 0.5


def test_classes_of_a_multinomial_are_terms():
    sample = draw("ols", rng=3)
    y = np.where(np.isnan(sample.y), np.nan, np.digitize(sample.y, [0, 1]))
    sources = tuple(replace(s, y=np.digitize(s.y, [0, 1]).astype(float)) for s in sample.sources)
    fit = ESTIMATORS["gmm-proxy"](replace(sample, y=y, sources=sources), "multinomial:3")
    row = fit.contrast("2:x1 - 1:x1").iloc[0]
    assert row["estimate"] == pytest.approx(fit.params["2:x1"] - fit.params["1:x1"])
    assert fit.wald_test().df == 4
    assert "2:Intercept" in fit.to_markdown()


def test_a_level_that_is_none_is_refused():
    for ask in (
        fitted().conf_int,
        fitted().tidy,
        fitted().summary,
        lambda level: fitted().contrast("x1", level),
    ):
        with pytest.raises(DataInvalid, match=r"between 0\.5 and 1: 0\.95"):
            ask(95)


def test_what_is_not_installed_is_named_with_the_extra(monkeypatch):
    fit = fitted()
    monkeypatch.setitem(sys.modules, "maketables", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for ask in (fit.to_latex, fit.to_html, fit.plot):
        with pytest.raises(ExtraMissing, match=r"pip install 'moored\[tables\]'"):
            ask()
    assert "x1" in fit.to_csv()


def test_other_packages_tables_take_a_fit():
    """maketables takes it for what has `params`, `bse` and `pvalues`, as statsmodels' results have."""
    from maketables import ETable

    fit = fitted()
    text = ETable([fit], coef_fmt="b:.4f (se:.4f)").make(type="tex")
    assert f"{fit.params['x1']:.4f} ({fit.bse['x1']:.4f})" in text
    assert "1,000" in text


def test_the_front_door_is_in_the_package_and_costs_nothing():
    assert moored.fit.__module__ == "moored.inference.fitting"
    assert {"fit", "run", "results", "etable"} <= set(dir(moored))
    with pytest.raises(AttributeError, match="it has __version__, etable"):
        moored.fits  # noqa: B018


def test_an_error_probability_is_not_taken_for_a_level():
    fit = fitted()
    for ask in (fit.conf_int, fit.tidy, fit.summary, fit.plot, lambda level: fit.contrast("x1", level)):
        for level in (0.05, 0.49, 0, "0.95", float("nan")):
            with pytest.raises(DataInvalid, match=r"between 0\.5 and 1: 0\.95 for 95% intervals"):
                ask(level=level)
    with pytest.raises(DataInvalid, match=r"alpha = 0\.05"):
        fit.confidence_region("x1", level=0.05)


@pytest.mark.parametrize("estimator", ["gmm-small", "gmm-proxy", "ppi++-proxy"])
@pytest.mark.parametrize("reading", ["alike", "apart", "noise"])
def test_a_source_that_knows_nothing_is_shown_as_nothing(estimator, reading):
    """An r2 of rounding was printed as 1.2e-17, a share of labels saved as -0%."""
    rng = np.random.default_rng(5)
    y, rows = rng.normal(size=400), np.arange(400)
    said = {"alike": np.full(400, 0.3), "apart": (rows % 2) * 1.0, "noise": rng.normal(size=400)}[reading]
    if reading == "apart":  # what is said and the residual of each pair cancel
        y[1::2] = y[::2]
    table = {"y": np.where(rows < 100, y, np.nan), "p": said}
    fit = moored.fit(table, "y ~ 1", family="mean", sources=["p"], estimator=estimator)
    assert "e-" not in str(fit).partition("warning")[0].replace("2e-16", "")
    assert "-0%" not in str(fit)
    if fit.r2 is not None and reading != "noise":
        assert fit.r2.tolist() == [0.0]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0496, "0.0496"),
        (0.049996, "0.049996"),
        (0.05, "0.05"),
        (0.0504, "0.05"),
        (0.00998, "0.00998"),
        (0.04, "0.04"),
    ],
)
def test_a_p_value_is_not_rounded_up_to_a_level_that_it_is_below(value, shown):
    """Beside an interval without zero stood p = 0.05."""
    assert p_value(value) == shown
