"""Commands over published versions: diff, rollback, export, verify."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moored.cli.failures import as_object, tell_error
from moored.cli.inspect import VersionOption
from moored.cli.render import print_json, print_table, say
from moored.cli.studies import JsonOption, StudyArgument, open_study, study_name, tell_difference
from moored.errors import VersionDiffers
from moored.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moored.versions.diff import Change, Diff
    from moored.versions.verify import Verified

VersionArgument = Annotated[int, typer.Argument(metavar="N", help="A published version.")]
_MOST_SHOWN = 20
_ESTIMATES = {
    "estimator": "=",
    "term": "",
    "estimate_a": "number",
    "estimate_b": "number",
    "change": "number",
    "in_ses": "+.2f",
    "se_a": "number",
    "se_b": "number",
    "se_change": "+.1%",
}


def diff_command(
    study: StudyArgument,
    a: Annotated[int, typer.Argument(metavar="A", help="A published version.")],
    b: Annotated[int, typer.Argument(metavar="B", help="Another one.")],
    json: JsonOption = False,
) -> None:
    """Say what changed from version A to version B: data, recipes, code, study, estimates."""
    from moored.storage.results import find_run
    from moored.versions.diff import diff_versions

    with open_study(study, read_settings()) as (store, name):
        diff = diff_versions(store, name, a, b)
        tell_difference(study, store, find_run(store, name, max(a, b)))
    if json:
        print_json(asdict(diff))
    else:
        _print_diff(diff)


def rollback_command(
    study: StudyArgument,
    version: VersionArgument,
    reason: Annotated[str | None, typer.Option(help="Why; it is stored.")] = None,
    json: JsonOption = False,
) -> None:
    """Make a published version the latest again, until a new one is published. Deletes nothing."""
    from moored.storage.results import find_run, roll_back
    from moored.storage.snapshot import refresh_snapshot
    from moored.storage.warehouse import open_store

    settings = read_settings()
    name = study_name(study, settings)
    with open_store(settings.store) as store:
        was = find_run(store, name).version
        moved = was != version
        if moved:
            roll_back(store, name, version, reason)
            refresh_snapshot(store, settings.snapshot)
    if json:
        print_json({"study": name, "latest": version, "was": was, "moved": moved, "reason": reason})
    elif moved:
        say(
            f"{name}: latest is version {version}, it was {was}; nothing is deleted, and the next new version "
            "is the latest again"
        )
    else:
        say(f"{name}: version {version} is the latest already")


def export_command(
    study: StudyArgument,
    version: VersionOption = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A new folder; default: STUDY-version-N.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write a version as Parquet files, with a manifest of what they are computed from."""
    from moored.versions.export import MANIFEST, export_version

    settings = read_settings()
    name = _told_name(study, version, settings)
    folder, manifest = export_version(settings.store, name, version, out)
    if json:
        print_json({"folder": folder} | manifest)
        return
    rows = [{"file": name} | told for name, told in manifest["files"].items()]
    print_table(rows, {"file": "=", "rows": ",d", "bytes": ",d", "sha256": "="})
    say(f"wrote {folder}; {MANIFEST} says what version {manifest['version']} is computed from")


def verify_command(study: StudyArgument, version: VersionOption = None, json: JsonOption = False) -> None:
    """Compute a version again from what is stored, and compare every number bit by bit."""
    from moored.versions.verify import verify_version

    settings = read_settings()
    seen = verify_version(settings, _told_name(study, version, settings), version)
    error = _error(seen) if seen.differences else None
    if json:
        result = asdict(seen) | {"equal": error is None, "other_code": seen.other_code}
        print_json(result | ({} if error is None else as_object(error)))
    else:
        _print_verified(seen)
    if error is not None:
        # Not raised: with `--json`, stdout holds one object, and that is printed.
        tell_error(error.message)
        raise typer.Exit(error.exit_code)


def _error(seen: Verified) -> VersionDiffers:
    return VersionDiffers(
        f"version {seen.version} of {seen.study!r} is not what its stored inputs give today: "
        f"{len(seen.differences)} of {seen.compared} values "
        f"{'differs' if len(seen.differences) == 1 else 'differ'}; {_why(seen)}"
    )


def _told_name(study: str, version: int | None, settings: Settings) -> str:
    """The study's name, once it is said where a file differs from the version's study."""
    from moored.storage.results import find_run

    with open_study(study, settings) as (store, name):
        tell_difference(study, store, find_run(store, name, version))
    return name


def _why(seen: Verified) -> str:
    if seen.other_code:
        return f"it was made by the code {seen.code_version}, run that to see whether the code is why"
    return "the code is the same, so a stored row or a library has changed"


def _print_verified(seen: Verified) -> None:
    if seen.other_code:
        say(f"made by other code: {seen.code_version}; this is {seen.code_now}")
    if not seen.differences:
        say(f"{seen.study}, version {seen.version}: all {seen.compared} values are equal, bit by bit")
        return
    rows = [
        asdict(difference) | {side: str(getattr(difference, side)) for side in ("stored", "computed")}
        for difference in seen.differences
    ]
    columns = ("estimator", "term", "column", "stored", "computed")
    print_table(rows[:_MOST_SHOWN], dict.fromkeys(columns, ""))
    if len(rows) > _MOST_SHOWN:
        say(f"and {len(rows) - _MOST_SHOWN} more; --json has them all")


def _print_diff(diff: Diff) -> None:
    say(f"{diff.study}, version {diff.a} -> version {diff.b}")
    _print_changes("code", [diff.code_version] if diff.code_version else [])
    _print_changes("study", diff.keys)
    if not diff.recipes:
        say("recipes: the same")
    for source, changes in diff.recipes.items():
        _print_changes(f"recipe of {source}", changes)
    _print_changes("data", diff.counts, more=bool(diff.units) or diff.units is None)
    if diff.units is None:
        say("  which units changed is not in the snapshot; ask again when the store is free")
    else:
        for row in diff.units:
            more = ", ..." if row["units"] > len(row["such_as"]) else ""
            say(f"  {row['change']}: {row['units']} ({', '.join(row['such_as'])}{more})")
    _print_changes("headline", [diff.headline] if diff.headline else [])
    print_table([asdict(row) for row in diff.estimates], _ESTIMATES)


def _print_changes(part: str, changes: Iterable[Change], *, more: bool = False) -> None:
    listed = list(changes)
    say(f"{part}:" if listed or more else f"{part}: the same")
    for change in listed:
        say(f"  {change.key}: {_short(change.a)} -> {_short(change.b)}")


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
