"""What a reader of a version must know."""

from dataclasses import replace

import pytest

from moored.row_role import YARDSTICK
from moored.versions.warnings import warnings_of
from tests.cli.test_results_words import fit, result


def test_marks_come_first_then_disagreement_then_what_the_estimators_say_each_once():
    run = replace(
        result(),
        marks=("a mark", "few labels"),
        fits=(
            fit("human", warnings=["one group"]),
            fit("gmm-proxy", p=0.01, warnings=["few labels", "one group"]),
            fit("gmm-small", p=0.2, warnings=["one group"]),
            fit("naive-proxy", p=0.001, warnings=["biased"]),
            fit(YARDSTICK, warnings=["all"]),
        ),
    )
    assert warnings_of(run) == [
        "a mark",
        "few labels",
        (
            "gmm-proxy: human and model labels disagree more than chance explains (agreement test: p = 0.01); "
            "look at the checks before you use it"
        ),
        "gmm-small, human and gmm-proxy: one group",
        "gmm-proxy: few labels",
    ]


@pytest.mark.parametrize("p", [0.0, 1e-300])
def test_a_p_value_of_zero_is_said(p):
    """It was taken for none: the gravest disagreement was the one that no line told."""
    run = replace(result(), fits=(fit("gmm-small", p=p),))
    assert any(
        "disagree more than chance explains (agreement test: p < 2e-16)" in one for one in warnings_of(run)
    )
