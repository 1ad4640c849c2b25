"""How far generation is, for people who look at the Prefect server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from moored.run.chunks import Chunk
from moored.run.run import Run


class Progress:
    """The artifact `progress-<study>`: how many of the units to generate are stored."""

    def __init__(self, run: Run, chunks: Sequence[Chunk]) -> None:
        self._run = run
        self._units = sum(len(chunk.unit_ids) for chunk in chunks)
        self._stored = 0
        key = f"progress-{run.study.name.replace('_', '-')}"
        self._artifact = cast(UUID, create_progress_artifact(0.0, key=key, description=self._words()))

    def add(self, units: int) -> None:
        """So many more are stored."""
        self._stored += units
        update_progress_artifact(
            self._artifact, 100.0 * self._stored / self._units, description=self._words()
        )

    def _words(self) -> str:
        return f"{self._stored} of {self._units} units stored, run {self._run.run_id}"
