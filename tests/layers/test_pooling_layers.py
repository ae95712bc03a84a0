"""Pooling layers: values by hand, masks, mistakes."""

import numpy as np
import pytest

from glassnet import layers

STEPS = np.array([3.0, 1.0, 4.0, 1.0, 5.0], dtype=np.float32).reshape(1, 5, 1)
IMAGE = np.arange(12.0, dtype=np.float32).reshape(1, 3, 4, 1)
"""
0 1  2  3
4 5  6  7
8 9 10 11
"""


@pytest.mark.parametrize(
    ("arguments", "largest", "mean"),
    [
        ({}, [3, 4], [2, 2.5]),
        ({"padding": "same"}, [3, 4, 5], [2, 2.5, 5]),  # the last window has one cell
        ({"pool_size": 3, "strides": 1}, [4, 4, 5], [8 / 3, 2, 10 / 3]),
        ({"pool_size": 1, "strides": 4}, [3, 5], [3, 5]),
        ({"pool_size": 5}, [5], [2.8]),
        (
            {"pool_size": 3, "strides": 1, "padding": "same"},
            [3, 4, 4, 5, 5],
            [2, 8 / 3, 2, 10 / 3, 3],
        ),
    ],
)
def test_sequences(arguments, largest, mean):
    found = layers.MaxPooling1D(**arguments)(STEPS)[0, :, 0].tolist()
    assert found == largest
    found = layers.AveragePooling1D(**{"pool_size": 2, **arguments})(STEPS)[0, :, 0].tolist()
    assert found == pytest.approx(mean, rel=1e-6)


def test_images():
    assert layers.MaxPooling2D()(IMAGE)[0, :, :, 0].tolist() == [[5, 7]]
    assert layers.MaxPooling2D(padding="same")(IMAGE)[0, :, :, 0].tolist() == [[5, 7], [9, 11]]
    assert layers.AveragePooling2D(2)(IMAGE)[0, :, :, 0].tolist() == [[2.5, 4.5]]
    assert layers.AveragePooling2D((3, 1))(IMAGE)[0, :, :, 0].tolist() == [[4, 5, 6, 7]]


def test_negative_entries_and_padding():
    """Cells outside do not count: a zero there would be the largest."""
    x = np.full((1, 3, 3, 1), -2.0)
    assert (np.asarray(layers.MaxPooling2D(2, 1, "same")(x)) == -2).all()
    assert (np.asarray(layers.AveragePooling2D(2, 1, "same")(x)) == -2).all()


def test_channels_stay_apart():
    x = np.stack([IMAGE[..., 0], -IMAGE[..., 0]], axis=-1)
    assert layers.GlobalMaxPooling2D()(x).tolist() == [[11, 0]]
    assert layers.GlobalAveragePooling2D()(x).tolist() == [[5.5, -5.5]]
    assert layers.GlobalAveragePooling2D(keepdims=True)(x).shape == (1, 1, 1, 2)
    assert layers.GlobalMaxPooling1D(keepdims=True)(STEPS).tolist() == [[[5]]]


def test_mean_of_the_steps_that_count():
    layer = layers.GlobalAveragePooling1D()
    mask = np.array([[True, False, True, False, False]])
    assert layer(STEPS, mask=mask).tolist() == [[3.5]]
    assert layer(STEPS).item() == pytest.approx(2.8)
    spoiled = np.where(mask[..., None], STEPS, np.nan)
    assert layer(spoiled, mask=mask).tolist() == [[3.5]]
    assert layer(STEPS, mask=mask).mask is None


def test_a_window_moves_by_its_size_by_default():
    layer = layers.MaxPooling2D((2, 3))
    assert layer.strides == (2, 3)
    assert layer.get_config()["strides"] == [2, 3]


def test_aliases():
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.LAYERS.find("AvgPool1D") is layers.AveragePooling1D
    assert layers.LAYERS.find("GlobalAvgPool2D") is layers.GlobalAveragePooling2D


def test_name_in_its_place():
    assert layers.MaxPooling2D(2, None, "valid", None, "pool").name == "pool"


# --- mistakes ---------------------------------------------------------------------------------
def test_wrong_rank():
    with pytest.raises(ValueError, match=r"'p' expects 4 axes.*x\[\.\.\., None\]"):
        layers.MaxPooling2D(name="p")(np.zeros((2, 8, 8)))
    with pytest.raises(ValueError, match=r"'g' expects 3 axes, \(m, steps, channels\)"):
        layers.GlobalMaxPooling1D(name="g")(np.zeros((2, 8)))


def test_an_input_smaller_than_the_window():
    layer = layers.MaxPooling2D(3, name="p")
    with pytest.raises(ValueError, match=r"'p'.*height 2.*reaches over 3.*smaller pool_size"):
        layer(np.zeros((1, 2, 5, 1)))
    with pytest.raises(ValueError, match=r"\(m, 2, 5, 1\).*padding='same'"):
        layer.compute_output_shape((None, 2, 5, 1))


@pytest.mark.parametrize(
    "cls",
    [
        layers.MaxPooling1D,
        layers.AveragePooling2D,
        layers.GlobalMaxPooling2D,
        layers.GlobalAveragePooling1D,
    ],
)
def test_channels_first(cls):
    with pytest.raises(ValueError, match=rf"{cls.__name__}: glassnet is channels last"):
        cls(data_format="channels_first")


@pytest.mark.parametrize(
    "arguments", [{"pool_size": 0}, {"strides": (1, 2, 3)}, {"padding": "full"}]
)
def test_wrong_arguments(arguments):
    with pytest.raises(ValueError, match=f"MaxPooling2D: {next(iter(arguments))}"):
        layers.MaxPooling2D(**arguments)
