"""Prometheus metrics: read back with Prometheus's own parser."""

import socket
import urllib.request

import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families

from moored.monitor.logs import set_up_logs
from moored.monitor.metrics import serve_metrics, write_metrics, write_metrics_or_warn
from moored.storage.events import store_ended
from moored.storage.generations import append_generations
from moored.storage.results import Inputs, RunRow
from moored.storage.studies import store_study
from moored.storage.warehouse import open_store
from tests.runs import publish_frames
from tests.studies import study

ROW = {
    "unit_id": "u",
    "source": "proxy",
    "step": "read.polite",
    "draw": 0,
    "recipe": "r",
    "content_hash": "c",
    "request_key": None,
    "reply": None,
    "text": None,
    "value": 1.0,
    "status": "ok",
    "error": None,
    "error_kind": None,
    "attempts": 1,
    "cached": False,
    "prompt_tokens": 100,
    "completion_tokens": 3,
    "usd": 0.25,
    "prices": "",
    "latency_s": 1.5,
    "flag": None,
}


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "store.duckdb"
    rows = [
        ROW,
        ROW | {"unit_id": "v", "cached": True},
        ROW | {"unit_id": "w", "status": "failed", "error_kind": "wrong-answer", "latency_s": 0.5},
    ]
    with open_store(path, create=True) as opened:
        store_study(opened, study(), tmp_path)
        append_generations(opened, "requests", "r1", rows)
    return path


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_file_says_what_the_store_says(store, tmp_path):
    file = tmp_path / "moored.prom"
    write_metrics(file, store)
    read = samples(file.read_text())
    assert read["moored_generations_total", "ok", "proxy", "requests"] == 2
    assert read["moored_generations_total", "failed", "proxy", "requests"] == 1
    assert read["moored_generation_failures_total", "proxy", "requests", "wrong-answer"] == 1
    assert read["moored_tokens_total", "prompt", "proxy", "requests"] == 200
    assert read["moored_cost_usd_total", "proxy", "requests"] == 0.5
    assert read["moored_generation_latency_seconds_count", "proxy", "requests"] == 2
    assert read["moored_generation_latency_seconds_sum", "proxy", "requests"] == 2.0
    assert not [name for name, *_ in read if name.startswith("moored_latest_version")]
    none = pd.DataFrame()
    row = RunRow("r1", "requests", Inputs("s", "d", "c", {}, 3), pd.Timestamp.now("UTC"))
    with open_store(store) as opened:
        publish_frames(opened, row, none, none, none)
        store_ended(opened, "requests", "r1", None, "published", "")
    write_metrics(file, store)
    read = samples(file.read_text())
    assert read["moored_latest_version", "requests"] == 1
    assert 0 <= read["moored_latest_version_age_seconds", "requests"] < 60
    assert read["moored_last_run_outcome", "published", "requests"] == 1
    assert read["moored_last_run_outcome", "failed", "requests"] == 0
    assert (
        read["moored_last_good_run_timestamp_seconds", "requests"]
        == read["moored_last_run_timestamp_seconds", "requests"]
    )


def test_the_endpoint_answers_on_loopback_and_keeps_what_it_last_read(store):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve_metrics(port, store)

    def scrape():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return samples(answer.read().decode())

    before = scrape()
    assert before["moored_store_readable",] == 1
    store.rename(store.with_suffix(".away"))
    after = scrape()
    assert after.pop(("moored_store_readable",)) == 0
    before.pop(("moored_store_readable",))
    assert after == before
    with socket.socket() as other:
        other.settimeout(1)
        address = socket.gethostbyname(socket.gethostname())
        if not address.startswith("127."):
            assert other.connect_ex((address, port)) != 0


def test_a_file_that_cannot_be_written_is_a_warning(store, tmp_path, capfd):
    set_up_logs(None)
    (tmp_path / "file").write_text("")
    write_metrics_or_warn(tmp_path / "file" / "moored.prom", store)
    assert "moored: the metrics could not be written to" in capfd.readouterr().err
