"""What each neuron answers over a plane of inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassnet.checks import whole
from glassnet.inspection.inputs import MARGIN, InputPlane, Range, input_plane
from glassnet.inspection.signals import signals

CELLS, MOST = 61, 8
"""How many places along each axis; how many neurons of a layer."""


@dataclass(frozen=True, eq=False)
class LayerMap:
    """What the neurons of one layer answer.

    Args:
        name: the layer's name.
        activation: the name of its activation; None without one.
        answers: (k, n, neurons), the first neurons of the layer.
        count: how many neurons it has.
    """

    name: str
    activation: str | None
    answers: np.ndarray
    count: int

    @property
    def left_out(self) -> int:
        """How many neurons are not among the answers."""
        return self.count - self.answers.shape[-1]

    @property
    def reach(self) -> float:
        """The largest absolute answer that is a number; 0 where there is none."""
        return float(np.abs(self.answers[np.isfinite(self.answers)]).max(initial=0.0))


@dataclass(frozen=True, eq=False)
class NeuronMaps:
    """What the neurons of a network answer, layer by layer.

    Args:
        plane: the inputs.
        layers: the layers, in the order of computation.
        points: the points of x, by the two features that move, (m, 2).
        other: the names of layers whose answers are no single numbers a neuron.
    """

    plane: InputPlane
    layers: tuple[LayerMap, ...]
    points: np.ndarray
    other: tuple[str, ...] = ()


def neuron_maps(
    model: Any,
    x: Any,
    *,
    features: Sequence[int | str] | None = None,
    feature_names: Sequence[str] | None = None,
    most: int = MOST,
    cells: int = CELLS,
    margin: float = MARGIN,
    extent: tuple[Range, Range] | None = None,
) -> NeuronMaps:
    """Return ``a_j(x)`` for every neuron j of every layer, over a plane of inputs.

    A layer that hands on what it gets, as dropout does outside training, is left out.

    Args:
        model: the network.
        x: points, (m, features); the plane shows all of them.
        features: the two features that move; see `boundary`.
        feature_names: the names of all features.
        most: how many neurons of a layer at most, its first ones.
        cells: how many places along each axis.
        margin: how far the plane reaches beyond the points, as a part of their extent.
        extent: ((a₀, a₁), (b₀, b₁)) in place of that.

    Raises:
        TypeError: where this is no model, or x holds no numbers.
        ValueError: where x does not fit the network, or no layer gives one number a neuron.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, "tanh"), gn.layers.Dense(1)])
    >>> found = gn.inspection.neuron_maps(model, np.eye(2), cells=5, most=2)
    >>> [(m.answers.shape, m.left_out) for m in found.layers]
    [((5, 5, 2), 1), ((5, 5, 1), 0)]
    """
    what = "neuron_maps"
    whole(most, f"{what}: most", least=1)
    plane, points = input_plane(
        what, model, x, features=features, names=feature_names,
        cells=cells, margin=margin, extent=extent,
    )  # fmt: skip
    shown: dict[str, _Collected] = {}
    other: dict[str, None] = {}
    for inputs in plane.batches():
        before = inputs
        for signal in signals(model, inputs):
            answers = np.asarray(signal.outputs)
            if answers.ndim != 2:
                other[signal.name] = None
                continue
            layer = shown.setdefault(signal.name, _Collected(signal.activation, answers.shape[1]))
            layer.handed_on &= np.array_equal(answers, before)
            layer.parts.append(answers[:, :most])
            before = answers
    if not shown:
        raise ValueError(
            f"{what}: no layer of the model gives one number a neuron, (m, neurons); there are "
            f"{', '.join(other) or 'none'}."
        )
    size = (len(plane.b), len(plane.a), -1)
    layers = tuple(
        LayerMap(name, found.activation, np.concatenate(found.parts).reshape(size), found.count)
        for name, found in shown.items()
        if not found.handed_on
    )
    return NeuronMaps(plane, layers, points[:, plane.features], tuple(other))


@dataclass
class _Collected:
    """The answers of a layer so far, and whether they are but what it was given."""

    activation: str | None
    count: int
    parts: list[np.ndarray] = field(default_factory=list)
    handed_on: bool = True
