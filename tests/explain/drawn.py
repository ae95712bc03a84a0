"""Networks drawn from seeds: small, in float64, of every kind the library has.

A network is an input (a table, an image, a sequence, words), a few blocks drawn from those that
fit it, and one or two outputs. Activations and losses go round, so that each comes again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import glassnet as gn
from glassnet import layers, losses, ops, optimizers, regularizers
from glassnet.activations import ACTIVATIONS
from glassnet.losses import LOSSES

Draw = np.random.Generator


@dataclass
class Drawn:
    """A compiled network, a batch, and the names of the activations and losses in it."""

    model: Any
    x: Any
    y: Any
    activations: set[str] = field(default_factory=set)
    losses: set[str] = field(default_factory=set)
    blocks: set[str] = field(default_factory=set)


def pick(rng: Draw, options: Any) -> Any:
    """Return one of the options."""
    return options[int(rng.integers(len(options)))]


class Drawing:
    """One network under construction: its generator of random numbers and what it used."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.turn = seed
        self.activations: set[str] = set()
        self.losses: set[str] = set()
        self.blocks: set[str] = set()

    # --- pieces -------------------------------------------------------------------------------
    def activation(self) -> Any:
        """Return the next activation in turn."""
        names = list(ACTIVATIONS.entries)
        name = names[self.turn % len(names)]
        self.turn += 7  # no divisor of the number of activations: all of them come
        if self.rng.integers(4) == 0:
            name = pick(self.rng, ("linear", "relu", "tanh", "sigmoid"))
        self.activations.add(name)
        function = ACTIVATIONS.entries[name]
        if name == "threshold":
            return lambda x: function(x, 0.1, -0.2)
        return function

    def penalty(self) -> Any:
        """Return a regularizer, mostly none."""
        strength = float(self.rng.uniform(0.01, 0.1))
        return pick(self.rng, (
            None, None, None, regularizers.L1(strength), regularizers.L2(strength),
            regularizers.L1L2(strength, strength / 2),
        ))  # fmt: skip

    def dense(self, units: int, **options: Any) -> Any:
        """Return a dense layer; a gated activation halves the width, so twice as many units."""
        options.setdefault("activation", self.activation())
        gated = options["activation"] is ACTIVATIONS.entries["glu"]
        return layers.Dense(
            2 * units if gated else units,
            kernel_regularizer=self.penalty(),
            bias_regularizer=pick(self.rng, (None, None, "l2")),
            bias_initializer="normal",
            use_bias=bool(self.rng.integers(5)),
            **options,
        )

    def normalization(self, channels: int) -> Any:
        """Return a layer that normalizes."""
        epsilon = float(10 ** self.rng.uniform(-3, -1))
        batch = layers.BatchNormalization
        layer = layers.LayerNormalization
        normal = {"gamma_initializer": "normal", "beta_initializer": "normal"}
        return pick(self.rng, (
            lambda: batch(epsilon=epsilon, momentum=0.9, **normal),
            lambda: batch(epsilon=epsilon, scale=False),
            lambda: layer(epsilon=epsilon, **normal),
            lambda: layer(epsilon=epsilon, center=False, gamma_initializer="normal"),
            lambda: layer(epsilon=epsilon, rms_scaling=True),
            lambda: layers.GroupNormalization(pick(self.rng, (1, 2)), epsilon=epsilon, **normal),
            layers.UnitNormalization,
        ))()  # fmt: skip

    def noise(self) -> Any:
        """Return a layer that draws at random."""
        return pick(self.rng, (
            lambda: layers.Dropout(0.3),
            lambda: layers.Dropout(0.5),
            lambda: layers.GaussianDropout(0.2),
            lambda: layers.GaussianNoise(0.3),
            lambda: layers.AlphaDropout(0.2),
        ))()  # fmt: skip

    def merged(self, a: Any, b: Any) -> Any:
        """Return two tensors of one shape brought together."""
        return pick(self.rng, (
            lambda: layers.Add()([a, b]),
            lambda: layers.Subtract()([a, b]),
            lambda: layers.Multiply()([a, b]),
            lambda: layers.Average()([a, b]),
            lambda: layers.Maximum()([a, b]),
            lambda: layers.Minimum()([a, b]),
            lambda: layers.Concatenate()([a, b]),
            lambda: a * 0.5 + ops.tanh(b),
            lambda: a * b - a / (2.0 + b * b),
        ))()  # fmt: skip

    # --- tables -------------------------------------------------------------------------------
    def table(self, m: int) -> tuple[Any, Any, Any]:
        """Return input, features and data of a network on a table."""
        rng, n = self.rng, int(self.rng.integers(2, 6))
        inputs = gn.Input((n,))
        width = 2 * int(rng.integers(1, 4))
        h = self.dense(width)(inputs)
        for _ in range(int(rng.integers(1, 4))):
            h = self.block(h, self.TABLE)
        return inputs, h, rng.normal(size=(m, n))

    def block(self, h: Any, blocks: Any) -> Any:
        """Return what a block that is drawn makes of ``h``."""
        block = pick(self.rng, blocks)
        self.blocks.add(block.__name__)
        return block(self, h)

    def deeper(self, h: Any) -> Any:
        return self.dense(2 * int(self.rng.integers(1, 4)))(h)

    def normalized(self, h: Any) -> Any:
        width = 2 * int(self.rng.integers(1, 4))
        return self.normalization(width)(layers.Dense(width, use_bias=False)(h))

    def noisy(self, h: Any) -> Any:
        return self.noise()(h)

    def shared(self, h: Any) -> Any:
        """One layer called twice."""
        layer = self.dense(int(h.shape[-1]))
        return layer(layer(h))

    def branches(self, h: Any) -> Any:
        """Two layers on the same features, brought together."""
        width = 2 * int(self.rng.integers(1, 3))
        return self.merged(self.dense(width)(h), self.dense(width)(h))

    def residual(self, h: Any) -> Any:
        """Features beside what a layer makes of them."""
        return self.merged(h, self.dense(int(h.shape[-1]))(h))

    def bent(self, h: Any) -> Any:
        """A layer that is an activation."""
        return pick(self.rng, (
            lambda: layers.PReLU(alpha_initializer="uniform"),
            lambda: layers.LeakyReLU(0.2),
            lambda: layers.ELU(0.7),
            lambda: layers.ReLU(max_value=0.9, negative_slope=0.1, threshold=0.1),
            layers.Softmax,
            lambda: layers.ActivityRegularization(l1=0.01, l2=0.02),
            lambda: layers.Rescaling(0.5, 0.1),
            lambda: layers.Activation(self.activation_of_width()),
        ))()(h)  # fmt: skip

    def activation_of_width(self) -> Any:
        """Return an activation that keeps the width."""
        function = self.activation()
        return "tanh" if function is ACTIVATIONS.entries["glu"] else function

    TABLE: tuple[Callable[..., Any], ...] = (
        deeper, normalized, normalized, noisy, shared, branches, residual, bent,
    )  # fmt: skip

    # --- images -------------------------------------------------------------------------------
    def image(self, m: int) -> tuple[Any, Any, Any]:
        """Return input, features and data of a convolutional network."""
        rng = self.rng
        side, channels = int(rng.integers(4, 6)), int(rng.integers(1, 3))
        inputs = gn.Input((side, side + 1, channels))
        h = layers.Conv2D(
            2, pick(rng, (2, 3)), padding=pick(rng, ("same", "valid")),
            activation=self.activation_of_width(), kernel_regularizer=self.penalty(),
            bias_initializer="normal",
        )(inputs)  # fmt: skip
        for _ in range(int(rng.integers(1, 3))):
            h = self.block(h, self.IMAGE)
        last = pick(rng, ("Flatten", "Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D"))
        h = getattr(layers, last)()(h)
        return inputs, h, rng.normal(size=(m, side, side + 1, channels))

    def convolved(self, h: Any) -> Any:
        rng = self.rng
        padding, activation = pick(rng, ("same", "same", "valid")), self.activation_of_width()
        options = {"padding": padding, "activation": activation, "bias_initializer": "normal"}
        channels = int(h.shape[-1])
        groups = 2 if channels % 2 == 0 else 1
        return pick(rng, (
            lambda: layers.Conv2D(2, 2, **options),
            lambda: layers.Conv2D(3, (2, 1), strides=(2, 1), **options),
            lambda: layers.Conv2D(2, 2, dilation_rate=2, **{**options, "padding": "same"}),
            lambda: layers.Conv2D(4, 2, groups=groups, **options),
            lambda: layers.DepthwiseConv2D(2, depth_multiplier=2, **options),
            lambda: layers.SeparableConv2D(3, 2, **options),
            lambda: layers.Conv2DTranspose(2, 2, strides=2, **options),
        ))()(h)  # fmt: skip

    def pooled(self, h: Any) -> Any:
        kind = pick(self.rng, ("MaxPooling2D", "AveragePooling2D"))
        strides = pick(self.rng, (1, 2))
        return getattr(layers, kind)(2, strides=strides, padding="same")(h)

    def arranged(self, h: Any) -> Any:
        return pick(self.rng, (
            lambda: layers.ZeroPadding2D(((1, 0), (0, 2))),
            lambda: layers.UpSampling2D((1, 2)),
            lambda: layers.Permute((2, 1, 3)),
            lambda: layers.SpatialDropout2D(0.4),
            lambda: layers.Dropout(0.3),
        ))()(h)  # fmt: skip

    def normalized_image(self, h: Any) -> Any:
        return self.normalization(4)(layers.Conv2D(4, 2, padding="same", use_bias=False)(h))

    def residual_image(self, h: Any) -> Any:
        channels = int(h.shape[-1])
        return self.merged(h, layers.Conv2D(channels, 2, padding="same", activation="tanh")(h))

    IMAGE: tuple[Callable[..., Any], ...] = (
        convolved, convolved, pooled, pooled, arranged, normalized_image, residual_image,
    )  # fmt: skip

    # --- sequences ----------------------------------------------------------------------------
    def sequence(self, m: int) -> tuple[Any, Any, Any]:
        """Return input, features and data of a network on sequences, of numbers or of words."""
        rng, length, width = self.rng, int(self.rng.integers(4, 6)), 2
        if rng.integers(2):
            inputs = gn.Input((length,), dtype="int32")
            h = layers.Embedding(6, width, embeddings_regularizer=self.penalty())(inputs)
            data = rng.integers(0, 6, (m, length)).astype("int32")
        else:
            inputs = gn.Input((length, width))
            h = inputs
            data = rng.normal(size=(m, length, width))
        for _ in range(int(rng.integers(1, 3))):
            h = self.block(h, self.SEQUENCE)
        last = pick(rng, ("Flatten", "GlobalAveragePooling1D", "GlobalMaxPooling1D"))
        return inputs, getattr(layers, last)()(h), data

    def convolved_1d(self, h: Any) -> Any:
        options = {"activation": self.activation_of_width(), "kernel_regularizer": self.penalty()}
        return pick(self.rng, (
            lambda: layers.Conv1D(2, 2, padding="causal", **options),
            lambda: layers.Conv1D(4, 3, padding="same", strides=2, **options),
            lambda: layers.Conv1DTranspose(2, 2, **options),
            lambda: layers.SeparableConv1D(2, 2, activation=options["activation"]),
        ))()(h)  # fmt: skip

    def at_each_step(self, h: Any) -> Any:
        return self.dense(2 * int(self.rng.integers(1, 3)))(h)

    def pooled_1d(self, h: Any) -> Any:
        kind = pick(self.rng, ("MaxPooling1D", "AveragePooling1D"))
        return getattr(layers, kind)(2, strides=pick(self.rng, (1, 2)), padding="same")(h)

    def normalized_sequence(self, h: Any) -> Any:
        return self.normalization(4)(layers.Dense(4, use_bias=False)(h))

    def arranged_1d(self, h: Any) -> Any:
        return pick(self.rng, (
            lambda: layers.ZeroPadding1D(1),
            lambda: layers.UpSampling1D(2),
            lambda: layers.SpatialDropout1D(0.4),
            lambda: layers.Softmax(axis=1),
            lambda: layers.Permute((2, 1)),
        ))()(h)  # fmt: skip

    SEQUENCE: tuple[Callable[..., Any], ...] = (
        convolved_1d, convolved_1d, at_each_step, pooled_1d, normalized_sequence, arranged_1d,
    )  # fmt: skip

    # --- outputs ------------------------------------------------------------------------------
    def head(self, h: Any, number: int, m: int) -> tuple[Any, Any, Any]:
        """Return an output, its loss and its targets."""
        rng = self.rng
        names = list(LOSSES.entries)
        name = names[(self.seed + 5 * number) % len(names)]
        self.losses.add(name)
        reduction = {"reduction": pick(rng, ("sum_over_batch_size",) * 4 + ("sum",))}
        logits = bool(rng.integers(2))
        units = int(rng.integers(2, 5))
        labels = rng.integers(0, units, m)
        onehot = np.eye(units)[labels]
        make = LOSSES.entries[name]
        if name in ("MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh",
                    "CosineSimilarity", "LossFunctionWrapper"):  # fmt: skip
            own = {"LossFunctionWrapper": {"fn": losses.huber, "delta": 0.5},
                   "Huber": {"delta": 0.7}}.get(name, {})  # fmt: skip
            units = int(rng.integers(1, 4)) if name != "CosineSimilarity" else 3
            out = layers.Dense(units, activation=pick(rng, (None, None, "tanh")))
            return out(h), make(**own, **reduction), rng.normal(size=(m, units))
        if name in ("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Poisson"):
            out = layers.Dense(2, activation=pick(rng, ("softplus", "exponential")))
            return out(h), make(**reduction), rng.uniform(0.5, 3, size=(m, 2))
        if name in ("BinaryCrossentropy", "BinaryFocalCrossentropy"):
            own = {"from_logits": logits, "label_smoothing": pick(rng, (0.0, 0.0, 0.1))}
            units = int(rng.integers(1, 3))
            out = layers.Dense(units, activation=None if logits else "sigmoid")
            targets = rng.integers(0, 2, (m, units)).astype(float)
            return out(h), make(**own, **reduction), targets
        if name in ("CategoricalCrossentropy", "CategoricalFocalCrossentropy"):
            own = {"from_logits": logits, "label_smoothing": pick(rng, (0.0, 0.0, 0.1))}
            out = layers.Dense(units, activation=None if logits else "softmax")
            return out(h), make(**own, **reduction), onehot
        if name == "SparseCategoricalCrossentropy":
            out = layers.Dense(units, activation=None if logits else "softmax")
            ignored = {"ignore_class": int(labels[0])} if rng.integers(4) == 0 else {}
            return out(h), make(from_logits=logits, **ignored, **reduction), labels
        if name == "CategoricalGeneralizedCrossEntropy":
            return layers.Dense(units, activation="softmax")(h), make(**reduction), labels
        if name in ("Hinge", "SquaredHinge"):
            signs = 2.0 * rng.integers(0, 2, (m, 2)) - 1
            return layers.Dense(2)(h), make(**reduction), signs
        if name == "CategoricalHinge":
            return layers.Dense(units)(h), make(**reduction), onehot
        if name in ("KLDivergence", "Dice", "Tversky"):
            own = {} if name == "KLDivergence" else {"axis": -1}
            return layers.Dense(units, activation="softmax")(h), make(**own, **reduction), onehot
        raise AssertionError(f"tell here which output and targets suit the loss {name}")

    def optimizer(self) -> Any:
        """Return the next optimizer in turn, with drawn options."""
        rng, rate = self.rng, float(self.rng.uniform(0.002, 0.01))
        known = optimizers.OPTIMIZERS.entries
        names = [n for n, kind in known.items() if not getattr(kind, "needs_objective", False)]
        name = names[self.seed % len(names)]
        options = {
            "SGD": lambda: {"momentum": 0.9, "nesterov": bool(rng.integers(2))},
            "RMSprop": lambda: {"centered": bool(rng.integers(2))},
            "Adam": lambda: {"amsgrad": bool(rng.integers(2))},
        }
        chosen = options.get(name, dict)() if rng.integers(2) else {}
        return optimizers.OPTIMIZERS.entries[name](rate, **chosen)

    def network(self, kind: str, m: int) -> tuple[Any, Any, list[Any], list[Any]]:
        """Return a model of a kind, ``"two"`` for two inputs, its data, losses and targets."""
        if kind == "two":
            first, a, x = self.table(m)
            second, b, more = pick(self.rng, (self.table, self.image, self.sequence))(m)
            inputs, data = [first, second], [x, more]
            h = layers.Concatenate()([a, b])
        else:
            inputs, h, data = getattr(self, kind)(m)
        heads = [self.head(h, i, m) for i in range(2 if self.rng.integers(4) == 0 else 1)]
        outputs, loss, y = (list(part) for part in zip(*heads, strict=True))
        return gn.Model(inputs, outputs if len(heads) > 1 else outputs[0]), data, loss, y


def drawn(seed: int) -> Drawn:
    """Return the network of that seed. The library's float type must be float64."""
    gn.utils.set_random_seed(seed)
    d = Drawing(seed)
    m = int(d.rng.integers(3, 6))
    kind = ("table", "image", "table", "sequence", "two")[seed % 5]
    model, data, loss, y = d.network(kind, m)
    several = len(y) > 1
    model.compile(
        d.optimizer(),
        loss if several else loss[0],
        loss_weights=[1.0, 0.4] if several and d.rng.integers(2) else None,
    )
    scatter(model, d.rng)
    return Drawn(model, data, y if several else y[0], d.activations, d.losses, d.blocks)


def scatter(model: Any, rng: Draw) -> None:
    """Move every weight a little, so that none is 0, 1 or equal to another."""
    model.set_weights([
        w + rng.normal(scale=0.1, size=w.shape) if w.dtype.kind == "f" else w
        for w in model.get_weights()
    ])  # fmt: skip
