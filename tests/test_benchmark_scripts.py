"""The scripts in tests/benchmarks: they measure, and they write the tables of docs/performance.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parent / "benchmarks"


@pytest.fixture
def page(monkeypatch: Any, tmp_path: Path) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import page

    monkeypatch.setattr(page, "PAGE", tmp_path / "performance.md")
    return page


def test_a_section_is_written_anew_and_the_rest_stays(page: Any) -> None:
    page.PAGE.write_text("# Head\n\n<!-- a -->\nold\n<!-- end of a -->\n\ntail\n")
    for text in ("| new |", "| newer |\n"):
        page.write_section("a", text)
    assert page.PAGE.read_text() == "# Head\n\n<!-- a -->\n\n| newer |\n\n<!-- end of a -->\n\ntail\n"
    with pytest.raises(ValueError, match="lacks"):
        page.write_section("b", "text")


def test_the_page_has_a_place_for_each_table() -> None:
    text = (Path(__file__).parents[1] / "docs" / "performance.md").read_text()
    for name in ("throughput", "scale-out", "memory"):
        assert text.count(f"<!-- {name} -->") == text.count(f"<!-- end of {name} -->") == 1


@pytest.mark.slow
def test_two_sides_are_measured_and_kept(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPTS / "throughput.py"), "--print", "--rows", "64", "--rounds", "1"]
    command += ["--sides", "aiohttp,bare", "--keep", str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    assert "| aiohttp alone" in said
    assert "| AsyncOpenAI" in said
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert sorted(kept) == ["aiohttp-0.json", "bare-0.json"]
    subprocess.run(command, capture_output=True, check=True, timeout=300)  # measured already
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept
