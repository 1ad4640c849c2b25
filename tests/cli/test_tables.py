"""`moored results --format`: the stored numbers as a table for a paper, digit by digit."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from docx import Document

from moored.storage.results import find_run
from moored.storage.warehouse import open_store
from tests.published import publish_version
from tests.reader.test_etable import LATEX, cells_of, compiled

ORDER = ["gmm-small", "human", "gmm-proxy", "gmm-synth", "naive-proxy", "naive-synthetic"]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    publish_version(folder / "store.duckdb", folder)
    return folder / "store.duckdb"


@pytest.fixture
def stored(published, tmp_path):
    """The store where the command looks, and its estimates by estimator and term."""
    shutil.copy(published, tmp_path / "store.duckdb")
    with open_store(tmp_path / "store.duckdb") as store:
        return {(row.estimator, row.term): row for row in find_run(store, "requests").estimates}


def test_markdown_and_word_have_the_stores_digits(moored, stored, tmp_path):
    said = moored("results", "requests", "--format", "markdown")
    assert said.code == 0, said.err
    head, rows = cells_of(said.out)
    assert [cell.split()[1] for cell in head[1:]] == ORDER
    for at, term in ((0, "question"), (2, "Intercept")):
        assert rows[at][0] == term
        for estimator, estimate, interval in zip(ORDER, rows[at][1:], rows[at + 1][1:], strict=True):
            row = stored[estimator, term]
            places = len(estimate.partition(".")[2])
            assert estimate == f"{row.estimate:.{places}f}"
            assert interval == f"[{row.lower:.{places}f}, {row.upper:.{places}f}]"
    written = moored("results", "requests", "--format", "docx")
    assert "wrote requests-version-1.docx: version 1 of requests" in written.out
    (table,) = Document(str(tmp_path / "requests-version-1.docx")).tables
    cells = [[cell.text for cell in row.cells] for row in table.rows]
    start = next(at for at, row in enumerate(cells) if row[0] == "question")
    assert [row[1:] for row in cells[start : start + 4]] == [row[1:] for row in rows[:4]]
    again = moored("results", "requests", "--format", "docx")
    assert (again.code, "replaces nothing" in again.err) == (53, True)


def test_csv_has_every_digit_and_goes_where_it_is_sent(moored, stored, tmp_path):
    said = moored("results", "requests", "--format", "csv", "--out", "table.csv", "--json")
    assert json.loads(said.out)["version"] == 1
    frame = pd.read_csv(tmp_path / "table.csv").set_index(["estimator", "term"])
    for key, row in frame.iterrows():
        for name in ("estimate", "se", "lower", "upper", "p_value"):
            assert row[name] == getattr(stored[key], name)
    shown = moored("results", "requests", "--format", "csv")
    np.testing.assert_array_equal(
        pd.read_csv(io.StringIO(shown.out))["estimate"], frame.reset_index()["estimate"]
    )


def test_html_stands_alone_and_latex_is_asked_of_tex(moored, stored, tmp_path):
    html = moored("results", "requests", "--format", "html")
    assert "<table" in html.out
    latex = moored("results", "requests", "--format", "latex")
    assert r"\label{tab:requests}" in latex.out
    assert "naive-proxy (biased)" in latex.out
    if LATEX is None:
        pytest.skip("needs pdflatex (Debian: texlive-latex-recommended, texlive-latex-extra)")
    compiled(tmp_path, latex.out)


def test_what_cannot_be_written_is_one_sentence(moored, stored):
    ratios = moored("results", "requests", "--format", "latex", "--exp")
    assert (ratios.code, "'ols'" in ratios.err) == (20, True)
    assert moored("results", "requests", "--format", "pdf").code == 2
    assert moored("results", "requests", "--format", "latex", "--version", "7").code == 52
