"""What `moored serve` and `moored deploy` refuse, before a server is asked for anything."""

import pytest

from tests.studies import write_requests, write_study


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say when to run: either --cron '0 2 * * *' or --interval 26h"),
        (("--cron", "0 2 * * *", "--interval", "1h"), "say when to run"),
        (("--cron", "every night"), "--cron 'every night' with --timezone 'UTC' is no schedule"),
        (("--cron", "0 2 * * *", "--timezone", "Mars/Olympus"), "'Mars/Olympus' is no schedule"),
        (("--interval", "soon"), "'soon' is no duration"),
    ],
)
@pytest.mark.parametrize("command", [("serve",), ("deploy", "--pool", "moored")], ids=" ".join)
def test_a_schedule_that_is_none_is_one_sentence(moored, tmp_path, command, options, said):
    write_requests(tmp_path)
    answer = moored(*command, write_study(tmp_path), *options)
    assert answer.code == 10
    assert said in answer.err
    assert answer.err.startswith("moored: ")
    assert "Traceback" not in answer.err


def test_a_study_that_is_not_there(moored, tmp_path):
    answer = moored("serve", "nothing.toml", "--interval", "1h")
    assert answer.code == 10
    assert moored("serve", "--interval", "1h").code == 52


def test_deploying_needs_a_server(moored, tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    write_requests(tmp_path)
    answer = moored("deploy", write_study(tmp_path), "--pool", "moored", "--interval", "1h")
    assert answer.code == 10
    assert "PREFECT_API_URL names no Prefect server" in answer.err
