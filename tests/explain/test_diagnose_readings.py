"""diagnose: readings of mistakes that a first catalogue missed, written out by hand."""

import numpy as np
import patients
import pytest
from patients import L

import glassnet as gn
from glassnet.explain import diagnose


def correlated(X, K, b, stride):
    size = (X.shape[1] - K.shape[0]) // stride + 1
    k = K.shape[0]
    Z = np.zeros((len(X), size, size, K.shape[3]))
    for i, j in np.ndindex(size, size):
        window = X[:, i * stride : i * stride + k, j * stride : j * stride + k]
        Z[:, i, j] = np.einsum("mxyc,xycf->mf", window, K) + b
    return Z


def backward(dZ, X, K, stride):
    """dK and dX of `correlated`."""
    dK, dX, k = np.zeros_like(K), np.zeros_like(X), K.shape[0]
    for i, j in np.ndindex(*dZ.shape[1:3]):
        at = (slice(None), slice(i * stride, i * stride + k), slice(j * stride, j * stride + k))
        dK += np.einsum("mxyc,mf->xycf", X[at], dZ[:, i, j])
        dX[at] += np.einsum("mf,xycf->mxyc", dZ[:, i, j], K)
    return dK, dX


def two_convolutions(stride=1):
    model, weights = patients.compiled(
        [L.Conv2D(2, 3, activation="tanh"), L.Conv2D(2, 2, strides=stride), L.Flatten(),
         L.Dense(2)], (8, 8, 1), "mse",
    )  # fmt: skip
    X, Y = patients.batch((3, 8, 8, 1), (3, 2))
    return model, weights, X, Y


def gradients(weights, X, Y, stride, *, flipped=False, repeated=False):
    """The network by hand; ``flipped``: the second forward pass turns its kernel and the backward
    pass does not; ``repeated``: the second backward pass undoes the stride by np.repeat."""
    K1, b1, K2, b2, W, b = weights
    A1 = np.tanh(correlated(X, K1, b1, 1))
    Z2 = correlated(A1, K2[::-1, ::-1] if flipped else K2, b2, stride)
    F = Z2.reshape(len(X), -1)
    dF = 2 * (F @ W + b - Y) / Y.size
    dZ2 = (dF @ W.T).reshape(Z2.shape)
    if repeated:
        wide = np.zeros((len(X), 5, 5, 2))
        grown = dZ2.repeat(stride, axis=1).repeat(stride, axis=2)[:, :5, :5]
        wide[:, : grown.shape[1], : grown.shape[2]] = grown
        dK2, dA1 = backward(wide, A1, K2, 1)
    else:
        dK2, dA1 = backward(dZ2, A1, K2, stride)
    dZ1 = dA1 * (1 - A1**2)
    dK1, _ = backward(dZ1, X, K1, 1)
    return {
        "dW1": dK1, "db1": dZ1.sum((0, 1, 2)), "dW2": dK2, "db2": dZ2.sum((0, 1, 2)),
        "dW3": F.T @ dF, "db3": dF.sum(0),
    }  # fmt: skip


def test_a_kernel_turned_in_the_forward_pass_alone() -> None:
    model, weights, X, Y = two_convolutions()
    assert diagnose(model, X, Y, gradients=gradients(weights, X, Y, 1)).ok
    found = diagnose(model, X, Y, gradients=gradients(weights, X, Y, 1, flipped=True))
    assert found.kinds[0] == "correlation for convolution"


def test_a_stride_undone_by_repetition() -> None:
    model, weights, X, Y = two_convolutions(stride=2)
    assert diagnose(model, X, Y, gradients=gradients(weights, X, Y, 2)).ok
    found = diagnose(model, X, Y, gradients=gradients(weights, X, Y, 2, repeated=True))
    assert found.kinds[0] == "stride ignored in the backward pass"


def test_gradients_of_two_layers_of_unlike_shapes_swapped() -> None:
    model, X, Y, right = patients.dense()
    swapped = {
        "dW1": right["dW2"], "db1": right["db2"], "dW2": right["dW1"], "db2": right["db1"],
    }  # fmt: skip
    found = diagnose(model, X, Y, gradients=swapped)
    assert "gradients of two weights swapped" in found.kinds[:3]


def test_both_penalties_counted_for_the_bias() -> None:
    both = gn.regularizers.L1L2(0.03, 0.05)
    model, (W, b) = patients.compiled([L.Dense(2, kernel_regularizer=both)], (3,), "mse")
    X, Y = patients.batch((6, 3), (6, 2))
    dZ = 2 * (X @ W + b - Y) / 12
    dW = X.T @ dZ + 0.03 * np.sign(W) + 0.1 * W
    assert diagnose(model, X, Y, gradients={"dW1": dW, "db1": dZ.sum(0)}).ok
    wrong = dZ.sum(0) + 0.03 * np.sign(b) + 0.1 * b
    found = diagnose(model, X, Y, gradients={"dW1": dW, "db1": wrong})
    assert found.kinds[0] == "regularisation counted for the bias"


@pytest.mark.parametrize("factor", [1.0, 1 / 6])
def test_the_courses_dz_with_and_without_its_1_over_m(factor: float) -> None:
    model, X, Y, right = patients.dense()
    columns = {n: a.T if a.ndim == 2 else a.reshape(-1, 1) for n, a in right.items() if n != "dX"}
    W1, b1, W2, b2 = (np.asarray(w, float) for w in model.get_weights())
    dZ2 = (2 * (np.tanh(X @ W1 + b1) @ W2 + b2 - Y) / 3).T  # m ∂J/∂Z, examples as columns
    given = {**columns, "dZ2": factor * dZ2}
    assert diagnose(model, X, Y, gradients=given, notation="course").ok


class Forgets(L.NumpyLayer):
    """A brick that computes the gradient of its weight and keeps it for itself."""

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[-1], 2), "ones", name="W")

    def forward(self, X):
        self.X = X
        return X @ self.W

    def backward(self, dY):
        return dY @ self.W.T


def test_a_brick_that_sets_no_gradient_is_told() -> None:
    with pytest.raises((ValueError, TypeError), match="dW"):
        diagnose(Forgets(), np.ones((4, 3)))
