"""What ``glassnet train NAME`` trains: data, network and settings of each problem."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet import Input, Model, Sequential, datasets, layers, losses, optimizers

Data = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Recipe:
    """One problem, ready to be trained."""

    about: str
    load: Callable[[], Data]
    build: Callable[[np.ndarray], Model]
    loss: Any
    metrics: tuple[str, ...]
    epochs: int
    batch_size: int
    learning_rate: float = 1e-3
    classes: tuple[str, ...] | None = None
    pictures: bool = False
    """Whether the examples can be drawn."""
    kind: str = "classes"
    """"classes" (from logits), "binary" (from a sigmoid), "labels" or "regression"."""
    features: tuple[str, ...] | None = None
    """The names of the measures."""
    shape: tuple[int, int] | None = None
    """Height and width of images that come as rows."""

    def compiled(self, x: np.ndarray, epochs: int, batch_size: int) -> Model:
        """Return the network, compiled; the learning rate falls to 0 along half a cosine."""
        model = self.build(x)
        steps = epochs * math.ceil(len(x) / batch_size)
        rate = optimizers.schedules.CosineDecay(self.learning_rate, steps)
        model.compile(optimizers.Adam(rate), loss=self.loss, metrics=list(self.metrics))
        return model


def _images(full: bool) -> Data:
    (x, y), (x_test, y_test) = datasets.mnist.load_data(full=full)
    return (_scaled(x), y), (_scaled(x_test), y_test)


def _scaled(images: np.ndarray) -> np.ndarray:
    return images[..., None].astype(np.float32) / 255  # (m, 28, 28, 1), ink from 0 to 1


def _fashion() -> Data:
    (x, y), (x_test, y_test) = datasets.fashion_mnist.load_data()
    return (_scaled(x), y), (_scaled(x_test), y_test)


def _convolutional(x: np.ndarray) -> Model:
    return Sequential(
        [
            Input(x.shape[1:]),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ],
        name="digits",
    )


def _dense(*units: int, activation: str = "tanh", last: str | None = None) -> Any:
    """Return a builder of a stack of dense layers on standardised inputs."""

    def build(x: np.ndarray) -> Model:
        scale = layers.Normalization()
        scale.adapt(x)
        stack = [layers.Dense(n, activation=activation) for n in units[:-1]]
        return Sequential(
            [Input(x.shape[1:]), scale, *stack, layers.Dense(units[-1], activation=last)]
        )

    return build


def _spirals(x: np.ndarray) -> Model:
    hidden = [layers.Dense(64, activation="relu", kernel_initializer="he_normal") for _ in range(3)]
    scale = layers.Normalization()
    scale.adapt(x)
    return Sequential([Input((2,)), scale, *hidden, layers.Dense(1, activation="sigmoid")])


def _xor(x: np.ndarray) -> Model:
    return Sequential(
        [Input((2,)), layers.Dense(4, activation="tanh"), layers.Dense(1, activation="sigmoid")]
    )


def _digits01(x: np.ndarray) -> Model:
    return Sequential(
        [
            Input((400,)),
            layers.Rescaling(1 / 255),
            layers.Dense(25, activation="sigmoid"),
            layers.Dense(15, activation="sigmoid"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


_SPARSE = losses.SparseCategoricalCrossentropy(from_logits=True)
_DIGITS = tuple("0123456789")
_CLOTHES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"
)  # fmt: skip

RECIPES: dict[str, Recipe] = {
    "mnist": Recipe(
        "10,000 handwritten digits (a sample of MNIST), a small convolutional network",
        lambda: _images(full=False), _convolutional, _SPARSE, ("accuracy",), 12, 32, 0.002,
        classes=_DIGITS, pictures=True,
    ),
    "mnist-full": Recipe(
        "all 70,000 digits of MNIST, fetched once; the same network",
        lambda: _images(full=True), _convolutional, _SPARSE, ("accuracy",), 6, 128, 0.002,
        classes=_DIGITS, pictures=True,
    ),
    "fashion-mnist": Recipe(
        "70,000 pictures of clothes, fetched once; the same network",
        _fashion, _convolutional, _SPARSE, ("accuracy",), 8, 128, 0.002,
        classes=_CLOTHES, pictures=True,
    ),
    "digits01": Recipe(
        "the zeros and ones of the digits, 20×20 pixels, a 25-15-1 network of sigmoids",
        lambda: datasets.digits01.load_data(size=20, flatten=True), _digits01,
        "binary_crossentropy", ("accuracy",), 20, 32, classes=("0", "1"), kind="binary",
        shape=(20, 20),
    ),
    "xor": Recipe(
        "exclusive or: four points that no straight line separates",
        datasets.xor.load_data, _xor, "binary_crossentropy", ("accuracy",), 600, 4, 0.05,
        classes=("0", "1"), kind="binary",
    ),
    "spirals": Recipe(
        "two intertwined spirals in the plane",
        lambda: datasets.spirals.load_data(n=1000), _spirals,
        "binary_crossentropy", ("accuracy",), 200, 32, 0.01, classes=("0", "1"), kind="binary",
    ),
    "moons": Recipe(
        "two interleaved half circles in the plane",
        datasets.moons.load_data, _dense(16, 16, 1, last="sigmoid"), "binary_crossentropy",
        ("accuracy",), 100, 32, 0.01, classes=("0", "1"), kind="binary",
    ),
    "circles": Recipe(
        "a circle within a circle",
        datasets.circles.load_data, _dense(16, 1, last="sigmoid"), "binary_crossentropy",
        ("accuracy",), 100, 32, 0.01, classes=("0", "1"), kind="binary",
    ),
    "iris": Recipe(
        "150 flowers, four measures, three species",
        datasets.iris.load_data, _dense(16, 3), _SPARSE, ("accuracy",), 100, 16, 0.01,
        classes=tuple(datasets.iris.CLASSES), features=tuple(datasets.iris.FEATURES),
    ),
    "multilabel": Recipe(
        "three overlapping discs: every point may lie in several",
        datasets.multilabel.load_data, _dense(32, 32, 3, last="sigmoid"), "binary_crossentropy",
        ("binary_accuracy",), 150, 32, 0.01, kind="labels", classes=datasets.multilabel.LABELS,
    ),
    "diabetes": Recipe(
        "442 patients, ten measures, the progress of a disease after a year: a regression",
        datasets.diabetes.load_data, _dense(16, 1, activation="relu"), "mean_squared_error",
        ("mean_absolute_error", "r2_score"), 200, 32, 0.02, kind="regression",
        features=tuple(datasets.diabetes.FEATURES),
    ),
}  # fmt: skip
