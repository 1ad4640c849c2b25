"""`moored estimate`: a table with some human labels and model columns in, estimates out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moored.cli.answer import print_estimates
from moored.cli.numbers import p_value, scale_of
from moored.cli.render import print_json, say
from moored.errors import DataInvalid

if TYPE_CHECKING:
    from moored.inference import Fit
    from moored.inference.formula import Columns

ESTIMATE_KEYS = ("estimator", "term", "estimate", "se", "lower", "upper", "p_value", "effective_n", "r2")
CHUNK = 200_000
MANY_CELLS = 10**8  # rows times columns above which a table is read in chunks unasked: some 3 GB in memory
SMALL_FILE = 10**8  # bytes below which nobody counts the cells


def estimate_command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV, Parquet, or store.duckdb::table.")],
    formula: Annotated[str, typer.Option(help='Over the human columns, such as "y ~ x".')],
    labelled: Annotated[str, typer.Option(help="Column that is 1 or true where a unit is labelled.")],
    formulas: Annotated[list[str] | None, typer.Argument(metavar="", hidden=True)] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            metavar='NAME "FORMULA"',
            help="A source: its name, then its formula. Names that start with syn, or end in :synthetic, are "
            "synthetic sources. Repeatable.",
        ),
    ] = None,
    family: Annotated[
        str, typer.Option(help="mean, ols, logit, poisson, quantile:TAU or multinomial:CLASSES.")
    ] = "ols",
    estimator: Annotated[list[str] | None, typer.Option(help="An estimator's name. Repeatable.")] = None,
    weights: Annotated[str | None, typer.Option(help="Column of 1 / labelling probability.")] = None,
    cluster: Annotated[str | None, typer.Option(help="Column of the group whose units depend.")] = None,
    strata: Annotated[str | None, typer.Option(help="Column of the stratum units were labelled in.")] = None,
    missing: Annotated[
        str,
        typer.Option(help="Labelled units without a value: refuse, or drop (docs/formulas.md says how)."),
    ] = "refuse",
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    alternative: Annotated[str, typer.Option(help="two-sided, larger or smaller.")] = "two-sided",
    first_step: Annotated[str, typer.Option(help="full, or identity: the paper's to the letter.")] = "full",
    stream: Annotated[
        bool, typer.Option("--stream", help="Read in chunks (done unasked above 1e8 cells).")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Estimate from few human labels and many model outputs."""
    from moored.inference.formula import Columns

    file, sources = pair_sources(file, source or [], formulas or [])
    columns = Columns(
        formula, labelled, sources, weights=weights, cluster=cluster, strata=strata, missing=missing
    )
    options = {"family": family, "level": level, "alternative": alternative, "first_step": first_step}
    fits = fit_table(file, columns, estimator or None, options, stream=stream)
    result = as_json(fits)
    if json:
        print_json(result)
        return
    print_estimates([row for fit in fits for row in fit.rows()], None)
    print_fits(fits)


def pair_sources(file: str, names: Sequence[str], values: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The file and name -> formula. After `--source NAME` the formula is read as an argument of its own."""
    given = [file, *values]
    if len(given) != len(names) + 1:
        raise DataInvalid(
            f"{len(names)} sources came with {len(given) - 1} formulas; "
            'write --source NAME "yhat ~ xhat" for each.'
        )
    at = next((i for i, text in enumerate(given) if "~" not in text), 0)
    formulas = given[:at] + given[at + 1 :]
    if len(set(names)) < len(names):
        raise DataInvalid(f"Two sources share a name: {', '.join(names)}; give each its own.")
    return given[at], dict(zip(names, formulas, strict=True))


def fit_table(
    file: str,
    columns: Columns,
    estimators: Sequence[str] | None,
    options: dict[str, Any],
    *,
    stream: bool = False,
) -> tuple[Fit, ...]:
    """The fits of a table, read whole or in chunks."""
    from moored.inference import estimate
    from moored.inference.formula import needed_columns, sample_from_frame, stream_from_frames
    from moored.storage.frames import chunks, column_names, read_table

    used = needed_columns(columns, column_names(file))
    if stream or _is_large(file, used):
        data: Any = stream_from_frames(lambda: chunks(file, used, CHUNK), columns)
    else:
        data = sample_from_frame(read_table(file), columns)
    return estimate(data, estimators=estimators, **options)


def _is_large(file: str, used: Sequence[str]) -> bool:
    """Whether the used columns hold more than MANY_CELLS; a column of a big file is read to know."""
    from moored.storage.frames import chunks

    if Path(file.partition("::")[0]).stat().st_size < SMALL_FILE:
        return False
    return sum(map(len, chunks(file, used[:1], CHUNK))) * len(used) > MANY_CELLS


def as_json(fits: Sequence[Fit]) -> dict[str, Any]:
    """{"estimates": [...], "fits": [...]}: numbers finite or null."""
    return {
        "estimates": [{key: row[key] for key in ESTIMATE_KEYS} for fit in fits for row in fit.rows()],
        "fits": [fit.summary() for fit in fits],
    }


def print_fits(fits: Sequence[Fit]) -> None:
    """What the numbers are, then labels, agreement test and warnings, a line per estimator."""
    if fits and (scale := scale_of(fits[0].family)):
        say(f"The numbers are {scale}.")
    for fit in fits:
        line = f"{fit.estimator}: {fit.n_labelled:,} of {fit.n_total:,} units labelled"
        if fit.j_p_value is not None:
            line += f"; agreement test of human and model labels: p = {p_value(fit.j_p_value)}"
        say(line)
        for warning in fit.warnings:
            say(warning, indent="  ")
