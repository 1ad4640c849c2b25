"""The command line: parse, call, render. Heavy imports happen inside the command that needs them."""

from __future__ import annotations

import io
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand

from moored import __version__
from moored.cli import failures
from moored.cli.benchmark import benchmark_app
from moored.cli.checks import checks_command
from moored.cli.docs import docs_command
from moored.cli.doctor import doctor_command
from moored.cli.estimate import estimate_command
from moored.cli.example import example_command
from moored.cli.extras import extras_named
from moored.cli.init import init_command
from moored.cli.inspect import history_command, results_command, status_command
from moored.cli.methods import methods_command
from moored.cli.model import model_app
from moored.cli.plan import plan_command
from moored.cli.preview import preview_command
from moored.cli.report import report_command
from moored.cli.run import reparse_command, rerun_command, run_command
from moored.cli.serve import deploy_command, serve_command
from moored.cli.store import backup_command, snapshot_command
from moored.cli.surroundings import spare_collector, spare_loopback
from moored.cli.ui import ui_command
from moored.cli.validate import validate_command
from moored.cli.versions import diff_command, export_command, rollback_command, verify_command
from moored.cli.watch import watch_command
from moored.errors import MooredError

app = typer.Typer(
    name="moored",
    help="Valid inference with imperfect synthetic data, as a pipeline.",
    epilog="`moored COMMAND --help` says more of a command.",
    pretty_exceptions_enable=False,
)
COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Start here": {
        "example": example_command,
        "init": init_command,
        "validate": validate_command,
        "plan": plan_command,
        "preview": preview_command,
        "doctor": doctor_command,
        "docs": docs_command,
    },
    "Run": {
        "run": run_command,
        "rerun": rerun_command,
        "reparse": reparse_command,
        "estimate": estimate_command,
    },
    "Read": {
        "results": results_command,
        "report": report_command,
        "ui": ui_command,
        "methods": methods_command,
        "checks": checks_command,
        "history": history_command,
        "status": status_command,
        "diff": diff_command,
        "export": export_command,
        "verify": verify_command,
    },
    "Operate": {
        "serve": serve_command,
        "deploy": deploy_command,
        "watch": watch_command,
        "rollback": rollback_command,
        "backup": backup_command,
        "snapshot": snapshot_command,
    },
}
"""The commands, in the groups of `moored --help`."""
GROUPS = {"model": ("Start here", model_app), "benchmark": ("Read", benchmark_app)}
"""Commands that have commands of their own."""
EXAMPLES = {
    "model": "moored model fetch qwen2.5-1.5b",
    "benchmark": "moored benchmark tasks",
    "example": "moored example tweets",
    "init": "moored init answers.csv --label human_polite --covariates age,region",
    "validate": "moored validate tweets.toml",
    "plan": "moored plan tweets.toml",
    "preview": "moored preview tweets.toml",
    "doctor": "moored doctor",
    "docs": "moored docs how-to/costs",
    "run": "moored run tweets.toml",
    "rerun": "moored rerun tweets --failed",
    "reparse": "moored reparse tweets",
    "estimate": 'moored estimate answers.csv --formula "polite ~ age" --labelled done --source proxy "gpt ~ age"',
    "results": "moored results tweets --exp",
    "report": "moored report tweets",
    "ui": "moored ui",
    "methods": "moored methods tweets --format docx",
    "checks": "moored checks tweets",
    "history": "moored history tweets",
    "status": "moored status tweets",
    "diff": "moored diff tweets 1 2",
    "export": "moored export tweets",
    "verify": "moored verify tweets",
    "serve": 'moored serve tweets.toml --cron "0 2 * * *"',
    "deploy": 'moored deploy tweets.toml --pool prod --cron "0 2 * * *"',
    "watch": "moored watch --expected-every 26h",
    "rollback": "moored rollback tweets 1",
    "backup": "moored backup",
    "snapshot": "moored snapshot",
}
"""A line to type for each command, at the end of its `--help`."""


class _Command(TyperCommand):
    """Says nothing of a hidden argument in its usage, either; of a wrong value what came and what is allowed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            found = getattr(error.__cause__, "errors", None)
            if found is not None and hasattr(error, "message"):  # typer repeats pydantic's words
                from moored.study.problems import came_and_allowed

                error.message = f"{came_and_allowed(found()[0])}."
            raise

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        hidden = [
            piece
            for one in self.params
            if getattr(one, "hidden", False)
            for piece in one.get_usage_pieces(ctx)
        ]
        return [piece for piece in super().collect_usage_pieces(ctx) if piece not in hidden]


for _group, _commands in COMMANDS.items():
    for _name, _command in _commands.items():
        app.command(_name, cls=_Command, rich_help_panel=_group, epilog=f"Example: {EXAMPLES[_name]}")(
            _command
        )
for _name, (_panel, _group_app) in GROUPS.items():
    app.add_typer(_group_app, name=_name, rich_help_panel=_panel, epilog=f"Example: {EXAMPLES[_name]}")

FIRST = """\
moored: valid inference with imperfect synthetic data.

  moored example tweets && moored run tweets.toml    see what it does
  moored init answers.csv                            a study of your own table
  moored doctor                                      is everything there?
  moored --help                                      all commands"""


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(FIRST)


def main() -> None:
    """Run a command. A refusal is one sentence and its exit code (`moored.errors`); no traceback reaches a user."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    spare_collector()
    spare_loopback()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a terminal's encoding lacks is written as an escape
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run())


def _run() -> int:
    """The command's exit code. With `--json`, what typer says of a command line is an object, too."""
    try:
        with extras_named():
            code = app(standalone_mode=not failures.wants_json())
    except MooredError as error:
        code = failures.refused(error)
        _let_go(error)
    except SystemExit as end:
        if end.code != failures.INTERRUPTED:  # typer turns Ctrl-C into it
            raise
        code = failures.interrupted()
    except Exception as error:
        code = failures.misused(error) if hasattr(error, "format_message") else failures.unexpected(error)
        _let_go(error)
    if code == failures.INTERRUPTED and failures.wants_json():
        failures.interrupted()
    return code if isinstance(code, int) else 0


def _let_go(error: BaseException | None) -> None:
    """Let go of the frames of an error and of what led to it: database connections kept there complain at exit.

    A cleared frame keeps its closure alive, so drop the traceback too. Causes and contexts may form a circle.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
