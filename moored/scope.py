"""Which units a run generates for, beyond those that are missing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """Which units a run generates for, beyond those that are missing."""

    failed: bool = False
    """Also those that failed."""
    sources: tuple[str, ...] = ()
    """Only these sources; none named: all."""
    units: tuple[str, ...] = ()
    """Only these units, whatever their state; none named: all."""

    @property
    def again(self) -> bool:
        """Is a unit asked anew whose stored reply could not be used?"""
        return self.failed or bool(self.units)
