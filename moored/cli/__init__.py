"""The command line: parse, call, render. Heavy imports happen inside the command that needs them."""

from __future__ import annotations

import io
import signal
import sys
import traceback

import typer

from moored import __version__
from moored.cli import failures
from moored.cli.benchmark import benchmark_app
from moored.cli.checks import checks_command
from moored.cli.estimate import estimate_command
from moored.cli.example import example_command
from moored.cli.extras import extras_named
from moored.cli.init import init_command
from moored.cli.inspect import history_command, results_command, status_command
from moored.cli.plan import plan_command
from moored.cli.preview import preview_command
from moored.cli.report import report_command
from moored.cli.run import reparse_command, rerun_command, run_command
from moored.cli.serve import deploy_command, serve_command
from moored.cli.store import backup_command, snapshot_command
from moored.cli.surroundings import spare_loopback
from moored.cli.validate import validate_command
from moored.cli.versions import diff_command, export_command, rollback_command, verify_command
from moored.cli.watch import watch_command
from moored.errors import MooredError

app = typer.Typer(
    name="moored",
    help="Valid inference with imperfect synthetic data, as a pipeline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("example")(example_command)
app.command("init")(init_command)
app.command("run")(run_command)
app.command("rerun")(rerun_command)
app.command("reparse")(reparse_command)
app.command("plan")(plan_command)
app.command("preview")(preview_command)
app.command("results")(results_command)
app.command("history")(history_command)
app.command("checks")(checks_command)
app.command("report")(report_command)
app.command("status")(status_command)
app.command("validate")(validate_command)
app.command("estimate")(estimate_command)
app.command("diff")(diff_command)
app.command("rollback")(rollback_command)
app.command("export")(export_command)
app.command("verify")(verify_command)
app.command("backup")(backup_command)
app.command("snapshot")(snapshot_command)
app.add_typer(benchmark_app, name="benchmark")
app.command("serve")(serve_command)
app.command("deploy")(deploy_command)
app.command("watch")(watch_command)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run a command. A refusal is one sentence and its exit code (`moored.errors`); no traceback reaches a user."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
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
