"""What a reader may state as the level of an interval."""

from __future__ import annotations

import math
from numbers import Real

from moored.errors import DataInvalid


def stated_level(level: object) -> float:
    """The level as stated; `DataInvalid` below 0.5, where an error probability is meant: 0.05 for 0.95."""
    stated = float(level) if isinstance(level, Real) else math.nan
    if not 0.5 <= stated < 1:
        raise DataInvalid(
            f"The level is {level!r}; it must lie between 0.5 and 1: 0.95 for 95% intervals (alpha = 0.05)."
        )
    return stated
