"""Distributions and initializations: curves, bands and words hold what inspection found."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

import glassnet as gn
from glassnet import inspection

(X, Y), _ = gn.datasets.xor.load_data()


@pytest.fixture
def model() -> gn.Sequential:
    gn.utils.set_random_seed(0)
    made = gn.Sequential(
        [
            gn.Input((2,)),
            gn.layers.Dense(6, "relu", name="cut"),
            gn.layers.Dense(4, "tanh", name="bounded"),
            gn.layers.Dense(1, "sigmoid", name="output"),
        ]
    )
    made.compile(gn.optimizers.SGD(0.5), "binary_crossentropy")
    return made


def words(figure: Figure) -> list[str]:
    return [t.get_text() for ax in figure.axes for t in ax.texts]


def test_histograms_are_those_of_the_layers(model: gn.Sequential) -> None:
    figure = gn.plots.distributions(model, X, Y)
    found = inspection.distributions(model, X, Y)
    stairs = [ax.patches[0].get_data() for ax in figure.axes if ax.patches]
    layers = [*found.outputs, *found.gradients]
    drawn = sorted(stairs, key=lambda s: (len(s.values), s.edges[0], s.edges[-1]))
    expected = sorted(layers, key=lambda d: (len(d.counts), d.edges[0], d.edges[-1]))
    assert len(drawn) == len(expected) == 5
    for one, layer in zip(drawn, expected, strict=True):
        np.testing.assert_array_equal(one.values, layer.counts)
        np.testing.assert_array_equal(one.edges, layer.edges)
    assert f"loss of the batch {found.losses[0]:.3g}" in figure.get_suptitle()
    assert "the loss is computed from Z, not from A" in words(figure)


def test_words_say_the_shares() -> None:
    model = gn.Sequential(
        [
            gn.Input((2,)),
            gn.layers.Dense(2, "relu", use_bias=False),
            gn.layers.Dense(1, "tanh", use_bias=False),
        ]
    )
    # relu of (x0, -x0): for positive x0 the second unit is dead; tanh of 3 x0.
    model.set_weights([np.array([[1.0, -1.0], [0.0, 0.0]]), np.array([[3.0], [0.0]])])
    x = np.array([[1.0, 0.0], [0.5, 0.0], [0.1, 0.0], [2.0, 7.0]])
    figure = gn.plots.distributions(model, x)
    assert words(figure) == ["50 % zero, 50 % of units dead", "50 % saturated"]


def test_bands_are_percentiles_over_the_training(model: gn.Sequential) -> None:
    recorder = gn.callbacks.Recorder(every=5)
    model.fit(X, Y, epochs=20, verbose=0, callbacks=[recorder])
    found = inspection.distributions(recorder, X, Y)
    figure = gn.plots.distributions(found)
    named = {ax.get_ylabel(): ax for ax in figure.axes if ax.get_ylabel()}
    assert list(named) == ["cut", "bounded", "output"]
    for layer in found.outputs:
        ax = named[layer.name]
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), recorder.steps)
        np.testing.assert_allclose(ax.lines[0].get_ydata(), layer.percentiles[:, 2])
        for band, (low, high) in zip(ax.collections, [(0, 4), (1, 3)], strict=True):
            corners = band.get_paths()[0].vertices
            for i, step in enumerate(recorder.steps):
                there = corners[corners[:, 0] == step, 1]
                assert there.min() == pytest.approx(layer.percentiles[i, low])
                assert there.max() == pytest.approx(layer.percentiles[i, high])
    title = figure.get_suptitle()
    assert "median, 50 %, 90 % of the entries" in title
    assert f"{found.losses[0]:.3g} → {found.losses[-1]:.3g}" in title
    zeros = [f"{100 * share:.0f} % zero" for share in found.outputs[0].zeros[[0, -1]]]
    assert any(zeros[0] in text and zeros[1] in text for text in words(figure))


def test_distributions_without_a_batch_are_refused(model: gn.Sequential) -> None:
    with pytest.raises(TypeError, match="takes a batch"):
        gn.plots.distributions(model)


def test_curves_are_the_flows() -> None:
    kinds = ["glorot_uniform", "he_normal"]
    figure = gn.plots.initializations(kinds, ["tanh", "relu"], depth=6, units=20, seed=3)
    assert len(figure.axes) == 4
    for row, activation in enumerate(["tanh", "relu"]):
        forward, backward = figure.axes[2 * row : 2 * row + 2]
        for i, kind in enumerate(kinds):
            flow = inspection.signal_flow(activation, kind, depth=6, units=20, seed=3)
            np.testing.assert_array_equal(forward.lines[i].get_xdata(), np.arange(1, 7))
            np.testing.assert_allclose(forward.lines[i].get_ydata(), flow.forward)
            np.testing.assert_allclose(backward.lines[i].get_ydata(), flow.backward)
            assert forward.lines[i].get_label() == f"{kind}, deviation {flow.weights:.2g}"
        assert forward.get_ylabel().startswith(activation)
        assert forward.get_yscale() == "log"
    looks = {(line.get_marker(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(looks) == 2  # told apart without colour


def test_what_faded_away_is_marked_below() -> None:
    figure = gn.plots.initializations([0.0], "linear", depth=4, units=5)
    curve, gone = figure.axes[0].lines
    assert len(curve.get_xdata()) == 0
    assert gone.get_xdata().tolist() == [1, 2, 3, 4]
    assert curve.get_label() == "constant(0), all units alike"


def test_flows_can_be_handed_in() -> None:
    flows = [inspection.signal_flow("relu", kind, depth=3, units=5) for kind in ("ones", "zeros")]
    figure = gn.plots.initializations(flows)
    assert [ax.get_ylabel() for ax in figure.axes] == ["relu\nstandard deviation", ""]
    with pytest.raises(ValueError, match="at least one"):
        gn.plots.initializations([])


def test_it_draws_into_the_place_of_axes() -> None:
    whole = Figure()
    given = whole.add_subplot()
    assert gn.plots.initializations(["ones"], "tanh", depth=2, units=3, ax=given) is whole
    (inside,) = whole.subfigs
    assert "2 layers" in inside.get_suptitle()
    assert not whole.legends
    assert [t.get_text() for t in inside.legends[0].get_texts()] == ["ones, all units alike"]
