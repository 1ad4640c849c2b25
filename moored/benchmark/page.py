"""The tables of docs/benchmark.md, as Markdown, from a stored version; and the page with its tables put in.

In the page each table stands between `<!-- begin: NAME -->` and `<!-- end -->`; what is between is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from moored.benchmark.claims import OURS, by_setting, claims, focus
from moored.benchmark.models import Need, by_models, model_of, needs, who
from moored.errors import DataInvalid
from moored.plaintext import counted, day_of

_PLACE = re.compile(r"(<!-- begin: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str, tables: Mapping[str, str]) -> str:
    """The page with its tables replaced. Errors: `DataInvalid` for a place that no table fills."""

    def fill(place: re.Match[str]) -> str:
        if place[2] not in tables:
            raise DataInvalid(f"the page asks for a table {place[2]!r}; there are {', '.join(tables)}")
        return place[1] + tables[place[2]] + place[3]

    return _PLACE.sub(fill, page)


def page_tables(version: Mapping[str, Any]) -> dict[str, str]:
    """Every table by name; those without rows say so."""
    tasks = version["tasks"]
    out = {"run": _run(version), "worlds": _worlds(version["worlds"]), "time": _time(version["timings"])}
    if not tasks:
        return out
    whole = focus(version["results"], tasks)
    fixed = "fixed" in version["plan"]["designs"]
    own = {row["task"] for row in tasks if row["paper"]}
    paper = whole[whole["task"].isin(own)]
    return out | {
        "tasks": _tasks(tasks),
        "claims": _claims(by_models(paper, version["sources"]) | {"all tasks": whole}),
        "fails": _fails(whole),
        "needs": _needs(needs(whole, tasks), who(version["sources"])),
        "sources": _sources(version["sources"]),
        "mse": _settings(whole, "mse_ratio", ".2f"),
        "bias": _settings(whole, "bias_ratio", ".2f"),
        "width": _settings(whole, "width_ratio", ".2f"),
        "coverage": _coverage(whole),
        "coverage-fixed": _coverage(focus(version["results"], tasks, "fixed")) if fixed else "not run\n",
        "saved": _saved(whole, tasks),
        "failed": _failed(whole),
    }


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _n(value: Any, form: str) -> str:
    return "" if value is None or pd.isna(value) else format(float(value), form)


def _run(version: Mapping[str, Any]) -> str:
    plan = version["plan"]
    return (
        f"{counted(plan['trials'], 'trial')}, seed {plan['seed']}, label fractions "
        f"{', '.join(f'{share:g}' for share in plan['fractions'])}; {counted(len(version['tasks']), 'setting')}; "
        f"moored {version['code_version']}, {day_of(version['stored_at'])}; {_clock(version)}.\n"
    )


def _clock(version: Mapping[str, Any]) -> str:
    """Time of the run that stored the version: of all rows, or of what it added to another."""
    minutes, seconds = divmod(round(version["wall_s"]), 60)
    onto = version["plan"].get("onto")
    what = "" if onto is None else f", for what is not from version {onto}"
    return f"{minutes} min {seconds} s by the clock with {counted(version['workers'], 'worker')}{what}"


def _tasks(tasks: Sequence[Mapping[str, Any]]) -> str:
    head = ["task", "units", "term", "slope by all labels (se)", "naive proxy", "naive synthetic"]
    head += ["R2 proxy", "R2 synthetic", "R2 both"]
    rows = [
        [
            f"{row['task']} {row['family']}",
            f"{row['units']}",
            row["term"],
            f"{row['truth']:.3f} ({row['truth_se']:.3f})",
            *(_n(row[name], ".3f") for name in ("naive_proxy", "naive_synthetic")),
            *(_n(row[name], ".3f") for name in ("r2_proxy", "r2_synthetic", "r2")),
        ]
        for row in tasks
    ]
    return markdown(head, rows)


def _sources(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line per source of a task: the two families' R2 side by side where they differ."""
    lines: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        lines.setdefault((row["task"], row["source"]), []).append(row)
    head = ["task", "source", "model", "kind", "R2 alone", "adjusted", "beyond the task's other sources"]
    body = [
        [task, source, model_of(source), group[0]["kind"]]
        + [_either([row[name] for row in group]) for name in ("r2", "r2_adjusted", "r2_beyond")]
        for (task, source), group in lines.items()
    ]
    return markdown(head, body) if body else "not run\n"


def _either(values: Sequence[float]) -> str:
    """One figure, or each family's."""
    return " / ".join(dict.fromkeys(f"{value:.3f}" for value in values))


def _needs(found: Sequence[Need], whose: Mapping[str, str]) -> str:
    if not found:
        return "no task was run with all methods and a synthetic source\n"
    head = [
        "setting",
        "sources",
        "R2 now",
        "lowest MSE",
        "lower MSE than gmm-proxy",
        "half of the labels saved",
    ]
    rows = [
        [need.setting, whose.get(need.setting.rpartition(" ")[0], ""), f"{need.r2:.2f}"]
        + ["holds" if value is None else f"{value:.2f}" for value in (need.best, need.proxies, need.half)]
        for need in found
    ]
    return markdown(head, rows)


def _claims(groups: Mapping[str, pd.DataFrame]) -> str:
    found = {name: held for name, frame in groups.items() if (held := claims(frame))}
    if not found:
        return "no task was run with all methods and a synthetic source\n"
    rows = []
    for index, claim in enumerate(next(iter(found.values()))):
        here = [f"{group[index].held} of {group[index].settings}" for group in found.values()]
        rows.append([claim.name, claim.paper, *here])
    return markdown(["claim", "paper", *found], rows)


def _fails(frame: pd.DataFrame) -> str:
    """Where each claim does not hold."""
    settings = list(dict.fromkeys(frame.loc[frame["estimator"] == OURS, "setting"]))
    rows = []
    for claim in claims(frame):
        fails = [name for name in settings if name not in claim.where]
        rows.append([claim.name, ", ".join(fails) or "nowhere"])
    return markdown(["claim", "does not hold for"], rows) if rows else "not run\n"


def _settings(frame: pd.DataFrame, value: str, form: str) -> str:
    table = by_setting(frame, value)
    rows = [
        [setting, *(_n(number, form) for number in row)]
        for setting, row in zip(map(str, table.index), table.to_numpy(), strict=True)
    ]
    return markdown(["setting", *map(str, table.columns)], rows)


def _coverage(frame: pd.DataFrame) -> str:
    low = frame["coverage"] < frame["band_low"]
    frame = frame.assign(low=low)
    rows = []
    for setting, group in frame.groupby("setting", sort=False):
        cells = []
        for name in dict.fromkeys(frame["estimator"]):
            own = group[group["estimator"] == name]
            text = f"{own['coverage'].min():.2f}-{own['coverage'].max():.2f}" if len(own) else ""
            cells.append(text + (f" ({int(own['low'].sum())})" if own["low"].any() else ""))
        rows.append([str(setting), *cells])
    return markdown(["setting", *dict.fromkeys(frame["estimator"])], rows)


def _saved(frame: pd.DataFrame, tasks: Sequence[Mapping[str, Any]]) -> str:
    bounds = {f"{row['task']} {row['family']}": row["r2"] for row in tasks}
    fractions = sorted(set(frame["fraction"]))
    best = frame[frame["estimator"].isin(["gmm-synth", "gmm-proxy"])]
    rows = []
    for setting, group in best.groupby("setting", sort=False):
        name = "gmm-synth" if (group["estimator"] == "gmm-synth").any() else "gmm-proxy"
        own = group[group["estimator"] == name].set_index("fraction")["labels_saved"]
        most = bounds[str(setting)]
        cells = [f"{own[share]:z.0%} ({(1.0 - share) * most:.0%})" for share in fractions]
        rows.append([str(setting), name, *cells])
    return markdown(["setting", "method", *(f"{share:.0%}" for share in fractions)], rows)


def _failed(frame: pd.DataFrame) -> str:
    bad = frame[frame["failed"] > 0]
    if bad.empty:
        return "No fit failed.\n"
    alike: dict[tuple[str, ...], list[str]] = {}
    for row in bad.to_dict("records"):
        failed = f"{row['failed']} of {row['trials']}"
        key = (row["setting"], f"{row['fraction']:.0%}", failed, ", ".join(row["failures"]))
        alike.setdefault(key, []).append(row["estimator"])
    rows = [[setting, share, ", ".join(names), *rest] for (setting, share, *rest), names in alike.items()]
    return markdown(["setting", "labelled", "methods", "failed", "why"], rows)


def _worlds(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "not run\n"
    names = list(dict.fromkeys(row["estimator"] for row in rows))
    table: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        table.setdefault((row["scenario"], row["world"]), {})[row["estimator"]] = row
    lines = []
    for (scenario, world), group in table.items():
        first = next(iter(group.values()))
        cells = [_world_cell(group[name]) for name in names]
        rejected = next((row["j_rejected"] for row in group.values() if row["j_rejected"] is not None), None)
        lines.append(
            [
                scenario,
                world,
                f"{first['n']} of {first['units']}",
                str(first["sources"]),
                *cells,
                _n(rejected, ".0%"),
                _stopped(first),
            ]
        )
    return markdown(["scenario", "world", "labelled", "sources", *names, "J rejects", "checks stop"], lines)


def _stopped(row: Mapping[str, Any]) -> str:
    """The share of draws that the checks stop, and the test that stopped the most."""
    by = f" ({row['stopped_by'][0].partition(' ')[2]})" if row["stopped_by"] else ""
    return "" if row["stopped"] is None else f"{100 * row['stopped']:.3g}%{by}"


def _world_cell(row: Mapping[str, Any]) -> str:
    low = row["coverage"] is not None and row["coverage"] < row["band_low"]
    text = f"{_n(row['coverage'], '.2f')} / {_n(row['mse_ratio'], '.2f')}"
    return f"**{text}**" if low else text


def _time(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "not run\n"
    frame = pd.DataFrame(list(rows))
    total = frame.groupby("estimator", sort=False)[["fits", "ordinary", "cpu_seconds"]].sum()
    lines = [
        [
            str(name),
            f"{int(row.fits):,}",
            f"{int(row.ordinary):,}",
            f"{1000 * row.cpu_seconds / row.fits:.2f} ms",
        ]
        for name, row in total.iterrows()
    ]
    whole = total.sum()
    lines.append(
        ["all", f"{int(whole.fits):,}", f"{int(whole.ordinary):,}", f"{whole.cpu_seconds:.0f} s in all"]
    )
    return markdown(["method", "fits", "by the ordinary estimator", "CPU a fit"], lines)
