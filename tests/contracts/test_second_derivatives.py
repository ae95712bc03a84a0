"""Second derivatives of every registered layer, against difference quotients of the first."""

from __future__ import annotations

import numpy as np
import pytest
from layer_cases import CASES
from test_layers import NAMES, TRIALS, data, made

from glassnet.graph import Placeholder, recording
from glassnet.nest import flatten, map_structure
from glassnet.objective import Objective


def problem_of(name, case):
    """A loss of a layer's outputs as a function of its float inputs and weights, and the point.

    ``L = Σ c ⊙ y + ½ d ⊙ y²`` with random c and d, and the penalties of the layer: a layer that is
    linear has a Hessian too.
    """
    layer, inputs, arrays = made(name, case, "float64"), [], []

    def hole(value):
        if not isinstance(value, np.ndarray):
            return value
        inputs.append(Placeholder(value.shape, value.dtype))
        arrays.append(value)
        return inputs[-1]

    rng = np.random.default_rng(2)
    with recording() as opened:
        x = map_structure(hole, data(case, "float64"))
        floats = [i for i, a in enumerate(arrays) if a.dtype.kind == "f" and case.float_input]
        outputs = flatten(layer(x, **map_structure(hole, dict(case.call))))
        loss = 0.0
        for y in outputs:
            if y.dtype.kind == "f":
                c, d = rng.normal(size=y.shape), rng.uniform(0.5, 2, y.shape)
                loss = loss + (y * c).sum() + (y * y * d).sum() * 0.5
        for penalty in [*opened.losses, *layer.losses]:
            loss = loss + penalty
    leaves = [*(inputs[i] for i in floats), *layer.trainable_weights]
    points = [*(arrays[i] for i in floats), *(w.value for w in layer.trainable_weights)]
    if not leaves:
        return None
    rest = [i for i in range(len(inputs)) if i not in floats]
    problem = Objective(loss, leaves, [inputs[i] for i in rest]).at(*(arrays[i] for i in rest))
    return problem, problem.joined(points)


def quotient(gradient, x, v):
    """The derivative of the gradient along v, by central differences of fourth order."""
    h = float(np.finfo(np.float64).eps) ** 0.2 * max(1.0, float(np.abs(x).max()))
    near = gradient(x + h * v) - gradient(x - h * v)
    far = gradient(x + 2 * h * v) - gradient(x - 2 * h * v)
    return (8 * near - far) / (12 * h)


def test_every_kind_of_layer_is_tried():
    assert [name for name in NAMES if not CASES.get(name)] == []


@pytest.mark.parametrize(("name", "case"), TRIALS)
def test_products_with_the_hessian(name, case):
    made_of = problem_of(name, case)
    if made_of is None:  # categories in, and nothing learned
        assert name == "CategoryEncoding"
        return
    problem, x = made_of
    rng = np.random.default_rng(5)
    v, w = rng.normal(size=(2, x.size))
    v, w = v / np.linalg.norm(v), w / np.linalg.norm(w)
    exact = problem.product(x, v)
    expected = quotient(problem.gradient, x, v)
    size = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(exact, expected, rtol=0, atol=1e-8 * size)
    np.testing.assert_allclose(w @ exact, v @ problem.product(x, w), rtol=0, atol=1e-12 * size)
    assert np.abs(exact).max() > 0 or name == "Dropout"  # at rate 1 nothing is left
