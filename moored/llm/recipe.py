"""A source's recipe: everything that decides what its generations are, as one value with one key.

docs/method.md, rule 1: labelled and unlabelled units of a source must come from the same recipe. Rule 2: what a
text is written from (`conditioning`) is the same for all units: the unit's text, nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from moored.fingerprint import fingerprint
from moored.llm.dialect import PLAIN, Dialect
from moored.llm.prompts import Prompt
from moored.llm.spelling import fold
from moored.study import Question, in_order

PARSER = 3
"""Raised whenever the same reply would be read differently."""

Scoring = Literal["logprobs", "draws", "label"]
SHARED = 3
"""Answers that share so many first bytes may begin with the same token."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Recipe(BaseModel):
    """Frozen, picklable, JSON by `model_dump`."""

    model_config = ConfigDict(frozen=True)

    source: str
    """Whose recipe it is; not part of the fingerprint."""
    kind: Literal["proxy", "synthetic"]
    model: str
    endpoint: str
    """Identity of the weights or the address."""
    api: Literal["chat", "completion"]
    scoring: Scoring
    json_schema: bool
    """Hard labels in chat are asked for as JSON that the endpoint holds to a schema."""
    draws: int
    """Reading requests a text."""
    questions: dict[str, Question]
    """By variable; their examples are the demonstrations."""
    read: Prompt
    write: Prompt | None
    conditioning: tuple[str, ...]
    temperature: float
    max_tokens: int
    seed: int
    redact: bool
    timeout_s: float
    thinking_tokens: int = 0
    """What every request may use up before its answer begins."""
    usd_per_million: tuple[float, float] | None = None
    """A price (prompt, completion) given in the study; not part of the fingerprint."""
    dialect: Dialect = PLAIN
    """How the endpoint wants to be asked; part of the fingerprint where it deviates from the protocol."""
    parser: int = Field(default_factory=lambda: PARSER)

    @property
    def fingerprint(self) -> str:
        """`recipe-1:<sha256>` of what decides the generations."""
        apart = {"source", "timeout_s", "usd_per_million"} | self._unsaid
        return fingerprint("recipe-1", in_order(self.model_dump(mode="json", exclude=apart)))

    @property
    def asking(self) -> str:
        """The same of what is asked alone, not of how replies are read: recipes that share their replies."""
        apart = {"source", "timeout_s", "usd_per_million", "parser"} | self._unsaid
        asked = self.model_dump(mode="json", exclude=apart)
        for question in asked["questions"].values():
            question["answers"] = list(question["answers"])
        return fingerprint("asking-1", asked)

    @property
    def _unsaid(self) -> set[str]:
        return {"dialect"} if self.dialect.plain else set()

    @property
    def steps(self) -> tuple[tuple[str, int], ...]:
        """The (step, draw) pairs of one unit: each ends as exactly one row."""
        reads = tuple((f"read.{variable}", draw) for variable in self.questions for draw in range(self.draws))
        return (("write", 0), *reads) if self.kind == "synthetic" else reads

    @property
    def expected_rows(self) -> int:
        """Terminal rows of one unit."""
        return len(self.steps)


def tokens_of(question: Question, scoring: Scoring = "logprobs") -> Mapping[str, str]:
    """What the model is to say for each answer.

    Usually the answer itself; letters where answers share their first word, and, where a soft label is read
    off the first tokens, where those might not tell the answers apart (`told_apart`).
    """
    return _tokens(tuple(question.answers), scoring)


@lru_cache(maxsize=64)  # asked again for every row
def _tokens(answers: tuple[str, ...], scoring: Scoring) -> Mapping[str, str]:
    first = [answer.split()[0].casefold() if answer.split() else "" for answer in answers]
    apart = len(set(first)) == len(first) and all(first)
    if apart and (scoring != "logprobs" or told_apart(answers)):
        return MappingProxyType({answer: answer for answer in answers})
    return MappingProxyType(dict(zip(answers, LETTERS, strict=False)))


def told_apart(answers: Iterable[str]) -> bool:
    """Whether no answer begins another one, and no two share their first three bytes: three letters of English,
    one character of Chinese. Tokenizers break unknown words into pieces of about that length."""
    spelled = [fold(answer.strip()).encode() for answer in answers]
    heads = [name[:SHARED] for name in spelled if len(name) >= SHARED]
    begins = any(a is not b and b.startswith(a) for a in spelled for b in spelled)
    return not begins and len(set(heads)) == len(heads)


def names_of(question: Question, scoring: Scoring = "logprobs") -> Mapping[str, frozenset[str]]:
    """By answer, how a model may call it: as it was told to, or by the answer that a letter stands for, where that
    is no other answer's letter or name."""
    return names_among(tuple(question.answers), scoring)


@lru_cache(maxsize=64)
def names_among(answers: tuple[str, ...], scoring: Scoring) -> Mapping[str, frozenset[str]]:
    """The same of the answers themselves."""
    tokens = _tokens(answers, scoring)
    taken = Counter(fold(answer.strip()) for answer in tokens) + Counter(
        fold(token) for token in tokens.values()
    )
    return MappingProxyType(
        {
            answer: frozenset({token} if taken[fold(answer.strip())] > 1 else {token, answer.strip()})
            for answer, token in tokens.items()
        }
    )
