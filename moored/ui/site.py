"""The pages of the site by their path: the same for the server and for files.

index.html                 every study
STUDY/index.html           versions, how far it is, what failed, how runs ended
STUDY/version-N.html       the report of a version
STUDY/diff-A-B.html        what changed from version A to version B
STUDY/units-N-P.html       the units of version N side by side, a hundred a page
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from moored.errors import NotStored
from moored.report.changes import changes_of
from moored.report.examples import examples_of
from moored.report.facts import facts_of, surroundings_of
from moored.report.page import asset, environment, report_page, script_hash, script_of
from moored.run.readings import gather_version
from moored.settings import Settings
from moored.storage.events import run_endings, study_outcomes
from moored.storage.results import find_run, history, latest_run
from moored.storage.studies import refuse_unknown, study_of_run
from moored.storage.warehouse import Warehouse, open_store
from moored.ui.live import progress_of
from moored.versions.diff import diff_versions

UNITS_A_PAGE = 100
MOST_UNIT_PAGES = 20
"""Pages of units that are written as files; the server has them all."""
_PATHS = {
    "overview": re.compile(r"index\.html"),
    "study": re.compile(r"(?P<study>[a-z0-9][a-z0-9_-]*)/index\.html"),
    "version": re.compile(r"(?P<study>[a-z0-9][a-z0-9_-]*)/version-(?P<a>\d{1,9})\.html"),
    "diff": re.compile(r"(?P<study>[a-z0-9][a-z0-9_-]*)/diff-(?P<a>\d{1,9})-(?P<b>\d{1,9})\.html"),
    "units": re.compile(r"(?P<study>[a-z0-9][a-z0-9_-]*)/units-(?P<a>\d{1,9})-(?P<b>\d{1,9})\.html"),
}


@dataclass(frozen=True, slots=True)
class Site:
    """The pages of one store. live: served, so that a page follows a run and has its button."""

    settings: Settings
    live: bool = False
    _reports: dict[tuple[str, int, int], str] = field(default_factory=dict)
    _drawing: threading.Lock = field(default_factory=threading.Lock)
    """Figures are drawn one at a time: the look is a setting of the process."""

    def page(self, path: str) -> str:
        """The page at a path. Errors: `NotStored` where there is none."""
        for kind, pattern in _PATHS.items():
            found = pattern.fullmatch(path)
            if found:
                numbers = {key: int(value) for key, value in found.groupdict().items() if key != "study"}
                return self._page(kind, found.groupdict().get("study") or "", **numbers)
        raise NotStored(f"there is no page {path!r}; begin at index.html")

    def paths(self) -> Iterator[str]:
        """The paths of all pages; of units the first ones."""
        yield "index.html"
        with open_store(self.settings.store) as store:
            names = [known.study for known in study_outcomes(store)]
            versions = {name: _versions(store, name) for name in names}
            units = {
                (name, version): find_run(store, name, version).fits[0].n_total
                for name, found in versions.items()
                for version in found
            }
        for name, found in versions.items():
            yield f"{name}/index.html"
            for place, version in enumerate(found):
                yield f"{name}/version-{version}.html"
                pages = -(-units[name, version] // UNITS_A_PAGE)
                yield from (
                    f"{name}/units-{version}-{p}.html" for p in range(1, min(pages, MOST_UNIT_PAGES) + 1)
                )
                if place:
                    yield f"{name}/diff-{found[place - 1]}-{version}.html"

    def _page(self, kind: str, study: str, a: int = 0, b: int = 0) -> str:
        with open_store(self.settings.store) as store:
            if study:
                refuse_unknown(store, study)
            if kind == "version":
                return self._report(store, study, a)
            told = self._told(store, kind, study, a, b)
        return self._render(kind, told)

    def _told(self, store: Warehouse, kind: str, study: str, a: int, b: int) -> dict[str, Any]:
        match kind:
            case "study":
                return self._study(store, study)
            case "diff":
                return {"diff": diff_versions(store, study, a, b), "study": study}
            case "units":
                return _units(store, study, a, b)
            case _:
                return self._overview(store)

    def _report(self, store: Warehouse, study: str, version: int) -> str:
        latest = latest_run(store, study)
        key = (study, version, 0 if latest is None else latest.version)
        with self._drawing:
            if key not in self._reports:
                facts = facts_of(store, study, version)
                self._reports[key] = report_page(facts, surroundings_of(store, facts), home="index.html")
            return self._reports[key]

    def _overview(self, store: Warehouse) -> dict[str, Any]:
        endings = {ending.study: ending for ending in run_endings(store)}
        return {"studies": study_outcomes(store), "endings": endings}

    def _study(self, store: Warehouse, study: str) -> dict[str, Any]:
        latest = latest_run(store, study)
        runs = [run for run in history(store, study) if run.version is not None]
        return {
            "study": study,
            "latest": None if latest is None else latest.version,
            "runs": runs[::-1],
            "earlier": {run.version: before.version for before, run in pairwise(runs)},
            "endings": run_endings(store, study)[::-1][:50],
            "progress": progress_of(store, self.settings, study),
        }

    def _render(self, kind: str, told: Mapping[str, Any]) -> str:
        script = script_of("ui.js")
        template = environment().get_template(f"ui_{kind}.html")
        return template.render(
            **told,
            live=self.live,
            style=asset("report.css"),
            script=script,
            script_hash=script_hash(script),
            changes_of=changes_of,
        )


def _versions(store: Warehouse, study: str) -> list[int]:
    return [run.version for run in history(store, study) if run.version is not None]


def _units(store: Warehouse, study: str, version: int, page: int) -> dict[str, Any]:
    run = find_run(store, study, version)
    then = study_of_run(store, run)
    material = gather_version(store, then, run)
    ids = [str(unit) for unit in material.units["unit_id"]]
    pages = max(1, -(-len(ids) // UNITS_A_PAGE))
    if not 1 <= page <= pages:
        raise NotStored(f"version {version} of {study!r} has {pages} pages of units, counted from 1")
    shown = ids[(page - 1) * UNITS_A_PAGE : page * UNITS_A_PAGE]
    examples = examples_of(store, then, run, material, shown)
    return {"study": study, "version": version, "page": page, "pages": pages, "examples": examples}
