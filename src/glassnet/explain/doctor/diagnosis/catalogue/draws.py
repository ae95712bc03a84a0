"""Mistakes with what was drawn: the mask of dropout."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from glassnet.explain.doctor.diagnosis.case import Case, is_drawn
from glassnet.explain.doctor.diagnosis.variant import Variant
from glassnet.explain.doctor.diagnosis.walk import Changes, Part, Walk
from glassnet.graph.dtypes import is_float
from glassnet.graph.tensor import Tensor


def of_draws(case: Case, names: list[str]) -> Iterator[Variant]:
    """Yield the mistakes with each mask that was multiplied on."""
    for node in case.walk.order:
        drawn = [i for i in node.inputs if is_drawn(i) and is_float(i.dtype)]
        others = [i for i in node.inputs if not is_drawn(i) and is_float(i.dtype)]
        if len(drawn) == 1 and len(others) == 1 and case.walk.reaches(node):
            yield from _of_mask(case, node, drawn[0], others[0])


def _of_mask(case: Case, node: Tensor, mask: Tensor, source: Tensor) -> Iterator[Variant]:
    where, dx = case.place_of(node), f"d{case.name(source)}"
    scale = float(np.abs(case.values[mask]).max(initial=0.0))
    right = f"{dx} = d{case.name(node)} ⊙ D, with the D of the forward pass, scale and all"

    def way(factor: Callable[[np.ndarray], np.ndarray]) -> Changes:
        def sent(walk: Walk, g: np.ndarray) -> list[Part]:
            return [(source, g * factor(walk.values[mask]))]

        return Changes(ways={id(node): sent})

    yield Variant(
        "dropout mask missing in the backward pass",
        f"In {where} the mask is missing on the way back: what was dropped has no part in the "
        "cost.", right, dx, way(np.ones_like), weight=0.9, groups=("mask",),
    )  # fmt: skip
    if scale not in (0.0, 1.0):
        yield Variant(
            "dropout mask missing in the backward pass",
            f"In {where} what goes back is scaled by 1/keep but not masked.", right, dx,
            way(lambda d: np.full_like(d, scale)), weight=1.1, groups=("scale alone",),
        )  # fmt: skip
        yield Variant(
            "dropout scaled twice", f"In {where} what goes back is divided by the probability of "
            "keeping twice.", right, dx, way(lambda d: d * scale), weight=1.0, groups=("twice",),
        )  # fmt: skip
        yield Variant(
            "dropout not scaled in the backward pass",
            f"In {where} what goes back is masked, but not divided by the probability of keeping.",
            right, dx, way(lambda d: d / scale), weight=1.0, groups=("unscaled",),
        )  # fmt: skip
        yield from _of_forward(node, source, mask, scale, where, right, dx)
    yield Variant(
        "dropout mask turned around", f"In {where} the mask keeps what was dropped.", right, dx,
        way(lambda d: (d == 0) * (scale or 1.0)), weight=1.4, groups=("turned",),
    )  # fmt: skip


def _of_forward(
    node: Tensor, source: Tensor, mask: Tensor, scale: float, where: str, right: str, dx: str
) -> Iterator[Variant]:
    """Masks that are scaled wrongly in the forward pass, with the same or the right one behind."""

    def variant(kind: str, told: str, by: float, back: bool) -> Variant:
        def value(*inputs: np.ndarray) -> np.ndarray:
            return np.asarray(inputs[0] * inputs[1] * by)

        def sent(walk: Walk, g: np.ndarray) -> list[Part]:
            return [(source, g * walk.values[mask] * by)]

        return Variant(
            kind, f"In {where} {told}", f"multiply by D once, scale and all; then {right}", dx,
            Changes(ways={id(node): sent}) if back else Changes(), forward={id(node): value},
            weight=1.1 if back else 1.2, groups=(told,),
        )  # fmt: skip

    for back, which in ((True, "both passes"), (False, "the forward pass")):
        yield variant(
            "dropout scaled twice", f"{which} divide{'s' * (not back)} by the probability of "
            "keeping twice.", scale, back,
        )  # fmt: skip
        yield variant(
            "dropout not scaled", "what is kept is not divided by the probability of keeping, "
            f"in {which}.", 1 / scale, back,
        )  # fmt: skip
