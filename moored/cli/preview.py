"""`moored preview`: a few units through every stage."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from moored.cli.render import print_json, say
from moored.cli.studies import JsonOption, StudyArgument
from moored.plaintext import counted
from moored.settings import read_settings

if TYPE_CHECKING:
    from moored.run.preview import Preview, Stage


def preview_command(
    study: StudyArgument,
    count: Annotated[int, typer.Option("-n", "--units", min=1, help="How many units.")] = 5,
    json: JsonOption = False,
) -> None:
    """Send a few units through every stage and show it; the replies are kept, the run reuses them."""
    from moored.run.preview import preview
    from moored.storage.place import refuse_unwritable
    from moored.storage.studies import find_study

    settings = read_settings()
    loaded, folder = find_study(study, settings.store)
    refuse_unwritable(settings.store, settings.journal)
    seen = preview(loaded, folder, settings, count)
    if json:
        units = [{"unit_id": unit.id, "text": unit.text} for unit in seen.units]
        stages = [asdict(stage) for stage in seen.stages]
        print_json(
            {
                "study": loaded.name,
                "units": units,
                "stages": stages,
                "requests": seen.requests,
                "usd": seen.usd,
            }
        )
        return
    _print(seen)
    say(f"{counted(seen.requests, 'request')} sent, {seen.usd:.4f} USD; `moored run` reuses every reply")


def _print(seen: Preview) -> None:
    from moored.run.preview import prompt_lines

    shown: set[tuple[str, str]] = set()
    for unit in seen.units:
        say(f"{unit.id}: {unit.text}")
        for stage in (stage for stage in seen.stages if stage.unit_id == unit.id):
            if stage.prompt is not None and (stage.source, stage.step) not in shown:
                shown.add((stage.source, stage.step))
                say(f"  {stage.source} {stage.step} is asked:")
                for line in prompt_lines(stage.prompt):
                    say(f"| {line}", indent="    ")
            say(f"  {_line(stage)}")
        say()


def _line(stage: Stage) -> str:
    what = f"{stage.source} {stage.step}" + (f" draw {stage.draw}" if stage.draw else "")
    if stage.status != "ok":
        return f"{what}: {stage.status}, {stage.error}"
    if stage.step == "write":
        return f"{what}: {stage.written}"
    return f"{what}: {(stage.said or '').strip()!r} -> {stage.value:.3f}"
