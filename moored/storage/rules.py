"""SQL expressions of a study, computed over a table in a database of their own.

That database has no files, no network and no other table: a rule computes over its row and does nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pandas as pd

from moored.errors import ColumnMissing, StudyInvalid, UnsafeRule

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "lock_configuration": "true",
}


def evaluate(rules: Mapping[str, str], frame: pd.DataFrame) -> pd.DataFrame:
    """Each rule's value for each row of `frame`, in its order, as a column named like the rule.

    Errors: `ColumnMissing` (a rule names a column that `frame` does not have), `UnsafeRule` (it reads files or
    mixes rows), `StudyInvalid` (it is not an SQL expression).
    """
    with duckdb.connect(":memory:", config=_CONFIG) as sandbox:
        sandbox.register("data", frame)
        columns = {name: _evaluate_one(sandbox, name, rule, frame) for name, rule in rules.items()}
    return pd.DataFrame(columns, index=frame.index)


def _evaluate_one(sandbox: duckdb.DuckDBPyConnection, name: str, rule: str, frame: pd.DataFrame) -> pd.Series:
    try:
        result = sandbox.table("data").project(f"({rule}) AS value").df()
    except duckdb.BinderException as error:
        if "not found in FROM clause" not in str(error):
            raise StudyInvalid(f"the rule of {name!r} is no SQL expression: {_first_line(error)}") from error
        raise ColumnMissing(
            f"the rule of {name!r}, `{rule}`, names a column that the data do not have; "
            f"they have {', '.join(map(str, frame.columns))}"
        ) from error
    except duckdb.PermissionException as error:
        raise UnsafeRule(f"the rule of {name!r}, `{rule}`, may compute over its row only") from error
    except duckdb.Error as error:
        raise StudyInvalid(f"the rule of {name!r} is no SQL expression: {_first_line(error)}") from error
    if list(result.columns) != ["value"] or len(result) != len(frame):
        raise UnsafeRule(f"the rule of {name!r}, `{rule}`, must give one value for each row")
    return pd.Series(result["value"].array, index=frame.index)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
