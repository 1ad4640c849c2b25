"""Ten minutes on two cores for 200 trials x 8 settings x 9 methods x 6 label fractions: in CPU seconds."""

from __future__ import annotations

import time

import pytest

from moored.benchmark.corpus import read_corpus
from moored.benchmark.task import built_in
from moored.benchmark.trials import Plan, pieces, run_piece
from moored.inference.stacked import STACKED

TEN_MINUTES_ON_TWO_CORES = 1200.0


@pytest.mark.slow
def test_the_paper_s_table_fits_into_ten_minutes_on_two_cores():
    plan = Plan(trials=50, estimators=tuple(STACKED), designs=("redrawn",))
    corpus = read_corpus(built_in()["stance"], None)
    begun = time.process_time()
    cells = [cell for piece in pieces([corpus], plan) for cell in run_piece(piece)]
    spent = time.process_time() - begun
    assert sum(len(cell.answers.regular) for cell in cells) == 50 * 2 * 9 * 6
    whole = spent * (200 / 50) * (8 / 2)
    assert whole < TEN_MINUTES_ON_TWO_CORES / 4, f"{whole:.0f} s"
