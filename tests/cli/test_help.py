"""The front: what to type first, commands in groups, an example for each, and shells that complete."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pytest
import typer

from moored.cli import COMMANDS, EXAMPLES, GROUPS, app

COMMAND = typer.main.get_command(app)


def test_without_arguments_it_says_what_to_type_first(moored):
    said = moored()
    assert said.code == 0
    assert "moored init" in said.out
    assert len(said.out.splitlines()) < 10


def test_help_has_the_groups_in_their_order(moored):
    said = moored("--help").out
    places = [said.index(group) for group in COMMANDS]
    assert places == sorted(places)


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_is_a_line_that_can_be_typed(name):
    program, command, *arguments = shlex.split(EXAMPLES[name])
    assert (program, command) == ("moored", name)
    COMMAND.commands[name].make_context(name, arguments)


def test_every_command_has_a_group_and_an_example():
    grouped = [name for commands in COMMANDS.values() for name in commands]
    assert sorted([*grouped, *GROUPS]) == sorted(COMMAND.commands)
    assert {*grouped, *GROUPS} == set(EXAMPLES)


def test_an_example_stands_at_the_end_of_the_help(moored):
    assert "moored rerun tweets --failed" in moored("rerun", "--help").out


SHELLS = {"bash": "complete -o", "zsh": "compdef", "fish": "complete --command moored"}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_can_complete(tmp_path, shell):
    """The script that is shown, and what it asks: here study files and folders."""
    (tmp_path / "tweets.toml").write_text("")
    (tmp_path / "data").mkdir()
    (tmp_path / "notes.txt").write_text("")
    script = _moored(tmp_path, {"_MOORED_COMPLETE": f"source_{shell}"})
    assert SHELLS[shell].split(" -")[0] in script
    assert "_MOORED_COMPLETE" in script
    files = _completed(tmp_path, shell, "moored run ")
    assert "tweets.toml" in files
    assert "data/" in files
    assert "notes.txt" not in files


@pytest.mark.parametrize(
    ("line", "word"),
    [("moored val", "validate"), ("moored run --pub", "--publish-anyway"), ("moored init ", "a.csv")],
)
def test_commands_options_and_tables_are_completed(tmp_path, line, word):
    (tmp_path / "a.csv").write_text("")
    assert word in _completed(tmp_path, "bash", line)


def _completed(folder, shell: str, line: str) -> str:
    words = line.split()
    given = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - (not line.endswith(" ")))},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    return _moored(folder, given | {"_MOORED_COMPLETE": f"complete_{shell}"})


def _moored(folder, environment) -> str:
    program = os.path.join(os.path.dirname(sys.executable), "moored")  # noqa: PTH118, PTH120
    done = subprocess.run(
        [program],
        cwd=folder,
        env=os.environ | environment | {"MOORED_STORE": str(folder / "s.duckdb")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout


@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="no bash")  # noqa: PTH110
def test_install_completion_writes_it_for_the_shell_that_asks(tmp_path):
    program = os.path.join(os.path.dirname(sys.executable), "moored")  # noqa: PTH118, PTH120
    environment = os.environ | {"HOME": str(tmp_path)}
    command = ["/bin/bash", "-c", f"{shlex.quote(program)} --install-completion; true"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "bash completion installed" in done.stdout, done.stdout + done.stderr
    assert "_MOORED_COMPLETE" in (tmp_path / ".bash_completions" / "moored.sh").read_text()


def test_the_usage_says_nothing_of_what_is_hidden(moored):
    usage = next(line for line in moored("estimate", "--help").out.splitlines() if "Usage" in line)
    assert usage.split() == ["Usage:", "moored", "estimate", "[OPTIONS]", "{FILE}"]
