"""Prometheus metrics, read from the store: a file for the textfile collector, or an endpoint."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import get_args

from prometheus_client import CollectorRegistry, start_http_server, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from moored.errors import MooredError
from moored.monitor.logs import LOGGER
from moored.storage.events import GenerationTotal, RunEnding, StudyOutcome, generation_totals, study_outcomes
from moored.storage.warehouse import open_store

_PATIENCE_S = 2.0
"""For a run that holds the store: less than a scrape's patience."""


class StoreCollector(Collector):
    """All studies of one store. While a run holds the store, the last values that could be read."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._last: tuple[list[StudyOutcome], list[GenerationTotal]] = ([], [])

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering reads no store."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Read the store and give the metrics."""
        readable = GaugeMetricFamily("moored_store_readable", "1 where the store could be read just now")
        try:
            with open_store(self._store, patience_s=_PATIENCE_S) as store:
                self._last = study_outcomes(store), generation_totals(store)
            readable.add_metric([], 1)
        except MooredError:
            readable.add_metric([], 0)
        yield readable
        studies, totals = self._last
        yield from _outcomes(studies)
        yield from _totals(totals)


def write_metrics(file: Path, store: Path) -> None:
    """Write the metrics of a store into a file, all of it or nothing. Errors: `OSError`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(file), _registry(store))


def serve_metrics(port: int, store: Path, address: str = "127.0.0.1") -> None:
    """Answer scrapes on `http://<address>:<port>/metrics`, from threads of this process."""
    start_http_server(port, addr=address, registry=_registry(store))
    LOGGER.info("metrics on http://%s:%d/metrics", address, port)


def _registry(store: Path) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(StoreCollector(store))
    return registry


def _outcomes(studies: list[StudyOutcome]) -> Iterator[Metric]:
    version = GaugeMetricFamily("moored_latest_version", "The latest version", labels=["study"])
    published = GaugeMetricFamily(
        "moored_latest_version_timestamp_seconds", "When it was published", labels=["study"]
    )
    age = GaugeMetricFamily(
        "moored_latest_version_age_seconds", "Its age when this was read", labels=["study"]
    )
    outcome = GaugeMetricFamily(
        "moored_last_run_outcome", "1 for how the last run ended", labels=["study", "outcome"]
    )
    ended = GaugeMetricFamily(
        "moored_last_run_timestamp_seconds", "When the last run ended", labels=["study"]
    )
    well = GaugeMetricFamily(
        "moored_last_good_run_timestamp_seconds",
        "When a run last published, or found nothing changed",
        labels=["study"],
    )
    for row in studies:
        name = [row.study]
        if row.version is not None and row.published_at is not None:
            version.add_metric(name, row.version)
            age.add_metric(name, time.time() - row.published_at.timestamp())
        _add_time(published, name, row.published_at)
        _add_time(ended, name, row.ended_at)
        _add_time(well, name, row.ended_well_at)
        if row.outcome is not None:
            for known in get_args(RunEnding):
                outcome.add_metric([*name, known], float(row.outcome == known))
    yield from (version, published, age, outcome, ended, well)


def _totals(totals: list[GenerationTotal]) -> Iterator[Metric]:
    rows = CounterMetricFamily(
        "moored_generations", "Generation rows by how they ended", labels=["study", "source", "status"]
    )
    failures = CounterMetricFamily(
        "moored_generation_failures", "Rows that are not ok, by kind", labels=["study", "source", "kind"]
    )
    tokens = CounterMetricFamily(
        "moored_tokens", "Tokens sent and received", labels=["study", "source", "direction"]
    )
    usd = CounterMetricFamily("moored_cost_usd", "Cost of the calls, in USD", labels=["study", "source"])
    latency = SummaryMetricFamily(
        "moored_generation_latency_seconds",
        "Seconds of the generations that were sent",
        labels=["study", "source"],
    )
    for name, count in _sums(totals, ("study", "source", "status"), "rows"):
        rows.add_metric(name, count)
    for name, count in _sums(
        [row for row in totals if row.status != "ok"], ("study", "source", "kind"), "rows"
    ):
        failures.add_metric(name, count)
    source = ("study", "source")
    for direction, column in (("prompt", "prompt_tokens"), ("completion", "completion_tokens")):
        for name, count in _sums(totals, source, column):
            tokens.add_metric([*name, direction], count)
    for name, amount in _sums(totals, source, "usd"):
        usd.add_metric(name, amount)
    seconds = dict(_sums(totals, source, "latency_s"))
    for name, count in _sums(totals, source, "sent"):
        latency.add_metric(name, int(count), seconds[name])
    yield from (rows, failures, tokens, usd, latency)


def _sums(
    rows: list[GenerationTotal], by: tuple[str, ...], column: str
) -> list[tuple[tuple[str, ...], float]]:
    sums: dict[tuple[str, ...], float] = {}
    for row in rows:
        key = tuple(str(getattr(row, name)) for name in by)
        sums[key] = sums.get(key, 0.0) + float(getattr(row, column))
    return list(sums.items())


def _add_time(metric: GaugeMetricFamily, name: list[str], moment: datetime | None) -> None:
    if moment is not None:
        metric.add_metric(name, moment.timestamp())


def write_metrics_or_warn(file: Path, store: Path) -> None:
    """The same for a run that has ended: what goes wrong is a warning."""
    try:
        write_metrics(file, store)
    except (OSError, MooredError) as error:
        LOGGER.log(logging.WARNING, "the metrics could not be written to %s: %s", file, error)
