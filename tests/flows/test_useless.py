"""A run whose model gives nothing usable ends early, over chunks and workers, and says what to change."""

from __future__ import annotations

import json

import pytest

from tests.endpoint import serve
from tests.studies import write_requests, write_study

pytestmark = pytest.mark.prefect


@pytest.mark.usefixtures("prefect_server")
def test_a_model_that_answers_nothing_is_not_asked_to_the_end(moored, monkeypatch, tmp_path):
    write_requests(tmp_path)
    sources = [{"name": "proxy", "kind": "proxy"}]
    model = {"name": "stub", "scoring": "label", "api": "completion"}
    path = write_study(tmp_path, sources=sources, model=model, generation={"chunk_rows": 8, "concurrency": 2})
    with serve(answers=lambda _: "") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        answer = moored("run", path)
    assert answer.code == 43
    assert "answered ''" in answer.err
    assert "`examples`" in answer.err
    assert "--failed" not in answer.err
    status = json.loads(moored("status", "requests", "--json").out)
    assert sum(part["failed"] for part in status["sources"]) >= 16
