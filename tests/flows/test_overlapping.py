"""Two runs of one study at once give one run and one refusal; a run of another study goes on beside it."""

import contextvars
import json
import threading

import pytest

from moored.errors import StudyBusy
from tests.endpoint import serve
from tests.studies import reads_well, study, study_table, write_requests, write_study

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]


def in_thread(work):
    """Run `work` in a thread; its result or its error. With this one's context: it holds the address of the tests'
    Prefect server, without which a flow starts one of its own and gives up where that takes long."""
    ended = []

    def run():
        try:
            ended.append(work())
        except Exception as error:
            ended.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,))
    thread.start()
    return thread, ended


def test_one_runs_one_is_refused_and_another_study_goes_on(moored, monkeypatch, tmp_path):
    from flows.survey import survey

    write_requests(tmp_path)
    asked, go_on = threading.Event(), threading.Event()

    def answers(body):
        asked.set()
        assert go_on.wait(120)
        return reads_well(body)

    with serve(answers=answers) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        first, of_first = in_thread(lambda: survey(study(), str(tmp_path)))
        assert asked.wait(120), of_first
        with pytest.raises(StudyBusy, match="wait for it to end, or stop it"):
            survey(study(), str(tmp_path))
        refused = moored("run", write_study(tmp_path))
        assert refused.code == 54
        assert refused.err.startswith("moored: 'requests' is being run by process")
        second, of_second = in_thread(lambda: survey(study(**study_table(name="others")), str(tmp_path)))
        go_on.set()
        first.join()
        second.join()
    assert [(report.study, report.version) for report in (*of_first, *of_second)] == [
        ("requests", 1),
        ("others", 1),
    ]
    assert len(json.loads(moored("history", "requests", "--json").out)["runs"]) == 1
