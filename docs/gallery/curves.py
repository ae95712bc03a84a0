"""How a training went.

Each metric over the epochs, in training and in validation.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import glassnet as gn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLACE = 5


@cache
def overfitted() -> gn.callbacks.History:
    """A network that is too large for 200 digits, while its learning rate falls."""
    gn.utils.set_random_seed(1)
    (x, y), _ = gn.datasets.mnist.load_data()
    model = gn.Sequential(
        [
            gn.Input((28, 28)),
            gn.layers.Rescaling(1 / 255),
            gn.layers.Flatten(),
            gn.layers.Dense(128, "relu"),
            gn.layers.Dense(10, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    falling = gn.callbacks.LearningRateScheduler(lambda epoch, rate: 0.003 * 0.95**epoch)
    return model.fit(
        x[:200], y[:200], epochs=40, validation_data=(x[200:1200], y[200:1200]),
        callbacks=[falling], verbose=0,
    )  # fmt: skip


@cache
def optimizers() -> dict[str, gn.callbacks.History]:
    """Two moons, learned with three optimizers from the same weights."""
    train, validation = gn.datasets.moons.load_data(n=400, noise=0.2)
    found = {}
    for kind in (gn.optimizers.SGD, gn.optimizers.RMSprop, gn.optimizers.Adam):
        gn.utils.set_random_seed(0)
        model = gn.Sequential(
            [gn.Input((2,)), gn.layers.Dense(32, "tanh"), gn.layers.Dense(1, "sigmoid")]
        )
        model.compile(kind(0.02), "binary_crossentropy", metrics=["accuracy"])
        found[kind.__name__] = model.fit(*train, epochs=40, validation_data=validation, verbose=0)
    return found


def learning_curves() -> Figure:
    """Learning curves.

    Loss, accuracy and learning rate of a network over 40 epochs: the loss in training falls to
    nothing, the loss in validation has its lowest point marked and rises again: it learns by heart.
    """
    return gn.plots.learning_curves(overfitted(), title="128 neurons learn 200 digits by heart")


def learning_curves_of_runs() -> Figure:
    """Several runs.

    Loss and accuracy of three optimizers over 40 epochs, each in training (solid) and in
    validation (dashed), the epoch of the lowest validation loss marked by a ring. Dark.
    """
    return gn.plots.learning_curves(optimizers(), theme="dark")


PICTURES = {
    "learning_curves": learning_curves,
    "learning_curves_of_runs": learning_curves_of_runs,
}
QUICK = ("learning_curves_of_runs",)
