"""`moored estimate`: a table with some human labels and model columns in, estimates out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moored.cli.answer import print_estimates
from moored.cli.estimate_table import Written, data_dialect, open_table
from moored.cli.render import print_json, say
from moored.errors import DataInvalid
from moored.numbers import p_equals
from moored.plaintext import counted
from moored.storage.published import estimate_rows

if TYPE_CHECKING:
    from moored.inference import Fit, Sample
    from moored.inference.solve.passes import Stream
    from moored.storage.delimited import Dialect

ESTIMATE_KEYS = ("estimator", "term", "estimate", "se", "lower", "upper", "p_value", "effective_n", "r2")


def estimate_command(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV, Excel, SPSS, Stata, Parquet, book.xlsx::sheet, ...")
    ],
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
    target: Annotated[
        str,
        typer.Option(
            help="What intervals are for: population, or corpus (what all labels would have given)."
        ),
    ] = "population",
    adjust: Annotated[
        str | None,
        typer.Option(
            help="For reading all terms: p-values (holm, bonferroni), or intervals that hold for all of them at "
            "once, with theirs (simultaneous)."
        ),
    ] = None,
    first_step: Annotated[str, typer.Option(help="full, or identity: the paper's to the letter.")] = "full",
    stream: Annotated[
        bool, typer.Option("--stream", help="Read in chunks (done unasked above 1e8 cells).")
    ] = False,
    na: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD", help="A word that means missing, such as -99. Repeatable."),
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of a CSV that is not in UTF-8: cp1252.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Of a CSV whose first rows do not tell.")] = None,
    skip_rows: Annotated[int, typer.Option(help="Rows under the header that are no data.", min=0)] = 0,
    codes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="Of SPSS, Stata or SAS: read its codes, not its labels. Repeatable."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Estimate from few human labels and many model outputs."""
    from moored.inference import estimate
    from moored.inference.formula import Columns
    from moored.reader.levels import stated_level

    file, sources = pair_sources(file, source or [], formulas or [])
    columns = Columns(
        formula, labelled, sources, weights=weights, cluster=cluster, strata=strata, missing=missing
    )
    options: dict[str, Any] = {
        "family": family,
        "level": stated_level(level),
        "alternative": alternative,
        "first_step": first_step,
    }
    options |= {"target": target}
    written = Written(tuple(na or ()), encoding, delimiter, skip_rows, tuple(codes or ()))
    data = open_table(file, columns, written, stream=stream)
    fits = estimate(data, estimators=estimator or None, **options)
    headline, tests = headline_for(data, family), tests_of(data, family)
    result = as_json(fits, headline, tests, adjust)
    read = _how_read(file, data_dialect(columns, written))
    if json:
        print_json(result | {"notes": [*read, *_readings(fits), *_alarms(tests)]})
        return
    print_estimates(estimate_rows(fits), headline)
    for line in (*read, *_headline_lines(headline, fits)):
        say(line)
    print_fits(fits)
    _print_tests(tests)
    _print_adjusted(result["estimates"], adjust)


def pair_sources(file: str, names: Sequence[str], values: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The file and name -> formula. After `--source NAME` the formula is read as an argument of its own."""
    given = [file, *values]
    if len(given) != len(names) + 1:
        raise DataInvalid(
            f"{counted(len(names), 'source')} came with {counted(len(given) - 1, 'formula')}; "
            'write --source NAME "yhat ~ xhat" for each.'
        )
    at = next((i for i, text in enumerate(given) if "~" not in text), 0)
    formulas = given[:at] + given[at + 1 :]
    if len(set(names)) < len(names):
        raise DataInvalid(f"Two sources share a name: {', '.join(names)}; give each its own.")
    return given[at], dict(zip(names, formulas, strict=True))


def headline_for(data: Sample | Stream, family: str) -> str:
    """The estimator that the rule names for the table, as a study has it."""
    from moored.inference import Sample, headline

    streamed = not isinstance(data, Sample)
    first = data if isinstance(data, Sample) else next(iter(data()))
    synthetic = any(source.kind == "synthetic" for source in first.sources)
    return headline(family, len(first.sources), synthetic=synthetic, streamed=streamed)


def tests_of(data: Sample | Stream, family: str) -> list[dict[str, Any]]:
    """What a run would ask before it estimates: is labelling random, is failing, does each source agree?"""
    from moored.inference import labelling_test, missing_tests, source_tests

    found: list[dict[str, Any]] = []
    for what, asked in (("agreement", source_tests), ("failing", missing_tests)):
        found += [{"test": what, "source": t.name, "p_value": t.p_value} for t in asked(data, family)]
    labelling = labelling_test(data, family)
    if labelling is not None:
        found.append({"test": "labelling", "source": None, "p_value": labelling.p_value})
    return found


def as_json(
    fits: Sequence[Fit],
    headline: str | None = None,
    tests: Sequence[dict[str, Any]] = (),
    adjust: Any = None,
) -> dict[str, Any]:
    """{"estimates": [...], "fits": [...], "headline": ..., "tests": [...]}: numbers finite or null."""
    from moored.row_role import role_of

    rows = []
    for fit in fits:
        for row, more in zip(fit.rows(), _adjusted(fit, adjust), strict=True):
            told = {key: row[key] for key in ESTIMATE_KEYS} | {"role": role_of(fit.estimator, headline)}
            rows.append(told | more)
    return {
        "estimates": rows,
        "fits": [
            fit.record()
            | {key: getattr(fit, key) for key in ("family", "level", "alternative")}
            | {"role": role_of(fit.estimator, headline)}
            for fit in fits
        ],
        "headline": headline,
        "tests": list(tests),
    }


def _how_read(file: str, dialect: Dialect) -> list[str]:
    """How the table was read, where that is not the usual."""
    from moored.storage.columns import reading_notes

    notes = reading_notes(file, dialect)
    return [f"The table: {'; '.join(notes)}."] if notes else []


def _headline_lines(headline: str, fits: Sequence[Fit]) -> Iterator[str]:
    if headline in {fit.estimator for fit in fits}:
        yield f"The estimate to read is {headline}, by a rule fixed before the numbers; the others compare."
    else:
        yield f"The rule names {headline}, which was not asked for: --estimator {headline}."
    if fits and fits[0].target == "corpus":
        yield "The intervals are for what all labels of these very units would have given (target: corpus)."


def _readings(fits: Sequence[Fit]) -> tuple[str, ...]:
    """What the numbers are."""
    from moored.reader.text import reading_of

    return tuple(reading_of(fits[0])) if fits else ()


def _alarms(tests: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The tests that look bad, all tests together at .05 (Bonferroni)."""
    why = {
        "agreement": "human and model labels disagree for {source}: a source treats labelled units otherwise",
        "failing": "{source} fails more often on one side: run its failed generations again first",
        "labelling": "labelled and unlabelled units differ in readings or covariates: labelling was not random",
    }
    for test in tests:
        if test["p_value"] < 0.05 / len(tests):
            yield f"warning: {why[test['test']].format(**test)} ({p_equals(test['p_value'])})"


def _print_tests(tests: Sequence[dict[str, Any]]) -> None:
    for line in _alarms(tests):
        say(line)
    if tests:
        say(
            f"{counted(len(tests), 'test of the design was', 'tests of the design were')} asked; --json "
            "has all of them."
        )


def _adjusted(fit: Fit, adjust: str | None) -> list[dict[str, float | None]]:
    """For each term what a reader of all terms needs: p_adjusted, and with "simultaneous" the interval's ends."""
    if adjust not in (None, "holm", "bonferroni", "simultaneous"):
        raise DataInvalid(
            f"--adjust came as {adjust!r}; use holm or bonferroni for p-values, simultaneous for intervals, too."
        )
    if adjust is None:
        return [{} for _ in fit.terms]
    p_values = fit.adjusted("holm" if adjust == "holm" else "bonferroni")
    rows: list[dict[str, float | None]] = [{"p_adjusted": float(p)} for p in p_values]
    if adjust != "simultaneous":
        return rows
    ends = zip(*fit.simultaneous(), strict=True)
    return [
        row | {"lower_adjusted": _finite_or_none(low), "upper_adjusted": _finite_or_none(high)}
        for row, (low, high) in zip(rows, ends, strict=True)
    ]


def _print_adjusted(rows: Sequence[dict[str, Any]], adjust: str | None) -> None:
    for row in rows if adjust else ():
        line = f"{row['estimator']} {row['term']}: {p_equals(row['p_adjusted'])}"
        if "lower_adjusted" in row:
            low, high = (
                "open" if (end := row[key]) is None else f"{end:.4g}"
                for key in ("lower_adjusted", "upper_adjusted")
            )
            line += f", interval {low} to {high}"
        say(f"{line} ({adjust}, all terms)")


def print_fits(fits: Sequence[Fit]) -> None:
    """What the numbers are, then labels, agreement test and warnings, a line per estimator."""
    for line in _readings(fits):
        say(line)
    for fit in fits:
        line = f"{fit.estimator}: {fit.n_labelled:,} of {fit.n_total:,} units labelled"
        if fit.j_p_value is not None:
            line += f"; agreement test of human and model labels: {p_equals(fit.j_p_value)}"
        say(line)
        for warning in fit.warnings:
            say(warning, indent="  ")


def _finite_or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
