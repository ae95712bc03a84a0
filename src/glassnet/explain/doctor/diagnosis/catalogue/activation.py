"""Mistakes with the derivative of an activation, dZ = dA ⊙ g′(Z)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from glassnet.activations import get as activation
from glassnet.calculus import vjp
from glassnet.explain.doctor.diagnosis.case import Block, Case
from glassnet.explain.doctor.diagnosis.variant import Variant
from glassnet.explain.doctor.diagnosis.walk import Changes, Part, Walk

Wrong = Callable[[Walk, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""From the walk, Z, A and dA to what somebody takes for dZ."""

OTHERS = ("sigmoid", "tanh", "relu", "softplus", "silu", "gelu", "elu")
"""Activations whose derivative is taken for that of another one."""
SLOPES = (0.01, 0.1, 0.2, 0.3)
"""Slopes that a leaky relu has, in Keras and elsewhere."""


def of_activations(case: Case, names: list[str]) -> Iterator[Variant]:
    """Yield the mistakes with each activation."""
    for block in case.blocks:
        yield from _of_block(case, block)


def _of_block(case: Case, block: Block) -> Iterator[Variant]:
    Z, A = case.name(block.before), case.name(block.after)
    where = case.place(block.layer, block.number)
    values = case.values
    told_by = " ".join(n.op.name for n in block.inner if n.op is not None)

    def variant(
        kind: str, sentence: str, mend: str, wrong: Wrong, weight: float = 1.0,
        harmless: bool = False, group: str = "",
    ) -> Variant:  # fmt: skip
        def way(walk: Walk, g: np.ndarray) -> list[Part]:
            z, a = walk.values[block.before], walk.values[block.after]
            with np.errstate(all="ignore"):
                return [(block.before, wrong(walk, z, a, g))]

        return Variant(
            kind, sentence, mend, f"d{Z}", Changes(ways={id(block.after): way}), weight=weight,
            harmless=harmless, groups=(group, f"{group} of {told_by}"),
        )  # fmt: skip

    right = "dZ = dA ⊙ g′(Z)"
    yield variant(
        "g′(A) for g′(Z)",
        f"The derivative of the activation in {where} is taken at its output {A}; it belongs at "
        f"{Z}, what went in.", f"keep Z in the forward pass, and write {right}",
        lambda w, z, a, g: block.back(values, a, g), 0.9,
    )  # fmt: skip
    yield variant(
        "activation's derivative dropped",
        f"The derivative of the activation in {where} is left out: d{Z} = d{A}.",
        f"multiply by it, entry by entry: {right}", lambda w, z, a, g: g, 0.9,
    )  # fmt: skip
    yield variant(
        "activation's derivative twice",
        f"The derivative of the activation in {where} is multiplied on twice.",
        f"multiply by it once: {right}",
        lambda w, z, a, g: block.back(values, z, block.back(values, z, g)), 1.0,
    )  # fmt: skip
    yield variant(
        "activation in place of its derivative",
        f"In {where}, d{A} is multiplied by the activation g(Z) itself, not by its derivative.",
        right, lambda w, z, a, g: g * a, 1.2,
    )  # fmt: skip
    yield variant(
        "multiplied by Z",
        f"In {where}, d{A} is multiplied by {Z}, not by the derivative of the activation.",
        right, lambda w, z, a, g: g * z, 1.4,
    )  # fmt: skip
    yield variant(
        "activation applied to dA",
        f"In {where} the activation itself is applied to d{A}.", right,
        lambda w, z, a, g: block.value(w.values, g), 1.3,
    )  # fmt: skip
    yield from _of_formulas(case, block, where, variant)
    yield variant(
        "relu's derivative at 0",
        f"In {where} the derivative at exactly 0 is taken from the other side, which is as good "
        "a choice.", "nothing to mend", lambda w, z, a, g: _from_above(block, w, z, g), 0.5, True,
    )  # fmt: skip


def _from_above(block: Block, walk: Walk, z: np.ndarray, g: np.ndarray) -> np.ndarray:
    return block.back(walk.values, np.where(z == 0, 1e-12, z), g)


def _of_formulas(
    case: Case, block: Block, where: str, variant: Callable[..., Variant]
) -> Iterator[Variant]:
    """The derivative of another function, and formulas that are nearly right."""
    z = case.values[block.before]
    g = np.ones_like(z)
    own = block.back(case.values, z, g)

    def told(name: str) -> str:
        return f"The derivative in {where} is that of {name}, which is not its activation."

    for name in OTHERS:
        if not np.allclose(_derivative(name, z), own):
            yield variant(
                "derivative of another activation", told(name),
                "take the derivative of the activation that the layer has",
                lambda w, z, a, g, name=name: g * _derivative(name, z), 1.3,
                group=name,
            )  # fmt: skip
    for slope in SLOPES:
        other = np.where(z > 0, 1.0, slope)
        if not np.allclose(other, own):
            yield variant(
                "derivative of another activation", told(f"a leaky relu of slope {slope:g}"),
                "take the derivative of the activation that the layer has",
                lambda w, z, a, g, s=slope: g * np.where(z > 0, 1.0, s), 1.4,
                group=f"slope {slope}",
            )  # fmt: skip
    a = case.values[block.after]
    for text, formula in FORMULAS:
        if np.allclose(formula(a), own):
            yield variant(
                "g′ written for A, given Z",
                f"In {where} the formula g′ = {text}, which holds for a = g(z), is given "
                f"{case.name(block.before)} in the place of a.",
                f"give it A: {text} with a = {case.name(block.after)}",
                lambda w, z, a, g, f=formula: g * f(z), 0.95,
            )  # fmt: skip
            yield variant(
                "sign inside the derivative",
                f"In {where} the derivative {text} has a plus in the place of its minus.",
                f"write {text}", lambda w, z, a, g, f=formula: g * _plus(f, a), 1.2,
            )  # fmt: skip
    if np.allclose(a * (1 - a), own):
        yield variant(
            "square forgotten", f"In {where} the derivative of the sigmoid is written 1 − a, which "
            "is exp(−z) / (1 + exp(−z)) without the square below.",
            "it is a (1 − a), or exp(−z) / (1 + exp(−z))²", lambda w, z, a, g: g * (1 - a), 1.1,
        )  # fmt: skip
    if np.allclose(1 - a**2, own):
        yield variant(
            "square forgotten", f"In {where} the derivative of tanh is written 1 − a.",
            "it is 1 − a²", lambda w, z, a, g: g * (1 - a), 1.1,
        )  # fmt: skip


FORMULAS: list[tuple[str, Callable[[np.ndarray], np.ndarray]]] = [
    ("a (1 − a)", lambda a: a * (1 - a)),
    ("1 − a²", lambda a: 1 - a**2),
]


def _plus(formula: Callable[[np.ndarray], np.ndarray], a: np.ndarray) -> np.ndarray:
    """The formula with its minus turned: 2a − a(1 − a) is a(1 + a), 2 − (1 − a²) is 1 + a²."""
    return (2 * a if formula is FORMULAS[0][1] else 2.0) - formula(a)


def _derivative(name: str, z: np.ndarray) -> np.ndarray:
    _, back = vjp(activation(name), z)
    found = back(np.ones_like(z))
    return np.asarray(found[0] if isinstance(found, (tuple, list)) else found)
