"""The harness itself: a planted difference must be found and named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import assert_layer_parity, assert_same_signature, keras

from glassnet import layers
from glassnet.ops import stop_gradient

X = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)


class Scaled(layers.Dense):
    """Wrong in its value."""

    def call(self, inputs: Any) -> Any:
        return super().call(inputs) * 1.0001


class Detached(layers.Dense):
    """Right in its value, wrong in its derivative by the input."""

    def call(self, inputs: Any) -> Any:
        return super().call(stop_gradient(inputs))


class Turned(layers.Dense):
    """Its weights in another order."""

    def build(self, input_shape: Any) -> None:
        self.bias = self.add_weight((self.units,), "zeros", name="bias")
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")


class Wider(layers.Dense):
    """It foretells a wrong shape."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units + 1)


class Other(layers.Dense):
    """It writes down another configuration."""

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": 7}


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Scaled, "output 0: differs"),
        (Detached, "derivative by input 0"),
        (Turned, "weights"),
        (Wider, "compute_output_shape"),
        (Other, r"get_config\(\)\['units'\]"),
    ],
)
def test_a_planted_difference_is_found(cls: type, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        assert_layer_parity(keras.layers.Dense, cls, {"units": 2}, X)


def test_a_forgotten_penalty_is_found() -> None:
    arguments = {"units": 2, "activity_regularizer": "l2", "kernel_regularizer": "l1"}
    assert_layer_parity(keras.layers.Dense, layers.Dense, arguments, X)
    forgotten = arguments | {"activity_regularizer": None}
    with pytest.raises(AssertionError, match="sum of losses"):
        assert_layer_parity(keras.layers.Dense, layers.Dense, arguments, X, our_kwargs=forgotten)


def test_another_signature_is_found() -> None:
    class Fewer(layers.Dense):
        def __init__(self, units: int, activation: Any = "relu") -> None:
            super().__init__(units, activation)

    with pytest.raises(AssertionError, match="arguments"):
        assert_same_signature(keras.layers.Dense, Fewer)
    with pytest.raises(AssertionError, match="size is 2 by default"):
        assert_same_signature(Three, layers.UpSampling1D)


class Three(keras.layers.Layer):
    """As UpSampling1D, with another default."""

    def __init__(self, size: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
