"""What is no model, and models that a picture can't show: one clear sentence."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import glassnet as gn
from glassnet import plots

X = np.random.default_rng(0).normal(size=(6, 2)).astype("float32")
Y = np.arange(6) % 2

OF_A_MODEL = {
    "confusion_matrix": (X, Y), "roc": (X, Y), "precision_recall": (X, Y), "calibration": (X, Y),
    "residuals": (X, Y), "worst_examples": (X, Y), "boundary": (X, Y), "surface": (X, Y),
    "neuron_maps": (X,), "loss_landscape": (X, Y), "training_path": (X, Y, []), "network": (),
    "weights": (), "filters": (), "feature_maps": (X,), "distributions": (X, Y), "diagram": (),
}  # fmt: skip


@pytest.mark.parametrize("thing", ["model.keras", None, X], ids=["text", "none", "array"])
@pytest.mark.parametrize("picture", OF_A_MODEL)
def test_what_is_no_model_is_named(picture, thing):
    with pytest.raises(TypeError, match=rf"model.*got {type(thing).__name__}") as caught:
        getattr(plots, picture)(thing, *OF_A_MODEL[picture])
    assert len(str(caught.value)) < 250


def test_a_recorder_is_needed_to_animate(tmp_path):
    with pytest.raises(TypeError, match=r"expected a callbacks\.Recorder; got Sequential"):
        plots.animate(gn.Sequential([]), tmp_path / "run.gif")


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (lambda: plots.activations(["relu"], columns=0), "columns: expected a whole number of at"),
        (lambda: plots.descent_paths(lambda v: v @ v), "no start of its own.*starts="),
    ],
)
def test_numbers_and_starts_that_are_missing(draw, told):
    with pytest.raises(ValueError, match=told):
        draw()


def test_one_activation_is_a_panel():
    assert [ax.get_title() for ax in plots.activations("relu").axes] == ["relu(z)"]


@pytest.fixture
def two_inputs():
    a, b = gn.Input((2,)), gn.Input((3,))
    joined = gn.layers.Concatenate()([a, b])
    model = gn.Model([a, b], gn.layers.Dense(1, "sigmoid")(joined))
    model.compile("sgd", "binary_crossentropy")
    return model


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (plots.worst_examples, "a model with one input; x has several"),
        (plots.boundary, "x as one array.*several inputs"),
        (plots.surface, "x as one array.*several inputs"),
    ],
)
def test_several_inputs_are_told(picture, told, two_inputs):
    with pytest.raises(ValueError, match=told):
        picture(two_inputs, [X, np.ones((6, 3), "float32")], Y)


def test_maps_of_an_infinite_weight_are_drawn_and_a_surface_is_not():
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.set_weights([np.array([[np.inf, 1.0], [0.0, 2.0]]), np.zeros(2)])
    figure = plots.neuron_maps(model, X, cells=5)
    FigureCanvasAgg(figure).draw()
    first, second = (ax.images[0] for ax in figure.axes[:2])
    assert first.get_array().mask.all()
    assert not second.get_array().mask.any()
    a, b = (second.axes.get_xlim(), second.axes.get_ylim())
    corners = [abs(p + 2 * q) for p in a for q in b]  # of x₁ + 2 x₂
    assert second.get_clim()[1] == pytest.approx(max(corners), rel=1e-6)
    with pytest.raises(ValueError, match="surface: the network answers NaN or infinity"):
        plots.surface(model, X, np.ones((6, 2)), cells=5)


def test_a_path_that_ends_in_nan_says_where():
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    model.compile("sgd", "mse")
    path = [[np.full((2, 1), v), np.zeros(1)] for v in (0.0, 1.0, np.nan, np.nan)]
    with pytest.raises(ValueError, match="NaN or infinite from point 2 of the path on"):
        plots.training_path(model, X, Y, path)


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plots.activation("relu", ax=ax),
        lambda ax: plots.descent_paths(gn.explain.surfaces.bowl, steps=3, cells=9, ax=ax),
    ],
    ids=["activation", "descent"],
)
def test_legends_below_axes_of_a_subfigure(draw):
    figure = Figure(figsize=(8, 4))
    ax = figure.subfigures(1, 2)[0].subplots()
    assert draw(ax) is ax
    assert ax.get_legend() is not None


def test_a_single_unit_is_number_0_and_nothing_else():
    model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1)])
    ax = plots.weights(model).axes[0]
    assert (ax.get_xticks().tolist(), ax.get_yticks().tolist()) == ([0], [0])


def test_numbers_in_heat_maps_only_where_rows_are_high_enough():
    for rows, written in ((18, True), (36, False)):
        model = gn.Sequential([gn.Input((rows,)), gn.layers.Dense(4)])
        texts = [t.get_text() for t in plots.weights(model).axes[0].texts]
        assert (len([t for t in texts if "." in t]) == 4 * rows) is written
