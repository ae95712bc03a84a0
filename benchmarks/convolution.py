"""How fast convolution, pooling and random draws are on NumPy, in milliseconds.

Convolutions are measured in one run beside the bare matrix product on columns already made: the
least that any method by columns can take. With JAX installed, its compiled convolution as well.

    python benchmarks/convolution.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from math import prod
from typing import Any

import numpy as np

from glassnet.ops.pooling import AveragePool, AverageUnpool, MaxPool, MaxUnpool
from glassnet.ops.random import Bernoulli, RandomNormal, RandomUniform
from glassnet.ops.sliding import Convolution, KernelCorrelation, TransposedConvolution

SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, ...], int, int]] = {
    # x, kernel, padding on each side, groups
    "MNIST 1st layer": ((128, 28, 28, 1), (3, 3, 1, 32), 0, 1),
    "MNIST 2nd layer": ((128, 13, 13, 32), (3, 3, 32, 64), 0, 1),
    "colour, same": ((64, 32, 32, 3), (3, 3, 3, 32), 1, 1),
    "pointwise": ((64, 16, 16, 64), (1, 1, 64, 64), 0, 1),
    "depthwise": ((64, 16, 16, 64), (3, 3, 1, 64), 1, 64),
    "four groups": ((64, 16, 16, 64), (3, 3, 16, 64), 1, 4),
    "sequence": ((64, 256, 16), (5, 16, 32), 2, 1),
}


def milliseconds(function: Callable[..., Any], *arguments: Any) -> float:
    """Return the median time of a call."""
    function(*arguments)
    taken = []
    for _ in range(15):
        start = time.perf_counter()
        function(*arguments)
        taken.append(time.perf_counter() - start)
    return 1000 * float(np.median(taken))


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def convolutions() -> None:
    print(" " * 16 + f"{'value':>18}{'by kernel':>18}{'by input':>18}")
    print(" " * 16 + f"{'ours':>9}{'product':>9}" * 3)
    for name, (shape, cells, pad, groups) in SHAPES.items():
        axes = len(shape) - 2
        motion = ((1,) * axes, ((pad, pad),) * axes, (1,) * axes, groups)
        x, kernel = draw(*shape), draw(*cells)
        g = Convolution(*motion).value(np, x, kernel)
        rows, f = prod(g.shape[:-1]), g.shape[-1] // groups
        columns = draw(groups, rows, prod(cells[:-1]))
        weights, back = draw(groups, prod(cells[:-1]), f), draw(groups, rows, f)
        times = (
            milliseconds(Convolution(*motion).value, np, x, kernel),
            milliseconds(np.matmul, columns, weights),
            milliseconds(KernelCorrelation(*motion).value, np, x, g),
            milliseconds(np.matmul, columns.transpose(0, 2, 1), back),
            milliseconds(TransposedConvolution(*motion).value, np, g, kernel),
            milliseconds(np.matmul, back, weights.transpose(0, 2, 1)),
        )
        shown = "".join(f"{t:9.2f}" for t in times)
        print(f"{name:16}{shown}{jax_times(x, kernel, pad, groups)}")


def jax_times(x: np.ndarray, kernel: np.ndarray, pad: int, groups: int) -> str:
    """Return the times of JAX's convolution and its two derivatives together, as text."""
    if find_spec("jax") is None:
        return ""
    import jax

    axes = x.ndim - 2
    letters = "DHW"[3 - axes :]
    layout = (f"N{letters}C", f"{letters}IO", f"N{letters}C")

    @jax.jit
    def value(a: Any, k: Any) -> Any:
        return jax.lax.conv_general_dilated(
            a,
            k,
            (1,) * axes,
            [(pad, pad)] * axes,
            dimension_numbers=layout,
            feature_group_count=groups,
        )

    both = jax.jit(lambda a, k, g: jax.vjp(value, a, k)[1](g))
    y = value(x, kernel)
    forward = milliseconds(lambda: jax.block_until_ready(value(x, kernel)))
    backward = milliseconds(lambda: jax.block_until_ready(both(x, kernel, y)))
    return f"   JAX: value {forward:.2f}, derivatives {backward:.2f}"


def pooling() -> None:
    print("\npooling by 2 × 2")
    for shape in ((128, 26, 26, 32), (128, 10, 10, 64)):
        x = np.maximum(draw(*shape), 0)
        motion = ((2, 2), (2, 2), ((0, 0), (0, 0)))
        y = MaxPool(*motion).value(np, x)
        shown = (
            f"largest {milliseconds(MaxPool(*motion).value, np, x):.2f}, "
            f"its derivative {milliseconds(MaxUnpool(*motion).value, np, y, x, y):.2f}, "
            f"mean {milliseconds(AveragePool(*motion).value, np, x):.2f}, "
            f"its derivative {milliseconds(AverageUnpool(*motion).value, np, y):.2f}"
        )
        print(f"{shape!s:22} {shown}")


def draws() -> None:
    print("\na draw of 128 × 1024 float32")
    for op in (Bernoulli, RandomUniform, RandomNormal):
        taken = milliseconds(op(1, 0, (128, 1024)).value, np, 0)
        print(f"{op.name:22} {taken:.2f}")


if __name__ == "__main__":
    convolutions()
    pooling()
    draws()
