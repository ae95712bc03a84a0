"""Agreement with Keras 3 where random streams differ: bounds, moments, fans, arguments."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest
from scipy import stats

from glassnet import initializers

# Keras's variables turn into arrays in NumPy's former way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHAPES = [(300, 200), (3, 3, 40, 60), (20000,), (5, 60, 70)]
RANDOM: dict[str, dict[str, Any]] = {
    "RandomUniform": {"minval": -0.3, "maxval": 0.7},
    "RandomNormal": {"mean": 0.4, "stddev": 0.3},
    "TruncatedNormal": {"mean": 0.4, "stddev": 0.3},
    "GlorotUniform": {},
    "GlorotNormal": {},
    "HeUniform": {},
    "HeNormal": {},
    "LecunUniform": {},
    "LecunNormal": {},
}
VARIANTS = list(RANDOM.items()) + [
    ("VarianceScaling", {"scale": 1.7, "mode": mode, "distribution": distribution})
    for mode in ("fan_in", "fan_out", "fan_avg")
    for distribution in ("uniform", "truncated_normal", "untruncated_normal")
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("name", "arguments"), VARIANTS)
def test_distribution(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    ours = getattr(initializers, name)(**arguments, seed=1)(shape).numpy().ravel()
    theirs = np.asarray(getattr(keras.initializers, name)(**arguments, seed=1)(shape)).ravel()
    assert ours.dtype == theirs.dtype
    # Two samples of one distribution: no difference that chance would give once in a million.
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-6
    spread = theirs.std()
    error = 8 * spread / np.sqrt(ours.size)
    assert abs(ours.mean() - theirs.mean()) < error
    assert abs(ours.std() - spread) < error
    if "normal" not in str(arguments.get("distribution", name)).lower() or "Trunc" in name:
        room = 0.02 * float(np.ptp(theirs))
        assert ours.max() == pytest.approx(theirs.max(), abs=room)
        assert ours.min() == pytest.approx(theirs.min(), abs=room)


@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [
        ("Zeros", {}, (2, 3)),
        ("Ones", {}, ()),
        ("Constant", {"value": 0.25}, (4,)),
        ("Constant", {"value": [1.0, 2.0]}, (3, 2)),
        ("Identity", {"gain": 2.0}, (3, 4)),
        ("Identity", {}, (4, 2)),
    ],
)
def test_values(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    ours = getattr(initializers, name)(**arguments)(shape)
    np.testing.assert_array_equal(
        ours.numpy(), np.asarray(getattr(keras.initializers, name)(**arguments)(shape))
    )


@pytest.mark.parametrize("name", [n for n in initializers.INITIALIZERS.entries if n != "Given"])
def test_arguments_and_defaults(name: str) -> None:
    ours, theirs = getattr(initializers, name)(), getattr(keras.initializers, name)()
    expected = theirs.get_config()
    if name == "Identity":  # Keras forgets its argument
        expected = {"gain": 1.0}
    assert ours.get_config() == expected


@pytest.mark.parametrize(
    "name",
    ["zeros", "ones", "glorot_uniform", "he_normal", "lecun_uniform", "OrthogonalInitializer",
     "orthogonal", "identity", "normal", "uniform", "zero", "one", "variance_scaling",
     "truncated_normal", "IdentityInitializer", "random_normal", "HeUniform"],
)  # fmt: skip
def test_names(name: str) -> None:
    assert type(initializers.get(name)).__name__ == type(keras.initializers.get(name)).__name__


def test_an_object_repeats_itself_as_keras_s_does() -> None:
    for module in (initializers, keras.initializers):
        for seed in (None, 3):
            initializer = module.GlorotUniform(seed)
            first, second = np.asarray(initializer((3, 4))), np.asarray(initializer((3, 4)))
            np.testing.assert_array_equal(first, second)
        different = np.asarray(module.GlorotUniform()((3, 4)))
        assert (np.asarray(module.GlorotUniform()((3, 4))) != different).any()
