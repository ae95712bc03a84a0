"""Networks in the forms that programs must say: stacks, branches, models within models, masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import glassnet as gn

Made = tuple[Any, list[np.ndarray]]
L = gn.layers


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return normally distributed float32 numbers."""
    return rng.normal(size=shape).astype("float32")


def stack(rng: np.random.Generator) -> Made:
    model = gn.Sequential(
        [
            gn.Input((6,)),
            L.Dense(8, activation="relu", kernel_regularizer="l2"),
            L.Dropout(0.3),
            L.BatchNormalization(center=False),
            L.Dense(3, activation="softmax", use_bias=False),
        ]
    )
    return model, [normal(rng, 5, 6)]


def images(rng: np.random.Generator) -> Made:
    model = gn.Sequential(
        [
            gn.Input((9, 8, 2)),
            L.Rescaling(0.5, offset=-0.1),
            L.ZeroPadding2D(((1, 0), (0, 2))),
            L.Conv2D(4, 3, strides=2, padding="same", activation="gelu"),
            L.BatchNormalization(),
            L.PReLU(shared_axes=[1, 2]),
            L.MaxPooling2D(2, strides=1, padding="same"),
            L.UpSampling2D(2),
            L.AveragePooling2D(3, strides=2, padding="same"),
            L.Conv2DTranspose(3, 2, strides=2),
            L.Softmax(),
            L.Flatten(),
            L.Dense(4),
        ],
        name="camera",
    )
    return model, [normal(rng, 3, 9, 8, 2)]


def any_size(rng: np.random.Generator) -> Made:
    """Images whose sizes only a run tells."""
    x = gn.Input((None, None, 2))
    h = L.Conv2D(3, (3, 2), strides=(2, 3), padding="same", activation="tanh")(x)
    h = L.MaxPooling2D(2, padding="same")(h)
    h = L.UpSampling2D(2)(h)
    return gn.Model(x, L.GlobalAveragePooling2D()(h)), [normal(rng, 2, 11, 13, 2)]


def residual(rng: np.random.Generator) -> Made:
    x = gn.Input((7, 7, 4), name="image")
    h = L.Conv2D(4, 3, padding="same", activation="relu")(x)
    a = L.Conv2D(4, 3, padding="same")(h)
    b = gn.ops.tanh(a) * 0.5 + h
    c = L.Concatenate()([a, b, x])
    d = L.LayerNormalization()(c)
    e = (d - gn.ops.mean(d, axis=(1, 2), keepdims=True)) / 2.0
    out = L.Dense(3, activation="sigmoid")(L.GlobalMaxPooling2D()(e))
    return gn.Model(x, out), [normal(rng, 3, 7, 7, 4)]


def unequal_branches(rng: np.random.Generator) -> Made:
    """The branch that is made last is the deeper one, so that Keras has its layers first."""
    a, b = gn.Input((4,), name="short"), gn.Input((6, 4), name="long")
    h = L.Dense(4, activation="gelu")(a)
    c = L.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="silu")(b)
    c = L.Reshape((2, 2))(L.Dense(4)(L.GlobalAveragePooling1D()(c)))
    out = L.Dense(3)(L.Concatenate()([h, L.Flatten()(c)]))
    return gn.Model([a, b], out), [normal(rng, 3, 4), normal(rng, 3, 6, 4)]


def several(rng: np.random.Generator) -> Made:
    """Two inputs, three outputs, a shared layer."""
    a, b = gn.Input((4,), name="left"), gn.Input((4,), name="right")
    shared = L.Dense(5, activation="silu", name="shared")
    p, q = shared(a), shared(b)
    cosine = L.Dot(axes=1, normalize=True, name="cosine")([p, q])
    outputs = {
        "cosine": cosine,
        "sum": L.Dense(2)(L.Add()([p, q])),
        "difference": gn.ops.abs(p - q),
    }
    return gn.Model([a, b], outputs), [normal(rng, 3, 4), normal(rng, 3, 4)]


def nested(rng: np.random.Generator) -> Made:
    """Models within the model, one of them twice, one of two outputs."""
    block = gn.Sequential(
        [gn.Input((5,)), L.Dense(5, activation="tanh"), L.LayerNormalization()], name="block"
    )
    x = gn.Input((5,))
    split = gn.Model(x, [L.Dense(3)(x), L.Dense(2)(x)], name="split")
    i = gn.Input((5,))
    p, q = split(block(block(i)))
    inner = gn.Sequential([gn.Input((5,)), block, L.Dense(4, activation="relu")], name="tail")
    return gn.Model(i, [p, L.Concatenate()([q, inner(i)])]), [normal(rng, 4, 5)]


def nested_convolution(rng: np.random.Generator) -> Made:
    eye = gn.Sequential(
        [gn.Input((6, 6, 2)), L.Conv2D(3, 2, activation="elu"), L.MaxPooling2D()], name="eye"
    )
    i = gn.Input((6, 6, 2))
    h = L.Flatten()(L.Conv2D(2, 2)(eye(i)))
    return gn.Model(i, L.Dense(2)(h)), [normal(rng, 3, 6, 6, 2)]


def words(rng: np.random.Generator) -> Made:
    """Masks made by an embedding, joined, and heeded by a mean."""
    i, j = gn.Input((6,), dtype="int32", name="i"), gn.Input((6,), dtype="int32", name="j")
    table = L.Embedding(9, 4, mask_zero=True)
    a, b = table(i), table(j)
    h = L.Concatenate(axis=1)([L.Dense(4, activation="tanh")(a), b])
    mean = L.GlobalAveragePooling1D()(h)
    product = L.GlobalAveragePooling1D()(L.Multiply()([a, b]))
    data = [rng.integers(0, 9, (4, 6)).astype("int32") for _ in range(2)]
    for x in data:
        x[:, 0] = 1
    return gn.Model([i, j], [mean, product]), data


def words_within(rng: np.random.Generator) -> Made:
    """A mask that goes through a model within the model."""
    x = gn.Input((None, 4))
    reader = gn.Model(x, L.GlobalAveragePooling1D()(L.Dense(3)(x)), name="reader")
    i = gn.Input((5,), dtype="int32")
    h = reader(L.Masking(0.5)(L.Embedding(7, 4, mask_zero=True)(i)))
    data = rng.integers(0, 7, (4, 5)).astype("int32")
    data[:, 0] = 2
    return gn.Model(i, h), [data]


def own_functions(rng: np.random.Generator) -> Made:
    """Functions of the user, as activation, as Lambda, with penalties on outputs."""

    def bent(x: Any) -> Any:
        return gn.ops.where(x > 0.1, x, 0.2 * gn.ops.exp(x)) + gn.ops.square(x)

    x = gn.Input((4,))
    h = L.Dense(6, activation=bent, activity_regularizer="l2")(x)
    h = L.Lambda(lambda t: t[:, 1:5] * np.array([1.0, 2.0, 0.5, -1.0], "float32"))(h)
    h = L.Activation(lambda t: gn.ops.softmax(t, axis=-1) - 0.25)(h)
    return gn.Model(x, h), [normal(rng, 3, 4)]


def lengths(rng: np.random.Generator) -> Made:
    """Sequences whose length only a run tells."""
    x = gn.Input((None, 3))
    h = L.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu")(x)
    h = L.SeparableConv1D(4, 3, padding="same", strides=2)(h)
    h = L.SpatialDropout1D(0.2)(L.UpSampling1D(2)(h))
    return gn.Model(x, L.GlobalMaxPooling1D()(h)), [normal(rng, 2, 9, 3)]


def frozen(rng: np.random.Generator) -> Made:
    base = gn.Sequential([gn.Input((4,)), L.Dense(4), L.BatchNormalization()], name="base")
    base.trainable = False
    i = gn.Input((4,))
    return gn.Model(i, L.Dense(2)(base(i))), [normal(rng, 3, 4)]


NETWORKS: dict[str, Callable[[np.random.Generator], Made]] = {
    made.__name__: made
    for made in (
        stack,
        images,
        any_size,
        residual,
        several,
        unequal_branches,
        nested,
        nested_convolution,
        words,
        words_within,
        own_functions,
        lengths,
        frozen,
    )
}
