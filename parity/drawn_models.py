"""Networks drawn from a seed, made by the same lines in Keras and in glassnet.

Every function takes the library ``k`` (``keras`` or ``glassnet``) and a generator of random
numbers. Called with the same seed it makes the same network in both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Draw = np.random.Generator

ACTIVATIONS = ("relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "softplus", "linear")


@dataclass
class Head:
    """One output of a network: how it is made, its loss, its metrics, its targets."""

    kind: str
    units: int
    activation: str | None
    loss: Any
    metrics: list[Any]
    weight: float
    name: str = ""


@dataclass
class Case:
    """A network with data, ready to be compiled."""

    model: Any
    heads: list[Head]
    x: Any
    y: Any
    class_weight: dict[int, float] | None
    sample_weight: Any
    compiled: dict[str, Any] = field(default_factory=dict)


def pick(rng: Draw, options: Any) -> Any:
    """Return one of the options."""
    return options[int(rng.integers(len(options)))]


# --- layers -----------------------------------------------------------------------------------
def regularizer(k: Any, rng: Draw) -> Any:
    """Return a penalty, mostly none."""
    strength = float(rng.uniform(0.001, 0.05))
    chosen = pick(rng, ("none", "none", "none", "l1", "l2", "both"))
    made = {
        "none": lambda: None,
        "l1": lambda: k.regularizers.L1(strength),
        "l2": lambda: k.regularizers.L2(strength),
        "both": lambda: k.regularizers.L1L2(l1=strength, l2=strength / 2),
    }
    return made[chosen]()


def dense(k: Any, rng: Draw, units: int, *, shared: bool = False) -> Any:
    """Return a dense layer with drawn activation and penalties.

    A shared layer has no penalty on its output: Keras counts that of its last call alone.
    """
    penalty = pick(rng, (None, None, None, "l1", "l2"))
    on_kernel = regularizer(k, rng)
    constraint = pick(rng, (None, None, "max_norm", "non_neg"))
    if constraint == "non_neg" and getattr(on_kernel, "l1", 0):
        constraint = None  # |w| has its kink where the constraint puts w: rounding decides
    return k.layers.Dense(
        units,
        activation=pick(rng, ACTIVATIONS),
        kernel_regularizer=on_kernel,
        bias_regularizer=pick(rng, (None, None, "l2")),
        activity_regularizer=None if shared else penalty,
        kernel_constraint=constraint,
    )


def normalization(k: Any, rng: Draw, channels: int) -> Any:
    """Return a normalization."""
    momentum, epsilon = float(rng.uniform(0.5, 0.99)), float(10 ** rng.uniform(-4, -2))
    chosen = pick(rng, ("batch", "batch", "layer", "group"))
    if chosen == "batch":
        return k.layers.BatchNormalization(
            momentum=momentum, epsilon=epsilon, scale=bool(rng.integers(2))
        )
    if chosen == "layer":
        return k.layers.LayerNormalization(epsilon=epsilon, center=bool(rng.integers(2)))
    groups = pick(rng, [g for g in (1, 2) if channels % g == 0])
    return k.layers.GroupNormalization(groups, epsilon=epsilon)


def merged(k: Any, rng: Draw, a: Any, b: Any) -> Any:
    """Return two tensors of one shape brought together by a layer or an operator."""
    chosen = pick(rng, ("add", "multiply", "average", "subtract", "concatenate", "maximum", "ops"))
    if chosen == "ops":
        return a * 0.5 + k.ops.tanh(b)
    if chosen == "concatenate":
        return k.layers.Concatenate()([a, b])
    return getattr(k.layers, chosen.capitalize())()([a, b])


def table_trunk(k: Any, rng: Draw) -> tuple[Any, Any, Any]:
    """Return input, features and data of a network on a table."""
    n, width = int(rng.integers(2, 6)), int(rng.integers(3, 7))
    inputs = k.Input((n,), name="x")
    h = dense(k, rng, width)(inputs)
    shared = dense(k, rng, width, shared=True)
    for _ in range(int(rng.integers(1, 3))):
        before = h
        h = pick(rng, (shared, dense(k, rng, width)))(h)
        if rng.integers(2):
            h = normalization(k, rng, width)(k.layers.Dense(width, use_bias=False)(h))
        if rng.integers(2):
            h = k.layers.Dense(width)(merged(k, rng, before, h))
    return inputs, h, rng.normal(size=(size(rng), n)).astype("float32")


def image_trunk(k: Any, rng: Draw) -> tuple[Any, Any, Any]:
    """Return input, features and data of a convolutional network."""
    side, channels = int(rng.integers(6, 9)), int(rng.integers(1, 4))
    inputs = k.Input((side, side + 1, channels), name="x")
    filters = 4
    h = k.layers.Conv2D(
        filters,
        pick(rng, (2, 3)),
        padding=pick(rng, ("same", "valid")),
        activation=pick(rng, ACTIVATIONS),
        kernel_regularizer=regularizer(k, rng),
    )(inputs)
    for _ in range(int(rng.integers(1, 3))):
        before = h
        kind = pick(rng, ("conv", "depthwise", "separable", "grouped", "transpose"))
        normalized = bool(rng.integers(2))
        # A bias that a normalization takes away again has rounding for its gradient.
        a = {"padding": "same", "activation": pick(rng, ACTIVATIONS), "use_bias": not normalized}
        h = {
            "conv": lambda a=a: k.layers.Conv2D(filters, 3, **a),
            "depthwise": lambda a=a: k.layers.DepthwiseConv2D(3, **a),
            "separable": lambda a=a: k.layers.SeparableConv2D(filters, 3, **a),
            "grouped": lambda a=a: k.layers.Conv2D(filters, 3, groups=2, **a),
            "transpose": lambda a=a: k.layers.Conv2DTranspose(filters, 3, **a),
        }[kind]()(h)
        if normalized:
            h = normalization(k, rng, filters)(h)
        if rng.integers(2):
            h = k.layers.Add()([before, h])
    strides = int(rng.integers(1, 3))
    pool = pick(rng, ("MaxPooling2D", "AveragePooling2D"))
    h = getattr(k.layers, pool)(2, strides=strides, padding=pick(rng, ("same", "valid")))(h)
    last = pick(rng, ("Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D"))
    h = getattr(k.layers, last)()(h)
    return inputs, h, rng.normal(size=(size(rng), side, side + 1, channels)).astype("float32")


def text_trunk(k: Any, rng: Draw) -> tuple[Any, Any, Any]:
    """Return input, features and data of a network on sequences of words, often masked."""
    words, length, width = 12, int(rng.integers(5, 8)), 4
    inputs = k.Input((pick(rng, (length, None)),), dtype="int32", name="x")
    masked = bool(rng.integers(2))
    h = k.layers.Embedding(
        words, width, mask_zero=masked, embeddings_regularizer=regularizer(k, rng)
    )(inputs)
    if rng.integers(2):
        h = dense(k, rng, width)(h)
    if not masked:
        h = k.layers.Conv1D(width, 3, padding=pick(rng, ("causal", "same", "valid")))(h)
        h = k.layers.Activation(pick(rng, ACTIVATIONS))(h)
    elif rng.integers(2):
        h = k.layers.LayerNormalization()(h)
    pools = ("GlobalAveragePooling1D", "GlobalAveragePooling1D", "GlobalMaxPooling1D")
    h = getattr(k.layers, pick(rng, pools[: 2 if masked else 3]))()(h)
    data = rng.integers(1, words, (size(rng), length))
    for row, kept in zip(data, rng.integers(1, length + 1, len(data)), strict=True):
        row[kept:] = 0
    return inputs, h, data.astype("int32")


def size(rng: Draw) -> int:
    """Return a number of examples; the last batch is mostly a smaller one."""
    return int(rng.integers(18, 30))


# --- outputs ----------------------------------------------------------------------------------
def head(k: Any, rng: Draw) -> Head:
    """Return a drawn output with a loss that fits it."""
    L, M = k.losses, k.metrics
    kind = pick(rng, ("regression", "regression", "positive", "binary", "logit", "classes", "rows"))
    weight = float(rng.uniform(0.3, 2.0))
    if kind == "regression":
        units = int(rng.integers(1, 4))
        options = (
            ("mse", lambda: "mse"),
            ("mae", lambda: L.MeanAbsoluteError()),
            ("huber", lambda: L.Huber(delta=0.7)),
            ("log_cosh", lambda: L.LogCosh()),
            ("sum", lambda: L.MeanSquaredError(reduction="sum")),
            ("weighted", lambda: L.MeanSquaredError(reduction="mean_with_sample_weight")),
        )
        metrics = ["mae", M.RootMeanSquaredError(name="rmse"), M.MeanSquaredError(name="mse")]
        return Head(kind, units, None, pick(rng, options)[1](), metrics, weight)
    if kind == "positive":
        loss = pick(rng, ("poisson", "msle", "mape"))
        return Head(kind, 2, "softplus", loss, [M.MeanAbsoluteError(name="mae")], weight)
    if kind in ("binary", "logit"):
        logits = kind == "logit"
        options = (
            lambda: L.BinaryCrossentropy(from_logits=logits),
            lambda: L.BinaryCrossentropy(from_logits=logits, label_smoothing=0.1),
            lambda: L.BinaryFocalCrossentropy(from_logits=logits, gamma=1.5),
        )
        metrics = [
            M.BinaryAccuracy(threshold=0.0 if logits else 0.5, name="acc"),
            M.AUC(name="auc", from_logits=logits),
            M.Precision(name="precision", thresholds=0.0 if logits else 0.5),
        ]
        if logits:
            metrics = metrics[:2]
        return Head(kind, 1, None if logits else "sigmoid", pick(rng, options)(), metrics, weight)
    units = int(rng.integers(3, 6))
    logits = bool(rng.integers(2))
    activation = None if logits else "softmax"
    if kind == "classes":
        loss = L.SparseCategoricalCrossentropy(from_logits=logits)
        top = M.SparseTopKCategoricalAccuracy(k=2, name="top")
        return Head(kind, units, activation, loss, ["accuracy", top], weight)
    options = (
        lambda: L.CategoricalCrossentropy(from_logits=logits),
        lambda: L.CategoricalCrossentropy(from_logits=logits, label_smoothing=0.2),
        lambda: L.CategoricalFocalCrossentropy(from_logits=logits),
    )
    return Head(kind, units, activation, pick(rng, options)(), ["accuracy"], weight)


def targets(made: Head, rng: Draw, m: int) -> np.ndarray:
    """Return targets of an output for m examples."""
    if made.kind == "regression":
        return rng.normal(size=(m, made.units)).astype("float32")
    if made.kind == "positive":
        return rng.uniform(0.5, 3, size=(m, made.units)).astype("float32")
    if made.kind in ("binary", "logit"):
        return rng.integers(0, 2, (m, 1)).astype("float32")
    labels = rng.integers(0, made.units, m)
    return labels if made.kind == "classes" else np.eye(made.units, dtype="float32")[labels]


# --- optimizers -------------------------------------------------------------------------------
def optimizer(k: Any, rng: Draw, number: int) -> Any:
    """Return the optimizer of that number with drawn options."""
    o = k.optimizers
    rate = float(rng.uniform(0.002, 0.01))
    if rng.integers(4) == 0:
        rate = o.schedules.ExponentialDecay(rate, decay_steps=5, decay_rate=0.8)
    clip = pick(rng, ({}, {}, {"clipnorm": 0.5}, {"clipvalue": 0.1}, {"global_clipnorm": 1.0}))
    decay = pick(rng, ({}, {}, {"weight_decay": 0.01}))
    average = pick(rng, ({}, {}, {"use_ema": True, "ema_momentum": 0.9}))
    options = {**clip, **decay, **average}
    makers = (
        lambda: o.SGD(rate, momentum=0.9, nesterov=bool(rng.integers(2)), **options),
        lambda: o.RMSprop(rate, centered=bool(rng.integers(2)), epsilon=1e-3, **options),
        lambda: o.Adagrad(rate, **options),
        lambda: o.Adadelta(rate, epsilon=1e-3, **options),
        lambda: o.Adam(rate, epsilon=1e-3, amsgrad=bool(rng.integers(2)), **options),
        lambda: o.AdamW(rate, epsilon=1e-3, **{**options, "weight_decay": 0.02}),
        lambda: o.Adamax(rate, epsilon=1e-3, **options),
        lambda: o.Nadam(rate, epsilon=1e-3, **options),
        lambda: o.Ftrl(rate, **options),
        lambda: o.SGD(rate, **options),
        lambda: o.Adafactor(rate, **options),
        lambda: o.Lamb(rate, epsilon=1e-3, **options),
        lambda: o.Lion(rate / 10 if isinstance(rate, float) else 0.001, **options),
    )
    return makers[number % len(makers)]()


# --- all of it --------------------------------------------------------------------------------
def drawn_case(k: Any, seed: int) -> Case:
    """Return the network of that seed, with its data."""
    rng = np.random.default_rng(seed)
    trunk = (table_trunk, image_trunk, text_trunk)[seed % 3]
    inputs, h, x = trunk(k, rng)
    heads = [head(k, rng) for _ in range(int(pick(rng, (1, 1, 2))))]
    for i, made in enumerate(heads):
        made.name = f"out_{i}"
    outputs = {
        made.name: k.layers.Dense(made.units, activation=made.activation, name=made.name)(h)
        for made in heads
    }
    several = len(heads) > 1
    model = k.Model(inputs, outputs if several else outputs["out_0"])
    y = {made.name: targets(made, rng, len(x)) for made in heads}
    case = Case(model, heads, x, y if several else y["out_0"], None, None)
    weighting = pick(rng, ("none", "none", "sample", "class"))
    if weighting == "sample" and not several:
        case.sample_weight = rng.uniform(0.2, 2.0, len(x)).astype("float32")
    if weighting == "class" and heads[0].kind == "classes" and not several:
        case.class_weight = {i: float(rng.uniform(0.3, 3)) for i in range(heads[0].units)}
    metrics = {made.name: made.metrics for made in heads}
    case.compiled = {
        "optimizer": optimizer(k, rng, seed),
        "loss": {made.name: made.loss for made in heads} if several else heads[0].loss,
        "loss_weights": {made.name: made.weight for made in heads} if several else None,
        pick(rng, ("metrics", "weighted_metrics")): metrics if several else heads[0].metrics,
    }
    return case
