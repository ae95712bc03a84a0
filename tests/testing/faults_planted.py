"""Faults planted in layers, with the check that must catch each and what it must say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from bricks_by_hand import (
    MovingBatchNorm,
    MyBatchNorm,
    MyConv,
    MyDense,
    MyDropout,
    MyLayerNorm,
    MyMaxPool,
    MyReLU,
    MySigmoid,
    MySoftmax,
)

import glassnet as gn
from glassnet.layers import Layer, NumpyLayer


@dataclass(frozen=True)
class Fault:
    """A layer with a fault: the check that finds it, words of its sentence, words of its mend."""

    name: str
    make: Callable[[], Layer]
    shape: Any
    check: str
    says: str
    mend: str = ""


def broken(base: type, *args: Any, **methods: Any) -> Callable[[], Layer]:
    """A class of the base's name with other methods, made with ``args``."""
    return lambda: type(base.__name__, (base,), methods)(*args)


class Composed(Layer):
    """A composed layer to be broken."""


def dense_backward(dW=None, db=None, dX=None):
    """Dense's backward with one of its lines replaced."""

    def backward(self, dY):
        self.dW = self.X.T @ dY if dW is None else dW(self, dY)
        self.db = dY.sum(axis=0) if db is None else db(self, dY)
        return dY @ self.W.T if dX is None else dX(self, dY)

    return backward


def only(forward=None, backward=None, **methods: Any) -> Callable[[], Layer]:
    """A layer of NumPy with these two methods."""
    given = {"forward": forward, "backward": backward, **methods}
    cls = type("Mine", (NumpyLayer,), {k: v for k, v in given.items() if v is not None})
    return lambda: cls()


def keep(self, X):
    self.X = X
    return X


CHANCE = np.random.default_rng(0)


# --- wrong gradients ----------------------------------------------------------------------------
GRADIENTS = [
    Fault("mean for sum in dW", broken(MyDense, 3, backward=dense_backward(
        dW=lambda s, d: s.X.T @ d / len(d))), (4,), "gradients",
        "dW is divided by the 5 examples once too often", "self.dW = self.X.T @ dY"),
    Fault("transposition forgotten", broken(MyDense, 4, backward=dense_backward(
        dX=lambda s, d: d @ s.W)), (4,), "gradients", "dX is wrong; dW and db are right",
        "return dY @ self.W.T"),
    Fault("bias not summed", broken(MyDense, 3, backward=dense_backward(db=lambda s, d: d)), (4,),
        "gradients", "db is wrong", "self.db = dY.sum(axis=0)"),
    Fault("bias summed over units", broken(MyDense, 5, backward=dense_backward(
        db=lambda s, d: d.sum(axis=1))), (4,), "gradients", "db is wrong"),
    Fault("sign", broken(MyDense, 3, backward=dense_backward(dW=lambda s, d: -s.X.T @ d)), (4,),
        "gradients", "dW is right but for its sign"),
    Fault("doubled", broken(MyDense, 3, backward=dense_backward(dX=lambda s, d: 2 * d @ s.W.T)),
        (4,), "gradients", "dX is 2 times what it should be"),
    Fault("no derivative of the weight", broken(MyDense, 3, backward=lambda s, d: d @ s.W.T), (4,),
        "gradients", "are wrong"),
    Fault("derivative of sigmoid at the output", broken(MySigmoid, backward=lambda s, d: (
        d * (1 / (1 + np.exp(-s.Y))) * (1 - 1 / (1 + np.exp(-s.Y))))), (4,), "gradients",
        "dX is wrong", "d * self.Y * (1 - self.Y)"),
    Fault("derivative dropped", broken(MyReLU, backward=lambda s, d: d), (4,), "gradients",
        "dX is wrong", "d * (self.X > 0)"),
    Fault("softmax entry by entry", broken(MySoftmax, backward=lambda s, d: (
        d * s.Y * (1 - s.Y))), (4,), "gradients", "dX is wrong", "(d * self.Y).sum(axis=-1"),
    Fault("statistics as constants", broken(MyBatchNorm, backward=lambda s, d: (
        setattr(s, "dgamma", (d * s.N).sum(axis=0)), setattr(s, "dbeta", d.sum(axis=0)),
        d * s.gamma / s.s)[-1]), (3,), "gradients", "dX is wrong; dgamma and dbeta are right"),
    Fault("the mode forgotten in backward", only(
        lambda s, X, training=False: X * 2 if training else X, lambda s, d: d), (4,),
        "gradients in training", "dX is wrong"),
    Fault("no backward", only(lambda s, X: X**2), (3,), "gradients", "no backward"),
    Fault("backward raises", only(keep, lambda s, d: d @ np.ones((9, 9))), (3,), "gradients", ""),
    Fault("kernel not flipped back", broken(MyConv, 2, 2, True, backward=lambda s, d: (
        MyConv.backward(s, d), setattr(s, "dK", s.dK[::-1, ::-1]))[0]), (4, 4, 1), "gradients",
        "dK is wrong; db and dX are right"),
    Fault("every tie", broken(MyMaxPool, backward=lambda s, d: (
        np.repeat(np.repeat(d, 2, 1), 2, 2)
        * (np.repeat(np.repeat(s.forward(s.X), 2, 1), 2, 2) == s.X))), (4, 4, 1),
        "gradients of the library", "each gets the whole slope", "np.argmax"),
    Fault("a weight without use", broken(MyDense, 3, forward=lambda s, X: keep(s, X) @ s.W,
        backward=dense_backward(db=lambda s, d: np.zeros(3))), (4,), "in a network",
        "the output does not depend on it"),
    Fault("no derivative of a weight", broken(MyDense, 3, backward=dense_backward(
        db=lambda s, d: np.zeros(3))), (4,), "in a network", "b did not change", "not zeros"),
    Fault("adds up", broken(MyDense, 3, build=lambda s, shape: (
        MyDense.build(s, shape), setattr(s, "dW", np.zeros((shape[-1], 3))))[0],
        backward=lambda s, d: (setattr(s, "dW", s.dW + s.X.T @ d),
                               setattr(s, "db", d.sum(axis=0)), d @ s.W.T)[-1]), (4,),
        "backward twice", "another dW, twice as large", "not +="),
]  # fmt: skip


# --- wrong values -------------------------------------------------------------------------------
def kept_last(self, X):
    last = self.kept[-1] if self.kept else 0.0
    self.kept.append(X.sum())
    return X + last


def in_place(self, X):
    X -= X.mean()
    return X


class Forgetful(MyDense):
    """Keeps something else than it was given."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.units = units * 2


class Hidden(Layer):
    """Computes with numbers that are neither weights nor arguments."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = np.random.default_rng().normal(size=3)

    def call(self, inputs):
        return inputs * self.table


class Columns(NumpyLayer):
    """As courses write it: Z = W X + b."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.W = self.add_weight((n_out, n_in), name="W")
        self.b = self.add_weight((n_out, 1), "zeros", name="b")

    def forward(self, X):
        return self.W @ X + self.b


VALUES = [
    Fault("bias left out", broken(MyDense, 3, forward=lambda s, X: keep(s, X) @ s.W), (4,),
        "equal to the library", "leaves out the bias", "Z = X @ self.W + self.b"),
    Fault("bias subtracted", broken(MyDense, 3, forward=lambda s, X: keep(s, X) @ s.W - s.b), (4,),
        "equal to the library", "subtracts the bias"),
    Fault("scaled", broken(MyDense, 3, forward=lambda s, X: (keep(s, X) @ s.W + s.b) / 4), (4,),
        "equal to the library", "gives 1/4 of what it should be"),
    Fault("padded on one side", broken(MyConv, 2, 3, forward=lambda s, X: MyConv.forward(
        s, np.pad(X, ((0, 0), (0, 1), (0, 1), (0, 0)))), compute_output_shape=lambda s, shape: (
        shape[0], shape[1] - 1, shape[2] - 1, 2)), (6, 6, 1), "equal to the library",
        "its output has the shape (5, 5, 5, 2), Conv2D(filters=2, kernel_size=3) gives"),
    Fault("one column left out", broken(MyMaxPool, 2, forward=lambda s, X: (
        MyMaxPool.forward(s, X) * (np.arange(3) < 2)[:, None])), (6, 6, 1), "equal to the library",
        "differs in 15 of 45 entries, the first at [0, 0, 2, 0]: 0"),
    Fault("epsilon beside the root", broken(MyBatchNorm, forward=lambda s, X: (
        (X - X.mean(0)) / (X.std(0) + 1e-3) * s.gamma + s.beta)), (3,), "equal to the library",
        "divides by the standard deviation plus ε", "np.sqrt(variance + epsilon)"),
    Fault("ddof", broken(MyBatchNorm, forward=lambda s, X: (
        (X - X.mean(0)) / np.sqrt(X.var(0, ddof=1) + 1e-3) * s.gamma + s.beta)), (3,),
        "equal to the library", "ddof=1"),
    Fault("no root", broken(MyLayerNorm, forward=lambda s, X: (
        (X - X.mean(-1, keepdims=True)) / (X.var(-1, keepdims=True) + 1e-3) * s.g + s.h)), (4,),
        "equal to the library", "takes no root"),
    Fault("dropout not scaled", broken(MyDropout, call=lambda s, inputs, training=False: (
        inputs * gn.ops.cast(gn.random.uniform(inputs.shape, seed=1) >= 0.3, inputs.dtype.name)
        if training else inputs)), (4,), "equal to the library", "not divided by 1 - rate"),
    Fault("dropout divided by the rate", broken(MyDropout, call=lambda s, inputs, training=False: (
        inputs * gn.ops.cast(gn.random.uniform(inputs.shape, seed=1) >= 0.3, inputs.dtype.name)
        / 0.3 if training else inputs)), (4,), "equal to the library", "divided by rate"),
    Fault("shape foretold wrongly", broken(Composed, call=lambda s, inputs: inputs[:, :2],
        compute_output_shape=lambda s, shape: shape), (4,), "output shape",
        "says (m, 4); the output has (m, 2)", "(*input_shape[:-1], 2)"),
    Fault("examples become columns", broken(Composed, call=lambda s, inputs: np.transpose(inputs)),
        (4,), "any batch size", "the examples are its columns", "return Y.T"),
    Fault("examples as columns", lambda: Columns(4, 3), (4,), "forward",
        "It runs where examples are columns, X of shape (4, m)", "X @ self.W.T + self.b.T"),
    Fault("a batch of five", only(lambda s, X: X.reshape(5, -1)), (4,), "forward",
        "cannot reshape", "X.shape[0]"),
    Fault("one dtype", broken(Composed, call=lambda s, inputs: gn.ops.cast(inputs, "float32")),
        (4,), "dtype", "In float64 it gives float32"),
    Fault("softmax overflows", broken(MySoftmax, forward=lambda s, X: (
        setattr(s, "Y", np.exp(X) / np.exp(X).sum(-1, keepdims=True)), s.Y)[-1]), (4,),
        "large inputs", "NaN at", "X.max(axis=-1"),
    Fault("softplus overflows", broken(Composed, call=lambda s, inputs: (
        np.log(1 + np.exp(inputs)))), (4,), "large inputs", "inf at", "logaddexp"),
    Fault("divides by zero", broken(Composed, call=lambda s, inputs: (
        inputs / np.sqrt(np.sum(inputs**2, axis=-1, keepdims=True)))), (4,), "zero inputs", "NaN",
        "1e-12"),
    Fault("tiny lengths", broken(Composed, call=lambda s, inputs: (
        inputs / np.sqrt(np.sum(inputs**2, axis=-1, keepdims=True)))), (4,), "tiny inputs",
        "±1e-20", "1e-12"),
    Fault("root at zero", broken(Composed, call=lambda s, inputs: np.sqrt(np.sum(
        inputs**2, axis=-1, keepdims=True))), (4,), "zero inputs", "dX holds NaN"),
    Fault("logarithm", broken(Composed, call=lambda s, inputs: np.log(inputs)), (4,),
        "negative inputs", "NaN"),
    Fault("tiny squares", broken(Composed, call=lambda s, inputs: inputs**2 / inputs), (4,),
        "zero inputs", "NaN"),
    Fault("draws its own numbers", only(lambda s, X: X * (CHANCE.random(X.shape) > 0.5),
        lambda s, d: d), (4,), "repeatable", "not kept on self",
        "self.rng = np.random.default_rng(seed)"),
    Fault("chance in prediction", broken(Composed, call=lambda s, inputs: (
        inputs + gn.random.normal(inputs.shape, seed=3))), (4,), "repeatable",
        "by chance in prediction", "if not training"),
    Fault("something is kept", only(kept_last, lambda s, d: d, __init__=lambda s, **kwargs: (
        NumpyLayer.__init__(s, **kwargs), setattr(s, "kept", []))[0]), (4,), "nothing left over",
        "something of that call was kept"),
    Fault("learns in prediction", broken(MovingBatchNorm, call=lambda s, inputs, training=False: (
        MovingBatchNorm.call(s, inputs, True))), (3,), "nothing left over",
        "changes its weights in prediction: mean, variance"),
    Fault("writes into its input", only(in_place, lambda s, d: d), (4,), "forward",
        "writes into its input", "X = X - X.mean()"),
    Fault("writes into dY", only(keep, lambda s, d: (d.__imul__(2), d)[-1]), (4,),
        "inputs unchanged", "Backward writes into dY", "not dY *="),
    Fault("mixes the batch", broken(Composed, call=lambda s, inputs: (
        inputs - np.mean(inputs, axis=0))), (4,), "examples apart", "the batch gets mixed"),
    Fault("softmax over the batch", broken(MySoftmax, forward=lambda s, X: (
        np.exp(X - X.max(0)) / np.exp(X - X.max(0)).sum(0))), (4,), "examples apart",
        "the batch gets mixed", "axis=-1"),
    Fault("the place in the batch", only(lambda s, X: X * np.arange(len(X))[:, None],
        lambda s, d: d), (4,), "order of examples", "in another order"),
    Fault("keeps something else", lambda: Forgetful(3), (4,), "configuration",
        "another configuration", "self.units = units"),
    Fault("hidden numbers", Hidden, (3,), "configuration", "neither an argument nor a weight"),
    Fault("hidden numbers in a file", Hidden, (3,), "saving", "predicts something else"),
]  # fmt: skip
