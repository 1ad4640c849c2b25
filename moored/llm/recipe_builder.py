"""From a study and what an endpoint gives to the recipe of a source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from moored.errors import RequestRefused, StudyInvalid
from moored.llm.dialect import PLAIN, Dialect
from moored.llm.endpoints import AbilityStore, Endpoint
from moored.llm.prompts import load_prompt
from moored.llm.recipe import LETTERS, Recipe, Scoring, tokens_of
from moored.llm.requests import Request, read_request, write_request
from moored.study import EMBEDDED, Model, Question, Source, Study

if TYPE_CHECKING:
    from moored.llm.bargain import Shape, Terms
    from moored.llm.probe import Need

SAMPLE = "The weather is fine today."
"""The text that a probe asks about."""


def build_recipe(
    study: Study, source: Source, endpoint: Endpoint, prompts_dir: Path, journal: AbilityStore | None = None
) -> Recipe:
    """Settle a source's recipe.

    An external model is asked once (a request or two) what it gives and takes; `journal` remembers the answer.
    Errors: `StudyInvalid`, `RequestRefused` (no log-probabilities, which the study demands), those of `probe`.
    """
    refuse_too_many_answers(study)
    model = study.model_of(source)
    if model.runs_here:
        scoring, json_schema = _scoring_here(model)
        if model.scoring == "auto" and not _have_tokens(study):
            scoring, json_schema = "draws", False
        return _recipe(study, source, endpoint, prompts_dir, scoring, json_schema, PLAIN)
    from moored.llm.probe import abilities

    need = need_of(study, source, endpoint, prompts_dir)
    found = abilities(need, journal)
    scoring = model.scoring if model.scoring != "auto" else "draws"
    if model.scoring == "auto" and need.enough_logprobs(found):
        scoring = "logprobs"
    if model.scoring == "logprobs" and not found.logprobs and found.asked is not None:
        raise RequestRefused(
            f"the endpoint gives no log-probabilities of {model.name!r} ({found.refused}), which "
            '`model.scoring = "logprobs"` needs; set it to "auto", "draws" or "label"'
        )
    schema = found.json_schema and need.api == "chat" and scoring != "logprobs"
    return _recipe(study, source, endpoint, prompts_dir, scoring, schema, found.dialect)


def need_of(study: Study, source: Source, endpoint: Endpoint, prompts_dir: Path) -> Need:
    """What a source will ask of its model, to ask it beforehand."""
    from moored.llm.probe import Need

    model = study.model_of(source)

    def draft(shape: Shape, terms: Terms) -> Request:
        scoring: Scoring = "draws" if shape == "read.draws" else "label"
        if shape == "read.logprobs" and terms.logprobs:
            scoring = "logprobs"
        schema = terms.json_schema and api_of(model) == "chat" and scoring != "logprobs"
        recipe = _recipe(study, source, endpoint, prompts_dir, scoring, schema, terms.dialect)
        if shape == "write":
            return write_request(recipe, SAMPLE)
        return read_request(recipe, study.outcome.name, SAMPLE)

    most = max(len(question.answers) for question in study.questions.values())
    return Need(endpoint, model, api_of(model), source.kind, most, draft, _have_tokens(study))


def _recipe(
    study: Study,
    source: Source,
    endpoint: Endpoint,
    prompts_dir: Path,
    scoring: Scoring,
    json_schema: bool,
    dialect: Dialect,
) -> Recipe:
    model = study.model_of(source)
    return Recipe(
        source=source.name,
        kind=source.kind,
        model=model.name,
        endpoint=endpoint.identity,
        api=api_of(model),
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
        timeout_s=model.patience_s,
        usd_per_million=model.usd_per_million,
        dialect=dialect,
    )


def _bare(question: Question) -> Question:
    """The question alone, without what a study says beside it."""
    return Question(ask=question.ask, answers=question.answers, examples=question.examples)


def api_of(model: Model) -> Literal["chat", "completion"]:
    """The form of request that a model is sent."""
    if model.api == "auto":
        return "completion" if model.name == EMBEDDED else "chat"
    return model.api


def _scoring_here(model: Model) -> tuple[Scoring, bool]:
    """The scoring of a model on this machine, and whether JSON schemas are used: llama.cpp gives everything."""
    scoring: Scoring = "logprobs" if model.scoring == "auto" else model.scoring
    return scoring, api_of(model) == "chat" and scoring != "logprobs"


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
