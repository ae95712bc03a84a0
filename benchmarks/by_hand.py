"""The peer: a training step of a stack of layers as a person writes it in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Array = np.ndarray


class DenseByHand:
    """`x @ w + b`; examples of several axes are laid flat first."""

    def forward(self, x: Array, w: Array, b: Array) -> Array:
        self.shape, self.x = x.shape, x.reshape(len(x), -1)
        return self.x @ w + b

    def backward(self, dz: Array, w: Array, wanted: bool) -> tuple[Array | None, list[Array]]:
        slopes = [self.x.T @ dz, dz.sum(axis=0)]
        return (dz @ w.T).reshape(self.shape) if wanted else None, slopes


class ConvolutionByHand:
    """Windows laid out as the rows of a matrix, times the kernels; no padding."""

    def forward(self, x: Array, w: Array, b: Array) -> Array:
        self.shape, (rows, columns, channels, filters) = x.shape, w.shape
        windows = sliding_window_view(x, (rows, columns), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
        self.windows = windows.reshape(-1, rows * columns * channels)
        return (self.windows @ w.reshape(-1, filters) + b).reshape(*windows.shape[:3], filters)

    def backward(self, dz: Array, w: Array, wanted: bool) -> tuple[Array | None, list[Array]]:
        rows, columns, channels, filters = w.shape
        m, high, wide, _ = dz.shape
        flat = dz.reshape(-1, filters)
        slopes = [(self.windows.T @ flat).reshape(w.shape), flat.sum(axis=0)]
        if not wanted:
            return None, slopes
        cells = (flat @ w.reshape(-1, filters).T).reshape(m, high, wide, rows, columns, channels)
        dx = np.zeros(self.shape, dz.dtype)
        for i in range(rows):
            for j in range(columns):
                dx[:, i : i + high, j : j + wide] += cells[:, :, :, i, j]
        return dx, slopes


class PoolingByHand:
    """The largest of each square; what does not fill a square at the edge is left out."""

    def __init__(self, size: int) -> None:
        self.size = size

    def forward(self, x: Array) -> Array:
        n, (m, high, wide, channels) = self.size, x.shape
        self.shape, self.kept = x.shape, (high // n * n, wide // n * n)
        inner = x[:, : self.kept[0], : self.kept[1]]
        self.blocks = inner.reshape(m, high // n, n, wide // n, n, channels)
        self.top = self.blocks.max(axis=(2, 4), keepdims=True)
        return self.top[:, :, 0, :, 0]

    def backward(self, dz: Array) -> Array:
        spread = np.where(self.blocks == self.top, dz[:, :, None, :, None], dz.dtype.type(0))
        dx = np.zeros(self.shape, dz.dtype)
        dx[:, : self.kept[0], : self.kept[1]] = spread.reshape(len(dz), *self.kept, -1)
        return dx


def activated(name: str | None, z: Array) -> Array:
    if name == "relu":
        return np.maximum(z, 0)
    if name == "tanh":
        return np.tanh(z)
    if name == "sigmoid":
        return 1 / (1 + np.exp(-z))
    return z


def slope_before(name: str | None, a: Array, da: Array) -> Array:
    """The derivative by z from the one by a = g(z)."""
    if name == "relu":
        return da * (a > 0)
    if name == "tanh":
        return da * (1 - a * a)
    if name == "sigmoid":
        return da * (a * (1 - a))
    return da


def crossentropy(z: Array, y: Array) -> tuple[float, Array]:
    """Softmax cross-entropy from logits and class numbers, with its derivative."""
    shifted = z - z.max(axis=1, keepdims=True)
    exps = np.exp(shifted)
    sums = exps.sum(axis=1, keepdims=True)
    rows = np.arange(len(z))
    loss = float(np.mean(np.log(sums[:, 0]) - shifted[rows, y]))
    dz = exps / sums
    dz[rows, y] -= 1
    dz /= len(z)
    return loss, dz


def binary_crossentropy(z: Array, y: Array) -> tuple[float, Array]:
    """Binary cross-entropy from logits, with its derivative."""
    small = np.exp(-np.abs(z))
    loss = float(np.mean(np.maximum(z, 0) - z * y + np.log1p(small)))
    p = np.where(z >= 0, 1, small) / (1 + small)
    return loss, (p - y) / z.dtype.type(z.size)


LOSSES = {"classes": crossentropy, "binary": binary_crossentropy}


class SGDByHand:
    def __init__(self, weights: list[Array], rate: float) -> None:
        self.rate = rate

    def update(self, weights: list[Array], slopes: list[Array]) -> None:
        for w, g in zip(weights, slopes, strict=True):
            w -= w.dtype.type(self.rate) * g


class AdamByHand:
    """Adam (Kingma and Ba, 2015) with Keras's numbers.

    Keras adds epsilon to √v, before the correction of its start; PyTorch adds it afterwards, as
    the paper's algorithm does, which is as much as a smaller epsilon at first.
    """

    epsilon_corrected = False

    def __init__(self, weights: list[Array], rate: float) -> None:
        self.m = [np.zeros_like(w) for w in weights]
        self.v = [np.zeros_like(w) for w in weights]
        self.rate, self.step = rate, 0

    def update(self, weights: list[Array], slopes: list[Array]) -> None:
        self.step += 1
        beta1, beta2, real = 0.9, 0.999, weights[0].dtype.type
        start = np.sqrt(1 - beta2**self.step)
        rate = real(self.rate * start / (1 - beta1**self.step))
        epsilon = real(1e-7 * start if self.epsilon_corrected else 1e-7)
        for w, m, v, g in zip(weights, self.m, self.v, slopes, strict=True):
            m += (g - m) * real(1 - beta1)
            v += (g * g - v) * real(1 - beta2)
            w -= rate * m / (np.sqrt(v) + epsilon)


class AdamByHandAsPyTorch(AdamByHand):
    epsilon_corrected = True


OPTIMIZERS: dict[str, Any] = {
    "sgd": SGDByHand, "adam": AdamByHand, "adam as PyTorch": AdamByHandAsPyTorch
}  # fmt: skip


class NetworkByHand:
    """A stack of layers, its loss and its optimizer.

    Args:
        layers: pairs of a layer by hand and the name of its activation.
        weights: kernel and bias of each layer that has them, in order; they are copied.
        loss: "classes" (softmax cross-entropy from logits) or "binary".
        optimizer: a name in `OPTIMIZERS`.
    """

    def __init__(
        self,
        layers: Sequence[tuple[Any, str | None]],
        weights: Sequence[Array],
        loss: str = "classes",
        optimizer: str = "adam",
        rate: float = 1e-3,
    ) -> None:
        self.layers = list(layers)
        self.weights = [w.copy() for w in weights]
        self.loss = LOSSES[loss]
        self.optimizer = OPTIMIZERS[optimizer](self.weights, rate)

    def forward(self, x: Array) -> Array:
        weights = iter(self.weights)
        self.outputs: list[Array] = []
        for layer, name in self.layers:
            if isinstance(layer, PoolingByHand):
                x = layer.forward(x)
            else:
                x = activated(name, layer.forward(x, next(weights), next(weights)))
            self.outputs.append(x)
        return x

    def backward(self, slope: Array) -> list[Array]:
        kernels = iter(self.weights[-2::-2])
        found: list[Array] = []
        last = len(self.layers) - 1
        for i in range(last, -1, -1):
            layer, name = self.layers[i]
            if isinstance(layer, PoolingByHand):
                slope = layer.backward(slope)
                continue
            dz = slope_before(name, self.outputs[i], slope)
            slope, slopes = layer.backward(dz, next(kernels), i > 0)
            found = slopes + found
        return found

    def train(self, x: Array, y: Array) -> float:
        """Make one step on a batch; return the loss."""
        loss, slope = self.loss(self.forward(x), y)
        self.optimizer.update(self.weights, self.backward(slope))
        return loss


def dense_network(weights: Sequence[Array], activation: str = "relu") -> NetworkByHand:
    """784-128-10 and its like: one activation between dense layers, cross-entropy, Adam."""
    count = len(weights) // 2
    names = [activation] * (count - 1) + [None]
    return NetworkByHand([(DenseByHand(), name) for name in names], weights)
