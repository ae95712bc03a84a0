"""A mistake at a place, ready to be tried: what it changes, and how it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from glassnet.checks import listed
from glassnet.explain.doctor.diagnosis.walk import Changes
from glassnet.graph.tensor import Tensor

Arrays = dict[str, np.ndarray]
After = Callable[[Arrays], Arrays]


END = "end"
"""The group of mistakes at the end of the network, with the loss."""


@dataclass(frozen=True, eq=False)
class Variant:
    """A mistake at a place.

    Args:
        kind: the mistake in a few words, the same for every place.
        sentence: what was done, where.
        mend: what to write instead.
        about: the name of the first derivative that is wrong, ``"dZ2"``.
        changes: the rules that are replaced.
        moved: leaves that have other values.
        forward: functions of the inputs, in the place of the ops of nodes, by the node's id: for
            mistakes in the forward pass.
        after: what is done to the finished gradients.
        weight: how unusual it is.
        harmless: whether the result is as good: another choice where the mathematics leaves one.
        everywhere: whether it is the mistake at all its places at once.
        groups: which of its kind are made together, as by one wrong function: those of one
            group. Nothing for those that are never.
    """

    kind: str
    sentence: str
    mend: str
    about: str
    changes: Changes = field(default_factory=Changes)
    moved: Mapping[Tensor, np.ndarray] = field(default_factory=dict)
    forward: Mapping[int, Callable[..., np.ndarray]] = field(default_factory=dict)
    after: tuple[After, ...] = ()
    weight: float = 1.0
    harmless: bool = False
    everywhere: bool = False
    groups: tuple[str, ...] = ("",)

    def joined(self, other: Variant) -> Variant | None:
        """Both at once; None where they can't be."""
        changes = self.changes + other.changes
        if changes is None or set(self.moved) & set(other.moved):
            return None
        if self.forward.keys() & other.forward.keys():
            return None
        return replace(
            self, changes=changes, moved={**self.moved, **other.moved},
            forward={**self.forward, **other.forward},
            after=self.after + other.after, weight=self.weight + other.weight,
        )  # fmt: skip


def together(variants: Sequence[Variant]) -> Variant | None:
    """Return one mistake made at all its places."""
    if len(variants) < 2:
        return None
    joined: Variant | None = variants[0]
    for other in variants[1:]:
        joined = joined.joined(other) if joined is not None else None
    if joined is None:
        return None
    places = [v.about for v in variants]
    shown = listed(places)
    return replace(
        joined, weight=variants[0].weight, everywhere=True,
        sentence=f"{variants[0].sentence} The same at every such place: {shown}.",
    )  # fmt: skip
