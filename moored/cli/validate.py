"""`moored validate`: whether a study would run, found out before anything is spent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moored.cli.render import print_json, say
from moored.cli.studies import JsonOption, StudyArgument
from moored.settings import Settings, read_settings

if TYPE_CHECKING:
    from moored.storage.ingest import Units
    from moored.study import Study


def validate_command(study: StudyArgument, json: JsonOption = False) -> None:
    """Check the file, the data, the columns and the endpoint of a study before anything is spent."""
    from moored.storage.studies import find_study

    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        if not json:
            say(line)

    settings = read_settings()
    loaded, folder = find_study(study, settings.store)
    units = check_study(loaded, folder, settings, tell).frame
    if json:
        print_json(
            {
                "study": loaded.name,
                "fingerprint": loaded.fingerprint,
                "units": len(units),
                "labelled": int(units["labelled"].sum()),
                "lines": lines,
            }
        )


def check_study(study: Study, folder: Path, settings: Settings, tell: Callable[[str], object]) -> Units:
    """Look at everything that a run needs, and tell what was found. Errors: those that the run would end with."""
    from moored.llm.recipe_builder import refuse_too_many_answers
    from moored.run.plan import units_of
    from moored.run.trial import try_models
    from moored.storage.place import refuse_unwritable
    from moored.storage.run_lock import refuse_busy

    refuse_too_many_answers(study)
    lock = settings.run_lock(study.name)
    refuse_unwritable(settings.store, settings.journal, lock)
    refuse_busy(lock, study.name)
    tell(f"study: {study.name} reads well ({study.fingerprint[:16]})")
    data = units_of(study, folder, settings)
    for line in _data_lines(study, data):
        tell(line)
    for line in data_checks(settings).refuse_before_asking(study, data.frame, folder):
        tell(f"checks: {line}")
    _read_expectations(study, folder, settings, tell)
    for line in _fetch_lines(study, settings):
        tell(line)
    for line in try_models(study, folder, settings, data.frame):
        tell(f"model: {line}")
    tell("everything that a run needs is there")
    return data


def data_checks(settings: Settings) -> Any:
    """The module `checks.before`, which lies in the pipeline's folder."""
    import importlib

    from moored.cli.pipeline import pipeline_environment

    pipeline_environment(settings)
    return importlib.import_module("checks.before")


def _read_expectations(study: Study, folder: Path, settings: Settings, tell: Callable[[str], object]) -> None:
    """Only the pipeline may load Great Expectations."""
    if study.checks.expectations is None:
        return
    from moored.cli.pipeline import run_flow

    parameters = {"study": study, "folder": str(folder)}
    run_flow(settings, "flows/expectations.py:custom_expectations", parameters)
    tell(f"expectations: {study.checks.expectations} reads well")


def _fetch_lines(study: Study, settings: Settings) -> Iterator[str]:
    """What is about to be fetched: a command that is silent for so long looks broken."""
    from moored.fetch.models import EMBEDDED, known_model
    from moored.fetch.obtain import has_size
    from moored.fetch.space import in_words

    if any(study.model_of(source).name == EMBEDDED for source in study.sources):
        model = known_model(EMBEDDED)
        if not has_size(model, settings.cache):
            yield f"model: fetching {model.title} ({in_words(model.size)}), once"


def _data_lines(study: Study, data: Units) -> Iterator[str]:
    """What was read of the table: counts, columns, and what left the data."""
    from moored.run.examples import picked_line
    from moored.run.plan import shown_line

    units = data.frame
    yield f"data: {len(units)} units, {int(units['labelled'].sum())} labelled, labels {study.labels.design}"
    yield from (f"read: {line}" for line in data.reading.lines)
    if data.shown_units:
        yield f"data: {shown_line(data.shown_units)}"
    if picked := picked_line(study, data):
        yield f"data: {picked}"
    yield from (f"data: {note}" for note in data.notes)
