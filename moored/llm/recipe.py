"""A source's recipe: everything that decides what its generations are, as one value with one key.

docs/method.md, rule 1: labelled and unlabelled units of a source must come from the same recipe. Rule 2: what a
text is written from (`conditioning`) is the same for all units: the unit's text, nothing else.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from moored.fingerprint import fingerprint
from moored.llm.prompts import Prompt
from moored.study import Question, in_order

PARSER = 1


"""Raised whenever the same reply would be read differently."""


Scoring = Literal["logprobs", "draws", "label"]


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
    usd_per_million: tuple[float, float] | None = None
    """A price (prompt, completion) given in the study; not part of the fingerprint."""
    parser: int = Field(default_factory=lambda: PARSER)

    @property
    def fingerprint(self) -> str:
        """`recipe-1:<sha256>` of what decides the generations."""
        apart = {"source", "timeout_s", "usd_per_million"}
        return fingerprint("recipe-1", in_order(self.model_dump(mode="json", exclude=apart)))

    @property
    def asking(self) -> str:
        """The same of what is asked alone, not of how replies are read: recipes that share their replies."""
        asked = self.model_dump(mode="json", exclude={"source", "timeout_s", "usd_per_million", "parser"})
        for question in asked["questions"].values():
            question["answers"] = list(question["answers"])
        return fingerprint("asking-1", asked)

    @property
    def steps(self) -> tuple[tuple[str, int], ...]:
        """The (step, draw) pairs of one unit: each ends as exactly one row."""
        reads = tuple((f"read.{variable}", draw) for variable in self.questions for draw in range(self.draws))
        return (("write", 0), *reads) if self.kind == "synthetic" else reads

    @property
    def expected_rows(self) -> int:
        """Terminal rows of one unit."""
        return len(self.steps)


def tokens_of(question: Question) -> dict[str, str]:
    """What the model is to say for each answer.

    Usually the answer itself; letters where answers share their first word, since a soft label is read
    off the first token.
    """
    first = [answer.split()[0].casefold() if answer.split() else "" for answer in question.answers]
    if len(set(first)) == len(first) and all(first):
        return {answer: answer for answer in question.answers}
    return dict(zip(question.answers, LETTERS, strict=False))
