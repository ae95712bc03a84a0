"""Residuals are targets less predictions; the worst examples are those with the largest loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import inspection, plots

DRAW = np.random.default_rng(0)


@pytest.fixture(scope="module")
def regression() -> Any:
    x = DRAW.normal(size=(50, 3))
    y = x @ [1.0, 2.0, 3.0] + DRAW.normal(size=50)
    model = gn.Sequential([gn.Input((3,)), gn.layers.Dense(1)])
    model.compile("adam", "mse")
    return model, x, y


@pytest.fixture(scope="module")
def digits() -> Any:
    (x, y), _ = gn.datasets.mnist.load_data()
    model = gn.Sequential([gn.Input((28, 28)), gn.layers.Flatten(), gn.layers.Dense(10)])
    model.compile("adam", gn.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = x[:200].reshape(-1, 28, 28) / 255
    model.fit(x, y[:200], epochs=2, verbose=0)
    return model, x, y[:200]


# --- residuals --------------------------------------------------------------------------------
def test_three_views_of_residuals(regression: Any) -> None:
    model, x, y = regression
    said = model.predict(x, verbose=0).ravel().astype(float)
    fit, zero, spread = plots.residuals(model, x, y).axes
    np.testing.assert_allclose(fit.collections[0].get_offsets(), np.stack([y, said], axis=1))
    np.testing.assert_allclose(
        zero.collections[0].get_offsets(), np.stack([said, y - said], axis=1)
    )
    line = fit.lines[0]
    np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())
    counts, edges = np.histogram(y - said, bins=7)
    assert [bar.get_height() for bar in spread.patches] == counts.tolist()
    np.testing.assert_allclose([bar.get_x() for bar in spread.patches], edges[:-1])
    at = sorted(line.get_xdata()[0] for line in spread.lines)
    mean, deviation = (y - said).mean(), (y - said).std()
    np.testing.assert_allclose(at, [mean - deviation, mean, mean + deviation])
    assert f"mean {mean:.3g}" in spread.get_title()
    metric = gn.metrics.R2Score()
    assert f"R² = {float(metric(y[:, None], said[:, None])):.3f}" in fit.get_title()


def test_a_row_for_each_output() -> None:
    y, p = DRAW.normal(size=(20, 2)), DRAW.normal(size=(20, 2))
    figure = plots.residuals(inspection.residuals(y, p, names=["east", "north"]), theme="dark")
    assert len(figure.axes) == 6
    assert "north" in figure.axes[3].get_xlabel()
    np.testing.assert_allclose(figure.axes[4].collections[0].get_offsets()[:, 1], y[:, 1] - p[:, 1])
    figure.canvas.draw()


def test_constant_predictions_are_drawn() -> None:
    plots.residuals(inspection.residuals([1.0, 1.0], [1.0, 1.0])).canvas.draw()


def test_residuals_need_data(regression: Any) -> None:
    model, x, y = regression
    with pytest.raises(TypeError, match=r"plots.residuals\(model, x, y\)"):
        plots.residuals(model, x)
    with pytest.raises(TypeError, match="has its data"):
        plots.residuals(inspection.residuals(y, y), x, y)


# --- the worst --------------------------------------------------------------------------------
def test_the_worst_digits(digits: Any) -> None:
    model, x, y = digits
    z = model.predict(x, verbose=0).astype(float)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    order = np.argsort(np.log(p[np.arange(200), y]))[:4]
    figure = plots.worst_examples(model, x, y, count=4)
    for ax, place in zip(figure.axes, order, strict=True):
        np.testing.assert_allclose(ax.images[0].get_array(), x[place])
        said = p[place].argmax()
        assert f"true {y[place]}\npredicted {said} ({100 * p[place, said]:.0f} %)" == ax.get_title()
        assert f"#{place} · loss {-np.log(p[place, y[place]]):.3g}" == ax.get_xlabel()


@pytest.mark.parametrize(
    ("form", "shape"),
    [((28, 28, 1), None), ((784,), None), ((784,), (28, 28)), ((14, 56), (28, 28, 1))],
)
def test_rows_and_one_channel_are_images_too(digits: Any, form: Any, shape: Any) -> None:
    model, x, y = digits
    other = gn.Sequential([gn.Input(form), gn.layers.Reshape((28, 28)), *model.layers])
    other.compile(loss=gn.losses.SparseCategoricalCrossentropy(from_logits=True))
    figure = plots.worst_examples(other, x.reshape(-1, *form), y, count=2, shape=shape)
    expected = inspection.worst_examples(model, x, y, count=2).inputs
    for ax, image in zip(figure.axes, expected, strict=True):
        np.testing.assert_allclose(ax.images[0].get_array(), image)


def test_colour_images() -> None:
    x = DRAW.integers(0, 256, (6, 5, 4, 3))
    model = gn.Sequential([gn.Input((5, 4, 3)), gn.layers.Flatten(), gn.layers.Dense(1, "sigmoid")])
    model.compile(loss="binary_crossentropy")
    figure = plots.worst_examples(model, x, np.zeros(6), count=1)
    worst = inspection.worst_examples(model, x, np.zeros(6), count=1).indices[0]
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), x[worst] / 255)


def test_features_of_those_that_are_no_images(regression: Any) -> None:
    model, x, y = regression
    figure = plots.worst_examples(model, x, y, count=3, features=["a", "b", "c"])
    losses = (model.predict(x, verbose=0).ravel() - y) ** 2
    for ax, place in zip(figure.axes, np.argsort(-losses)[:3], strict=True):
        apart = (x[place] - x.mean(axis=0)) / x.std(axis=0)
        shown = dict(
            zip(
                [t.get_text() for t in ax.get_yticklabels()],
                [bar.get_width() for bar in ax.patches],
                strict=True,
            )
        )
        assert shown == pytest.approx(dict(zip("abc", apart, strict=True)))
        values = [text.get_text() for text in ax.texts]
        assert f"{x[place, 0]:.3g}" in values


def test_many_features_are_cut_to_the_farthest() -> None:
    x = DRAW.normal(size=(30, 40))
    model = gn.Sequential([gn.Input((40,)), gn.layers.Dense(1)])
    model.compile(loss="mse")
    (ax,) = plots.worst_examples(model, x, x[:, 0], count=1).axes
    assert len(ax.patches) == 8


def test_strange_arguments(digits: Any, regression: Any) -> None:
    model, x, y = digits
    with pytest.raises(ValueError, match=r"shape=\(20, 20\) holds 400 values, an example 784"):
        plots.worst_examples(model, x, y, shape=(20, 20))
    with pytest.raises(TypeError, match="without y"):
        plots.worst_examples(model, x)
    with pytest.raises(ValueError, match="expected 3 names of features"):
        plots.worst_examples(*regression, features=["a"])
    found = inspection.worst_examples(model, x, y, count=2)
    with pytest.raises(TypeError, match="has its data"):
        plots.worst_examples(found, x, y)
    plots.worst_examples(found, theme="dark").canvas.draw()
