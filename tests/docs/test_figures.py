"""README's figure is what its script draws."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_the_three_intervals_are_those_of_the_recorded_tweets(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("three_intervals", DOCS / "three_intervals.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    there = script.FIGURE.read_text()
    monkeypatch.setattr(script, "FIGURE", tmp_path / "again.svg")
    script.main()
    assert script.FIGURE.read_text() == there
    ends = [line.partition("[")[2].rstrip("]").split(", ") for line in capsys.readouterr().out.splitlines()]
    truth = 0.690
    assert [float(low) < truth < float(high) for low, high in ends[:3]] == [False, True, True]
