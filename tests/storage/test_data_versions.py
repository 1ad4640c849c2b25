"""Data versions are stored as what changed, and each reads back as it came: to the bit, whatever came before."""

from functools import partial
from itertools import product
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moored.errors import MooredError
from moored.storage.data_versions import store_units
from moored.storage.ingest import Units, content_hash
from moored.storage.reading import Reading
from moored.storage.studies import stored_units, unit_changes
from moored.storage.warehouse import open_store
from tests.storage.old_stores import old_store, store_whole
from tests.studies import study, study_table

VARIABLES = ["polite", "age", "town"]

MOST = 4

NUMBERS = st.sampled_from([None, 0.0, -0.0, 1.0, 1 / 3])
UNIT = st.fixed_dictionaries(
    {
        "text": st.sampled_from(["Please.", "Now!"]),
        "labelled": st.booleans(),
        "cluster": st.sampled_from([None, "a", "7"]),
        "held_back": NUMBERS,
        "polite": NUMBERS,
        "age": NUMBERS,
        "town": st.sampled_from([None, "Delft", ""]),
        "probability": st.sampled_from([0.25, 1 / 3]),
    }
)
STATE = st.dictionaries(st.sampled_from(["u1", "u2", "u3", "ü"]), UNIT, min_size=1)
HISTORY = st.tuples(st.lists(STATE, min_size=1, max_size=MOST), st.booleans())
"""States of a table, one after the other, and whether all units have one probability in each."""


def asked(name="requests"):
    """A study with a number and a category as covariates."""
    columns = [{"name": "age", "column": "age"}, {"name": "town", "column": "town"}]
    return study(**study_table(name=name, covariates=columns))


def frame_of(state, *, even):
    """The units of a state as ingestion gives them, in no order."""
    frame = pd.DataFrame([{"unit_id": unit} | row for unit, row in state.items()])
    if even:
        frame["probability"] = len(frame) / 7
    floats = dict.fromkeys(("held_back", "polite", "age", "probability"), float)
    texts = frame["text"]
    return frame.assign(content_hash=texts.map(content_hash), fields="{}").astype(floats)


def units_of(frame, version):
    return Units(frame, version, Reading(len(frame), len(frame), int(frame["labelled"].sum()), (), ()))


def bits(frame):
    """Cells that compare as what they are: no value is None, a number is told from its negative."""
    names = ["unit_id", "content_hash", "labelled", "probability", "cluster", "held_back", *VARIABLES]
    rows = frame[names].sort_values("unit_id").astype(object).to_numpy().tolist()
    return [[None if pd.isna(cell) else repr(cell) for cell in row] for row in rows]


def spans(states, read):
    """How many times something begins to hold: what is to be stored, and no more."""
    count = 0
    for before, now in zip([{}, *states[:-1]], states, strict=True):
        was = dict(read(before))
        count += sum(key not in was or repr(was[key]) != repr(value) for key, value in read(now))
    return count


def unit_rows(state, *, even):
    """What is stored of each unit: its own probability only where they differ."""
    shared = even or len({row["probability"] for row in state.values()}) == 1
    for unit, row in state.items():
        own = None if shared else row["probability"]
        yield unit, [*(row[name] for name in ("text", "labelled", "cluster", "held_back")), own]


def unit_numbers(state):
    for unit, row in state.items():
        yield from (((unit, name), row[name]) for name in VARIABLES if row[name] is not None)


def check(store, name, states, *, even):
    for number, state in enumerate(states):
        found = stored_units(store, asked(name), f"data-{name}-{number}")
        assert bits(found) == bits(frame_of(state, even=even)), (name, number)


def of_all(state, *, even):
    """The probability of every unit; None where they differ."""
    found = {len(state) / 7} if even else {row["probability"] for row in state.values()}
    return found.pop() if len(found) == 1 else None


def changed_probability(was, now, both, *, even):
    """The units whose probability is another one, other than by the numbers of units and labels alone."""
    shared = (of_all(was, even=even), of_all(now, even=even))
    sizes = [(len(state), sum(row["labelled"] for row in state.values())) for state in (was, now)]
    if None not in shared:
        return both if shared[0] != shared[1] and sizes[0] == sizes[1] else []
    return [unit for unit in both if was[unit]["probability"] != now[unit]["probability"]]


def changes(was, now, *, even):
    """What differs between two states, told in the order of the kinds."""
    both = sorted(was.keys() & now.keys())
    lasting = [
        name
        for name in VARIABLES
        if all(any(row[name] is not None for row in state.values()) for state in (was, now))
    ]

    def differ(unit):
        told = [(was[unit][name], now[unit][name]) for name in VARIABLES]
        other = any(None not in pair and pair[0] != pair[1] for pair in told)
        moved = was[unit]["labelled"] != now[unit]["labelled"]
        return other or (not moved and any(was[unit][name] != now[unit][name] for name in lasting))

    def other(name):
        return [unit for unit in both if was[unit][name] != now[unit][name]]

    unlabelled = [unit for unit in both if not was[unit]["labelled"] and not now[unit]["labelled"]]
    kinds = {
        "unit added": sorted(now.keys() - was.keys()),
        "unit removed": sorted(was.keys() - now.keys()),
        "text changed": other("text"),
        "label arrived": [unit for unit in both if now[unit]["labelled"] > was[unit]["labelled"]],
        "label gone": [unit for unit in both if was[unit]["labelled"] > now[unit]["labelled"]],
        "label or covariate changed": [unit for unit in both if differ(unit)],
        "held-back label changed": [unit for unit in other("held_back") if unit in unlabelled],
        "cluster changed": other("cluster"),
        "probability of a label changed": changed_probability(was, now, both, even=even),
    }
    return {kind: (len(units), units[:5]) for kind, units in kinds.items() if units}


def count(store, table, name):
    found = store._connection.execute(f"SELECT count(*) FROM {table} WHERE study = ?", [name]).fetchall()
    return found[0][0]


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    path = tmp_path_factory.mktemp("versions") / "s.duckdb"
    with open_store(path, create=True) as store:
        yield store


def forget(store):
    for table in ("texts", "data_versions", "unit_rows", "value_rows", "row_ends"):
        store._connection.execute(f"DELETE FROM {table}")


def patient(examples):
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


SLOWLY = [pytest.mark.slow, pytest.mark.timeout(7200)]


@pytest.mark.parametrize("examples", [8, pytest.param(300, marks=SLOWLY)])
def test_every_version_of_every_study_reads_back_as_it_came(empty, examples):
    @patient(examples)
    @given(one=HISTORY, two=HISTORY)
    def told(one, two):
        keep_histories(empty, one, two)

    told()


def keep_histories(empty, one, two):
    """Two studies' versions take turns; each is compared with what came, and with the others."""
    forget(empty)
    histories = {"one": one, "two": two}
    for number in range(MOST):
        for name, (states, even) in histories.items():
            if number < len(states):
                frame = frame_of(states[number], even=even)
                store_units(empty, asked(name), units_of(frame, f"data-{name}-{number}"))
    for name, (states, even) in histories.items():
        check(empty, name, states, even=even)
        assert count(empty, "value_rows", name) == spans(states, unit_numbers)
        assert count(empty, "unit_rows", name) == spans(states, partial(unit_rows, even=even))
        for a, b in product(range(len(states)), repeat=2) if name == "one" else ():
            found = unit_changes(empty, name, f"data-{name}-{a}", f"data-{name}-{b}")
            told = {row["change"]: (row["units"], row["such_as"]) for row in found}
            assert told == changes(states[a], states[b], even=even)


@pytest.mark.parametrize("examples", [6, pytest.param(300, marks=SLOWLY)])
def test_every_version_of_an_older_store_is_the_same_after_the_migration(tmp_path, examples):
    @patient(examples)
    @given(one=HISTORY, two=HISTORY, more=STATE)
    def told(one, two, more):
        migrate_histories(tmp_path, one, two, more)

    told()


def migrate_histories(folder, one, two, more):
    """Every version before and after, and one more that is stored onto them."""
    path = Path(mkdtemp(dir=folder)) / "s.duckdb"
    histories = {"one": one, "two": two}
    with old_store(path, 8) as store:
        for name, (states, even) in histories.items():
            for number, state in enumerate(states):
                store_whole(store, name, f"data-{name}-{number}", frame_of(state, even=even), VARIABLES)
        tables = {
            table: store._connection.table(table).order("ALL").fetchall()
            for table in ("units", "unit_values", "unit_words")
        }
        versions = store._connection.table("data_versions").order("ALL").fetchall()
    with open_store(path) as store:
        connection = store._connection
        for table, before in tables.items():
            assert list(map(repr, before)) == list(map(repr, connection.table(table).order("ALL").fetchall()))
        kept = connection.sql("SELECT study, data_version, units, labelled, stored_at FROM data_versions")
        assert kept.order("ALL").fetchall() == versions
        for name, (states, even) in histories.items():
            check(store, name, states, even=even)
            assert count(store, "value_rows", name) == spans(states, unit_numbers)
            assert count(store, "unit_rows", name) == spans(states, partial(unit_rows, even=even))
            later = frame_of(more, even=even)
            store_units(store, asked(name), units_of(later, f"data-{name}-{len(states)}"))
            check(store, name, [*states, more], even=even)
            assert count(store, "value_rows", name) == spans([*states, more], unit_numbers)


def plain(**changes):
    row = {"text": "Please.", "labelled": True, "cluster": None, "held_back": None, "polite": 1.0}
    return row | {"age": None, "town": None, "probability": 0.5} | changes


def test_a_version_that_would_not_read_back_as_it_came_is_refused_whole(tmp_path):
    first, second = {"u1": plain()}, {"u1": plain(), "u2": plain()}
    with open_store(tmp_path / "s.duckdb", create=True) as store:
        store_units(store, asked(), units_of(frame_of(first, even=True), "data-requests-0"))
        copy = "INSERT INTO unit_rows BY NAME SELECT * EXCLUDE row_id FROM unit_rows"
        store._connection.execute(copy)
        with pytest.raises(MooredError, match="would not give this state of the data back"):
            store_units(store, asked(), units_of(frame_of(second, even=True), "data-requests-1"))
        assert count(store, "data_versions", "requests") == 1
        assert count(store, "texts", "requests") == 1
        store._connection.execute("DELETE FROM unit_rows WHERE row_id = (SELECT max(row_id) FROM unit_rows)")
        store_units(store, asked(), units_of(frame_of(second, even=True), "data-requests-1"))
        check(store, "requests", [first, second], even=True)


def test_a_version_that_is_there_already_adds_no_rows(tmp_path):
    with open_store(tmp_path / "s.duckdb", create=True) as store:
        for state in ({"u1": plain()}, {"u2": plain()}, {"u1": plain()}):
            frame = frame_of(state, even=True)
            store_units(store, asked(), units_of(frame, f"data-{'-'.join(state)}"))
        assert count(store, "data_versions", "requests") == 2
        assert count(store, "unit_rows", "requests") == 2
