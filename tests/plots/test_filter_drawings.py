"""Heat maps, filters and feature maps: the images hold the arrays, the words say their sizes."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

import glassnet as gn


@pytest.fixture(scope="module")
def dense() -> gn.Sequential:
    model = gn.Sequential(
        [
            gn.Input((12,)),
            gn.layers.Dense(5, name="first"),
            gn.layers.Dense(3, name="second", use_bias=False),
        ]
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.weights])
    return model


@pytest.fixture(scope="module")
def conv() -> gn.Sequential:
    model = gn.Sequential(
        [
            gn.Input((8, 8, 1)),
            gn.layers.Conv2D(3, 3, activation="relu", name="one"),
            gn.layers.MaxPooling2D(name="pool"),
            gn.layers.Conv2D(4, 2, name="two"),
        ]
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.weights])
    return model


def images(figure: Figure) -> list[np.ndarray]:
    return [np.asarray(i.get_array()) for ax in figure.axes for i in ax.images]


def scales(figure: Figure) -> list[tuple[float, float]]:
    return [image.get_clim() for ax in figure.axes for image in ax.images]


def said(figure: Figure) -> str:
    texts = [t.get_text() for ax in figure.axes for t in ax.texts]
    titles = [ax.get_title(loc) for ax in figure.axes for loc in ("left", "center", "right")]
    return "\n".join([figure.get_suptitle(), *titles, *texts])


# --- weights ----------------------------------------------------------------------------------
def test_heat_maps_are_the_matrices(dense: gn.Sequential) -> None:
    figure = gn.plots.weights(dense)
    w1, b1, w2 = dense.get_weights()
    first, bias, second = images(figure)
    np.testing.assert_array_equal(first, w1)
    np.testing.assert_array_equal(bias[0], b1)
    np.testing.assert_array_equal(second, w2)
    reach = max(np.abs(w1).max(), np.abs(b1).max())
    assert scales(figure)[:2] == [pytest.approx((-reach, reach))] * 2
    assert scales(figure)[2] == pytest.approx((-np.abs(w2).max(), np.abs(w2).max()))
    assert "each with its own scale" in said(figure)
    assert "first/kernel  12 × 5" in said(figure)


def test_one_scale_for_all(dense: gn.Sequential) -> None:
    figure = gn.plots.weights(dense, scale="shared")
    reach = max(np.abs(w).max() for w in dense.get_weights())
    assert scales(figure) == [pytest.approx((-reach, reach))] * 3
    assert "one scale of colours for all" in said(figure)


def test_histograms_count_the_weights(dense: gn.Sequential) -> None:
    figure = gn.plots.weights(dense, "first")
    (bars,) = (ax for ax in figure.axes if ax.get_xlabel() == "weight")
    kernel = dense.get_weights()[0]
    assert sum(bar.get_height() for bar in bars.patches) == kernel.size
    for bar in bars.patches:
        low, high = bar.get_x(), bar.get_x() + bar.get_width()
        inside = (kernel >= low - 1e-9) & (kernel <= high + 1e-9)
        assert abs(inside.sum() - bar.get_height()) <= 1
    told = f"mean {kernel.mean():.3g}, deviation {kernel.std():.3g}".replace("-", "−")
    assert told in said(figure)


def test_small_matrices_have_their_numbers_in_the_cells(dense: gn.Sequential) -> None:
    figure = gn.plots.weights(dense, "second")
    kernel = dense.get_weights()[2]
    written = {t.get_position(): t.get_text() for t in figure.axes[0].texts}
    for (row, column), number in np.ndenumerate(kernel):
        assert written[column, row] == f"{number:.2f}".replace("-", "−")


def test_units_as_images(dense: gn.Sequential) -> None:
    figure = gn.plots.weights(dense, shape=(3, 4))
    kernel = dense.get_weights()[0]
    found = images(figure)
    assert len(found) == 5
    for unit, image in enumerate(found):
        np.testing.assert_array_equal(image, kernel[:, unit].reshape(3, 4))
        reach = np.abs(kernel[:, unit]).max()
        assert scales(figure)[unit] == pytest.approx((-reach, reach))
    few = gn.plots.weights(dense, shape=(3, 4), most=2, scale="shared")
    assert len(images(few)) == 2
    assert "2 of 5 units" in said(few)
    assert scales(few)[0] == scales(few)[1]


def test_tables_of_embeddings() -> None:
    model = gn.Sequential([gn.Input((2,), dtype="int32"), gn.layers.Embedding(5, 4)])
    figure = gn.plots.weights(model)
    np.testing.assert_array_equal(images(figure)[0], model.get_weights()[0])
    assert figure.axes[0].get_ylabel() == "indices"


# --- filters ----------------------------------------------------------------------------------
def test_a_tile_for_each_filter_of_one_channel(conv: gn.Sequential) -> None:
    figure = gn.plots.filters(conv)
    kernel, bias = conv.get_weights()[:2]
    found = images(figure)
    assert len(found) == 3
    for f, image in enumerate(found):
        np.testing.assert_array_equal(image, kernel[:, :, 0, f])
        assert figure.axes[f].get_title() == f"{f} (b {bias[f]:.2f})".replace("-", "−")
    reach = np.abs(kernel).max()
    assert scales(figure) == [pytest.approx((-reach, reach))] * 3
    written = [t.get_text() for t in figure.axes[0].texts]
    assert written == [f"{v:.2f}".replace("-", "−") for v in kernel[:, :, 0, 0].ravel()]


def test_a_tile_for_each_pair(conv: gn.Sequential) -> None:
    kernel = conv.get_weights()[2]
    figure = gn.plots.filters(conv, "two", colours=False)
    found = images(figure)
    assert len(found) == 12
    for number, image in enumerate(found):
        channel, f = divmod(number, 4)
        np.testing.assert_array_equal(image, kernel[:, :, channel, f])
    assert "two: 4 filters, 2 × 2, 3 channels" in said(figure)
    few = gn.plots.filters(conv, "two", colours=False, most=4)
    assert "two: 4 filters, 2 × 2, 1 of 3 channels" in said(few)


def test_three_channels_are_colours_about_grey(conv: gn.Sequential) -> None:
    kernel = conv.get_weights()[2]
    figure = gn.plots.filters(conv, "two")
    found = images(figure)
    assert len(found) == 4
    for f, image in enumerate(found):
        np.testing.assert_allclose(image, 0.5 + 0.5 * kernel[..., f] / np.abs(kernel).max())
    assert "colours about grey" in said(figure)


def test_filters_over_steps() -> None:
    model = gn.Sequential([gn.Input((9, 5)), gn.layers.Conv1D(2, 3)])
    figure = gn.plots.filters(model)
    kernel = model.get_weights()[0]
    for f, image in enumerate(images(figure)):
        np.testing.assert_array_equal(image, kernel[:, :, f].T)
    assert "over 3 steps (across) of 5 channels (down)" in said(figure)


# --- feature maps -----------------------------------------------------------------------------
def test_maps_stand_in_rows(conv: gn.Sequential) -> None:
    image = np.random.default_rng(1).normal(size=(8, 8))
    figure = gn.plots.feature_maps(conv, image)
    shown, *maps = images(figure)
    np.testing.assert_array_equal(shown, image)
    parts = [gn.Model(conv.inputs, layer.output) for layer in conv.layers]
    expected = [part.predict(image[None, ..., None], verbose=0)[0] for part in parts]
    flat = [array[..., c] for array in expected for c in range(array.shape[-1])]
    assert len(maps) == len(flat) == 3 + 3 + 4
    for found, array in zip(maps, flat, strict=True):
        np.testing.assert_allclose(found, array, atol=1e-6)
    low, high = scales(figure)[1]
    assert (low, high) == pytest.approx((expected[0].min(), expected[0].max()))
    reach = np.abs(expected[2]).max()
    assert scales(figure)[-1] == pytest.approx((-reach, reach))  # of both signs
    assert "two: 4 maps of 2 × 2, " in said(figure)


def test_maps_that_are_left_out_are_counted(conv: gn.Sequential) -> None:
    figure = gn.plots.feature_maps(conv, np.ones((8, 8)), "two", most=3)
    assert len(images(figure)) == 1 + 3
    assert "two: 3 of 4 maps" in said(figure)


def test_panels_take_the_place_of_axes(conv: gn.Sequential) -> None:
    figure = Figure()
    given = figure.add_subplot()
    assert gn.plots.filters(conv, ax=given) is figure
    (inside,) = figure.subfigs
    assert "one: 3 filters" in inside.get_suptitle()
    assert len(images(inside)) == 3
    assert not given.axison


def test_mistakes_are_told(conv: gn.Sequential, dense: gn.Sequential) -> None:
    with pytest.raises(ValueError, match="no convolution"):
        gn.plots.filters(dense)
    with pytest.raises(ValueError, match="scale: expected one of 'own', 'shared'"):
        gn.plots.weights(dense, scale="both")
    with pytest.raises(TypeError, match="takes an image"):
        gn.plots.feature_maps(conv)
    with pytest.raises(ValueError, match="x is one example"):
        gn.plots.feature_maps(conv, np.zeros((5, 8, 8, 1)))


def test_dashes_tell_the_sign_without_colours() -> None:
    rng = np.random.default_rng(0)
    model = gn.Sequential([gn.Input((20,)), gn.layers.Dense(20)])
    kernel = rng.normal(size=(20, 20))
    model.set_weights([kernel, np.zeros(20)])
    ax = gn.plots.weights(model).axes[0]
    marked = {(y, x) for line in ax.lines for x, y in zip(*line.get_data(), strict=True)}
    assert marked == set(zip(*np.nonzero(kernel < 0), strict=True))
    many = gn.Sequential([gn.Input((8, 8, 6)), gn.layers.Conv2D(12, 3)])
    kernel = many.get_weights()[0]
    ax = gn.plots.filters(many).axes[13]
    marked = {(y, x) for line in ax.lines for x, y in zip(*line.get_data(), strict=True)}
    assert marked == set(zip(*np.nonzero(kernel[:, :, 1, 1] < 0), strict=True))


def test_weights_that_are_not_finite_are_left_out_and_counted() -> None:
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(2, use_bias=False)])
    model.set_weights([np.array([[1.0, np.nan], [-2.0, np.inf]])])
    figure = gn.plots.weights(model)
    assert scales(figure)[0] == (-2.0, 2.0)
    assert "mean −0.5, deviation 1.5\n50 % are not finite" in said(figure)
    figure.canvas.draw()
