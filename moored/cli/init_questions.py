"""What `moored init` asks at a terminal: each question with a default, and Enter takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from moored.cli.render import say
from moored.fetch.models import EMBEDDED, known_models

if TYPE_CHECKING:
    from moored.study.draft import Draft, Given
    from moored.study.draft.draft import Doubt

_RANDOM = {"yes": "simple-random", "no": "undeclared", "unsure": "undeclared"}
_NONE = "none"


def ask_doubt(doubt: Doubt) -> str:
    """Settle one guess."""
    return _choose(doubt.question, (doubt.taken, *doubt.others), doubt.taken)


def ask_answers(refusal: str) -> str:
    """Which label counts as 1, where nothing says it."""
    say(refusal)
    return _typed("Which label counts as 1, against all others?", "")


def ask_label(refusal: str) -> str:
    """Which column holds the labels, where none looks like it."""
    say(refusal)
    return _typed("Which column holds the human labels? (Ctrl-C to stop)", "")


def ask_rest(propose: Callable[[Given], Draft], draft: Draft, *, model_given: bool) -> Draft:
    """The question, the covariates, the design and the model, as far as nobody has stated them."""
    given = draft.given
    if given.question is None:
        given = replace(given, question=_typed("What were people asked of each text?", draft.labels.ask))
    if given.covariates is None and (draft.covariates or draft.others):
        given = replace(given, covariates=_covariates(draft))
    if given.design is None and given.probability is None and draft.labels.labelled < draft.table.units:
        chance = _choose("Did chance alone choose the rows that people labelled?", tuple(_RANDOM), "unsure")
        given = replace(given, design=_RANDOM[chance])  # type: ignore[arg-type]
    here = _models_here()
    if not model_given and (draft.model.name != EMBEDDED or len(here) > 1):
        question = f"Which model reads the texts? ({' or '.join(here)}: free, here)"
        given = replace(given, model=_typed(question, draft.model.name))
    return propose(given)


def _models_here() -> list[str]:
    """The embedded model, which always comes along, and the others that were fetched."""
    from moored.fetch.obtain import has_size
    from moored.settings import read_settings

    cache = read_settings().cache
    return [name for name, model in known_models().items() if name == EMBEDDED or has_size(model, cache)]


def _covariates(draft: Draft) -> tuple[str, ...]:
    for covariate in (*draft.covariates, *draft.others):
        say(f"{covariate.column}: {covariate.why}", indent="  ")
    known = {c.column for c in (*draft.covariates, *draft.others)}
    proposed = ", ".join(c.column for c in draft.covariates) or _NONE
    while True:
        said = _typed(f"Which of these explain the label? (names and commas, or {_NONE})", proposed)
        names = tuple(name.strip() for name in said.split(",") if name.strip())
        if names == (_NONE,):
            return ()
        if names and set(names) <= known:
            return names
        say(f"there is no {', '.join(sorted(set(names) - known))}")


def _choose(question: str, choices: tuple[str, ...], default: str) -> str:
    from rich.prompt import Prompt
    from rich.text import Text

    return str(Prompt.ask(Text(question), choices=list(choices), default=default))


def _typed(question: str, default: str) -> str:
    from rich.prompt import Prompt
    from rich.text import Text

    said = Prompt.ask(Text(question), default=default) if default else Prompt.ask(Text(question))
    return str(said).strip() or default
