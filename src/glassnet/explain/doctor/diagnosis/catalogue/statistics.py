"""Mistakes with the statistics of a normalisation, which depend on every example."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from glassnet.explain.doctor.diagnosis.case import Case
from glassnet.explain.doctor.diagnosis.variant import Variant
from glassnet.explain.doctor.diagnosis.walk import Changes, Given, Part, Walk
from glassnet.explain.evaluation import wide_op
from glassnet.explain.recorded import Call
from glassnet.graph.tensor import Tensor

MEAN, VARIANCE = "mu", "V"


def of_statistics(case: Case, names: list[str]) -> Iterator[Variant]:
    """Yield the mistakes with each normalisation."""
    for call in case.step.calls:
        within = [n for n in case.walk.order if case.names.owners.get(id(n)) is call]
        mean = [n for n in within if n.symbol == MEAN]
        variance = [n for n in within if n.symbol == VARIANCE]
        if not variance:
            continue
        where = case.place_of(variance[0])
        source = call.inputs[0]
        about = f"d{case.name(source)}"
        choices = [
            (mean + variance, "mean and variance are treated as constants", 0.9),
            (variance, "the variance is treated as a constant", 1.0),
            (mean, "the mean is treated as a constant", 1.0),
        ]
        for nodes, told, weight in choices:
            if nodes:
                yield Variant(
                    "batch statistics treated as constants",
                    f"In {where} {told}: they depend on the inputs, and the derivative goes "
                    "through them too.",
                    "dX = γ/σ ⊙ (dŶ − mean(dŶ) − X̂ ⊙ mean(dŶ ⊙ X̂)), means over what was averaged",
                    about, Changes(ways={id(n): _nothing for n in nodes}), weight=weight,
                    groups=(told,),
                )  # fmt: skip
        yield from _of_scale(case, within, where, about)
        yield from _of_epsilon(call, within, where, about)
        if len(variance) == 1 and variance[0].op is not None:
            yield from _unbiased(case, call, variance[0], where, about)
        yield from _of_axes(case, within, where, source)


def _nothing(walk: Walk, g: np.ndarray) -> list[Part]:
    return []


EPSILONS = (0.0, 1e-3, 1e-5, 1e-6, 1e-8)
"""The ε of Keras, of PyTorch, and of those who write it themselves."""


def _of_epsilon(call: Call, within: list[Tensor], where: str, about: str) -> Iterator[Variant]:
    """The same computation with another ε below the root."""
    sigma = next((n for n in within if n.symbol == "sigma"), None)
    own = getattr(call.layer, "epsilon", None)
    if sigma is None or own is None or len(sigma.inputs) != 1:
        return
    for epsilon in EPSILONS:
        if abs(epsilon - own) > 1e-12:
            yield Variant(
                "another ε", f"In {where} ε is {epsilon:g}; the layer has {own:g}.",
                "take one ε for both: the layer's argument epsilon", about,
                forward={id(sigma): partial(_root, more=epsilon - own)}, weight=1.0,
                groups=(f"ε {epsilon:g}",),
            )  # fmt: skip


def _root(squared: np.ndarray, more: float) -> np.ndarray:
    return np.asarray(np.sqrt(np.maximum(squared + more, 0.0)))


def _of_axes(case: Case, within: list[Tensor], where: str, source: Tensor) -> Iterator[Variant]:
    """Means on the way back over other axes than the statistics, and a σ too many."""
    hat = next((n for n in within if n.symbol == "Xhat"), None)
    sigma = next((n for n in within if n.symbol == "sigma"), None)
    if hat is None or sigma is None or len(case.walk.users(source)) > 3:
        return
    shape, about = case.values[hat].shape, f"d{case.name(source)}"
    right = tuple(i for i, n in enumerate(_spread(case.values[sigma].shape, shape)) if n == 1)
    others = [(axis,) for axis in range(len(shape))] + [tuple(range(len(shape) - 1))]
    for axes in dict.fromkeys(others):
        if axes != right and all(shape[axis] > 1 for axis in axes):
            shown = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
            yield Variant(
                "statistics over the wrong axis",
                f"In {where} the means on the way back go over {shown}; the statistics of the "
                f"forward pass go over {right}.",
                "dX = (dX̂ − mean(dX̂) − X̂ ⊙ mean(dX̂ ⊙ X̂)) / σ, means over what was averaged",
                about, Changes(given={id(source): _back(hat, sigma, axes)}), weight=1.1,
            )  # fmt: skip
    yield Variant(
        "variance in place of the standard deviation",
        f"In {where} what goes back is divided by the variance; it belongs to σ, its square root.",
        "divide by √(variance + ε)", about,
        Changes(given={id(source): lambda walk: walk[source] / walk.values[sigma]}), weight=1.2,
    )  # fmt: skip
    yield Variant(
        "division forgotten in the backward pass",
        f"In {where} what goes back is not divided by σ.", "divide by √(variance + ε)", about,
        Changes(given={id(source): lambda walk: walk[source] * walk.values[sigma]}), weight=1.1,
    )  # fmt: skip


def _spread(shape: tuple[int, ...], to: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * (len(to) - len(shape)) + shape


def _back(hat: Tensor, sigma: Tensor, axes: tuple[int, ...]) -> Given:
    def given(walk: Walk) -> np.ndarray:
        g, x = walk[hat], walk.values[hat]
        mean, along = g.mean(axes, keepdims=True), (g * x).mean(axes, keepdims=True)
        return np.asarray((g - mean - x * along) / walk.values[sigma])

    return given


def _unbiased(
    case: Case, call: Call, variance: Tensor, where: str, about: str
) -> Iterator[Variant]:
    """A variance that is divided by n − 1, as that of a sample is."""
    n = case.values[call.inputs[0]].size / max(case.values[variance].size, 1)
    if n < 2:
        return
    op, by = wide_op(variance).bind(case.values.sizes), n / (n - 1)

    def value(*inputs: np.ndarray) -> np.ndarray:
        return np.asarray(by * op.value(np, *inputs))

    def sent(walk: Walk, g: np.ndarray) -> list[Part]:
        return [(t, by * p) for t, p in walk.rule(variance, g)]

    for told, forward, back in (
        ("throughout", True, True),
        ("in the forward pass, and by n in the backward pass", True, False),
        ("in the backward pass, and by n in the forward pass", False, True),
    ):
        yield Variant(
            "m − 1 for m",
            f"In {where} the sum of squares is divided by n − 1 {told}; a layer of the library "
            "divides by n.", "take X.var(axis=0), without ddof=1", about,
            Changes(ways={id(variance): sent} if back else {}),
            forward={id(variance): value} if forward else {}, weight=1.1, groups=(told,),
        )  # fmt: skip


def _of_scale(case: Case, within: list[Tensor], where: str, about: str) -> Iterator[Variant]:
    """σ² for σ, and the gradient of γ without X̂ or with X."""
    hat = next((n for n in within if n.symbol == "Xhat"), None)
    sigma = next((n for n in within if n.symbol == "sigma"), None)
    if hat is None or sigma is None or all(n is not sigma for n in hat.inputs):
        return
    place = next(i for i, n in enumerate(hat.inputs) if n is sigma)

    def by_variance(walk: Walk, g: np.ndarray) -> list[Part]:
        return [(n, p / walk.values[sigma] if i != place else p)
                for i, (n, p) in enumerate(walk.rule(hat, g))]  # fmt: skip

    yield Variant(
        "variance in place of the standard deviation",
        f"In {where} the derivative is divided by the variance; it belongs to σ, its square root.",
        "divide by √(variance + ε)", about, Changes(ways={id(hat): by_variance}), weight=1.3,
    )  # fmt: skip
    for user in case.walk.users(hat):
        gamma = next((i for i in user.inputs if id(i) in {id(w) for _, w in case.weights}), None)
        if gamma is None:
            continue
        name = case.name(gamma)
        axes = tuple(range(case.values[hat].ndim - case.values[gamma].ndim))
        source = next(i for i in case.names.owners[id(hat)].inputs)
        for told, factor in ((f"{case.name(source)}, before it is normalised", source), ("", None)):
            said = f"is computed with {told}" if told else "is computed without X̂"

            def wrong(walk: Walk, factor: Tensor | None = factor, user: Tensor = user,
                      axes: tuple[int, ...] = axes) -> np.ndarray:  # fmt: skip
                g = walk[user]
                return np.asarray((g if factor is None else g * walk.values[factor]).sum(axes))

            yield Variant(
                "γ's gradient without the normalised input", f"d{name} in {where} {said}.",
                f"d{name} = Σ dY ⊙ X̂", f"d{name}", Changes(leaves={id(gamma): wrong}),
                weight=1.05, groups=(said,),
            )  # fmt: skip
        back = hat

        def without(walk: Walk, g: np.ndarray, user: Tensor = user,
                    back: Tensor = back) -> list[Part]:  # fmt: skip
            return [(n, g if n is back else p) for n, p in walk.rule(user, g)]

        yield Variant(
            "γ left out of the chain", f"In {where} what goes back is not multiplied by {name}.",
            f"dX̂ = dY ⊙ {name}", about, Changes(ways={id(user): without}), weight=1.1,
        )  # fmt: skip
