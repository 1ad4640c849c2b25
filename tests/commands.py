"""Commands as processes of their own, as a shell calls them."""

from __future__ import annotations

import subprocess
import sys

from tests import forks


def ended(command, folder, environment, limit_s):
    """A program with its arguments, run to its end: exit code, stdout and stderr."""
    return subprocess.run(
        [*map(str, command)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )


def said(folder, environment, *arguments, limit_s=300):
    """What `python -m ARGUMENTS` prints on stdout; it must end well."""
    program, *rest = arguments
    done = (
        forks.completed(tuple(rest), folder, environment, limit_s)
        if program == "moored"
        else ended([sys.executable, "-m", *arguments], folder, environment, limit_s)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
