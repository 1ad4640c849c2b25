"""The claims are counted from the table, and the page shows what was counted."""

from __future__ import annotations

import pytest

from moored.benchmark.claims import RIVALS, claims, focus
from moored.benchmark.page import filled, markdown, page_tables
from moored.errors import DataInvalid

RAN = {"wall_s": 75.4, "workers": 2}


def row(task: str, estimator: str, fraction: float, ratio: float, width: float = 1.0, coverage: float = 0.95):
    return {
        "task": task,
        "family": "ols",
        "design": "redrawn",
        "fraction": fraction,
        "estimator": estimator,
        "term": "x",
        "width": width,
        "mse": ratio,
        "bias": 0.1 * ratio,
        "mse_ratio": ratio,
        "labels_saved": 1 - ratio,
        "coverage": coverage,
        "band_low": 0.9,
        "failed": 0,
        "trials": 10,
        "failures": [],
    }


def table(**ours):
    """Two tasks: in `won` gmm-synth is best, in `lost` human-only is; `ours` changes gmm-synth in `won`."""
    rows = []
    for fraction in (0.1, 0.5):
        for name in RIVALS:
            best = name == "gmm-synth"
            own = {"ratio": 0.4 if best else 0.8, "width": 0.5 if best else 0.9} | (ours if best else {})
            human = name == "human"
            rows.append(row("won", name, fraction, **(own if not human else {"ratio": 1.0})))
            rows.append(row("lost", name, fraction, 1.0 if human else 1.2, 1.0 if human else 1.1))
    tasks = [{"task": name, "family": "ols", "term": "x"} for name in ("won", "lost")]
    return focus([*rows, row("won", "human", 0.1, 9.0) | {"term": "Intercept"}], tasks)


def held(frame) -> dict[str, tuple[str, ...]]:
    return {claim.name.split()[0]: claim.where for claim in claims(frame)}


def test_claims_are_counted_by_setting():
    found = held(table())
    assert found["lowest"] == found["narrowest"] == found["more"] == ("won ols",)
    assert found["valid"] == ("won ols", "lost ols")
    assert found["gmm-synth"] == ("won ols",)
    assert found["ppi++-synth"] == ("won ols", "lost ols")  # as good is not better
    assert [claim.settings for claim in claims(table())] == [2] * 6


def test_one_label_fraction_out_of_its_band_is_no_valid_coverage():
    assert held(table(coverage=0.89))["valid"] == ("lost ols",)


def test_bias_is_in_units_of_the_human_only_error():
    frame = table().set_index(["setting", "estimator", "fraction"])
    assert frame.loc[("won ols", "gmm-synth", 0.1), "bias_ratio"] == pytest.approx(0.1 * 0.4)
    assert frame.loc[("lost ols", "reppi", 0.5), "bias_ratio"] == pytest.approx(0.1 * 1.2)


def test_labels_saved_must_be_more_than_half():
    assert held(table(ratio=0.5))["more"] == ()


def test_a_rival_that_was_not_run_leaves_no_claims():
    frame = table()
    assert claims(frame[frame["estimator"] != "reppi"]) == []


def test_markdown_and_places():
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    page = "x\n<!-- begin: one -->\n<!-- end -->\ny <!-- begin: not a place\n"
    assert filled(page, {"one": "| t |\n"}) == page.replace("one -->\n", "one -->\n| t |\n")
    assert filled(filled(page, {"one": "a\n"}), {"one": "b\n"}) == filled(page, {"one": "b\n"})
    with pytest.raises(DataInvalid, match="there are two"):
        filled(page, {"two": ""})


def test_a_version_without_tasks_has_a_page_all_the_same():
    from datetime import UTC, datetime

    plan = {"trials": 1, "seed": 1, "fractions": [0.1], "designs": ["redrawn"]}
    version = {"plan": plan, "tasks": [], "results": [], "sources": [], "worlds": [], "timings": []}
    found = page_tables(version | {"code_version": "0.1", "stored_at": datetime.now(UTC)} | RAN)
    assert found["worlds"] == "not run\n"
    assert found["run"].endswith("1 min 15 s by the clock with 2 workers.\n")
    grown = (
        version | {"plan": plan | {"onto": 3}, "code_version": "0.1", "stored_at": datetime.now(UTC)} | RAN
    )
    assert page_tables(grown)["run"].endswith("2 workers, for what is not from version 3.\n")


def test_failed_fits_are_listed_with_all_methods_that_failed_alike():
    from datetime import UTC, datetime

    failed = {"failed": 3, "failures": ["3 Separated"]}
    rows = [row("t", name, 0.1, 1.0) | failed for name in ("human", "reppi")] + [
        row("t", "gmm-synth", 0.1, 1.0)
    ]
    numbers = dict.fromkeys(("truth", "truth_se", "naive_proxy", "naive_synthetic"), 0.1)
    numbers |= dict.fromkeys(("r2_proxy", "r2_synthetic", "r2"), 0.5)
    tasks = [{"task": "t", "family": "ols", "term": "x", "paper": False, "units": 100} | numbers]
    plan = {"trials": 10, "seed": 1, "fractions": [0.1], "designs": ["redrawn"]}
    version = {"plan": plan, "tasks": tasks, "results": rows, "sources": [], "worlds": [], "timings": []}
    found = page_tables(version | {"code_version": "0.1", "stored_at": datetime.now(UTC)} | RAN)
    assert "| t ols | 10% | human, reppi | 3 of 10 | 3 Separated |" in found["failed"]
    assert "| t ols | gmm-synth | 0% (45%) |" in found["saved"]
    assert found["claims"].startswith("no task")
