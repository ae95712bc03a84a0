"""Merging layers against Keras's: values, derivatives, broadcasting, masks."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from harness import assert_close, assert_layer_parity, assert_same_signature, keras

import glassnet as gn
from glassnet import layers
from glassnet.graph import Constant

ELEMENTWISE = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]


def _inputs(shapes: list[tuple[int, ...]], seed: int = 0) -> list[np.ndarray]:
    """Return arrays whose entries all differ, so that no two of them tie."""
    total = sum(int(np.prod(s)) for s in shapes)
    entries = np.random.default_rng(seed).permutation(total).astype(np.float32) / 8 - total / 20
    cuts = np.cumsum([int(np.prod(s)) for s in shapes])[:-1]
    return [a.reshape(s) for a, s in zip(np.split(entries, cuts), shapes, strict=True)]


@pytest.mark.parametrize(
    "shapes",
    [
        [(3, 4), (3, 4)],
        [(1, 1), (1, 1)],
        [(2, 3, 4), (2, 1, 4)],
        [(2, 3, 1), (2, 1, 4)],
        [(2, 3, 4), (2, 4)],
        [(2, 4), (2, 5, 3, 4)],
    ],
)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name: str, shapes: list[tuple[int, ...]]) -> None:
    assert_layer_parity(getattr(keras.layers, name), getattr(layers, name), {}, _inputs(shapes))


@pytest.mark.parametrize("name", ["Add", "Multiply", "Average", "Maximum", "Minimum"])
def test_of_one_and_of_four(name: str) -> None:
    ours, theirs = getattr(layers, name), getattr(keras.layers, name)
    assert_layer_parity(theirs, ours, {}, _inputs([(2, 3, 4), (2, 3, 4), (2, 1, 1), (2, 3, 1)]))
    x = _inputs([(2, 3)])
    assert_close(ours()(x), theirs()([jnp.asarray(x[0])]), "of one input")


@pytest.mark.parametrize(
    ("shapes", "axis"),
    [
        ([(3, 2), (3, 5)], -1),
        ([(1, 1), (1, 1)], 1),
        ([(2, 3, 4), (2, 1, 4), (2, 2, 4)], 1),
        ([(2, 3, 4), (2, 3, 4)], -2),
        ([(2, 3, 4, 1), (2, 3, 4, 2)], 3),
    ],
)
def test_concatenate(shapes: list[tuple[int, ...]], axis: int) -> None:
    x = _inputs(shapes)
    assert_layer_parity(keras.layers.Concatenate, layers.Concatenate, {"axis": axis}, x)


@pytest.mark.parametrize(
    ("shapes", "axes"),
    [
        ([(3, 4), (3, 4)], 1),
        ([(3, 4), (3, 4)], -1),
        ([(1, 1), (1, 1)], 1),
        ([(2, 3, 4), (2, 5, 4)], 2),
        ([(2, 3, 4), (2, 4, 5)], (2, 1)),
        ([(2, 3, 4), (2, 3, 5)], [1, 1]),
        ([(2, 4), (2, 4, 5)], 1),
        ([(2, 3, 4), (2, 3)], (1, 1)),
        ([(2, 3, 4, 5), (2, 4, 6)], (2, 1)),
        ([(1, 3, 1, 5), (1, 2, 5, 3)], (1, 3)),
    ],
)
@pytest.mark.parametrize("normalize", [False, True])
def test_dot(shapes: list[tuple[int, ...]], axes: Any, normalize: bool) -> None:
    arguments = {"axes": axes, "normalize": normalize}
    if normalize and shapes == [(1, 1), (1, 1)]:
        # A vector of one entry has length 1 whatever it is: the slope is 0, Keras's its rounding.
        x = _inputs(shapes)
        ours, theirs = layers.Dot(**arguments)(x), keras.layers.Dot(**arguments)(x)
        assert_close(ours, theirs, "output")
        slopes = gn.grad(lambda a, b: layers.Dot(**arguments)([a, b]).sum(), (0, 1))(*x)
        assert all(np.abs(s).max() < 1e-6 for s in slopes)
        return
    assert_layer_parity(keras.layers.Dot, layers.Dot, arguments, _inputs(shapes), tolerance=5e-5)


def _masked_outputs(
    name: str, arguments: dict[str, Any], arrays: list[np.ndarray], masks: list[Any]
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return output and mask of our layer and of Keras's, for inputs that carry masks."""
    mine, hers = [], []
    for array, mask in zip(arrays, masks, strict=True):
        mine.append(Constant(array))
        hers.append(jnp.asarray(array))
        if mask is not None:
            mine[-1].mask = Constant(mask)
            keras.src.backend.set_keras_mask(hers[-1], jnp.asarray(mask))
    ours = getattr(layers, name)(**arguments)(mine)
    theirs = getattr(keras.layers, name)(**arguments)(hers)
    return (ours, ours.mask), (theirs, keras.src.backend.get_keras_mask(theirs))


def _compare_masked(
    name: str, arguments: dict[str, Any], arrays: list[np.ndarray], masks: list[Any]
) -> None:
    (ours, our_mask), (theirs, their_mask) = _masked_outputs(name, arguments, arrays, masks)
    assert_close(ours, theirs, "output")
    assert (our_mask is None) == (their_mask is None)
    if their_mask is not None:
        np.testing.assert_array_equal(np.asarray(our_mask), np.asarray(their_mask))


@pytest.mark.parametrize("given", [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("shapes", [[(2, 3, 4), (2, 3, 4)], [(2, 3, 4), (2, 3, 1)], [(1, 4)] * 2])
def test_masks(name: str, given: tuple[bool, bool], shapes: list[tuple[int, ...]]) -> None:
    rng = np.random.default_rng(2)
    masks = [rng.random(s[:-1]) < 0.5 if g else None for s, g in zip(shapes, given, strict=True)]
    _compare_masked(name, {}, _inputs(shapes), masks)


@pytest.mark.parametrize("name", ["Multiply", "Maximum", "Minimum"])
@pytest.mark.parametrize("seed", range(4))
def test_masks_of_three(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = [None if rng.random() < 0.3 else rng.random((2, 5)) < 0.5 for _ in range(3)]
    _compare_masked(name, {}, _inputs([(2, 5, 3)] * 3), masks)


@pytest.mark.parametrize(
    ("shapes", "axis"),
    [
        ([(2, 3, 4), (2, 3, 2)], -1),
        ([(2, 3, 4), (2, 5, 4)], 1),
        ([(2, 3), (2, 4)], -1),
        ([(1, 1, 1), (1, 1, 1)], 2),
    ],
)
@pytest.mark.parametrize("given", [(True, True), (True, False), (False, True), (False, False)])
def test_masks_of_concatenate(
    shapes: list[tuple[int, ...]], axis: int, given: tuple[bool, bool]
) -> None:
    rng = np.random.default_rng(3)
    masks = [rng.random(s[:-1]) < 0.5 if g else None for s, g in zip(shapes, given, strict=True)]
    _compare_masked("Concatenate", {"axis": axis}, _inputs(shapes), masks)


def test_mask_of_every_entry_in_concatenate() -> None:
    rng = np.random.default_rng(4)
    masks = [rng.random((2, 3, 4)) < 0.2, rng.random((2, 3)) < 0.5]
    _compare_masked("Concatenate", {}, _inputs([(2, 3, 4), (2, 3, 2)]), masks)


def test_dot_drops_the_mask() -> None:
    _compare_masked("Dot", {"axes": 2}, _inputs([(2, 3, 4)] * 2), [np.ones((2, 3), bool)] * 2)


@pytest.mark.parametrize("name", [*ELEMENTWISE, "Concatenate", "Dot"])
def test_signature_and_function(name: str) -> None:
    assert_same_signature(getattr(keras.layers, name), getattr(layers, name))
    x = _inputs([(2, 3), (2, 3)])
    ours = getattr(layers, name.lower())(x)
    theirs = getattr(keras.layers, name.lower())([jnp.asarray(a) for a in x])
    assert_close(ours, theirs, "the function")
