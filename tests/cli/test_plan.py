"""`moored plan` and `moored preview`: what they say is what the run then does."""

import json
import re
from importlib.resources import files

import pytest

from tests.endpoint import serve
from tests.studies import reads_well, requests_frame, study_table, write_requests, write_study


@pytest.fixture
def path(tmp_path):
    write_requests(tmp_path)
    return write_study(tmp_path)


@pytest.fixture
def endpoint(monkeypatch):
    with serve(answers=reads_well) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server


def planned(moored, path):
    answer = moored("plan", path, "--json")
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_a_plan_sends_nothing_and_says_what_it_assumes(moored, endpoint, path, tmp_path):
    plan = planned(moored, path)
    assert endpoint.calls == 0
    assert not list(tmp_path.glob("store*"))
    assert len(plan["assumed"]) == 1
    # Never asked: sampled draws, five a text.
    assert [(step["source"], step["step"], step["requests"]) for step in plan["steps"]] == [
        ("proxy", "read.polite", 300),
        ("synthetic", "write", 60),
        ("synthetic", "read.polite", 300),
    ]
    assert plan["total"]["requests"] == 660
    said = moored("plan", path).out
    assert "was never asked what it gives" in said
    assert "no cap is set" in said


def test_after_validate_the_plan_is_exact(moored, endpoint, path):
    assert moored("validate", path).code == 0
    probes = endpoint.calls
    plan = planned(moored, path)
    assert endpoint.calls == probes
    assert (plan["assumed"], plan["total"]["requests"], plan["total"]["stored"]) == ([], 180, 0)


def test_a_plan_is_in_money_beside_the_caps(moored, endpoint, tmp_path):
    write_requests(tmp_path)
    model = {"name": "stub", "scoring": "logprobs", "usd_per_million": [10, 20]}
    generation = {"max_requests": 100, "max_usd": 5.0}
    path = write_study(tmp_path, model=model, generation=generation)
    plan = planned(moored, path)
    total = plan["total"]
    assert plan["assumed"] == []
    assert total["usd"] == pytest.approx(
        (10 * total["prompt_tokens"] + 20 * total["completion_tokens"]) / 1e6
    )
    assert {cap["cap"]: cap["enough"] for cap in plan["caps"]} == {
        "max_requests": False,
        "max_tokens": True,
        "max_usd": True,
    }
    said = moored("plan", path).out
    assert "max_requests: 100, spent 0, this run 180: not enough" in said
    write_study(tmp_path, model=model, generation=generation | {"send": "batch"})
    assert planned(moored, path)["total"]["usd"] == pytest.approx(total["usd"] / 2)
    assert endpoint.calls == 0


def test_prices_of_the_table_are_not_passed_off_as_checked(moored, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "https://models.invalid/v1")  # a plan asks nobody
    write_requests(tmp_path)
    model = {"name": "gpt-4o-mini", "scoring": "logprobs"}
    path = write_study(tmp_path, model=model, generation={"max_usd": 5.0})
    plan = moored("plan", path)
    assert plan.code == 0, plan.err
    assert "prices as of 2025-06, not checked against the provider; check them, or set" in plan.out
    write_study(tmp_path, model=model | {"usd_per_million": [1, 2]})
    assert "not checked" not in moored("plan", path).out


def test_a_cap_in_money_needs_a_price(moored, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "https://models.invalid/v1")
    write_requests(tmp_path)
    model = {"name": "nobody-knows-it", "scoring": "logprobs"}
    path = write_study(tmp_path, model=model, generation={"max_usd": 5.0})
    refused = moored("plan", path)
    assert refused.code == 10
    assert "'nobody-knows-it' has no known price; set `model.usd_per_million" in refused.err
    write_study(tmp_path, model=model)
    assert "no price is known" in moored("plan", path).out


@pytest.mark.parametrize("side", [0, 1], ids=["text", "written"])
def test_units_that_a_writing_prompt_shows_leave_the_data(moored, endpoint, tmp_path, side):
    write_requests(tmp_path)
    example = ["Could you kindly help me?", "Would you help me, please?"]
    example[side] = requests_frame()["text"][7].upper()
    packaged = files("moored.llm.prompts").joinpath("restate.toml").read_text("utf-8")
    own = re.sub(
        r"examples = \[.*?\n\]", lambda _: f"examples = {json.dumps([example])}", packaged, flags=re.S
    )
    (tmp_path / "own.toml").write_text(own)
    sources = [{"name": "synthetic", "kind": "synthetic", "write": "own.toml"}]
    assert planned(moored, write_study(tmp_path, sources=sources))["units"] == 59


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
def test_what_was_generated_is_not_planned_again(moored, endpoint, path, tmp_path):
    assert moored("validate", path).code == 0
    before = planned(moored, path)["total"]["requests"]
    probes = endpoint.calls
    assert moored("run", path).code == 0
    assert endpoint.calls == probes + before
    assert planned(moored, path)["total"] == pytest.approx(
        {"requests": 0, "stored": 180, "prompt_tokens": 0, "completion_tokens": 0, "usd": 0}
    )
    write_requests(tmp_path, requests_frame(66))
    assert planned(moored, path)["total"]["requests"] == 6 * 3
    outcome = study_table()["outcome"] | {"ask": "Positive or negative?"}
    write_study(tmp_path, outcome=outcome)
    asked_anew = planned(moored, path)
    # Written texts stay, all is read again; the six new ones are written too.
    assert [step["requests"] for step in asked_anew["steps"]] == [66, 6, 66]


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
def test_a_preview_is_paid_once(moored, endpoint, path):
    answer = moored("preview", path, "-n", 5, "--json")
    assert answer.code == 0, answer.err
    seen = json.loads(answer.out)
    probes = 2  # one reading, one writing
    assert endpoint.calls == 5 * 3 + probes
    assert seen["requests"] == 5 * 3 + probes
    assert len(seen["units"]) == 5
    texts = requests_frame().set_index("id")["text"]
    for stage in seen["stages"]:
        text = texts[stage["unit_id"]]
        if stage["step"] == "write":
            assert stage["written"] == stage["said"] == f"In short: {text.lower()}"
        else:
            assert stage["value"] == pytest.approx(0.8 if stage["said"] == "positive" else 0.2, abs=1e-3)
        if stage["source"] == "proxy" or stage["step"] == "write":
            assert text in json.loads(stage["prompt"])["body"]["messages"][-1]["content"]
    assert planned(moored, path)["total"]["requests"] == 55 * 3
    assert moored("run", path).code == 0
    assert endpoint.calls == 60 * 3 + probes


def test_a_preview_shows_each_prompt_once(moored, endpoint, path):
    answer = moored("preview", path, "-n", 3)
    assert answer.code == 0, answer.err
    for asked in ("proxy read.polite", "synthetic write", "synthetic read.polite"):
        assert answer.out.count(f"{asked} is asked:") == 1
        assert answer.out.count(f"  {asked}: ") == 3
    assert "`moored run` reuses every reply" in answer.out


@pytest.mark.parametrize("command", ["plan", "preview", "validate", "run"])
def test_answers_without_a_letter_are_refused_before_anything_is_sent(moored, endpoint, tmp_path, command):
    write_requests(tmp_path)
    answers = {f"about {number}": float(number) for number in range(27)}
    path = write_study(tmp_path, outcome=study_table()["outcome"] | {"answers": answers, "examples": []})
    answer = moored(command, path)
    assert answer.code == 10
    assert "27 answers" in answer.err
    assert endpoint.calls == 0
