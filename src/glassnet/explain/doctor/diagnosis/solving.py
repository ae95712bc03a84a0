"""A case with a person's gradients, solved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from glassnet.checks import listed
from glassnet.explain.doctor.diagnosis.findings import (
    WRONG_DTYPE,
    dtype_mistakes,
    rows_of,
    start_of,
    told,
)
from glassnet.explain.doctor.diagnosis.matching import Tolerance, match
from glassnet.explain.doctor.diagnosis.plain import AnyCase
from glassnet.explain.doctor.diagnosis.report import Diagnosis, Mistake, Row
from glassnet.explain.doctor.diagnosis.search import Hypothesis, Search

Arrays = Mapping[str, np.ndarray]
KEPT = 6
"""How many explanations are kept."""


def solved(
    case: AnyCase,
    given: Arrays,
    *,
    accumulated: tuple[str, ...] = (),
    subject: str = "the gradients",
) -> Diagnosis:
    """Return the diagnosis of a person's gradients.

    Args:
        case: the network and the batch.
        given: the arrays by name, in backward order.
        accumulated: those that a second call of the same function doubled.
        subject: what sentences call them.
    """
    given, notes = _by_convention(case, dict(given))
    search = Search(case, given, case.variants(list(given)))
    types = dtype_mistakes(case, given, search.base)
    rows = rows_of(case, given, search.base, search.tolerance)
    added = _added_up(case, accumulated)
    if search.is_right:
        alone = [(m,) for m in (*types, *added)]
        return Diagnosis(tuple(alone), rows, "", notes, subject)
    hypotheses = search.run()
    harmless = _harmless(hypotheses)
    if harmless is not None:
        note = harmless.variants[0].sentence
        right = tuple(_as_right(row) for row in rows)
        return Diagnosis(tuple((m,) for m in (*types, *added)), right, "", (*notes, note), subject)
    found = [told(case, h, search.names) for h in hypotheses[:KEPT]]
    if types and not found:  # too coarse to say more
        found = [(types[0],)]
    elif types:
        whole = all(m.kind == WRONG_DTYPE for m in types) and set(
            types[0].gradients) >= {r.name for r in rows if not r.ok}  # fmt: skip
        found = [(types[0],), *found] if whole else [(*f, types[0]) for f in found]
    if added:
        found = [(*f, *added) for f in found] or [tuple(added)]
    starts = "" if found else start_of(case, rows)
    return Diagnosis(tuple(found), rows, starts, notes, subject)


def _harmless(hypotheses: list[Hypothesis]) -> Hypothesis | None:
    """The first explanation that is no mistake but another choice, if there is one."""
    for one in hypotheses:
        if one.variants and not one.factors and all(v.harmless for v in one.variants):
            return one
    return None


def _as_right(row: Row) -> Row:
    return replace(row, verdict="right")


def _added_up(case: AnyCase, names: tuple[str, ...]) -> list[Mistake]:
    if not names:
        return []
    return [Mistake(
        "accumulated instead of replaced",
        "Called a second time on the same batch, the backward pass doubled "
        f"{listed(names)}: it adds to what was there.", case.equation(names[0]),
        "set gradients anew in each backward pass: dW = …, not dW += …, or zero them first",
        names[0], names,
    )]  # fmt: skip


def _by_convention(
    case: AnyCase, given: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Divide derivatives by Z and A that leave the 1/m to dW and db, which is as good a way."""
    between = [n for n in given if not case.is_weight(n)]
    weights = [n for n in given if n not in between]
    m = case.examples
    if not between or not weights or m == 1 or not case.averaged:
        return given, ()
    right = case.predicted(None, list(given))
    tolerance = Tolerance.for_arrays(given)
    found = {n: match(given[n], right[n], tolerance.of[n]) for n in given}
    if not all(abs(found[n].factor / m - 1) < 1e-4 for n in between):
        return given, ()
    if all(abs(found[n].factor / m - 1) < 1e-4 for n in weights):
        return given, ()  # the factor is missing throughout
    note = f"{', '.join(between)} is m times ∂J/∂Z, as where the 1/m stands in dW and db."
    return {n: a / m if n in between else a for n, a in given.items()}, (note,)
