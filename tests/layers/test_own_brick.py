"""Bricks of one's own: composed of ops, or with forward and backward in plain NumPy."""

import json
import threading
from itertools import pairwise

import numpy as np
import pytest

from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder, gradients, recording
from glassnet.layers import Dense, Layer, NumpyLayer
from glassnet.registry import deserialize, serialize

m = Dim.named("m")


class MyDense(NumpyLayer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[-1], self.units), name="W")
        self.b = self.add_weight((self.units,), "zeros", name="b")

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dY):
        self.dW = self.X.T @ dY
        self.db = dY.sum(axis=0)
        return dY @ self.W.T


class ComposedDense(Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[-1], self.units), name="W")
        self.b = self.add_weight((self.units,), "zeros", name="b")

    def call(self, inputs):
        return np.add(np.matmul(inputs, self.W), self.b)


class Tanh(NumpyLayer):
    def forward(self, X):
        self.Y = np.tanh(X)
        return self.Y

    def backward(self, dY):
        return dY * (1 - self.Y**2)


def weights(rng, *sizes):
    return [w for a, b in pairwise(sizes) for w in (rng.normal(size=(a, b)), np.zeros(b))]


def train(layers, arrays, x, t, steps=20):
    """Train by hand with gradients of the graph; return the losses and weights."""
    X, T = Placeholder((m, x.shape[1]), "float64"), Placeholder((m, t.shape[1]), "float64")
    with recording():
        y = X
        for layer in layers:
            y = layer(y)
        loss = np.mean((y - T) ** 2)
        owned = [w for layer in layers for w in layer.trainable_weights]
        program = Program([X, T], [loss, *gradients([loss], owned)])
    for w, array in zip(owned, arrays, strict=True):
        w.assign(array)
    losses = []
    for _ in range(steps):
        value, *slopes = program.run(x, t)
        losses.append(float(value))
        for w, g in zip(owned, slopes, strict=True):
            w.assign(w.value - 0.1 * g)
    return losses, [w.value for w in owned]


@pytest.mark.parametrize("brick", [MyDense, ComposedDense])
def test_trains_as_dense_does(brick):
    rng = np.random.default_rng(0)
    x, t, arrays = rng.normal(size=(7, 3)), rng.normal(size=(7, 2)), weights(rng, 3, 4, 2)
    own = [brick(4, dtype="float64"), Tanh(dtype="float64"), brick(2, dtype="float64")]
    theirs = [Dense(4, "tanh", dtype="float64"), Dense(2, dtype="float64")]
    losses, trained = train(own, arrays, x, t)
    expected, reference = train(theirs, arrays, x, t)
    assert losses[-1] < losses[0]
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    for a, b in zip(trained, reference, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_and_dtype(dtype):
    layer = MyDense(2, dtype=dtype)
    layer.build((None, 3))
    w = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    layer.set_weights([w, np.array([10.0, 20.0])])
    y = np.asarray(layer(np.array([[1.0, 0.0, -1.0]])))
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, [[6.0, 16.0]])


def test_derivatives_are_those_of_mathematics():
    x, w, g = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[2.0], [-1.0]]), np.array([[1.0], [10]])
    layer = MyDense(1, dtype="float64")
    X, G = Placeholder((m, 2), "float64"), Placeholder((m, 1), "float64")
    y = layer(X)
    layer.set_weights([w, [0.5]])
    derivatives = gradients([y], [X, layer.W, layer.b], [G])
    by_x, by_w, by_b = Program([X, G], derivatives).run(x, g)
    np.testing.assert_array_equal(by_x, [[2, -1], [20, -10]])
    np.testing.assert_array_equal(by_w, [[31], [52]])  # xᵀ g
    np.testing.assert_array_equal(by_b, [11])


def test_shared_twice_in_one_network():
    """y = f(f(x)) with f(x) = x w: dy/dw = 2 w x, though both uses keep what they need on self."""

    class Scale(NumpyLayer):
        def build(self, input_shape):
            self.w = self.add_weight((), "ones", name="w")

        def forward(self, X):
            self.X = X
            return X * self.w

        def backward(self, dY):
            self.dw = np.sum(dY * self.X)
            return dY * self.w

    layer = Scale(dtype="float64")
    X = Placeholder((m, 1), "float64")
    y = layer(layer(X))
    layer.w.assign(3.0)
    slopes = gradients([np.sum(y)], [X, layer.w])
    by_x, by_w = Program([X], slopes).run(np.array([[2.0], [5.0]]))
    np.testing.assert_array_equal(by_x, [[9.0], [9.0]])
    assert by_w == 2 * 3 * 7
    assert not hasattr(layer, "X"), "what forward keeps stays within the run"
    assert not hasattr(layer, "dw")


def test_runs_in_threads():
    layer = MyDense(5, dtype="float64")
    X = Placeholder((m, 4), "float64")
    slopes = gradients([np.sum(layer(X) ** 2)], [layer.W])
    program, failed = Program([X], slopes), []

    def work(seed):
        x = np.random.default_rng(seed).normal(size=(3 + seed, 4))
        w, b = layer.W.value, layer.b.value
        for _ in range(50):
            found = program.run(x)[0]
            if not np.allclose(found, 2 * x.T @ (x @ w + b), rtol=1e-12):
                failed.append(seed)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed


def test_several_inputs_training_and_lists_of_weights():
    class Mix(NumpyLayer):
        def build(self, input_shape):
            assert input_shape == [(None, 2), (None, 2)]
            self.factors = [self.add_weight((), "ones", name=f"f{i}") for i in range(2)]

        def forward(self, A, B, training=False):
            self.A, self.B = A, B
            return A * self.factors[0] + B * self.factors[1] + (100.0 if training else 0.0)

        def backward(self, dY):
            self.dfactors = [np.sum(dY * self.A), np.sum(dY * self.B)]
            return dY * self.factors[0], dY * self.factors[1]

    layer = Mix(dtype="float64")
    A, B = Placeholder((m, 2), "float64"), Placeholder((m, 2), "float64")
    y = layer([A, B], training=True)
    layer.set_weights([2.0, 3.0])
    slopes = gradients([np.sum(y)], [A, B, *layer.trainable_weights])
    a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
    value, by_a, by_b, by_f, by_g = Program([A, B], [y, *slopes]).run(a, b)
    np.testing.assert_array_equal(value, [[111.0, 116.0]])
    np.testing.assert_array_equal(by_a, [[2.0, 2.0]])
    np.testing.assert_array_equal(by_b, [[3.0, 3.0]])
    assert (by_f, by_g) == (3, 7)
    np.testing.assert_array_equal(np.asarray(layer([a, b])), [[11.0, 16.0]])


def test_whole_numbers_as_input_and_a_frozen_weight():
    class Lookup(NumpyLayer):
        def build(self, input_shape):
            self.table = self.add_weight((4, 2), name="table")
            self.shift = self.add_weight((2,), "ones", trainable=False, name="shift")

        def forward(self, rows):
            self.rows = rows
            return self.table[rows] + self.shift

        def backward(self, dY):
            self.dtable = np.zeros_like(self.table)
            np.add.at(self.dtable, self.rows, dY)

    layer = Lookup(dtype="float64")
    index = Placeholder((m,), "int64")
    slopes = gradients([np.sum(layer(index))], [layer.table, layer.shift])
    by_table, by_shift = Program([index], slopes).run(np.array([1, 3, 1]))
    np.testing.assert_array_equal(by_table, [[0, 0], [2, 2], [0, 0], [1, 1]])
    np.testing.assert_array_equal(by_shift, [0, 0])


class Rows(NumpyLayer):
    """Flatten, written by hand: its output's width depends on an unknown length."""

    def forward(self, X):
        self.shape_before = X.shape
        return X.reshape(len(X), -1)

    def backward(self, dY):
        return dY.reshape(self.shape_before)


def test_shape_of_the_output():
    n = Dim.named("n")
    assert Rows()(Placeholder((m, 2, 3))).shape == (m, 6)
    assert Rows()(Placeholder((m, n, 3))).shape == (m, n * 3)
    assert MyDense(4).compute_output_shape((None, 3)) == (None, 4)
    assert np.asarray(Rows()(np.ones((1, 2, 2)))).shape == (1, 4)

    class Declared(Rows):
        def compute_output_shape(self, input_shape):
            return (input_shape[0], input_shape[1] * input_shape[2])

    assert Declared()(Placeholder((m, 2, 3))).shape == (m, 6)

    class Pairs(NumpyLayer):
        def forward(self, X):
            return X @ X.T

    assert Pairs()(Placeholder((m, 3))).shape == (m, m)

    class Square(NumpyLayer):
        def forward(self, X):
            return np.zeros((len(X) ** 2, 1))

    with pytest.raises(ValueError, match="compute_output_shape"):
        Square()(Placeholder((m, 3)))

    class Wrong(Rows):
        def compute_output_shape(self, input_shape):
            return (input_shape[0], 5)

    X = Placeholder((m, 2, 3))
    with pytest.raises(ValueError, match=r"forward returned the shape \(1, 6\); \(1, 5\)"):
        Program([X], [Wrong()(X)]).run(np.zeros((1, 2, 3)))


def test_the_value_shares_no_memory():
    class Same(NumpyLayer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.table = np.ones((2, 2), np.float32)

        def forward(self, X):
            return X if len(X) == 1 else self.table

    layer = Same()
    x = np.zeros((1, 2), np.float32)
    assert not np.shares_memory(np.asarray(layer(x)), x)
    y = np.asarray(layer(np.zeros((2, 2), np.float32)))
    assert not np.shares_memory(y, layer.table)


def test_double_precision_inside_is_brought_back():
    class Noisy(NumpyLayer):
        def forward(self, X):
            return X + np.zeros(X.shape)  # zeros are float64

        def backward(self, dY):
            return dY.astype("float64")

    X = Placeholder((m, 2))
    y = Noisy()(X)
    value, slope = Program([X], [y, *gradients([np.sum(y)], [X])]).run(np.ones((3, 2), np.float32))
    assert value.dtype == slope.dtype == np.float32


# --- mistakes ---------------------------------------------------------------------------------
def broken(**methods):
    """MyDense with other methods."""
    return type("Broken", (MyDense,), methods)(2, name="brick")


def run_backward(layer):
    X = Placeholder((m, 3))
    slopes = gradients([np.sum(layer(X))], [X, *layer.trainable_weights])
    return Program([X], slopes).run(np.ones((4, 3), np.float32))


def test_no_forward():
    with pytest.raises(NotImplementedError, match=r"def forward\(self, X\)"):
        NumpyLayer()(np.ones((1, 2)))


def test_no_backward_is_told_when_it_is_needed():
    class Half(NumpyLayer):
        def forward(self, X):
            return X / 2

    X = Placeholder((m, 2))
    y = Half()(X)
    np.testing.assert_array_equal(Program([X], [y]).run(np.ones((1, 2)))[0], [[0.5, 0.5]])
    with pytest.raises(NotImplementedError, match=r"no backward.*\n.*def backward\(self, dY\)"):
        gradients([np.sum(y)], [X])


def test_backward_that_sets_no_derivative():
    def backward(self, dY):
        self.dW = self.X.T @ dY
        return dY @ self.W.T

    with pytest.raises(ValueError, match=r"'brick'.*backward must set self.db.*\(2,\)"):
        run_backward(broken(backward=backward))


def test_derivatives_of_the_wrong_shape():
    def turned(self, dY):
        self.dW, self.db = dY.T @ self.X, dY.sum(axis=0)
        return dY @ self.W.T

    with pytest.raises(ValueError, match=r"self.dW with the shape \(2, 3\); self.W.*\(3, 2\)"):
        run_backward(broken(backward=turned))

    def forgotten(self, dY):
        self.dW, self.db = self.X.T @ dY, dY.sum(axis=0)
        return dY

    with pytest.raises(ValueError, match=r"dX with the shape \(4, 2\); the input.*\(4, 3\)"):
        run_backward(broken(backward=forgotten))

    def nothing(self, dY):
        self.dW, self.db = self.X.T @ dY, dY.sum(axis=0)

    with pytest.raises(TypeError, match=r"dX as NoneType; expected an array of shape \(4, 3\)"):
        run_backward(broken(backward=nothing))

    def pair(self, dY):
        nothing(self, dY)
        return dY, dY

    with pytest.raises(ValueError, match="one derivative for each of 1 inputs"):
        run_backward(broken(backward=pair))


@pytest.mark.parametrize(
    ("result", "error", "words"),
    [
        (lambda X: None, TypeError, "NoneType. Did you forget the return"),
        (lambda X: [1.0, 2.0], TypeError, "one array; got list"),
        (lambda X: X > 0, TypeError, "floats; got bool"),
        (lambda X: X.astype(int), TypeError, "floats; got int64"),
    ],
)
def test_forward_that_gives_no_array_of_floats(result, error, words):
    layer = broken(forward=lambda self, X: result(X))
    with pytest.raises(error, match=words):
        layer(np.ones((1, 3)))


def test_a_mistake_inside_forward_says_where():
    layer = broken(forward=lambda self, X: X @ self.W.T)
    with pytest.raises(ValueError, match="matmul") as caught:
        layer(Placeholder((m, 3)))
    assert "zeros of shape (2, 3)" in "".join(caught.value.__notes__)


def test_inputs_and_weights_are_read_only():
    def forward(self, X):
        X -= X.mean()
        return X @ self.W

    with pytest.raises(ValueError, match="read-only") as caught:
        broken(forward=forward)(np.ones((1, 3)))
    assert "X = X - X.mean()" in "".join(caught.value.__notes__)


def test_no_second_derivative():
    X = Placeholder((m, 3))
    (slope,) = gradients([np.sum(MyDense(2)(X))], [X])
    with pytest.raises(NotImplementedError, match=r"NumPy.*can't be differentiated again; compose"):
        gradients([np.sum(slope)], [X])


def test_written_down_and_restored():
    layer = MyDense(3, name="mine")
    layer.build((None, 2))
    plain = json.loads(json.dumps(serialize(layer)))
    with pytest.raises(ValueError, match=r"custom_objects=\{'MyDense': MyDense\}"):
        deserialize(plain)
    again = deserialize(plain, {"MyDense": MyDense})
    assert type(again) is MyDense
    assert again.get_config() == layer.get_config()


class OwnDropout(NumpyLayer):
    def __init__(self, rng, **kwargs):
        super().__init__(**kwargs)
        self.rng = rng

    def forward(self, X, training=False):
        self.D = 2.0 * (self.rng.uniform(size=X.shape) > 0.5) if training else 1.0
        return X * self.D

    def backward(self, dY):
        return dY * self.D


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_a_generator_on_self_draws_anew_each_step_and_the_same_on_the_way_back(make):
    layer, ones = OwnDropout(make(1)), np.ones((40, 5), np.float32)
    x = Placeholder((40, 5), "float32")
    with recording():
        y = layer(x, training=True)
        (slope,) = gradients([np.sum(y)], [x])
        still = layer(x, training=False)
    program = Program([x], [y, slope, still])
    found = [program.run(ones, step=step) for step in (0, 0, 1)]
    for values, slopes, unchanged in found:
        np.testing.assert_array_equal(values, slopes)  # with x = 1 both are the mask
        np.testing.assert_array_equal(unchanged, ones)
        assert set(np.unique(values)) == {0.0, 2.0}
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert np.mean(found[0][0] != found[2][0]) > 0.3
    assert np.mean([f[0].mean() for f in found]) == pytest.approx(1.0, abs=0.2)
