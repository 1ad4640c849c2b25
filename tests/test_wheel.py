"""The wheel alone: the package without the checkout beside it."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_wheel_holds_the_package_and_its_data_and_no_generic_name(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"moored"}
    data = (
        "benchmark/tasks/stance.toml",
        "benchmark/recorded/stance.parquet",
        "benchmark/recorded/stance.json",
    )
    for kind in (
        "sql/migrations/0001_store.sql",
        "llm/prompts/read.toml",
        "report/templates/checks.html",
        "pipeline/flows/survey.py",
        "pipeline/tasks/units.py",
        "pipeline/checks/run.py",
        "pipeline/deployments/studies/tweets.toml",
        *data,
    ):
        assert f"moored/{kind}" in names


def test_what_is_installed_counts_as_the_same_code(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "from moored.settings import code_version, read_settings\n"
        "print(code_version(read_settings({}).pipeline))"
    )
    installed, here = (
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(place)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for place in (tmp_path, ROOT)
    )
    assert installed == here


def test_the_wheel_works_without_the_checkout(wheel, tmp_path):
    place = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(place)
    code = (
        "import sys; from pathlib import Path; import moored; from moored.storage.warehouse import open_store\n"
        "assert Path(moored.__file__).is_relative_to(sys.argv[1]), moored.__file__\n"
        "with open_store(Path(sys.argv[2]), create=True) as store: print(store.rows('studies'))"
    )
    command = [sys.executable, "-c", code, str(place), str(tmp_path / "s.duckdb")]
    done = subprocess.run(
        command,
        env={"PYTHONPATH": str(place)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr
