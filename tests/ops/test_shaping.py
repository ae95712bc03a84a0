"""Ops that arrange, join and pad against NumPy, and their derivatives by difference quotients."""

import numpy as np
import pytest

from glassnet import ops
from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder, Variable, gradients
from glassnet.testing import check_gradients_numerically

X = np.random.default_rng(0).normal(size=(2, 3, 4))
Y = np.random.default_rng(1).normal(size=(2, 1, 4))

OF_X = {
    "reshape": lambda x: np.reshape(x, (4, -1)),
    "ravel": np.ravel,
    "transpose": np.transpose,
    "transpose axes": lambda x: np.transpose(x, (1, -1, 0)),
    "permute_dims": lambda x: np.permute_dims(x, (2, 0, 1)),
    "expand_dims": lambda x: np.expand_dims(x, (0, -1)),
    "squeeze": lambda x: np.squeeze(x[:, :1], 1),
    "squeeze all": lambda x: np.squeeze(x[:1, :1]),
    "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "moveaxis two": lambda x: np.moveaxis(x, (0, 1), (-1, 0)),
    "swapaxes": lambda x: np.swapaxes(x, 0, -1),
    "broadcast_to": lambda x: np.broadcast_to(x, (5, 2, 3, 4)),
    "flip": np.flip,
    "flip axis": lambda x: np.flip(x, (0, -1)),
    "roll": lambda x: np.roll(x, 5),
    "roll axis": lambda x: np.roll(x, -1, axis=1),
    "roll axes": lambda x: np.roll(x, (1, 2), axis=(0, 2)),
    "roll by the length": lambda x: np.roll(x, 3, axis=1),
    "repeat": lambda x: np.repeat(x, 2, axis=1),
    "repeat all": lambda x: np.repeat(x, 3),
    "repeat several": lambda x: np.repeat(x, [1, 0, 2], axis=1),
    "tile": lambda x: np.tile(x, 2),
    "tile more axes": lambda x: np.tile(x, (2, 1, 3, 1)),
    "pad": lambda x: np.pad(x, ((1, 0), (0, 2), (1, 1))),
    "pad value": lambda x: np.pad(x, 1, constant_values=-2.5),
    "pad reflect": lambda x: np.pad(x, ((0, 0), (2, 1), (3, 0)), mode="reflect"),
    "pad symmetric": lambda x: np.pad(x, ((3, 0), (2, 1), (0, 0)), mode="symmetric"),
    "pad edge": lambda x: np.pad(x, 2, mode="edge"),
    "pad wrap": lambda x: np.pad(x, ((0, 0), (1, 2), (0, 0)), mode="wrap"),
    "tril": lambda x: np.tril(x, 1),
    "triu": lambda x: np.triu(x, -1),
    "diagonal": lambda x: np.diagonal(x, 1, 1, 2),
    "diagonal default": np.diagonal,
    "trace": lambda x: np.trace(x, 0, 0, 2),
    "diag": lambda x: np.diag(x[0], -1),
    "diag of a vector": lambda x: np.diag(x[0, 0], 2),
    "concatenate one": lambda x: np.concatenate([x]),
    "split": lambda x: np.split(x, 3, axis=1)[1],
    "split at": lambda x: np.split(x, [1, 3], axis=2)[2],
}


@pytest.mark.parametrize("name", OF_X)
def test_as_numpy(name):
    function = OF_X[name]
    found = function(Variable(X))
    np.testing.assert_allclose(np.asarray(found), function(X), rtol=1e-14)
    assert found.shape == function(X).shape
    check_gradients_numerically(lambda x: function(x) ** 2, X)


JOINED = {
    "concatenate": lambda x, y: np.concatenate([x, y, x], axis=1),
    "concatenate flat": lambda x, y: np.concatenate([x, y], axis=None),
    "stack": lambda x, y: np.stack([x, x * 2], axis=-1),
    "vstack": lambda x, y: np.vstack([x, x]),
    "vstack rows": lambda x, y: np.vstack([x[0, 0], x[0, 1]]),
    "hstack": lambda x, y: np.hstack([x, y]),
    "hstack rows": lambda x, y: np.hstack([x[0, 0], y[0, 0]]),
}


@pytest.mark.parametrize("name", JOINED)
def test_joining_as_numpy(name):
    function = JOINED[name]
    np.testing.assert_allclose(np.asarray(function(Variable(X), Variable(Y))), function(X, Y))
    check_gradients_numerically(lambda x, y: function(x, y) ** 2, X, Y)


def test_patterns():
    for found, expected in (
        (ops.eye(3, 4, 1), np.eye(3, 4, 1)),
        (ops.identity(2), np.eye(2)),
        (ops.tri(3, 4, -1), np.tri(3, 4, -1)),
        (ops.arange(5), np.arange(5)),
        (ops.arange(2, 11, 3), np.arange(2, 11, 3)),
        (ops.arange(0.0, 1.0, 0.25), np.arange(0.0, 1.0, 0.25)),
        (ops.linspace(0, 1, 5), np.linspace(0, 1, 5)),
        (ops.linspace(0, 1, 4, endpoint=False), np.linspace(0, 1, 4, endpoint=False)),
        (ops.linspace([0, 1], [2.0, 5.0], 3, axis=1), np.linspace([0, 1], [2.0, 5.0], 3, axis=1)),
        (ops.full_like(X, 2), np.full_like(X, 2)),
        (ops.zeros((2, 3)), np.zeros((2, 3))),
        (ops.ones_like(X), np.ones_like(X)),
        (ops.full((2,), 1.5), np.full((2,), 1.5)),
    ):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
    assert ops.eye(2).dtype == ops.linspace(0, 1).dtype == np.float32
    assert ops.arange(3).dtype == np.int64
    for indexing in ("xy", "ij"):
        ours = ops.meshgrid([1, 2], [3, 4, 5], indexing=indexing)
        for a, b in zip(ours, np.meshgrid([1, 2], [3, 4, 5], indexing=indexing), strict=True):
            np.testing.assert_array_equal(a.numpy(), b)


def test_unstack():
    parts = ops.unstack(X, axis=1)
    assert len(parts) == 3
    np.testing.assert_array_equal(parts[2].numpy(), X[:, 2])


def test_with_a_named_size():
    m = Dim.named("m")
    p = Placeholder((m, 4), "float64", name="p")
    cases = [
        (lambda x: np.concatenate([x, x], axis=0), (2 * m, 4)),
        (lambda x: np.concatenate([x, np.ones((3, 4))], axis=0), (m + 3, 4)),
        (lambda x: np.concatenate([x, x], axis=1), (m, 8)),
        (lambda x: np.stack([x, x]), (2, m, 4)),
        (lambda x: np.reshape(x, (-1,)), (4 * m,)),
        (lambda x: np.reshape(x, (-1, 2, 2)), (m, 2, 2)),
        (lambda x: np.pad(x, ((1, 2), (0, 1))), (m + 3, 5)),
        (lambda x: np.pad(x, ((0, 0), (2, 1)), mode="reflect"), (m, 7)),
        (lambda x: np.repeat(x, 2, axis=0), (2 * m, 4)),
        (lambda x: np.tile(x, (2, 3)), (2 * m, 12)),
        (lambda x: np.flip(x, 0), (m, 4)),
        (lambda x: np.roll(x, 1, axis=0), (m, 4)),
        (lambda x: np.split(x, 2, axis=1)[1], (m, 2)),
        (lambda x: np.expand_dims(x, 1), (m, 1, 4)),
        (lambda x: np.tril(x), (m, 4)),
        (lambda x: np.zeros_like(x), (m, 4)),
        (lambda x: np.moveaxis(x, 0, 1), (4, m)),
    ]
    for function, shape in cases:
        y = function(p)
        assert y.shape == shape
        program = Program([p], [y, *gradients([(y * y).sum()], [p])])
        for rows in (1, 2, 5):
            a = np.random.default_rng(rows).normal(size=(rows, 4))
            value, slope = program.run(a)
            np.testing.assert_allclose(value, function(a))
            w = Variable(a)
            z = function(w)
            np.testing.assert_allclose(slope, gradients([(z * z).sum()], [w])[0].numpy())


def test_a_named_size_as_a_number():
    m = Dim.named("m")
    p = Placeholder((m,), "float64", name="p")
    (found,) = Program([p], [ops.arange(m) + p]).run(np.ones(4))
    np.testing.assert_array_equal(found, [1, 2, 3, 4])
    with pytest.raises(ValueError, match=r"only\s+arange\(size\)"):
        ops.arange(1, m)
    with pytest.raises(TypeError, match="known only when the network runs"):
        range(m)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda x: np.reshape(x, (5, 5)), "has 24 entries; it can't"),
        (lambda x: np.reshape(x, (5, -1)), "24 is no multiple of 5"),
        (lambda x: np.reshape(x, (-1, -1)), "only one size can be -1"),
        (lambda x: np.transpose(x, (0, 1)), "must name each of 3 axes once"),
        (lambda x: np.squeeze(x, 0), "does not have length 1"),
        (lambda x: np.broadcast_to(x, (2, 3, 5)), "do not fit"),
        (lambda x: np.broadcast_to(x, (3, 4)), "can't be broadcast"),
        (lambda x: np.concatenate([x, x[:, :1, :1]]), "everywhere but on axis 0"),
        (lambda x: np.stack([x, x[:1]]), "the shapes must be equal"),
        (lambda x: ops.concatenate([]), "at least one tensor"),
        (lambda x: np.split(x, 5, axis=1), "does not part"),
        (lambda x: np.pad(x, ((1, 1), (2, 2))), "for each of 3 axes"),
        (lambda x: np.pad(x, -1), "at least 0"),
        (lambda x: np.pad(x, 1, mode="mean"), "'mean' is none of"),
        (lambda x: np.diag(x), "a vector or matrix"),
        (lambda x: np.moveaxis(x, (0, 1), 0), "don't match"),
    ],
)
def test_shapes_that_do_not_fit(function, says):
    with pytest.raises(ValueError, match=says):
        function(Variable(X))
