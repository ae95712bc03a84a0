"""Saving the model while it trains."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from glassnet.callbacks.base import CALLBACKS
from glassnet.callbacks.messages import say
from glassnet.callbacks.monitor import MonitorCallback


class Every:
    """Counts steps and tells when ``save_freq`` of them have passed."""

    def __init__(self, save_freq: str | int, who: str) -> None:
        whole = isinstance(save_freq, int) and not isinstance(save_freq, bool)
        if save_freq != "epoch" and not (whole and int(save_freq) > 0):
            raise ValueError(
                f"{who}: save_freq is 'epoch' or a number of batches above 0; got {save_freq!r}."
            )
        self.batches = 0 if save_freq == "epoch" else int(save_freq)
        """So many batches; 0 for epochs."""
        self.seen = 0

    def due(self) -> bool:
        """Count one more step; tell whether it is time."""
        self.seen += 1
        if self.seen < self.batches:
            return False
        self.seen = 0
        return True


@CALLBACKS.add()
class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, at the end of every epoch or after so many batches.

    Args:
        filepath: where; fields are filled in: ``"{epoch:02d}-{val_loss:.2f}.safetensors"``.
            Epochs and batches are counted from 1.
        monitor: the watched value's name in the logs.
        verbose: 1 tells every file.
        save_best_only: whether to save only where the watched value has improved.
        save_weights_only: whether to save with ``model.save_weights`` instead of ``model.save``.
        mode: "min", "max", or "auto": the way that the loss or the metric itself names.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: with ``save_best_only``, the value that is to be beaten first.

    Raises:
        ValueError: for a path that does not end in ``.safetensors``.
        KeyError: where ``filepath`` names a field that the logs do not hold.

    >>> import tempfile, numpy as np, glassnet as gn
    >>> from pathlib import Path
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keep = gn.callbacks.ModelCheckpoint(folder + "/{epoch:02d}.safetensors")
    ...     _ = model.fit(np.ones((4, 2)), np.ones(4), epochs=2, verbose=0, callbacks=[keep])
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['01.safetensors', '02.safetensors']
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        if not self.filepath.endswith(".safetensors"):  # told now, not when an epoch is over
            raise ValueError(
                "ModelCheckpoint: filepath ends in '.safetensors', for instance "
                f"{os.path.splitext(self.filepath)[0] + '.safetensors'!r}; got {self.filepath!r}."
            )
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.initial_value_threshold = initial_value_threshold
        self._every = Every(save_freq, "ModelCheckpoint")
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._every.batches and self._every.due():
            self._save({"batch": batch + 1}, logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if not self._every.batches:
            self._save({}, logs or {})

    def _save(self, place: dict[str, int], logs: dict[str, Any]) -> None:
        if self.save_best_only and not self._improved(logs):
            return
        path = self._path({**logs, **place, "epoch": self._epoch + 1})
        if Path(path).is_dir():
            raise IsADirectoryError(
                f"ModelCheckpoint: {path} is a folder. filepath names a file: "
                f"{os.path.join(path, '{epoch:02d}.safetensors')!r}."
            )
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.verbose:
            say(f"Epoch {self._epoch + 1}: saved {path}")

    def _improved(self, logs: dict[str, Any]) -> bool:
        current = self.value_in(logs)
        if current is None:  # better one file too many than none
            return True
        before, better = self.best, self.is_improvement(current, self.best)
        if better:
            self.best = current
        if self.verbose:
            verb = "improved" if better else "did not improve"
            known = "" if before is None else f" from {before:.5f}"
            to = f" to {current:.5f}" if better else ""
            say(f"Epoch {self._epoch + 1}: {self.monitor} {verb}{known}{to}")
        return better

    def _path(self, fields: dict[str, Any]) -> str:
        try:
            return self.filepath.format(**fields)
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint: the path {self.filepath!r} has the field {error}, which is "
                f"none of {', '.join(fields)}."
            ) from None

    def get_state(self) -> dict[str, Any]:
        return {"best": self.best, "seen": self._every.seen}

    def set_state(self, state: dict[str, Any]) -> None:
        self.best, self._every.seen = state["best"], state["seen"]
