"""A source's recipe: everything that decides what its generations are, as one value with one key.

METHOD rule 1: labelled and unlabelled units of a source must come from the same recipe. Rule 2: what a
text is written from (`conditioning`) is the same for all units: the unit's text, nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from moored.errors import StudyInvalid
from moored.fingerprint import fingerprint
from moored.llm.endpoints import AbilityStore, Endpoint
from moored.llm.prompts import Prompt, load_prompt
from moored.study import EMBEDDED, Model, Question, Source, Study, in_order

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


def build_recipe(
    study: Study, source: Source, endpoint: Endpoint, prompts_dir: Path, journal: AbilityStore | None = None
) -> Recipe:
    """Settle a source's recipe.

    Where the study leaves the scoring of an external model to `auto`, the endpoint is asked once (one
    request) what it gives; `journal` remembers the answer. Errors: `StudyInvalid`, those of `probe`.
    """
    refuse_too_many_answers(study)
    model = study.model_of(source)
    api = _api(model)
    scoring, json_schema = _scoring(model, api, endpoint, journal)
    return Recipe(
        source=source.name,
        kind=source.kind,
        model=model.name,
        endpoint=endpoint.identity,
        api=api,
        scoring=scoring,
        json_schema=json_schema,
        draws=model.draws if scoring == "draws" else 1,
        questions={name: _bare(question) for name, question in study.questions.items()},
        read=load_prompt(source.read, prompts_dir, "read"),
        write=load_prompt(source.write, prompts_dir, "write") if source.kind == "synthetic" else None,
        conditioning=("text",),
        temperature=model.temperature,
        max_tokens=model.max_tokens,
        seed=study.seed,
        redact=study.generation.redact,
        timeout_s=model.timeout_s,
        usd_per_million=model.usd_per_million,
    )


def tokens_of(question: Question) -> dict[str, str]:
    """What the model is to say for each answer.

    Usually the answer itself; letters where answers share their first word, since a soft label is read
    off the first token.
    """
    first = [answer.split()[0].casefold() if answer.split() else "" for answer in question.answers]
    if len(set(first)) == len(first) and all(first):
        return {answer: answer for answer in question.answers}
    return dict(zip(question.answers, LETTERS, strict=False))


def _bare(question: Question) -> Question:
    """The question alone, without what a study says beside it."""
    return Question(ask=question.ask, answers=question.answers, examples=question.examples)


def _api(model: Model) -> Literal["chat", "completion"]:
    if model.api == "auto":
        return "completion" if model.name == EMBEDDED else "chat"
    return model.api


def _scoring(
    model: Model, api: str, endpoint: Endpoint, journal: AbilityStore | None
) -> tuple[Scoring, bool]:
    """The scoring and whether JSON schemas are used; asks the endpoint where only it can know."""
    if model.runs_here:
        if model.scoring == "auto" or api == "completion":
            return ("logprobs" if model.scoring == "auto" else model.scoring), False
        return model.scoring, model.scoring != "logprobs"
    if api == "completion" and model.scoring != "auto":
        return model.scoring, False
    if model.scoring == "logprobs":
        return "logprobs", False
    from moored.llm.probe import abilities

    found = abilities(endpoint, model, journal)
    scoring: Scoring = (
        model.scoring if model.scoring != "auto" else ("logprobs" if found.logprobs else "draws")
    )
    return scoring, found.json_schema and api == "chat" and scoring != "logprobs"


def refuse_too_many_answers(study: Study) -> None:
    """Errors: `StudyInvalid` where answers stand as letters and cannot all have one."""
    for variable, question in study.questions.items():
        if len(tokens_of(question)) < len(question.answers):
            raise StudyInvalid(
                f"{variable!r} has {len(question.answers)} answers of which some share their first word: they "
                f"stand as letters, of which there are {len(LETTERS)}; let their first words differ"
            )
