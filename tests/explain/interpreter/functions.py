"""The named functions of formulas, as their table in ``docs/formula-grammar.md`` tells them.

Written to be read beside that table, with loops where loops are plainer; not to be fast. What
slides over images is in ``sliding``, what takes and puts entries in ``taking``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Function:
    """How a function is computed; whether it has an axis that is not written where it is usual."""

    compute: Callable[..., Any]
    along_axis: bool = False


FUNCTIONS: dict[str, Function] = {}
"""Every function by its name."""


def function(name: str, *, along_axis: bool = False) -> Callable[[Any], Any]:
    """Enter a function in the table."""

    def enter(compute: Any) -> Any:
        FUNCTIONS[name] = Function(compute, along_axis)
        return compute

    return enter


def entries(compute: Callable[..., float]) -> Callable[..., Array]:
    """Return a function of numbers as one of arrays, entry by entry."""

    def mapped(*arguments: Any) -> Array:
        arrays = np.broadcast_arrays(*arguments)
        values = [
            compute(*map(float, each)) for each in zip(*(a.flat for a in arrays), strict=True)
        ]
        return np.array(values, np.float64).reshape(arrays[0].shape)

    return mapped


# --- numbers ----------------------------------------------------------------------------------
for _name, _compute in {
    "exp": np.exp, "log": np.log, "log2": np.log2, "log10": np.log10, "sqrt": np.sqrt,
    "abs": np.abs, "sign": np.sign, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc,
    "round": np.round, "tanh": np.tanh, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "sinh": np.sinh, "cosh": np.cosh, "arcsin": np.arcsin, "arccos": np.arccos,
    "arctan": np.arctan, "arcsinh": np.arcsinh, "arccosh": np.arccosh, "arctanh": np.arctanh,
    "arctan2": np.arctan2, "max": np.maximum, "min": np.minimum,
    "erf": entries(math.erf), "erfc": entries(math.erfc),
}.items():  # fmt: skip
    function(_name)(_compute)

for _name, _compute in {
    "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite,
}.items():  # fmt: skip
    function(_name)(lambda x, test=_compute: test(x) * 1.0)


@function("sigma")
def sigma(x: Array) -> Array:
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), 1 - 1 / (1 + np.exp(-np.abs(x))))


@function("Phi")
def distribution(x: Array) -> Array:
    return entries(lambda z: math.erfc(-z / math.sqrt(2)) / 2)(x)


@function("phi")
def density(x: Array) -> Array:
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


@function("mod")
def mod(a: Array, b: Array) -> Array:
    return a - b * np.floor(a / b)


@function("H")
def step(x: Array) -> Array:
    return (np.sign(x) + 1) / 2


@function("ReLU")
def relu(x: Array) -> Array:
    return np.where(x > 0, x, 0.0)


@function("softplus")
def softplus(x: Array) -> Array:
    return np.where(x > 0, x, 0) + np.log1p(np.exp(-np.abs(x)))


@function("logaddexp")
def logaddexp(a: Array, b: Array) -> Array:
    larger, smaller = np.maximum(a, b), np.minimum(a, b)
    return larger + np.log1p(np.exp(smaller - larger))


@function("bce")
def bce(z: Array, t: Array) -> Array:
    return t * softplus(-z) + (1 - t) * softplus(z)


# --- along an axis ----------------------------------------------------------------------------
@function("softmax", along_axis=True)
def softmax(z: Array, axis: Any) -> Array:
    shares = np.exp(z - z.max(axis=axis, keepdims=True))
    return shares / shares.sum(axis=axis, keepdims=True)


@function("logsumexp", along_axis=True)
def logsumexp(z: Array, axis: Any) -> Array:
    largest = z.max(axis=axis, keepdims=True)
    return largest + np.log(np.exp(z - largest).sum(axis=axis, keepdims=True))


@function("logsoftmax", along_axis=True)
def logsoftmax(z: Array, axis: Any) -> Array:
    return z - logsumexp(z, axis)


@function("sparsemax", along_axis=True)
def sparsemax(z: Array, axis: Any) -> Array:
    """The point of the simplex nearest to z: max(z - t, 0), t such that the entries sum to 1."""

    def nearest(row: Array) -> Array:
        for kept in range(len(row), 0, -1):  # with so many entries above zero
            largest = np.sort(row)[-kept:]
            threshold = (largest.sum() - 1) / kept
            if largest[0] > threshold:
                return np.maximum(row - threshold, 0)
        raise AssertionError("one entry alone is always above")

    axes = axis if isinstance(axis, tuple) else (axis,)
    return np.apply_along_axis(nearest, axes[0], z)


@function("onehot", along_axis=True)
def onehot(y: Array, classes: int, axis: int) -> Array:
    """The axis, which has length 1 in y, becomes the axis of the classes."""
    return np.concatenate([y == k for k in range(classes)], axis=axis) * 1.0


for _name, _compute in {"cumsum": np.cumsum, "cumprod": np.cumprod}.items():
    function(_name, along_axis=True)(_compute)


@function("sumfromend", along_axis=True)
def sumfromend(x: Array, axis: int) -> Array:
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis)


@function("argmax", along_axis=True)
def argmax(x: Array, axis: int) -> Array:
    return np.argmax(x, axis=axis, keepdims=True)


@function("argmin", along_axis=True)
def argmin(x: Array, axis: int) -> Array:
    return np.argmin(x, axis=axis, keepdims=True)


# --- shapes -----------------------------------------------------------------------------------
@function("reshape")
def reshape(x: Array, sizes: tuple[int, ...]) -> Array:
    return np.reshape(x, sizes)


@function("flatten")
def flatten(x: Array) -> Array:
    return np.reshape(x, (len(x), -1))


@function("broadcast")
def broadcast(x: Array, sizes: tuple[int, ...]) -> Array:
    return np.broadcast_to(x, sizes)


@function("permute")
def permute(x: Array, axes: tuple[int, ...]) -> Array:
    return np.transpose(x, axes)
