"""`rerun` as a flow of its own, as a deployment calls it: plain values in."""

import inspect
import json

import pytest

from moored.errors import StudyInvalid
from tests.endpoint import serve, text_of
from tests.studies import reads_well, write_requests, write_study

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]


@pytest.fixture
def server(monkeypatch):
    marks = (" 3?", " 3.", " 11?", " 11.")
    with serve(
        lambda _, body: "400" if text_of(body).endswith(marks) else None, answers=reads_well
    ) as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running


def test_the_flow_generates_again_what_failed(moored, server, tmp_path):
    from flows.rerun import rerun

    write_requests(tmp_path)
    assert moored("run", write_study(tmp_path)).code == 0
    calls = server.calls
    report = rerun("requests", failed=True)
    assert (report.version, report.changed) == (2, True)
    assert server.calls == calls + 2 * 2
    report = rerun("requests", units=["r003", "r004"], source=["proxy"])
    assert server.calls == calls + 2 * 2 + 1
    assert json.loads(moored("results", "requests", "--json").out)["version"] == report.version == 3
    with pytest.raises(StudyInvalid, match="there is no source proxies"):
        rerun("requests", failed=True, source=["proxies"])


def test_the_deployment_takes_what_the_command_takes():
    from flows.rerun import rerun
    from moored.cli.run import rerun_command

    asked = set(inspect.signature(rerun_command).parameters) - {"json"}
    schema = rerun.to_deployment("nightly", parameters={"study": "requests", "failed": True})
    assert set(schema._parameter_openapi_schema.properties) == asked
