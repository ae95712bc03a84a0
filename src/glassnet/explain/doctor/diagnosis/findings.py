"""From hypotheses to what is told: mistakes in sentences, a table, where an error starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from glassnet.checks import listed
from glassnet.explain.doctor.diagnosis.factors import Scaled
from glassnet.explain.doctor.diagnosis.matching import (
    CLOSE_16,
    CLOSE_32,
    NOTHING,
    Tolerance,
    aligned,
    fits,
    match,
)
from glassnet.explain.doctor.diagnosis.plain import AnyCase
from glassnet.explain.doctor.diagnosis.report import Mistake, Row
from glassnet.explain.doctor.diagnosis.search import Hypothesis
from glassnet.explain.doctor.diagnosis.variant import Variant

WRONG_DTYPE = "computed in the wrong dtype"


def told(case: AnyCase, hypothesis: Hypothesis, names: Sequence[str]) -> tuple[Mistake, ...]:
    """Return the mistakes of a hypothesis in words."""
    found = [_of_variant(case, v, hypothesis.touched) for v in hypothesis.variants]
    found += [_of_factor(case, s, names) for s in hypothesis.factors]
    return tuple(found)


def _of_variant(case: AnyCase, variant: Variant, touched: tuple[str, ...]) -> Mistake:
    return Mistake(
        variant.kind, variant.sentence, case.equation(variant.about), variant.mend, variant.about,
        touched,
    )  # fmt: skip


def _of_factor(case: AnyCase, scaled: Scaled, names: Sequence[str]) -> Mistake:
    factor = scaled.factor
    said = "every gradient" if scaled.everything and len(names) > 1 else listed(scaled.names)
    if scaled.compounding:
        said = f"each layer's step back (so {listed(scaled.names)} has it once or more often)"
    square = ", as when the 2 of the squared error's derivative is counted wrongly"
    if not case.squared:
        square = ""
    sentence = factor.sentence.format(names=said, square=square)
    sentence = sentence[:1].upper() + sentence[1:] if not said.startswith("d") else sentence
    about = scaled.names[0]
    return Mistake(
        factor.kind, sentence.rstrip(".") + ".", case.equation(about),
        factor.mend.format(names=said), about, scaled.names,
    )  # fmt: skip


# --- the table --------------------------------------------------------------------------------
def rows_of(
    case: AnyCase,
    given: Mapping[str, np.ndarray],
    right: Mapping[str, np.ndarray],
    tolerance: Tolerance,
) -> tuple[Row, ...]:
    """Return how each gradient compares with what it should be."""
    return tuple(_row(name, given[name], right[name], tolerance.of[name]) for name in given)


def _row(name: str, given: np.ndarray, right: np.ndarray, close: float) -> Row:
    shape, should = given.shape, right.shape
    array = aligned(given, right.shape)
    if array is None:
        return Row(name, shape, should, "wrong shape", float("nan"))
    size = max(float(np.abs(right).max(initial=0.0)), NOTHING)
    with np.errstate(all="ignore"):
        error = float(np.abs(array - right).max(initial=0.0)) / size
    if not np.isfinite(error):
        return Row(name, shape, should, "not finite", float("inf"))
    found = match(given, right, close)
    if found.factor == 1.0:  # of two that are nothing but rounding there is no relative error
        return Row(name, shape, should, "right", error if np.abs(right).max() > NOTHING else 0.0)
    if found.is_multiple and found.telling:
        return Row(name, shape, should, f"{found.factor:.4g} times", error)
    return Row(name, shape, should, "wrong", error)


# --- the dtype --------------------------------------------------------------------------------
def dtype_mistakes(
    case: AnyCase, given: Mapping[str, np.ndarray], right: Mapping[str, np.ndarray]
) -> list[Mistake]:
    """Return what the types of the arrays say: integers, half precision, a mixture."""
    whole = [n for n, a in given.items() if a.dtype.kind in "iub" and _rounds(a, right[n])]
    whole += [n for n, a in given.items() if a.dtype.kind == "f" and _whole(a, right[n])]
    half = [n for n, a in given.items() if n not in whole and _is_half(a, right[n])]
    rest = [n for n in given if n not in (*whole, *half) and given[n].dtype.kind == "f"]
    single = [n for n in rest if _is_single(given[n], right[n])]
    found = []
    for names, kind in ((whole, "integers"), (half, "half precision (float16)")):
        if names:
            found.append(_dtype(case, names, kind))
    mixed = single and len(single) + len(whole) + len(half) < len(given)
    if mixed and any(given[n].size > 2 for n in given if n not in single):
        found.append(_dtype(case, single, "single precision (float32), the others in double"))
    return found


def _dtype(case: AnyCase, names: Sequence[str], kind: str) -> Mistake:
    return Mistake(
        WRONG_DTYPE, f"{listed(names)} is computed in {kind}.", case.equation(names[0]),
        "compute in one float type throughout: np.zeros(shape, dtype=float), x.astype(float)",
        names[0], tuple(names),
    )  # fmt: skip


def _rounds(given: np.ndarray, right: np.ndarray) -> bool:
    found = aligned(given, right.shape)
    if found is None:
        return False
    return any(np.array_equal(found, f(right)) for f in (np.trunc, np.round, np.floor))


def _whole(given: np.ndarray, right: np.ndarray) -> bool:
    """Whether floats are whole numbers where what is right is not."""
    finite = np.isfinite(given).all()
    return bool(
        finite and (given == np.trunc(given)).all() and not (right == np.trunc(right)).all()
        and _rounds(given, right) and right.size > 1 and given.any()
    )  # fmt: skip


def _is_half(given: np.ndarray, right: np.ndarray) -> bool:
    if given.dtype.kind != "f":
        return False
    close = aligned(given, right.shape)
    if close is None or not np.isfinite(close).all():
        return False
    size = float(np.abs(right).max(initial=0.0))
    near = float(np.abs(close - right).max(initial=0.0)) <= CLOSE_16 * size
    return near and (given.dtype == np.float16 or fits(given, np.dtype(np.float16)))


def _is_single(given: np.ndarray, right: np.ndarray) -> bool:
    if given.dtype == np.float32:
        return True
    found = aligned(given, right.shape)
    size = float(np.abs(right).max(initial=0.0))
    near = found is not None and float(np.abs(found - right).max(initial=0.0)) <= CLOSE_32 * size
    return near and fits(given, np.dtype(np.float32)) and not fits(right, np.dtype(np.float32))


# --- where it starts --------------------------------------------------------------------------
def start_of(case: AnyCase, rows: Sequence[Row]) -> str:
    """Say where on the way back the error begins."""
    names = [row.name for row in rows]
    wrong = [row.name for row in rows if not row.ok]
    if not wrong:
        return ""
    first = wrong[0]
    broken = next((row for row in rows if row.name == first), rows[0])
    if broken.verdict == "not finite":
        return (
            f"{first} has entries that are NaN or infinite. Look for a division by 0, a logarithm "
            "of 0, or exp of a large number on the way there."
        )
    before = names[: names.index(first)]
    equation = case.equation(first)
    line = f" The derivation says: {equation}." if equation else ""
    if not before:
        upper = "the loss and the last layer" if case.is_weight(first) else "the loss"
        return (
            f"The error starts at the beginning of the backward pass: {first} is the first "
            f"gradient that is wrong, so look at {upper}.{line}"
        )
    if set(wrong) == {first}:
        return f"{first} alone is wrong, so the error is in its own line.{line}"
    return (
        f"The error starts at {first}: {listed(before)} {'is' if len(before) == 1 else 'are'} "
        f"right. Look at what stands between.{line}"
    )
