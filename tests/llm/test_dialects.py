"""The probe asks what the run will ask: what an endpoint refuses is left out or renamed, remembered, and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from moored.errors import MooredError, RequestRefused
from moored.llm.dialect import Dialect
from moored.llm.generate import generate
from moored.llm.recipe_builder import build_recipe
from moored.llm.serving import describe_endpoints, probe_models
from moored.storage.journal import Journal
from moored.study import GenerationSettings
from tests import dialects
from tests.endpoint import serve
from tests.llm.conftest import a_recipe, a_study, endpoint_at, some_units

AUTO = {"name": "m", "timeout_s": 5}
TOKENS = {"budget": "max_completion_tokens"}
TGI = {"least_temperature": 0.01, "top_logprobs": 5}
NO_TEMPERATURE = {"left_out": ("temperature",), "budget": "max_completion_tokens"}
CASES: dict[str, tuple[dict[str, Any], str, bool, dict[str, Any]]] = {
    "plain": ({}, "logprobs", False, {}),
    "reasoning": (
        {"in_place": dialects.reasoning, "thoughts": 500}, "draws", True, NO_TEMPERATURE | {"thinking": 2048},
    ),
    "much-reasoning": (
        {"in_place": dialects.reasoning, "thoughts": 5000}, "draws", True, NO_TEMPERATURE | {"thinking": 8192},
    ),
    "first-reasoning": (
        {"in_place": dialects.first_reasoning}, "draws", False, NO_TEMPERATURE | {"system": "user"},
    ),
    "developer": ({"in_place": dialects.developer}, "logprobs", False, {"system": "developer"}),
    "vllm-20": ({"in_place": dialects.vllm(20)}, "logprobs", False, {}),
    "vllm-5": ({"in_place": dialects.vllm(5)}, "logprobs", False, {"top_logprobs": 5}),
    "vllm-no-system": ({"in_place": dialects.no_system_vllm}, "logprobs", False, {"system": "user"}),
    "vllm-thoughts": ({"thoughts": 500}, "draws", True, {"thinking": 2048}),
    "ollama-silent": ({"logprobs": False, "json_schema": False}, "draws", False, {}),
    "litellm": ({"in_place": dialects.litellm}, "draws", True, {"left_out": ("seed",)}),
    "tgi": ({"in_place": dialects.inference_server}, "logprobs", False, TGI),
    "strict": ({"in_place": dialects.strict}, "draws", True, {"left_out": ("seed",)}),
    "nested": ({"in_place": dialects.nested}, "logprobs", False, {"left_out": ("seed",)}),
    "gemini": ({"in_place": dialects.gemini}, "draws", True, {"left_out": ("seed",)}),
    "500-for-logprobs": ({"in_place": dialects.breaks("logprobs")}, "draws", True, {}),
    "501-for-logprobs": ({"in_place": dialects.breaks("logprobs", 501, "")}, "draws", True, {}),
    "400-for-seed": ({"in_place": dialects.breaks("seed", 400, "")}, "logprobs", False, {"left_out": ("seed",)}),
    "403-for-seed": ({"in_place": dialects.breaks("seed", 403, "no")}, "logprobs", False, {"left_out": ("seed",)}),
    "422-for-temperature": (
        {"in_place": dialects.breaks("temperature", 422, "bad")}, "logprobs", False, {"left_out": ("temperature",)},
    ),
    "400-for-max-tokens": (
        {"in_place": dialects.breaks("max_tokens", 400, "bad")}, "logprobs", False, TOKENS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("source", ["proxy", "synth"])
def test_what_the_probe_settles_is_what_every_row_of_the_run_goes_through_with(
    case: str, source: str, journal: Journal
) -> None:
    options, scoring, schema, dialect = CASES[case]
    if source == "proxy" and dialect.get("left_out") == ("seed",) and scoring == "logprobs":
        dialect = {}  # soft labels are read without a seed
    study = a_study(model=AUTO)
    part = next(part for part in study.sources if part.name == source)
    with serve(**options) as server:
        endpoint = endpoint_at(server.url)
        recipe = build_recipe(study, part, endpoint, Path(), journal)
        assert (recipe.scoring, recipe.json_schema) == (scoring, schema)
        assert recipe.dialect == Dialect(**dialect)
        asked = server.calls
        assert journal.calls() == asked
        assert build_recipe(study, part, endpoint, Path(), journal) == recipe
        assert server.calls == asked
        rows = generate(some_units(5), recipe, endpoint, journal, GenerationSettings())
    assert {row.status for row in rows} == {"ok"}
    assert {row.attempts for row in rows} == {1}


def test_a_plain_endpoint_keeps_its_recipes_and_replies() -> None:
    study = a_study(model={"name": "m", "scoring": "label"})
    recipe = a_recipe(study, endpoint_at("http://localhost:1/v1"), "synth")
    dumped = recipe.model_dump(mode="json")
    assert dumped.pop("dialect") == Dialect().model_dump(mode="json")
    earlier = type(recipe).model_validate(dumped)
    assert (earlier.fingerprint, earlier.asking) == (recipe.fingerprint, recipe.asking)
    spoken = recipe.model_copy(update={"dialect": Dialect(left_out=("seed",))})
    assert spoken.fingerprint != recipe.fingerprint
    assert spoken.asking != recipe.asking


def test_what_an_earlier_moored_remembered_is_asked_nothing(journal: Journal) -> None:
    study = a_study(model=AUTO)
    with serve() as server:
        endpoint = endpoint_at(server.url)
        journal.keep_abilities(f"{endpoint.identity} m chat", {"logprobs": False, "json_schema": True})
        recipe = build_recipe(study, study.sources[1], endpoint, Path(), journal)
        assert server.calls == 0
    assert (recipe.scoring, recipe.json_schema, recipe.dialect.plain) == ("draws", True, True)


def test_a_parameter_refused_later_fails_its_rows_and_is_asked_about_again(journal: Journal) -> None:
    study = a_study(model={"name": "m", "scoring": "draws", "draws": 2, "timeout_s": 5})
    with serve(in_place=dialects.strict) as server:
        endpoint = endpoint_at(server.url)
        journal.keep_abilities(f"{endpoint.identity} m chat", {"logprobs": False, "json_schema": True})
        recipe = build_recipe(study, study.sources[0], endpoint, Path(), journal)
        rows = generate(some_units(3), recipe, endpoint, journal, GenerationSettings())
        assert {(row.status, row.error_kind) for row in rows} == {("failed", "request")}
        assert "body.seed: Extra inputs are not permitted" in (rows[0].error or "")
        recipe = build_recipe(study, study.sources[0], endpoint, Path(), journal)
        assert recipe.dialect.left_out == ("seed",)
        rows = generate(some_units(3), recipe, endpoint, journal, GenerationSettings())
        assert {row.status for row in rows} == {"ok"}


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("reasoning", "temperature is not taken"),
        ("reasoning", "thinks before it answers"),
        ("strict", "seed is not taken: reruns may differ"),
        ("vllm-5", "at most 5 tokens"),
        ("tgi", "temperature 0 is not taken: 0.01 instead"),
        ("vllm-no-system", "no system message"),
    ],
)
def test_validate_says_what_is_not_taken(case: str, said: str, journal: Journal) -> None:
    with serve(**CASES[case][0]) as server:
        endpoints = describe_endpoints(a_study(model=AUTO), Path(), server.url)
        lines = probe_models(a_study(model=AUTO), Path(), endpoints, journal)
    assert said in lines[-1]


def test_demanded_logprobs_that_are_not_given_are_one_sentence(journal: Journal) -> None:
    study = a_study(model=AUTO | {"scoring": "logprobs"})
    for options, why in (
        ({"in_place": dialects.reasoning}, "not allowed to request logprobs"),
        ({"logprobs": False}, "its replies carry none"),
        ({"thoughts": 50}, "thinks before it answers"),
    ):
        with serve(**options) as server:
            with pytest.raises(RequestRefused, match=why) as caught:
                build_recipe(study, study.sources[0], endpoint_at(server.url), Path(), journal)
            with pytest.raises(RequestRefused, match=why):  # as remembered
                build_recipe(study, study.sources[0], endpoint_at(server.url), Path(), journal)
        assert 'set it to "auto"' in str(caught.value)


def test_fewer_logprobs_than_answers_are_not_scored_by(journal: Journal) -> None:
    answers = {letter * 3: place for place, letter in enumerate("abcdefgh")}
    outcome = a_study().outcome.model_copy(update={"answers": answers, "examples": ()})
    study = a_study(model=AUTO, outcome=outcome.model_dump())
    with serve(in_place=dialects.vllm(5), answers=lambda _: "aaa") as server:
        recipe = build_recipe(study, study.sources[0], endpoint_at(server.url), Path(), journal)
    assert recipe.scoring == "draws"


def test_a_temperature_that_the_study_wishes_is_not_left_out(journal: Journal) -> None:
    def cool(body: dict[str, Any]) -> dialects.Given:
        if body.get("temperature", 0) > 1:
            return dialects.openai_error("temperature must be between 0 and 1", "temperature")
        return None

    study = a_study(model=AUTO | {"temperature": 1.5})
    with serve(in_place=cool) as server, pytest.raises(RequestRefused, match=r"`model.temperature` = 1.5"):
        build_recipe(study, study.sources[1], endpoint_at(server.url), Path(), journal)


def test_an_endpoint_that_refuses_everything_says_why(journal: Journal) -> None:
    study = a_study(model=AUTO)
    refuses = lambda _: dialects.openai_error("this tenant is suspended")  # noqa: E731
    with serve(in_place=refuses) as server, pytest.raises(MooredError, match="this tenant is suspended"):
        build_recipe(study, study.sources[0], endpoint_at(server.url), Path(), journal)
    broken = lambda _: (500, "out of memory", {})  # noqa: E731
    with serve(in_place=broken) as server, pytest.raises(MooredError, match="out of memory"):
        build_recipe(study, study.sources[0], endpoint_at(server.url), Path(), journal)
