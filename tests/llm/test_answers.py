"""Hard labels: an answer counts where it stands alone or is clearly marked, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moored.llm.answers import answer_in
from moored.llm.recipe import names_of
from moored.study import Question

POLITE = ("polite", "impolite")
YES = ("yes", "no")
SCALE = ("1", "2", "3", "10")


def said(text: str, answers: tuple[str, ...] = POLITE) -> str | None:
    question = Question(ask="?", answers={answer: float(at) for at, answer in enumerate(answers)})
    return answer_in(text, names_of(question, "label"))


@pytest.mark.parametrize(
    "text",
    [
        "polite",
        " Polite.\n",
        "**polite**",
        '"polite"',
        "`polite`",
        "POLITE!",
        "(polite)",
        "# polite",
        "\u00a0polite",
        "Answer: polite",
        "**Answer:** polite",
        "Answer: **polite**.",
        "The answer is polite.",
        "Final answer: polite",
        "The tone of this request is polite.",
        "Label = polite",
        "answer -> polite",
        "Antwort: polite",
        "答案：polite",
        "The answer is: **polite**",
        "Answer:\npolite",
        "Answer: polite (the writer says please)",
        "polite\n\nThe writer says please.",
        "It could be either.\n\nAnswer: polite",
        "The tone is **polite**.",
        '{"answer": "polite"}',
        '{"Answer": "Polite"}',
        '```json\n{"answer": "polite"}\n```',
        '{"label": "polite"}',
        "```\npolite\n```",
        'Here it is: {"answer": "polite"}',
        '{"answer": ["polite"]}',
        '[{"answer": "polite"}]',
        '{"answer": {"value": "polite"}}',
        '{"result": {"answer": "polite"}}',
        '{"label": "polite", "score": 0.98}',
        '{"reasoning": "not impolite", "answer": "polite"}',
        "\\boxed{polite}",
        "$\\boxed{\\text{polite}}$",
        '{"answer": "polite", "answer": "polite"}',
    ],
)
def test_bare_or_marked(text: str) -> None:
    assert said(text) == "polite"


@pytest.mark.parametrize(
    "text",
    [
        "not polite",
        "Not polite.",
        "**not polite**",
        "I would not call this polite.",
        "I wouldn't say it's polite",
        "This isn't polite",
        "neither polite nor impolite",
        "hardly polite",
        "This is polite",
        "nicht polite",
        "",
        "polite or impolite",
        "polite/impolite",
        "polite, impolite",
        "polite?",
        "Answer: polite?",
        "unpolite",
        "Answer: not polite",
        "The answer is not polite",
        "The answer is far from polite",
        "Answer: polite/impolite",
        "Answer: polite or impolite",
        "Wrong answer: polite",
        "Answer: polite. No, wait: impolite",
        "-polite",
        "~polite~",
        "polite\n\nActually, this is impolite.",
        "This is not **polite**.",
        "**polite** or **impolite**",
        "!polite",
        "Answer: polite\nAnswer: impolite",
        '{"answer": "not polite"}',
        '{"answer": null}',
        '{"polite": false}',
        '{"answer": "polite", "answer": "impolite"}',
        '{"answer": ["polite", "impolite"]}',
        '{"answer": {}}',
        '{"not": "polite"}',
        "[]",
        "{}",
        '{"answer": true}',
        "{" * 50,
        "\\boxed{}",
        "\\boxed{polite} \\boxed{impolite}",
        "The opposite of polite: impolite",
        "politely",
        "impolite-ish",
        "polite\n---\nText: Do it.\nAnswer: impolite",
        'impolite\n{"answer": "polite"}',
    ],
)
def test_what_is_denied_or_in_doubt_is_no_answer(text: str) -> None:
    assert said(text) is None


def test_yes_and_no() -> None:
    assert said("No.", YES) == "no"
    assert said("**Yes**", YES) == "yes"
    assert said('{"answer": true}', YES) == "yes"
    assert said('{"answer": false}', YES) == "no"
    for doubtful in (
        "There is no doubt: this is polite",
        "No doubt.",
        "no doubt about it",
        "Answer: no doubt",
        "no, yes",
    ):
        assert said(doubtful, YES) is None, doubtful


def test_numbers() -> None:
    for text in (
        "1",
        "1.",
        "**1**",
        '{"answer": 1}',
        '{"answer": 1.0}',
        '{"answer": "1"}',
        '{"answer": "1.0"}',
        "Score: 1",
    ):
        assert said(text, SCALE) == "1", text
    assert said("10", SCALE) == "10"
    for doubtful in (
        "1.5",
        "-1",
        "1/10",
        "1 to 3",
        '{"answer": 1.5}',
        '{"answer": -1}',
        "1-2",
        "11",
        '{"answer": 1e999}',
        "1.1",
        "2.2.",
        "1\n2",
        "1.\n10.",
        "Answer: 3.3",
    ):
        assert said(doubtful, SCALE) is None, doubtful


def test_letters_with_what_they_stand_for() -> None:
    answers = ("very good", "very bad")
    for text in (
        "B",
        "b.",
        "(B)",
        "B = very bad",
        "B: very bad",
        "B) very bad",
        "very bad",
        "Answer: B",
        "Option B",
    ):
        assert said(text, answers) == "very bad", text
    for doubtful in ("A: very bad", "A or B", "bad", "C"):
        assert said(doubtful, answers) is None, doubtful


def test_answers_that_differ_by_case_alone_are_letters() -> None:
    answers = ("US", "us", "b")
    assert [said(text, answers) for text in ("A", "B", "C", "us", "US", "b")] == [
        "US",
        "us",
        "b",
        None,
        None,
        "us",
    ]


def test_answers_that_deny_are_read_as_themselves() -> None:
    answers = ("polite", "not polite")
    assert said("not polite", answers) == "not polite"
    assert said("Answer: not polite.", answers) == "not polite"
    assert said("polite", answers) == "polite"


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        ["not ", "never ", "n't ", "hardly ", "nicht ", "far from ", "un", "no longer ", "less than "]
    ),
    st.sampled_from(
        ["{}", "{}.", "This is {}", "**{}**", "Answer: {}", '{{"answer": "{}"}}', "`{}`", "The tone is {}."]
    ),
    st.sampled_from(POLITE),
    st.text(alphabet=" \n*`\"'", max_size=4),
)
def test_no_denial_is_ever_read_as_the_word(denial: str, form: str, word: str, around: str) -> None:
    assert said(around + form.format(f"{denial}{word}") + around) is None


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=200), st.sampled_from(["{}", '{{"answer": {}}}', "Answer: {}"]))
def test_any_text_at_all(text: str, form: str) -> None:
    found: Any = said(form.format(text))
    assert found in (None, *POLITE)
    assert said(json.dumps({"answer": text})) in (None, *POLITE)


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"answer": "polite"}\n```\nWait, it is impolite.',
        '{"answer": "polite"}\n\nCorrection: impolite',
        "\\boxed{polite} Actually impolite.",
    ],
)
def test_what_is_taken_back_behind_json_is_no_answer(text: str) -> None:
    assert said(text) is None


@pytest.mark.parametrize(
    "text", ['{"answer": "polite"} Not impolite.', '{"answer": "polite"} I would rather say more.']
)
def test_what_follows_json_and_takes_nothing_back_is_ignored(text: str) -> None:
    assert said(text) == ("polite" if "rather" in text else None)
