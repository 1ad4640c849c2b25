"""The disclosure of AI use: each item filled from the store, or said to be not done or not recorded, no guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC

from moored.llm.recipe import Recipe
from moored.plaintext import listed
from moored.report.facts import Facts

NOT_DONE = "Not done."
NOT_RECORDED = "Not recorded in the store; the authors state it."
BASIS = (
    "The items are those that the revision of AAPOR's Code of Professional Ethics and Practices asks for as it was "
    "proposed on 25 March 2026 (whether AI was used, for which functions, under which human oversight; synthetic "
    "data identified as such; what was done and what was not), in detail. What the store does not know is not "
    "guessed."
)


@dataclass(frozen=True, slots=True)
class Item:
    """One item and what is to be said of it."""

    name: str
    statement: str


def items_of(facts: Facts) -> list[Item]:
    """Every item, in order."""
    recipes = [recipe for recipe in facts.recipes.values() if recipe is not None]
    return [*_use(facts, recipes), *_oversight(facts), *_data(facts, recipes)]


def _use(facts: Facts, recipes: list[Recipe]) -> Iterator[Item]:
    yield Item("AI was used", "Yes: generative language models." if facts.recipes else "No.")
    yield Item("functions that AI performed", " ".join(_functions(facts)) or NOT_DONE)
    yield Item(
        "functions of moored that AI did not perform",
        "Drawing units, checking data and generations, estimation, this statement: done by rules, without AI.",
    )
    yield Item("AI elsewhere: design, recruitment, human labelling, writing", NOT_RECORDED)
    yield Item(
        "models and versions",
        listed(list(dict.fromkeys(f"{recipe.model} ({recipe.endpoint})" for recipe in recipes)))
        or NOT_RECORDED,
    )
    yield Item("prompts and instructions", "In full below." if recipes else NOT_RECORDED)
    yield Item("fine-tuning or training on these data", NOT_DONE)
    days = sorted(
        {row[key].astimezone(UTC).date() for row in facts.generation for key in ("first_at", "last_at")}
    )
    yield Item("dates of use", listed([str(day) for day in days]) + " (UTC)." if days else NOT_DONE)


def _functions(facts: Facts) -> Iterator[str]:
    writers = {row["source"] for row in facts.generation if row["step"] == "write"}
    for row in facts.generation:
        if row["step"] == "write":
            yield f"{row['source']} wrote {row['ok']:,} synthetic texts, one from each unit's text."
        else:
            texts = "the texts that it wrote" if row["source"] in writers else "the units' texts"
            yield f"{row['source']} answered the study's questions about {texts}: {row['ok']:,} answers."


def _oversight(facts: Facts) -> Iterator[Item]:
    agreement = [check for check in facts.checks if check.check == "agreement"]
    compared = f"Model answers were compared with {facts.labelled:,} human labels. "
    yield Item(
        "human oversight: comparison with human labels",
        compared + agreement[0].message if agreement else NOT_DONE,
    )
    yield Item(
        "human oversight: review of single outputs by a person", f"{NOT_DONE} moored has no such step."
    )
    failed = [check for check in facts.checks if not check.passed]
    checks = f"{len(facts.checks)} checks, {len(failed)} of which did not pass" if facts.checks else ""
    yield Item("automatic checks before publication", f"{checks}." if checks else NOT_DONE)
    override = facts.run.override_reason
    yield Item("override of a failed check", f"Yes, for this reason: {override}" if override else NOT_DONE)


def _data(facts: Facts, recipes: list[Recipe]) -> Iterator[Item]:
    written = sum(row["ok"] for row in facts.generation if row["step"] == "write")
    yield Item(
        "synthetic data identified as such",
        f"{written:,} written texts, kept apart from the units; none counts as a unit or a participant."
        if written
        else f"{NOT_DONE} No text was written; the model's answers are kept apart from human labels.",
    )
    yield Item("what identifies the estimate", f"{facts.labelled:,} human labels alone.")
    lost = sum(row["failed"] + row["refused"] for row in facts.generation)
    total = sum(row["rows"] for row in facts.generation)
    yield Item("failed or refused generations", f"{lost:,} of {total:,}." if total else NOT_DONE)
    away = sorted({recipe.endpoint for recipe in recipes if not recipe.endpoint.startswith("gguf:")})
    yield Item(
        "where texts were sent",
        listed(away) + "."
        if away
        else "Nowhere: the model ran on the user's own machine."
        if recipes
        else NOT_DONE,
    )
    redacted = bool(recipes) and all(recipe.redact for recipe in recipes)
    yield Item(
        "removal of personal data before sending",
        "E-mail addresses and phone numbers were replaced by a pattern; nothing else was."
        if redacted
        else NOT_DONE,
    )
    yield Item("consent of the people who wrote the texts, ethics review", NOT_RECORDED)
    yield Item("prompts and replies kept", "Yes: every reply is kept with the key of its request.")
