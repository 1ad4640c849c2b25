"""One run of a study at a time, over processes and over threads of one process."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from moored.errors import StudyBusy
from moored.storage.run_lock import hold, refuse_busy

HOLD = """
import sys
from pathlib import Path
from moored.storage.run_lock import hold
with hold(Path(sys.argv[1]), "requests", "run-7"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.requests.lock"


@pytest.fixture
def holder(path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_another_process_is_refused_by_the_holders_name(path, holder):
    for attempt in (lambda: refuse_busy(path, "requests"), hold(path, "requests", "run-8").__enter__):
        with pytest.raises(StudyBusy, match=rf"process {holder.pid} on .* since .* \(run run-7\)"):
            attempt()


def test_a_killed_holder_holds_nothing(path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    refuse_busy(path, "requests")
    with hold(path, "requests", "run-8"):
        pass


def test_another_thread_of_the_process_is_refused(path):
    refused = []

    def try_it():
        try:
            with hold(path, "requests", "run-8"):
                pass
        except StudyBusy as error:
            refused.append(error)

    with hold(path, "requests", "run-7"):
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
    assert [error.details["run_id"] for error in refused] == ["run-7"]
    try_it()
    assert len(refused) == 1


def test_another_study_is_not(path):
    with (
        hold(path, "requests", "run-7"),
        hold(path.with_name("store.others.lock"), "others", "run-8"),
    ):
        pass


def test_a_holder_that_has_not_signed_yet_is_another_run(path, holder):
    path.write_text("")
    with pytest.raises(StudyBusy, match="being run by another run"):
        refuse_busy(path, "requests")


def test_nothing_is_made_where_nothing_runs(path):
    refuse_busy(path, "requests")
    assert not path.exists()
