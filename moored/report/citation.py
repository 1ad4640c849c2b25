"""How a version is cited: the method, the software, and this very version."""

from __future__ import annotations

from moored.plaintext import day_of
from moored.report.facts import Facts

METHOD = (
    "Byun, Gupta, Lipton, Childers and Wilder (2025). Valid Inference with Imperfect Synthetic Data. Advances in "
    "Neural Information Processing Systems. arXiv 2508.06635."
)


def citation(facts: Facts) -> list[str]:
    """The references to give, as text."""
    run = facts.run
    code, _, digest = str(run.code_version).partition("+")
    this = (
        f"Study {facts.study.name}, version {run.version}, published {day_of(run.stored_at)}, run "
        f"{run.run_id}, inputs {run.inputs}."
    )
    return [METHOD, f"The moored authors. moored, version {code} (code {digest}).", this]


def bibtex(facts: Facts) -> str:
    """The same for a reference manager."""
    run = facts.run
    code = str(run.code_version).partition("+")[0]
    return f"""@inproceedings{{byun2025valid,
  title     = {{Valid Inference with Imperfect Synthetic Data}},
  author    = {{Byun and Gupta and Lipton and Childers and Wilder}},
  booktitle = {{Advances in Neural Information Processing Systems}},
  year      = {{2025}},
  note      = {{arXiv 2508.06635}}
}}
@software{{moored,
  title   = {{moored: valid inference with imperfect synthetic data, as a pipeline}},
  author  = {{{{The moored authors}}}},
  version = {{{code}}},
  note    = {{study {facts.study.name}, version {run.version}, run {run.run_id}}}
}}
"""
