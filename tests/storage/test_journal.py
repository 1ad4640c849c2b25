"""The journal in many processes at once, over limits, and killed."""

from __future__ import annotations

import os
import pickle
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from moored.errors import MooredError, SchemaNewer
from moored.storage.journal import Journal, Progress
from moored.storage.journal_file import open_journal
from moored.storage.queries import SQL

NO_CAPS = (None, None, None)


def _begin(journal: Journal, key: str = "k", tokens: int = 10, caps: tuple = NO_CAPS) -> int | None:
    return journal.begin_all([("s", key, tokens, 0, 0.1, "p")], caps)[0]


def test_a_reply_is_found_by_its_key(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", "a") as journal:
        assert journal.reply("k") is None
        journal.store_all([("k", "{}", "[1]", 3, 2, 0.5)])
    again = pickle.loads(pickle.dumps(Journal(tmp_path / "j", "a")))
    found = again.reply("k")
    assert (found.reply, found.prompt_tokens, found.latency_s) == ("[1]", 3, 0.5)


def test_estimates_give_way_to_what_was_used(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", "a")
    call = _begin(journal, tokens=100)
    assert journal.progress() == Progress(requests=1, prompt_tokens=100, usd=0.1)
    assert journal.unfinished() == 1
    journal.finish(call, outcome="ok", http_status=200, prompt_tokens=7, completion_tokens=3, usd=0.02)
    assert journal.progress().tokens == 10
    assert journal.progress().usd == pytest.approx(0.02)
    assert journal.unfinished() == 0
    assert journal.calls("another") == 0


def test_many_at_a_time_are_the_same_as_one_by_one(tmp_path: Path) -> None:
    calls = [
        ("s", f"k{number}", 10, number % 3, 0.5, "p") for number in range(1203)
    ]  # more than one statement
    one, many = Journal(tmp_path / "one", "a"), Journal(tmp_path / "many", "a")
    with one.transaction():
        numbers = [number for call in calls for number in one.begin_all([call], (1000, None, None))]
        for number in numbers[:1000]:
            one.finish(number, outcome="ok", http_status=200, prompt_tokens=7, completion_tokens=1, usd=0.25)
        for _ in range(7):
            one.count_all({"over-budget": 1})
    assert many.begin_all(calls, (1000, None, None)) == numbers
    assert numbers[1000:] == [None] * 203
    many.end_all([(n, "ok", 200, 7, 1, 0.25) for n in numbers[:1000]], [call[2:5] for call in calls[:1000]])
    many.count_all({"over-budget": 7, "cached": 0})
    assert many.progress() == one.progress()
    assert many.unfinished() == one.unfinished() == 0
    with sqlite3.connect(one.path) as a, sqlite3.connect(many.path) as b:
        rows = (
            "SELECT call, source, key, prompt_tokens, completion_tokens, usd, outcome, http_status FROM calls"
        )
        assert a.execute(rows).fetchall() == b.execute(rows).fetchall()


def test_a_cap_in_usd_lets_a_smaller_request_through(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", "a")
    calls = [("s", "a", 1, 0, 0.5, "p"), ("s", "b", 1, 0, 0.9, "p"), ("s", "c", 1, 0, 0.5, "p")]
    first, none, second = journal.begin_all(calls, (None, None, 1.0))
    assert (none, second) == (None, first + 1)
    assert journal.begin_all([], (None, None, 1.0)) == []
    assert journal.progress() == Progress(requests=2, prompt_tokens=2, usd=1.0)


def test_stored_replies_hold_any_text(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", "a")
    texts = ["", "a\0b", "\u2028 'x' (?, ?)", "é🎉" * 1000]
    journal.store_all([(str(at), text, text, at, 0, 0.1) for at, text in enumerate(texts)])
    assert [journal.reply(str(at)).reply for at in range(len(texts))] == texts


def test_progress_since(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", "a")
    journal.count_all({"ok": 1, "cached": 1})
    before = journal.progress()
    journal.count_all({"over-budget": 1})
    assert journal.progress(since=before) == Progress(over_budget=1)
    assert (Progress(ok=5, failed=2, refused=1) - Progress()).lost == 3
    assert journal.progress().rows == 2


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", "a")

    def torn() -> None:
        with journal.transaction():
            _begin(journal)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        torn()
    assert journal.calls() == 0
    _begin(journal)
    assert journal.calls() == 1


def test_a_bucket_is_shared_and_gives_back(tmp_path: Path) -> None:
    one, two = Journal(tmp_path / "j", "a"), Journal(tmp_path / "j", "b")
    now = time.time()
    times = [journal.reserve("m", 1, 60, 1) for journal in (one, two, one, two)]
    assert times == pytest.approx([now, now + 1, now + 2, now + 3], abs=0.3)
    one.reserve("m", -3, 60, 0)
    assert two.reserve("m", 1, 60, 1) == pytest.approx(now + 1, abs=0.3)


_WORKER = """
import sys
from pathlib import Path
from moored.storage.journal import Journal
journal = Journal(Path(sys.argv[1]), "a")
sent = 0
for number in range(100):
    (call,) = journal.begin_all([("s", str(number), 1, 0, 0, "")], (150, None, None))
    if call is not None:
        sent += 1
        journal.finish(call, outcome="ok", http_status=200, prompt_tokens=1, completion_tokens=0, usd=0)
print(sent)
"""


def test_a_cap_holds_over_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WORKER, str(tmp_path / "j")]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    sent = [int(worker.communicate(timeout=60)[0]) for worker in workers]
    assert sum(sent) == 150 == Journal(tmp_path / "j", "a").calls()


_WRITER = """
import sys
from pathlib import Path
from moored.storage.journal import Journal
journal = Journal(Path(sys.argv[1]), "a")
number = 0
while True:
    with journal.transaction():
        journal.store_all([(str(number), "", "x" * 1000, 0, 0, 0)])
        journal.count_all({"ok": 1})
    print(number, flush=True)
    number += 1
"""


def test_what_was_said_to_be_stored_survives_kill_9(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path / "j")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = [int(process.stdout.readline()) for _ in range(50)]
    os.kill(process.pid, signal.SIGKILL)
    said += [int(line) for line in process.stdout.read().split()]
    process.wait()
    journal = Journal(tmp_path / "j", "a")
    assert all(journal.reply(str(number)) is not None for number in said)
    assert len(said) <= journal.progress().ok <= len(said) + 1


@pytest.mark.parametrize("path", sorted((SQL / "journal").glob("*.sql")), ids=lambda path: path.stem)
def test_every_statement_is_sql_over_the_journals_tables(tmp_path: Path, path: Path) -> None:
    text = path.read_text()
    with closing(open_journal(tmp_path / "j")) as journal:
        if path.stem == "tables":
            return  # it was run just now
        named = dict.fromkeys(re.findall(r":(\w+)", text))
        journal.execute(f"EXPLAIN {text}", named or [None] * text.count("?"))


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "j") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(SchemaNewer, match="newer moored"):
        Journal(tmp_path / "j", "a").calls()


def test_a_full_disk_is_a_clear_stop_and_tears_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", "a")
    journal.count_all({"ok": 1})
    assert journal._writer is not None
    journal._writer.execute("PRAGMA max_page_count = 20")
    with pytest.raises(MooredError, match="free disk space"):
        journal.store_all([("big", "", "x" * 500_000, 0, 0, 0.0)])
    journal.close()
    again = Journal(tmp_path / "j", "a")
    again.count_all({"ok": 1})
    assert again.progress().ok == 2
    with sqlite3.connect(tmp_path / "j") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_not_a_journal(tmp_path: Path) -> None:
    (tmp_path / "j").write_text("this is no database, it is a text that is long enough" * 40)
    with pytest.raises(MooredError, match="cannot use the journal"):
        Journal(tmp_path / "j", "a").calls()
