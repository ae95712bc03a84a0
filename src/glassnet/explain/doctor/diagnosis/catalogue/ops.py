"""The mistakes that ops declare of themselves, at each of their nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from glassnet.explain.doctor.diagnosis.case import Case
from glassnet.explain.doctor.diagnosis.variant import Variant
from glassnet.explain.doctor.diagnosis.walk import Changes, Part, Walk
from glassnet.explain.evaluation import wide_op
from glassnet.graph.dtypes import is_float
from glassnet.graph.slip import RIGHT, Slip
from glassnet.graph.tensor import Tensor


def of_ops(case: Case, names: list[str]) -> Iterator[Variant]:
    """Yield the slips of each node."""
    for node in reversed(case.walk.order):
        if node.op is None or not case.walk.reaches(node):
            continue
        for slip in node.op.slips():
            known = _told(case, node, slip)
            about = _about(case, node, slip)
            yield Variant(
                _kind(case, node, slip), known[0], known[1], about,
                Changes(ways={id(node): Slipped(node, slip)}),
                forward=_forward(case, node, slip), weight=slip.weight, harmless=slip.harmless,
                groups=(slip.sentence,),
            )  # fmt: skip


def _kind(case: Case, node: Tensor, slip: Slip) -> str:
    """The slip's kind; a mean over positions that is a layer's whole work has the layer's name."""
    owner = case.names.owners.get(id(node))
    averages = owner is not None and "AveragePooling" in type(owner.layer).__name__
    if averages and slip.kind == "division forgotten in the backward pass":
        return "average pooling's gradient not divided"
    return slip.kind


def _forward(case: Case, node: Tensor, slip: Slip) -> dict[int, Callable[..., np.ndarray]]:
    if slip.value is None:
        return {}
    return {id(node): partial(slip.value, wide_op(node).bind(case.values.sizes))}


@dataclass(frozen=True, eq=False)
class Slipped:
    """A node's rule with a slip in it."""

    node: Tensor
    slip: Slip

    def __call__(self, walk: Walk, g: np.ndarray) -> list[Part]:
        node = self.node
        assert node.op is not None
        op = wide_op(node).bind(walk.values.sizes)
        right = dict(enumerate_parts(walk.rule(node, g), node))
        with np.errstate(all="ignore"):
            found = self.slip.way(op, g, walk.values[node], *(walk.values[i] for i in node.inputs))
        parts: list[Part] = []
        for i, (source, part) in enumerate(zip(node.inputs, found, strict=True)):
            if part is RIGHT:
                part = right.get(i)
            if part is not None and is_float(source.dtype) and walk.asks(source):
                parts.append((source, np.asarray(part)))
        return parts


def enumerate_parts(parts: list[Part], node: Tensor) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the parts with the places of the inputs that they go to."""
    left = list(parts)
    for i, source in enumerate(node.inputs):
        if left and left[0][0] is source:
            yield i, left.pop(0)[1]


def _about(case: Case, node: Tensor, slip: Slip) -> str:
    """The derivative that the slip's sentence names first."""
    places = sorted((slip.sentence.find(f"{{dx{i}}}"), i) for i in range(len(node.inputs)))
    named = [i for found, i in places if found >= 0]
    return f"d{case.name(node.inputs[named[0] if named else 0])}"


def _told(case: Case, node: Tensor, slip: Slip) -> tuple[str, str]:
    words = {f"x{i}": case.name(t) for i, t in enumerate(node.inputs)}
    words |= {f"d{key}": f"d{value}" for key, value in words.items()}
    words |= {"y": case.name(node), "dy": f"d{case.name(node)}", "where": case.place_of(node)}
    return slip.sentence.format(**words), slip.mend.format(**words)
