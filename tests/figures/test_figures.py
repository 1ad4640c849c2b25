"""Figures draw what the rows say, in one look, and stand in a page by themselves."""

import base64
import math
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from moored.figures import (
    as_data_uri,
    as_svg,
    estimate_over_versions,
    forest_plot,
    label_shares,
    learning_curve,
)
from moored.figures.look import HEADLINE, NAIVE, NARROW

ROWS = [
    {"estimator": name, "term": term, "estimate": at, "lower": at - 0.5, "upper": at + 0.5}
    for term, shift in (("Intercept", 0.0), ("hedge", 2.0))
    for name, at in (("naive-proxy", shift + 1), ("human", shift), ("gmm-small", shift + 0.25))
]
HOSTILE = '$\\frac{a}$ <script>alert(1)</script> \x1b[31m \u202eevil & "quoted" \''


def svg_of(figure, key="f"):
    return as_svg(figure, key, "a title", "words")


def intervals(panel, colour=None):
    lines = [line for line in panel.get_lines() if len(line.get_xdata()) == 2]
    drawn = [line for line in lines if line.get_ydata()[0] == line.get_ydata()[1]]
    return {tuple(line.get_xdata()) for line in drawn if colour in (None, line.get_color())}


def test_a_panel_per_term_with_the_headline_first_and_the_naive_apart():
    figure = forest_plot(ROWS, headline="gmm-small")
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["Intercept", "hedge"]
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["gmm-small", "human", "naive-proxy"]
    places = list(figure.axes[0].get_yticks())
    assert places[2] - places[1] > places[1] - places[0]
    assert intervals(figure.axes[1]) == {(1.5, 2.5), (2.5, 3.5), (1.75, 2.75)}
    assert intervals(figure.axes[1], HEADLINE) == {(1.75, 2.75)}
    assert intervals(figure.axes[1], NAIVE) == {(2.5, 3.5)}
    dashed = [line for line in figure.axes[0].get_lines() if line.get_linestyle() == "--"]
    assert [line.get_color() for line in dashed] == [NAIVE]


def test_its_numbers_are_the_rows_and_a_narrow_one_has_none():
    wide = {text.get_text() for text in forest_plot(ROWS).axes[1].texts}
    assert wide == {"2.00  [1.50, 2.50]", "3.00  [2.50, 3.50]", "2.25  [1.75, 2.75]"}
    assert not forest_plot(ROWS, width=NARROW).axes[0].texts


@pytest.mark.parametrize("ends", [(None, 1.0), (-math.inf, 1.0), (0.5, None), (None, None)])
def test_an_open_end_runs_to_the_edge(ends):
    row = {"estimator": "human", "term": "x", "estimate": 0.7, "lower": ends[0], "upper": ends[1]}
    panel = forest_plot([*ROWS, row]).axes[2]
    edges = panel.get_xlim()
    (drawn,) = intervals(panel)
    for at, end in enumerate(ends):
        assert drawn[at] == (end if end is not None and math.isfinite(end) else edges[at])
    assert "nan" not in svg_of(forest_plot([row])).casefold()


@pytest.mark.parametrize("zero", [0.0, 1.0])
def test_the_line_of_no_effect(zero):
    lines = forest_plot(ROWS, zero=zero).axes[0].get_lines()
    assert [zero, zero] in [list(line.get_xdata()) for line in lines]


FIGURES = {
    "forest": lambda name: forest_plot([ROWS[0] | {"term": name, "estimator": name}], name, scale=name),
    "versions": lambda name: estimate_over_versions(
        [{"version": v, "term": name, "estimate": v, "lower": v - 1, "upper": v + 1} for v in (1, 2)],
        scale=name,
        current=2,
    ),
    "labels": lambda name: label_shares([{"name": name, "units": 10, "labelled": 3}]),
    "curve": lambda name: learning_curve(
        [{"term": name, "n": [10, 20], "with_model": [1.0, 0.5], "alone": [2.0, 1.5]}], labels=12, scale=name
    ),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_hostile_names_are_text(draw):
    svg = svg_of(draw(HOSTILE))
    ET.fromstring(svg)
    assert "<script" not in svg
    assert "\x1b" not in svg
    assert "\u202e" not in svg
    assert "frac" in svg


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_an_svg_says_what_it_shows_follows_its_page_and_loads_nothing(draw):
    figure = draw("x")
    svg = svg_of(figure, "one")
    assert svg == svg_of(draw("x"), "one")
    root = ET.fromstring(svg)
    assert root.attrib["role"] == "img"
    named = [root.find(f".//*[@id='{key}']").text for key in root.attrib["aria-labelledby"].split()]
    assert named == ["a title", "words"]
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    assert all(one.startswith("one-") for one in ids)
    used = svg.count("#one-")
    assert used == svg.count('href="#') + svg.count("url(#")
    assert "var(--fig-" in svg
    assert "DejaVu" not in svg
    links = svg.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "")
    assert "http" not in links


def test_each_version_has_its_interval_and_the_current_one_is_heavy():
    rows = [{"version": v, "term": "x", "estimate": v / 2, "lower": v - 2, "upper": v + 2} for v in (3, 5, 9)]
    panel = estimate_over_versions(rows, current=9).axes[0]
    upright = [
        line for line in panel.get_lines() if len(line.get_ydata()) == 2 and line.get_linestyle() == "-"
    ]
    assert {tuple(line.get_ydata()) for line in upright} == {(1, 5), (3, 7), (7, 11)}
    assert [label.get_text() for label in panel.get_xticklabels()] == ["3", "5", "9"]
    heavy = [line.get_ydata() for line in panel.get_lines() if line.get_color() == HEADLINE]
    assert [list(ys) for ys in heavy] == [[7, 11], [4.5]]


def test_bars_are_the_shares():
    groups = [{"name": "all units", "units": 200, "labelled": 50}, {"name": "a", "units": 40, "labelled": 30}]
    axes = label_shares(groups).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.25, 0.75]
    assert [text.get_text() for text in axes.texts] == ["50 of 200", "30 of 40"]


def test_the_curves_are_those_given():
    curve = {"term": "x", "n": [10, 40], "with_model": [0.8, 0.4], "alone": [1.0, 0.5]}
    lines = {line.get_label(): line for line in learning_curve([curve], labels=25).axes[0].get_lines()}
    assert list(lines["with the model's help"].get_ydata()) == [0.8, 0.4]
    assert list(lines["human labels alone"].get_ydata()) == [1.0, 0.5]
    assert list(lines["now: 25 labels"].get_xdata()) == [25, 25]


def test_drawing_changes_no_setting():
    before = dict(mpl.rcParams)
    svg_of(forest_plot(ROWS))
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], []])
def test_it_is_a_png_that_a_page_can_hold(rows):
    kind, data = as_data_uri(forest_plot(rows, "t")).split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data).startswith(b"\x89PNG")
