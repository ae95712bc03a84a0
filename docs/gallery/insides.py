"""Inside a network.

Its weights, what runs through it for one example, and the derivatives that come back.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

import glassnet as gn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLACE = 30


@cache
def xor_network() -> gn.Model:
    """Two inputs, four hidden units, one output: trained until it knows XOR."""
    gn.utils.set_random_seed(0)
    (x, y), _ = gn.datasets.xor.load_data()
    model = gn.Sequential(
        [
            gn.Input((2,)),
            gn.layers.Dense(4, activation="tanh", name="hidden"),
            gn.layers.Dense(1, activation="sigmoid", name="output"),
        ],
        name="xor",
    )
    model.compile(gn.optimizers.Adam(0.1), loss="binary_crossentropy")
    model.fit(x, y, epochs=200, verbose=0)
    return model


@cache
def iris_network() -> tuple[gn.Model, np.ndarray]:
    """Four measures of a flower, three species; and the flowers that were held out."""
    gn.utils.set_random_seed(0)
    (x, y), (x_test, _) = gn.datasets.iris.load_data()
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    model = gn.Sequential(
        [
            gn.Input((4,)),
            gn.layers.Dense(6, activation="relu", name="hidden"),
            gn.layers.Dense(3, activation="softmax", name="species"),
        ],
        name="iris",
    )
    model.compile(gn.optimizers.Adam(0.03), loss="sparse_categorical_crossentropy")
    model.fit((x - mean) / deviation, y, epochs=60, verbose=0)
    return model, (x_test - mean) / deviation


@cache
def digits() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """10,000 digits of MNIST, (28, 28, 1) each, from 0 to 1."""
    (x, y), (x_test, y_test) = gn.datasets.mnist.load_data()
    return (x[..., None] / 255, y), (x_test[..., None] / 255, y_test)


@cache
def dense_network() -> tuple[gn.Model, gn.callbacks.Recorder]:
    """Three dense layers of digits, and what a recorder saw of the training."""
    gn.utils.set_random_seed(0)
    (x, y), _ = digits()
    model = gn.Sequential(
        [
            gn.Input((28, 28, 1)),
            gn.layers.Flatten(),
            gn.layers.Dense(24, activation="tanh", name="first"),
            gn.layers.Dense(16, activation="relu", name="second"),
            gn.layers.Dense(10, activation="softmax", name="digit"),
        ]
    )
    model.compile(gn.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy")
    recorder = gn.callbacks.Recorder(every=10, unit="batch")
    model.fit(x, y, batch_size=64, epochs=4, verbose=0, callbacks=[recorder])
    return model, recorder


@cache
def convolutional_network() -> gn.Model:
    """Two convolutions with pooling, and a dense layer."""
    gn.utils.set_random_seed(1)
    (x, y), _ = digits()
    model = gn.Sequential(
        [
            gn.Input((28, 28, 1)),
            gn.layers.Conv2D(8, 5, activation="relu", name="edges"),
            gn.layers.MaxPooling2D(name="pooled_edges"),
            gn.layers.Conv2D(12, 3, activation="relu", name="strokes"),
            gn.layers.MaxPooling2D(name="pooled_strokes"),
            gn.layers.Flatten(),
            gn.layers.Dense(10, activation="softmax", name="digit"),
        ]
    )
    model.compile(gn.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=64, epochs=3, verbose=0)
    return model


# --- pictures ---------------------------------------------------------------------------------
def network_xor() -> Axes:
    """A network as nodes and edges.

    A network of two inputs, four hidden units and one output that has learnt XOR. Each line is a
    weight, each ring a bias: the wider, the larger; solid is positive, dashed is negative.
    """
    return gn.plots.network(xor_network())


def network_example() -> Axes:
    """What runs through it for one example.

    A network of four inputs, six hidden units and three outputs, with one flower's numbers in its
    nodes: the measures, which hidden units answer, and the probability of each species.
    """
    model, flowers = iris_network()
    return gn.plots.network(
        model,
        x=flowers[0],
        inputs=["sepal length", "sepal width", "petal length", "petal width"],
        outputs=list(gn.datasets.iris.CLASSES),
    )


def weights_heat_maps() -> Figure:
    """Weights as heat maps, with their histograms.

    Two weight matrices of a trained network in colours centred at 0, their biases as strips below,
    and beside each how its weights are distributed.
    """
    model, _ = dense_network()
    return gn.plots.weights(gn.Sequential(model.layers[-2:]))


def weights_images() -> Figure:
    """What each unit of the first layer looks for.

    The 784 weights of each of 24 hidden units, drawn as an image of 28 by 28: strokes that
    speak for the unit in one colour, those that speak against it in another.
    """
    model, _ = dense_network()
    return gn.plots.weights(model, "first", shape=(28, 28))


def filters_first() -> Figure:
    """The filters of a convolution.

    Eight kernels of 5 by 5, their weights in colours and numbers: edges of several directions.
    """
    return gn.plots.filters(convolutional_network(), "edges")


def filters_second() -> Figure:
    """Filters that look at many channels.

    A tile for each pair of a filter and a channel that it looks at: twelve filters across, the
    first five channels down.
    """
    return gn.plots.filters(convolutional_network(), "strokes")


def feature_maps_digit() -> Figure:
    """What the layers make of one image.

    A handwritten digit and the maps that two convolutions and two pooling layers make of it: the
    maps grow coarser from row to row, and answer to edges, then to strokes.
    """
    _, (x_test, _) = digits()
    return gn.plots.feature_maps(convolutional_network(), x_test[0])


def distributions_now() -> Figure:
    """Activations and derivatives of every layer.

    Histograms of what each layer gives for 500 digits, and of the derivatives that come back to it.
    The words say how many activations are saturated, zero, or dead.
    """
    model, _ = dense_network()
    _, (x_test, y_test) = digits()
    return gn.plots.distributions(model, x_test[:500], y_test[:500])


def distributions_training() -> Figure:
    """The same, over the training.

    Bands of percentiles at each recorded step: the activations of the first layer spread to the
    bounds of tanh, the derivatives shrink in the middle as most digits are recognised.
    """
    _, recorder = dense_network()
    _, (x_test, y_test) = digits()
    return gn.plots.distributions(recorder, x_test[:500], y_test[:500])


def initializations() -> Figure:
    """What initial weights do to signals in a deep network.

    The standard deviation of activations and of derivatives in 20 layers, for six initializations
    and three activations, on a logarithmic scale. Weights of a fixed small deviation let both fade
    by the same factor in every layer; He's keep them level for the ReLU, Glorot's nearly so for
    tanh; with the sigmoid the derivatives fade with all of them.
    """
    return gn.plots.initializations()


def network_dark() -> Axes:
    """On a dark page.

    The drawing of the XOR network in light colours on a dark background, with the activations of
    one example in its nodes.
    """
    return gn.plots.network(xor_network(), x=[0.0, 1.0], theme="dark")


PICTURES = {
    "network_xor": network_xor,
    "network_example": network_example,
    "network_dark": network_dark,
    "weights_heat_maps": weights_heat_maps,
    "weights_images": weights_images,
    "filters_first": filters_first,
    "filters_second": filters_second,
    "feature_maps_digit": feature_maps_digit,
    "distributions_now": distributions_now,
    "distributions_training": distributions_training,
    "initializations": initializations,
}
QUICK = ("network_xor",)
