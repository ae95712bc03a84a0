"""How well it judges.

Classifiers and regressions on data that they have not seen.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

import glassnet as gn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLACE = 10


@cache
def digits() -> tuple[gn.Model, np.ndarray, np.ndarray]:
    """Ten digits; the network gives logits, and its loss says so."""
    gn.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = gn.datasets.mnist.load_data()
    model = gn.Sequential(
        [
            gn.Input((28, 28)),
            gn.layers.Rescaling(1 / 255),
            gn.layers.Flatten(),
            gn.layers.Dense(64, "relu"),
            gn.layers.Dense(10),
        ]
    )
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(gn.optimizers.Adam(0.002), loss)
    model.fit(x[:3000], y[:3000], epochs=6, verbose=0)
    return model, x_test[:1000], y_test[:1000]


@cache
def moons() -> tuple[gn.Model, np.ndarray, np.ndarray]:
    """Two moons in much noise: yes or no."""
    gn.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = gn.datasets.moons.load_data(n=1500, noise=0.4, test_split=0.4)
    model = gn.Sequential(
        [gn.Input((2,)), gn.layers.Dense(16, "tanh"), gn.layers.Dense(1, "sigmoid")]
    )
    model.compile(gn.optimizers.Adam(0.02), "binary_crossentropy")
    model.fit(x, y, epochs=30, verbose=0)
    return model, x_test, y_test


@cache
def diabetes() -> tuple[gn.Model, np.ndarray, np.ndarray]:
    """How a disease goes on within a year, by ten measures."""
    gn.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = gn.datasets.diabetes.load_data()
    scaled = gn.layers.Normalization()
    scaled.adapt(x)
    model = gn.Sequential([gn.Input((10,)), scaled, gn.layers.Dense(8, "relu"), gn.layers.Dense(1)])
    model.compile(gn.optimizers.Adam(0.02), "mse")
    model.fit(x, y, epochs=60, verbose=0)
    return model, x_test, y_test


def confusion_matrix() -> Axes:
    """Confusion matrix.

    A grid of ten rows, the true digits, and ten columns, what they were taken for; each cell tells
    its count, most stand on the diagonal. On the right the recall of each digit.
    """
    model, x, y = digits()
    return gn.plots.confusion_matrix(model, x, y)


def confusion_matrix_of_two() -> Axes:
    """Shares beside the counts.

    Two classes: each cell tells which share of its true class it holds, and how many. Dark.
    """
    model, x, y = moons()
    return gn.plots.confusion_matrix(
        model, x, y, names=["upper", "lower"], normalize="true", theme="dark"
    )


def roc() -> Axes:
    """ROC curve.

    True positive rate over false positive rate of one classifier, far above the diagonal of a
    guess; the thresholds 0.1, 0.5 and 0.9 are marked on the curve.
    """
    model, x, y = moons()
    return gn.plots.roc(model, x, y)


def roc_of_digits() -> Axes:
    """ROC curve of every class.

    Ten curves, one a digit against all others, crowd in the upper left corner, which is drawn
    larger beside them; the legend tells the area under each.
    """
    model, x, y = digits()
    return gn.plots.roc(model, x, y)


def precision_recall() -> Axes:
    """Precision over recall.

    One curve of steps from precision 1 at the left down to the share of positives at the right,
    with three thresholds marked. Dark.
    """
    model, x, y = moons()
    return gn.plots.precision_recall(model, x, y, theme="dark")


def calibration() -> Figure:
    """Calibration.

    How often it is so over how probable the model says it is, ten bins with 95 % intervals near
    the diagonal; below, how many examples each bin holds.
    """
    model, x, y = moons()
    return gn.plots.calibration(model, x, y)


def residuals() -> Figure:
    """Residuals of a regression.

    Left predictions against true values about a diagonal, in the middle residuals against
    predictions about zero, right a histogram of the residuals with mean and standard deviation.
    """
    model, x, y = diabetes()
    return gn.plots.residuals(model, x, y)


def worst_digits() -> Figure:
    """The worst-judged images.

    Twelve handwritten digits with the largest loss; above each the true digit and what the network
    took it for with which probability, below its number and its loss.
    """
    model, x, y = digits()
    return gn.plots.worst_examples(model, x, y)


def worst_patients() -> Figure:
    """The worst-judged rows of a table.

    Three patients whose prediction is farthest off; bars show by how many standard deviations
    their measures are above or below the mean. Dark.
    """
    model, x, y = diabetes()
    features = gn.datasets.diabetes.FEATURES
    return gn.plots.worst_examples(model, x, y, count=3, features=features, theme="dark")


PICTURES = {
    "confusion_matrix": confusion_matrix,
    "confusion_matrix_of_two": confusion_matrix_of_two,
    "roc": roc,
    "roc_of_digits": roc_of_digits,
    "precision_recall": precision_recall,
    "calibration": calibration,
    "residuals": residuals,
    "worst_digits": worst_digits,
    "worst_patients": worst_patients,
}
QUICK = ("roc", "residuals")
