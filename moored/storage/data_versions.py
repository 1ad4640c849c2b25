"""Data versions: each stored as what changed since the one before, read back whole (`sql/migrations/0009`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from moored.errors import MooredError
from moored.storage.studies import variable_names
from moored.storage.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

    from moored.storage.ingest import Units
    from moored.study import Study

TOGETHER = 20_000
"""Texts handed to the store at one time: it holds as many again in memory, and more."""


def store_units(store: Warehouse, study: Study, units: Units) -> None:
    """Append a data version, unless it is there already: what changed since the version that was stored last.

    What reads back is compared with what came, in the same transaction. Errors: `MooredError` where it differs.
    """
    key = {"study": study.name, "data_version": units.version}
    if store.row("data_version_stored", key):
        return
    frame, probability = _with_own_probability(units.frame)
    counts = {"units": len(frame), "labelled": int(frame["labelled"].sum())}
    values = _long(frame, variable_names(study))
    with store.transaction():
        row = store.row("insert_data_version", key | counts | {"probability": probability})
        assert row is not None
        at = {"study": study.name, "position": row["position"]}
        for at_row in range(0, len(frame), TOGETHER):
            store.append("insert_texts", frame.iloc[at_row : at_row + TOGETHER].assign(**key))
        with store.incoming(frame):
            store.rows("end_unit_rows", at)
            store.rows("insert_unit_rows", at)
            _refuse_other(store.row("units_as_they_came", key | {"probability": probability}))
        with store.incoming(values):
            store.rows("end_value_rows", at)
            store.rows("insert_value_rows", at)
            _refuse_other(store.row("values_as_they_came", key))


def _with_own_probability(frame: pd.DataFrame) -> tuple[pd.DataFrame, float | None]:
    """The units' own probabilities, none where one holds for all: it changes with each unit that is added."""
    frame = frame.assign(cluster=frame["cluster"].astype("string"))
    first = float(frame["probability"].iloc[0])
    if (frame["probability"] != first).any():
        return frame, None
    return frame.assign(probability=float("nan")), first


def _long(frame: pd.DataFrame, variables: tuple[str, ...]) -> pd.DataFrame:
    """unit_id, variable, value, word: a number or a word per row; what is missing has no row."""
    import pandas as pd

    numeric = [name for name in variables if pd.api.types.is_numeric_dtype(frame[name])]
    others = [name for name in variables if name not in numeric]
    values = frame.melt(["unit_id"], numeric, "variable", "value").dropna()
    words = frame.melt(["unit_id"], others, "variable", "word").dropna()
    both = pd.concat([values, words]) if len(words) else values.assign(word=None)
    return both.astype({"value": float, "word": "string"})


def _refuse_other(counts: Mapping[str, Any] | None) -> None:
    """Refuse to keep what does not read back as it came."""
    if counts is None or not counts["came"] == counts["stored"] == counts["same"]:
        raise MooredError(
            f"the store would not give this state of the data back as it came ({counts}), so nothing of it was "
            "stored; please report this, with the version of moored"
        )
