"""From a study and what an endpoint gives to the recipe of a source."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from moored.errors import StudyInvalid
from moored.llm.endpoints import AbilityStore, Endpoint
from moored.llm.prompts import load_prompt
from moored.llm.recipe import LETTERS, Recipe, Scoring, tokens_of
from moored.study import EMBEDDED, Model, Question, Source, Study


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
    if scoring == "logprobs" and model.scoring == "auto" and not _have_tokens(study):
        scoring = "draws"
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
        thinking_tokens=model.thinking_tokens,
        seed=study.seed,
        redact=study.generation.redact,
        timeout_s=model.timeout_s,
        usd_per_million=model.usd_per_million,
    )


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


def _have_tokens(study: Study) -> bool:
    """Whether the first tokens can tell all answers apart, as words or as letters."""
    return all(len(tokens_of(question)) == len(question.answers) for question in study.questions.values())


def refuse_too_many_answers(study: Study) -> None:
    """Errors: `StudyInvalid` where answers stand as letters and cannot all have one."""
    soft = any(study.model_of(source).scoring == "logprobs" for source in study.sources)
    for variable, question in study.questions.items():
        count = len(question.answers)
        if len(tokens_of(question, "label")) < count:
            raise StudyInvalid(
                f"{variable!r} has {count} answers of which some share their first word: they stand as letters, of "
                f"which there are {len(LETTERS)}; let their first words differ"
            )
        if soft and len(tokens_of(question)) < count:
            raise StudyInvalid(
                f"{variable!r} has {count} answers that one token may not tell apart (one begins another, or they "
                f"share their first letters): they stand as letters, of which there are {len(LETTERS)}; give fewer "
                'answers, or set `model.scoring = "draws"`'
            )
