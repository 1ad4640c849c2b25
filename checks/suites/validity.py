"""The eight validity rules (docs/method.md section 5): what the algebra of the estimators needs.

Rules 1 to 7 are asked before estimation; rule 8 needs the estimates and stands in the suite `results`, its
part about readings in `extraction` (value-drift).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from checks.check import MOST_IDS, Check, Measure, at_least, at_most
from checks.suites.same_law import measures as test_measures
from checks.textprints import Texts, alike
from checks.view import View
from moored.plaintext import counted

LONG_ENOUGH = 20
"""Characters from which a nearly equal text counts as the demonstration itself."""

NOT_ALIKE = (
    "labelled units are no random sample, or rule 1, 2 or 3 was broken: find out which, then label or "
    "regenerate anew"
)

MOST_TRIED = 2
"""Recipes of a source on the same labels: with more, one was perhaps chosen by its agreement with them."""

TEST = "alpha_each"
"""The derived threshold of one test: checks.alpha over the number of tests of the run."""


def _never(name: str, what: str, remedy: str, allowed: str = "none") -> Check:
    arguments = {"column": name, "max_value": 0}
    expectation = "ExpectColumnValuesToBeBetween"
    return Check(name, "critical", "measures", expectation, arguments, what, allowed, remedy)


def _test(name: str, what: str, remedy: str) -> Check:
    return at_least(name, TEST, what, remedy, severity="critical", allowed="at least {alpha_each:.2g}")


CHECKS: tuple[Check, ...] = (
    _never(
        "one-recipe",
        "rule 1: units whose generation has another recipe than the rest of its source",
        "regenerate them with today's recipe: two recipes are two laws",
    ),
    Check(
        "one-model",
        "warning",
        "measures",
        "ExpectColumnValuesToBeBetween",
        {"column": "one-model", "max_value": 0},
        "rule 1: units whose replies name another model than most of their source",
        "none",
        "what answers under the name in `model.name` has changed: name one dated model there, which then reads "
        "every unit",
    ),
    _never(
        "same-conditioning",
        "rule 2: units whose text was written from other inputs than the rest of its source",
        "condition on what every unit has (its text, the model's own reading, a rule), and regenerate",
    ),
    _test(
        "same-law",
        "rule 2: the least p-value of labelled and unlabelled units relating to the sources alike",
        "look for a prompt, example or input that labelled units had and others had not, and regenerate",
    ),
    _never(
        "demonstrations-spent",
        "rule 3: units whose text is an example in a prompt",
        "take those units out of the study's data, or choose examples from elsewhere",
    ),
    Check(
        "recipes-tried",
        "warning",
        "measures",
        "ExpectColumnValuesToBeBetween",
        {"column": "recipes-tried", "max_value": MOST_TRIED},
        "rule 3: recipes of a source that were tried on the same labels",
        f"at most {MOST_TRIED}",
        "if one was chosen since it agreed best with these labels, intervals are too narrow: choose prompts on "
        "texts that are not in the study",
    ),
    _never(
        "failed-rows-kept",
        "rule 4: units without a row in every step of every source",
        "finish the source (a failed generation keeps its row, with status failed): "
        "dropping units changes the population",
    ),
    _never(
        "failed-without-value",
        "rule 4: units whose failed generation carries a value",
        "empty the value, or mark the generation ok: the rule must be the same on both sides",
    ),
    _never(
        "population-kept",
        "rule 4: units in which the sample to be estimated differs from the data",
        "build the sample from every unit, in their order",
    ),
    _test(
        "missing-independent",
        "rule 5: the p-value of a missing answer being independent of the label (Fisher's exact test)",
        "finish or rerun the failed generations first",
    ),
    _test(
        "missing-independent-within",
        "rule 5: the p-value of the same within a group of units",
        "finish or rerun the failed generations first",
    ),
    _test(
        "j-source",
        "rule 6: the p-value of the labelled units' mean moments being everybody's (Hansen's J, one source)",
        NOT_ALIKE,
    ),
    _test(
        "j-overall",
        "rule 6: the p-value of the same for all sources together (Hansen's J)",
        NOT_ALIKE,
    ),
    at_most(
        "label-design",
        "nothing",
        "rule 7: labelling designs that the study does not declare",
        'say how units were chosen: labels.design = "simple-random" or "known-probability"',
        allowed="none",
    ),
    _never(
        "label-probabilities",
        "rule 7: units without a labelling probability above 0 and at most 1",
        "complete the column labels.probability: a unit that could not be labelled cannot be spoken for",
    ),
    _test(
        "labels-random",
        "rule 7: the p-value of labelled and unlabelled units being alike in what is known of all",
        "say how units were chosen (known probabilities), or draw the labelled units at random",
    ),
    _test(
        "readings-alike",
        "rule 7: the p-value of labelled and unlabelled units being alike in readings and covariates together",
        "label units at random, or with known probabilities: being labelled goes with the outcome or a covariate",
    ),
)


def measures(view: View) -> Iterator[Measure]:
    """Every rule's statistic."""
    yield from _recipes(view)
    yield from _served(view)
    yield from _conditioning(view)
    yield from demonstrations(view)
    yield from _tried(view)
    yield from _kept(view)
    yield from labelling(view)
    yield from test_measures(view)


def _recipes(view: View) -> Iterator[Measure]:
    recipe = view.evidence.generations["recipe"]
    for g, (source, step) in enumerate(view.steps):
        rows = view.known & (view.step_codes == g)
        codes, names = pd.factorize(recipe[rows])
        if not len(names):
            continue
        odd = np.unique(view.unit_codes[rows][codes != np.bincount(codes[codes >= 0]).argmax()])
        note = f"{len(names)} recipes" if len(names) > 1 else ""
        yield Measure("one-recipe", f"{source}: {step}", len(odd), view.ids(odd), note)


def _served(view: View) -> Iterator[Measure]:
    """Rule 1: whether one model answered, where the replies say which one did."""
    for source in view.study.sources:
        models = [model for model in view.evidence.served if model.source == source.name]
        if not models:
            yield Measure("one-model", source.name, float("nan"), note="the replies name no model")
            continue
        others = models[1:]
        told = "; ".join(
            f"{m.model}: {counted(m.units, 'unit')}, {m.labelled} of them labelled" for m in models[:4]
        )
        ids = tuple(unit for model in others for unit in model.unit_ids)[:MOST_IDS]
        units = sum(model.units for model in others)
        yield Measure("one-model", source.name, units, ids, told if others else "")


def _conditioning(view: View) -> Iterator[Measure]:
    generations = view.evidence.generations
    recorded = "conditioning" in generations
    for source in view.study.sources:
        if source.kind != "synthetic":
            continue
        rows = view.known & (view.step_codes == view.steps.index((source.name, "write")))
        if not recorded or not generations.loc[rows, "conditioning"].notna().any():
            yield Measure("same-conditioning", source.name, float("nan"), note="inputs not recorded")
            continue
        inputs = generations.loc[rows, "conditioning"].astype("str").fillna("nothing recorded")
        human = inputs.str.contains(r"\bhuman\.", regex=True).to_numpy()
        codes, names = pd.factorize(inputs)
        odd = human | (codes != np.bincount(codes).argmax())
        units = np.unique(view.unit_codes[rows][odd])
        note = "inputs are " + " or ".join(f"`{name}`" for name in names[:4])
        yield Measure("same-conditioning", source.name, len(units), view.ids(units), note)


def demonstrations(view: View) -> Iterator[Measure]:
    """Rule 3: units whose text is an example in a prompt."""
    examples = Texts([text for question in view.study.questions.values() for text, _ in question.examples])
    if not len(examples):
        yield Measure("demonstrations-spent", "examples", 0, note="the study shows the model no examples")
        return
    spent = np.isin(view.raw_texts.keys, examples.keys)
    long = view.raw_texts.lengths >= LONG_ENOUGH
    for minima in examples.prints[examples.lengths >= LONG_ENOUGH]:
        spent |= long & alike(view.raw_texts.prints, minima[None, :])
    yield Measure("demonstrations-spent", "examples", int(spent.sum()), view.ids(spent))


def _tried(view: View) -> Iterator[Measure]:
    """Rule 3: how many recipes were tried on these labels."""
    if not view.evidence.tried:
        yield Measure("recipes-tried", "sources", float("nan"), note="earlier runs are not known")
    for source, recipes in view.evidence.tried.items():
        yield Measure("recipes-tried", source, recipes)


def _kept(view: View) -> Iterator[Measure]:
    for source in view.study.sources:
        steps = view.steps_of(source.name)
        lacking = (view.rows[:, steps] < view.draws[steps]) & view.identified[:, None]
        if source.kind == "synthetic":
            # A text that was never written is not read: its reading needs no row.
            lacking[:, 1:] &= (view.answered[:, steps[0]] > 0)[:, None]
        units = np.asarray(lacking.any(axis=1), dtype=np.bool_)
        yield Measure("failed-rows-kept", source.name, int(units.sum()), view.ids(units))
    generations = view.evidence.generations
    valued = view.known & ~view.ok_rows & generations["value"].notna().to_numpy()
    units_with = np.unique(view.unit_codes[valued])
    yield Measure("failed-without-value", "generations", len(units_with), view.ids(units_with))
    yield from _population(view)


def _population(view: View) -> Iterator[Measure]:
    sample = view.evidence.sample
    if sample is None:
        yield Measure("population-kept", "sample", float("nan"), note="no sample was given")
        return
    if len(sample.labelled) != view.T:
        note = f"the sample has {len(sample.labelled)} units, the data {view.T}"
        yield Measure("population-kept", "sample", abs(len(sample.labelled) - view.T), note=note)
        return
    differ = np.asarray(sample.labelled) != view.labelled
    yield Measure("population-kept", "labelled", int(differ.sum()), view.ids(differ))
    ruled = any(covariate.rule is not None for covariate in view.study.covariates)
    for source in sample.sources:
        if source.name in {name for name, _ in view.steps} and source.observed is not None:
            observed, missing = np.asarray(source.observed), view.missing(source.name)
            # A rule may have no answer for a text that was read well: such a unit is not observed, on both sides.
            units = observed & missing if ruled else observed == missing
            yield Measure("population-kept", source.name, int(units.sum()), view.ids(units))


def labelling(view: View) -> Iterator[Measure]:
    """Rule 7: is the labelling declared, and are its probabilities there?"""
    design = view.study.labels.design
    undeclared = int(design == "undeclared")
    yield Measure("label-design", "labels", undeclared, note=f"the study says {design}")
    if design != "known-probability":
        yield Measure("label-probabilities", "labels", 0, note="every unit was as likely")
        return
    probability = view.units["probability"].to_numpy(dtype=np.float64)
    bad = ~((probability > 0) & (probability <= 1))
    yield Measure("label-probabilities", "labels", int(bad.sum()), view.ids(bad))
