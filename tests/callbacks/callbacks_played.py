"""Callbacks played through given logs, without training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import glassnet as gn
from glassnet.callbacks import Callback


def compiled(rate: float = 1.0) -> gn.Sequential:
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    model.compile(gn.optimizers.SGD(rate), "mse", metrics=["accuracy", "mae"])
    model.train_on_batch([[0.0, 0.0]], [[0.0]])
    return model


def play(
    callback: Callback, values: Sequence[float], name: str = "val_loss", model: Any = None
) -> tuple[list[float], Any]:
    """Run epochs with these values in the logs; return the rate after each one, and the model."""
    model = compiled() if model is None else model
    model.stop_training = False
    callback.set_params({"epochs": len(values), "steps": 1, "verbose": 0})
    callback.set_model(model)
    callback.on_train_begin({})
    rates = []
    for epoch, value in enumerate(values):
        callback.on_epoch_begin(epoch, {})
        callback.on_epoch_end(epoch, {name: value})
        rates.append(float(model.optimizer.learning_rate))
        if model.stop_training:
            break
    callback.on_train_end({})
    return rates, model
