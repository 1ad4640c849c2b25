"""The suites, in the order in which they run. Each is a table of checks and the measures they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from checks.check import Check, Measure
from checks.suites import extraction, labels, proxies, synthetic, texts, validity
from checks.view import View

BEFORE: Mapping[str, tuple[Check, ...]] = {
    "texts": texts.CHECKS,
    "labels": labels.CHECKS,
    "proxies": proxies.CHECKS,
    "synthetic": synthetic.CHECKS,
    "extraction": extraction.CHECKS,
    "validity": validity.CHECKS,
}
"""What is asked before estimation."""

MEASURES: tuple[Callable[[View], Iterable[Measure]], ...] = (
    texts.measures,
    labels.measures,
    proxies.measures,
    synthetic.measures,
    extraction.measures,
    validity.measures,
)
