"""The moving averages of the weights in place of the weights, while a model is judged."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.callbacks.base import CALLBACKS, Callback


@CALLBACKS.add()
class SwapEMAWeights(Callback):
    """Evaluates, validates and predicts with the moving averages of the weights.

    The optimizer keeps them with ``use_ema=True``. Training goes on with the weights themselves.

    Args:
        swap_on_epoch: whether the averages stay in the model from the end of an epoch to the
            beginning of the next, so that callbacks which come after this one see them:
            ``[SwapEMAWeights(swap_on_epoch=True), ModelCheckpoint(…)]`` saves them.

    Raises:
        ValueError: for an optimizer without ``use_ema``.

    Source: B. T. Polyak, A. B. Juditsky, "Acceleration of stochastic approximation by averaging",
    SIAM J. Control Optim. 30 (1992).

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1)])
    >>> model.compile(gn.optimizers.SGD(use_ema=True), "mse")
    >>> swap = gn.callbacks.SwapEMAWeights()
    >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), callbacks=[swap], verbose=0)
    >>> float(model.evaluate(np.ones((4, 1)), np.ones((4, 1)), callbacks=[swap], verbose=0)) >= 0
    True
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = swap_on_epoch
        self._kept: list[np.ndarray] | None = None
        """The weights themselves, while the averages stand in the model."""

    def _show_averages(self) -> None:
        optimizer = self.model.optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights: the optimizer keeps no moving averages. Make it with use_ema: "
                f"{type(optimizer).__name__}(use_ema=True)."
            )
        if self._kept is None and optimizer.built:
            weights = self.model.trainable_weights
            self._kept = [weight.value for weight in weights]  # arrays are never written into
            for weight in weights:
                weight.assign(optimizer.slot(weight, "average").value)

    def _show_weights(self) -> None:
        if self._kept is not None:
            for weight, value in zip(self.model.trainable_weights, self._kept, strict=True):
                weight.assign(value)
            self._kept = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._kept = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._show_weights()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.swap_on_epoch:
            self._show_averages()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._kept = None  # the model has the averages for good

    def on_train_abort(self, error: BaseException) -> None:
        self._show_weights()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._show_averages()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        self._show_weights()

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._show_averages()

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        self._show_weights()

    def get_state(self) -> dict[str, Any]:
        return {"kept": self._kept}

    def set_state(self, state: dict[str, Any]) -> None:
        self._kept = state["kept"]
