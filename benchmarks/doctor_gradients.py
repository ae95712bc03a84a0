"""How surely gradients are checked: ``python -m benchmarks.doctor_gradients``.

Correct networks, drawn at random, must all pass; a fault in one entry of one parameter of a
network of three layers must be found, wherever it is.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import glassnet as gn
from glassnet.explain import GradientReport, check_gradients
from glassnet.explain.doctor.subjects import of_model

L = gn.layers
SMOOTH = ("tanh", "sigmoid", "gelu", "softplus", "elu", "silu", "selu", "softmax", "mish")
KINKED = ("relu", "leaky_relu", "relu6", "hard_sigmoid", "linear", "softsign")


# --- correct networks ---------------------------------------------------------------------------
def drawn_network(seed: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """A compiled network of random layers, with a batch; its gradient is right."""
    rng = np.random.default_rng(seed)
    gn.utils.set_random_seed(seed)
    old = gn.config.floatx()
    gn.config.set_floatx(str(rng.choice(["float32", "float64"])))
    try:
        return _images(rng) if rng.random() < 0.3 else _rows(rng)
    finally:
        gn.config.set_floatx(old)


def _activation(rng: np.random.Generator) -> str:
    return str(rng.choice(SMOOTH + KINKED))


def _between(rng: np.random.Generator) -> list[Any]:
    made = [
        L.BatchNormalization(), L.LayerNormalization(), L.Dropout(float(rng.uniform(0.1, 0.6))),
        L.Activation(_activation(rng)), L.PReLU(), L.GaussianNoise(0.1),
    ]  # fmt: skip
    return [made[int(rng.integers(len(made)))]] if rng.random() < 0.5 else []


def _rows(rng: np.random.Generator) -> tuple[Any, np.ndarray, np.ndarray]:
    features, m = int(rng.integers(1, 7)), int(rng.integers(1, 10))
    stack = [gn.Input((features,))]
    for _ in range(int(rng.integers(1, 4))):
        penalty = rng.choice([None, "l1", "l2", "l1_l2"])
        stack.append(
            L.Dense(
                int(rng.integers(1, 9)), _activation(rng), kernel_regularizer=penalty,
                kernel_initializer=str(rng.choice(["glorot_uniform", "he_normal"])),
                bias_initializer=str(rng.choice(["zeros", "random_normal"])),
            )
        )  # fmt: skip
        stack += _between(rng)
    x = rng.normal(size=(m, features)) * float(rng.choice([0.1, 1.0, 5.0]))
    if rng.random() < 0.2:
        x[rng.random(x.shape) < 0.5] = 0.0
    return _ended(rng, stack, x)


def _images(rng: np.random.Generator) -> tuple[Any, np.ndarray, np.ndarray]:
    channels, m = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    pool = rng.choice([L.MaxPooling2D, L.AveragePooling2D])
    stack = [
        gn.Input((6, 6, channels)),
        L.Conv2D(int(rng.integers(1, 4)), 3, padding=str(rng.choice(["same", "valid"])),
                 strides=int(rng.integers(1, 3)), activation=_activation(rng)),
        *_between(rng), pool(2), L.Flatten(),
    ]  # fmt: skip
    return _ended(rng, stack, rng.normal(size=(m, 6, 6, channels)))


def _ended(
    rng: np.random.Generator, stack: list[Any], x: np.ndarray
) -> tuple[Any, np.ndarray, np.ndarray]:
    m, kind = len(x), int(rng.integers(5))
    classes = int(rng.integers(2, 5))
    if kind == 0:
        model = gn.Sequential([*stack, L.Dense(classes, "softmax")])
        loss, y = "sparse_categorical_crossentropy", rng.integers(0, classes, m)
    elif kind == 1:
        model = gn.Sequential([*stack, L.Dense(classes)])
        loss = gn.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
        y = np.eye(classes)[rng.integers(0, classes, m)]
    elif kind == 2:
        model = gn.Sequential([*stack, L.Dense(1, "sigmoid")])
        loss, y = "binary_crossentropy", rng.integers(0, 2, (m, 1)).astype(float)
    else:
        model = gn.Sequential([*stack, L.Dense(2)])
        loss = str(rng.choice(["mse", "mae", "huber", "log_cosh"]))
        y = rng.normal(size=(m, 2))
    model.compile("sgd", loss)
    return model, x, y


def correct(count: int) -> Iterator[tuple[int, GradientReport]]:
    """Check the gradients of correct networks, one a seed."""
    for seed in range(count):
        model, x, y = drawn_network(seed)
        yield seed, check_gradients(model, x, y, inputs=bool(seed % 2))


# --- planted faults -----------------------------------------------------------------------------
class Faulty(L.NumpyLayer):
    """A dense layer by hand whose backward is off by a factor in one entry of one gradient."""

    def __init__(self, units: int, activation: str = "tanh", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.activation = units, activation
        self.name_of, self.place, self.factor = "", 0, 1.0

    def build(self, input_shape: Any) -> None:
        self.W = self.add_weight((input_shape[-1], self.units), name="W")
        self.b = self.add_weight((self.units,), "random_normal", name="b")

    def plant(self, name: str, place: int, factor: float) -> None:
        """Multiply one entry of the gradient ``name`` by a factor."""
        self.name_of, self.place, self.factor = name, place, factor

    def forward(self, X: np.ndarray) -> np.ndarray:
        self.X = X
        self.Z = X @ self.W + self.b
        if self.activation == "relu":
            return np.maximum(self.Z, 0)
        return np.tanh(self.Z) if self.activation == "tanh" else self.Z

    def backward(self, dY: np.ndarray) -> np.ndarray:
        slope = {"relu": self.Z > 0, "tanh": 1 - np.tanh(self.Z) ** 2}.get(self.activation, 1.0)
        dZ = dY * slope
        self.dW, self.db = self.X.T @ dZ, dZ.sum(axis=0)
        if self.name_of:
            getattr(self, self.name_of).reshape(-1)[self.place] *= self.factor
        return dZ @ self.W.T


def by_hand(
    seed: int, sizes: tuple[int, ...], activation: str, m: int
) -> tuple[Any, np.ndarray, np.ndarray]:
    """A network of three layers by hand, with a batch."""
    rng = np.random.default_rng(seed)
    gn.utils.set_random_seed(seed)
    kinds = (activation, activation, "")
    made = [Faulty(n, kind) for n, kind in zip(sizes[1:], kinds, strict=True)]
    model = gn.Sequential([gn.Input((sizes[0],)), *made])
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    return model, rng.normal(size=(m, sizes[0])), rng.integers(0, sizes[-1], m)


def planted(
    model: Any, x: np.ndarray, y: np.ndarray, fault: float, places: int | None = None, seed: int = 0
) -> Iterator[tuple[str, float, bool, bool]]:
    """Plant a fault at every place (or some) where the derivative is not 0, and check.

    Yield the place, its derivative by the largest of that weight, whether it was found, and
    whether it alone was named.
    """
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        for name, weight in (("W", layer.W), ("b", layer.b)):
            slopes = slopes_of(model, x, y, weight)
            there = np.flatnonzero(slopes)  # 0 times anything is 0: no fault
            chosen = there if places is None else rng.permutation(there)[:places]
            for place in map(int, chosen):
                layer.plant(f"d{name}", place, 1 + fault)
                report = check_gradients(model, x, y)
                layer.plant("", 0, 1.0)
                where = tuple(int(i) for i in np.unravel_index(place, weight.shape))
                hit = [f for f in report.wrong if f.index == where and f.parameter == name
                       and f.layer == layer.name]  # fmt: skip
                small = abs(slopes[place]) / np.abs(slopes).max()
                yield f"{layer.name}.{name}{where}", small, bool(hit), len(report.wrong) == 1


def slopes_of(model: Any, x: np.ndarray, y: np.ndarray, weight: Any) -> np.ndarray:
    """The gradient by one weight as training computes it, as one row."""
    subject = of_model(model, x, y, None, False)
    names = [v is weight for v in model.trainable_weights]
    return subject.given(subject.point)[names.index(True)].array.ravel()


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    count = parser.parse_args().seeds
    start = time.perf_counter()
    verdicts: Counter[str] = Counter()
    failed = []
    for seed, report in correct(count):
        verdicts.update(f.verdict for f in report.findings)
        if not report.ok:
            failed.append(seed)
            print(f"seed {seed}:\n{report}\n")
    print(f"{count} correct networks: {count - len(failed)} pass, {len(failed)} do not {failed}")
    print(f"  by parameter: {dict(verdicts)}; {time.perf_counter() - start:.0f} s")
    print("faults in one entry of one gradient of a network of three layers:")
    for what, run in _sweeps().items():
        start = time.perf_counter()
        found = list(run())
        hits, alone = sum(f[2] for f in found), sum(f[3] for f in found)
        missed = [f[0] for f in found if not f[2]]
        least = min(f[1] for f in found)
        print(
            f"  {what}: {hits} of {len(found)} found, {alone} named alone, the smallest derivative "
            f"{least:.0e} of the largest; {time.perf_counter() - start:.0f} s {missed[:5]}"
        )


def _sweeps() -> dict[str, Callable[[], Iterator[tuple[str, float, bool, bool]]]]:
    def every(fault: float, activation: str) -> Iterator[tuple[str, float, bool, bool]]:
        for seed in range(4):
            yield from planted(*by_hand(seed, (3, 6, 5, 3), activation, 7), fault)

    def large(fault: float) -> Iterator[tuple[str, float, bool, bool]]:
        yield from planted(*by_hand(9, (200, 180, 60, 10), "relu", 32), fault, places=12)

    return {
        "3-6-5-3 tanh, relative fault 1e-4, every place": lambda: every(1e-4, "tanh"),
        "3-6-5-3 relu, relative fault 1e-4, every place": lambda: every(1e-4, "relu"),
        "3-6-5-3 tanh, relative fault 1e-5, every place": lambda: every(1e-5, "tanh"),
        "3-6-5-3 tanh, relative fault 1e-2, every place": lambda: every(1e-2, "tanh"),
        "3-6-5-3 tanh, sign, every place": lambda: every(-2.0, "tanh"),
        "200-180-60-10 relu (47,650 weights), 1e-4, 12 places a gradient": lambda: large(1e-4),
        "200-180-60-10 relu (47,650 weights), 1e-2, 12 places a gradient": lambda: large(1e-2),
    }


if __name__ == "__main__":
    main()
