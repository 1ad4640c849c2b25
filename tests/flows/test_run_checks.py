"""What a run does with its checks, over a real Prefect server and a real store."""

import json
import re

import pytest

from moored.storage.results import history
from moored.storage.warehouse import open_store
from tests.artifacts import artifacts
from tests.endpoint import serve, text_of
from tests.studies import reads_well, requests_frame, write_requests, write_study

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]

OWN = """
import great_expectations.expectations as gxe
EXPECTATIONS = {"units": [gxe.ExpectColumnValuesToMatchRegex(column="text", regex="^[A-Z]", severity="warning")]}
"""


def echoes(body):
    """A model that writes each text again as it is."""
    return text_of(body) if "rewrite" in str(body["messages"]) else reads_well(body)


@pytest.fixture
def server(monkeypatch):
    with serve(answers=echoes) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server


def test_a_run_leaves_its_outcomes_with_the_server_and_in_the_store(moored, server, tmp_path):
    write_requests(tmp_path)
    path = write_study(tmp_path, name="left_outcomes")
    assert moored("run", path).code == 0
    stored = json.loads(moored("checks", "left_outcomes", "--json").out)
    assert (stored["version"], stored["status"]) == (1, "published")
    before, whole = artifacts("checks-left-outcomes")
    assert {row["check"] for row in whole} == {row["check"] for row in stored["checks"]}
    assert {row["check"] for row in before} < {row["check"] for row in whole}
    # What failed comes first: the copies that the model wrote.
    assert whole[0]["outcome"] == "warning"
    assert "synthetic-copies" in [row["check"] for row in whole if row["outcome"] == "warning"]
    page, docs = tmp_path / "checks.html", tmp_path / "docs"
    assert moored("checks", "left_outcomes", "--html", page).code == 0
    assert "synthetic-copies" in page.read_text()
    answer = moored("checks", "left_outcomes", "--data-docs", docs)
    assert answer.code == 0, answer.err
    assert answer.out.strip() == f"wrote {docs / 'index.html'}"
    assert len(list((docs / "validations").rglob("*.html"))) == 2


@pytest.mark.parametrize("content", [None, "import nothing_of_the_kind", "EXPECTATIONS = {'tables': []}"])
def test_broken_expectations_are_refused_before_anything_is_spent(moored, server, tmp_path, content):
    write_requests(tmp_path)
    path = write_study(tmp_path, checks={"expectations": "own.py"})
    if content is not None:
        (tmp_path / "own.py").write_text(content)
    for command in ("validate", "run"):
        answer = moored(command, path)
        assert answer.code == 10
        assert "Traceback" not in answer.err
        assert re.search(r"^moored: .*own\.py", answer.err, re.MULTILINE)
    assert server.calls == 0


def test_expectations_that_read_well_are_said_and_asked(moored, server, tmp_path):
    write_requests(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    path = write_study(tmp_path, checks={"expectations": "own.py"})
    answer = moored("validate", path)
    assert answer.code == 0, answer.err
    assert "expectations: own.py reads well" in answer.out
    assert moored("run", path).code == 0
    own = [row for row in json.loads(moored("checks", path, "--json").out)["checks"] if row["suite"] == "own"]
    assert [row["passed"] for row in own] == [True]


def test_no_warning_changes_a_published_number(moored, server, tmp_path):
    write_requests(tmp_path)
    published = []
    for limits in ({}, {"max_copied_share": 1.0, "max_repeated_share": 1.0, "min_labelled": 60}):
        answer = moored("run", write_study(tmp_path, checks=limits), "--json")
        assert answer.code == 0, answer.err
        published.append(json.loads(answer.out))
    assert published[0]["marks"] != published[1]["marks"]
    assert published[0]["estimates"] == published[1]["estimates"]
    with open_store(tmp_path / "store.duckdb") as store:
        assert [run.version for run in history(store, "requests")] == [1, 2]


def test_another_model_behind_the_same_name_is_marked(moored, monkeypatch, tmp_path):
    """A name such as gpt-4o means another model from one day to the next: the new units were read by that one."""
    served = ["stub-march"]

    def reply(_body, said):
        return json.dumps(said | {"model": served[0]}).encode()

    path = write_study(tmp_path, sources=[{"name": "proxy", "kind": "proxy"}])
    frame = requests_frame(80)
    write_requests(tmp_path, frame[:60])
    with serve(answers=reads_well, reply=reply) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("MOORED_REPORTS", "none")
        assert "one-model" not in moored("run", path).out
        served[0] = "stub-june"
        write_requests(tmp_path, frame)
        answer = moored("run", path)
    assert answer.code == 0, answer.err
    (line,) = [line for line in answer.out.splitlines() if "[one-model]" in line]
    assert "20 for proxy (stub-march: 60 units" in line
    assert "stub-june: 20 units" in line
    assert "`model.name`" in line
