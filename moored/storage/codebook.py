"""What a file says about a column beside its cells: the question, its value labels, its codes for missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """One column of a codebook.

    wording : the question or variable label, empty where there is none. value_labels : label of each code, both as
    texts: {"1": "polite"}. missing : codes that the file declares as missing, with their label where they have one,
    and how often each came; their cells are empty.
    """

    wording: str = ""
    value_labels: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)

    @property
    def codes(self) -> dict[str, list[str]]:
        """The codes of each label."""
        found: dict[str, list[str]] = {}
        for code, label in self.value_labels.items():
            found.setdefault(label, []).append(code)
        return found


Codebook = Mapping[str, Entry]
