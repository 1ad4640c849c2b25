"""Large tables of the store, read some units at a time.

A query over a million units would hold every text twice while it sorts them. So it is asked of one range of ids
after the other, and words that many rows share are kept once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from moored.storage.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

AT_ONCE = 50_000
"""Units."""


def unit_ranges(
    store: Warehouse, study: str, data_version: str, at_once: int = AT_ONCE
) -> Iterator[dict[str, str]]:
    """The `first` and the `last` id of so many units after the other, all of a data version."""
    key = {"study": study, "data_version": data_version, "at_once": at_once}
    yield from store.rows("unit_ranges", key) or [{"first": "", "last": ""}]


def joined(
    parts: Iterable[pd.DataFrame], *, texts: Collection[str], shared: Collection[str] = ()
) -> pd.DataFrame:
    """One frame of several with the same columns.

    texts: columns of texts, NaN where missing. shared: columns of a few words each, as categories.
    """
    import pandas as pd
    from pandas.api.types import union_categoricals

    types = dict.fromkeys([*texts, *shared], "str")
    kept = [part.astype(types).astype(dict.fromkeys(shared, "category")) for part in parts]
    words = {name: pd.Series(union_categoricals([part[name] for part in kept])) for name in shared}
    return pd.concat([part.drop(columns=list(shared)) for part in kept], ignore_index=True).assign(**words)
