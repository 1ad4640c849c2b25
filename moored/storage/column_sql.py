"""What is wanted of a table, and the SQL that takes it out of a relation of DuckDB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np

from moored.cells import DOT_GROUPS, NUMBER, NoNumbers, missing_numbers, numbers, words_for_missing
from moored.errors import ColumnMissing, OutsideDomain
from moored.plaintext import meant
from moored.storage.delimited import Dialect
from moored.storage.roles import no_number, refuse_dates, refuse_type
from moored.storage.tables import Column

_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_NUMERIC = (*_WHOLE, *(f"U{kind}" for kind in _WHOLE), "DECIMAL", "DOUBLE", "FLOAT")
_LOGICAL = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE")
_SPACE = "".join(filter(str.isspace, map(chr, range(0x3001))))  # what `str.strip` takes away
_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which columns are what. Names of the table, each perhaps in several roles; variables come first.

    variables : of the formulas: numbers, or categories where every cell is a word.
    categories : those of them that a formula asks for as C(name).
    numbers : weights and probabilities. codes : clusters and strata. marks : who is labelled.
    """

    variables: tuple[str, ...]
    categories: frozenset[str] = frozenset()
    numbers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    dialect: Dialect = field(default_factory=Dialect)

    @property
    def names(self) -> tuple[str, ...]:
        """All, each once."""
        return tuple(dict.fromkeys((*self.variables, *self.numbers, *self.codes, *self.marks)))

    @property
    def words(self) -> frozenset[str]:
        """What means "missing"."""
        return words_for_missing(self.missing)


def picked_columns(
    relation: duckdb.DuckDBPyRelation, wanted: Wanted, delimiter: str, *, cleaned: bool = False
) -> str:
    """The wanted columns in SQL: numbers as DOUBLE, all else as text. cleaned: by `cleaned_texts`, before."""
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    refuse_absent(tuple(types), wanted)
    expressions = []
    for name in wanted.names:
        quoted = quoted_name(name)
        numeric = (
            name in wanted.variables
            or name in wanted.numbers
            or (name in wanted.marks and name not in wanted.codes and types[name] in _LOGICAL)
        )
        given = quoted if cleaned else cleaned_texts(quoted, wanted)
        made = _number(relation, name, given, types[name], wanted, delimiter) if numeric else None
        expressions.append(f"{made or f'CAST({quoted} AS VARCHAR)'} AS {quoted}")
    return ", ".join(expressions)


def all_names(wanted: Wanted) -> str:
    """The wanted columns as they are."""
    return ", ".join(map(quoted_name, wanted.names))


def quoted_name(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def cleaned_texts(quoted: str, wanted: Wanted) -> str:
    """A column of texts without the space around them, NULL where they mean "missing"."""
    text = trimmed(quoted)
    missing = ", ".join(map(_literal, sorted(wanted.words)))
    return f"CASE WHEN {text} IN ({missing}) THEN NULL ELSE {text} END"


def trimmed(quoted: str) -> str:
    """A column of texts without the space around them."""
    return f"trim({quoted}::VARCHAR, {_literal(_SPACE)})"


def refuse_absent(names: Sequence[str], wanted: Wanted) -> None:
    """Errors: `ColumnMissing`."""
    absent = [name for name in wanted.names if name not in names]
    if absent:
        raise ColumnMissing(
            f"The table has no column {absent[0]!r}{meant(absent[0], names)}; it has {', '.join(names)}."
        )


def _number(
    relation: duckdb.DuckDBPyRelation, name: str, given: str, kind: str, wanted: Wanted, delimiter: str
) -> str | None:
    """A column as DOUBLE in SQL; None where it is a category. given: its texts, NULL where missing."""
    quoted = quoted_name(name)
    column = Column(np.empty(0, dtype=object), kind, delimiter)
    refuse_type(name, column, "a number")
    if column.temporal:
        refuse_dates(name)
    gone = ", ".join(map(repr, missing_numbers(wanted.words))) or "NULL"
    if column.boolean:
        return f"{quoted}::INTEGER::DOUBLE"
    if kind.startswith(_NUMERIC):
        return f"CASE WHEN {quoted}::DOUBLE IN ({gone}) THEN NULL ELSE {quoted}::DOUBLE END"
    made = _notation(relation, name, given, wanted, delimiter)
    return made and f"CASE WHEN {made} IN ({gone}) THEN NULL ELSE {made} END"


def _notation(
    relation: duckdb.DuckDBPyRelation, name: str, given: str, wanted: Wanted, delimiter: str
) -> str | None:
    """How a column of texts becomes numbers, decided over all its cells. Errors: `OutsideDomain`."""
    number, logical = (
        f"(regexp_full_match({given}, {_literal(NUMBER)}) AND isfinite(TRY_CAST({given} AS DOUBLE)))",
        f"lower({given}) IN ('true', 'false')",
    )
    grouped = f"regexp_full_match({given}, {_literal(DOT_GROUPS)})"
    counts = relation.aggregate(
        f"count({given}), count_if({number}), count_if({logical}), count_if({grouped}), "
        f"count_if(contains({given}, '.'))"
    ).fetchall()[0]
    ambiguous = delimiter == ";" and counts[1] == counts[0] and 0 < counts[4] == counts[3]
    if counts[1] == counts[0] and not ambiguous:
        return f"CAST({given} AS DOUBLE)"
    if counts[2] == counts[0]:
        return f"CASE lower({given}) WHEN 'true' THEN 1.0::DOUBLE WHEN 'false' THEN 0.0::DOUBLE END"
    odd = relation.filter(f"{given} IS NOT NULL AND {grouped if ambiguous else f'NOT {number}'}")
    plain = relation.filter(number).project(f"{given} AS cell").limit(0 if ambiguous else 1)
    counted = odd.aggregate(f"{given} AS cell, count(*) AS n").order("n DESC, cell")
    few = Counter(dict(counted.limit(_LOOKED_AT).fetchall()))
    try:
        numbers([*few, *(cell for (cell,) in plain.fetchall())], wanted.words, delimiter)
    except NoNumbers as none:
        if none.categories or name in wanted.categories:
            return None
        none.words = Counter({word: few[word] for word in none.words})
        raise OutsideDomain(no_number(name, none)) from none
    return f"CAST(replace({given}, ',', '.') AS DOUBLE)"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
