"""The numbers of docs/explanation/eight-rules.md: what a broken rule does to the share of positive tweets.

    uv run python docs/eight_stories.py

200 draws of 150 labels among the 4,200 recorded tweets, of which 69% are positive. Printed for each story: how
often the headline's 95% interval held that, its mean, and how often the tests of a run would have stopped it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

import moored
from moored.benchmark.recorded import read_recorded
from moored.inference import Columns, labelling_test, missing_tests, sample_from_frame, source_tests

DRAWS, LABELS, ALPHA = 200, 150, 0.002
Story = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def main() -> None:
    """Tell every story."""
    tweets = read_recorded("tweets")[0].rename(columns={"positive": "truth", "proxy_positive": "model"})
    truth = tweets["truth"].mean()
    for name, story in STORIES.items():
        told = [_one(story(tweets, np.random.default_rng(seed))) for seed in range(DRAWS)]
        held = sum(lower <= truth <= upper for _, lower, upper, _ in told)
        mean = float(np.mean([estimate for estimate, *_ in told]))
        stopped = sum(stops for *_, stops in told)
        print(  # noqa: T201
            f"{name}: held {held / DRAWS:.1%}, mean {mean:.3f} (truth {truth:.3f}), stopped {stopped / DRAWS:.1%}"
        )


def _one(table: pd.DataFrame) -> tuple[float, float, float, bool]:
    fit = moored.fit(table, "positive ~ 1", family="mean", sources="model")
    columns = Columns("positive ~ 1", "labelled", {"model": "model ~ 1"})
    sample = sample_from_frame(table.assign(labelled=table["positive"].notna()), columns)
    tests = [labelling_test(sample, "mean"), *source_tests(sample, "mean"), *missing_tests(sample, "mean")]
    stops = any(test is not None and test.p_value < ALPHA / len(tests) for test in tests)
    return float(fit.params.iloc[0]), *map(float, fit.conf_int().iloc[0]), stops


def _drawn(tweets: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return tweets.assign(positive=tweets["truth"].where(rng.permutation(len(tweets)) < LABELS))


def _new_model(tweets: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Unlabelled tweets are read by a successor that finds each .1 more positive."""
    table = _drawn(tweets, rng)
    later = (table["model"] + 0.1).clip(upper=1.0)
    return table.assign(model=table["model"].where(table["positive"].notna(), later))


def _dropped_failures(tweets: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The tenth that the model finds most negative gets no answer, and the script drops it."""
    return _drawn(tweets[tweets["model"] > tweets["model"].quantile(0.1)], rng)


def _kept_failures(tweets: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The same tenth has no answer, and stays."""
    table = _drawn(tweets, rng)
    return table.assign(model=table["model"].where(table["model"] > table["model"].quantile(0.1)))


def _retried(tweets: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The same tenth has no answer, but labelled ones were asked again until they had one."""
    table = _kept_failures(tweets, rng)
    return table.assign(model=table["model"].where(table["positive"].isna(), tweets["model"]))


def _easy_sample(tweets: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """People label a tweet twice as readily where they find it positive."""
    chance = np.where(tweets["truth"] == 1, 2.0, 1.0)
    picked = rng.choice(len(tweets), LABELS, replace=False, p=chance / chance.sum())
    return tweets.assign(positive=tweets["truth"].where(np.isin(np.arange(len(tweets)), picked)))


STORIES: dict[str, Story] = {
    "nothing is wrong": _drawn,
    "1. the new model": _new_model,
    "4. the dropped failures": _dropped_failures,
    "4. the same, kept": _kept_failures,
    "5. the retry": _retried,
    "7. the easy sample": _easy_sample,
}

if __name__ == "__main__":
    main()
