"""Watching a network learn.

A `Recorder` keeps the weights at chosen moments of a training; whatever can be drawn of a model can
then be drawn of each of these moments, beside each other or as an animation: GIF, MP4, or an HTML
page with a slider.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import glassnet as gn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLACE = 40


@cache
def recorded() -> tuple[gn.callbacks.Recorder, np.ndarray, np.ndarray]:
    """XOR, by four hidden neurons: a frame every ten epochs."""
    gn.utils.set_random_seed(7)
    (x, y), _ = gn.datasets.xor.load_data()
    hidden = gn.layers.Dense(4, "tanh", name="hidden")
    output = gn.layers.Dense(1, "sigmoid", name="output")
    model = gn.Sequential([gn.Input((2,)), hidden, output], name="xor")
    model.compile(gn.optimizers.Adam(0.03), "binary_crossentropy")
    recorder = gn.callbacks.Recorder(every=10)
    model.fit(x, y, epochs=250, verbose=0, callbacks=[recorder])
    return recorder, x, y


def watching_strip() -> Figure:
    """Six moments of a training

    The decision boundary on XOR at the beginning and after 50, 80, 110, 140 and 250 epochs: first
    one straight line, which can't part the classes, then a second one. Rings are around points
    that are still misjudged.
    """
    from matplotlib.figure import Figure

    recorder, x, y = recorded()
    figure = Figure(figsize=(10, 7.4), layout="constrained")
    for place, number in zip(figure.subplots(2, 3).flat, (0, 5, 8, 11, 14, 25), strict=True):
        with recorder.showing(number) as model:
            gn.plots.boundary(model, x, y, ax=place)
        place.set_title(recorder.labels[number])
    return figure


def watching_boundary() -> bytes:
    """A training as a film

    The same training: a frame every ten epochs. What is shown over the picture is the moment and
    the mean loss of the epoch.
    """
    recorder, x, y = recorded()
    with tempfile.TemporaryDirectory() as folder:
        path = gn.plots.animate(
            recorder, folder + "/xor.gif", "boundary", (x, y), fps=6, size=(4, 4), dpi=72
        )
        return Path(path).read_bytes()


def watching_network() -> bytes:
    """Weights while they are learned

    The network of the same training: lines grow as weights do, solid where they are positive,
    dashed where they are negative; rings are biases. A line is as wide in all frames as it is
    beside the largest weight of the whole training.
    """
    recorder, _, _ = recorded()
    with tempfile.TemporaryDirectory() as folder:
        path = gn.plots.animate(
            recorder, folder + "/xor.gif", "network", fps=6, dpi=72, numbers=False
        )
        return Path(path).read_bytes()


PICTURES = {
    "watching_strip": watching_strip,
    "watching_boundary": watching_boundary,
    "watching_network": watching_network,
}
QUICK = ("watching_strip",)
