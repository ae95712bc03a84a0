"""The networks that are timed: data, weights and operations of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

import numpy as np

Array = np.ndarray
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Dense:
    """A dense layer; examples of several axes are laid flat first."""

    units: int
    activation: str | None = None


@dataclass(frozen=True)
class Conv:
    """A convolution without padding, stride 1."""

    filters: int
    size: int
    activation: str | None = None


@dataclass(frozen=True)
class Pool:
    """The largest of each square."""

    size: int


Part = Dense | Conv | Pool


@dataclass(frozen=True)
class Workload:
    """A row of the table.

    Attributes:
        loss: "classes": softmax cross-entropy from logits, labels are class numbers;
            "binary": binary cross-entropy from logits, labels are columns of 0 and 1.
        steps: batches an epoch.
        rate: on the large networks a small one: Adam's first steps look at the sign of each
            derivative only, and would make rounding errors as large as the rate.
        epochs: epochs that one visit is to have at least where that takes a moment only.
        target: how many times faster than the fastest peer we are to be.
        peak_target: the share of the machine's product peak to reach, 0 for none.
    """

    name: str
    title: str
    shape: Shape
    layers: tuple[Part, ...]
    loss: str
    batch: int
    steps: int
    optimizer: str
    rate: float
    target: float
    epochs: int = 1
    peak_target: float = 0.0
    xor: bool = field(default=False)

    @property
    def examples(self) -> int:
        return self.batch * self.steps

    @property
    def convolves(self) -> bool:
        return any(isinstance(part, Conv) for part in self.layers)

    @property
    def outputs(self) -> int:
        last = self.layers[-1]
        assert isinstance(last, Dense)
        return last.units

    def shapes(self) -> list[Shape]:
        """The shape of one example before each layer, and of the output."""
        found = [self.shape]
        for part in self.layers:
            found.append(_after(part, found[-1]))
        return found

    def parameters(self) -> int:
        return sum(prod(shape) for shape in self.weight_shapes())

    def weight_shapes(self) -> list[Shape]:
        """Kernel and bias of each layer that has them, in Keras's layout."""
        found: list[Shape] = []
        for part, shape in zip(self.layers, self.shapes(), strict=False):
            if isinstance(part, Dense):
                found += [(prod(shape), part.units), (part.units,)]
            elif isinstance(part, Conv):
                found += [(part.size, part.size, shape[-1], part.filters), (part.filters,)]
        return found

    def operations(self) -> int:
        """Multiplications and additions of the products of one training step.

        Each layer multiplies its input with its kernel, and the derivative of its output with its
        input; all but the first also the derivative with the kernel. All else is left out.
        """
        total, first = 0, True
        for part, before, after in zip(self.layers, self.shapes(), self.shapes()[1:], strict=False):
            if isinstance(part, Pool):
                continue
            taps = prod(before) if isinstance(part, Dense) else part.size**2 * before[-1]
            total += (2 if first else 3) * 2 * self.batch * prod(after) * taps
            first = False
        return total

    def traffic(self) -> int:
        """Bytes that a step must touch: the batch once; weights and moments read and written."""
        copies = 3 if self.optimizer == "adam" else 1
        return 4 * (self.batch * prod(self.shape) + 2 * copies * self.parameters())

    def data(self) -> tuple[Array, Array]:
        """Examples and labels from a fixed seed, float32; class numbers are int32."""
        if self.xor:
            x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
            y = np.array([[0], [1], [1], [0]], np.float32)
            return np.tile(x, (self.steps, 1)), np.tile(y, (self.steps, 1))
        rng = np.random.default_rng(0)
        x = rng.random((self.examples, *self.shape), dtype=np.float32)
        if self.loss == "binary":
            return x, rng.integers(0, 2, (self.examples, self.outputs)).astype(np.float32)
        return x, rng.integers(0, self.outputs, self.examples, dtype=np.int32)

    def weights(self) -> list[Array]:
        """Glorot-uniform kernels from a fixed seed and biases of 0."""
        rng = np.random.default_rng(1)
        return [_drawn(rng, shape) for shape in self.weight_shapes()]


def _after(part: Part, shape: Shape) -> Shape:
    if isinstance(part, Dense):
        return (part.units,)
    if isinstance(part, Pool):
        return (shape[0] // part.size, shape[1] // part.size, shape[2])
    return (shape[0] - part.size + 1, shape[1] - part.size + 1, part.filters)


def _drawn(rng: np.random.Generator, shape: Shape) -> Array:
    if len(shape) == 1:
        return np.zeros(shape, np.float32)
    field_size = prod(shape[:-2])
    bound = np.sqrt(6 / (field_size * (shape[-2] + shape[-1])))
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def _stack(activation: str, *units: int) -> tuple[Part, ...]:
    return (*(Dense(n, activation) for n in units[:-1]), Dense(units[-1]))


_XOR = _stack("tanh", 3, 1)
_IMAGE = (28, 28, 1)

WORKLOADS = {
    w.name: w
    for w in (
        Workload("xor-256", "XOR 2-3-1 tanh, 4, SGD, 256 steps an epoch", (2,), _XOR,
                 "binary", 4, 256, "sgd", 0.1, 1.5, xor=True),
        Workload("xor-1", "the same, one step an epoch", (2,), _XOR,
                 "binary", 4, 1, "sgd", 0.1, 8.0, epochs=10_000, xor=True),
        Workload("400-25-15-1", "400-25-15-1 sigmoid, 32, Adam", (400,),
                 _stack("sigmoid", 25, 15, 1), "binary", 32, 100, "adam", 1e-3, 2.5),
        Workload("784-25-15-10", "784-25-15-10 ReLU, 64, Adam", (784,),
                 _stack("relu", 25, 15, 10), "classes", 64, 100, "adam", 1e-3, 1.8),
        Workload("784-128-10", "784-128-10 ReLU, 128, Adam", (784,),
                 _stack("relu", 128, 10), "classes", 128, 100, "adam", 1e-3, 1.1),
        Workload("784-512-512-10", "784-512-512-10 ReLU, 128, Adam", (784,),
                 _stack("relu", 512, 512, 10), "classes", 128, 100, "adam", 1e-4, 1.1,
                 peak_target=0.6),
        Workload("mnist-convnet", "Conv32-pool-Conv64-pool-10, 128, Adam", _IMAGE,
                 (Conv(32, 3, "relu"), Pool(2), Conv(64, 3, "relu"), Pool(2), Dense(10)),
                 "classes", 128, 20, "adam", 1e-4, 1.4, peak_target=0.45),
        Workload("conv5-100-2", "Conv5-sigmoid-100-2, 32, SGD", _IMAGE,
                 (Conv(5, 3, "sigmoid"), Dense(100, "sigmoid"), Dense(2)),
                 "classes", 32, 100, "sgd", 0.1, 2.5),
    )
}  # fmt: skip
"""By name, in the order of the table."""
