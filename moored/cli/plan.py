"""`moored plan`: what a run would ask and cost, before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moored.cli.render import print_json, print_table, say
from moored.cli.studies import JsonOption, StudyArgument
from moored.settings import read_settings

if TYPE_CHECKING:
    from moored.run.forecast import Forecast

_COLUMNS = {
    "source": "=",
    "step": "=",
    "requests": ",d",
    "stored": ",d",
    "prompt_tokens": ",d",
    "completion_tokens": ",d",
    "usd": ",.4f",
}


def plan_command(study: StudyArgument, json: JsonOption = False) -> None:
    """Count calls, tokens and cost of a run on the actual prompts; nothing is sent."""
    from moored.run.forecast import forecast
    from moored.storage.studies import find_study

    settings = read_settings()
    loaded, folder = find_study(study, settings.store)
    seen = forecast(loaded, folder, settings)
    if json:
        print_json(seen.as_json())
    else:
        _print(seen)


def _print(seen: Forecast) -> None:
    rows = [*seen.as_json()["steps"], {"source": "all", "step": ""} | seen.total]
    print_table(rows, _COLUMNS, title=f"{seen.study}: {seen.units} units, to be sent at most")
    say(
        "stored: answered before, free. Tokens are estimates: prompts by their bytes, replies as long as "
        "allowed. Second attempts and repairs come on top."
    )
    for cap in seen.caps:
        if cap["limit"] is None:
            continue
        verdict = "enough" if cap["enough"] else "not enough: the run stops there; what it has is stored"
        say(f"{cap['cap']}: {cap['limit']:,}, spent {cap['spent']:,}, this run {cap['planned']:,}: {verdict}")
    if all(cap["limit"] is None for cap in seen.caps):
        say("no cap is set (`generation.max_requests`, `max_tokens`, `max_usd`)")
    if unpriced := sorted({step.source for step in seen.steps if not step.priced}):
        say(f"no price is known for {', '.join(unpriced)}, the cost is left out; set `model.usd_per_million`")
    if tables := sorted({step.prices for step in seen.steps if step.priced} - {"local", "study"}):
        say(
            f"prices as of {', '.join(tables)}, not checked against the provider; check them, or set "
            "`model.usd_per_million`"
        )
    for model in seen.assumed:
        say(
            f"{model} was never asked what it gives, so this is the costliest case: sampled draws. "
            f"`moored validate` asks it (1 to 3 requests), then plan again"
        )
