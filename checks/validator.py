"""Great Expectations: one validation a table, each result turned into an answer."""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from checks.check import MOST_IDS

Expectation = Any
"""A `great_expectations.expectations.Expectation`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one expectation found in its frame."""

    success: bool
    count: int
    """Rows that fail, of `of`; 0 where none does, or where the table as a whole is looked at."""
    of: int
    rows: tuple[Mapping[str, Any], ...]
    """Some of the failing rows: the column looked at and the index column."""
    observed: Any
    error: str | None


def build(expectation: str, arguments: Mapping[str, Any]) -> Expectation:
    """An expectation by its class name."""
    return getattr(_great_expectations().expectations, expectation)(**arguments)


@functools.cache
def _great_expectations() -> Any:
    """The package, imported once and without its chatter: it logs every folder that it makes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations as gx
        import great_expectations.expectations
    for name in ("great_expectations", "great_expectations.data_context.types.base"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return gx


class Validator:
    """One Great Expectations context, through which the tables of a run go one after another."""

    def validate(self, frame: pd.DataFrame, expectations: Sequence[Expectation], index: str) -> list[Verdict]:
        """The answer of each expectation, in their order; the failing rows are named by column `index`."""
        found = self._results(frame, expectations, {"result_format": "BOOLEAN_ONLY"})
        answers = [_answer(result, len(frame)) for result in found]
        # Counts and rows cost a dozen metrics an expectation: they are asked of those that fail.
        failing = [i for i, answer in enumerate(answers) if not answer.success and answer.error is None]
        details = {
            "result_format": "SUMMARY",
            "partial_unexpected_count": MOST_IDS,
            "unexpected_index_column_names": [index],
        }
        again = self._results(frame, [expectations[i] for i in failing], details)
        for i, result in zip(failing, again, strict=True):
            answers[i] = _answer(result, len(frame))
        return answers

    def _results(
        self, frame: pd.DataFrame, expectations: Sequence[Expectation], result_format: Mapping[str, Any]
    ) -> list[Any]:
        if not expectations:
            return []
        batch = self._table.get_batch({"dataframe": frame})
        numbered = [_numbered(expectation, i) for i, expectation in enumerate(expectations)]
        suite = _great_expectations().ExpectationSuite(name="suite", expectations=numbered)
        results = batch.validate(suite, result_format=dict(result_format)).results
        by_order = {result.expectation_config.meta["order"]: result for result in results}
        return [by_order[i] for i in range(len(expectations))]

    @functools.cached_property
    def _table(self) -> Any:
        """Whatever table is handed in. A context takes as long to make as a few expectations to answer."""
        context = _great_expectations().get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        asset = context.data_sources.add_pandas("frame").add_dataframe_asset("frame")
        return asset.add_batch_definition_whole_dataframe("frame")


def _numbered(expectation: Expectation, order: int) -> Expectation:
    # A suite refuses two equal expectations, and returns results in an order of its own.
    return expectation.copy(update={"meta": {**(expectation.meta or {}), "order": order}})


def _answer(result: Any, of: int) -> Verdict:
    details = result.result or {}
    error = _first_message(result.exception_info) if _raised(result.exception_info) else None
    return Verdict(
        success=bool(result.success),
        count=int(details.get("unexpected_count") or 0),
        of=int(details.get("element_count") or of),
        rows=tuple(details.get("partial_unexpected_index_list") or ()),
        observed=_plain(details.get("observed_value")),
        error=error,
    )


def _raised(info: Any) -> bool:
    parts = [info, *(info or {}).values()]
    return any(isinstance(part, dict) and part.get("raised_exception") for part in parts)


def _first_message(info: Mapping[str, Any]) -> str:
    parts = [part for part in (info, *info.values()) if isinstance(part, dict)]
    return next(
        (str(part["exception_message"]) for part in parts if part.get("exception_message")), "it raised"
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
