"""Great Expectations: one validation a frame, each result turned into an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from checks.check import MOST_IDS

Expectation = Any
"""A `great_expectations.expectations.Expectation`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one expectation found in its frame."""

    success: bool
    count: int
    """Rows that fail, of `of`; 0 for an expectation of the table as a whole."""
    of: int
    rows: tuple[Mapping[str, Any], ...]
    """Some of the failing rows: the column looked at and the index column."""
    observed: Any
    error: str | None


def build(expectation: str, arguments: Mapping[str, Any]) -> Expectation:
    """An expectation by its class name."""
    import great_expectations.expectations as gxe

    return getattr(gxe, expectation)(**arguments)


def validate(frame: pd.DataFrame, expectations: Sequence[Expectation], index: str) -> list[Answer]:
    """The answer of each expectation, in their order; the failing rows are named by column `index`."""
    import great_expectations as gx

    if not expectations:
        return []
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = context.data_sources.add_pandas("frame").add_dataframe_asset("frame")
    definition = batch.add_batch_definition_whole_dataframe("frame")
    numbered = [_numbered(expectation, i) for i, expectation in enumerate(expectations)]
    suite = context.suites.add(gx.ExpectationSuite(name="suite", expectations=numbered))
    validation = gx.ValidationDefinition(name="validation", data=definition, suite=suite)
    found = context.validation_definitions.add(validation).run(
        batch_parameters={"dataframe": frame},
        result_format={
            "result_format": "SUMMARY",
            "partial_unexpected_count": MOST_IDS,
            "unexpected_index_column_names": [index],
        },
    )
    answers = {result.expectation_config.meta["order"]: _answer(result) for result in found.results}
    return [answers[i] for i in range(len(expectations))]


def _numbered(expectation: Expectation, order: int) -> Expectation:
    # A suite refuses two equal expectations, and returns results in an order of its own.
    return expectation.copy(update={"meta": {**(expectation.meta or {}), "order": order}})


def _answer(result: Any) -> Answer:
    details = result.result or {}
    error = None
    if (result.exception_info or {}).get("raised_exception", False) or _raised(result.exception_info):
        error = _first_message(result.exception_info)
    return Answer(
        success=bool(result.success),
        count=int(details.get("unexpected_count") or 0),
        of=int(details.get("element_count") or 0),
        rows=tuple(details.get("partial_unexpected_index_list") or ()),
        observed=_plain(details.get("observed_value")),
        error=error,
    )


def _raised(info: Any) -> bool:
    return any(isinstance(part, dict) and part.get("raised_exception") for part in (info or {}).values())


def _first_message(info: Mapping[str, Any]) -> str:
    if info.get("exception_message"):
        return str(info["exception_message"])
    parts = [part for part in info.values() if isinstance(part, dict)]
    return str(
        next((part["exception_message"] for part in parts if part.get("exception_message")), "it raised")
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
