"""The forest plot draws what the rows say."""

import base64

import pytest

from moored.report.forest import HEADLINE, as_data_uri, forest_plot

ROWS = [
    {"estimator": name, "term": term, "estimate": at, "lower": at - 0.5, "upper": at + 0.5}
    for term, shift in (("Intercept", 0.0), ("hedge", 2.0))
    for name, at in (("human", shift), ("naive-proxy", shift + 1), ("gmm-small", shift + 0.25))
]


def test_a_panel_a_term_and_a_line_an_estimator():
    figure = forest_plot(ROWS, "politeness, version 3", "gmm-small")
    assert [panel.get_title() for panel in figure.axes] == ["Intercept", "hedge"]
    assert figure.get_suptitle() == "politeness, version 3"
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["human", "naive-proxy", "gmm-small"]
    bounds = [tuple(line.get_xdata()) for line in figure.axes[1].get_lines() if len(line.get_xdata()) == 2]
    assert {(1.5, 2.5), (2.5, 3.5), (1.75, 2.75)} <= set(bounds)
    styles = {line.get_linestyle() for line in figure.axes[0].get_lines() if line.get_ydata()[0] == 1}
    assert "--" in styles
    bold = [line for line in figure.axes[0].get_lines() if line.get_color() == HEADLINE]
    assert [tuple(line.get_xdata()) for line in bold] == [(-0.25, 0.75), (0.25,)]


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], []])
def test_it_is_a_png_that_a_page_can_hold(rows):
    kind, data = as_data_uri(forest_plot(rows, "t")).split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data).startswith(b"\x89PNG")
