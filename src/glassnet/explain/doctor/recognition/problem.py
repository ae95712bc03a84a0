"""What is to be recognised, and a candidate for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassnet.layers import Layer
from glassnet.models import Sequential

Array = np.ndarray
Take = Callable[[Array], Array]


@dataclass(frozen=True)
class Problem:
    """A person's brick, tried: its weights and what it gave, as the library lays out arrays.

    Args:
        x: the input, or the list of inputs.
        outputs: what it gave outside training (False) and in it (True).
        names: what the person calls the weights.
        weights: their arrays.
        chance: whether it gives something else each time, in training.
        again: in training, what it gave for a larger batch: the pair (input, output).
    """

    x: Any
    outputs: Mapping[bool, Array]
    names: Sequence[str] = ()
    weights: Sequence[Array] = ()
    chance: bool = False
    again: tuple[Array, Array] | None = None

    @property
    def y(self) -> Array:
        """What it gave outside training."""
        return self.outputs[False]

    @property
    def several(self) -> bool:
        """Whether it has several inputs."""
        return isinstance(self.x, list)


@dataclass(frozen=True)
class Placement:
    """A weight of the library's layer, found in a person's weight.

    Args:
        library: the name of the library's weight: ``"kernel"``.
        own: the place of the person's weight among theirs.
        take: gives the library's array as a view of the person's.
        how: in words: ``"transposed"``; nothing where both lie alike.
    """

    library: str
    own: int
    take: Take = lambda array: array
    how: str = ""


@dataclass(frozen=True)
class Candidate:
    """A layer of the library with its weights found among the person's.

    Args:
        cls: its class.
        arguments: what it is made with.
        placements: where its weights are found.
        activated: whether an activation may follow.
        modes: the modes in which it is compared.
        scales: factors of weights in a faulty forward: ``{"bias": 0.0}`` leaves it out.
        formula: what a faulty forward computes, where factors don't say it.
        fault: what such a forward does, in words; empty for the layer itself.
        remark: what is worth saying of it.
        padding: zeros on both sides of every spatial axis, by a layer before it.
    """

    cls: type[Layer]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    placements: tuple[Placement, ...] = ()
    activated: bool = False
    modes: tuple[bool, ...] = (False,)
    scales: Mapping[str, float] = field(default_factory=dict)
    formula: Callable[[Problem], Array] | None = None
    fault: str = ""
    remark: str = ""
    padding: tuple[type[Layer], int] | None = None

    @property
    def source(self) -> str:
        """How the layer is made: ``Dense(units=3)``."""
        own = f"{self.cls.__name__}({_arguments(self.arguments)})"
        if self.padding is None:
            return own
        return f"{self.padding[0].__name__}({self.padding[1]}) and {own}"

    def layer(self, shape: Any) -> Layer:
        """Return the layer in float64, built for inputs of this shape."""
        made: Layer = self.cls(**self.arguments, dtype="float64")
        if self.padding is not None:
            padding: Any = self.padding[0]
            made = Sequential([padding(self.padding[1], dtype="float64"), made], dtype="float64")
        made.build(shape)
        return made

    def set_weights(self, layer: Layer, own: Sequence[Array], faulty: bool = False) -> None:
        """Give the layer the person's weights; with their fault, where there is one."""
        found = {p.library: p.take(own[p.own]) for p in self.placements}
        for weight in layer.weights:
            if weight.name in found:
                factor = self.scales.get(weight.name, 1.0) if faulty else 1.0
                weight.assign(np.asarray(found[weight.name] * factor, np.float64))
            elif weight.trainable:
                raise ValueError(f"no weight of the person's is {weight.name}")

    def to_own(self, library: Mapping[str, Array], like: Sequence[Array]) -> list[Array]:
        """Return arrays that lie as the library's weights do, laid out as the person's."""
        result = [np.zeros(np.shape(a)) for a in like]
        for placement in self.placements:
            if placement.library in library:
                placement.take(result[placement.own])[...] = library[placement.library]
        return result


def _arguments(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_shown(value)}" for name, value in given.items())


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Layer):
        return f"{type(value).__name__}({getattr(value, 'negative_slope', '')})"
    return repr(getattr(value, "__name__", value))


def shape_of(x: Any) -> Any:
    """Return the shape of an input, or of each of several, without the batch's size."""
    if isinstance(x, list):
        return [(None, *a.shape[1:]) for a in x]
    return (None, *x.shape[1:])


def biases(problem: Problem, taken: int, units: int) -> list[tuple[Placement, ...]]:
    """Return the ways in which the weights left over are a bias: none, or one of that size."""
    left = [i for i in range(len(problem.weights)) if i != taken]
    if not left:
        return [()]
    if len(left) > 1 or np.size(problem.weights[left[0]]) != units:
        return []
    shape = np.shape(problem.weights[left[0]])
    how = "" if shape == (units,) else f"{_as_text(shape)} in place of ({units},)"
    return [(Placement("bias", left[0], lambda a: a.reshape(units), how),)]


def _as_text(shape: Sequence[int]) -> str:
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"


BIAS_FAULTS = ((0.0, "leaves out the bias"), (-1.0, "subtracts the bias"),
               (2.0, "adds the bias twice"))  # fmt: skip
"""What a forward may do to the bias, by the factor it takes it with."""
