"""Networks as block diagrams.

SVG of our own: no Graphviz, no Matplotlib. Each block says what the layer computes, the shape of
its output and its number of parameters; the small body at its right grows with the sizes. The
pictures follow the reader's screen, light or dark; `theme="dark"` fixes it. A notebook shows them
by itself: write `model` or `history` in a cell.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import glassnet as gn
from glassnet.explain.diagram.history import history_svg

L = gn.layers
PLACE = 15


def diagram_xor() -> Any:
    """A small network.

    Two numbers go through three hidden units, with tanh, to one output, with the sigmoid.
    """
    hidden = L.Dense(3, "tanh", name="hidden")
    output = L.Dense(1, "sigmoid", name="output")
    model = gn.Sequential([gn.Input((2,), name="x"), hidden, output], name="xor")
    return gn.plots.diagram(model)


def diagram_digits() -> Any:
    """A convolutional network for digits.

    The volumes shrink from layer to layer and grow deeper, until they are flattened.
    """
    gn.utils.clear_session()
    stack = [gn.Input((28, 28, 1), name="digit")]
    stack += [L.Conv2D(8, 3, activation="relu"), L.MaxPooling2D()]
    stack += [L.Conv2D(16, 3, activation="relu"), L.MaxPooling2D()]
    stack += [L.Flatten(), L.Dropout(0.4), L.Dense(10, "softmax")]
    return gn.plots.diagram(gn.Sequential(stack, name="digits"))


def diagram_residual() -> Any:
    """A network with residual connections.

    Beside each block of two convolutions its input runs on to the addition; where the size changes
    it goes through a convolution of one pixel.
    """
    gn.utils.clear_session()
    x = image = gn.Input((32, 32, 3), name="image")
    x = L.Conv2D(16, 3, padding="same", activation="relu")(x)
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        y = L.Conv2D(filters, 3, strides=stride, padding="same", activation="relu")(x)
        y = L.Conv2D(filters, 3, padding="same")(y)
        if stride > 1:
            x = L.Conv2D(filters, 1, strides=stride)(x)
        x = L.ReLU()(L.Add()([x, y]))
    output = L.Dense(10, "softmax")(L.GlobalAveragePooling2D()(x))
    return gn.plots.diagram(gn.Model(image, output, name="residual"))


def diagram_two() -> Any:
    """Two inputs, two outputs.

    A picture and a few facts about a house are joined; one output is its kind, the other its price.
    """
    gn.utils.clear_session()
    picture, facts = gn.Input((28, 28, 1), name="picture"), gn.Input((12,), name="facts")
    seen = L.Flatten()(L.MaxPooling2D()(L.Conv2D(8, 3, activation="relu")(picture)))
    x = L.Concatenate()([seen, L.Dense(16, "relu")(facts)])
    x = L.Dense(32, "relu")(x)
    outputs = [L.Dense(10, "softmax", name="kind")(x), L.Dense(1, name="price")(L.Dropout(0.2)(x))]
    return gn.plots.diagram(gn.Model([picture, facts], outputs, name="house"))


def diagram_shared() -> Any:
    """One layer, called twice.

    Two inputs go through the same layer. Its second call has a broken edge: the weights are those
    of the first, and are counted once.
    """
    gn.utils.clear_session()
    left, right = gn.Input((16,), name="left"), gn.Input((16,), name="right")
    tower = L.Dense(8, "tanh", name="tower")
    apart = L.Subtract(name="apart")([tower(left), tower(right)])
    model = gn.Model([left, right], L.Dense(1, "sigmoid", name="same")(apart), name="siamese")
    return gn.plots.diagram(model)


def diagram_nested() -> Any:
    """Models in a model, opened.

    An encoder and a decoder, each a model of its own, stand in frames.
    """
    gn.utils.clear_session()
    image = gn.Input((16, 16, 1), name="image")
    code = L.Dense(4, name="code")(L.Flatten()(L.Conv2D(4, 3, activation="relu")(image)))
    encoder = gn.Model(image, code, name="encoder")
    stack = [gn.Input((4,), name="number"), L.Dense(256, "sigmoid"), L.Reshape((16, 16, 1))]
    decoder = gn.Sequential(stack, name="decoder")
    noisy = gn.Input((16, 16, 1), name="noisy")
    model = gn.Model(noisy, decoder(encoder(noisy)), name="autoencoder")
    return gn.plots.diagram(model, expand_nested=True)


def diagram_deep() -> Any:
    """Fifty layers.

    A long chain is folded into columns.
    """
    gn.utils.clear_session()
    stack: list[Any] = [gn.Input((64,))]
    for units in range(60, 10, -2):
        stack += [L.Dense(units), L.Activation("tanh")]
    return gn.plots.diagram(gn.Sequential(stack, name="deep"))


def history_curves() -> Any:
    """What a history shows of itself.

    Loss and accuracy of a classifier of iris flowers, in training (line) and validation (dashes).
    """
    gn.utils.set_random_seed(0)
    (x, y), test = gn.datasets.iris.load_data()
    model = gn.Sequential([gn.Input((4,)), L.Dense(16, "tanh"), L.Dense(3, "softmax")])
    model.compile(gn.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(np.asarray(x), y, epochs=60, validation_data=test, verbose=0)
    return history_svg(history)


PICTURES = {
    function.__name__: function
    for function in (
        diagram_xor,
        diagram_digits,
        diagram_residual,
        diagram_two,
        diagram_shared,
        diagram_nested,
        diagram_deep,
        history_curves,
    )
}
QUICK = ("diagram_xor", "diagram_residual")
