"""SQL of a study gives the same rows and values each time, or is refused with what to write."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest

from moored.errors import DataInvalid, StudyInvalid, UnsafeRule
from moored.storage.rules import evaluate, read_query, select
from moored.storage.table_files import read_any
from moored.storage.tables import TEXT, Table

ROWS = Table(
    pd.DataFrame({"id": list("abcdef"), "x": list("123456"), "day": ["2020-01-01"] * 6}, dtype=object),
    {"id": TEXT, "x": TEXT, "day": TEXT},
)


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ("random()", "random"),
        ("x + RANDOM() * 0.1", "random"),
        ("CASE WHEN x > 3 THEN uuid() END", "uuid"),
        ("gen_random_uuid()", "gen_random_uuid"),
        ("current_timestamp", "current_timestamp"),
        ("date_diff('day', day::DATE, current_date)", "current_date"),
        ("date_diff('day', day::DATE, today())", "today"),
        ("year(now())", "now"),
        ("age(day::TIMESTAMP)", "age"),
        ("ago(INTERVAL 1 DAY)", "ago"),
        ("len(list_transform([1, 2], lambda k: k + random()))", "random"),
        ("current_setting('threads')", "current_setting"),
        ("row_number() OVER ()", "row_number"),
        ("lag(x) OVER (PARTITION BY day)", "lag"),
        ("first_value(x) OVER ()", "first_value"),
        ("sum(x) OVER (ROWS UNBOUNDED PRECEDING)", "sum"),
        ("(SELECT first(x) FROM data)", "first"),
        ("(SELECT d.x FROM data d LIMIT 1)", "LIMIT"),
    ],
)
def test_a_rule_that_gives_another_value_each_time_is_refused(rule, named):
    with pytest.raises(UnsafeRule) as refused:
        evaluate({"v": rule}, ROWS)
    said = refused.value.message
    assert "must give the same values each time" in said
    assert named in said
    assert "keep it in the table" in said or "ORDER BY" in said


@pytest.mark.parametrize(
    ("rule", "cells"),
    [
        ("x + 1", ["2", "3", "4", "5", "6", "7"]),
        ("x > avg(x) OVER ()", ["false"] * 3 + ["true"] * 3),
        ("row_number() OVER (ORDER BY x DESC)", ["6", "5", "4", "3", "2", "1"]),
        ("sum(x) OVER (ORDER BY x ROWS 1 PRECEDING)", ["1", "3", "5", "7", "9", "11"]),
        ("age(day::TIMESTAMP, TIMESTAMP '2019-01-01')::VARCHAR", ["1 year"] * 6),
        ("strftime(day::DATE, '%Y')", ["2020"] * 6),
        ("CASE WHEN id = 'z' THEN error('no') ELSE 'random()' END", ["random()"] * 6),
        ("+".join(["x"] * 350), ["350", "700", "1050", "1400", "1750", "2100"]),
    ],
)
def test_a_rule_that_gives_the_same_is_none_of_those(rule, cells):
    assert list(evaluate({"v": rule}, ROWS)["v"].cells) == cells


def test_a_column_that_is_called_as_a_clock_is_a_column():
    table = Table(pd.DataFrame({"current_date": ["1", "2"]}, dtype=object), {"current_date": TEXT})
    assert list(evaluate({"v": "current_date + 1"}, table)["v"].cells) == ["2", "3"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM data WHERE random() < 0.5",
        "SELECT * FROM data ORDER BY random() LIMIT 3",
        "SELECT * FROM data USING SAMPLE 3",
        "SELECT * FROM data TABLESAMPLE 50%",
        "WITH t AS (SELECT *, uuid() AS u FROM data) SELECT * FROM t",
        "SELECT DISTINCT ON (day) * FROM data",
        "SELECT day AS id, string_agg(x) AS text FROM data GROUP BY day",
        "SELECT * FROM data QUALIFY row_number() OVER (PARTITION BY day) = 1",
        "SELECT *, (current_date - day::DATE) AS days FROM data",
    ],
)
def test_a_query_that_selects_other_rows_each_time_is_refused(query):
    with pytest.raises(StudyInvalid, match=r"`data.query` must select the same rows each time, but "):
        select(ROWS, query)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT * FROM data ORDER BY md5(id) LIMIT 3", 3),
        ("SELECT * FROM data WHERE x > 0 LIMIT 3", 3),
        ("SELECT * FROM data TABLESAMPLE reservoir(3) REPEATABLE (1)", 3),
        ("SELECT DISTINCT day FROM data", 1),
        ('SELECT row_number() OVER () AS "row", * FROM data_as_text', 6),
        ("SELECT day AS id, string_agg(x ORDER BY id) AS text, max(x) AS x FROM data GROUP BY day", 1),
        ("SELECT * FROM data QUALIFY row_number() OVER (PARTITION BY day ORDER BY id) = 1", 1),
        ("SELECT * FROM data PIVOT (max(x) FOR day IN ('2020-01-01'))", 6),
    ],
)
def test_a_query_that_selects_the_same_rows_runs(query, rows):
    assert len(select(ROWS, query)) == rows


def test_views_and_macros_of_a_file_are_looked_into(tmp_path):
    path = tmp_path / "raw.duckdb"
    with duckdb.connect(path) as file:
        file.execute("CREATE TABLE t AS SELECT 'u' || i AS id, i AS x FROM range(9) r(i)")
        file.execute('CREATE VIEW "half AS it is" (id, x) AS SELECT * FROM t WHERE random() < 0.5')
        file.execute('CREATE VIEW outer_one AS SELECT * FROM "half AS it is"')
        file.execute("CREATE MACRO noisy(a) AS a + random()")
    with pytest.raises(StudyInvalid, match="`row_number` OVER rows without an order"):
        read_query(path, "SELECT row_number() OVER () AS id FROM t")
    for query in ("SELECT * FROM outer_one", "SELECT id, noisy(x) AS x FROM t"):
        with pytest.raises(StudyInvalid, match="`random` gives another value each time"):
            read_query(path, query)
    with pytest.raises(DataInvalid, match="the view 'outer_one' gives other rows each time: `random`"):
        read_any(f"{path}::outer_one")
    assert len(read_query(path, "SELECT * FROM t")) == len(read_any(f"{path}::t")) == 9


def test_sums_over_many_rows_have_the_same_digits_each_time():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": rng.integers(0, 3, 150_000), "x": rng.standard_exponential(150_000)})
    table = Table(frame, {"g": "BIGINT", "x": "DOUBLE"})
    query = "SELECT g, avg(x) AS x FROM data GROUP BY g ORDER BY g"
    assert len({tuple(select(table, query).frame["x"]) for _ in range(4)}) == 1


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_instants_are_the_same_on_every_machine(tmp_path, monkeypatch, zone):
    path = tmp_path / "raw.duckdb"
    with duckdb.connect(path) as file:
        file.execute("CREATE TABLE t AS SELECT '2024-06-01 23:30:00+00'::TIMESTAMPTZ AS moment")
        file.execute(f"COPY t TO '{tmp_path / 'raw.parquet'}'")
    monkeypatch.setenv("TZ", zone)
    assert list(read_query(path, "SELECT hour(moment) AS h FROM t").frame["h"]) == ["23"]
    for table in (read_any(path), read_any(tmp_path / "raw.parquet")):
        assert list(table.frame["moment"]) == ["2024-06-01 23:30:00+00"]
        assert list(evaluate({"h": "hour(moment)"}, table)["h"].cells) == ["23"]


@pytest.mark.parametrize(
    ("rule", "cells"),
    [
        ("rank() OVER (ORDER BY x DESC)", ["6", "5", "4", "3", "2", "1"]),
        ("max(x) OVER (PARTITION BY g)", ["4", "5", "6", "4", "5", "6"]),
        ("x - min(x) OVER (PARTITION BY g)", ["0", "0", "0", "3", "3", "3"]),
        ("(SELECT max(d.x) FROM data d WHERE d.g = data.g)", ["4", "5", "6", "4", "5", "6"]),
    ],
)
def test_values_over_several_rows_stay_with_their_row(rule, cells):
    table = Table(
        pd.DataFrame({"g": list("cabcab"), "x": list("123456")}, dtype=object), {"g": TEXT, "x": TEXT}
    )
    assert list(evaluate({"v": rule}, table)["v"].cells) == cells
