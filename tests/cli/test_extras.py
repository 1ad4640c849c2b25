"""A plain installation: what is left out is named by the line that adds it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from moored.extras import line_that_adds

ROOT = Path(__file__).parents[2]
BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
sys.argv = ["moored", *{arguments!r}]
from moored.cli import main
main()
"""


def _pipeline_packages() -> set[str]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {
        line.partition("[")[0].partition(">")[0].partition("<")[0].partition("=")[0]
        for line in table["optional-dependencies"]["pipeline"]
    }
    return {name.replace("-", "_") for name in wanted} | {"pythonjsonlogger", "great_expectations"}


def _without_pipeline(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = BLOCKED.format(blocked=_pipeline_packages(), arguments=list(arguments))
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("arguments", [["--help"], ["example"], ["estimate", "--help"]])
def test_these_need_no_extra(tmp_path: Path, arguments: list[str]) -> None:
    said = _without_pipeline(tmp_path, *arguments)
    assert said.returncode == 0, said.stderr


def test_an_estimate_needs_no_extra(tmp_path: Path) -> None:
    rows = "".join(f"{(k * 7 % 5) / 2},{k % 4},{int(k < 30)}\n" for k in range(60))
    (tmp_path / "t.csv").write_text(f"y,x,s\n{rows}")
    said = _without_pipeline(tmp_path, "estimate", "t.csv", "--formula", "y ~ x", "--labelled", "s")
    assert said.returncode == 0, said.stderr
    assert "human" in said.stdout


def test_a_study_is_drafted_without_an_extra(tmp_path: Path) -> None:
    rows = "".join(f"{k},the text of row {k} is this,{'yes' if k % 3 else 'no'}\n" for k in range(80))
    (tmp_path / "t.csv").write_text(f"id,text,label\n{rows}{99},one more text of a row,\n")
    said = _without_pipeline(tmp_path, "init", "t.csv", "--no-check")
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "t.toml").is_file()


@pytest.mark.parametrize(
    ("prefix", "line"),
    [
        ("venv", "pip install 'moored[pipeline]'"),
        ("cache/archive-v0/abc", "uvx --from 'moored[pipeline]' moored ..."),
        ("tools/moored", "uv tool install 'moored[pipeline]'"),
    ],
)
def test_the_line_is_right_for_how_it_was_installed(tmp_path: Path, prefix: str, line: str) -> None:
    place = tmp_path / prefix
    place.mkdir(parents=True)
    if prefix.startswith("tools"):
        (place / "uv-receipt.toml").write_text("")
    assert line_that_adds("pipeline", place) == line


def test_a_run_says_the_one_line_to_type(tmp_path: Path) -> None:
    assert _without_pipeline(tmp_path, "example", "tweets").returncode == 0
    said = _without_pipeline(tmp_path, "deploy", "tweets.toml", "--pool", "p", "--cron", "0 2 * * *")
    assert said.returncode == 15, said.stderr
    assert "pip install 'moored[pipeline]'" in said.stderr
    assert "Traceback" not in said.stderr
