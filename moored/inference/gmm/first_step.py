"""The first step: theta from the labelled units, eta from all units or, to the letter, from W = I."""

from __future__ import annotations

from typing import Literal

import numpy as np

from moored.errors import DataInvalid, EstimationError, NotConverged, Separated, Unidentified
from moored.inference.data import Array
from moored.inference.events import refuse_constant
from moored.inference.failures import failure_warnings, one_sided
from moored.inference.families import Multinomial
from moored.inference.gmm.augmented import least_squares
from moored.inference.solve.newton import Equation, equation, solve_all
from moored.inference.solve.passes import Passes
from moored.plaintext import counted

FirstStep = Literal["full", "identity"]


def human_equation(passes: Passes) -> Equation:
    """sum_t w_t psi_t(theta) = 0 over the labelled units."""
    family = passes.family
    return equation(
        family,
        what="The human labels",
        terms=passes.terms,
        start=lambda block: block.human.start(family, block.weight),
        sums=lambda block, b: block.human.sums(family, b, block.weight),
        target=np.zeros(len(passes.terms)),
    )


def source_equation(passes: Passes, m: int) -> Equation:
    """sum_t h_t(eta_m) = 0 over all units: source m taken at its word."""
    family = passes.family
    return equation(
        family,
        what=f"Source {passes.names[m]!r}",
        terms=passes.terms,
        start=lambda block: block.sources[m].start(family, None),
        sums=lambda block, b: block.sources[m].sums(family, b, None),
        target=np.zeros(len(passes.terms)),
    )


def refuse_unidentified(passes: Passes) -> None:
    """Raise Unidentified with no more labelled units, or labelled clusters, than parameters."""
    n, p = passes.counts.independent, len(passes.terms)
    what = counted(n, "labelled cluster" if passes.clustered else "labelled unit")
    if n <= p:
        raise Unidentified(
            f"{what} cannot identify {counted(p, 'parameter')} and "
            f"{'its error' if p == 1 else 'their errors'}; label more, "
            "or drop covariates.",
            n=n,
            p=p,
        )


def refuse_empty_class(passes: Passes) -> None:
    """Raise Separated where no label is of some class: its coefficients would be minus infinity."""
    if not isinstance(passes.family, Multinomial):
        return
    classes = passes.family.classes
    sizes = np.zeros(classes, dtype=int)
    for block in passes:
        sizes += np.bincount(block.human.y.astype(int), minlength=classes)
    empty = np.flatnonzero(sizes == 0).tolist()
    if empty:
        which = f"class {empty[0]}" if len(empty) == 1 else f"the classes {', '.join(map(str, empty))}"
        raise Separated(
            f"No labelled unit is of {which}, so nothing is known of it from people: label units of it, or take "
            f"fewer classes (the labels are 0 to {classes - 1}).",
            term=f"{empty[0]}:{passes.terms[0].partition(':')[2]}",
        )


def solved(found: Equation) -> Array:
    """The root, or the failure raised."""
    if found.failure is not None:
        raise found.failure
    assert found.root is not None
    return found.root


def first_step(passes: Passes, first: FirstStep) -> tuple[Equation, dict[int, Array], list[str]]:
    """The human equation, solved, eta of each usable source, and warnings on the others."""
    if first not in ("full", "identity"):
        raise DataInvalid(f"The first step is {first!r}; use 'full' or 'identity'.")
    human, etas, warnings = first_fits(passes)
    solved(human)
    if first == "identity":
        etas = _identity_start(passes, etas)
    return human, etas, warnings


def first_fits(passes: Passes) -> tuple[Equation, dict[int, Array], list[str]]:
    """The human equation, solved or failed, eta of each usable source, and warnings on the others."""
    human = human_equation(passes)
    sources = [source_equation(passes, m) for m in range(len(passes.names))]
    solve_all(passes, [human, *sources])
    refuse_unidentified(passes)
    refuse_empty_class(passes)
    refuse_constant(passes)
    etas: dict[int, Array] = {}
    warnings = []
    unusable = one_sided(passes)
    for m, found in enumerate(sources):
        if m in unusable:
            warnings.append(unusable[m])
        elif found.failure is None:
            etas[m] = solved(found)
        else:
            warnings.append(f"source {passes.names[m]!r} dropped: {_reason(found.failure)}")
    return human, etas, warnings + failure_warnings(passes, list(etas))


def _reason(failure: EstimationError) -> str:
    _, _, text = failure.message.partition(": ")
    return text.split(";")[0].rstrip(".")


def _identity_start(passes: Passes, etas: dict[int, Array]) -> dict[int, Array]:
    """Minimise |sum_L w h|^2 + |sum_all h|^2 over each eta: the paper's first step, W = I, to the letter."""
    out = {}
    for m, eta in etas.items():
        k = len(eta)
        to_all = np.eye(2 * k)  # z holds (labelled, remaining); the paper's second block is their sum
        to_all[k:, :k] = np.eye(k)
        try:
            out[m] = least_squares(passes, (m,), eta, to_all)[0]
        except NotConverged as error:
            raise NotConverged(
                f"Source {passes.names[m]!r} has no identity-weighted first step that Newton's method finds; "
                "bring the covariates to one scale, or use first_step='full', which does not depend on it."
            ) from error
    return out
