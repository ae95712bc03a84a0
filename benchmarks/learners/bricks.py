"""The bricks: forward and backward in plain NumPy. ``bug`` names the mistake that a brick makes."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray


class Brick:
    """A brick without weights; ``grads`` has what `backward` found for those of others."""

    bug = ""

    def __init__(self) -> None:
        self.grads: dict[str, Array] = {}
        self.params: dict[str, Array] = {}

    def forward(self, X: Array) -> Array:
        raise NotImplementedError

    def backward(self, dY: Array) -> Array:
        raise NotImplementedError


class Dense(Brick):
    """Z = X W + b."""

    def __init__(self, W: Array, b: Array) -> None:
        super().__init__()
        self.params = {"W": W, "b": b}
        self.rate = 0.0

    def forward(self, X: Array) -> Array:
        self.X = X
        return X @ self.params["W"] + self.params["b"]

    def backward(self, dY: Array) -> Array:
        W, bug, X = self.params["W"], self.bug, self.X
        m = len(X)
        dW, db = X.T @ dY, dY.sum(axis=0)
        if bug == "1/m twice":
            dW, db = dW / m, db / m
        if bug == "bias mean":
            db = dY.mean(axis=0)
        if bug == "transposed result":
            dW = dY.T @ X
        if bug == "bias not summed":
            db = dY
        if bug == "bias wrong axis":
            db = dY.sum(axis=1)
        if bug == "bias all axes":
            db = dY.sum()
        if bug == "last example":
            dW = np.zeros_like(W)
            db = np.zeros(W.shape[1])
            for i in range(m):
                dW = np.outer(X[i], dY[i])
                db = dY[i]
        if bug == "sign":
            dW = -dW
        if bug == "weights 1/m":
            dW = dW / m
        dX = dY @ W.T
        if bug == "forgotten transpose":
            dX = dY @ W
        if bug == "sign in the chain":
            dX = -dX
        if bug == "update first":
            W = W - self.rate * dW
            dX = dY @ W.T
        self.grads = {"W": dW, "b": db}
        return dX


SIGMOID = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
FUNCTIONS: dict[str, Any] = {
    "linear": (lambda z: z, lambda z: np.ones_like(z)),
    "sigmoid": (SIGMOID, lambda z: SIGMOID(z) * (1 - SIGMOID(z))),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "softplus": (lambda z: np.log1p(np.exp(z)), SIGMOID),
    "elu": (lambda z: np.where(z > 0, z, np.exp(z) - 1), lambda z: np.where(z > 0, 1, np.exp(z))),
}


class Activation(Brick):
    """A = g(Z), entry by entry."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.g, self.slope = FUNCTIONS[name]

    def forward(self, Z: Array) -> Array:
        self.Z, self.A = Z, self.g(Z)
        return self.A

    def backward(self, dA: Array) -> Array:
        if self.bug == "at A":
            return dA * self.slope(self.A)
        if self.bug == "dropped":
            return dA
        if self.bug == "twice":
            return dA * self.slope(self.Z) ** 2
        if self.bug == "another":
            other = "tanh" if self.name != "tanh" else "sigmoid"
            return dA * FUNCTIONS[other][1](self.Z)
        if self.bug == "function itself":
            return dA * self.A
        return dA * self.slope(self.Z)


class Conv(Brick):
    """Correlation of images (m, h, w, c) with a kernel (k, k, c, f), in loops."""

    def __init__(self, W: Array, b: Array, stride: int, padding: tuple[int, int]) -> None:
        super().__init__()
        self.params = {"W": W, "b": b}
        self.stride, self.padding = stride, padding

    def _pad(self, X: Array) -> Array:
        return np.pad(X, ((0, 0), self.padding, self.padding, (0, 0)))

    def forward(self, X: Array) -> Array:
        W, s = self.params["W"], self.stride
        self.X, k = X, W.shape[0]
        P = self._pad(X)
        n = (P.shape[1] - k) // s + 1, (P.shape[2] - k) // s + 1
        Y = np.zeros((len(X), *n, W.shape[3]))
        for i in range(n[0]):
            for j in range(n[1]):
                window = P[:, i * s : i * s + k, j * s : j * s + k]
                Y[:, i, j] = np.tensordot(window, W, axes=3)
        return Y + self.params["b"]

    def backward(self, dY: Array) -> Array:
        W, bug = self.params["W"], self.bug
        k, s = W.shape[0], 1 if bug == "stride ignored" else self.stride
        P = self._pad(self.X)
        dP, dW = np.zeros_like(P), np.zeros_like(W)
        V = W[::-1, ::-1] if bug in ("not flipped", "correlation") else W
        for i in range(dY.shape[1]):
            for j in range(dY.shape[2]):
                a, b = i * s, j * s
                window = P[:, a : a + k, b : b + k]
                dW += np.einsum("mxyc,mf->xycf", window, dY[:, i, j])
                part = np.einsum("mf,xycf->mxyc", dY[:, i, j], V)
                if bug == "overwritten":
                    dP[:, a : a + k, b : b + k] = part
                else:
                    dP[:, a : a + k, b : b + k] += part
        if bug in ("kernel gradient flipped", "correlation"):
            dW = dW[::-1, ::-1]
        db = dY.sum(axis=(0, 1, 2))
        if bug == "bias not over positions":
            db = dY.sum(axis=0)
        if bug == "bias mean over positions":
            db = dY.mean(axis=(1, 2)).sum(axis=0)
        self.grads = {"W": dW, "b": db}
        lo = self.padding[0]
        if bug == "padding off by one":
            lo += 1
            dP = np.pad(dP, ((0, 0), (0, 1), (0, 1), (0, 0)))
        return dP[:, lo : lo + self.X.shape[1], lo : lo + self.X.shape[2]]


class MaxPool(Brick):
    """The largest entry of each window; windows touch."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.k = size

    def forward(self, X: Array) -> Array:
        k = self.k
        self.X = X
        h, w = X.shape[1] // k, X.shape[2] // k
        Y = np.zeros((len(X), h, w, X.shape[3]))
        for i in range(h):
            for j in range(w):
                Y[:, i, j] = X[:, i * k : i * k + k, j * k : j * k + k].max(axis=(1, 2))
        self.Y = Y
        return Y

    def backward(self, dY: Array) -> Array:
        k, X = self.k, self.X
        dX = np.zeros_like(X)
        for n, i, j, c in np.ndindex(*dY.shape):
            window = X[n, i * k : i * k + k, j * k : j * k + k, c]
            if self.bug == "every tie":
                mask = window == window.max()
            elif self.bug == "spread":
                mask = np.full(window.shape, 1 / window.size)
            else:
                mask = np.zeros(window.shape)
                mask[np.unravel_index(window.argmax(), window.shape)] = 1
            dX[n, i * k : i * k + k, j * k : j * k + k, c] = mask * dY[n, i, j, c]
        return dX


class AveragePool(Brick):
    """The mean of each window; windows touch."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.k = size

    def forward(self, X: Array) -> Array:
        k = self.k
        h, w = X.shape[1] // k, X.shape[2] // k
        self.shape = X.shape
        return X[:, : h * k, : w * k].reshape(len(X), h, k, w, k, X.shape[3]).mean(axis=(2, 4))

    def backward(self, dY: Array) -> Array:
        k = self.k
        dX = np.zeros(self.shape)
        by = 1 if self.bug == "not divided" else k * k
        h, w = dY.shape[1:3]
        dX[:, : h * k, : w * k] = dY.repeat(k, axis=1).repeat(k, axis=2) / by
        return dX


class Flatten(Brick):
    """Images as rows."""

    def forward(self, X: Array) -> Array:
        self.shape = X.shape
        return X.reshape(len(X), -1)

    def backward(self, dY: Array) -> Array:
        return dY.reshape(self.shape)


class BatchNorm(Brick):
    """Y = γ (X − μ)/σ + β with the statistics of the batch."""

    def __init__(self, gamma: Array, beta: Array, epsilon: float) -> None:
        super().__init__()
        self.params = {"gamma": gamma, "beta": beta}
        self.epsilon = epsilon

    def forward(self, X: Array) -> Array:
        self.sigma = np.sqrt(X.var(axis=0) + self.epsilon)
        self.hat = (X - X.mean(axis=0)) / self.sigma
        return self.params["gamma"] * self.hat + self.params["beta"]

    def backward(self, dY: Array) -> Array:
        dgamma = (dY * self.hat).sum(axis=0)
        if self.bug == "gamma without hat":
            dgamma = dY.sum(axis=0)
        self.grads = {"gamma": dgamma, "beta": dY.sum(axis=0)}
        dhat = dY * self.params["gamma"]
        if self.bug == "constants":
            return dhat / self.sigma
        if self.bug == "variance constant":
            return (dhat - dhat.mean(axis=0)) / self.sigma
        inner = dhat - dhat.mean(axis=0) - self.hat * (dhat * self.hat).mean(axis=0)
        return inner / self.sigma


class Dropout(Brick):
    """Y = X ⊙ D; D, drawn elsewhere, is 0 or 1/keep."""

    def __init__(self, D: Array) -> None:
        super().__init__()
        self.D = D

    def forward(self, X: Array) -> Array:
        return X * self.D

    def backward(self, dY: Array) -> Array:
        if self.bug == "no mask":
            return dY
        if self.bug == "scaled twice":
            return dY * self.D * self.D.max()
        if self.bug == "not scaled":
            return dY * (self.D > 0)
        return dY * self.D


class Embedding(Brick):
    """Rows of a table, flattened."""

    def __init__(self, E: Array) -> None:
        super().__init__()
        self.params = {"E": E}

    def forward(self, X: Array) -> Array:
        self.index = X.astype(int)
        return self.params["E"][self.index]

    def backward(self, dY: Array) -> Array:
        dE = np.zeros_like(self.params["E"])
        if self.bug == "repeated rows":
            dE[self.index] += dY
        else:
            np.add.at(dE, self.index, dY)
        self.grads = {"E": dE}
        return np.zeros(self.index.shape)
