"""Callbacks made of functions, and the quiet end at a NaN."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from typing import Any

from glassnet.callbacks.base import CALLBACKS, HOOKS, Callback
from glassnet.callbacks.messages import say
from glassnet.errors import NonFiniteError

Hook = Callable[..., Any]


@CALLBACKS.add()
class LambdaCallback(Callback):
    """A callback made of functions: ``LambdaCallback(on_epoch_end=function)``.

    Args:
        on_epoch_begin, on_epoch_end: functions of ``(epoch, logs)``.
        on_train_begin, on_train_end: functions of ``logs``.
        on_train_batch_begin, on_train_batch_end: functions of ``(batch, logs)``.
        **hooks: functions for any other hook of `Callback`.

    Raises:
        TypeError: for a hook that does not exist, or for what can't be called.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> tell = gn.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print("epoch", epoch))
    >>> _ = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2, verbose=0, callbacks=[tell])
    epoch 0
    epoch 1
    """

    def __init__(
        self,
        on_epoch_begin: Hook | None = None,
        on_epoch_end: Hook | None = None,
        on_train_begin: Hook | None = None,
        on_train_end: Hook | None = None,
        on_train_batch_begin: Hook | None = None,
        on_train_batch_end: Hook | None = None,
        **hooks: Hook | None,
    ) -> None:
        named = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, function in {**named, **hooks}.items():
            if name not in HOOKS:
                close = difflib.get_close_matches(name, HOOKS, 1)
                raise TypeError(
                    f"LambdaCallback: there is no hook {name!r}. "
                    + (f"Did you mean {close[0]!r}?" if close else f"There are {', '.join(HOOKS)}.")
                )
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"LambdaCallback: {name} is a function; got {function!r}.")
            setattr(self, name, function)


@CALLBACKS.add()
class TerminateOnNaN(Callback):
    """Ends training quietly at the first NaN or infinity.

    Without this callback training ends there too, as a `NonFiniteError`. Here the explanation is
    printed, ``fit`` returns its history, and the other callbacks end as they do after the last
    epoch. The weights are those before the step.

    Args:
        raise_error: whether to raise the error after all.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(gn.optimizers.SGD(1e30), "mse")
    >>> stop, x = gn.callbacks.TerminateOnNaN(), np.ones((4, 1))
    >>> history = model.fit(  # doctest: +ELLIPSIS
    ...     x, x, epochs=9, callbacks=[stop], verbose=0
    ... )
    Training stopped at step 2 (epoch 2): op 'square' of the loss ... gave infinity ...
    >>> history.epoch
    [0]
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error
        self.stops_on_nonfinite = not raise_error

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.model.check_finite:  # then every step was looked at before it took effect
            return
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        told = f"Batch {batch}: the loss is {loss}."
        if self.raise_error:
            raise NonFiniteError(told)
        say(told + " Training stops.")
        self.model.stop_training = True
