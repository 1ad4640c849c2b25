"""Soft labels: what a stream of tokens with probabilities is read as, against the truth it was made from."""

from __future__ import annotations

import functools
import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moored.llm.recipe import tokens_of
from moored.llm.recipe_builder import build_recipe
from moored.llm.replies import Parsed, parse_read
from moored.study import Question
from tests.llm.conftest import a_recipe, a_study, endpoint_at
from tests.llm.streams import MADE, Stream, stream

ENDPOINT = endpoint_at("http://localhost:1/v1")
MOOD = {"positive": 1.0, "negative": 0.0}
Tops = dict[str, float | None]


def recipe_for(answers: dict[str, float]) -> Any:
    return _recipe_for(tuple(answers.items()))


@functools.cache
def _recipe_for(pairs: tuple[tuple[str, float], ...]) -> Any:
    answers = dict(pairs)
    study = a_study(model={"name": "m", "scoring": "logprobs"})
    outcome = study.outcome.model_copy(update={"answers": answers, "examples": ()})
    return a_recipe(
        a_study(model={"name": "m", "scoring": "logprobs"}, outcome=outcome.model_dump()), ENDPOINT
    )


def read(answers: dict[str, float], *places: tuple[str, Tops], finish: str = "stop") -> Parsed:
    """What a reply of these tokens, each with its likely ones and their probabilities, is read as."""
    content = []
    for token, tops in places:
        logs = {t: None if p is None else math.log(p) for t, p in tops.items()}
        likely = [{"token": t, "logprob": log} for t, log in logs.items()]
        content.append({"token": token, "logprob": logs.get(token), "top_logprobs": likely})
    message = {"content": "".join(token for token, _ in places)}
    choice = {"message": message, "logprobs": {"content": content}, "finish_reason": finish}
    return parse_read(json.dumps({"choices": [choice]}), recipe_for(answers), "positive")


TEN = {str(number): float(number) for number in range(1, 11)}
SHI = {"是": 1.0, "否": 0.0}
CASES: dict[str, tuple[dict[str, float], list[tuple[str, Tops]], float | None]] = {
    "exact before prefix": (TEN, [("1", {"1": 0.9, "2": 0.1})], 1.1),
    "three of eleven": ({"0": 0.0} | TEN, [("1", {"1": 0.6, "10": 0.3, "0": 0.1})], 3.6),
    "digits one by one": (TEN, [("1", {"1": 0.9, "2": 0.1}), ("0", {"0": 0.8, "<|im_end|>": 0.2})], 7.58),
    "none after no": ({"no": 0.0, "none": 1.0}, [("none", {"none": 0.7, "no": 0.3})], 0.7),
    "markdown": (
        MOOD, [("**", {"**": 0.999, "positive": 1e-4}), ("negative", {"negative": 0.9, "positive": 0.1})], 0.1
    ),
    "quotes": (MOOD, [('"', {'"': 0.9, "positive": 0.1}), ("negative", {"negative": 1.0})], 0.1),
    "crumbs": (MOOD, [("I", {"I": 0.999, "positive": 1e-7})], None),
    "crumbs before prose": (MOOD, [("The", {"The": 0.999, "positive": 6e-6}), (" text", {" text": 1.0})], None),
    "a lead": (
        MOOD,
        [("The", {"The": 0.999, "positive": 6e-6}), (" answer", {" answer": 1.0}), (" is", {" is": 1.0}),
         (" negative", {" negative": 0.8, " positive": 0.2})],
        0.2,
    ),
    "a lead, then a denial": (
        MOOD,
        [("The", {"The": 1.0}), (" answer", {}), (" is", {}), (" not", {" not": 0.9}), (" positive", {})],
        None,
    ),
    "byte-level blanks": (MOOD, [("Ġnegative", {"Ġnegative": 0.75, "Ġpositive": 0.25})], 0.25),
    "sentencepiece": (MOOD, [("▁negative", {"▁negative": 0.75, "▁Positive": 0.25})], 0.25),
    "line feeds": (MOOD, [("Ċ", {"Ċ": 1.0}), ("<0x0A>", {"<0x0A>": 1.0}), ("negative", {"negative": 1.0})], 0.0),
    "an unknown probability": (MOOD, [("negative", {"negative": 0.9, "positive": None})], 0.0),
    "no probability": (MOOD, [("negative", {"negative": None, "positive": None})], None),
    "a word goes on": (MOOD, [("pos", {"pos": 0.9, "neg": 0.1}), ("sible", {"sible": 1.0})], None),
    "pieces": (MOOD, [("pos", {"pos": 0.7, "neg": 0.3}), ("itive", {"itive": 1.0})], 0.7),
    "no doubt": ({"yes": 1.0, "no": 0.0}, [("No", {"No": 0.9, "Yes": 0.1}), (" doubt", {" doubt": 1.0})], None),
    "shared pieces told apart": (
        {"un": 0.0, "happy": 0.0} | {"unhappy": 1.0, "untold": 0.0},
        [("D", {"D": 1.0})], 0.0,
    ),
    "shared piece, next token tells": (
        {"negative": 0.0, "neutral": 0.5, "positive": 1.0},
        [("ne", {"ne": 0.8, "positive": 0.2}), ("utral", {"utral": 0.75, "gative": 0.25})], 0.5,
    ),
    "shared piece alone": (
        {"negative": 0.0, "neutral": 0.5, "positive": 1.0}, [("positive", {"positive": 0.7, "ne": 0.3})], None
    ),
    "json": (
        MOOD, [('{"', {'{"': 0.9, "positive": 0.1}), ("answer", {"answer": 1.0}), ('":', {'":': 1.0}),
               (' "', {' "': 1.0}), ("negative", {"negative": 0.9, "positive": 0.1}), ('"}', {'"}': 1.0})], 0.19,
    ),
    "thoughts": (
        MOOD, [("<think>", {"<think>": 1.0}), ("positive?", {"positive?": 1.0}), ("</think>", {"</think>": 1.0}),
               ("\n\n", {"\n\n": 1.0}), ("negative", {"negative": 0.9, "positive": 0.1})], 0.1,
    ),
    "bytes of another script": (
        SHI,
        [("bytes:\\xe6", {"bytes:\\xe6": 0.9, "bytes:\\xe5": 0.1}),
         ("bytes:\\x98\\xaf", {"bytes:\\x98\\xaf": 1.0})],
        0.9,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_read_where_it_begins(name: str) -> None:
    answers, places, right = CASES[name]
    parsed = read(answers, *places)
    if right is None:
        assert (parsed.status, parsed.value, parsed.error_kind) == ("failed", None, "wrong-answer")
    else:
        assert (parsed.status, parsed.error) == ("ok", None)
        assert parsed.value == pytest.approx(right, abs=0.01)


def test_the_older_lists_of_completions() -> None:
    def value(tokens: list[str], own: list[Any], tops: list[Any]) -> float | None:
        logprobs = {"tokens": tokens, "token_logprobs": own, "top_logprobs": tops}
        choice = {"text": "".join(tokens), "logprobs": logprobs, "finish_reason": "length"}
        return parse_read(json.dumps({"choices": [choice]}), recipe_for(MOOD), "positive").value

    likely = {" negative": math.log(0.75), " positive": math.log(0.25)}
    assert value([" negative"], [math.log(0.75)], [likely]) == pytest.approx(0.25)
    assert value(["\n", " negative"], [0.0, math.log(0.75)], [{"\n": 0.0}, likely]) == pytest.approx(0.25)
    assert value([" negative"], [], [likely]) == pytest.approx(0.25)
    assert value([], [], [likely]) == pytest.approx(0.25)
    assert value([" negative"], [math.log(0.75)], [None]) == 0.0
    assert value([" negative"], [math.log(0.25)], [None]) is None


def test_characters_in_pieces_are_joined_by_their_bytes() -> None:
    def entry(said: bytes, masses: dict[bytes, float]) -> dict[str, Any]:
        def token(spelled: bytes) -> dict[str, Any]:
            return {
                "token": spelled.decode("utf-8", "replace"),
                "bytes": list(spelled),
                "logprob": math.log(masses[spelled]),
            }

        return token(said) | {"top_logprobs": [token(spelled) for spelled in masses]}

    good, bad = "好".encode(), "坏".encode()
    first = entry(good[:2], {good[:2]: 0.8, bad[:2]: 0.2})
    choice = {
        "message": {"content": "好"},
        "logprobs": {"content": [first, entry(good[2:], {good[2:]: 1.0})]},
    }
    raw = json.dumps({"choices": [choice | {"finish_reason": "stop"}]})
    assert parse_read(raw, recipe_for({"好": 1.0, "坏": 0.0}), "positive").value == pytest.approx(0.8)


@pytest.mark.parametrize(
    "logprob", [None, float("nan"), float("inf"), 3.2, 1e300, 10**400, "-0.1", True, [], {}, float("-inf")]
)
def test_a_probability_that_is_none_never_becomes_a_value(logprob: Any) -> None:
    def raw(negative: Any, positive: Any) -> str:
        tops = [{"token": "negative", "logprob": negative}, {"token": "positive", "logprob": positive}]
        place = {"token": "negative", "logprob": negative, "top_logprobs": tops}
        return json.dumps(
            {"choices": [{"message": {"content": "negative"}, "logprobs": {"content": [place]}}]}
        )

    recipe = recipe_for(MOOD)
    assert parse_read(raw(-0.1, logprob), recipe, "positive").value == 0.0
    assert parse_read(raw(logprob, -4.0), recipe, "positive").status == "failed"
    assert parse_read(raw(logprob, logprob), recipe, "positive").status == "failed"


def _raw(said: str, *tokens: dict[str, Any]) -> str:
    return json.dumps({"choices": [{"message": {"content": said}, "logprobs": {"content": list(tokens)}}]})


def _place(token: str, masses: dict[str, float]) -> dict[str, Any]:
    tops = [{"token": name, "logprob": math.log(p)} for name, p in masses.items()]
    return {"token": token, "logprob": math.log(masses[token]), "top_logprobs": tops}


def test_probabilities_of_another_text_are_not_believed() -> None:
    """A gateway that cached the text of one reply and the probabilities of another."""
    recipe = recipe_for(MOOD)
    other = _place("positive", {"positive": 0.98, "negative": 0.01})
    for said in ("negative", " Negative.", "The answer is negative", '{"answer": "negative"}'):
        parsed = parse_read(_raw(said, other), recipe, "positive")
        assert (parsed.status, parsed.error_kind) == ("failed", "reply")
        assert "the reply says 'negative' and its log-probabilities are of 'positive'" in (parsed.error or "")
    drawn = _place(
        "negative", {"positive": 0.7, "negative": 0.3}
    )  # a server that draws though none asked it to
    assert parse_read(_raw("negative", drawn), recipe, "positive").value == pytest.approx(0.7)
    assert parse_read(_raw("", other), recipe, "positive").value == pytest.approx(0.98 / 0.99)


def test_probabilities_that_come_to_more_than_one_are_none() -> None:
    both = _place("negative", {"positive": 0.9, "negative": 0.8})
    parsed = parse_read(_raw("negative", both), recipe_for(MOOD), "positive")
    assert (parsed.status, parsed.error_kind) == ("failed", "reply")
    assert "come to 1.70" in (parsed.error or "")


@pytest.mark.parametrize("bytes_of", ["token", "tops"])
def test_a_token_whose_bytes_are_given_once_is_counted_once(bytes_of: str) -> None:
    place = _place("negative", {"positive": 0.4, "negative": 0.6})
    for entry in [place] if bytes_of == "token" else place["top_logprobs"]:
        entry["bytes"] = list(entry["token"].encode())
    assert parse_read(_raw("negative", place), recipe_for(MOOD), "positive").value == pytest.approx(0.4)


def test_answers_that_one_token_cannot_tell_apart_are_asked_as_letters() -> None:
    def letters(*answers: str, scoring: Any = "logprobs") -> bool:
        question = Question(ask="?", answers=dict.fromkeys(answers, 0.0) | {answers[0]: 1.0})
        return set(tokens_of(question, scoring).values()) <= set("ABCDEFGHIJ")

    for told_apart in (
        ("polite", "impolite"), ("positive", "negative"), ("positive", "neutral", "negative"), ("yes", "no"),
        ("1", "2", "3", "4", "5"), ("agree", "disagree"), ("left", "right"), ("是", "否"), ("да", "нет"),
    ):  # fmt: skip
        assert not letters(*told_apart), told_apart
    for shared in (
        tuple(TEN), ("impolite", "important"), ("no", "none"), ("for", "forward"), ("very good", "very bad"),
        ("support", "suppress"), ("非常好", "非常差"), ("Dislike", "disgust"),
    ):  # fmt: skip
        assert letters(*shared), shared
    assert not letters(*TEN, scoring="label")


def test_where_letters_do_not_suffice_answers_are_drawn() -> None:
    hundred = {str(number): float(number) for number in range(101)}
    outcome = a_study().outcome.model_copy(update={"answers": hundred, "examples": ()}).model_dump()

    class Gives:
        def abilities(self, _endpoint: str) -> dict[str, Any]:
            return {"logprobs": True, "json_schema": False}

        def keep_abilities(self, *_: Any) -> None:
            raise AssertionError

    study = a_study(model={"name": "m"}, outcome=outcome)
    recipe = build_recipe(study, study.sources[0], ENDPOINT, Path(), Gives())
    assert recipe.scoring == "draws"
    assert set(tokens_of(recipe.questions["positive"], "draws")) == set(hundred)


def check(made: Stream) -> Parsed:
    parsed = parse_read(made.raw, recipe_for(made.answers), "positive")
    assert parsed.status in ("ok", "failed")
    if parsed.status == "ok":
        assert made.value is not None, made
        assert parsed.value == pytest.approx(made.value, abs=0.01), made
    else:
        assert parsed.value is None
        assert parsed.error
        assert parsed.error_kind in ("wrong-answer", "thinking")
    return parsed


def test_ten_thousand_random_streams() -> None:
    ended: Counter[tuple[str, str]] = Counter()
    for seed in range(10_000):
        made = stream(random.Random(seed))
        ended[made.kind, check(made).status] += 1
    table = {kind: (ended[kind, "ok"], ended[kind, "failed"]) for kind in MADE}
    print("kind of stream: read, failed:", table)  # noqa: T201
    for kind, (ok, failed) in table.items():
        assert ok + failed > 300
        if kind in ("clean", "decorated", "spelled", "lead", "thought", "pieces"):
            assert ok / (ok + failed) > 0.97, kind
        if kind in ("crumbs", "prose"):
            assert ok == 0, kind


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False))
def test_any_random_stream(rng: random.Random) -> None:
    check(stream(rng))


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inside: (
            st.lists(inside, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "choices",
                        "message",
                        "content",
                        "logprobs",
                        "token",
                        "top_logprobs",
                        "logprob",
                        "bytes",
                        "text",
                    ]
                ),
                inside,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_any_json_at_all(body: Any) -> None:
    """No shape of a reply raises, none becomes a number by accident."""
    for whole in (body, {"choices": [body]}, {"choices": [{"message": body, "logprobs": body}]}):
        parsed = parse_read(json.dumps(whole), recipe_for(MOOD), "positive")
        assert (parsed.value is not None) == (parsed.status == "ok")


@pytest.mark.parametrize(
    ("tokens", "answers"),
    [
        (("No", ",", " wait", ":", " yes"), {"yes": 1.0, "no": 0.0}),
        (("positive", " -", " actually", " negative"), MOOD),
        (("1", ".", " ", "4"), {str(at): float(at) for at in range(1, 6)}),
    ],
)
def test_an_answer_that_the_reply_takes_back_has_no_probability(tokens: Any, answers: Any) -> None:
    """The first token had all of it."""
    places: list[tuple[str, Tops]] = [(token, {token: 1.0}) for token in tokens]
    parsed = read(answers, *places)
    assert (parsed.status, parsed.error_kind) == ("failed", "wrong-answer")
    assert read(answers, places[0]).value == answers[tokens[0].lower()]
