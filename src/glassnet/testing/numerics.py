"""Derivatives projected on one random direction: as graph, and as difference quotients.

One random projection of a wrong derivative is wrong with probability 1, and costs a few
evaluations where checking every entry would cost two for each.
Source: the ``test_util`` of HIPS autograd and JAX's ``check_grads`` project in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from glassnet.engines.program import Program
from glassnet.graph.derivative import gradients
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.graph.validity import check_graph
from glassnet.ops.elementwise import cast
from glassnet.ops.reduction import sum as sum_of


def slope(
    function: Callable[..., float], arrays: Sequence[np.ndarray], along: Sequence[np.ndarray]
) -> float:
    """Return the derivative of ``function`` at ``arrays`` in the direction ``along``.

    Central differences of fourth order, ``(8 (f₊₁ - f₋₁) - (f₊₂ - f₋₂)) / 12h``, with the step
    that balances the rounding of the values, ε/h, against the error of the formula, h⁴.
    Source: B. Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids",
    Mathematics of Computation 51 (1988), 699-706.
    """
    largest = max((float(np.abs(a).max()) for a in arrays if a.size), default=1.0)
    h = float(np.finfo(np.float64).eps) ** 0.2 * max(1.0, largest)

    def at(t: float) -> float:
        return function(*(a + t * d for a, d in zip(arrays, along, strict=True)))

    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def directions(arrays: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
    """Return a random direction for every array, of length 1 over all of them together."""
    rng = np.random.default_rng(seed)
    drawn = [rng.standard_normal(a.shape) for a in arrays]
    length = np.sqrt(sum(float(np.sum(d * d)) for d in drawn))
    return [d / max(float(length), 1e-30) for d in drawn]


class Projection:
    """The graphs of ``p₀ = ⟨c, y⟩``, ``p₁ = ⟨u, ∂p₀/∂x⟩`` and ``p₂ = ⟨w, ∂p₁/∂x⟩``.

    Args:
        inputs: the placeholders of y.
        output: y.
        wrt: which inputs are differentiated by.
        order: how many derivatives to take, 1 or 2.

    c, u and w are inputs too, so that the graphs are recorded with named sizes as well.
    """

    def __init__(
        self, inputs: Sequence[Placeholder], output: Tensor, wrt: Sequence[int], order: int = 2
    ) -> None:
        self.inputs = list(inputs)
        self.output = output
        self.wrt = list(wrt)
        by = [self.inputs[i] for i in self.wrt]
        self.extra = [Placeholder(output.shape, output.dtype, name="c")]
        self.steps = [sum_of(output * self.extra[0])]
        found = gradients([output], by, self.extra[:1])
        for letter in ("u", "w")[:order]:
            ways = [Placeholder(x.shape, x.dtype, name=f"{letter}{i}") for i, x in enumerate(by)]
            self.extra += ways
            # In float64, so that a sum of many small numbers is not blurred by its own rounding.
            parts = [sum_of(cast(d * way, "float64")) for d, way in zip(found, ways, strict=True)]
            total = parts[0]
            for part in parts[1:]:
                total = total + part
            self.steps.append(total)
            if len(self.steps) <= order:
                found = gradients([total], by)

    def check(self) -> None:
        """Hold every graph against the specification of a legal graph."""
        check_graph(self.steps, [*self.inputs, *self.extra])

    def values(self, arrays: Sequence[np.ndarray], extra: Sequence[np.ndarray]) -> list[float]:
        """Return p₀, p₁, … as numbers."""
        program = Program([*self.inputs, *self.extra], self.steps)
        return [float(v) for v in program.run(*arrays, *extra)]

    def quotients(self, arrays: Sequence[np.ndarray], extra: Sequence[np.ndarray]) -> list[float]:
        """Return p₁, … as difference quotients of p₀, … along u, …."""
        result = []
        count = len(self.wrt)
        for order in range(1, len(self.steps)):
            program = Program([*self.inputs, *self.extra], [self.steps[order - 1]])

            def function(*moved: np.ndarray, program: Program = program) -> float:
                given = list(arrays)
                for i, array in zip(self.wrt, moved, strict=True):
                    given[i] = array
                return float(program.run(*given, *extra)[0])

            along = extra[1 + count * (order - 1) : 1 + count * order]
            result.append(slope(function, [arrays[i] for i in self.wrt], along))
        return result

    def draw(self, arrays: Sequence[np.ndarray], shape: tuple[int, ...]) -> list[np.ndarray]:
        """Return random c, u, w for arrays of these shapes and an output of ``shape``."""
        weights = np.random.default_rng(3).standard_normal(shape)
        drawn = [np.asarray(weights)]
        for seed in range(1, len(self.steps)):
            drawn += directions([arrays[i] for i in self.wrt], seed)
        return drawn


def compare(what: str, exact: float, quotient: float, tolerance: float) -> None:
    """Raise where two numbers differ by more than ``tolerance`` of their size (at least 1)."""
    if not abs(exact - quotient) <= tolerance * max(1.0, abs(exact), abs(quotient)):
        raise AssertionError(
            f"{what}: the graph gives {exact:.10g}, the difference quotient {quotient:.10g}. They "
            f"differ by {abs(exact - quotient):.3g}; {tolerance:g} of their size is allowed."
        )


def check_gradients_numerically(
    function: Callable[..., Tensor],
    *arrays: np.ndarray,
    order: int = 2,
    tolerance: float = 1e-6,
) -> None:
    """Hold the derivatives of a function of tensors against difference quotients, in float64.

    Args:
        function: takes one tensor for each array and returns a tensor of any shape.
        arrays: where the derivatives are checked; away from kinks and poles.
        order: 1 for the first derivative, 2 for the second too.
        tolerance: the difference allowed, relative to the numbers compared (at least 1).

    Raises:
        AssertionError: naming the order and the two numbers.

    >>> import numpy as np
    >>> from glassnet.testing import check_gradients_numerically
    >>> check_gradients_numerically(lambda x, w: np.tanh(x @ w), np.ones((2, 3)), np.ones((3, 1)))
    """
    points = [np.asarray(a, dtype=np.float64) for a in arrays]
    inputs = [Placeholder(p.shape, np.float64, name=f"x{i}") for i, p in enumerate(points)]
    output = function(*inputs)
    projection = Projection(inputs, output, range(len(points)), order)
    projection.check()
    shape = Program(inputs, [output]).run(*points)[0].shape
    extra = projection.draw(points, shape)
    name = getattr(function, "__name__", repr(function))
    exact = projection.values(points, extra)[1:]
    quotients = projection.quotients(points, extra)
    for n, (value, quotient) in enumerate(zip(exact, quotients, strict=True), start=1):
        compare(f"{name}, derivative of order {n}", value, quotient, tolerance)
