"""The example data: texts rated by some 20 humans each (Hutto and Gilbert 2014, MIT), from the package index."""

from __future__ import annotations

import html
import tarfile
from pathlib import Path

import pandas as pd

from moored.errors import StudyInvalid
from moored.fetch.archive import EXAMPLE_DATA

EXAMPLES = {
    "tweets": "tweets",
    "editorials": "nytEditorialSnippets",
    "products": "amazonReviewSnippets",
    "films": "movieReviewSnippets",
}
_FOLDER = "hutto_ICWSM_2014"
_ROUNDING = 0.01


def read_example(name: str, cache: Path) -> pd.DataFrame:
    """An example as `id`, `text`, `rating` (mean of the human ratings, -4 to 4), `ratings` (a JSON list).

    HTML entities in the published texts (`&amp;`) are characters here. `ratings` is empty where the published
    single ratings do not give the published mean (196 tweets).
    Errors: `StudyInvalid` (no such example), `FetchFailed`, `ChecksumDiffers`.
    """
    if name not in EXAMPLES:
        raise StudyInvalid(f"there is no example {name!r}; there are {', '.join(EXAMPLES)}")
    with tarfile.open(EXAMPLE_DATA.fetch(cache)) as archive:
        truth = _table(archive, f"{EXAMPLES[name]}_GroundTruth.txt", ["id", "rating", "text"])
        single = _table(archive, f"{EXAMPLES[name]}_anonDataRatings.txt", ["id", "mean", "sd", "ratings"])
    truth["text"] = truth["text"].map(html.unescape)
    truth["rating"] = truth["rating"].astype(float)
    single["mean"] = single["mean"].astype(float)
    frame = truth.merge(single[["id", "mean", "ratings"]], on="id", how="left")
    agrees = (frame["mean"] - frame["rating"]).abs() <= _ROUNDING
    frame["ratings"] = frame["ratings"].where(agrees, None)
    return frame[["id", "text", "rating", "ratings"]]


def _table(archive: tarfile.TarFile, member: str, columns: list[str]) -> pd.DataFrame:
    file = archive.extractfile(f"{_FOLDER}/{member}")
    assert file is not None
    text = file.read().decode("utf-8-sig", errors="replace")
    rows = [line.split("\t") for line in text.splitlines() if line.strip()]
    return pd.DataFrame(rows, columns=columns)
