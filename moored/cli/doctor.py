"""`moored doctor`: is everything there that a run needs? A line each; nothing is sent, fetched or changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from moored.cli.render import print_json, say
from moored.cli.studies import JsonOption
from moored.errors import Unwell

if TYPE_CHECKING:
    from moored.cli.examination import Finding

_SIGNS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def doctor_command(json: JsonOption = False) -> None:
    """Is everything there that a run needs? Versions, extras, cache, model, key, disk, ports, store, Prefect."""
    from moored.cli.examination import examine

    findings = examine()
    failed = [finding for finding in findings if finding.state == "fail"]
    if json:
        print_json({"well": not failed, "findings": [asdict(finding) for finding in findings]})
        raise typer.Exit(Unwell.exit_code if failed else 0)
    for finding in findings:
        say(f"{_SIGNS[finding.state]}  {finding.name}: {finding.said}", bold=finding.state == "fail")
    if failed:
        raise Unwell(_sentence(failed))


def _sentence(failed: list[Finding]) -> str:
    names = ", ".join(finding.name for finding in failed)
    what = "1 thing does" if len(failed) == 1 else f"{len(failed)} things do"
    return f"{what} not work ({names}); the lines above say what to do"
