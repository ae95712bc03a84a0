"""An op with a planted fault must be caught, and the message must say what is wrong."""

from dataclasses import dataclass

import numpy as np
import pytest

from glassnet.graph import OPS, Op, Sample, Tensor
from glassnet.testing import check_gradients_numerically, check_op

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]])


@pytest.fixture(autouse=True)
def ops_as_before():
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


def cube(**rules):
    """Return an op for x³ with some of its rules replaced by faulty ones."""

    def infer(self, x):
        return x.shape, x.dtype

    def value(self, xp, x):
        return x * x * x

    def vjp(self, g, y, x):
        return (g * 3 * x * x,)

    def samples(cls):
        yield Sample(cls(), (X.copy(),))

    body = {"name": "cube", "infer": infer, "value": value, "vjp": vjp}
    body["samples"] = classmethod(samples)
    return dataclass(frozen=True)(type("Cube", (Op,), {**body, **rules}))


def test_the_right_op_passes():
    check_op(cube())
    check_op(cube(), "float32")


@pytest.mark.parametrize("factor", [2.0, 3.01, -3.0, 0.0])
def test_wrong_derivative(factor):
    with pytest.raises(AssertionError, match=r"'cube', sample 0.*order 1: the graph gives .*quot"):
        check_op(cube(vjp=lambda self, g, y, x: (g * factor * x * x,)))


def test_wrong_in_one_entry_alone():
    mask = np.ones(X.shape)
    mask[1, 2] = 1.01
    with pytest.raises(AssertionError, match="order 1"):
        check_op(cube(vjp=lambda self, g, y, x: (g * 3 * x * x * mask,)))


def test_missing_derivative():
    with pytest.raises(AssertionError, match="order 1"):
        check_op(cube(vjp=lambda self, g, y, x: (None,)))


def test_no_rule():
    with pytest.raises(AssertionError, match="no derivative rule"):
        check_op(cube(vjp=Op.vjp))


def test_wrong_second_derivative():
    """A right first derivative that hides from the second how it depends on x."""

    class Hidden(Op):
        name = "hidden"

        def infer(self, x):
            return x.shape, x.dtype

        def value(self, xp, x):
            return 3 * x * x

        def vjp(self, g, y, x):
            return (g * 5 * x,)

    def vjp(self, g, y, x):
        return (g * Tensor(Hidden(), (x,), x.shape, x.dtype),)

    with pytest.raises(AssertionError, match=r"order 2: the graph gives"):
        check_op(cube(vjp=vjp))


def test_wrong_shape_rule():
    with pytest.raises(AssertionError, match=r"shape: infer gives \(2, 1\), the value has"):
        check_op(cube(infer=lambda self, x: ((x.shape[0], 1), x.dtype)))


def test_wrong_dtype_rule():
    with pytest.raises(AssertionError, match="dtype: infer gives float32, the value has float64"):
        check_op(cube(infer=lambda self, x: (x.shape, np.dtype("float32"))))


def test_wrong_shape_of_the_derivative():
    with pytest.raises(AssertionError, match="The rule is wrong"):
        check_op(cube(vjp=lambda self, g, y, x: (g.sum(),)))


def test_float64_inside_a_float32_op():
    with pytest.raises(AssertionError, match="dtype"):
        check_op(cube(value=lambda self, xp, x: x * np.float64(1)), "float32")


def test_an_input_written_into():
    def value(self, xp, x):
        x *= x
        return x

    with pytest.raises(AssertionError, match="purity"):
        check_op(cube(value=value))


def test_not_repeatable():
    rng = np.random.default_rng(0)
    with pytest.raises(AssertionError, match="repeated"):
        check_op(cube(value=lambda self, xp, x: x + rng.normal()))


def test_a_rule_that_knows_only_numbers():
    """With the first axis named m the rule must not freeze the length it was recorded with."""
    with pytest.raises(AssertionError, match=r"rule: .*m"):
        check_op(cube(vjp=lambda self, g, y, x: (g * 3 * x * x + np.zeros(X.shape),)))


def test_differentiable_against_its_word():
    silent = cube(vjp=lambda self, g, y, x: (g,), differentiable=False)
    check_op(silent)  # the derivative never asks such an op, so it gives zeros
    assert not silent.differentiable


def test_no_samples():
    with pytest.raises(AssertionError, match="no samples"):
        check_op(cube(samples=Op.samples))


def test_a_parameter_that_can_change():
    faulty = cube()()
    object.__setattr__(faulty, "weights", [1.0])
    changing = dataclass(frozen=True)(
        type(
            "Listed",
            (type(faulty),),
            {"name": "listed", "__annotations__": {"items": list}, "items": ()},
        )
    )
    with pytest.raises(AssertionError, match="rule 2"):
        check_op(Sample(changing([1.0]), (X,)))


def test_functions_are_checked_too():
    check_gradients_numerically(lambda x: np.sin(x) * x, X)
    wrong = cube(vjp=lambda self, g, y, x: (g * x,))
    with pytest.raises(AssertionError, match="order 1"):
        check_gradients_numerically(lambda x: Tensor(wrong(), (x,), x.shape, x.dtype), X)
