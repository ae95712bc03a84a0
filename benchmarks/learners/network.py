"""A network of bricks written by hand, its cost and its gradients, beside the same in glassnet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import glassnet as gn
from benchmarks.learners.bricks import (
    FUNCTIONS,
    Activation,
    Array,
    AveragePool,
    BatchNorm,
    Brick,
    Conv,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    MaxPool,
)


@dataclass
class Learner:
    """Bricks, a loss, a penalty; `gradients` is the backward pass with a mistake to order.

    Args:
        model: the same network in glassnet, compiled.
        bricks: in order, each with the number its weights have in the derivation (0 for none).
        loss: "mse", "bce", "cce".
        output: "linear", "sigmoid" or "softmax": what the loss is given.
        penalty: λ of an L2 penalty of every W, λ Σ W².
        rate: the learning rate.
    """

    model: Any
    X: Array
    Y: Array
    bricks: list[tuple[Brick, int]]
    loss: str
    output: str
    penalty: float = 0.0
    rate: float = 0.1
    targets: Array = field(default_factory=lambda: np.zeros(0))

    def predict(self) -> Array:
        Z = self.X
        for brick, _ in self.bricks:
            Z = brick.forward(Z)
        self.Z = Z
        if self.output == "softmax":
            e = np.exp(Z - Z.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        return FUNCTIONS[self.output][0](Z)

    def gradients(self, bug: str = "") -> dict[str, Array]:
        """Return dW1, db1, … with the mistake ``bug`` in the loss, the penalty or the books."""
        P = self.predict()
        dZ = self.at_the_end(P, bug)
        for brick, _ in reversed(self.bricks):
            if isinstance(brick, Dense):
                brick.rate = self.rate
            dZ = brick.backward(dZ)
        found: dict[str, Array] = {}
        for brick, number in self.bricks:
            for name, grad in brick.grads.items():
                if name == "W" and self.penalty:
                    grad = grad + self.of_penalty(brick.params["W"], bug)
                if name == "b" and bug == "penalty on bias":
                    grad = grad + 2 * self.penalty * brick.params["b"]
                found[f"d{name}{number}"] = grad
        return self.in_the_books(found, bug)

    def at_the_end(self, P: Array, bug: str) -> Array:
        """The derivative of the cost by the last Z."""
        Y, m, n = self.Y, len(self.Y), self.Y.shape[1]
        if bug == "softmax twice":
            e = np.exp(P - P.max(axis=1, keepdims=True))
            P = e / e.sum(axis=1, keepdims=True)
        if bug == "diagonal":
            return -Y / P * P * (1 - P) / m
        if bug == "broadcast":
            D = P - Y.reshape(-1)  # (m, 1) - (m,) is (m, m)
            dA = 2 * D.sum(axis=1, keepdims=True) / m**2
            return dA * FUNCTIONS[self.output][1](self.Z)
        if bug == "simplification":
            return (P - Y) / m
        if self.loss == "mse":
            factor = {"no 2": 1.0, "sum over outputs": 2.0 * n}.get(bug, 2.0)
            dA = factor * (P - Y) / (m * n)
            dZ = dA * FUNCTIONS[self.output][1](self.Z)
        else:
            dZ = (P - Y) / (m * n if self.loss == "bce" else m)
            if bug == "derivative again":
                dZ = dZ * P * (1 - P)
        if bug == "no 1/m":
            dZ = dZ * m
        if bug == "1/m twice at the loss":
            dZ = dZ / m
        if bug == "sign everywhere":
            dZ = -dZ
        return dZ

    def of_penalty(self, W: Array, bug: str) -> Array:
        if bug == "penalty forgotten":
            return np.zeros_like(W)
        if bug == "penalty without 2":
            return self.penalty * W
        return 2 * self.penalty * W

    def in_the_books(self, found: dict[str, Array], bug: str) -> dict[str, Array]:
        if bug == "swapped":
            a, b = self.alike(found)
            return {**found, a: found[b], b: found[a]}
        if bug == "accumulated":
            return {name: 2 * grad for name, grad in found.items()}
        if bug == "float16":
            return {name: grad.astype(np.float16) for name, grad in found.items()}
        if bug == "integers":
            name = next(n for n in found if found[n].ndim > 1)
            return {**found, name: found[name].astype(int)}
        if bug == "step":
            return {name: -self.rate * grad for name, grad in found.items()}
        if bug == "zero":
            name = sorted(found)[0]
            return {**found, name: np.zeros_like(found[name])}
        return found

    def alike(self, found: dict[str, Array]) -> tuple[str, str]:
        """Two gradients of one shape."""
        names = sorted(found)
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                if found[a].shape == found[b].shape and found[a].ndim > 1:
                    return a, b
        raise LookupError

    def after_update(self) -> dict[str, Array]:
        """The gradient, but taken when the weights have had their step."""
        for brick, _ in self.bricks:
            brick.bug = ""
        first = self.gradients()
        for brick, number in self.bricks:
            for name in brick.params:
                brick.params[name] = brick.params[name] - self.rate * first[f"d{name}{number}"]
        return self.gradients()


def build(rng: np.random.Generator, kind: str, wish: str = "") -> Learner:
    """Return a random network of a kind: "dense", "square" (all layers of one width), "conv",
    "average", "norm", "dropout", "embedding".

    Args:
        rng: where the draws come from.
        kind: the bricks.
        wish: the output and loss: "mse", "mse-sigmoid", "mse-one", "bce", "cce"; any for "".
    """
    loss = wish or str(rng.choice(["mse", "bce", "cce", "mse-sigmoid"]))
    outputs = {"bce": 1, "mse-one": 1}.get(loss, int(rng.integers(2, 5)))
    m = int(rng.integers(5, 12))
    penalty = float(rng.choice([0.01, 0.05])) if kind == "penalty" else 0.0
    L = gn.layers
    reg = gn.regularizers.L2(penalty) if penalty else None
    acts = ["sigmoid", "tanh", "relu", "softplus", "elu"]
    width = int(rng.integers(3, 6))
    made: list[Any] = []
    if kind == "ties":  # whole numbers, so that entries of a window are often equal
        X: Array = rng.integers(0, 2, size=(m, 6, 6, 1)).astype(float)
        made = [L.Conv2D(2, 3), L.MaxPooling2D(2), L.Flatten()]
        shape = X.shape[1:]
    elif kind in ("conv", "average"):
        c, f = int(rng.integers(1, 3)), int(rng.integers(2, 4))
        X = rng.normal(size=(m, 8, 8, c))
        stride, same = int(rng.choice([1, 2])), bool(rng.integers(0, 2))
        made = [
            L.Conv2D(f, 3, strides=stride, padding="same" if same else "valid"),
            L.Activation(str(rng.choice(acts))),
        ]
        if stride == 1:
            made += [(L.AveragePooling2D if kind == "average" else L.MaxPooling2D)(2)]
            made += [L.Conv2D(2, 2), L.Activation(str(rng.choice(acts)))]
        else:
            made += [L.Conv2D(2, 2), L.Activation(str(rng.choice(acts)))]
        made += [L.Flatten()]
        shape = X.shape[1:]
    elif kind == "embedding":
        X = rng.integers(0, 4, size=(m, 3))
        made = [L.Embedding(4, 3), L.Flatten()]
        shape = (3,)
    else:
        inputs = width if kind == "square" else int(rng.integers(3, 7))
        X = rng.normal(size=(m, inputs))
        shape = X.shape[1:]
    for _ in range(int(rng.integers(1, 4)) if kind != "square" else 3):
        units = width if kind == "square" else int(rng.integers(3, 7))
        made.append(L.Dense(units, kernel_regularizer=reg))
        if kind == "norm":
            made.append(L.BatchNormalization())
        made.append(L.Activation(str(rng.choice(acts))))
        if kind == "dropout":
            made.append(L.Dropout(float(rng.choice([0.2, 0.4]))))
    made.append(L.Dense(outputs, kernel_regularizer=reg))
    return _compiled(rng, made, shape, X, loss, outputs, penalty)


def _compiled(rng: Any, made: list[Any], shape: Any, X: Array, loss: str, n: int,
              penalty: float) -> Learner:  # fmt: skip
    m = len(X)
    name, output = loss.split("-")[0], "linear"
    if name == "cce":
        Y, output, used = np.eye(n)[rng.integers(0, n, m)], "softmax", "categorical_crossentropy"
        made.append(gn.layers.Activation("softmax"))
    elif name == "bce":
        Y, output = rng.integers(0, 2, (m, n)).astype(float), "sigmoid"
        used = "binary_crossentropy"
        made.append(gn.layers.Activation("sigmoid"))
    else:
        Y, used = rng.normal(size=(m, n)), "mse"
        if loss == "mse-sigmoid":
            output = "sigmoid"
            Y = rng.uniform(size=(m, n))
            made.append(gn.layers.Activation("sigmoid"))
    dtype = "int64" if X.dtype.kind == "i" else None
    whole = X.dtype.kind == "f" and np.array_equal(X, np.round(X))
    model = gn.Sequential([gn.Input(shape, dtype=dtype), *made])
    rate = float(rng.choice([0.01, 0.1, 0.5]))
    model.compile(gn.optimizers.SGD(rate), used)
    for weight in model.trainable_weights:  # biases and γ as after some training
        size = 1 / np.sqrt(len(weight.numpy())) if len(weight.shape) > 1 else 0.3
        base = 1.0 if weight.name == "gamma" else 0.0
        drawn = base + size * rng.normal(size=weight.shape)
        drawn = np.round(3 * drawn) if whole and drawn.ndim > 2 else drawn
        weight.assign(drawn.astype(np.float32))
    return Learner(model, X, Y, _by_hand(model, made, X, Y), name, output, penalty, rate)


def _by_hand(model: Any, made: list[Any], X: Array, Y: Array) -> list[tuple[Brick, int]]:
    """The same bricks by hand, with the same weights."""
    L = gn.layers
    bricks: list[tuple[Brick, int]] = []
    number = 0
    drawn = iter(_masks(model, X, Y))
    for layer in made:
        w = [v.numpy().astype(float) for v in layer.trainable_weights]
        number += bool(w)
        if isinstance(layer, L.Conv2D):
            s, pad = layer.strides[0], (0, 0)
            if layer.padding == "same":
                size = bricks_shape(bricks, X)[1]
                total = max((-(-size // s) - 1) * s + layer.kernel_size[0] - size, 0)
                pad = (total // 2, total - total // 2)
            bricks.append((Conv(w[0], w[1], s, pad), number))
        elif isinstance(layer, L.Dense):
            bricks.append((Dense(*w), number))
        elif isinstance(layer, L.BatchNormalization):
            bricks.append((BatchNorm(w[0], w[1], layer.epsilon), number))
        elif isinstance(layer, L.Embedding):
            bricks.append((Embedding(*w), number))
        elif isinstance(layer, L.Dropout):
            bricks.append((Dropout(next(drawn)), 0))
        elif isinstance(layer, L.MaxPooling2D):
            bricks.append((MaxPool(2), 0))
        elif isinstance(layer, L.AveragePooling2D):
            bricks.append((AveragePool(2), 0))
        elif isinstance(layer, L.Flatten):
            bricks.append((Flatten(), 0))
        elif layer is not made[-1] or made[-1].activation.__name__ not in ("softmax", "sigmoid"):
            bricks.append((Activation(layer.activation.__name__), 0))
    return bricks


def bricks_shape(bricks: list[tuple[Brick, int]], X: Array) -> tuple[int, ...]:
    for brick, _ in bricks:
        X = brick.forward(X)
    return X.shape


def _masks(model: Any, X: Array, Y: Array) -> list[Array]:
    """The masks that the next training step draws, as the derivation shows them."""
    values = model.derive(X, Y).values
    return [
        np.asarray(v) for name, v in values.items() if name.startswith("D") and name[1:].isdigit()
    ]
