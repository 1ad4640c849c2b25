"""Whatever an endpoint sends is opened in bounded time, or is that row's failure with its reason."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moored.llm.encoding import body_text
from moored.llm.raw import (
    MOST_DEPTH,
    Unreadable,
    Usage,
    depth_of,
    load,
    open_reply,
    usage_of,
    whole_reply,
    why_none,
)
from moored.llm.replies import parse_read, parse_written, said_in
from moored.llm.safety import redacted, storable, without_key
from moored.llm.thoughts import without_thoughts
from tests.llm.conftest import a_recipe, a_study, endpoint_at

RECIPE = a_recipe(a_study(), endpoint_at("http://localhost:1/v1"))
MANY = 250_000


def reply(content: Any, **message: Any) -> str:
    finish = message.pop("finish", "stop")
    usage = message.pop("usage", {})
    choice = {"message": {"content": content} | message, "finish_reason": finish}
    return json.dumps({"choices": [choice], "usage": usage})


@pytest.mark.parametrize(
    "content",
    [
        "positive",
        [{"type": "text", "text": "positive"}],
        ["positive"],
        {"type": "text", "text": "positive"},
        [
            {"type": "thinking", "thinking": [{"type": "text", "text": "negative?"}]},
            {"type": "text", "text": "positive"},
        ],
        [{"type": "output_text", "text": "posi"}, {"type": "output_text", "text": "tive"}],
        [{"text": {"value": "positive"}}],
        [None, 3, {"type": "image_url", "image_url": {}}, {"type": "text", "text": "positive"}],
    ],
)
def test_content_comes_in_many_shapes(content: Any) -> None:
    assert parse_read(reply(content), RECIPE, "positive").value == 1.0
    assert parse_written(reply(content)).text == "positive"


@pytest.mark.parametrize("content", [None, "", [], {}, 7, True, [[]], [{"type": "text"}], {"a": {"b": 1}}])
def test_content_that_is_none(content: Any) -> None:
    assert parse_written(reply(content)).error_kind == "empty"
    assert parse_read(reply(content), RECIPE, "positive").error_kind == "wrong-answer"
    assert parse_written(reply(content, tool_calls=[{"function": {"name": "f"}}])).status == "failed"
    assert parse_written(reply(content, refusal="I cannot")).status == "refused"
    assert parse_written(reply(content, refusal="\ud83d")).error == "\ufffd"
    assert parse_written(reply([{"type": "refusal", "refusal": "I cannot"}])).error == "I cannot"


THOUGHTS = [
    "<think>\npositive or negative?\n</think>\n\n{}",
    "<thinking>negative</thinking>{}",
    "<reasoning>x</reasoning> {}",
    "[THINK]negative[/THINK]{}",
    "negative, I think\n</think>\n{}",
    "◁think▷negative◁/think▷{}",
    "<THINK>x</THINK>{}",
    "<|channel|>analysis<|message|>negative?<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>",
    "<|channel|>analysis negative<|channel|>final<|message|>{}",
    "analysisWe think negative.assistantfinal{}",
    "<|channel>thought\nnegative\n<channel|>{}",
    "<seed:think>negative</seed:think>{}",
    "<think></think>{}",
    "<|begin_of_thought|>negative<|end_of_thought|><|begin_of_solution|>{}<|end_of_solution|>",
    "<thought>a</thought>{}",
    "<|START_THINKING|>negative<|END_THINKING|><|START_RESPONSE|>{}<|END_RESPONSE|>",
    "{}<|im_end|>",
    "{}</s>",
    "<think>a<think>b</think>c</think>{}",
    "<|im_start|>assistant\n{}<|im_end|>",
    "{}<think>or negative?</think>",
    "Here is my thought process: negative?\nHere is my response:\n{}",
    "<|start|>assistant<|channel|>final<|message|>{}",
]


@pytest.mark.parametrize("form", THOUGHTS)
def test_thoughts_are_cut(form: str) -> None:
    raw = reply(form.format("positive"))
    assert parse_read(raw, RECIPE, "positive").value == 1.0
    assert parse_written(reply(form.format("A nice day, isn't it?"))).text == "A nice day, isn't it?"
    assert said_in(raw) == form.format("positive")


@pytest.mark.parametrize(
    "raw",
    [
        reply("<think>\nSo the writer", finish="length"),
        reply("<think>\nSo the writer"),
        reply("", finish="length"),
        reply(None, finish="length", reasoning_content="So the"),
        reply("", reasoning="So the writer is positive"),
        reply("", usage={"completion_tokens_details": {"reasoning_tokens": 40}}),
        reply("<|channel|>analysis<|message|>We need", finish="length"),
        reply("analysisWe need to", finish="length"),
        reply([{"type": "thinking", "thinking": "so"}]),
    ],
)
def test_a_thought_that_is_cut_names_the_setting(raw: str) -> None:
    for parsed in (parse_read(raw, RECIPE, "positive"), parse_written(raw)):
        assert (parsed.status, parsed.error_kind, parsed.text) == ("failed", "thinking", None)
        assert "model.thinking_tokens" in (parsed.error or "")


def test_the_budget_for_thoughts_is_part_of_the_recipe_and_of_what_is_sent() -> None:
    from moored.llm.requests import read_request, write_request

    model = {"name": "m", "scoring": "label", "thinking_tokens": 500}
    recipe = a_recipe(a_study(model=model), endpoint_at("http://localhost:1/v1"), "synth")
    plain = a_recipe(a_study(), endpoint_at("http://localhost:1/v1"), "synth")
    assert recipe.fingerprint != plain.fingerprint
    assert read_request(recipe, "positive", "a").body["max_tokens"] == 540
    assert write_request(recipe, "a").body["max_tokens"] == recipe.max_tokens + 500


def test_surrogates_and_control_characters_leave_no_reply() -> None:
    raw = reply("nice day \ud83d\x00\x1b[31m, \ud83d\ude00!\n\tgood")
    text = parse_written(raw).text
    assert text == "nice day \ufffd\ufffd\ufffd[31m, \U0001f600!\n\tgood"
    assert parse_read(raw, RECIPE, "positive").error
    assert storable("a\ud83d\nb") == "a\ufffd\nb"
    assert body_text(b'\xef\xbb\xbf{"a": "\xff"}') == '{"a": "\ufffd"}'


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, Usage(3, 4)),
        ({"prompt_tokens": "3"}, Usage(3, 0)),
        ({"prompt_tokens": 10**30, "completion_tokens": -1}, Usage()),
        ({"prompt_tokens": 1e300}, Usage()),
        (None, Usage()),
        ({"prompt_tokens": float("nan"), "completion_tokens": float("inf")}, Usage()),
        ([1], Usage()),
        ("many", Usage()),
        ({"prompt_tokens": True, "completion_tokens": {}}, Usage()),
        ({"prompt_tokens": 5.0}, Usage(5, 0)),
        ({"prompt_tokens": "²"}, Usage()),
    ],
)
def test_usage_that_is_no_number_counts_nothing(usage: Any, counted: Usage) -> None:
    assert usage_of(json.dumps({"choices": [], "usage": usage})) == counted
    digits = '{"usage": {"prompt_tokens": ' + "9" * 5000 + "}}"
    assert usage_of(digits) == Usage()


HOSTILE = {
    "opening braces": "{" * MANY,
    "pairs of braces": "{}" * (MANY // 2),
    "closing braces": "}" * MANY,
    "opening brackets": "[" * MANY,
    "deep objects": '{"a":' * 200_000 + "1" + "}" * 200_000,
    "deep answers": '{"answer":' * 100_000 + '"positive"' + "}" * 100_000,
    "deep lists": "[" * 500_000 + "]" * 500_000,
    "blanks": "a" + " " * MANY + "b",
    "blanks before a closing": "a" + " \n" * (MANY // 2) + "</text>x",
    "line feeds": "\n" * MANY + "positive or",
    "quotes": '"' * MANY,
    "backslashes": "\\" * MANY,
    "stars": "*" * MANY,
    "half bold": "**a" * (MANY // 3),
    "fences": "```" * (MANY // 3),
    "boxes": "\\boxed{" * (MANY // 7),
    "thoughts": "<think>" * (MANY // 7),
    "thoughts that close": "</think>" * (MANY // 8),
    "answers": "Answer: " * (MANY // 8),
    "answers on lines": "Answer: x\n" * (MANY // 10),
    "words": "positive " * (MANY // 9),
    "letters": "a" * MANY,
    "articles": "the " * (MANY // 4),
    "harmony": "analysisA" + "assistantfinal" * (MANY // 14),
    "turns": "<|im_end|>" * (MANY // 10),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_content_takes_long(name: str) -> None:
    content = HOSTILE[name]
    soft = a_recipe(a_study(model={"name": "m", "scoring": "logprobs"}), endpoint_at("http://localhost:1/v1"))
    place = {"token": content, "logprob": -0.1, "top_logprobs": [{"token": content, "logprob": -0.1}]}
    body = {"choices": [{"message": {"content": content}, "logprobs": {"content": [place]}}]}
    raw = json.dumps(body)
    for work in (
        lambda: parse_read(raw, RECIPE, "positive"),
        lambda: parse_read(raw, soft, "positive"),
        lambda: parse_written(raw),
        lambda: (whole_reply(content), usage_of(content), without_thoughts(content)),
        lambda: (whole_reply(f'{{"choices": [{content}'), depth_of(content)),
        lambda: redacted(content[:20_000]),
    ):
        started = time.process_time()
        work()
        assert time.process_time() - started < 5.0, "what goes through it again at each place takes minutes"
    assert parse_read(raw, RECIPE, "positive").status == "failed"


def test_depth_is_that_of_the_brackets_outside_of_strings() -> None:
    deepest = "[" * MOST_DEPTH + "]" * MOST_DEPTH
    assert load(deepest)
    with pytest.raises(Unreadable, match="deeper"):
        load(f"[{deepest}]")
    text = json.dumps({"a": '[{\\"' * 500, "b": [1, {"c": "\\"}]})
    assert depth_of(text) == 3
    assert load(text)["b"] == [1, {"c": "\\"}]


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.text(alphabet='[]{}"\\a', max_size=6),
        lambda inside: (
            st.lists(inside, max_size=40) | st.dictionaries(st.text(alphabet='[{"\\', max_size=3), inside)
        ),
        max_leaves=120,
    )
)
def test_depth_is_right_for_any_json(value: Any) -> None:
    def depth(of: Any) -> int:
        inside = of.values() if isinstance(of, dict) else of if isinstance(of, list) else None
        return 0 if inside is None else 1 + max(map(depth, inside), default=0)

    text = json.dumps(value)
    few = text.count("{") + text.count("[") <= MOST_DEPTH
    assert depth_of(text) >= depth(value) if few else depth_of(text) == min(depth(value), MOST_DEPTH + 1)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60).map(body_text))
def test_anything_that_is_no_reply(raw: str) -> None:
    assert parse_read(raw, RECIPE, "positive").status == "failed"
    assert parse_written(raw).error_kind == "reply"
    assert not whole_reply(raw)
    with pytest.raises(Unreadable):
        open_reply(raw)


def test_the_key_is_cut_in_every_spelling_of_json() -> None:
    key = "sk-proj/abc_DEF-123"
    for spelled in (
        key,
        key.replace("/", "\\/"),
        "".join(f"\\u{ord(c):04x}" for c in key),
        key.replace("-", "\\u002D"),
    ):
        assert without_key(f'"x {spelled} y"', key) == '"x [key] y"'
    assert without_key("none of it", "none") == "none of it"


@pytest.mark.parametrize(
    ("content", "answers", "other"),
    [
        ("1", ("0", "1", "10"), "10"),
        ("Rating: 1", ("0", "1", "10"), "10"),
        ('{"answer": "1', ("0", "1", "10"), "10"),
        ("no", ("no", "none", "all"), "none"),
        ("very good", ("very good", "very good indeed"), "very good indeed"),
    ],
)
def test_an_answer_that_is_cut_where_another_goes_on_is_none(content: str, answers: Any, other: str) -> None:
    """A model that thinks at length had no tokens left for the 0 of 10."""
    ask = {"name": "positive", "human": "label", "ask": "?", "answers": dict.fromkeys(answers, 0.0)}
    ask["answers"] = {answer: float(at) for at, answer in enumerate(answers)}
    recipe = a_recipe(a_study(outcome=ask), endpoint_at("http://localhost:1/v1"))
    parsed = parse_read(reply(content, finish="length"), recipe, "positive")
    assert (parsed.status, parsed.error_kind) == ("failed", "wrong-answer")
    assert f"was cut off there, and may begin {other!r}" in (parsed.error or "")
    assert parse_read(reply(other, finish="length"), recipe, "positive").status == "ok"
    if "{" not in content:
        assert parse_read(reply(content), recipe, "positive").text == content.removeprefix("Rating: ")
        assert parse_read(reply(f"{content}\n\nIt", finish="length"), recipe, "positive").status == "ok"


@pytest.mark.parametrize(
    ("reason", "said"),
    [("SAFETY", "content filter (safety)"), ("sensitive", "content filter (sensitive)")],
)
@pytest.mark.parametrize("content", ["positive", "", None])
def test_what_a_filter_stopped_is_refused_whatever_it_is_called(reason: str, said: str, content: Any) -> None:
    parsed = parse_read(reply(content, finish=reason), RECIPE, "positive")
    assert (parsed.status, parsed.error) == ("refused", said)


@pytest.mark.parametrize("reason", ["error", "abort", "network_error", "insufficient_system_resource"])
def test_a_reply_that_broke_off_is_none(reason: str) -> None:
    """What came before may be the beginning of anything; asked again, the endpoint may go through."""
    raw = reply("positive", finish=reason)
    assert not whole_reply(raw)
    assert why_none(raw) == f"the model's answer broke off (finish_reason {reason!r})"
    for parsed in (parse_read(raw, RECIPE, "positive"), parse_written(raw)):
        assert (parsed.status, parsed.error_kind) == ("failed", "reply")
        assert reason in (parsed.error or "")


@pytest.mark.parametrize("reason", ["length", "MAX_TOKENS", "model_length", "max_output_tokens"])
def test_a_reply_without_tokens_left_is_cut_whatever_that_is_called(reason: str) -> None:
    assert open_reply(reply("positive", finish=reason)).cut
    parsed = parse_written(reply("", finish=reason))
    assert (parsed.status, parsed.error_kind) == ("failed", "thinking")


def test_of_several_choices_the_first_by_number_counts() -> None:
    choices = [
        {"index": 1, "message": {"content": "negative"}, "finish_reason": "stop"},
        {"index": 0, "message": {"content": "positive"}, "finish_reason": "stop"},
    ]
    assert parse_read(json.dumps({"choices": choices}), RECIPE, "positive").value == 1.0
    assert parse_read(json.dumps({"choices": choices[:1]}), RECIPE, "positive").value == 0.0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('data: {"choices": []}\n\ndata: [DONE]\n\n', "came as a stream"),
        ('{"model": "m", "message": {"content": "positive"}, "done": true}', "has model, message, done"),
        ('{"choices": []}', "not a whole one"),
        ('{"choices": [{"mess', "not a whole one"),
    ],
)
def test_a_body_that_is_no_reply_says_what_it_is(body: str, said: str) -> None:
    assert not whole_reply(body)
    assert said in why_none(body)


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [("latin-1", "latin-1"), ("Windows-1252", "cp1252"), ("ISO-8859-15", "iso8859-15")],
)
def test_a_body_in_another_encoding_is_read_by_what_its_header_says(charset: str, encoding: str) -> None:
    """Written texts were stored with marks in the place of their letters."""
    body = json.dumps({"a": "Grüße"}, ensure_ascii=False)
    assert body_text(body.encode(encoding), f"application/json; charset={charset}") == body
    assert body_text(body.encode(), f"application/json; charset={charset}") == body
    assert "\ufffd" in body_text(body.encode(encoding), "application/json; charset=punycode")
    assert "\ufffd" in body_text(body.encode(encoding), "application/json")
