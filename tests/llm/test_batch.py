"""The Batch API fills the reply store; rows are made by `generate`, which then finds everything there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from moored.errors import BudgetReached, EndpointUnreachable, KeyRefused, RequestRefused, StudyInvalid
from moored.llm import batch, batch_files
from moored.llm.batch import BatchWork, answer_by_batches
from moored.llm.batch_files import read_answers, write_request_files
from moored.llm.batch_requests import missing_requests
from moored.llm.generate import generate
from moored.storage.journal import Journal
from moored.study import GenerationSettings, parse_study
from tests.endpoint import KEY, serve
from tests.llm.conftest import a_recipe, a_study, endpoint_at, some_units
from tests.studies import study_table


class Killed(BaseException):
    """Stands for a process that ends here: nothing after it runs."""


def answered(journal: Journal, units: Any, server: Any, source: str = "proxy", **limits: Any) -> Any:
    """Everything that batches can answer; the recipe and endpoint that it was asked with."""
    endpoint = endpoint_at(server.url)
    recipe = a_recipe(a_study(), endpoint, source)
    answer_by_batches([BatchWork(recipe, endpoint, units)], journal, GenerationSettings(**limits), 0.01)
    return recipe, endpoint


def test_a_synthetic_source_through_batches(journal: Journal) -> None:
    units = some_units(30)
    with serve() as server:
        recipe, endpoint = answered(journal, units, server, "synth")
        assert len(server.batches) == 2
        rows = generate(units, recipe, endpoint, journal, GenerationSettings())
        assert server.calls == 60 == journal.calls()
    assert all(row.cached and row.status == "ok" for row in rows)
    assert [row.text for row in rows[:30]] == [f"In short: {unit.text}" for unit in units]


@pytest.mark.parametrize("moment", ["write_down", "upload", "create", "name", "collect", "keep"])
def test_a_process_killed_at_any_moment_pays_nothing_twice(
    moment: str, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> None:
        raise Killed

    where = {
        "write_down": (batch.SourceBatches, "_send"),
        "upload": (batch.BatchClient, "upload"),
        "create": (batch.BatchClient, "create"),
        "collect": (batch.SourceBatches, "collect"),
        "keep": (batch.SourceBatches, "_keep"),
    }
    units = some_units(8)
    with serve() as server:
        with monkeypatch.context() as patch:
            if moment == "name":  # taken by the endpoint, its id never written down
                named = Journal.name_batch
                patch.setattr(
                    Journal, "name_batch", lambda *a: dies() if a[2].startswith("batch") else named(*a)
                )
            elif moment == "collect":
                looked = iter([batch.SourceBatches.collect])
                patch.setattr(*where[moment], lambda self: next(looked, dies)(self))
            else:
                patch.setattr(*where[moment], dies)
            with pytest.raises(Killed):
                answered(journal, units, server)
        later = Journal(journal.path, "small")
        recipe, endpoint = answered(later, units, server)
        assert len(server.batches) == 1
        rows = generate(units, recipe, endpoint, later, GenerationSettings())
        assert server.calls == 8 == later.calls()
        assert later.unfinished() == later.waiting_batches() == 0
    assert all(row.cached and row.status == "ok" for row in rows)


def test_a_batch_whose_taking_was_not_confirmed_is_found(journal: Journal) -> None:
    with serve(lambda _, body: "lost" if "batch" in body else None) as server:
        answered(journal, some_units(4), server)
        assert (len(server.batches), server.calls, journal.calls()) == (1, 4, 4)


def test_an_endpoint_that_never_takes_a_batch_ends_the_run_and_nothing_counts(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "PATIENCE", 3)
    with serve(lambda _, body: "503" if "batch" in body else None) as server:
        with pytest.raises(EndpointUnreachable, match="503"):
            answered(journal, some_units(4), server)
        assert (len(server.batches), len(server.files)) == (0, 3)
    with serve() as server:  # at another address, where nothing of this is known
        answered(journal, some_units(4), server)
        assert server.calls == 4


def test_an_endpoint_that_is_gone_ends_the_wait_after_some_patience(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "PATIENCE", 1)
    with serve() as server:
        url = server.url
    server.url = url
    with pytest.raises(EndpointUnreachable, match="they stay open: run again"):
        answered(journal, some_units(2), server)


def test_what_a_batch_could_not_answer_is_sent_the_other_way(journal: Journal) -> None:
    units = some_units(10)
    with serve(lambda number, body: "500" if number <= 3 and "batch" not in body else None) as server:
        recipe, endpoint = answered(journal, units, server)
        assert len(server.batches) == 1, "a request that was refused does not go into a batch again"
        rows = generate(units, recipe, endpoint, journal, GenerationSettings())
        assert {row.status for row in rows} == {"ok"}
        assert [row.cached for row in rows].count(False) == 3
        assert server.calls == journal.calls() == 13


def test_what_expired_goes_into_the_next_batch(journal: Journal) -> None:
    seen: set[str] = set()

    def half_expires(_number: int, body: dict[str, Any]) -> str | None:
        text = str(body)
        again = text in seen
        seen.add(text)
        return "expired" if not again and len(seen) % 2 else None

    units = some_units(10)
    with serve(half_expires) as server:
        recipe, endpoint = answered(journal, units, server)
        assert next(b["status"] for b in server.batches.values()) == "expired"
        rows = generate(units, recipe, endpoint, journal, GenerationSettings())
        assert all(row.cached for row in rows)
        assert server.calls == 10
        assert len(server.batches) >= 2


def test_a_batch_that_is_refused_stops_with_its_reason(journal: Journal) -> None:
    with (
        serve(batch_refused="Enqueued token limit") as server,
        pytest.raises(RequestRefused, match="Enqueued"),
    ):
        answered(journal, some_units(3), server)
    assert journal.waiting_batches() == 0
    assert journal.spent().tokens == 0


def test_a_cap_stops_batches_before_anything_is_sent(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_files.write_request_files, "__defaults__", (4, 10**6))
    with serve() as server:
        with pytest.raises(BudgetReached, match=r"10 requests.*nothing of it was sent.*raise the cap"):
            answered(journal, some_units(10), server, max_requests=9)
        assert not server.files
        assert journal.calls() == 0
        answered(journal, some_units(10), server, max_requests=10)
        assert [len(server.files[b["input_file_id"]].splitlines()) for b in server.batches.values()] == [
            4,
            4,
            2,
        ]


def test_a_batch_costs_half(journal: Journal) -> None:
    with serve() as server:
        endpoint = endpoint_at(server.url)
        study = a_study(model={"name": "m", "scoring": "label", "usd_per_million": [2.0, 8.0]})
        recipe = a_recipe(study, endpoint)
        units = some_units(6)
        answer_by_batches([BatchWork(recipe, endpoint, units)], journal, GenerationSettings(), 0.01)
        spent = journal.spent()
    assert spent.usd == pytest.approx((spent.prompt_tokens * 2 + spent.completion_tokens * 8) / 2e6)
    assert spent.usd > 0


def test_batches_that_do_not_say_what_they_used_keep_their_estimate(journal: Journal) -> None:
    with serve(usage=False) as server:
        recipe, endpoint = answered(journal, some_units(6), server, max_requests=6)
        spent = journal.spent()
        rows = generate(some_units(6), recipe, endpoint, journal, GenerationSettings())
    assert {row.status for row in rows} == {"ok"}
    assert spent.prompt_tokens == sum(row.prompt_tokens for row in rows) > 0
    assert spent.completion_tokens == sum(row.completion_tokens for row in rows) > 0


def test_an_endpoint_without_a_batch_api_says_what_to_do(journal: Journal) -> None:
    with serve() as server:
        server.url = server.url.removesuffix("/v1") + "/other"
        with pytest.raises(RequestRefused, match=r'HTTP 404.*set `generation.send = "direct"`'):
            answered(journal, some_units(1), server)


def test_a_key_that_is_refused(journal: Journal) -> None:
    with serve(key="sk-another-one-of-its-own") as server, pytest.raises(KeyRefused) as refused:
        answered(journal, some_units(1), server)
    assert KEY not in str(refused.value)


def test_files_keep_the_limits_of_the_batch_api(tmp_path: Path, journal: Journal) -> None:
    recipe = a_recipe(a_study(), endpoint_at("http://127.0.0.1:9/v1"))
    requests = list(missing_requests(some_units(25), recipe, journal))
    by_count = write_request_files(iter(requests), tmp_path, most_requests=10)
    assert [len(file.tokens) for file in by_count] == [10, 10, 5]
    size = by_count[0].path.stat().st_size // 10
    (tmp_path / "small").mkdir()
    by_size = write_request_files(iter(requests), tmp_path / "small", most_bytes=4 * size + size // 2)
    assert max(len(file.tokens) for file in by_size) == 4
    assert sum(len(file.tokens) for file in by_size) == 25
    assert [key for file in by_size for key in file.tokens] == [request.key for request in requests]


def test_lines_that_are_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "answers"
    path.write_text(
        '\n{"custom_id": "a", "response": null, "error": {"code": "batch_expired"}}\n'
        '{"custom_id": "b", "response": null, "error": {"code": "other"}}\n'
        '{"custom_id": "c", "response": {"status_code": 200, "body": {"x": 1}}, "error": null}\n'
    )
    assert [(answer.key, answer.status, answer.tried) for answer in read_answers(path)] == [
        ("a", None, False),
        ("b", None, True),
        ("c", 200, True),
    ]


def test_a_model_on_this_machine_has_no_batches() -> None:
    batches = {"send": "batch"}
    with pytest.raises(StudyInvalid, match="no Batch API"):
        parse_study(study_table(model={"name": "embedded"}, generation=batches))
    sources = [
        {"name": "proxy", "kind": "proxy"},
        {"name": "far", "kind": "proxy", "model": {"name": "gpt-4o-mini"}},
    ]
    mixed = parse_study(study_table(model={"name": "embedded"}, generation=batches, sources=sources))
    assert [mixed.in_batches(source) for source in mixed.sources] == [False, True]
