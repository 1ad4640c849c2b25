"""An address at which there is no Dask scheduler: one sentence, nothing asked of the model."""

import logging

import pytest

from tests.studies import write_requests, write_study
from tests.surroundings import proxy

pytestmark = [pytest.mark.prefect]


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:9", "127.0.0.1:9", "carrier://pigeon:1", "tcp://", "a web server"]
)
def test_it_is_said(tmp_path, moored, endpoint, monkeypatch, prefect_server, address):
    import flows.runner

    monkeypatch.setattr(flows.runner, "_SCHEDULER_S", 3)
    monkeypatch.setattr(logging.getLogger("distributed"), "disabled", True)
    write_requests(tmp_path)
    with proxy() as (url, _):
        at = url.replace("http", "tcp") if address == "a web server" else address
        monkeypatch.setenv("MOORED_DASK_ADDRESS", at)
        answer = moored("run", write_study(tmp_path))
    assert answer.code == 10, answer.err
    assert f"MOORED_DASK_ADDRESS is {at!r}, where no Dask scheduler answers (" in answer.err
    assert endpoint.calls < 5  # the probe alone
    assert "Traceback" not in answer.err
