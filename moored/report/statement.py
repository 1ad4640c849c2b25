"""The methods statement of a version: what a paper must say, from the store alone; one version, one statement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

from moored.fetch.models import EMBEDDED, KnownModel, known_models
from moored.llm.recipe import Recipe
from moored.numbers import decimals, number, p_value, scale_of
from moored.plaintext import counted, day_of, listed
from moored.report.citation import citation
from moored.report.disclosure import BASIS, items_of
from moored.report.document import Document, Heading, Listing, Paragraph, Part, Table, Verbatim
from moored.report.facts import Facts
from moored.report.prompts import prompts_of
from moored.report.references import ESTIMATORS, references_of
from moored.report.words import MODELS, minus
from moored.storage.published import EstimateRow

UNKNOWN = "not recorded in the store; state it here."


def statement_of(facts: Facts) -> Document:
    """The statement: paragraphs for the methods section, the disclosure, the prompts in full, references."""
    run = facts.run
    parts: list[Part] = [
        Heading(1, f"Methods: {facts.study.name}, version {run.version}"),
        Heading(2, "Data and human labels"),
        *map(Paragraph, (data_line(facts), labels_line(facts))),
        Heading(2, "Language model"),
        *(Paragraph(source_line(facts, name)) for name in facts.recipes),
        Paragraph(generation_line(facts)),
        Heading(2, "Estimation"),
        *map(Paragraph, (synthetic_line(facts), estimator_line(facts), checks_line(facts))),
        Table(("term", "estimate", "standard error", "interval", "p"), [_row(row) for row in facts.headline]),
        Heading(2, "Software"),
        Paragraph(software_line(facts)),
        Heading(2, "Disclosure of AI use"),
        Paragraph(BASIS),
        Table(("item", "statement"), [(item.name, item.statement) for item in items_of(facts)]),
        *_marks(facts),
        Heading(2, "Prompts in full"),
        *_prompts(facts),
        Heading(2, "References"),
        Listing([*references_of(facts), *citation(facts)[1:]]),
    ]
    return Document(
        f"Methods: {facts.study.name}, version {run.version}", day_of(run.stored_at), tuple(parts)
    )


def data_line(facts: Facts) -> str:
    """Where the units come from."""
    data = facts.study.data
    source = data.source
    where = (
        f"the example data {source.partition(':')[2]} that come with moored"
        if source.startswith("example:")
        else f"the table {source}"
    )
    told = [
        f"The units are {facts.units:,} texts from {where} (column {data.text}, identified by {data.id})."
    ]
    if data.query is not None:
        told.append(f"They were selected by the query: {data.query.strip()}")
    if data.rows is not None:
        told.append(
            f"They are a simple random sample of {data.rows:,} rows, drawn by moored with the seed "
            f"{facts.study.seed}."
        )
    if data.cluster is not None:
        told.append(
            f"Units that share a value of {data.cluster} are dependent, and errors are clustered by it."
        )
    told.append(f"The data have the fingerprint {facts.run.data_version}.")
    return " ".join(told)


def labels_line(facts: Facts) -> str:
    """Who is labelled, how they were drawn, by whom."""
    labels, outcome = facts.study.labels, facts.study.outcome
    worth = listed([f"{answer} = {value:g}" for answer, value in outcome.answers.items()])
    drawn = {
        "simple-random": "The study declares the labelled units to be a simple random sample of all units.",
        "known-probability": (
            f"The study declares known probabilities of being labelled (column {labels.probability}), which weigh "
            "the labelled units."
        ),
        "undeclared": "How units were chosen for labelling is not declared.",
    }[labels.design]
    if labels.sample is not None:
        drawn = (
            f"They are a simple random sample of the units, drawn by moored with the seed {facts.study.seed}; "
            "labels of other units, where there are any, were held back."
        )
    return (
        f"{facts.labelled:,} of the {facts.units:,} units carry a human label of {outcome.name} ({worth}), read "
        f"from: {outcome.human.strip()}. {drawn} Who labelled, with which instructions, and how far labellers "
        f"agreed: {UNKNOWN}"
    )


def source_line(facts: Facts, name: str) -> str:
    """What one source is: model, version, task, decoding."""
    recipe = facts.recipes[name]
    if recipe is None:
        return (
            f"Source {name}: the recipe {facts.run.recipes[name]} was written by another version of moored."
        )
    told = [f"Source {name} ({recipe.kind}): the model {model_of(recipe)}"]
    if recipe.write is not None:
        told.append(
            f"wrote a new text from each unit's {listed(list(recipe.conditioning))} alone (prompt "
            f"{recipe.write.name}, version {recipe.write.version}; temperature {recipe.temperature:g}, at most "
            f"{recipe.max_tokens} tokens), and read what it wrote."
        )
    else:
        told.append("read each unit's text.")
    asked = listed([f"{variable} (“{q.ask.strip()}”)" for variable, q in recipe.questions.items()])
    told.append(f"It was asked for {asked} by the prompt {recipe.read.name}, version {recipe.read.version}.")
    told.append(f"{scored(recipe)} The seed is {recipe.seed}.")
    shown = sum(len(question.examples) for question in recipe.questions.values())
    told.append(
        f"{counted(shown, 'example with its answer', 'examples with answers')} stood in the prompt."
        if shown
        else "No examples were shown."
    )
    return " ".join(told)


def model_of(recipe: Recipe) -> str:
    """The model by its name, and by its weights or its address."""
    if recipe.endpoint.startswith("gguf:"):
        weights, _, engine = recipe.endpoint.removeprefix("gguf:").partition("/")
        names = {model.sha256: _named(model) for model in known_models().values()}
        name = names.get(weights, recipe.model)
        return f"{name} (a file of weights, sha256 {weights}, run by {engine} on the user's own machine)"
    return f"{recipe.model} at {recipe.endpoint}"


def _named(model: KnownModel) -> str:
    how = "which comes along with moored" if model.name == EMBEDDED else f"made by {model.maker}"
    return f"{model.title}, {how}"


def scored(recipe: Recipe) -> str:
    """How an answer became a number."""
    if recipe.scoring == "logprobs":
        return (
            "The value of an answer is its expectation over the allowed answers by the model's token "
            "probabilities, at temperature 0."
        )
    if recipe.scoring == "draws":
        return (
            f"The value of an answer is the mean of {recipe.draws} sampled answers at temperature "
            f"{max(recipe.temperature, 0.1):g}."
        )
    return "The value is that of the one answer given, at temperature 0."


def generation_line(facts: Facts) -> str:
    """When the model was used, how often, what failed."""
    rows = facts.generation
    if not rows:
        return "No model was used."
    total, tokens = (
        sum(r["rows"] for r in rows),
        sum(r["prompt_tokens"] + r["completion_tokens"] for r in rows),
    )
    first, last = min(r["first_at"] for r in rows), max(r["last_at"] for r in rows)
    days = listed(list(dict.fromkeys((day_of(first), day_of(last)))))
    kinds: Counter[str] = Counter()
    for failure in facts.failures:
        kinds[f"{failure['source']}, {failure['step']}: {failure['kind']}"] += failure["rows"]
    failed = sum(kinds.values())
    said = "; ".join(f"{kind} {count:,}" for kind, count in kinds.items())
    ends = (
        "None of them failed."
        if not failed
        else (
            f"{failed:,} of them failed or were refused ({said}); such units stay in the data, and give no "
            "information of that source."
        )
    )
    usd = sum(r["usd"] for r in rows)
    return (
        f"The model was used on {days} (UTC): {total:,} generations, {tokens:,} tokens, {usd:.2f} USD by the "
        f"prices that moored knew. {ends}"
    )


def synthetic_line(facts: Facts) -> str:
    """What is synthetic, and where it is used."""
    written = sum(r["ok"] for r in facts.generation if r["step"] == "write")
    what = (
        f"Synthetic are {written:,} texts that the model wrote, and all answers that it gave."
        if written
        else "Synthetic are all answers that the model gave; no text is."
    )
    return (
        f"{what} They are used as auxiliary information only: the human labels alone identify the estimate, no "
        "written text counts as a unit or a participant, and what the model knows of the labels can only change "
        "the precision (Byun et al. 2025)."
    )


def estimator_line(facts: Facts) -> str:
    """The model, the estimator with its reference, the level."""
    fit, family = facts.fit, str(facts.fit.family)
    unit = scale_of(family)
    target = (
        "what all labels of these very units would have given"
        if fit.target == "corpus"
        else "the population that the units are drawn from"
    )
    return (
        f"{facts.study.estimate.formula} was estimated as {MODELS.get(family, family)}, for {target}, over "
        f"{fit.n_total:,} units, {fit.n_labelled:,} of them labelled. The estimator is {fit.estimator}: "
        f"{ESTIMATORS.get(str(fit.estimator), 'the study’s own')}. It was named by a rule before any estimate "
        f"was seen. Intervals are at the level {fit.level:g}."
        + (f" Coefficients are {unit}." if unit else "")
    )


def checks_line(facts: Facts) -> str:
    """How many checks there were and how they went."""
    asked = [check for check in facts.checks if check.observed is not None or not check.passed]
    failed = [check for check in asked if not check.passed]
    names = listed(sorted({str(check.check) for check in failed}))
    silent = len(facts.checks) - len(asked)
    return (
        f"{len(asked)} checks of data, generations and estimates were asked before publication; "
        + (f"{silent} could not be asked; " if silent else "")
        + (f"{len(failed)} did not pass ({names})." if failed else "all passed.")
    )


def software_line(facts: Facts) -> str:
    """Which software made the version, and how to make it again."""
    run = facts.run
    return (
        f"moored {run.code_version}; run {run.run_id}, published on {day_of(run.stored_at)} (UTC) as "
        f"version {run.version}; inputs {run.inputs}. The command moored verify {facts.study.name} --version "
        f"{run.version} computes every number again from the store and compares it bit by bit."
    )


def _row(row: EstimateRow) -> tuple[str, ...]:
    """The row with as many digits as `moored results` prints."""
    places = decimals([asdict(row)])
    estimate, se, lower, upper = (
        minus(number(value, places)) for value in (row.estimate, row.se, row.lower, row.upper)
    )
    return row.term, estimate, se, f"{lower or '−∞'} to {upper or '∞'}", p_value(row.p_value)


def _marks(facts: Facts) -> Iterator[Part]:
    if facts.run.marks or facts.run.override_reason:
        yield Heading(2, "What readers must know")
        override = facts.run.override_reason
        told = [f"Published against a failed critical check, for this reason: {override}"] if override else []
        yield Listing([*told, *map(str, facts.run.marks)])


def _prompts(facts: Facts) -> Iterator[Part]:
    for asked in prompts_of(facts):
        yield Heading(3, f"{asked.source}: {asked.step}")
        yield Paragraph(
            f"Prompt {asked.name}, version {asked.version}, sha256 {asked.sha256}. Decoding: {asked.decoding}."
        )
        for who, said in asked.messages:
            if who != "prompt":
                yield Paragraph(f"{who}:")
            yield Verbatim(said)
