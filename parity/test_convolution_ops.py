"""The functions of convolution and pooling against keras.ops, over randomly drawn arguments.

Values and derivatives by every argument, in float32, to 1e-5 of the largest entry. The draws favour
what goes wrong: even kernels, "same" with strides, dilation with groups, axes of one cell, a batch
of one, strides larger than the kernel, a rest that no window reaches.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from harness import assert_close

from glassnet import ops
from glassnet.engines import Program
from glassnet.graph import Placeholder, gradients
from glassnet.ops.pooling import AveragePool, AverageUnpool, MaxPick, MaxPool, MaxUnpool
from glassnet.ops.sliding import Convolution, KernelCorrelation, TransposedConvolution

DRAWS = range(24)


def agree(ours: Callable[..., Any], theirs: Callable[..., Any], *arrays: np.ndarray) -> None:
    """Compare values and the derivatives of ⟨g, f⟩ by every array, for a random g."""
    expected, pull = jax.vjp(theirs, *map(jnp.asarray, arrays))
    g = np.random.default_rng(99).normal(size=expected.shape).astype(np.float32)
    inputs = [Placeholder(a.shape, a.dtype) for a in arrays]
    seed = Placeholder(g.shape, g.dtype)
    y = ours(*inputs)
    got = Program([*inputs, seed], [y, *gradients([y], inputs, [seed])]).run(*arrays, g)
    assert_close(got[0], expected, "value")
    for i, (a, b) in enumerate(zip(got[1:], pull(jnp.asarray(g)), strict=True)):
        assert_close(a, b, f"derivative by argument {i}")


class Draw:
    """Random arguments; the same for the same number."""

    def __init__(self, number: int) -> None:
        self.rng = np.random.default_rng(number)
        self.axes = int(self.rng.choice([1, 2, 2, 3]))

    def sizes(self, low: int, high: int) -> tuple[int, ...]:
        return tuple(int(i) for i in self.rng.integers(low, high + 1, self.axes))

    def one(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def array(self, *shape: int) -> np.ndarray:
        return self.rng.normal(size=shape).astype(np.float32)

    def moving(self, padding: str) -> tuple[tuple[int, ...], tuple[int, ...], Any, Any]:
        """Return spatial sizes, kernel, strides, dilation: strides or dilation, as Keras asks."""
        kernel = self.sizes(1, 4)
        strides, dilation = self.one(((1, 3), (1, 1)), ((1, 1), (1, 3)))
        strides, dilation = self.sizes(*strides), self.sizes(*dilation)
        least = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        extra = self.sizes(0, 5)
        sizes = extra if padding == "same" else map(sum, zip(least, extra, strict=True))
        return tuple(max(n, 1) for n in sizes), kernel, strides, dilation


@pytest.mark.parametrize("number", DRAWS)
def test_conv(number: int) -> None:
    draw = Draw(number)
    padding = draw.one("valid", "same")
    sizes, cells, strides, dilation = draw.moving(padding)
    groups, channels, filters = (draw.one(*c) for c in ((1, 1, 2, 3), (1, 2, 4), (1, 2)))
    x = draw.array(draw.one(1, 3), *sizes, groups * channels)
    kernel = draw.array(*cells, channels, groups * filters)

    def call(library: Any) -> Callable[..., Any]:
        return lambda x, k: library.conv(x, k, strides, padding, None, dilation)

    agree(call(ops), call(keras.ops), x, kernel)


@pytest.mark.parametrize("number", DRAWS)
def test_depthwise_and_separable_conv(number: int) -> None:
    draw = Draw(100 + number)
    draw.axes = draw.one(1, 2)
    padding = draw.one("valid", "same")
    sizes, cells, strides, dilation = draw.moving(padding)
    channels, each = draw.one(1, 2, 3), draw.one(1, 2)
    x, kernel = draw.array(2, *sizes, channels), draw.array(*cells, channels, each)
    point = draw.array(*(1,) * draw.axes, channels * each, 2)

    def depthwise(library: Any) -> Callable[..., Any]:
        return lambda x, k: library.depthwise_conv(x, k, strides, padding, None, dilation)

    def separable(library: Any) -> Callable[..., Any]:
        return lambda x, k, p: library.separable_conv(x, k, p, strides, padding, None, dilation)

    agree(depthwise(ops), depthwise(keras.ops), x, kernel)
    agree(separable(ops), separable(keras.ops), x, kernel, point)


@pytest.mark.parametrize("number", DRAWS)
def test_conv_transpose(number: int) -> None:
    draw = Draw(200 + number)
    padding = draw.one("valid", "same")
    sizes, cells, strides, dilation = draw.moving("same")
    more = draw.one(None, None, tuple(int(draw.rng.integers(s)) for s in strides))
    x, kernel = draw.array(draw.one(1, 2), *sizes, 2), draw.array(*cells, 3, 2)
    if more is not None and padding == "same":  # a size of 0 has nothing to compare
        least = [(n - 1) * s + m for n, s, m in zip(sizes, strides, more, strict=True)]
        more = None if min(least) < 1 else more

    def call(library: Any) -> Callable[..., Any]:
        return lambda x, k: library.conv_transpose(x, k, strides, padding, more, None, dilation)

    agree(call(ops), call(keras.ops), x, kernel)


@pytest.mark.parametrize("number", DRAWS)
@pytest.mark.parametrize("name", ["max_pool", "average_pool"])
def test_pooling(name: str, number: int) -> None:
    draw = Draw(300 + number)
    padding = draw.one("valid", "same")
    pool = draw.sizes(1, 4)
    # Keras's JAX backend fails on strides=None outside a layer, which asks for strides = pool.
    ours, theirs = draw.one((None, pool), (draw.sizes(1, 3),) * 2)
    sizes = draw.sizes(1, 8)
    if padding == "valid":
        sizes = tuple(max(n, k) for n, k in zip(sizes, pool, strict=True))
    x = draw.array(draw.one(1, 3), *sizes, draw.one(1, 3))

    agree(
        lambda x: getattr(ops, name)(x, pool, ours, padding),
        lambda x: getattr(keras.ops, name)(x, pool, theirs, padding),
        x,
    )


def test_ties_of_max_pooling_go_to_the_same_entry() -> None:
    x = np.array([[0, 0, 0, 1, 1, 0, 1, 1, 1, 0, 0]], np.float32)[..., None]
    agree(lambda x: ops.max_pool(x, 3, 2), lambda x: keras.ops.max_pool(x, 3, 2), x)


@pytest.mark.parametrize(
    "op",
    [
        *(Convolution, TransposedConvolution, KernelCorrelation),
        *(MaxPool, MaxUnpool, MaxPick, AveragePool, AverageUnpool),
    ],
    ids=lambda op: op.name,
)
def test_the_ops_run_on_jax_arrays(op: Any) -> None:
    """The path for other array namespaces, compiled by JAX as a whole."""
    for sample in op.samples():
        arrays = [a.astype(np.float32) for a in sample.inputs]
        compiled = jax.jit(lambda *a, op=sample.op: op.value(jnp, *a))
        assert_close(sample.op.value(np, *arrays), compiled(*arrays), str(sample.op))
