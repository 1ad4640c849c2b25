"""Whether a run has anything to do, decided from the store: nothing is sent or written."""

from __future__ import annotations

from moored.llm.plan import NeverAsks
from moored.run.examples import picked_line
from moored.run.plan import Data, RunPlan, recipes_of
from moored.run.record import Report, run_row
from moored.run.refusals import refuse_failures
from moored.run.run import Run
from moored.storage.generations import source_states
from moored.storage.ingest import Units
from moored.storage.journal import Journal
from moored.storage.published import StoredRun
from moored.storage.results import latest_run, newest_version
from moored.storage.warehouse import Warehouse, open_store
from moored.study import Study


def data_of(study: Study, units: Units) -> Data:
    """What a run keeps of the units that were read."""
    return Data(units.version, units.shown_units, picked_line(study, units), units.notes)


def same_work(run: Run) -> bool:
    """Whether a published version is of the same study and code, so that the data decide."""
    with open_store(run.settings.store) as store:
        return any(
            (version.study_fingerprint, version.code_version) == (run.study.fingerprint, run.code_version)
            for version in _versions(store, run.study.name)
        )


def find_unchanged(run: Run, units: Units) -> tuple[RunPlan, Report] | None:
    """The plan and the report of a run that would find nothing to do; None where it may find something.

    Errors: `TooManyFailures`, those of `recipes_of`.
    """
    study, data = run.study, data_of(run.study, units)
    with open_store(run.settings.store) as store:
        if all(version.data_version != data.version for version in _versions(store, study.name)):
            return None
        with Journal(run.settings.journal, study.name) as journal:
            known = NeverAsks(journal)
            plan = RunPlan(data, recipes_of(run, known))
        if known.assumed:
            return None
        states = source_states(store, study.name, data.version, plan.planned)
        if any(state.missing for state in states):
            return None
        refuse_failures(study, states, ())
        report = unchanged_report(store, run, plan)
    return None if report is None else (plan, report)


def unchanged_report(store: Warehouse, run: Run, plan: RunPlan) -> Report | None:
    """Of the latest or the newest version, if nothing that it was computed from has changed.

    After a rollback they differ: a run on the newest version's inputs does not undo it.
    """
    inputs = run_row(store, run, plan).inputs.fingerprint
    versions = _versions(store, run.study.name)
    for version in versions:
        if version.version is not None and version.inputs == inputs:
            return Report(
                run.study.name,
                version.version,
                version.run_id,
                changed=False,
                latest=versions[0].version,
            )
    return None


def _versions(store: Warehouse, study: str) -> list[StoredRun]:
    """The latest version, then the newest."""
    latest, newest = latest_run(store, study), newest_version(store, study)
    return [version for version in (latest, newest) if version is not None and latest is not None]
