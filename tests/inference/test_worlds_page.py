"""The page of worlds: its rows are made, and (slow) the headline covers and does no harm in all of them."""

from __future__ import annotations

import numpy as np
import pytest

from moored.inference.simulate.many import CELLS, HEAD, WORLDS, cell, draw
from moored.inference.simulate.rivals import answers_of

KEYS = [key for key in CELLS if key[0] in ("mean, gamma", "OLS, two groups", "logit") and key[1] <= 60]


@pytest.mark.parametrize("key", KEYS[:4] + [key for key in CELLS if key[5]][:3])
def test_a_row_has_every_method(key):
    row = cell(key, 12, 1)
    assert row.count("|") == HEAD.splitlines()[0].count("|")
    assert row.startswith(f"| {key[0]} | {key[1]} ")


def test_the_same_seed_gives_the_same_row():
    assert cell(CELLS[0], 8, 3) == cell(CELLS[0], 8, 3) != cell(CELLS[0], 8, 4)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", WORLDS)
def test_the_headline_covers_and_does_no_harm(name):
    world, truth = WORLDS[name], np.asarray(WORLDS[name].truth)
    for n, quality in ((40, "useful"), (40, "useless"), (120, "useful")):
        rngs = map(np.random.default_rng, np.random.SeedSequence([31, n]).spawn(400))
        given = [draw(world, rng, n, 8 * n, 2, quality) for rng in rngs]
        found = answers_of("gmm-small", given, world.family, 100, alone=False)
        plain = answers_of("human HC3+t", given, world.family, 100, alone=False)
        got = np.isfinite(found.lower).all(axis=1)
        hit = ((found.lower <= truth) & (truth <= found.upper))[got].mean(axis=0)
        both = got & np.isfinite(plain.lower).all(axis=1)
        ratio = ((found.estimate - truth)[both] ** 2).mean(0) / ((plain.estimate - truth)[both] ** 2).mean(0)
        assert (hit > 0.90 - 2 * np.sqrt(0.09 / 400)).all(), (n, quality, hit)
        assert (ratio < 1.1).all(), (n, quality, ratio)
