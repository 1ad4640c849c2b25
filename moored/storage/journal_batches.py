"""The journal's batches: requests that were handed in together, and are answered within a day."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from moored.storage.journal_file import JournalFile


class JournalBatches(JournalFile):
    """What the journal knows of a study's batches."""

    def keep_batch(self, batch: str, *, source: str, endpoint: str, calls: Mapping[str, int]) -> None:
        """Write down a batch: `calls` are its requests' numbers by key."""
        with self.transaction():
            self._run(
                "keep_batch",
                {
                    "batch": batch,
                    "study": self.study,
                    "source": source,
                    "endpoint": endpoint,
                    "created": time.time(),
                    "calls": json.dumps(dict(calls)),
                },
            )

    def name_batch(self, known: str, batch: str) -> None:
        """Give a batch that was written down under another name this one."""
        with self.transaction():
            self._run("name_batch", {"batch": batch, "known": known})

    def close_batch(self, batch: str, status: str) -> None:
        """Mark a batch as fetched, failed or expired."""
        with self.transaction():
            self._run("close_batch", {"batch": batch, "status": status})

    def open_batches(self, source: str, endpoint: str) -> list[tuple[str, dict[str, int]]]:
        """Batches of this study's source that were written down and not fetched: name, calls by key."""
        rows = self._rows("open_batches", {"study": self.study, "source": source, "endpoint": endpoint})
        return [(batch, json.loads(calls)) for batch, calls in rows]

    def refused_in_batches(self, source: str) -> set[str]:
        """Keys of requests of this study's source that a batch came to and could not answer."""
        rows = self._rows("refused_in_batches", {"study": self.study, "source": source})
        return {key for (key,) in rows}

    def waiting_batches(self, study: str | None = None) -> int:
        """How many batches of a study are open."""
        row = self._one("count_open_batches", {"study": study or self.study})
        return int(row[0]) if row else 0
