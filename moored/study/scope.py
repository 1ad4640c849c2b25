"""Which units a run generates for, beyond those that are missing."""

from __future__ import annotations

from dataclasses import dataclass

from moored.errors import StudyInvalid
from moored.study import Study


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


def rerun_scope(study: Study, *, failed: bool, sources: tuple[str, ...], units: tuple[str, ...]) -> Scope:
    """What to generate again. Errors: `StudyInvalid` (nothing, or a source that the study does not have)."""
    if not failed and not units:
        raise StudyInvalid("say what to generate again: --failed, or --units FILE")
    known = [source.name for source in study.sources]
    if unknown := sorted(set(sources) - set(known)):
        raise StudyInvalid(f"there is no source {', '.join(unknown)}; the study has {', '.join(known)}")
    return Scope(failed=failed, sources=sources, units=units)
