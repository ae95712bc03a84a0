"""Mistakes with regularisation: the part of the cost that depends on weights alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from glassnet.explain.doctor.diagnosis.case import Case
from glassnet.explain.doctor.diagnosis.variant import Variant
from glassnet.explain.doctor.diagnosis.walk import Changes, Part, Walk, Way
from glassnet.graph.order import topological
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable


def of_penalties(case: Case, names: list[str]) -> Iterator[Variant]:
    """Yield the mistakes with each penalty, and with weights that have none."""
    penalised: list[tuple[Tensor, Tensor]] = []
    for node in case.penalties:
        weights = [n for n in topological([node]) if isinstance(n, Variable)]
        if len(weights) == 1:
            penalised.append((node, weights[0]))
            yield from _of_penalty(case, node, weights[0])
    held = {id(w) for _, w in penalised}
    for _, weight in penalised[:1]:
        nodes = [node for node, w in penalised if w is weight]
        for name, other in case.weights:
            if id(other) not in held:
                yield from _counted(case, nodes, weight, name, other)


def _of_penalty(case: Case, node: Tensor, weight: Tensor) -> Iterator[Variant]:
    W = case.name(weight)
    right = f"d{W} has the derivative of the penalty as a summand: {case.equation(f'd{W}')}"

    def variant(kind: str, told: str, factor: float, heavy: float) -> Variant:
        changes = Changes(ways={id(node): _scaled(node, factor)})
        group = f"{kind} {factor}"
        return Variant(kind, told, right, f"d{W}", changes, weight=heavy, groups=(group,))

    yield variant(
        "regularisation forgotten", f"The regularisation of {W} is in the cost but not in d{W}.",
        0.0, 0.9,
    )  # fmt: skip
    yield variant(
        "regularisation without its factor",
        f"The derivative of the penalty of {W} is half of what it should be: the 2 of the square "
        "is missing.", 0.5, 1.1,
    )  # fmt: skip
    told = f"The penalty of {W} is counted twice in d{W}."
    yield variant("regularisation counted twice", told, 2.0, 1.1)
    told = f"The derivative of the penalty of {W} has the wrong sign."
    yield variant("regularisation with the wrong sign", told, -1.0, 1.1)
    yield from _of_another(case, node, weight, W, right)
    m = float(case.examples)
    if m > 1:
        yield variant(
            "regularisation divided by m", f"The penalty of {W} is divided by the number of "
            "examples; in this cost it is not.", 1 / m, 1.2,
        )  # fmt: skip
        yield variant(
            "regularisation divided by m", f"The penalty of {W} is divided by the number of "
            "examples, and its 2 is missing.", 0.5 / m, 1.4,
        )  # fmt: skip


def _of_another(case: Case, node: Tensor, weight: Tensor, W: str, right: str) -> Iterator[Variant]:
    """The derivative of λ Σ W² for that of λ Σ |W|, and the other way round."""
    w = case.values[weight]
    slope = (
        case.walk[weight] - case.walk.changed(Changes(ways={id(node): _scaled(node, 0.0)}))[weight]
    )
    shapes = (("λ Σ |W|", np.sign(w)), ("λ Σ W²", 2 * w))
    for (own, like), (other, wrong) in (shapes, shapes[::-1]):
        size = float(np.vdot(like, like))
        factor = float(np.vdot(slope, like)) / size if size else 0.0
        if factor and np.allclose(slope, factor * like):
            yield Variant(
                "derivative of another penalty",
                f"d{W} has the derivative of {other} in it; the penalty of {W} is {own}.", right,
                f"d{W}", Changes(leaves={id(weight): _more(weight, factor * wrong - slope)}),
                weight=1.1, groups=(other,),
            )  # fmt: skip


def _more(weight: Tensor, added: np.ndarray) -> Callable[[Walk], np.ndarray]:
    return lambda walk: walk[weight] + added


def _scaled(node: Tensor, factor: float) -> Way:
    def way(walk: Walk, g: np.ndarray) -> list[Part]:
        return [(n, factor * p) for n, p in walk.rule(node, g)] if factor else []

    return way


def _counted(
    case: Case, nodes: list[Tensor], weight: Tensor, name: str, other: Tensor
) -> Iterator[Variant]:
    """The same penalty on a weight that has none."""
    w = case.values[weight]
    values = case.walk.changed(Changes(ways={id(node): _scaled(node, 0.0) for node in nodes}))
    slope = (case.walk[weight] - values[weight]).ravel()
    like = np.stack([w.ravel(), np.sign(w).ravel()], axis=1)
    squared, absolute = np.linalg.lstsq(like, slope, rcond=None)[0]
    if not np.allclose(like @ (squared, absolute), slope, rtol=1e-6, atol=1e-12):
        return
    v = case.values[other]
    added = squared * v + absolute * np.sign(v)
    if not added.any():
        return
    bias = len(v.shape) < len(w.shape)
    kind = "regularisation counted for the bias" if bias else "regularisation of another weight"
    yield Variant(
        kind, f"d{name} has a penalty's derivative in it, and {name} has no penalty.",
        f"leave it out: only {case.name(weight)} and its like are regularised",
        f"d{name}", Changes(leaves={id(other): _more(other, added)}), weight=1.0,
    )  # fmt: skip
