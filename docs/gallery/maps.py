"""What a network answers, over a map.

Decisions and predictions over two features, the answers of single neurons, activations, the
landscape of the loss and ways through it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

import glassnet as gn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLACE = 20


@cache
def xor() -> tuple[gn.Model, np.ndarray, np.ndarray]:
    """XOR, by four hidden neurons."""
    gn.utils.set_random_seed(1)
    (x, y), _ = gn.datasets.xor.load_data()
    hidden = gn.layers.Dense(4, "tanh", name="hidden")
    output = gn.layers.Dense(1, "sigmoid", name="output")
    model = gn.Sequential([gn.Input((2,)), hidden, output])
    model.compile(gn.optimizers.Adam(0.05), "binary_crossentropy")
    model.fit(x, y, epochs=300, verbose=0)
    return model, x, y


@cache
def moons() -> tuple[gn.Model, np.ndarray, np.ndarray, gn.callbacks.Recorder]:
    """Two moons, and the weights after each epoch of the training."""
    gn.utils.set_random_seed(3)
    (x, y), _ = gn.datasets.moons.load_data(noise=0.2)
    model = gn.Sequential(
        [gn.Input((2,)), gn.layers.Dense(16, "tanh"), gn.layers.Dense(1, "sigmoid")]
    )
    model.compile(gn.optimizers.SGD(0.3, momentum=0.8), "binary_crossentropy")
    recorder = gn.callbacks.Recorder()
    model.fit(x, y, epochs=60, verbose=0, callbacks=[recorder])
    return model, x, y, recorder


@cache
def spirals() -> tuple[gn.Model, np.ndarray, np.ndarray]:
    """Two spirals; the network gives logits, and its loss says so."""
    gn.utils.set_random_seed(0)
    (x, y), _ = gn.datasets.spirals.load_data(n=300, noise=0.1, turns=1.5)
    layers = [gn.layers.Dense(32, "gelu", name=f"hidden_{i}") for i in (1, 2, 3)]
    model = gn.Sequential([gn.Input((2,)), *layers, gn.layers.Dense(2, name="logits")])
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(gn.optimizers.Adam(0.01), loss)
    model.fit(x / 6.5, y, epochs=300, verbose=0)
    return model, x / 6.5, y


@cache
def iris() -> tuple[gn.Model, np.ndarray, np.ndarray]:
    """Three species by four measures in centimetres."""
    gn.utils.set_random_seed(0)
    (x, y), _ = gn.datasets.iris.load_data()
    scaled = gn.layers.Normalization()
    scaled.adapt(x)
    model = gn.Sequential(
        [gn.Input((4,)), scaled, gn.layers.Dense(12, "tanh"), gn.layers.Dense(3, "softmax")]
    )
    model.compile(gn.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=60, verbose=0)
    return model, x, y


@cache
def diabetes() -> tuple[gn.Model, np.ndarray, np.ndarray]:
    """A regression: how the disease goes on, by body mass index and blood pressure."""
    gn.utils.set_random_seed(0)
    (x, y), _ = gn.datasets.diabetes.load_data()
    x = x[:, [2, 3]]
    scaled = gn.layers.Normalization()
    scaled.adapt(x)
    model = gn.Sequential([gn.Input((2,)), scaled, gn.layers.Dense(16, "tanh"), gn.layers.Dense(1)])
    model.compile(gn.optimizers.Adam(0.05), "mse")
    model.fit(x, y, epochs=150, verbose=0)
    return model, x, y


@cache
def discs() -> tuple[gn.Model, np.ndarray, np.ndarray]:
    """Three overlapping discs: a point has none, one or several labels."""
    gn.utils.set_random_seed(0)
    (x, y), _ = gn.datasets.multilabel.load_data(n=300)
    hidden = [gn.layers.Dense(32, "tanh"), gn.layers.Dense(32, "tanh")]
    model = gn.Sequential([gn.Input((2,)), *hidden, gn.layers.Dense(3, "sigmoid")])
    model.compile(gn.optimizers.Adam(0.02), "binary_crossentropy")
    model.fit(x, y, epochs=100, verbose=0)
    return model, x, y


# --- decisions and predictions ----------------------------------------------------------------
def boundary_xor() -> Axes | Figure:
    """A decision boundary: XOR.

    The shade is the probability that the two inputs are different, the line where it is one half.
    The four corners lie in the regions of their classes.
    """
    model, x, y = xor()
    return gn.plots.boundary(model, x, y, class_names=gn.datasets.xor.CLASSES)


def boundary_moons() -> Axes | Figure:
    """Points that are judged wrongly.

    Two moons that overlap a little. Rings are around the points on the wrong side of the line.
    """
    model, x, y, _ = moons()
    return gn.plots.boundary(model, x, y)


def boundary_spirals() -> Axes | Figure:
    """Two spirals, on a dark page.

    The network gives logits; the probabilities are their softmax, as the loss tells. The regions of
    the two classes wind into each other.
    """
    model, x, y = spirals()
    return gn.plots.boundary(model, x, y, theme="dark")


def boundary_iris() -> Axes | Figure:
    """Three classes, four features.

    Two features are shown, the others held at their mean. The colour is that of the likeliest
    species, pale where the network is not sure. Setosa lies apart; the line between versicolor and
    virginica has a few points on its wrong side.
    """
    model, x, y = iris()
    data = gn.datasets.iris
    return gn.plots.boundary(
        model,
        x,
        y,
        features=("petal_length", "petal_width"),
        feature_names=data.FEATURES,
        class_names=data.CLASSES,
    )


def boundary_labels() -> Axes | Figure:
    """Several labels a point: a panel each.

    Each panel shows where the network says that a point lies in one of three discs.
    """
    model, x, y = discs()
    return gn.plots.boundary(model, x, y, class_names=gn.datasets.multilabel.LABELS)


def boundary_regression() -> Axes | Figure:
    """A regression as contours.

    The predicted progression of diabetes over body mass index and blood pressure: it rises with
    both. The points have the colour of the truth, which scatters widely about the prediction.
    """
    model, x, y = diabetes()
    return gn.plots.boundary(
        model,
        x,
        y,
        feature_names=("body mass index in kg/m²", "blood pressure in mm Hg"),
        class_names=["progression"],
    )


def surface_regression() -> Axes:
    """The same regression as a surface.

    The predicted progression rises with body mass index and blood pressure. Patients stand above
    and below it, at what was measured.
    """
    model, x, y = diabetes()
    names = ("body mass index", "blood pressure")
    return gn.plots.surface(model, x[::3], y[::3], feature_names=names, class_names=["progression"])


def surface_xor() -> Axes:
    """A probability as a surface: XOR.

    The probability of "different" rises to 1 at two opposite corners and is 0 along the diagonal
    between the other two.
    """
    model, x, y = xor()
    return gn.plots.surface(model, x, y, class_names=gn.datasets.xor.CLASSES, margin=0.3)


# --- neurons, activations ---------------------------------------------------------------------
def neurons_spirals() -> Figure:
    """What each neuron answers, layer by layer.

    The first layer draws lines across the plane, the second bends them, the third closes them to
    regions, and the two outputs have the spirals.
    """
    model, x, _ = spirals()
    return gn.plots.neuron_maps(model, x, most=4)


def activations_all() -> Figure:
    """Every activation with its derivative.

    The derivatives, dashed, are those of the recorded graph. Dots are kinks, open circles the ends
    of jumps. An activation of several inputs is drawn along one of two, the other being 0.
    """
    return gn.plots.activations()


def activation_silu() -> Axes:
    """One activation: hard SiLU.

    The curve has two kinks, at -3 and 3, where its derivative jumps.
    """
    return gn.plots.activation("hard_silu")


# --- landscapes -------------------------------------------------------------------------------
def landscape_contours() -> Axes:
    """The loss about the weights.

    Contours of the loss along two random directions, of which each filter is as long as the
    network's own. The trained network, a star, lies in a wide valley.
    """
    model, x, y, _ = moons()
    return gn.plots.loss_landscape(model, x, y)


def landscape_solid() -> Axes:
    """The loss about the weights, as a surface.

    The same landscape in space: the trained network, a star, lies at the bottom of a valley with
    steep walls.
    """
    model, x, y, _ = moons()
    return gn.plots.loss_landscape(model, x, y, solid=True)


def training_path() -> Axes:
    """The way of a training.

    The weights after each epoch, on the plane of the two principal components of their path. The
    steps are long at first and short near the minimum; nearly the whole path lies in this plane.
    """
    model, x, y, recorder = moons()
    return gn.plots.training_path(model, x, y, recorder)


def descent_himmelblau() -> Axes:
    """Descents from three starts.

    Gradient descent and Adam on Himmelblau's function, which has four minima of equal depth. Which
    of them is reached depends on the start and on the optimizer.
    """
    return gn.plots.descent_paths(
        gn.explain.surfaces.himmelblau,
        [(0, -1), (-4, 4.2), (-1, -4.5)],
        {"gradient descent": gn.optimizers.SGD(0.01), "Adam": gn.optimizers.Adam(0.3)},
        steps=60,
    )


PICTURES = {
    function.__name__: function
    for function in (
        boundary_xor,
        boundary_moons,
        boundary_spirals,
        boundary_iris,
        boundary_labels,
        boundary_regression,
        surface_xor,
        surface_regression,
        neurons_spirals,
        activation_silu,
        activations_all,
        landscape_contours,
        landscape_solid,
        training_path,
        descent_himmelblau,
    )
}
QUICK = ("boundary_xor", "activation_silu", "descent_himmelblau")
