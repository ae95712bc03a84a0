"""The peer: a training step of a dense network as a person writes it in NumPy, Adam included."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


class DenseNetworkByHand:
    """784-128-10 and its like: ReLU, softmax cross-entropy from logits, Adam, float32."""

    def __init__(self, weights: list[Array], learning_rate: float = 1e-3) -> None:
        self.weights = [w.copy() for w in weights]
        self.m = [np.zeros_like(w) for w in weights]
        self.v = [np.zeros_like(w) for w in weights]
        self.rate, self.step = learning_rate, 0

    def train(self, x: Array, y: Array) -> float:
        """Make one step on a batch; return the loss."""
        w1, b1, w2, b2 = self.weights
        count = len(x)
        z1 = x @ w1 + b1
        a1 = np.maximum(z1, 0)
        z2 = a1 @ w2 + b2
        shifted = z2 - z2.max(axis=1, keepdims=True)
        exps = np.exp(shifted)
        sums = exps.sum(axis=1, keepdims=True)
        rows = np.arange(count)
        loss = float(np.mean(np.log(sums[:, 0]) - shifted[rows, y]))
        dz2 = exps / sums
        dz2[rows, y] -= 1
        dz2 /= count
        dw2, db2 = a1.T @ dz2, dz2.sum(axis=0)
        da1 = dz2 @ w2.T
        dz1 = da1 * (z1 > 0)
        dw1, db1 = x.T @ dz1, dz1.sum(axis=0)
        self.update([dw1, db1, dw2, db2])
        return loss

    def update(self, slopes: list[Array]) -> None:
        """Adam (Kingma and Ba, 2015) with Keras's numbers."""
        self.step += 1
        beta1, beta2 = 0.9, 0.999
        rate = self.rate * np.sqrt(1 - beta2**self.step) / (1 - beta1**self.step)
        rate = np.float32(rate)
        for w, m, v, g in zip(self.weights, self.m, self.v, slopes, strict=True):
            m += (g - m) * np.float32(1 - beta1)
            v += (g * g - v) * np.float32(1 - beta2)
            w -= rate * m / (np.sqrt(v) + np.float32(1e-7))
