"""Dense layers against Keras's."""

from __future__ import annotations

import numpy as np
import pytest
from harness import assert_layer_parity, assert_same_signature, keras

from glassnet import layers


@pytest.mark.parametrize("shape", [(4, 3), (1, 3), (2, 5, 3), (3, 1)])
@pytest.mark.parametrize("use_bias", [True, False])
def test_dense(shape: tuple[int, ...], use_bias: bool) -> None:
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    arguments = {"units": 2, "use_bias": use_bias}
    assert_layer_parity(keras.layers.Dense, layers.Dense, arguments, x)


def test_dense_signature() -> None:
    assert_same_signature(keras.layers.Dense, layers.Dense)
