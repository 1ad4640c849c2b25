"""A model of the table in a study: fetched by a command, started here, known by its weights."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from moored.fetch.models import EMBEDDED
from moored.fetch.obtain import weights_of
from tests.studies import requests_frame, write_requests, write_study
from tests.wheels import entry, use_table

pytestmark = [pytest.mark.prefect, pytest.mark.model, pytest.mark.usefixtures("prefect_server")]
CACHE = Path(os.environ.get("MOORED_CACHE", user_cache_path("moored")))


def test_it_works_as_the_embedded_one_does_once_it_is_fetched(moored, tmp_path, monkeypatch):
    weights = weights_of(EMBEDDED, CACHE)
    content = weights.read_bytes()
    table = tmp_path / "models.toml"
    table.write_text(entry(content, parts=[], requirement="none", member="none"))
    use_table(monkeypatch, table)
    monkeypatch.setenv("MOORED_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    write_requests(tmp_path, requests_frame(30))
    study = write_study(
        tmp_path,
        model={"name": "small", "api": "completion"},
        sources=[{"name": "proxy", "kind": "proxy"}],
        labels={"design": "simple-random", "sample": 20},
    )

    refused = moored("run", study)
    assert refused.code == 72
    assert "type `moored model fetch small`" in refused.err
    assert moored("model", "fetch", "small", "--from", weights).code == 0
    done = moored("run", study, "--json")
    assert done.code == 0, done.err
    assert moored("run", study).code == 0

    status = json.loads(moored("status", "requests", "--json").out)
    (part,) = status["sources"]
    assert part["expected"] == 30
    assert part["ok"] >= 25
    said = moored("methods", "requests").out
    assert (
        f"Small, Q0, made by the tests (a file of weights, sha256 {hashlib.sha256(content).hexdigest()}"
        in said
    )
