"""From a raw reply to a value. Parsing is apart from sending: it can be done again for nothing.

No reply raises anything here: what cannot be read is a failed row with its reason.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from moored.llm.answers import answer_in, may_begin, taken_back
from moored.llm.raw import Reply, Unreadable, open_reply
from moored.llm.recipe import Recipe, Scoring, names_among, names_of
from moored.llm.soft import FLOOR, weigh
from moored.llm.spelling import spellings
from moored.llm.thoughts import without_thoughts
from moored.study import Question

SHOWN = 1000
"""Characters of a reply that the repair round shows the model again."""

_REMEMBERED = 200
"""Characters of a reply that is read once, however often it comes."""
MOST_LISTED = 1.05
"""What rounding may make of probabilities that add up to 1."""

_DRAWS = 'model.scoring = "draws" does without them'
_UNCLEAR = (
    "; its first token may begin more than one of them, or another word: use answers that begin differently, or"
    ' model.scoring = "draws"'
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a reply says: a value and the answer, or a written text, or why it says nothing."""

    status: Literal["ok", "failed", "refused"]
    value: float | None = None
    text: str | None = None
    error: str | None = None
    error_kind: str | None = None


def said_in(raw: str) -> str:
    """What the model said, thoughts included; of a reply that cannot be read, the reply."""
    try:
        return open_reply(raw).said
    except Unreadable:
        return raw


def shown_again(raw: str) -> str:
    """What the repair round repeats of a reply."""
    return without_thoughts(said_in(raw)).text[:SHOWN]


def parse_written(raw: str) -> Parsed:
    """The synthetic text of a writing step."""
    reply = _opened(raw)
    if isinstance(reply, Parsed):
        return reply
    unthought = without_thoughts(reply.said)
    if unthought.open:
        return _thinking(reply)
    text = unthought.text.strip().strip('"').strip()
    text = text.removeprefix("<text>").lstrip().removesuffix("</text>").rstrip()
    if text:
        return Parsed("ok", text=text)
    if reply.cut or reply.thought:
        return _thinking(reply)
    return Parsed("failed", error="the model wrote nothing", error_kind="empty")


def parse_read(raw: str, recipe: Recipe, variable: str) -> Parsed:
    """The value of a reading step: soft by logprobs where the recipe scores so, else the answer's own."""
    reply = _opened(raw)
    if isinstance(reply, Parsed):
        return reply
    question = recipe.questions[variable]
    if recipe.scoring == "logprobs":
        parsed = _soft(reply, question, names_of(question, recipe.scoring))
    else:
        parsed = _hard(reply, question, recipe)
    if parsed.status == "failed":
        unthought = without_thoughts(reply.said)
        if not unthought.text and (unthought.open or reply.cut or reply.thought):
            return _thinking(reply)
    return parsed


def gives_answer(raw: str, recipe: Recipe, variable: str) -> bool:
    """Whether a reply's words are an allowed answer, whatever its log-probabilities say."""
    names = names_of(recipe.questions[variable], recipe.scoring)
    return answer_in(shown_again(raw), names) is not None


def _hard(reply: Reply, question: Question, recipe: Recipe) -> Parsed:
    answers = tuple(question.answers)
    if len(reply.said) <= _REMEMBERED:
        answer, said = _answer_again(reply.said, answers, recipe.scoring)
    else:
        answer, said = _answer(reply.said, answers, recipe.scoring)
    if answer is None:
        return _nonsense(said, question)
    names = names_of(question, recipe.scoring)
    if reply.cut and (longer := may_begin(reply.said, answer, names)):
        return _nonsense(said, question, f"; it was cut off there, and may begin {_short(longer)!r}")
    return Parsed("ok", value=question.answers[answer], text=answer)


def _answer(said: str, answers: tuple[str, ...], scoring: Scoring) -> tuple[str | None, str]:
    """The answer in what a model said, and what it said without its thoughts."""
    aloud = without_thoughts(said).text
    return answer_in(aloud, names_among(answers, scoring)), aloud


_answer_again = functools.lru_cache(maxsize=1024)(_answer)  # most replies are one of a few words


def _soft(reply: Reply, question: Question, names: Mapping[str, frozenset[str]]) -> Parsed:
    """Sum over answers of p_k * value_k, the p_k normalised over the allowed answers."""
    if not reply.positions:
        return Parsed("failed", error="the reply came without log-probabilities", error_kind="reply")
    if other := _of_another_text(reply, names):
        return Parsed("failed", error=other, error_kind="reply")
    if taken_back(without_thoughts(reply.said).text, names):
        return _nonsense(reply.said, question, ", and it names more than one")
    weights = weigh(reply.positions, names, cut=reply.cut)
    if weights.listed > MOST_LISTED:
        error = f"the probabilities at one place come to {weights.listed:.2f}, so they are none; {_DRAWS}"
        return Parsed("failed", error=error, error_kind="reply")
    if weights.total < FLOOR:
        return _nonsense(reply.said, question, f"; these hold {weights.total:.2f} of the probability")
    value = weights.value(question.answers)
    if value is None:
        return _nonsense(reply.said, question, _UNCLEAR)
    return Parsed("ok", value=value, text=max(weights.of, key=lambda answer: weights.of[answer]))


def _of_another_text(reply: Reply, names: Mapping[str, frozenset[str]]) -> str:
    """Why log-probabilities are not of the text beside them: their tokens spell another answer; else nothing."""
    spelled = b"".join(spellings(position.token)[0] for position in reply.positions).decode(
        "utf-8", "replace"
    )
    there, said = (answer_in(without_thoughts(text).text, names) for text in (spelled, reply.said))
    if there is None or said is None or there == said:
        return ""
    return f"the reply says {said!r} and its log-probabilities are of {there!r}; {_DRAWS}"


def _opened(raw: str) -> Reply | Parsed:
    """A reply's parts, or why there are none."""
    try:
        reply = open_reply(raw)
    except Unreadable as error:
        return Parsed("failed", error=f"the reply cannot be read: {error}", error_kind="reply")
    return Parsed("refused", error=_short(reply.refusal), error_kind="refusal") if reply.refusal else reply


def _thinking(reply: Reply) -> Parsed:
    ended = "its tokens were used up" if reply.cut else "its reply ended"
    why = f"the model was still thinking when {ended}, and gave no answer; raise `model.thinking_tokens`"
    return Parsed("failed", error=why, error_kind="thinking")


def _nonsense(said: str, question: Question, why: str = "") -> Parsed:
    allowed = ", ".join(question.answers)
    error = f"answered {_short(said)!r}, allowed are {_short(allowed, 200)}{why}"
    return Parsed("failed", error=error, error_kind="wrong-answer")


def _short(said: str, most: int = 80) -> str:
    return said if len(said) <= most else said[: most - 3] + "..."
