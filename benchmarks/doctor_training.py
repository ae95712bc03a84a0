"""First aid for training, tried on real digits: each ailment provoked, healthy runs left quiet.

    python -m benchmarks.doctor_training

prints two tables in Markdown: what provoked each ailment and what `diagnose_training` named, and
healthy runs of many kinds with what it said of them (nothing). ``--fast`` takes fewer examples and
one seed; that version is a test.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import glassnet as gn
from glassnet.explain.doctor.training.diagnosis import diagnose_training
from glassnet.explain.doctor.training.report import TrainingReport
from glassnet.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
)

SPARSE = "sparse_categorical_crossentropy"


@dataclass(frozen=True)
class Digits:
    """Some digits to train on, some held out."""

    x: np.ndarray
    y: np.ndarray
    held: tuple[np.ndarray, np.ndarray]

    @property
    def flat(self) -> np.ndarray:
        return self.x.reshape(len(self.x), -1)

    @property
    def held_flat(self) -> tuple[np.ndarray, np.ndarray]:
        return self.held[0].reshape(len(self.held[0]), -1), self.held[1]


def digits(size: int) -> Digits:
    """Return so many digits, and half as many held out, with grey values from 0 to 1."""
    (x, y), (held_x, held_y) = gn.datasets.mnist.load_data()
    half = size // 2
    scaled = [a[:n].astype(np.float32) / 255 for a, n in ((x, size), (held_x, half))]
    return Digits(scaled[0], y[:size].astype(np.int64), (scaled[1], held_y[:half].astype(np.int64)))


def network(*layers: Any, shape: tuple[int, ...] = (784,)) -> Any:
    return gn.Sequential([gn.Input(shape), *layers])


def examined(
    model: Any,
    x: np.ndarray,
    y: np.ndarray,
    optimizer: Any = "adam",
    loss: Any = SPARSE,
    metrics: Any = None,
    check_finite: bool = True,
    **fit: Any,
) -> TrainingReport:
    """Train, and return what the doctor says of model and history alone."""
    model.compile(optimizer, loss, metrics=metrics, check_finite=check_finite)
    try:
        history = model.fit(x, y, verbose=0, **{"epochs": 3, **fit})
    except gn.errors.NonFiniteError:
        history = model.history
    return diagnose_training(model, history)


# --- ailments -----------------------------------------------------------------------------------
AILMENTS: list[tuple[str, str, Callable[[Digits, int], TrainingReport]]] = []
"""The ailment, what provokes it, and the run."""


def provoked(name: str, by: str) -> Callable[[Any], Any]:
    def note(run: Callable[[Digits, int], TrainingReport]) -> Any:
        AILMENTS.append((name, by, run))
        return run

    return note


def mlp(activation: str = "relu", width: int = 64, **kernel: Any) -> Any:
    return network(Dense(width, activation, **kernel), Dense(10, "softmax"))


@provoked("dead ReLUs", "biases that begin at -5")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(mlp(bias_initializer=gn.initializers.Constant(-5.0)), d.flat, d.y)


@provoked("saturated units", "tanh, weights of standard deviation 2")
def _(d: Digits, seed: int) -> TrainingReport:
    start = gn.initializers.RandomNormal(stddev=2.0, seed=seed)
    return examined(mlp("tanh", kernel_initializer=start), d.flat, d.y)


@provoked("saturated units", "sigmoid, weights of standard deviation 5, SGD")
def _(d: Digits, seed: int) -> TrainingReport:
    start = gn.initializers.RandomNormal(stddev=5.0, seed=seed)
    return examined(mlp("sigmoid", kernel_initializer=start), d.flat, d.y, gn.optimizers.SGD(0.1))


@provoked("vanishing gradients", "eight layers of sigmoids")
def _(d: Digits, seed: int) -> TrainingReport:
    hidden = [Dense(32, "sigmoid") for _ in range(8)]
    return examined(network(*hidden, Dense(10, "softmax")), d.flat, d.y)


@provoked("vanishing gradients", "six ReLU layers, weights of standard deviation 0.01")
def _(d: Digits, seed: int) -> TrainingReport:
    start = gn.initializers.RandomNormal(stddev=0.01, seed=seed)
    hidden = [Dense(64, "relu", kernel_initializer=start) for _ in range(6)]
    model = network(*hidden, Dense(10, "softmax"))
    return examined(model, d.flat, d.y, gn.optimizers.SGD(0.1))


@provoked("exploding gradients", "six ReLU layers, weights of standard deviation 1, SGD")
def _(d: Digits, seed: int) -> TrainingReport:
    start = gn.initializers.RandomNormal(stddev=1.0, seed=seed)
    hidden = [Dense(64, "relu", kernel_initializer=start) for _ in range(6)]
    model = network(*hidden, Dense(10, "softmax"))
    return examined(model, d.flat, d.y, gn.optimizers.SGD(0.01))


@provoked("learning rate too high", "SGD(10)")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(mlp(), d.flat, d.y, gn.optimizers.SGD(10.0))


@provoked("learning rate too high", "tanh, Adam(0.5)")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(mlp("tanh"), d.flat, d.y, gn.optimizers.Adam(0.5))


@provoked("learning rate too high", "SGD(1000), which ends in NaN")
def _(d: Digits, seed: int) -> TrainingReport:
    one_hot = gn.utils.to_categorical(d.y, 10)
    model = network(Dense(64, "relu"), Dense(10))
    return examined(model, d.flat, one_hot, gn.optimizers.SGD(1000.0), "mse")


@provoked("learning rate too low", "SGD(1e-5)")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(mlp(), d.flat, d.y, gn.optimizers.SGD(1e-5))


@provoked("learning rate too low", "convolution, Adam(1e-6)")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(conv(), d.x[..., None], d.y, gn.optimizers.Adam(1e-6))


@provoked("unscaled inputs", "pixels from 0 to 255")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(mlp(), 255 * d.flat, d.y)


@provoked("unscaled inputs", "one feature a thousand times as large")
def _(d: Digits, seed: int) -> TrainingReport:
    x = np.concatenate([d.flat, 1000 * d.flat.mean(axis=1, keepdims=True)], axis=1)
    return examined(network(Dense(32, "tanh"), Dense(10, "softmax"), shape=(785,)), x, d.y)


@provoked("targets out of reach of the output activation", "the digit as a number, by a sigmoid")
def _(d: Digits, seed: int) -> TrainingReport:
    model = network(Dense(32, "relu"), Dense(1, "sigmoid"))
    return examined(model, d.flat, d.y.astype(np.float32), "adam", "mse")


@provoked("targets out of reach of the output activation", "standardised targets, by relu")
def _(d: Digits, seed: int) -> TrainingReport:
    y = ((d.y - d.y.mean()) / d.y.std()).astype(np.float32)
    return examined(network(Dense(32, "relu"), Dense(1, "relu")), d.flat, y, "adam", "mse")


@provoked("loss, output and targets do not fit", "softmax over one unit, squared error")
def _(d: Digits, seed: int) -> TrainingReport:
    model = network(Dense(32, "relu"), Dense(1, "softmax"))
    return examined(model, d.flat, (d.y % 2).astype(np.float32), "adam", "mse")


@provoked("loss, output and targets do not fit", "one-hot rows for a loss of class numbers")
def _(d: Digits, seed: int) -> TrainingReport:
    model = mlp()
    model.compile("adam", SPARSE)
    return diagnose_training(model, None, d.flat, gn.utils.to_categorical(d.y, 10))


@provoked("classes out of balance", "95% odd digits")
def _(d: Digits, seed: int) -> TrainingReport:
    odd, even = np.flatnonzero(d.y % 2 == 1), np.flatnonzero(d.y % 2 == 0)
    keep = np.concatenate([odd, even[: len(odd) // 19]])
    model = network(Dense(32, "relu"), Dense(1, "sigmoid"))
    y = (d.y[keep] % 2).astype(np.float32)
    return examined(model, d.flat[keep], y, "adam", "binary_crossentropy", ["accuracy"])


@provoked("classes out of balance", "three digits left with a twentieth of their examples")
def _(d: Digits, seed: int) -> TrainingReport:
    rare = np.isin(d.y, (2, 5, 7))
    keep = np.flatnonzero(~rare | (np.cumsum(rare) % 20 == 0))
    return examined(mlp(), d.flat[keep], d.y[keep], metrics=["accuracy"])


@provoked("overfitting", "64 digits, 40 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(
        mlp(), d.flat[:64], d.y[:64], gn.optimizers.Adam(5e-3), epochs=40,
        validation_data=d.held_flat,
    )  # fmt: skip


@provoked("underfitting", "one hidden unit")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(mlp("tanh", width=1), d.flat, d.y, gn.optimizers.Adam(0.02), epochs=25)


@provoked("all units of a layer are alike", "weights that begin at 0")
def _(d: Digits, seed: int) -> TrainingReport:
    model = network(
        Dense(32, "sigmoid", kernel_initializer="zeros"),
        Dense(10, "softmax", kernel_initializer="zeros"),
    )
    return examined(model, d.flat, d.y)


@provoked("all units of a layer are alike", "two layers that begin at 0.05")
def _(d: Digits, seed: int) -> TrainingReport:
    same = gn.initializers.Constant(0.05)
    hidden = [Dense(32, "relu", kernel_initializer=same) for _ in range(2)]
    model = network(*hidden, Dense(10, "softmax", kernel_initializer=same))
    return examined(model, d.flat, d.y, gn.optimizers.SGD(0.05))


@provoked("labels unrelated to the inputs", "labels shuffled")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(mlp(), d.flat, np.random.default_rng(seed).permutation(d.y))


@provoked("too few steps", "all digits in one batch, 3 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(mlp(), d.flat, d.y, batch_size=len(d.y))


@provoked("NaN or infinity in training", "a loss that takes log 0, check_finite=False")
def _(d: Digits, seed: int) -> TrainingReport:
    def loss(y: Any, p: Any) -> Any:
        return -np.mean(y * np.log(np.maximum(p - 0.2, 0.0)), axis=-1)

    one_hot = gn.utils.to_categorical(d.y, 10)
    return examined(mlp(), d.flat, one_hot, "adam", loss, check_finite=False)


@provoked("NaN or infinity in the data", "a pixel that is NaN")
def _(d: Digits, seed: int) -> TrainingReport:
    x = d.flat.copy()
    x[7, 300] = np.nan
    return examined(mlp(), x, d.y, check_finite=False)


@provoked("metric and loss disagree", "accuracy of a regression")
def _(d: Digits, seed: int) -> TrainingReport:
    y = d.flat.mean(axis=1, keepdims=True) * 5
    model = network(Dense(32, "relu"), Dense(1))
    return examined(model, d.flat, y, "adam", "mse", ["accuracy"], epochs=6)


@provoked("duplicate or constant features", "a column of ones, a column twice")
def _(d: Digits, seed: int) -> TrainingReport:
    ones = np.ones((len(d.y), 1), np.float32)
    x = np.concatenate([d.flat, ones, d.flat[:, 400:401]], axis=1)
    return examined(network(Dense(32, "relu"), Dense(10, "softmax"), shape=(786,)), x, d.y)


@provoked("leakage between training and validation data", "a half of the held-out is trained on")
def _(d: Digits, seed: int) -> TrainingReport:
    half = len(d.held[1]) // 2
    x = np.concatenate([d.flat, d.held_flat[0][:half]])
    y = np.concatenate([d.y, d.held[1][:half]])
    return examined(mlp(), x, y, validation_data=d.held_flat)


@provoked("dropout rate too high", "95% dropped")
def _(d: Digits, seed: int) -> TrainingReport:
    model = network(Dense(64, "relu"), Dropout(0.95), Dense(10, "softmax"))
    return examined(model, d.flat, d.y)


@provoked("batch normalization over too few values", "batches of one")
def _(d: Digits, seed: int) -> TrainingReport:
    model = network(Dense(16), BatchNormalization(), Activation("relu"), Dense(10, "softmax"))
    return examined(model, d.flat[:200], d.y[:200], batch_size=1, epochs=1)


@provoked("regularisation dominates the loss", "L2(1)")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(mlp(kernel_regularizer=gn.regularizers.L2(1.0)), d.flat, d.y)


@provoked("nothing is trained", "trainable = False")
def _(d: Digits, seed: int) -> TrainingReport:
    model = mlp()
    model.trainable = False
    return examined(model, d.flat, d.y)


@provoked("nothing is trained", "learning rate 0")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(mlp(), d.flat, d.y, gn.optimizers.SGD(0.0))


@provoked("unscaled targets", "numbers around 5,000, SGD")
def _(d: Digits, seed: int) -> TrainingReport:
    y = 5000 + 1000 * d.flat.mean(axis=1, keepdims=True)
    return examined(network(Dense(32, "tanh"), Dense(1)), d.flat, y, "adam", "mse")


# --- healthy runs -------------------------------------------------------------------------------
HEALTHY: list[tuple[str, Callable[[Digits, int], TrainingReport]]] = []


def healthy(what: str) -> Callable[[Any], Any]:
    def note(run: Callable[[Digits, int], TrainingReport]) -> Any:
        HEALTHY.append((what, run))
        return run

    return note


def conv(*between: Any) -> Any:
    return network(
        Conv2D(8, 3, activation="relu", strides=2),
        *between,
        MaxPooling2D(2),
        Flatten(),
        Dense(10, "softmax"),
        shape=(28, 28, 1),
    )


@healthy("dense ReLU, Adam, 5 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    model = mlp(width=128)
    return examined(model, d.flat, d.y, epochs=5, metrics=["accuracy"], validation_data=d.held_flat)


@healthy("dense ReLU, SGD(0.1), 1 epoch")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(mlp(width=128), d.flat, d.y, gn.optimizers.SGD(0.1), epochs=1)


@healthy("dense sigmoid, SGD(0.5), 5 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(mlp("sigmoid"), d.flat, d.y, gn.optimizers.SGD(0.5), epochs=5)


@healthy("two tanh layers, RMSprop, 3 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    model = network(Dense(64, "tanh"), Dense(32, "tanh"), Dense(10, "softmax"))
    return examined(model, d.flat, d.y, "rmsprop", validation_data=d.held_flat)


@healthy("convolution, Adam(0.003), 4 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(conv(), d.x[..., None], d.y, gn.optimizers.Adam(3e-3), epochs=4)


@healthy("convolution with batch normalization, Adam, 3 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(conv(BatchNormalization()), d.x[..., None], d.y)


@healthy("dense with dropout ½, Adam, 6 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    model = network(Dense(128, "relu"), Dropout(0.5), Dense(10, "softmax"))
    held = d.held_flat
    return examined(model, d.flat, d.y, epochs=6, metrics=["accuracy"], validation_data=held)


@healthy("four ReLU layers, He, momentum 0.9, 4 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    hidden = [Dense(64, "relu", kernel_initializer="he_normal") for _ in range(4)]
    model = network(*hidden, Dense(10, "softmax"))
    return examined(model, d.flat, d.y, gn.optimizers.SGD(0.02, momentum=0.9), epochs=4)


@healthy("to a loss of nearly 0: 60 epochs on 300 digits, training data only")
def _(d: Digits, seed: int) -> TrainingReport:
    return examined(mlp("tanh"), d.flat[:300], d.y[:300], gn.optimizers.Adam(3e-3), epochs=60)


@healthy("softmax regression that begins at 0, SGD(0.1), 4 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    model = network(Dense(10, "softmax", kernel_initializer="zeros"))
    return examined(model, d.flat, d.y, gn.optimizers.SGD(0.1), epochs=4)


@healthy("two of five classes: 40% against 60%, Adam, 4 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    y = (d.y < 4).astype(np.float32)
    model = network(Dense(32, "relu"), Dense(1, "sigmoid"))
    return examined(model, d.flat, y, "adam", "binary_crossentropy", ["accuracy"], epochs=4)


@healthy("raw pixels with Rescaling in the network, L2(1e-4), 3 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    model = network(
        gn.layers.Rescaling(1 / 255),
        Dense(64, "relu", kernel_regularizer=gn.regularizers.L2(1e-4)),
        Dense(10, "softmax"),
    )
    return examined(model, 255 * d.flat, d.y)


@healthy("diabetes (regression), Adam(0.01), 40 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    (x, y), (held_x, held_y) = gn.datasets.diabetes.load_data()
    mean, std, middle, size = x.mean(axis=0), x.std(axis=0), y.mean(), y.std()
    model = network(Dense(16, "relu"), Dense(1), shape=(10,))
    held = ((held_x - mean) / std, (held_y - middle) / size)
    return examined(
        model, (x - mean) / std, (y - middle) / size, gn.optimizers.Adam(3e-3), "mse", ["mae"],
        epochs=40, validation_data=held,
    )  # fmt: skip


@healthy("zeros and ones, sigmoid output, SGD(0.1), 3 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    (x, y), (held_x, held_y) = gn.datasets.digits01.load_data(size=20, flatten=True)
    model = network(Dense(16, "tanh"), Dense(1, "sigmoid"), shape=(400,))
    return examined(
        model, x[:600] / np.float32(255), y[:600], gn.optimizers.SGD(0.1), "binary_crossentropy",
        ["accuracy"], validation_data=(held_x / np.float32(255), held_y),
    )  # fmt: skip


@healthy("iris, raw measures, Adam(0.01), 40 epochs")
def _(d: Digits, seed: int) -> TrainingReport:
    (x, y), held = gn.datasets.iris.load_data()
    model = network(Dense(16, "relu"), Dense(3, "softmax"), shape=(4,))
    return examined(
        model, x, y, gn.optimizers.Adam(0.01), metrics=["accuracy"], epochs=40,
        validation_data=held,
    )  # fmt: skip


# --- tables -------------------------------------------------------------------------------------
def run_all(size: int, seeds: int) -> bool:
    """Print both tables; tell whether all went as it should."""
    data = digits(size)
    well = True
    print(f"\n{size:,} digits, {seeds} seed{'s' * (seeds != 1)} each.\n")
    print("| ailment | provoked by | named first | found at all | and what else |")
    print("| --- | --- | --- | --- | --- |")
    for name, by, run in AILMENTS:
        reports = []
        for seed in range(seeds):
            gn.utils.set_random_seed(seed)
            reports.append(run(data, seed))
        first = sum(r.names[:1] == [name] for r in reports)
        found = sum(name in r.names for r in reports)
        others = sorted({n for r in reports for n in r.names if n != name})
        well &= first == seeds
        print(f"| {name} | {by} | {first}/{seeds} | {found}/{seeds} | {', '.join(others)} |")
    print("\n| healthy run | quiet | said all the same |")
    print("| --- | --- | --- |")
    for what, run in HEALTHY:
        reports = []
        for seed in range(seeds):
            gn.utils.set_random_seed(seed)
            reports.append(run(data, seed))
        quiet = sum(r.ok for r in reports)
        others = sorted({n for r in reports for n in r.names})
        well &= quiet == seeds
        print(f"| {what} | {quiet}/{seeds} | {', '.join(others)} |")
    return well


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2000, help="how many digits")
    parser.add_argument("--seeds", type=int, default=3, help="how many runs of each")
    parser.add_argument("--fast", action="store_true", help="600 digits, one seed")
    given = parser.parse_args()
    began = time.perf_counter()
    well = run_all(*((600, 1) if given.fast else (given.size, given.seeds)))
    print(f"\n{time.perf_counter() - began:.0f} seconds.")
    if not well:
        raise SystemExit("Not every ailment was named first, or a healthy run was not left quiet.")


if __name__ == "__main__":
    main()
