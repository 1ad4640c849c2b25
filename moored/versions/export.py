"""A published version as files: Parquet tables and a manifest that says what they are computed from."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC
from pathlib import Path
from typing import Any

from moored.errors import WouldOverwrite
from moored.run.readings import gather_version
from moored.storage.files import private
from moored.storage.generations import stored_recipe
from moored.storage.published import PublishedRun
from moored.storage.results import find_run
from moored.storage.studies import spec_of_run, study_of_run
from moored.storage.warehouse import Warehouse, open_store

TABLES = {
    "runs": "export_runs",
    "estimates": "export_estimates",
    "fits": "export_fits",
    "checks": "export_checks",
    "units": "export_units",
    "values": "export_values",
}
MANIFEST = "manifest.json"


def export_version(
    store: Path, study: str, version: int | None, folder: Path | None
) -> tuple[Path, dict[str, Any]]:
    """Write a version, by default the latest, into a new folder; gives the folder and the manifest.

    The folder is there with everything in it, or not at all; its files are their owner's alone. Texts are not
    among them. Errors: `NotStored`, `WouldOverwrite`.
    """
    with open_store(store) as opened:
        run = find_run(opened, study, version)
        target = (folder or Path(f"{study}-version-{run.version}")).absolute()
        if target.exists():
            raise WouldOverwrite(
                f"{target} is there already; an export replaces nothing: name another folder"
            )
        unfinished = target.with_name(f".{target.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            with private:
                unfinished.mkdir(parents=True)
                manifest = _write(opened, run, unfinished)
                unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return target, manifest


def _write(store: Warehouse, run: PublishedRun, folder: Path) -> dict[str, Any]:
    says = gather_version(store, study_of_run(store, run), run).long_values()
    files = {}
    for table, query in TABLES.items():
        path = folder / f"{table}.parquet"
        values = {"run_id": run.run_id, "path": str(path)}
        rows = store.copy_out(query, values, says if table == "values" else None)
        content = path.read_bytes()
        files[path.name] = {
            "rows": rows,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    manifest = _manifest(store, run) | {"files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, default=str) + "\n", encoding="utf-8")
    return manifest


def _manifest(store: Warehouse, run: PublishedRun) -> dict[str, Any]:
    told = ("study", "version", "run_id", "stored_at", "code_version", "headline", "marks", "override_reason")
    went_in = ("study_fingerprint", "data_version", "recipes", "generation_seq")
    return {
        "format": "moored-export-1",
        **{key: getattr(run, key) for key in told},
        "stored_at": run.stored_at.astimezone(UTC),  # the same bytes wherever it is exported
        "inputs": {"fingerprint": run.inputs} | {key: getattr(run, key) for key in went_in},
        "spec": spec_of_run(store, run)[0],
        "recipes": {
            source: json.loads(stored_recipe(store, recipe) or "null")
            for source, recipe in run.recipes.items()
        },
    }
