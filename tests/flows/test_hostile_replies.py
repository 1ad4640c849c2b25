"""One reply of each hostile kind in a run: its row fails with its kind, every other row is stored and counts."""

import json
import re

import pytest

from moored.storage.warehouse import open_store
from tests.endpoint import KEY, serve, text_of
from tests.studies import reads_well, write_requests, write_study

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]


def _choice(content, **more):
    def change(reply):
        choice = reply["choices"][0]
        choice["message"]["content"] = content
        choice.pop("logprobs", None)
        return json.dumps(reply | {"choices": [choice | more]})

    return change


def _usage(**used):
    return lambda reply: json.dumps(reply | {"usage": used})


def _logprob(value):
    def change(reply):
        tops = [{"token": token, "logprob": value} for token in ("positive", "negative")]
        logprobs = {"content": [{"token": "positive", "logprob": value, "top_logprobs": tops}]}
        return json.dumps(reply | {"choices": [reply["choices"][0] | {"logprobs": logprobs}]})

    return change


DEEP = '{"a":' * 100_000 + "1" + "}" * 100_000
HOSTILE = {
    3: (_logprob(float("nan")), "failed"),
    4: (_logprob(10**400), "failed"),
    5: (_choice("{" * 1_000_000), "failed"),
    6: (_choice(DEEP), "failed"),
    7: (_choice("half an emoji \ud83d"), "failed"),
    8: (_choice("<think>\npositive or negative", finish_reason="length"), "failed"),
    9: (_choice(""), "failed"),
    10: (_choice([{"type": "text", "text": "positive"}]), "failed"),
    11: (_choice(f"my key is {KEY}"), "failed"),
    12: (_usage(prompt_tokens=10**30, completion_tokens=-7), "ok"),
    13: (_usage(prompt_tokens="many", completion_tokens=[1]), "ok"),
    14: (lambda reply: DEEP, "failed"),
    15: (lambda reply: "[" * 100_000, "failed"),
    16: (lambda reply: json.dumps(reply)[:-40], "failed"),
    17: (lambda reply: json.dumps({"error": {"message": "\ud83d " + KEY}}), "failed"),
    18: (lambda reply: "\x00\x01 no reply at all", "failed"),
}
"""By the number in a unit's text: what is sent for it, and how its row ends."""
WRITTEN = {
    20: (_choice("nice day \ud83d\x00"), "nice day \ufffd\ufffd"),
    21: (_choice("<think>\npositive?\n</think>\n\nA nice day."), "A nice day."),
    22: (
        _choice("<|channel|>analysis<|message|>So<|end|><|start|>assistant<|channel|>final<|message|>Nice."),
        "Nice.",
    ),
    23: (_choice([{"type": "text", "text": "A list."}]), "A list."),
    24: (_choice(f"I am {KEY}"), "I am [key]"),
    25: (_choice("<think>\nwhat the writer", finish_reason="length"), None),
}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    hostile = {"on": True}

    def reply(body, reply):
        if not hostile["on"] or "Answer yes." in str(body):
            return None
        written = "rewrite" in str(body["messages"])
        found = re.findall(r"(\d+)[?.]?$", text_of(body).strip())
        own = text_of(body)[:1].isupper() and not text_of(body).startswith("In short")
        change, _ = (WRITTEN if written else HOSTILE if own else {}).get(
            int(found[0]) if found else -1, (None, "")
        )
        return None if change is None else change(reply).encode()

    with serve(answers=reads_well, reply=reply) as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running, hostile


def rows_of(folder):
    with open_store(folder / "store.duckdb") as store:
        rows = store._connection.execute(
            "SELECT * FROM generations QUALIFY row_number() OVER"
            " (PARTITION BY unit_id, source, step, recipe ORDER BY seq DESC) = 1"
        ).df()
    return rows.set_index(["source", "step", "unit_id"])


def test_every_hostile_reply_is_its_own_rows_failure(moored, server, tmp_path):
    running, hostile = server
    write_requests(tmp_path)
    path = write_study(
        tmp_path, generation={"chunk_rows": 15, "max_failed_share": 0.6, "max_attempts": 2, "concurrency": 2}
    )
    first = moored("run", path)
    assert first.code == 0, first.err
    rows = rows_of(tmp_path)
    assert len(rows) == 60 * 3
    for number, (_, status) in HOSTILE.items():
        row = rows.loc[("proxy", "read.polite", f"r{number:03d}")]
        assert row["status"] == status, (number, row["error"])
        assert (status == "ok") == (row["value"] == row["value"])
        assert status == "ok" or row["error_kind"] in ("reply", "wrong-answer", "thinking", "server")
    others = [number for number in range(60) if number not in HOSTILE]
    proxy = rows.xs(("proxy", "read.polite"))
    assert (proxy.loc[[f"r{number:03d}" for number in others], "status"] == "ok").all()
    written = rows.xs(("synthetic", "write"))
    for number, (_, text) in WRITTEN.items():
        assert written.loc[f"r{number:03d}", "text"] == text or text is None
        assert text is not None or written.loc[f"r{number:03d}", "error_kind"] == "thinking"

    calls = running.calls
    assert moored("run", path).code == 0
    assert running.calls == calls  # what cannot be used stays failed, and is not asked again unasked
    status = moored("status", path)
    preview = moored("preview", path, "-n", "30")
    assert preview.code == 0, preview.err

    hostile["on"] = False
    healed = moored("rerun", path, "--failed")
    assert healed.code == 0, healed.err
    assert set(rows_of(tmp_path)["status"]) == {"ok"}

    said = "".join(answer.out + answer.err for answer in (first, status, preview, healed))
    assert KEY not in said
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file
