"""Small networks with optimizers, metrics and data, drawn from seeds, for the native engine.

The networks are those that the explanations are tried on, with more layers, constraints, and the
arithmetic of attention and of recurrent layers; learning rates are small, so that rounding does
not grow beyond what tolerances forgive.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

import glassnet as gn
from glassnet import constraints, layers, metrics, ops, optimizers, schedules

sys.path.append(str(Path(__file__).parents[2] / "explain"))
from drawn import Drawing, pick

sys.path.pop()

BATCH = 4
"""The rows of a batch."""


@dataclass
class Case:
    """A compiled network and its data."""

    model: Any
    x: Any
    y: Any
    weights: Any
    batch: int
    kind: str


class Network(Drawing):
    """A drawing with more blocks, all optimizers with all their arguments, and metrics."""

    def dense(self, units: int, **options: Any) -> Any:
        layer = super().dense(units, **options)
        layer.kernel_constraint = pick(self.rng, (
            *(None,) * 12, constraints.MaxNorm(1.5), constraints.MinMaxNorm(0.2, 1.5, 0.7),
        ))  # fmt: skip
        return layer

    # --- attention and recurrence -------------------------------------------------------------
    def attention(self, h: Any) -> Any:
        """Scaled dot products of queries and keys weight the values."""
        width = 2 * int(self.rng.integers(1, 3))
        q, k, v = (layers.Dense(width, use_bias=bool(self.rng.integers(2)))(h) for _ in range(3))
        scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / float(np.sqrt(width))
        return ops.matmul(ops.softmax(scores), v)

    def dotted(self, h: Any) -> Any:
        """Each pair of places multiplied: as many features as places."""
        return layers.Dot((2, 2), normalize=bool(self.rng.integers(2)))([h, h])

    def recurrent(self, h: Any) -> Any:
        """A state that goes from place to place, through the same weights."""
        width = 2 * int(self.rng.integers(1, 3))
        inner, outer = layers.Dense(width), layers.Dense(width, use_bias=False)
        state = ops.tanh(inner(h[:, 0]))
        states = [state]
        for t in range(1, int(h.shape[1])):
            state = ops.tanh(inner(h[:, t]) + outer(state))
            states.append(state)
        return ops.stack(states, 1)

    def gated(self, h: Any) -> Any:
        """One half of the features opens the other."""
        width = 2 * int(self.rng.integers(1, 3))
        a, b = ops.split(layers.Dense(2 * width)(h), 2, axis=-1)
        return a * ops.sigmoid(b)

    def picked(self, h: Any) -> Any:
        """Features in another order, some twice."""
        width = int(h.shape[-1])
        order = self.rng.integers(0, width, width)
        return ops.take(h, order, axis=-1)

    TABLE = (*Drawing.TABLE, gated, picked)
    SEQUENCE = (*Drawing.SEQUENCE, attention, recurrent, dotted)

    def volume(self, m: int) -> tuple[Any, Any, Any]:
        """Return input, features and data of a network on volumes."""
        rng = self.rng
        inputs = gn.Input((3, 4, 3, 2))
        h = layers.Conv3D(
            2, 2, padding=pick(rng, ("same", "valid")), activation=self.activation_of_width(),
            strides=pick(rng, (1, 1, 2)), kernel_regularizer=self.penalty(),
        )(inputs)  # fmt: skip
        if rng.integers(2):
            h = layers.BatchNormalization()(h)
        return inputs, layers.Flatten()(h), rng.normal(size=(m, 3, 4, 3, 2))

    # --- training -----------------------------------------------------------------------------
    def rate(self) -> Any:
        """Return a learning rate or a schedule."""
        eta = float(self.rng.uniform(0.001, 0.005))
        return pick(self.rng, (
            *(lambda: eta,) * 4,
            lambda: schedules.ExponentialDecay(eta, 10, 0.8, staircase=bool(self.rng.integers(2))),
            lambda: schedules.InverseTimeDecay(eta, 10, 0.8),
            lambda: schedules.PolynomialDecay(eta, 20, eta / 10, 1.5, cycle=True),
            lambda: schedules.PiecewiseConstantDecay([5, 20], [eta, eta / 2, eta / 4]),
            lambda: schedules.CosineDecay(eta / 5, 30, warmup_target=eta, warmup_steps=5),
            lambda: schedules.CosineDecayRestarts(eta, 10),
        ))()  # fmt: skip

    def optimizer(self) -> Any:
        """Return the next optimizer in turn, with drawn arguments."""
        rng = self.rng
        known = optimizers.OPTIMIZERS.entries
        names = [n for n, kind in known.items() if not getattr(kind, "needs_objective", False)]
        name = names[self.seed % len(names)]
        own: dict[str, Callable[[], dict[str, Any]]] = {
            "SGD": lambda: {"momentum": 0.9, "nesterov": bool(rng.integers(2))},
            "RMSprop": lambda: {"centered": bool(rng.integers(2)), "momentum": 0.5},
            "Adam": lambda: {"amsgrad": bool(rng.integers(2)), "beta_1": 0.8},
            "AdamW": lambda: {"weight_decay": 0.01, "amsgrad": bool(rng.integers(2))},
            "Ftrl": lambda: {"l1_regularization_strength": 0.01, "beta": 0.1},
            "Lion": lambda: {"beta_1": 0.8},
        }
        chosen = own.get(name, dict)() if rng.integers(2) else {}
        for drawn in range(2):
            chosen.update(pick(rng, (
                {}, {},
                {"clipnorm": 0.5} if not drawn else {},
                {"clipvalue": 0.1} if not drawn else {},
                {"global_clipnorm": 0.7} if not drawn else {},
                {"weight_decay": 0.01},
                {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 7},
                {"use_ema": True},
                {"loss_scale_factor": 8.0},
                {"gradient_accumulation_steps": 3},
            )))  # fmt: skip
        # Else a gradient that is zero but for rounding would be blown up to a step of full length.
        for argument in ("epsilon", "epsilon_1", "epsilon_2"):
            if argument in signature(known[name]).parameters:
                chosen[argument] = 1e-3
        return known[name](self.rate(), **chosen)

    def metrics(self, loss: Any, y: Any) -> list[Any]:
        """Return metrics that suit the targets of a loss."""
        labels = np.asarray(y)
        kinds: list[Callable[[], Any]]
        if labels.dtype.kind == "i":
            kinds = [
                lambda: "accuracy", lambda: metrics.SparseTopKCategoricalAccuracy(2),
            ]  # fmt: skip
        elif set(np.unique(labels)) <= {0.0, 1.0} and labels.ndim == 2:
            kinds = [
                lambda: "accuracy", lambda: metrics.AUC(20), lambda: metrics.Precision(),
                lambda: metrics.Recall(thresholds=0.3), lambda: metrics.BinaryAccuracy(),
                lambda: metrics.CategoricalAccuracy(), lambda: metrics.F1Score("macro"),
                lambda: metrics.BinaryIoU(), lambda: metrics.TruePositives(),
                lambda: metrics.FalseNegatives(), lambda: metrics.TopKCategoricalAccuracy(1),
            ]  # fmt: skip
        else:
            kinds = [
                lambda: "mae", lambda: "mse", lambda: metrics.RootMeanSquaredError(),
                lambda: metrics.R2Score(), lambda: metrics.CosineSimilarity(),
                lambda: metrics.LogCoshError(), lambda: metrics.PearsonCorrelation(),
                lambda: metrics.MeanAbsolutePercentageError(),
            ]  # fmt: skip
        count = int(self.rng.integers(0, 3))
        return [kinds[i]() for i in self.rng.choice(len(kinds), count, replace=False)]


KINDS = ("table", "image", "table", "sequence", "two", "table", "sequence", "volume")


def drawn(seed: int) -> Case:
    """Return the network of that seed, in the library's float type."""
    gn.utils.clear_session()
    gn.utils.set_random_seed(seed)
    d = Network(seed)
    m = int(d.rng.choice([2 * BATCH, 4 * BATCH, 4 * BATCH + 2]))
    kind = KINDS[seed % len(KINDS)]
    model, data, loss, y = d.network(kind, m)
    several = len(y) > 1
    found = [d.metrics(one, target) for one, target in zip(loss, y, strict=True)]
    model.compile(
        d.optimizer(),
        loss if several else loss[0],
        metrics=found if several else found[0],
        weighted_metrics=["mse"] if not several and np.ndim(y[0]) == 2 else None,
        loss_weights=[1.0, 0.4] if several and d.rng.integers(2) else None,
    )
    weighted = not several and d.rng.integers(3) == 0
    weights = d.rng.uniform(0.2, 2, m) if weighted else None
    return Case(model, data, y if several else y[0], weights, BATCH, kind)
