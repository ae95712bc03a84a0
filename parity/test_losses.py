"""Losses against Keras 3: values and gradients over randomly drawn arguments, in float32.

Where Keras is numerically worse: its focal loss from logits takes probabilities and clips them,
so confident examples lose digits; its cosine similarity has no derivative at the zero vector; its
categorical loss from probabilities is cut off at -log(1e-7), where we go through the logits of a
softmax in the graph. Label smoothing of Keras counts the classes of the last axis whatever
``axis`` is; ours counts those of ``axis``, so smoothing is drawn with the last axis alone.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from glassnet import losses
from glassnet.engines import Program
from glassnet.graph import Placeholder, as_tensor, gradients

DRAWS = 12


def probabilities(rng, shape, axis=-1):
    e = np.exp(rng.normal(size=shape))
    return (e / e.sum(axis=axis, keepdims=True)).astype(np.float32)


def one_hot(rng, shape, axis=-1):
    labels = rng.integers(0, shape[axis], np.delete(shape, axis))
    return np.moveaxis(np.eye(shape[axis], dtype=np.float32)[labels], -1, axis)


def numbers(rng, shape):
    return rng.normal(size=shape).astype(np.float32)


def positive(rng, shape):
    return rng.uniform(0.05, 3, size=shape).astype(np.float32)


def pick(rng, *values):
    return values[rng.integers(len(values))]


def shape_of(rng, least=1):
    shape = [int(pick(rng, 1, 2, 5)), int(rng.integers(least, 6))]
    return tuple([shape[0], int(pick(rng, 1, 3)), shape[1]] if rng.random() < 0.4 else shape)


def regression(rng, draw=numbers):
    shape = shape_of(rng)
    return draw(rng, shape), draw(rng, shape), {}


def binary(rng, **extra):
    shape = shape_of(rng)
    logits = bool(rng.random() < 0.5)
    p = numbers(rng, shape) * 3 if logits else rng.uniform(0.02, 0.98, shape).astype(np.float32)
    y = (rng.random(shape) < 0.5).astype(np.float32)
    smoothing = float(pick(rng, 0.0, 0.1, 0.3))
    axis = int(pick(rng, -1, len(shape) - 1))
    return y, p, {"from_logits": logits, "label_smoothing": smoothing, "axis": axis, **extra}


def categorical(rng, **extra):
    shape = shape_of(rng, least=2)
    axis = -1
    if len(shape) == 3 and shape[1] > 1 and rng.random() < 0.5:
        axis = 1
    logits = bool(rng.random() < 0.5)
    p = numbers(rng, shape) * 2 if logits else probabilities(rng, shape, axis)
    if not logits and rng.random() < 0.5:
        p = p * np.float32(1.7)  # probabilities are scaled to sum to 1
    smoothing = float(pick(rng, 0.0, 0.1)) if axis == -1 else 0.0
    options = {"from_logits": logits, "label_smoothing": smoothing, "axis": axis, **extra}
    return one_hot(rng, shape, axis), p, options


def sparse(rng):
    shape = shape_of(rng, least=2)
    logits = bool(rng.random() < 0.5)
    p = numbers(rng, shape) if logits else probabilities(rng, shape)
    y = rng.integers(0, shape[-1], shape[:-1])
    ignored = pick(rng, None, 0, -1)
    if ignored == -1:
        y = np.where(rng.random(y.shape) < 0.3, -1, y)
    if rng.random() < 0.3:
        y = y[..., None]
    return y, p, {"from_logits": logits, "ignore_class": ignored}


CASES = {
    "MeanSquaredError": regression,
    "MeanAbsoluteError": regression,
    "MeanAbsolutePercentageError": regression,
    "MeanSquaredLogarithmicError": lambda rng: regression(rng, positive),
    "Huber": lambda rng: (*regression(rng)[:2], {"delta": float(pick(rng, 0.3, 1.0, 2.5))}),
    "LogCosh": regression,
    "CosineSimilarity": lambda rng: (*regression(rng)[:2], {"axis": int(pick(rng, -1, 1))}),
    "Hinge": lambda rng: (*regression(rng)[:2], {}),
    "SquaredHinge": lambda rng: (binary(rng)[0], *regression(rng)[1:]),
    "CategoricalHinge": categorical,
    "KLDivergence": lambda rng: regression(rng, probabilities),
    "Poisson": lambda rng: regression(rng, positive),
    "BinaryCrossentropy": binary,
    "BinaryFocalCrossentropy": lambda rng: binary(
        rng,
        apply_class_balancing=bool(rng.random() < 0.5),
        alpha=float(pick(rng, 0.25, 0.6)),
        gamma=float(pick(rng, 1.0, 2.0, 3.5)),
    ),
    "CategoricalCrossentropy": categorical,
    "CategoricalFocalCrossentropy": lambda rng: categorical(
        rng, alpha=float(pick(rng, 0.25, 1.0)), gamma=float(pick(rng, 1.0, 2.0, 2.5))
    ),
    "SparseCategoricalCrossentropy": sparse,
    "Dice": lambda rng: (*binary(rng)[:2], {"axis": pick(rng, None, -1)}),
    "Tversky": lambda rng: (*binary(rng)[:2], {"alpha": 0.3, "beta": 0.6, "axis": -1}),
    "CategoricalGeneralizedCrossEntropy": lambda rng: (
        (p := probabilities(rng, shape_of(rng, 2))).argmin(-1),
        p,
        {"q": float(pick(rng, 0.3, 0.7))},
    ),
}


def same_shapes(y, p):
    """The hinge with 0/1 targets and predictions of its own shape."""
    return p if y.shape == p.shape else np.resize(p, y.shape)


def drawn(name, seed):
    rng = np.random.default_rng([seed, sum(map(ord, name))])
    y, p, options = CASES[name](rng)
    if name in ("SquaredHinge",):
        p, options = same_shapes(y, p), {}
    if name == "CategoricalHinge":
        y, options = one_hot(rng, p.shape), {}
    reduction = pick(rng, "sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")
    values = np.asarray(getattr(keras.losses, name)(reduction="none", **options)(y, p))
    weight = mask = None
    if values.ndim and rng.random() < 0.6:
        places = values.shape if rng.random() < 0.5 else (values.shape[0], *[1] * (values.ndim - 1))
        weight = rng.uniform(0, 2, places).astype(np.float32) * (rng.random(places) < 0.8)
    if values.ndim and rng.random() < 0.4:
        mask = rng.random(values.shape) < 0.6
    return y, p, {"reduction": reduction, **options}, weight, mask


@pytest.mark.parametrize("seed", range(DRAWS))
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name, seed):
    y, p, options, weight, mask = drawn(name, seed)
    theirs = getattr(keras.losses, name)(**options)

    def total(q):
        if mask is not None:
            q = q + 0
            keras.src.backend.set_keras_mask(q, jnp.asarray(mask))
        return jnp.sum(theirs(y, q, sample_weight=weight))

    expected, slope = jax.value_and_grad(total)(jnp.asarray(p))
    ours = getattr(losses, name)(**options)
    x = Placeholder(p.shape, np.float32, name="p")
    if mask is not None:
        x.mask = as_tensor(mask)
    loss = ours(y, x, sample_weight=weight).sum()
    value, derivative = Program([x], [loss, *gradients([loss], [x])]).run(p)
    scale = max(1.0, float(np.abs(slope).max()))
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(derivative, slope, rtol=1e-5, atol=2e-6 * scale)


@pytest.mark.parametrize("name", [n for n in CASES if n != "CategoricalGeneralizedCrossEntropy"])
def test_function_form(name):
    y, p, options, *_ = drawn(name, 3)
    options.pop("reduction")
    theirs = getattr(keras.losses, name)
    function = theirs(**options).fn.__name__
    expected = getattr(keras.losses, function)(y, jnp.asarray(p), **options)
    found = getattr(losses, function)(y, p, **options)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5, atol=1e-6)


def test_defaults_are_those_of_keras():
    import inspect

    for name in CASES:
        theirs = inspect.signature(getattr(keras.losses, name)).parameters
        ours = inspect.signature(getattr(losses, name)).parameters
        assert {k: v.default for k, v in theirs.items()} == {k: v.default for k, v in ours.items()}
        assert list(theirs) == list(ours)


def test_targets_and_predictions_a_last_axis_apart():
    rng = np.random.default_rng(0)
    for y_shape, p_shape in [
        ((5,), (5, 1)),
        ((5, 1), (5,)),
        ((4, 3, 1), (4, 3)),
        ((4, 3), (4, 3, 1)),
    ]:
        y, p = numbers(rng, y_shape), numbers(rng, p_shape)
        for name in ("MeanSquaredError", "MeanAbsoluteError", "Huber"):
            expected = getattr(keras.losses, name)(reduction="none")(y, p)
            found = getattr(losses, name)(reduction="none")(y, p)
            assert found.shape == expected.shape
            np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5)
