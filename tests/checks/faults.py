"""One fault a check, planted in a clean world."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from checked_worlds import clean, failed_are_marked, study, world

from checks import CheckResult, Evidence, Previous, run_checks
from moored.storage.generations import ServedModel
from moored.study.parts import Covariate

Fault = Callable[[], Evidence]
FAULTS: dict[str, Fault] = {}


def fault(check: str) -> Callable[[Fault], Fault]:
    def keep(plant: Fault) -> Fault:
        assert check not in FAULTS
        FAULTS[check] = plant
        return plant

    return keep


@functools.cache
def outcomes_of(check: str | None) -> tuple[CheckResult, ...]:
    """What the checks say of a check's fault, or of a clean world. Asked once a session."""
    return run_checks(clean() if check is None else FAULTS[check]())


def with_units(evidence: Evidence, rows: Any, **columns: Any) -> Evidence:
    units = evidence.units.copy()
    for column, value in columns.items():
        units.loc[rows, column] = value
    return replace(evidence, units=units)


def with_rows(evidence: Evidence, rows: Any, **columns: Any) -> Evidence:
    generations = evidence.generations.copy()
    for column, value in columns.items():
        generations.loc[rows, column] = value
    return replace(evidence, generations=generations)


def of(evidence: Evidence, source: str, step: str = "read.mood") -> pd.Series:
    return (evidence.generations["source"] == source) & (evidence.generations["step"] == step)


def rebuilt(made: Any, mark: Callable[[pd.DataFrame], pd.DataFrame] = failed_are_marked) -> Evidence:
    generations = mark(made.generations())
    return Evidence(made.study, made.units, generations, made.sample(generations))


# ---- texts ---------------------------------------------------------------------------------------


@fault("ids-present")
def _() -> Evidence:
    # A unit without an id has no generation of its own: it is added to a complete study.
    evidence = clean()
    extra = evidence.units.iloc[[0]].assign(unit_id=None, labelled=False, mood=np.nan)
    units = pd.concat([evidence.units, extra], ignore_index=True)
    return replace(evidence, units=units, generations=evidence.generations, sample=None)


@fault("ids-unique")
def _() -> Evidence:
    evidence = clean()
    extra = evidence.units.iloc[[0]].assign(labelled=False, mood=np.nan)
    return replace(evidence, units=pd.concat([evidence.units, extra], ignore_index=True), sample=None)


@fault("text-present")
def _() -> Evidence:
    return with_units(clean(), [3], text="  ")


@fault("text-length")
def _() -> Evidence:
    return with_units(clean(checks={"text_length": [1, 200]}), [3], text="word " * 100)


@fault("exact-duplicates")
def _() -> Evidence:
    evidence = clean()
    return with_units(evidence, range(20), text=evidence.units["text"][0])


@fault("near-duplicates")
def _() -> Evidence:
    evidence = clean()
    texts = [
        f"{evidence.units['text'][0]} and then the same words again and again, forwarded {i}"
        for i in range(40)
    ]
    return with_units(evidence, range(40), text=texts)


@fault("text-language")
def _() -> Evidence:
    texts = [f"wir haben {i} mal das Haus und die Brücke mit dem Schiff nicht gesehen" for i in range(80)]
    return with_units(clean(), range(0, 400, 5), text=texts)


# ---- labels --------------------------------------------------------------------------------------


@fault("labels-present")
def _() -> Evidence:
    return replace(with_units(clean(), slice(None), labelled=False, mood=np.nan), sample=None)


@fault("labels-enough")
def _() -> Evidence:
    return clean(n=25)


@fault("labels-complete")
def _() -> Evidence:
    evidence = clean()
    return with_units(evidence, evidence.units.index[evidence.units["labelled"]][:2], mood=np.nan)


@fault("covariates-complete")
def _() -> Evidence:
    return with_units(clean(), [5], long=np.nan)


@fault("label-domain")
def _() -> Evidence:
    evidence = clean(estimate={"formula": "mood ~ long", "family": "poisson"})
    return with_units(evidence, evidence.units.index[evidence.units["labelled"]][:1], mood=-1.0)


@fault("label-scale")
def _() -> Evidence:
    evidence = clean()
    return with_units(evidence, evidence.units.index[evidence.units["labelled"]][:1], mood=7.0)


@fault("class-balance")
def _() -> Evidence:
    evidence = clean()
    rows = evidence.units.index[evidence.units["labelled"]]
    return with_units(evidence, rows, mood=[1.0, *[0.0] * (len(rows) - 1)])


@fault("covariates-vary")
def _() -> Evidence:
    return with_units(clean(), slice(None), long=1.0)


@fault("levels-alike")
def _() -> Evidence:
    evidence = clean()
    towns = ["Caf\u00e9"] * 390 + ["Cafe\u0301"] * 4 + ["caf\u00e9 "] * 6
    town = {"name": "town", "column": "town"}
    asked = evidence.study.model_copy(
        update={"covariates": (*evidence.study.covariates, Covariate.model_validate(town))}
    )
    return replace(evidence, study=asked, units=evidence.units.assign(town=towns))


# ---- proxies -------------------------------------------------------------------------------------


@fault("agreement")
def _() -> Evidence:
    made = world()
    made.readings["other"] = np.random.default_rng(5).random(400)
    return rebuilt(made)


@fault("balance")
def _() -> Evidence:
    made = world()
    made.readings["other"] = made.readings["other"] ** 12
    return rebuilt(made)


@fault("sources-differ")
def _() -> Evidence:
    made = world()
    made.readings["other"] = made.readings["proxy"].copy()
    return rebuilt(made)


@fault("values-vary")
def _() -> Evidence:
    made = world()
    made.readings["other"] = np.full(400, 0.5)
    return rebuilt(made)


# ---- synthetic -----------------------------------------------------------------------------------


def written(texts: Callable[[list[str], pd.Series], list[str]]) -> Evidence:
    made = world()
    made.texts["restated"] = texts(made.texts["restated"], made.units["text"])
    return rebuilt(made)


@fault("synthetic-present")
def _() -> Evidence:
    return written(lambda own, _: ["", *own[1:]])


@fault("synthetic-copies")
def _() -> Evidence:
    return written(lambda own, raw: [*raw[:80].str.upper(), *own[80:]])


@fault("synthetic-repeats")
def _() -> Evidence:
    return written(lambda own, _: [own[0]] * 80 + own[80:])


@fault("boilerplate")
def _() -> Evidence:
    return written(lambda own, _: [f"As an AI, I think {text}" for text in own[:40]] + own[40:])


@fault("synthetic-length")
def _() -> Evidence:
    return written(lambda own, _: [text[:10] for text in own])


@fault("synthetic-language")
def _() -> Evidence:
    return written(lambda own, _: [f"das ist {i} und nicht mit dem Schiff" for i in range(80)] + own[80:])


@fault("synthetic-distinct")
def _() -> Evidence:
    return written(lambda own, _: own[:100] * 4)


@fault("synthetic-entropy")
def _() -> Evidence:
    return written(lambda own, _: [" ".join(["very happy"] * 7)] * len(own))


# ---- extraction ----------------------------------------------------------------------------------


@fault("rows-unique")
def _() -> Evidence:
    evidence = clean()
    again = evidence.generations[of(evidence, "proxy")].iloc[[4]]
    return replace(evidence, generations=pd.concat([evidence.generations, again], ignore_index=True))


@fault("rows-known")
def _() -> Evidence:
    evidence = clean()
    stray = evidence.generations.iloc[[0]].assign(unit_id="nobody")
    return replace(evidence, generations=pd.concat([evidence.generations, stray], ignore_index=True))


@fault("rows-current")
def _() -> Evidence:
    return with_rows(clean(), [7], content_hash="of another text")


@fault("rows-ended")
def _() -> Evidence:
    evidence = clean()
    rows = evidence.generations.index[of(evidence, "proxy") & (evidence.generations["status"] == "failed")]
    return with_rows(evidence, rows[:1], status="running")


@fault("values-parsed")
def _() -> Evidence:
    evidence = clean()
    rows = evidence.generations.index[of(evidence, "proxy") & (evidence.generations["status"] == "ok")]
    return with_rows(evidence, rows[:1], value=np.nan)


@fault("values-in-range")
def _() -> Evidence:
    return with_rows(clean(), [7], value=1.5)


@fault("missing-share")
def _() -> Evidence:
    return clean(failing=0.2)


@fault("refused-share")
def _() -> Evidence:
    made = world(failing=0.2)
    refuse = lambda g: failed_are_marked(g).replace({"status": {"failed": "refused"}})  # noqa: E731
    return rebuilt(made, refuse)


@fault("value-drift")
def _() -> Evidence:
    evidence = clean()
    before = evidence.generations[of(evidence, "proxy")][["unit_id", "source", "value"]].assign(
        variable="mood"
    )
    before["value"] = before["value"] ** 4
    return replace(evidence, previous=Previous(1, (), before))


# ---- validity ------------------------------------------------------------------------------------


@fault("one-recipe")
def _() -> Evidence:
    return with_rows(clean(), [7, 8], recipe="yesterday's")


@fault("one-model")
def _() -> Evidence:
    served = [
        ServedModel("proxy", "stub-march", 380, 100, ["u0"]),
        ServedModel("proxy", "stub-june", 20, 0, ["u9"]),
    ]
    return replace(clean(), served=served)


@fault("same-conditioning")
def _() -> Evidence:
    evidence = clean()
    labelled = evidence.generations["unit_id"].isin(evidence.units.loc[evidence.units["labelled"], "unit_id"])
    return with_rows(evidence, of(evidence, "restated", "write") & labelled, conditioning="text, human.mood")


@fault("same-law")
def _() -> Evidence:
    # The synthetic reading follows the proxy where nobody labelled, and only its mean where someone did.
    made = world(T=2000, n=600, failing=0.0)
    rng = np.random.default_rng(2)
    follow = np.clip(made.readings["proxy"] + rng.normal(scale=0.02, size=2000), 0, 1)
    for long in (0, 1):
        rows = np.flatnonzero(made.units["labelled"] & (made.units["long"] == long))
        follow[rows] = rng.permutation(follow[rows])
    made.readings["restated"] = follow
    return rebuilt(made)


@fault("demonstrations-spent")
def _() -> Evidence:
    evidence = clean()
    asks = {"name": "mood", "human": "mood", "ask": "Mood?", "answers": {"bad": 0.0, "good": 1.0}}
    shown = study(outcome=asks | {"examples": [[evidence.units["text"][9].upper() + " ", "good"]]})
    return replace(evidence, study=shown)


@fault("recipes-tried")
def _() -> Evidence:
    return replace(clean(), tried={"proxy": 5})


@fault("failed-rows-kept")
def _() -> Evidence:
    evidence = clean()
    failed = evidence.generations["status"] == "failed"
    return replace(evidence, generations=evidence.generations[~failed])


@fault("failed-without-value")
def _() -> Evidence:
    evidence = clean()
    return with_rows(
        evidence, evidence.generations.index[evidence.generations["status"] == "failed"][:1], value=0.5
    )


@fault("population-kept")
def _() -> Evidence:
    evidence = clean()
    assert evidence.sample is not None
    return replace(evidence, sample=evidence.sample.take(np.arange(1, 400)))


@fault("missing-independent")
def _() -> Evidence:
    made = world(failing=0.0)
    labelled = np.flatnonzero(made.units["labelled"])
    made.readings["proxy"][labelled[::5]] = np.nan
    return rebuilt(made)


@fault("missing-independent-within")
def _() -> Evidence:
    # Labelled units fail where `long` is 1, the others where it is 0: overall as often.
    made = world(T=800, n=400, failing=0.0)
    side = made.units["labelled"] == (made.units["long"] == 1)
    made.readings["proxy"][np.flatnonzero(side)[::5]] = np.nan
    return rebuilt(made)


@fault("j-source")
def _() -> Evidence:
    made = world(T=2000, n=400, failing=0.0)
    labelled = made.units["labelled"].to_numpy()
    made.readings["other"][labelled] = made.readings["other"][labelled] * 0.7 + 0.3
    return rebuilt(made)


@fault("j-overall")
def _() -> Evidence:
    made = world(T=2000, n=400, failing=0.0)
    labelled = made.units["labelled"].to_numpy()
    rng = np.random.default_rng(6)
    for values in made.readings.values():
        values[:] = rng.random(2000) * 0.5
        values[labelled] += values.mean() - values[labelled].mean() + 0.025
    return rebuilt(made)


@fault("label-design")
def _() -> Evidence:
    return clean(labels={"design": "undeclared"})


@fault("label-probabilities")
def _() -> Evidence:
    evidence = clean(labels={"design": "known-probability", "probability": "chance"})
    return with_units(evidence, [3], probability=0.0)


@fault("labels-random")
def _() -> Evidence:
    made = world(T=1000, n=200, failing=0.0)
    rng = np.random.default_rng(4)
    made.units["text"] = [
        f"{text} {'and so on' * int(rng.integers(0, 3) + 3 * labelled)}"
        for text, labelled in zip(made.units["text"], made.units["labelled"], strict=True)
    ]
    return rebuilt(made)


@fault("readings-alike")
def _() -> Evidence:
    # Labelled by the outcome and by a covariate, a little of each: no other test alone is sure of it.
    made, rng = world(seed=2, T=2000, n=600, failing=0.0), np.random.default_rng(52)
    units, score = made.units, sum(made.readings.values())
    chance = np.exp(0.2 * (score - score.mean()) / score.std() + 0.175 * (units["long"] - 0.5))
    labelled = np.isin(np.arange(2000), rng.choice(2000, 600, replace=False, p=chance / chance.sum()))
    mood = (rng.random(2000) < made.readings["proxy"].clip(0, 1)).astype(float)
    units["labelled"], units["mood"] = labelled, np.where(labelled, mood, np.nan)
    return rebuilt(made)
