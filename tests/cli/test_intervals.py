"""Intervals drawn with characters."""

import math

import pytest

from moored.cli.intervals import Interval, interval_lines


def test_each_interval_stands_on_the_common_scale():
    wide, narrow = interval_lines([Interval("human", -1.0, 0.0, 1.0), Interval("gmm", -0.5, 0.0, 0.5)], 63)
    assert [wide.index(c) for c in "(o)"] == [22, 42, 62]
    assert [narrow.index(c) for c in "(o)"] == [32, 42, 52]
    assert len(wide) == 63


def test_naive_ones_are_drawn_apart_and_zero_is_marked():
    naive, _ = interval_lines(
        [Interval("naive-proxy", 0.5, 0.6, 0.7, naive=True), Interval("human", -1.0, 0.5, 1.0)], 80
    )
    assert "[" in naive
    assert "x" in naive
    assert "(" not in naive
    assert ":" in naive
    assert naive.index(":") < naive.index("[")


@pytest.mark.parametrize("end", [None, math.inf, math.nan])
def test_an_open_end_goes_to_the_edge(end):
    line, *_ = interval_lines([Interval("one-sided", 0.0, 1.0, end), Interval("human", -1.0, 0.5, 2.0)], 60)
    assert len(line) == 60


def test_there_is_nothing_without_room_or_numbers():
    assert interval_lines([Interval("human", 0.0, 1.0, 2.0)], 30) == []
    assert interval_lines([Interval("human", 1.0, 1.0, 1.0)], 80) == []
    assert interval_lines([Interval("human", None, math.nan, None)], 80) == []


def test_a_hostile_name_is_one_line_of_text():
    line, *_ = interval_lines([Interval("\x1b[31mred\nnew" + "x" * 99, 0.0, 1.0, 2.0)], 80)
    assert "\x1b" not in line
    assert len(line) <= 80
