"""Names in pictures: written as they are, whatever letters they have and however long they are."""

import warnings

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

import glassnet as gn
from glassnet import inspection, plots
from glassnet.plots.beside import legend_columns
from glassnet.plots.wording import shortened

CLASSES = ["$a_b$ & <i>", "cost $5 {x_", "$5 to $10"]
FEATURES = ["$x_$ long", "a$b$", "_c_", "$$"]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 4)).astype("float32"), np.arange(12) % 3


@pytest.fixture(scope="module")
def model():
    model = gn.Sequential(
        [
            gn.Input((4,)),
            gn.layers.Dense(3, "tanh", name="h_$x_$"),
            gn.layers.Dense(3, "softmax", name="p$_"),
        ],
        name="$m_$",
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def pair(**given):
    return {"features": (0, 1), "feature_names": FEATURES, "cells": 5, **given}


PICTURES = {
    "confusion": lambda m, **k: plots.confusion_matrix(m, X, Y, names=CLASSES, **k),
    "roc": lambda m, **k: plots.roc(m, X, Y, names=CLASSES, **k),
    "recall": lambda m, **k: plots.precision_recall(m, X, Y, names=CLASSES, **k),
    "worst": lambda m, **k: plots.worst_examples(
        m, X, Y, names=CLASSES, features=FEATURES, count=2, **k
    ),
    "boundary": lambda m, **k: plots.boundary(m, X, Y, class_names=CLASSES, **pair(), **k),
    "surface": lambda m, **k: plots.surface(m, X, Y, class_names=CLASSES, **pair(), **k),
    "neurons": lambda m, **k: plots.neuron_maps(m, X, **pair(), **k),
    "network": lambda m, **k: plots.network(m, inputs=FEATURES, outputs=CLASSES, **k),
    "weights": lambda m, **k: plots.weights(m, **k),
    "distributions": lambda m, **k: plots.distributions(m, X, Y, **k),
    "curves": lambda m, **k: plots.learning_curves({"loss": [1, 2], "c$_$": [1, 2]}, **k),
    "runs": lambda m, **k: plots.learning_curves(
        {"$a_$": {"loss": [1, 2]}, "b": {"loss": [1, 2]}}, title="$5_ and $6_", **k
    ),
}
SAID = {
    "confusion": CLASSES, "roc": CLASSES, "recall": CLASSES, "worst": FEATURES,
    "boundary": [*CLASSES, *FEATURES[:2]], "surface": [*CLASSES, *FEATURES[:2]],
    "neurons": FEATURES[:2], "network": [*FEATURES, *CLASSES, "$m_$", "h_$x_$"],
    "weights": ["h_$x_$/kernel", "p$_/kernel"], "distributions": ["h_$x_$", "p$_"],
    "curves": ["c$ $"], "runs": ["$a_$", "$5_ and $6_"],
}  # fmt: skip


def told(figure):
    """What is read in a figure: the letters that Matplotlib lays out."""
    FigureCanvasAgg(figure).draw()  # a formula that can't be read is an error here
    read = []
    for text in figure.findobj(Text):
        line, formula = text._preprocess_math(text.get_text())
        assert not formula or "mathdefault" in line
        read.append(line)
    return "\n".join(read)


@pytest.mark.parametrize("picture", PICTURES)
def test_dollars_are_dollars(picture, model):
    drawn = PICTURES[picture](model)
    read = told(drawn if isinstance(drawn, Figure) else drawn.figure)
    for name in SAID[picture]:
        assert name in read, name


def test_formulas_of_a_figure_stay_formulas(model):
    figure = Figure()
    mine, other = figure.subplots(1, 2)
    other.set_title("$x^2$")
    drawn = plots.confusion_matrix(model, X, Y, names=CLASSES, ax=mine)
    drawn.set_xlabel("$x_1$")
    assert other.get_title() == "$x^2$"
    assert drawn.get_xlabel() == "$x_1$"


@pytest.mark.parametrize("picture", ["weights", "distributions"])
def test_animated_names_are_as_they_are(picture, tmp_path, model):
    recorder = gn.callbacks.Recorder()
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[recorder])
    path = plots.animate(recorder, tmp_path / "a.gif", picture, size=(3, 3), dpi=30)
    assert path.stat().st_size > 100


@pytest.mark.parametrize("length", [5, 31, 32, 33, 34, 200])
def test_long_names_keep_beginning_and_end(length):
    name = ("".join(chr(97 + i % 26) for i in range(length)))[:length]
    short = shortened(name)
    assert len(short) == min(length, 32)
    if length > 32:
        first, last = short.split("…")
        assert name.startswith(first)
        assert name.endswith(last)
        assert len(first) > len(last) > 5


@pytest.mark.parametrize("picture", ["confusion", "roc", "worst", "boundary", "network"])
def test_very_long_names_leave_room_for_the_picture(picture, model, monkeypatch):
    monkeypatch.setattr(f"{__name__}.CLASSES", [f"{'class ' * 20}{i}" for i in range(3)])
    monkeypatch.setattr(f"{__name__}.FEATURES", [f"{'feature ' * 20}{i}" for i in range(4)])
    drawn = PICTURES[picture](model)
    figure = drawn if isinstance(drawn, Figure) else drawn.figure
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a layout that collapses is told as a warning
        FigureCanvasAgg(figure).draw()
    width, height = figure.get_size_inches()
    for place in figure.axes:
        across, up = place.get_position().size
        assert across * width > 1.0
        assert up * height > 0.8


def test_legends_of_many_classes_stand_inside_the_figure():
    x = RNG.normal(size=(60, 2)).astype("float32")
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(20, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    names = [f"class {i}" for i in range(20)]
    ax = plots.boundary(model, x, np.arange(60) % 20, class_names=names, cells=9)
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    assert ax.get_position().width > 0.6
    box = ax.get_legend().get_window_extent()
    page = ax.figure.bbox
    assert box.x0 >= page.x0
    assert box.x1 <= page.x1
    assert [t.get_text() for t in ax.get_legend().get_texts()][:20] == names


def test_the_columns_of_a_legend_fit():
    assert legend_columns([], 5.0) == 1
    assert legend_columns(["a", "b", "c"], 5.0) == 3
    assert legend_columns(["x" * 70, "y" * 70], 5.0) == 1
    # 5 inches hold 13 · 5 / 0.775 = 83.9 letters; a label takes its own and six: 3 · 28 = 84.
    assert legend_columns(["x" * 22] * 6, 5.0) == 2


def test_of_many_classes_a_surface_names_its_own():
    x = RNG.normal(size=(30, 2)).astype("float32")
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    found = inspection.boundary(model, x, np.arange(30) % 10, cells=5)
    ax = plots.surface(found, which=3)
    assert sorted(t.get_text() for t in ax.get_legend().get_texts()) == ["class 3", "other classes"]
    heights = np.concatenate([np.asarray(c._offsets3d[2]) for c in ax.collections[2:]])
    assert sorted(heights.tolist()) == [0.0] * 27 + [1.0] * 3
