"""Networks of every shape that diagrams are tried on, with the pairs of blocks that are joined."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

import glassnet as gn
from glassnet import layers as L


def xor():
    hidden, out = L.Dense(3, "tanh", name="hidden"), L.Dense(1, "sigmoid", name="out")
    model = gn.Sequential([gn.Input((2,), name="x"), hidden, out], name="xor")
    return model, [("x", "hidden"), ("hidden", "out")]


def residual():
    """Two residual blocks, the second with a projection."""
    image = gn.Input((8, 8, 3), name="image")
    x = L.Conv2D(4, 3, padding="same", name="stem")(image)
    y = L.Conv2D(4, 3, padding="same", name="a1")(x)
    y = L.Conv2D(4, 3, padding="same", name="a2")(y)
    x = L.Add(name="add1")([x, y])
    y = L.Conv2D(8, 3, strides=2, padding="same", name="b1")(x)
    y = L.BatchNormalization(name="b2")(y)
    x = L.Add(name="add2")([L.Conv2D(8, 1, strides=2, name="short")(x), y])
    model = gn.Model(image, L.Dense(2, name="out")(L.Flatten(name="flat")(x)), name="residual")
    return model, [
        ("image", "stem"), ("stem", "a1"), ("a1", "a2"), ("stem", "add1"), ("a2", "add1"),
        ("add1", "b1"), ("b1", "b2"), ("add1", "short"), ("short", "add2"), ("b2", "add2"),
        ("add2", "flat"), ("flat", "out"),
    ]  # fmt: skip


def two_in_two_out():
    a, b = gn.Input((8, 8, 1), name="picture"), gn.Input((5,), name="facts")
    x = L.Concatenate(name="both")([L.Flatten(name="flat")(a), L.Dense(3, name="few")(b)])
    outputs = [L.Dense(4, name="kind")(x), L.Dense(1, name="price")(x)]
    model = gn.Model([a, b], outputs, name="two")
    return model, [
        ("picture", "flat"), ("facts", "few"), ("flat", "both"), ("few", "both"),
        ("both", "kind"), ("both", "price"), ("kind", "output 1"), ("price", "output 2"),
    ]  # fmt: skip


def siamese():
    a, b = gn.Input((6,), name="left"), gn.Input((6,), name="right")
    tower = L.Dense(4, name="tower")
    model = gn.Model([a, b], L.Subtract(name="minus")([tower(a), tower(b)]), name="siamese")
    return model, [
        ("left", "tower"), ("right", "tower#2"), ("tower", "minus"), ("tower#2", "minus"),
    ]  # fmt: skip


def with_ops():
    x = gn.Input((4,), name="x")
    h = L.Dense(4, name="h")(x)
    model = gn.Model(x, np.tanh(h) + x, name="ops")
    return model, [("x", "h"), ("h", "tanh"), ("tanh", "add"), ("x", "add")]


def the_same_twice():
    x = gn.Input((4,), name="x")
    model = gn.Model(x, L.Add(name="double")([x, x]), name="twice")
    return model, [("x", "double"), ("x", "double")]


def autoencoder():
    inner = gn.Input((6,), name="inner")
    code = L.Dense(2, name="code")(inner)
    encoder = gn.Model(inner, [code, L.Dense(1, name="side")(inner)], name="encoder")
    decoder = gn.Sequential([gn.Input((2,), name="z"), L.Dense(6, name="back")], name="decoder")
    x = gn.Input((6,), name="x")
    code, side = encoder(x)
    return gn.Model(x, [decoder(code), L.Dense(1, name="last")(side)], name="autoencoder")


NESTED_CLOSED = [
    ("x", "encoder"), ("encoder", "decoder"), ("encoder", "last"), ("decoder", "output 1"),
    ("last", "output 2"),
]  # fmt: skip
NESTED_OPENED = [
    *NESTED_CLOSED,
    ("encoder", "encoder/inner"), ("encoder/inner", "encoder/code"),
    ("encoder/inner", "encoder/side"), ("encoder/code", "encoder"), ("encoder/side", "encoder"),
    ("decoder", "decoder/z"), ("decoder/z", "decoder/back"), ("decoder/back", "decoder"),
]  # fmt: skip


def deep(count=50):
    stack = [L.Dense(7, name=f"layer_{i}") for i in range(count)]
    model = gn.Sequential([gn.Input((5,), name="x"), *stack], name="deep")
    names = ["x", *(f"layer_{i}" for i in range(count))]
    return model, list(pairwise(names))


def densely_connected(count=6):
    """Every layer sees the outputs of all before it."""
    xs, pairs, names = [gn.Input((4,), name="x")], [], ["x"]
    for i in range(count):
        join = L.Concatenate(name=f"join_{i}")(xs) if i else xs[0]
        pairs += [(name, f"join_{i}") for name in names] if i else []
        pairs.append((f"join_{i}" if i else "x", f"layer_{i}"))
        xs.append(L.Dense(3, name=f"layer_{i}")(join))
        names.append(f"layer_{i}")
    pairs += [(name, "all") for name in names]
    return gn.Model(xs[0], L.Concatenate(name="all")(xs), name="dense"), pairs


def drawn_by_chance(seed):
    """A network whose layers take one, two or three earlier tensors, whichever chance names."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 4))
    xs = [gn.Input((4,), name=f"in_{i}") for i in range(count)]
    names, pairs, used = [f"in_{i}" for i in range(count)], [], set()
    for i in range(int(rng.integers(6, 22))):
        recent = rng.random() < 0.6
        near = range(max(0, len(xs) - 3), len(xs)) if recent else range(len(xs))
        chosen = sorted({int(rng.choice(near)) for _ in range(int(rng.integers(1, 4)))})
        parts = [xs[c] for c in chosen]
        layer = (
            L.Dense(4, "relu" if rng.random() < 0.5 else None, name=f"n_{i}")
            if len(parts) == 1
            else L.Add(name=f"n_{i}")
        )
        pairs += [(names[c], f"n_{i}") for c in chosen]
        used |= {names[c] for c in chosen}
        xs.append(layer(parts[0] if len(parts) == 1 else parts))
        names.append(f"n_{i}")
    loose = [i for i, name in enumerate(names) if name not in used]
    pairs += [(names[i], "end") for i in loose] if len(loose) > 1 else []
    out = L.Add(name="end")([xs[i] for i in loose]) if len(loose) > 1 else xs[loose[0]]
    return gn.Model(xs[:count], out, name=f"chance_{seed}"), pairs


def deeply_nested():
    """A model of three inputs within a model within a model; the middle one is called twice."""
    inputs = [gn.Input((4,), name=f"in_{i}") for i in range(3)]
    first = L.Dense(4, name="first")(inputs[0])
    joined = L.Add(name="joined")([first, inputs[1], inputs[2]])
    inner = gn.Model(inputs, [joined, first], name="inner_model_with_a_long_name")
    x = gn.Input((4,), name="x")
    a, b = inner([x, L.Dense(4, name="y")(x), x])
    middle = gn.Model(x, L.Subtract(name="minus")([a, b]), name="middle")
    z = gn.Input((4,), name="z")
    return gn.Model(z, L.Dense(2, name="end")(middle(middle(z))), name="outer")
