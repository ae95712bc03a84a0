"""Weights as matrices and images, kernels, feature maps: against loops in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet as gn
from glassnet.inspection import (
    feature_maps,
    filter_kernels,
    signals,
    weight_images,
    weight_matrices,
)


def correlation(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """One channel against one kernel, place by place."""
    (h, w), (k, n) = image.shape, kernel.shape
    return np.array(
        [
            [(image[i : i + k, j : j + n] * kernel).sum() for j in range(w - n + 1)]
            for i in range(h - k + 1)
        ]
    )


LAYERS = {
    "conv": lambda: gn.layers.Conv2D(4, (2, 3), use_bias=False),
    "transposed": lambda: gn.layers.Conv2DTranspose(4, (2, 3), use_bias=False),
    "depthwise": lambda: gn.layers.DepthwiseConv2D((2, 3), depth_multiplier=2, use_bias=False),
}


def test_kernels_of_a_convolution_give_its_outputs() -> None:
    layer = LAYERS["conv"]()
    x = np.random.default_rng(0).normal(size=(1, 5, 6, 3))
    outputs = np.asarray(layer(x))[0]
    kernels = filter_kernels(layer).kernels
    assert kernels.shape == (4, 3, 2, 3)
    for f in range(4):
        expected = sum(correlation(x[0, :, :, c], kernels[f, c]) for c in range(3))
        np.testing.assert_allclose(outputs[..., f], expected, atol=1e-5)


def test_kernels_of_a_depthwise_convolution_give_its_outputs() -> None:
    layer = LAYERS["depthwise"]()
    x = np.random.default_rng(0).normal(size=(1, 5, 6, 3))
    outputs = np.asarray(layer(x))[0]
    kernels = filter_kernels(layer).kernels
    assert kernels.shape == (6, 1, 2, 3)
    for f in range(6):
        expected = correlation(x[0, :, :, f // 2], kernels[f, 0])
        np.testing.assert_allclose(outputs[..., f], expected, atol=1e-5)


def test_kernels_of_a_transposed_convolution_give_its_outputs() -> None:
    layer = LAYERS["transposed"]()
    x = np.zeros((1, 4, 4, 3))
    x[0, 1, 1, 2] = 1.0  # one entry: the kernel itself stands where it is
    outputs = np.asarray(layer(x))[0]
    kernels = filter_kernels(layer).kernels
    for f in range(4):
        np.testing.assert_allclose(outputs[1:3, 1:4, f], kernels[f, 2], atol=1e-6)


def test_kernels_over_steps_are_one_image() -> None:
    layer = gn.layers.Conv1D(2, 3)
    x = np.random.default_rng(0).normal(size=(1, 3, 5))
    outputs = np.asarray(layer(x))[0, 0]
    found = filter_kernels(layer)
    assert found.kernels.shape == (2, 1, 5, 3)
    assert found.steps
    for f in range(2):
        assert outputs[f] == pytest.approx((x[0].T * found.kernels[f, 0]).sum(), abs=1e-5)


def test_matrices_map_inputs_to_outputs() -> None:
    model = gn.Sequential(
        [
            gn.Input((4, 4, 2)),
            gn.layers.Conv2D(3, 4, name="conv"),
            gn.layers.Flatten(),
            gn.layers.Dense(2, name="dense"),
        ]
    )
    model.set_weights([w + 0.5 for w in model.get_weights()])
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 2))
    conv, dense = weight_matrices(model)
    assert (conv.name, conv.shape) == ("conv/kernel", (4, 4, 2, 3))
    assert (dense.rows, dense.columns) == ("inputs", "units")
    hidden = x.ravel() @ conv.matrix + conv.bias
    predicted = model.predict(x, verbose=0)[0]
    np.testing.assert_allclose(hidden @ dense.matrix + dense.bias, predicted, atol=1e-5)
    assert [m.name for m in weight_matrices(model, "dense")] == ["dense/kernel"]


def test_tables_and_nested_layers() -> None:
    inner = gn.Sequential([gn.layers.Dense(3, name="dense")], name="inner")
    model = gn.Sequential([gn.Input((2,), dtype="int32"), gn.layers.Embedding(5, 4), inner])
    table, kernel = weight_matrices(model)
    assert table.matrix.shape == (5, 4)
    assert (table.rows, table.columns, table.bias) == ("indices", "features", None)
    assert kernel.name == "inner/dense/kernel"


def test_images_are_columns_of_the_kernel() -> None:
    model = gn.Sequential([gn.Input((6,)), gn.layers.Dense(4, name="first"), gn.layers.Dense(2)])
    found = weight_images(model, (2, 3))
    kernel = model.get_weights()[0]
    assert found.name == "first"
    for unit in range(4):
        np.testing.assert_array_equal(found.images[unit].ravel(), kernel[:, unit])
    with pytest.raises(ValueError, match=r"has 6 inputs; images of shape \(3, 3\) have 9"):
        weight_images(model, (3, 3))
    with pytest.raises(ValueError, match="shape is"):
        weight_images(model, (6,))


def test_maps_are_the_outputs_for_the_image() -> None:
    model = gn.Sequential(
        [
            gn.Input((6, 6, 1)),
            gn.layers.Conv2D(2, 3, name="conv"),
            gn.layers.Activation("relu", name="cut"),
            gn.layers.MaxPooling2D(name="pool"),
            gn.layers.GlobalAveragePooling2D(),
        ]
    )
    image = np.random.default_rng(0).normal(size=(6, 6))
    found = feature_maps(model, image)
    assert [one.name for one in found.layers] == ["conv", "cut", "pool"]
    conv, cut, pool = (one.maps for one in found.layers)
    kernel = model.get_weights()[0]
    for f in range(2):
        np.testing.assert_allclose(conv[..., f], correlation(image, kernel[..., 0, f]), atol=1e-5)
    np.testing.assert_array_equal(cut, np.maximum(conv, 0))
    np.testing.assert_array_equal(pool, cut.reshape(2, 2, 2, 2, 2).max(axis=(1, 3)))
    np.testing.assert_array_equal(found.image[..., 0], image)
    only = feature_maps(model, image[..., None], "pool").layers
    assert [one.name for one in only] == ["pool"]
    np.testing.assert_array_equal(
        only[0].maps, signals(model, image[None, ..., None])[2].outputs[0]
    )


def test_what_is_missing_is_told() -> None:
    dense = gn.Sequential([gn.Input((4,)), gn.layers.Dense(2, name="dense")])
    with pytest.raises(ValueError, match=r"no convolution. For dense layers: plots.weights"):
        filter_kernels(dense)
    with pytest.raises(ValueError, match=r"has no layer 'dens'; there are dense. Did you mean"):
        filter_kernels(dense, "dens")
    with pytest.raises(ValueError, match="is no convolution"):
        filter_kernels(dense, "dense")
    with pytest.raises(ValueError, match="feature maps are made of one image"):
        feature_maps(dense, np.zeros(4))
    with pytest.raises(ValueError, match="not built"):
        filter_kernels(gn.layers.Conv2D(1, 3))
    with pytest.raises(ValueError, match="has no weights of two axes"):
        weight_matrices(gn.Sequential([gn.layers.Dense(2)]))
    volume = gn.Sequential([gn.Input((4, 4, 4, 1)), gn.layers.Conv3D(1, 2)])
    with pytest.raises(ValueError, match="slides over volumes"):
        filter_kernels(volume)
    images = gn.Sequential([gn.Input((4, 4, 1)), gn.layers.Conv2D(1, 2, name="conv")])
    with pytest.raises(ValueError, match=r"No layer 'cov' makes maps; those that do: conv. Did"):
        feature_maps(images, np.zeros((4, 4)), "cov")
