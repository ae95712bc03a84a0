"""Mistakes where the backward pass begins: the derivative of the loss by the last Z or A."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from glassnet.explain.doctor.diagnosis.case import Block, Case
from glassnet.explain.doctor.diagnosis.variant import END, Variant
from glassnet.explain.doctor.diagnosis.walk import Changes, Walk
from glassnet.explain.evaluation import Evaluation
from glassnet.graph.dtypes import is_float
from glassnet.graph.tensor import Tensor

_TINY = 1e-300

Wrong = Callable[[Walk], np.ndarray]
Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class End:
    """The end of a network: what the loss reads, what the network predicts, the targets.

    Args:
        Z: what goes into the last activation; the prediction itself where there is none.
        A: the prediction.
        block: the last activation where it is a step of its own, not a part of the loss.
        fused: whether the last activation is a part of the loss.
        y: the targets in the shape of the prediction.
        share: what the cost divides by: m, or 1 where it is a sum.
        inner: the activation that the loss applies to raw scores (from_logits=True).
        plain: the targets before label smoothing; None where there is none.
        classes: the class of each example where targets are numbers of classes.
    """

    Z: Tensor
    A: Tensor
    block: Block | None
    fused: bool
    y: np.ndarray
    share: float
    inner: Function | None = None
    plain: np.ndarray | None = None
    classes: np.ndarray | None = None

    def predicted(self, values: Evaluation) -> np.ndarray:
        """The probabilities or numbers that are held against the targets."""
        return values[self.A] if self.inner is None else self.inner(values[self.Z])

    @property
    def each(self) -> float:
        """What the loss divides by where it is a mean over the outputs as well."""
        return self.share * self.y.shape[-1]

    @property
    def is_distribution(self) -> bool:
        """Whether several outputs share one probability."""
        return self.y.shape[-1] > 1


def ends_of(case: Case) -> Iterator[End]:
    """Yield the ends of a network whose targets say what the prediction should be."""
    inside = {id(n) for n in case.walk.order}
    for read, prediction, target in case.losses:
        fused = id(prediction) not in inside
        block = next((b for b in case.blocks if b.after is read), None)
        z = read if fused or block is None else block.before
        y = _like(case.values[target], case.values[prediction], is_float(target.dtype))
        if y is not None and id(z) in inside:
            share = float(case.examples) if case.averaged else 1.0
            end = End(z, prediction, block, fused, y, share)
            yield _classes(case, _smoothed(case, _inner(case, end)), target)


def _inner(case: Case, end: End) -> End:
    """The end with the activation that the loss applies itself, told by its derivative."""
    if end.fused or end.block is not None:
        return end
    z, slope = case.values[end.Z], case.walk[end.Z]
    for function, by in ((_softmax, end.share), (_sigmoid, end.share * end.y.shape[-1])):
        with np.errstate(all="ignore"):
            implied = function(z) - slope * by  # a − y = share · slope
        within = implied.min() > -1e-6 and implied.max() < 1 + 1e-6
        same = np.array_equal(implied.argmax(-1), end.y.argmax(-1))
        if np.allclose(implied, end.y, atol=1e-6) or (
            function is _softmax and end.is_distribution and within and same
            and np.allclose(implied.sum(-1), 1)
        ):  # fmt: skip
            return replace(end, fused=True, inner=function)
    return end


def _smoothed(case: Case, end: End) -> End:
    """The end with the targets that the loss makes of the given ones by label smoothing."""
    if not end.fused or not end.is_distribution:
        return end
    a, n = end.predicted(case.values), end.y.shape[-1]
    if not np.allclose(a.sum(-1), 1):
        return end
    implied = a - case.walk[end.Z] * end.share
    rate = float(implied.min()) * n
    if 1e-6 < rate < 1 and np.allclose(implied, (1 - rate) * end.y + rate / n, atol=1e-6):
        return replace(end, y=implied, plain=end.y)
    return end


def _classes(case: Case, end: End, target: Tensor) -> End:
    """The end with the numbers of the classes, where the targets are such numbers."""
    given = case.values[target]
    if is_float(target.dtype) or given.size == end.y.size:
        return end
    return replace(end, classes=given.reshape(*end.y.shape[:-1], 1).astype(np.float64))


def _like(y: np.ndarray, a: np.ndarray, floats: bool) -> np.ndarray | None:
    """The targets in the shape of the prediction: classes as one-hot rows."""
    if y.size == a.size:
        return y.reshape(a.shape).astype(np.float64)
    if not floats and y.size * a.shape[-1] == a.size and a.shape[-1] > 1:
        return np.eye(a.shape[-1])[y.reshape(a.shape[:-1]).astype(int) % a.shape[-1]]
    return None


def of_losses(case: Case, names: list[str]) -> Iterator[Variant]:
    """Yield the mistakes with each loss and the activation before it."""
    ends = list(ends_of(case))
    for end in ends:
        if len(ends) > 1 or case.penalties:
            yield from _of_factors(case, end)
        right = case.walk[end.Z]
        for variant, wrong in _of_end(case, end):
            with np.errstate(all="ignore"):
                found = wrong(case.walk)
            if found.shape == right.shape and not _proportional(found, right):
                yield variant


def _proportional(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether one is a multiple of the other: factors are looked for anyway."""
    size = float(np.vdot(b, b))
    if not np.isfinite(a).all() or size == 0:
        return True
    return bool(np.allclose(a, float(np.vdot(a, b)) / size * b, rtol=1e-9, atol=1e-14))


def _of_end(case: Case, end: End) -> Iterator[tuple[Variant, Wrong]]:
    Z, Y = case.name(end.Z), "Y"
    A = _after(Z) if end.fused else case.name(end.A)
    share, y = end.share, end.y

    def variant(
        kind: str, sentence: str, mend: str, wrong: Wrong, weight: float = 1.0
    ) -> tuple[Variant, Wrong]:
        def given(walk: Walk) -> np.ndarray:
            with np.errstate(all="ignore"):
                return wrong(walk)

        changes = Changes(given={id(end.Z): given})
        found = Variant(kind, sentence, mend, f"d{Z}", changes, weight=weight, groups=(END,))
        return found, wrong

    def a(walk: Walk) -> np.ndarray:
        return end.predicted(walk.values)

    def shifted(by: int, walk: Walk) -> np.ndarray:
        return np.asarray((a(walk) - np.roll(y, by, axis=-1)) / share)

    def z(walk: Walk) -> np.ndarray:
        return walk.values[end.Z]

    def again(function: Function, by: float, walk: Walk) -> np.ndarray:
        return np.asarray((function(a(walk)) - y) / by)

    def again_and_back(function: Function, by: float, walk: Walk) -> np.ndarray:
        return _through(case, end, again(function, by, walk))

    simplified = "cross-entropy's simplification with the wrong activation"
    told_of = (
        f"d{Z} = {A} − {Y} holds for a cross-entropy behind its own activation (softmax or "
        "sigmoid); here loss and activation are others, and the derivative of the activation is "
        "missing."
    )
    mend_of = f"multiply: d{Z} = d{A} ⊙ g′({Z}), with d{A} the derivative of this loss"
    yield variant(
        simplified, told_of, mend_of,
        lambda w: (a(w) - y) / share, 0.9,
    )  # fmt: skip
    if end.each != share:
        yield variant(
            simplified, told_of, mend_of,
            lambda w: (a(w) - y) / end.each, 0.95,
        )  # fmt: skip
    for twice, name in ((_softmax, "softmax"), (_sigmoid, "sigmoid")):
        kind = f"{name} applied twice"
        mend = (
            f"apply {name} once: in the last layer, or in the loss (from_logits=True), not in both"
        )
        told = f"{name} is applied to {A}, which is its value already."
        each = share if name == "softmax" else end.each
        yield variant(kind, told, mend, partial(again, twice, each), 1.0)
        yield variant(kind, told, mend, partial(again_and_back, twice, each), 1.1)
    if not np.array_equal(end.predicted(case.values), case.values[end.Z]):
        yield variant(
            "last activation left out",
            f"d{Z} is computed from {Z} − {Y}: the loss was given what goes into the last "
            "activation.", f"apply the activation first: {A} − {Y}",
            lambda w: (z(w) - y) / share, 1.2,
        )  # fmt: skip
    if end.fused:
        yield from _of_fused(case, end, Z, A, variant)
    if end.plain is not None:
        yield variant(
            "label smoothing forgotten",
            f"d{Z} has the targets as they are; the loss smooths them (label_smoothing).",
            f"smooth {Y} first: (1 − s) {Y} + s / n", lambda w: (a(w) - end.plain) / share, 1.0,
        )  # fmt: skip
    if end.is_distribution and np.allclose(end.y.sum(-1), 1):
        for by, told in ((1, "too far on"), (-1, "too far back")):
            yield variant(
                "classes shifted by one",
                f"Every target is one class {told}, as when classes are counted from 1.",
                "count classes from 0, in the targets as in the columns of the prediction",
                partial(shifted, by), 1.3,
            )  # fmt: skip
    if end.classes is not None:
        yield variant(
            "class numbers in place of one-hot rows",
            f"The numbers of the classes are subtracted from {A} as they are.",
            f"make one-hot rows of them first: d{Z} = {A} − one_hot({Y})",
            lambda w: (a(w) - end.classes) / share, 1.0,
        )  # fmt: skip
    yield from _of_shapes(case, end, Z, variant)


def _of_factors(case: Case, end: End) -> Iterator[Variant]:
    """A factor at one loss of several, or at a loss beside a penalty that has none."""
    Z, m, n = case.name(end.Z), float(case.examples), float(end.y.shape[-1])
    factors = [
        (-1.0, "wrong sign", "has the wrong sign", 1.0),
        (2.0, "factor 2 too many", "is twice what it should be", 1.1),
        (0.5, "factor 2 missing", "is half of what it should be", 1.1),
    ]
    if case.averaged and m > 1:
        factors += [
            (m, "1/m missing", "is a sum over the examples; the cost has their mean", 0.9),
            (1 / m, "1/m twice", "is divided by the number of examples twice", 1.0),
        ]
    if n > 1:
        told = "is not divided by the number of outputs"
        factors.append((n, "sum over outputs for their mean", told, 1.1))
    for value, kind, told, weight in factors:
        changes = Changes(given={id(end.Z): _scaled(end.Z, value)})
        yield Variant(
            kind, f"d{Z}, where this loss begins its way back, {told}.",
            f"d{Z} is the derivative of the cost as it is compiled", f"d{Z}", changes,
            weight=weight, groups=(),
        )  # fmt: skip


def _scaled(node: Tensor, factor: float) -> Callable[[Walk], np.ndarray]:
    return lambda walk: factor * walk[node]


def _after(name: str) -> str:
    return name.replace("Z", "A", 1)


def _of_fused(
    case: Case, end: End, Z: str, A: str, variant: Callable[..., tuple[Variant, Wrong]]
) -> Iterator[tuple[Variant, Wrong]]:
    """Mistakes with an activation whose derivative has gone into that of the loss."""
    y, share = end.y, end.share

    def a(walk: Walk) -> np.ndarray:
        return np.clip(end.predicted(walk.values), _TINY, None)

    def slope(walk: Walk) -> np.ndarray:
        return a(walk) * (1 - a(walk))

    yield variant(
        "activation's derivative twice",
        f"d{Z} = {A} − Y has the derivative of the last activation in it already; here it is "
        "multiplied on again.", f"d{Z} = ({A} − Y) / m, and nothing more",
        lambda w: w[end.Z] * slope(w), 0.9,
    )  # fmt: skip
    if end.is_distribution and np.allclose(end.predicted(case.values).sum(-1), 1):
        yield variant(
            "softmax's Jacobian taken for its diagonal",
            "The derivative of softmax is taken entry by entry, a (1 − a), so that the true class "
            f"alone receives anything: every entry of {A} depends on every entry of {Z}.",
            f"d{Z} = {A} − Y; in general a ⊙ (g − Σ g a)",
            lambda w: -y / a(w) / share * slope(w), 1.0,
        )  # fmt: skip
        yield variant(
            "activation's derivative dropped",
            f"The derivative of softmax is left out: d{Z} = d{A} = −Y / {A}.",
            f"d{Z} = {A} − Y", lambda w: -y / a(w) / share, 1.0,
        )  # fmt: skip
        return
    per = end.each
    yield variant(
        "half of the binary cross-entropy",
        f"The term (1 − y) log(1 − a) is left out: d{A} = −Y / {A}.",
        f"d{A} = −Y / {A} + (1 − Y) / (1 − {A})", lambda w: -y / a(w) / per * slope(w), 1.1,
    )  # fmt: skip
    yield variant(
        "activation's derivative dropped",
        f"The derivative of the last activation is left out: d{Z} = d{A}.",
        f"multiply by a (1 − a), which leaves d{Z} = {A} − Y",
        lambda w: (a(w) - y) / np.clip(slope(w), 1e-12, None) / per, 1.0,
    )  # fmt: skip


def _of_shapes(
    case: Case, end: End, Z: str, variant: Callable[..., tuple[Variant, Wrong]]
) -> Iterator[tuple[Variant, Wrong]]:
    """(m,) against (m, 1): NumPy makes (m, m) of it."""
    y = end.y
    if y.shape[-1] != 1 or y.ndim != 2 or len(y) < 2:
        return

    def table(walk: Walk) -> np.ndarray:
        return end.predicted(walk.values).reshape(-1, 1) - y.reshape(1, -1)  # (m, m)

    def crossed(axis: int, by: float) -> Wrong:
        return lambda walk: _through(case, end, 2 * table(walk).sum(axis).reshape(y.shape) / by)

    def simplified(axis: int, by: float) -> Wrong:
        return lambda walk: table(walk).sum(axis).reshape(y.shape) / by

    told = (
        "(m,) against (m, 1): NumPy spreads predictions minus targets to (m, m), every example "
        "against every target."
    )
    mend = "give both one shape, y.reshape(-1, 1), and look at (a - y).shape"
    for by in dict.fromkeys((end.share**2, end.share, float(len(y)))):
        for axis in (1, 0):
            for wrong in (crossed(axis, by), simplified(axis, by)):
                yield variant("(m,) broadcast to (m, m)", told, mend, wrong, 1.0)


def _through(case: Case, end: End, slope: np.ndarray) -> np.ndarray:
    """The derivative by Z for one by the prediction."""
    if end.block is not None:
        return end.block.back(case.values, case.values[end.Z], slope)
    a = end.predicted(case.values)
    if not end.fused:
        return slope
    if end.is_distribution and np.allclose(a.sum(-1), 1):
        return np.asarray(a * (slope - (slope * a).sum(-1, keepdims=True)))
    return np.asarray(slope * a * (1 - a))


def _softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-z)))
