"""The base of callbacks, and the list that calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from glassnet.registry import Registry

if TYPE_CHECKING:
    from glassnet.models.model import Model

CALLBACKS = Registry("callback")


class Callback:
    """What is called while a model trains; override what you need.

    ``self.model`` is the model, ``self.params`` holds ``epochs``, ``steps`` and ``verbose``.
    Every hook gets ``logs``: the running loss and metrics by name. Set
    ``self.model.stop_training = True`` to end the training after this step and epoch.

    A callback that learns something while it runs says so with ``get_state`` and ``set_state``;
    then a run that `BackupAndRestore` takes up again goes on as if it had never stopped.

    >>> import numpy as np, glassnet as gn
    >>> class Announce(gn.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, sorted(logs))
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> _ = model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[Announce()])
    0 ['loss']
    """

    model: Model
    params: Mapping[str, Any]
    callbacks: Sequence[Callback] = ()
    """All callbacks of the run, in the order in which they are called."""
    stops_on_nonfinite = False
    """True where a NaN shall end training quietly instead of as an error."""
    runs_last = False
    """True where all others shall be called before: a backup holds what they learned."""

    only_listens = False
    """True where the hooks of epochs take the logs and look at nothing else."""
    looks_now_and_then = False
    """True where the hooks of single batches need not be called for every batch."""

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Take the parameters of the run."""
        self.params = params

    def set_model(self, model: Model) -> None:
        """Take the model."""
        self.model = model

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Training begins."""

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Training has ended as it should."""

    def on_train_abort(self, error: BaseException) -> None:
        """Training ends by an error or a keyboard interrupt, which is raised after this."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """An epoch begins."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """An epoch has ended; logs hold the validation results too."""

    def on_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Another name of ``on_train_batch_begin``."""

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Another name of ``on_train_batch_end``."""

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A training step begins."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A training step has ended."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Evaluation or validation begins."""

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Evaluation or validation has ended."""

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """An evaluation step begins."""

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """An evaluation step has ended."""

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Prediction begins."""

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Prediction has ended."""

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A prediction step begins."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A prediction step has ended."""

    def get_state(self) -> dict[str, Any] | None:
        """Return what a resumed run needs to go on as this one would: plain data and arrays."""
        return None

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up the state that ``get_state`` returned."""


def overrides(callback: Callback, *hooks: str) -> bool:
    """Tell whether the callback, or its class, writes one of the hooks itself."""
    return any(
        hook in vars(callback) or getattr(type(callback), hook) is not getattr(Callback, hook)
        for hook in hooks
    )


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
"""The names of all hooks."""


class CallbackList:
    """Calls the hooks of several callbacks in order; skips those that nobody wrote."""

    def __init__(
        self, callbacks: Iterable[Callback], model: Model, params: Mapping[str, Any]
    ) -> None:
        self.callbacks = sorted(callbacks, key=lambda callback: callback.runs_last)
        for callback in self.callbacks:
            callback.callbacks = self.callbacks
            callback.set_params(params)
            callback.set_model(model)
        self._wanted: dict[str, list[Callback]] = {}

    def wanting(self, hook: str) -> list[Callback]:
        """Return the callbacks that do something at this hook."""
        if hook not in self._wanted:
            names = [hook]
            if hook.startswith("on_train_batch"):
                names.append(hook.replace("train_", ""))
            self._wanted[hook] = [c for c in self.callbacks if overrides(c, *names)]
        return self._wanted[hook]

    def call(self, hook: str, *args: Any) -> None:
        """Call a hook of all callbacks that have it."""
        for callback in self.wanting(hook):
            getattr(callback, hook)(*args)

    @property
    def tells(self) -> bool:
        """Whether somebody wants to read how it goes."""
        return any(c.params.get("verbose") for c in self.callbacks)

    @property
    def leaves_batches_alone(self) -> bool:
        """Whether nobody has to be called for every batch of training."""
        wanted = (
            *self.wanting("on_train_batch_begin"),
            *self.wanting("on_train_batch_end"),
        )
        return all(c.looks_now_and_then for c in wanted)

    @property
    def leaves_tests_alone(self) -> bool:
        """Whether nobody has to be called for every batch of an evaluation."""
        wanted = (*self.wanting("on_test_batch_begin"), *self.wanting("on_test_batch_end"))
        return all(c.looks_now_and_then for c in wanted)

    @property
    def asks_for_epochs(self) -> bool:
        """Whether somebody wants to see the model, or be heard, at every epoch."""
        wanted = (*self.wanting("on_epoch_begin"), *self.wanting("on_epoch_end"))
        return any(not c.only_listens for c in wanted)

    @property
    def stops_on_nonfinite(self) -> bool:
        """Whether a callback asks for a quiet end at the first NaN."""
        return any(c.stops_on_nonfinite for c in self.callbacks)
