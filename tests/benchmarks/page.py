"""docs/performance.md: each table stands between two marks, and is written anew by whoever measures it."""

from __future__ import annotations

import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


def write_section(name: str, text: str) -> None:
    """Put `text` between `<!-- name -->` and `<!-- end of name -->`. Errors: `ValueError` where one is missing."""
    begins, ends = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    page = PAGE.read_text(encoding="utf-8")
    head, found, rest = page.partition(begins)
    _, closed, tail = rest.partition(ends)
    if not found or not closed:
        raise ValueError(f"{PAGE} lacks {begins.strip()} or {ends}")
    PAGE.write_text(f"{head}{begins}\n{text.strip()}\n\n{closed}{tail}", encoding="utf-8")


def measured_on(*packages: str) -> str:
    """Date, machine and versions, as a sentence."""
    load = os.getloadavg()[1]
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    today = date.today().isoformat()
    return (
        f"Measured on {today}: {_processor()}, {os.cpu_count()} cores, load {load:.0f} (1 is one busy core), "
        f"Python {platform.python_version()}, {versions}."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
