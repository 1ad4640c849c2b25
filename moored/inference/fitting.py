"""The front door: a data frame, a formula, a fit."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from reprlib import repr as shortened
from typing import TYPE_CHECKING, Any

from moored.errors import ColumnMissing, DataInvalid
from moored.inference.alarms import alarms
from moored.inference.data import Sample
from moored.inference.estimators import ESTIMATORS
from moored.inference.formula import Columns, sample_from_frame
from moored.inference.formulas.cells import missing_cells
from moored.inference.formulas.grammar import read_formula
from moored.inference.formulas.table import as_pandas
from moored.inference.headline import headline
from moored.inference.laws import Alternative
from moored.inference.moments import Moments
from moored.inference.results import Fit, Target
from moored.plaintext import meant
from moored.reader.levels import stated_level

if TYPE_CHECKING:
    import pandas as pd

Sources = str | Sequence[str] | Mapping[str, str]


def fit(
    data: Any,
    formula: str,
    *,
    labelled: str | None = None,
    sources: Sources = (),
    family: str | Moments = "ols",
    estimator: str | None = None,
    weights: str | None = None,
    probability: str | None = None,
    cluster: str | None = None,
    strata: str | None = None,
    missing: str = "refuse",
    level: float = 0.95,
    alternative: Alternative = "two-sided",
    target: Target = "population",
) -> Fit:
    """Estimate from a table with few human labels and many model outputs.

    Parameters
    ----------
    data
        A data frame of pandas, polars or pyarrow, or a dict of columns; T rows, one per unit.
    formula
        "y ~ x + C(group)" over the human columns (docs/formulas.md).
    labelled
        The column that is 1 or true where a human labelled; None: where the outcome has a value.
    sources
        The model's outputs. A column's name stands for the human formula with that column as its outcome;
        several are a list; a dict gives each a name, and a column or a formula of its own, such as
        {"gpt": "gpt_y ~ gpt_x"}. A name that starts with "syn" is a synthetic source, any other a proxy;
        "name:synthetic" and "name:proxy" say so outright. None of them: the labels alone.
    family
        "mean", "ols", "logit", "poisson", "quantile:TAU", "multinomial:CLASSES", or your own moments.
    estimator
        A name of `ESTIMATORS`; None: the headline, by the rule of `moored.inference.headline`.
    weights, probability
        The column of inverse labelling probabilities, or of the probabilities.
    cluster, strata
        The column of groups whose units depend, or of strata within which units were drawn.
    missing
        "refuse" a labelled unit that lacks a value, or "drop" it.
    level, alternative, target
        Of the intervals, as in the estimators.

    Returns
    -------
    Fit
        Its warnings say, among others, where labelled and unlabelled units differ (docs/estimators.md).

    Raises
    ------
    ColumnMissing, DataInvalid, NoLabels
        The table or an argument. EstimationError : the numbers.

    Example
    -------
    >>> import moored, numpy as np
    >>> rng = np.random.default_rng(1)
    >>> truth = rng.normal(size=400)
    >>> table = {"y": np.where(np.arange(400) < 60, truth, np.nan), "gpt": truth + rng.normal(size=400) / 2}
    >>> found = moored.fit(table, "y ~ 1", sources="gpt", family="mean")
    >>> bool(found.bse["Intercept"] < moored.fit(table, "y ~ 1", family="mean").bse["Intercept"])
    True
    """
    frame = as_pandas(data).reset_index(drop=True)
    _refuse_plain(formula, sources)
    _refuse_no_text(
        frame,
        labelled=labelled,
        estimator=estimator,
        weights=weights,
        probability=probability,
        cluster=cluster,
        strata=strata,
    )
    named = _sources(frame, formula, sources)
    frame, marked = (frame, labelled) if labelled is not None else _marked(frame, formula)
    columns = Columns(formula, marked, named, weights, probability, cluster, strata, missing)
    sample = sample_from_frame(frame, columns)
    name = estimator or _headline(sample, family)
    if name not in ESTIMATORS:
        raise DataInvalid(f"No estimator is called {name!r}; choose from {', '.join(ESTIMATORS)}.")
    options: dict[str, Any] = {"level": stated_level(level), "alternative": alternative}
    if target != "population":  # an estimator of the user's own need not know of it
        options["target"] = target
    found = ESTIMATORS[name](sample, family, **options)
    warnings = tuple(dict.fromkeys((*found.warnings, *alarms(sample, family))))
    return replace(found, formula=formula, warnings=warnings)


def _refuse_plain(formula: Any, sources: Any) -> None:
    if not isinstance(formula, str):
        raise DataInvalid(f'The formula came as {type(formula).__name__}; write it as text, such as "y ~ x".')
    if not isinstance(sources, str | Mapping | Sequence):
        raise DataInvalid(
            f"The sources came as {type(sources).__name__}; name a column, a list of columns, or a dict such as "
            'sources={"gpt": "gpt_y ~ gpt_x"}.'
        )


def _refuse_no_text(frame: pd.DataFrame, **given: Any) -> None:
    """Refuse values where a name belongs: a name of columns that are no text is one, too."""
    for argument, said in given.items():
        if said is None or isinstance(said, str) or (isinstance(said, Hashable) and said in frame.columns):
            continue
        raise DataInvalid(
            f"{argument} came as {type(said).__name__}; give a name, as text"
            + ("." if argument == "estimator" else ", of a column that the table has.")
        )


def _marked(frame: pd.DataFrame, formula: str) -> tuple[pd.DataFrame, str]:
    """The table with a column that says where the outcome has a value, and its name."""
    outcome = _outcome(formula)
    _refuse_absent(frame, outcome, "The formula")
    name = "labelled"
    while name in frame.columns:
        name += "_"
    there = [~missing_cells(frame[column]) for column in outcome]
    return frame.assign(**{name: [all(row) for row in zip(*there, strict=True)]}), name


def _sources(frame: pd.DataFrame, formula: str, sources: Sources) -> dict[str, str]:
    """Name -> formula of each source."""
    given: dict[str, str] = {}
    pairs = (
        sources.items()
        if isinstance(sources, Mapping)
        else [(_name(text), text) for text in _listed(sources)]
    )
    for name, said in pairs:
        if not isinstance(name, str) or not isinstance(said, str):
            raise DataInvalid(
                f"The source {shortened(name)} came as {shortened(said)}; give a column's name or a formula, as "
                "text."
            )
        if name in given:
            raise DataInvalid(f"Two sources share the name {name!r}; give each its own in a dict.")
        given[name] = said if "~" in said and said not in frame.columns else _over(frame, said, formula)
    return given


def _listed(sources: str | Sequence[Any]) -> list[Any]:
    return [sources] if isinstance(sources, str) else list(sources)


def _name(text: Any) -> Any:
    return text.partition("~")[0].strip(" `") if isinstance(text, str) else text


def _over(frame: pd.DataFrame, column: str, formula: str) -> str:
    """The human formula with a column of the model's in the place of the outcome's: log(y) ~ x is log(gpt) ~ x."""
    _refuse_absent(frame, [column], "A source")
    names = set(_outcome(formula))
    if len(names) != 1:
        raise DataInvalid(
            f"The outcome of {formula!r} is made of several columns, so the source {column!r} needs a formula of "
            "its own; write it in a dict."
        )
    name = re.escape(names.pop())
    if "`" in column or not column:
        raise DataInvalid(
            f"The source's column is called {column!r}, which no formula can name; rename the column."
        )
    quoted = column if column.isidentifier() else f"`{column}`"
    outcome, _, covariates = formula.partition("~")
    outcome = re.sub(rf"`{name}`|(?<![\w`]){name}(?![\w`])", lambda _: quoted, outcome)
    return f"{outcome.strip()} ~ {covariates.strip()}"


def _outcome(formula: str) -> list[str]:
    """The columns that the left side of the formula is made of."""
    reading = read_formula("the formula", formula)
    return [name for factor in reading.outcome for name in reading.codes[factor].variables]


def _refuse_absent(frame: pd.DataFrame, names: Sequence[str], who: str) -> None:
    for name in names:
        if name not in frame.columns:
            known = ", ".join(map(str, frame.columns))
            raise ColumnMissing(
                f"{who} names the column {name!r}{meant(name, frame.columns)}; the table has {known}."
            )


def _headline(sample: Sample, family: str | Moments) -> str:
    synthetic = any(source.kind == "synthetic" for source in sample.sources)
    return headline(family, len(sample.sources), synthetic=synthetic)
