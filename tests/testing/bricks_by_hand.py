"""Right bricks as people write them by hand: forward and backward in NumPy, or composed."""

from __future__ import annotations

from typing import Any

import numpy as np

import glassnet as gn
from glassnet.layers import Layer, NumpyLayer


class MyDense(NumpyLayer):
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        self.W = self.add_weight((input_shape[-1], self.units), name="W")
        self.b = self.add_weight((self.units,), "zeros", name="b")

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dY):
        self.dW = self.X.T @ dY
        self.db = dY.sum(axis=0)
        return dY @ self.W.T


class TurnedDense(NumpyLayer):
    """As in courses: W is (units, inputs), b a column; examples are rows."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        self.W = self.add_weight((self.units, input_shape[-1]), name="W")
        self.b = self.add_weight((self.units, 1), "zeros", name="b")

    def forward(self, X):
        self.X = X
        self.A = np.tanh((self.W @ X.T + self.b).T)
        return self.A

    def backward(self, dA):
        dZ = dA * (1 - self.A**2)
        self.dW = dZ.T @ self.X
        self.db = dZ.sum(axis=0, keepdims=True).T
        return dZ @ self.W


class Theta(NumpyLayer):
    """The bias in the first row of the one matrix."""

    def build(self, input_shape: Any) -> None:
        self.theta = self.add_weight((input_shape[-1] + 1, 2), name="theta")

    def forward(self, X):
        self.X1 = np.hstack([np.ones((len(X), 1)), X])
        return self.X1 @ self.theta

    def backward(self, dY):
        self.dtheta = self.X1.T @ dY
        return dY @ self.theta[1:].T


class MyReLU(NumpyLayer):
    def forward(self, X):
        self.X = X
        return np.maximum(X, 0)

    def backward(self, dY):
        return dY * (self.X > 0)


class MyLeakyReLU(NumpyLayer):
    def forward(self, X):
        self.X = X
        return np.where(X > 0, X, 0.1 * X)

    def backward(self, dY):
        return dY * np.where(self.X > 0, 1.0, 0.1)


class MySigmoid(NumpyLayer):
    def forward(self, X):
        E = np.exp(-np.abs(X))
        self.Y = np.where(X >= 0, 1.0, E) / (1 + E)
        return self.Y

    def backward(self, dY):
        return dY * self.Y * (1 - self.Y)


class MySoftmax(NumpyLayer):
    def forward(self, X):
        E = np.exp(X - X.max(axis=-1, keepdims=True))
        self.Y = E / E.sum(axis=-1, keepdims=True)
        return self.Y

    def backward(self, dY):
        return self.Y * (dY - (dY * self.Y).sum(axis=-1, keepdims=True))


class MyConv(NumpyLayer):
    """Cross-correlation with loops, stride 1, no padding; kernel (height, width, in, out)."""

    def __init__(self, filters: int, kernel_size: int, flip: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.flip = filters, kernel_size, flip

    def build(self, input_shape: Any) -> None:
        k = self.kernel_size
        self.K = self.add_weight((k, k, input_shape[-1], self.filters), name="K")
        self.b = self.add_weight((self.filters,), "zeros", name="b")

    def compute_output_shape(self, input_shape: Any) -> Any:
        m, h, w, _ = input_shape
        return (m, h - self.kernel_size + 1, w - self.kernel_size + 1, self.filters)

    def slid(self):
        return self.K[::-1, ::-1] if self.flip else self.K

    def forward(self, X):
        self.X = X
        k, K = self.kernel_size, self.slid()
        m, h, w, _ = X.shape
        Y = np.zeros((m, h - k + 1, w - k + 1, self.filters), X.dtype)
        for i in range(h - k + 1):
            for j in range(w - k + 1):
                window = X[:, i : i + k, j : j + k]
                Y[:, i, j] = np.tensordot(window, K, axes=([1, 2, 3], [0, 1, 2])) + self.b
        return Y

    def backward(self, dY):
        k, K = self.kernel_size, self.slid()
        dX, dK = np.zeros(self.X.shape), np.zeros(K.shape)
        for i in range(dY.shape[1]):
            for j in range(dY.shape[2]):
                window = self.X[:, i : i + k, j : j + k]
                dK += np.tensordot(window, dY[:, i, j], axes=([0], [0]))
                dX[:, i : i + k, j : j + k] += np.tensordot(dY[:, i, j], K, axes=([1], [3]))
        self.dK = dK[::-1, ::-1] if self.flip else dK
        self.db = dY.sum(axis=(0, 1, 2))
        return dX


class MyMaxPool(NumpyLayer):
    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def forward(self, X):
        self.X, s = X, self.size
        m, h, w, c = X.shape
        Y = np.zeros((m, h // s, w // s, c), X.dtype)
        for i in range(h // s):
            for j in range(w // s):
                Y[:, i, j] = X[:, i * s : (i + 1) * s, j * s : (j + 1) * s].max(axis=(1, 2))
        return Y

    def backward(self, dY):
        s = self.size
        dX = np.zeros(self.X.shape)
        for m, i, j, c in np.ndindex(dY.shape):
            window = self.X[m, i * s : (i + 1) * s, j * s : (j + 1) * s, c]
            a, b = np.unravel_index(np.argmax(window), window.shape)
            dX[m, i * s + a, j * s + b, c] += dY[m, i, j, c]
        return dX


class MyBatchNorm(NumpyLayer):
    """The batch's own statistics, always."""

    def build(self, input_shape: Any) -> None:
        self.gamma = self.add_weight((input_shape[-1],), "ones", name="gamma")
        self.beta = self.add_weight((input_shape[-1],), "zeros", name="beta")

    def forward(self, X):
        self.s = np.sqrt(X.var(axis=0) + 1e-5)
        self.N = (X - X.mean(axis=0)) / self.s
        return self.gamma * self.N + self.beta

    def backward(self, dY):
        m = len(dY)
        self.dgamma = (dY * self.N).sum(axis=0)
        self.dbeta = dY.sum(axis=0)
        dN = dY * self.gamma
        return (m * dN - dN.sum(axis=0) - self.N * (dN * self.N).sum(axis=0)) / (m * self.s)


class MovingBatchNorm(Layer):
    """Composed, with moving averages."""

    def build(self, input_shape: Any) -> None:
        size = (input_shape[-1],)
        self.gamma = self.add_weight(size, "ones", name="gamma")
        self.beta = self.add_weight(size, "zeros", name="beta")
        self.mean = self.add_weight(size, "zeros", trainable=False, name="mean")
        self.variance = self.add_weight(size, "ones", trainable=False, name="variance")

    def call(self, inputs, training=False):
        mean, variance = self.mean, self.variance
        if training:
            mean = np.mean(inputs, axis=0)
            variance = np.mean((inputs - mean) ** 2, axis=0)
            self.mean.assign(self.mean * 0.9 + mean * 0.1)
            self.variance.assign(self.variance * 0.9 + variance * 0.1)
        return (inputs - mean) / np.sqrt(variance + 1e-3) * self.gamma + self.beta


class MyLayerNorm(NumpyLayer):
    def build(self, input_shape: Any) -> None:
        self.g = self.add_weight((input_shape[-1],), "ones", name="g")
        self.h = self.add_weight((input_shape[-1],), "zeros", name="h")

    def forward(self, X):
        self.s = np.sqrt(X.var(axis=-1, keepdims=True) + 1e-3)
        self.N = (X - X.mean(axis=-1, keepdims=True)) / self.s
        return self.g * self.N + self.h

    def backward(self, dY):
        self.dg = (dY * self.N).sum(axis=0)
        self.dh = dY.sum(axis=0)
        dN = dY * self.g
        own = (dN * self.N).mean(axis=-1, keepdims=True)
        return (dN - dN.mean(axis=-1, keepdims=True) - self.N * own) / self.s


class MyDropout(Layer):
    """Counted randomness: the same step draws the same mask, forward and backward."""

    def __init__(self, rate: float = 0.5, seed: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate, self.seed = rate, seed

    def call(self, inputs, training=False):
        if not training:
            return inputs
        draw = gn.random.uniform(inputs.shape, seed=self.seed, dtype=inputs.dtype.name)
        return inputs * gn.ops.cast(draw >= self.rate, inputs.dtype.name) / (1 - self.rate)


class MyEmbedding(NumpyLayer):
    def __init__(self, count: int, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count, self.size = count, size

    def build(self, input_shape: Any) -> None:
        self.table = self.add_weight((self.count, self.size), "normal", name="table")

    def forward(self, rows):
        self.rows = rows
        return self.table[rows]

    def backward(self, dY):
        self.dtable = np.zeros(self.table.shape)
        np.add.at(self.dtable, self.rows, dY)


class MyFlatten(NumpyLayer):
    def forward(self, X):
        self.before = X.shape
        return X.reshape(len(X), int(np.prod(X.shape[1:])))

    def backward(self, dY):
        return dY.reshape(self.before)


class MyAdd(NumpyLayer):
    def forward(self, A, B):
        return A + B

    def backward(self, dY):
        return dY, dY


class Bells(Layer):
    """Like no brick of the library: distances to learned centres, exp(-‖x - c‖²)."""

    def __init__(self, count: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count

    def build(self, input_shape: Any) -> None:
        self.centres = self.add_weight((self.count, input_shape[-1]), "normal", name="centres")

    def call(self, inputs):
        away = inputs[:, None, :] - self.centres
        return np.exp(-np.sum(away**2, axis=-1))


class Attention(Layer):
    """Layers within; the bias of the keys has a derivative of 0, up to rounding."""

    def build(self, input_shape: Any) -> None:
        self.query, self.key, self.value = (gn.layers.Dense(3) for _ in range(3))

    def call(self, inputs):
        q, k, v = self.query(inputs), self.key(inputs), self.value(inputs)
        weights = gn.ops.softmax(gn.ops.matmul(q, gn.ops.swapaxes(k, 1, 2)) / 3**0.5)
        return gn.ops.matmul(weights, v)


class Residual(Layer):
    """Layers within that know training."""

    def build(self, input_shape: Any) -> None:
        self.dense = gn.layers.Dense(input_shape[-1], activation="relu")
        self.drop, self.norm = gn.layers.Dropout(0.3, seed=1), gn.layers.BatchNormalization()

    def call(self, inputs, training=None):
        return inputs + self.norm(self.drop(self.dense(inputs)))


class Recurrent(NumpyLayer):
    """The last state of a simple recurrent layer, with backpropagation through time."""

    def build(self, input_shape: Any) -> None:
        self.W = self.add_weight((input_shape[-1], 3), name="W")
        self.U = self.add_weight((3, 3), name="U")

    def forward(self, X):
        self.X = X
        self.H = np.zeros((X.shape[1] + 1, len(X), 3))
        for t in range(X.shape[1]):
            self.H[t + 1] = np.tanh(X[:, t] @ self.W + self.H[t] @ self.U)
        return self.H[-1]

    def backward(self, dH):
        dX = np.zeros(self.X.shape)
        self.dW, self.dU = np.zeros(self.W.shape), np.zeros(self.U.shape)
        for t in reversed(range(self.X.shape[1])):
            dZ = dH * (1 - self.H[t + 1] ** 2)
            self.dW += self.X[:, t].T @ dZ
            self.dU += self.H[t].T @ dZ
            dX[:, t], dH = dZ @ self.W.T, dZ @ self.U.T
        return dX


class Rounded(Layer):
    """Straight through: rounded forward, as if it were not backward."""

    def call(self, inputs):
        return inputs + gn.ops.stop_gradient(gn.ops.round(inputs) - inputs)


class Pair(Layer):
    """Two outputs."""

    def call(self, inputs):
        return inputs * 2, inputs + 1


class GeluByTanh(NumpyLayer):
    def forward(self, X):
        self.X = X
        self.T = np.tanh(np.sqrt(2 / np.pi) * (X + 0.044715 * X**3))
        return X / 2 * (1 + self.T)

    def backward(self, dY):
        slope = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * self.X**2)
        return dY * ((1 + self.T) / 2 + self.X / 2 * (1 - self.T**2) * slope)


SHAPES: list[tuple[str, Any, Any, str]] = [
    ("dense", lambda: MyDense(3), (4,), "Dense"),
    ("square dense", lambda: MyDense(4), (4,), "Dense"),
    ("turned dense", lambda: TurnedDense(3), (4,), "Dense"),
    ("theta", Theta, (3,), "Dense"),
    ("relu", MyReLU, (4,), "ReLU"),
    ("leaky", MyLeakyReLU, (4,), "LeakyReLU"),
    ("sigmoid", MySigmoid, (4,), "Activation"),
    ("softmax", MySoftmax, (4,), "Softmax"),
    ("convolution", lambda: MyConv(2, 3), (5, 4, 2), "Conv2D"),
    ("true convolution", lambda: MyConv(2, 2, flip=True), (5, 4, 2), "Conv2D"),
    ("max pooling", MyMaxPool, (4, 6, 2), "MaxPooling2D"),
    ("batch norm", MyBatchNorm, (3,), "BatchNormalization"),
    ("moving batch norm", MovingBatchNorm, (3,), "BatchNormalization"),
    ("layer norm", MyLayerNorm, (4,), "LayerNormalization"),
    ("dropout", MyDropout, (4,), "Dropout"),
    ("embedding", lambda: MyEmbedding(6, 2), (3,), "Embedding"),
    ("flatten", MyFlatten, (2, 3), "Flatten"),
    ("add", MyAdd, [(3,), (3,)], "Add"),
    ("gelu", GeluByTanh, (4,), "Activation"),
    ("bells", Bells, (3,), ""),
    ("attention", Attention, (4, 3), ""),
    ("residual", Residual, (4,), ""),
    ("recurrent", Recurrent, (4, 2), ""),
    ("rounded", Rounded, (3,), ""),
    ("pair", Pair, (3,), ""),
]
"""(what, how it is made, the shape of an example, the library's brick that it is)."""
