"""`moored benchmark` from end to end: the same table for any number of workers, versions, figures, the page."""

from __future__ import annotations

import json

import pytest

from tests.benchmark.corpora import write_task

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]

PAGE = """# Page
<!-- begin: claims -->
old
<!-- end -->
<!-- begin: run -->
<!-- end -->
words
"""


@pytest.fixture
def run(moored, tmp_path, monkeypatch):
    """Run a small benchmark on so many workers; gives the stored version."""

    def call(workers: int, *arguments: object):
        monkeypatch.setenv("MOORED_WORKERS", str(workers))
        answer = moored(
            "benchmark", tmp_path / "mine.toml", "--trials", 60, "--fractions", "0.1,0.3", *arguments
        )
        assert answer.code == 0, answer.err
        return json.loads(moored("benchmark", "show", "--json").out)

    write_task(tmp_path)
    return call


def test_the_table_is_the_same_to_the_last_digit_for_any_number_of_workers(run):
    chosen = [
        part for name in ("human", "ppi++-synth", "reppi", "gmm-synth") for part in ("--estimator", name)
    ]
    tables = [run(workers, *chosen) for workers in (0, 1, 2)]
    assert [table["version"] for table in tables] == [1, 2, 3]
    for table in tables[1:]:
        for name in ("results", "tasks"):
            assert table[name] == tables[0][name]
    assert len(tables[0]["results"]) == 2 * 2 * 2 * 4 * 2  # families, designs, fractions, estimators, terms
    assert all(row["fits"] == 60 * 2 * 2 and row["ordinary"] == 0 for row in tables[0]["timings"])


def test_another_seed_is_another_table_and_a_version_is_kept(run, moored, tmp_path):
    first = run(0, "--design", "redrawn", "--estimator", "human", "--estimator", "gmm-synth")
    second = run(0, "--design", "redrawn", "--estimator", "human", "--estimator", "gmm-synth", "--seed", 1)
    assert first["results"] != second["results"]
    assert (
        json.loads(moored("benchmark", "show", "--version", 1, "--json").out)["results"] == first["results"]
    )
    assert moored("benchmark", "show", "--version", 9).code == 52


def test_a_version_grows_by_a_task_of_the_same_plan(run, moored, tmp_path):
    chosen = ("--design", "redrawn", "--estimator", "human", "--estimator", "gmm-synth")
    first = run(0, *chosen)
    other = tmp_path / "other.toml"
    other.write_text((tmp_path / "mine.toml").read_text().replace('"mine"', '"other"'))
    grown = run(0, other, *chosen, "--onto", 1)  # runs `mine` again, too: the same rows
    assert grown["results"][: len(first["results"])] == first["results"]
    assert {row["task"] for row in grown["results"]} == {"mine", "other"}
    alone = moored("benchmark", other, "--trials", 60, "--fractions", "0.1,0.3", *chosen, "--onto", 1)
    assert alone.code == 0, alone.err
    assert json.loads(moored("benchmark", "show", "--json").out)["results"] == grown["results"]
    refused = moored("benchmark", other, "--trials", 61, "--fractions", "0.1,0.3", *chosen, "--onto", 1)
    assert (refused.code, "was made with trials 60" in refused.err) == (10, True)


def test_figures_and_the_page_s_tables_are_written_from_the_version(run, moored, tmp_path):
    found = run(0, "--trials", 10, "--worlds", 1, "--figures", tmp_path / "figures")
    assert not [row["estimator"] for row in found["timings"] if row["ordinary"] == row["fits"]]
    assert len({row["scenario"] for row in found["worlds"]}) == 9
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"benchmark-{kind}.png" for kind in ("mse", "coverage", "width", "effective-n", "r2")
    }
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert moored("benchmark", "show", "--docs", page).code == 0
    text = page.read_text()
    assert "\nold\n" not in text
    assert "| lowest MSE | 8 of 8 |" in text
    assert "10 trials, seed 2025" in text
    assert text.endswith("words\n")
    page.write_text("<!-- begin: magic -->\n<!-- end -->\n")
    assert "asks for a table 'magic'" in moored("benchmark", "show", "--docs", page).err


def test_an_estimator_of_one_s_own_reaches_the_worker_processes(run, tmp_path):
    (tmp_path / "own.py").write_text(
        "from moored.inference import ESTIMATORS\n\n\n"
        "def half_width(data, family='ols', **options):\n"
        "    return ESTIMATORS['human'](data, family, **(options | {'level': 0.5}))\n"
    )
    found = run(1, "--estimator", "human", "--estimator", "own.py:half_width", "--design", "redrawn")
    coverage = {row["estimator"]: row["coverage"] for row in found["results"] if row["fraction"] == 0.3}
    assert coverage["half-width"] < 0.75 < coverage["human"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fractions", "0.1,2"), "--fractions is '0.1,2'"),
        (("--design", "halved"), "there is no design 'halved'"),
        (("--estimator", "magic"), "there is no estimator 'magic'"),
        (("stanse",), "there is no task 'stanse'"),
        (("bills",), "Congressional Bills Project"),
    ],
)
def test_refusals(moored, arguments, said):
    answer = moored("benchmark", *arguments, "--trials", 1)
    assert answer.code != 0
    assert said in answer.err


def test_tasks_are_listed(moored):
    rows = {row["task"]: row for row in json.loads(moored("benchmark", "tasks", "--json").out)["tasks"]}
    assert rows["bills"]["here"] == "no"
    assert "cdi-tutorial" in rows["politeness-hedge"]["origin"]
