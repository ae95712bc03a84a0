"""Backups of a training run, from which it goes on as if it had never stopped."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.callbacks.base import CALLBACKS, Callback
from glassnet.callbacks.checkpoint import Every
from glassnet.graph.variable import Variable
from glassnet.layers.base import Layer
from glassnet.ops.random import SeedGenerator
from glassnet.storage import read_tensors, write_tensors

_FORMAT = "glassnet backup 1"


@CALLBACKS.add()
class BackupAndRestore(Callback):
    """Saves the state of the run, and takes it up where a run before left it.

    If ``fit`` finds a backup in ``backup_dir`` it goes on from there: with the weights, the
    optimizer's state, the metrics, the order of the examples, the seeds of dropout, the history
    and what the other callbacks had learned. A run that is killed at any moment and started again
    by the same script ends with bitwise the weights of a run that was not, on the same machine;
    no seed need be set. A backup is written beside the old one and then takes its name, so there
    is always a whole one. The data must be the same, and a generator must yield the same batches.

    Args:
        backup_dir: a folder for this run alone.
        save_freq: "epoch", or a number of batches.
        double_checkpoint: whether to keep the backup before the last too, in case a disk
            damages the last.
        delete_checkpoint: whether the backup is deleted when training has ended as it should;
            not so after an error or a keyboard interrupt.

    Raises:
        ValueError: where the backup is of another model or another optimizer.

    >>> import tempfile, numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> x, y = np.ones((4, 2)), np.ones((4, 1))
    >>> def interrupt(epoch, logs):
    ...     if epoch == 2:
    ...         raise KeyboardInterrupt
    >>> folder = tempfile.TemporaryDirectory()
    >>> backup = gn.callbacks.BackupAndRestore(folder.name)
    >>> stop = gn.callbacks.LambdaCallback(on_epoch_begin=interrupt)
    >>> try:
    ...     model.fit(x, y, epochs=5, verbose=0, callbacks=[backup, stop])
    ... except KeyboardInterrupt:
    ...     print("interrupted")
    interrupted
    >>> backup.restored
    False
    >>> run = model.fit(x, y, epochs=5, verbose=0, callbacks=[backup])
    >>> backup.restored, run.epoch
    (True, [0, 1, 2, 3, 4])
    >>> folder.cleanup()
    """

    runs_last = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        if not os.fspath(backup_dir):
            raise ValueError("BackupAndRestore: backup_dir is empty; name a folder for this run.")
        self.backup_dir = Path(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self.restored = False
        """Whether this run went on from a backup."""
        self._every = Every(save_freq, "BackupAndRestore")

    @property
    def path(self) -> Path:
        """The file of the last backup."""
        return self.backup_dir / "latest.safetensors"

    @property
    def previous_path(self) -> Path:
        """The file of the backup before the last."""
        return self.backup_dir / "previous.safetensors"

    # --- when -------------------------------------------------------------------------------
    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._every.seen = 0
        self.restored = self._restore()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._every.batches and self._every.due():
            self.save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        # A run that ends here must not be taken up in the middle of its last epoch.
        if not self._every.batches or self.model.stop_training:
            self.save()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if not self.delete_checkpoint:
            return
        # The older file first: were the run killed in between, the newer is the one to go on from.
        for path in (self.previous_path, self.path):
            path.unlink(missing_ok=True)
        if self.backup_dir.is_dir() and not any(self.backup_dir.iterdir()):
            self.backup_dir.rmdir()

    def get_state(self) -> dict[str, Any]:
        return {"seen": self._every.seen}

    def set_state(self, state: dict[str, Any]) -> None:
        self._every.seen = state["seen"]

    # --- saving -----------------------------------------------------------------------------
    def save(self) -> None:
        """Write the backup of this moment."""
        arrays: dict[str, np.ndarray] = {}
        for group, variables in _variables(self.model).items():
            arrays.update({f"{group}.{i}": v.value for i, v in enumerate(variables)})
        states = [
            [type(c).__name__, _packed(c.get_state(), f"callbacks.{i}", arrays)]
            for i, c in enumerate(self.callbacks)
        ]
        told = {
            "progress": asdict(self.model.progress),
            "stop_training": bool(self.model.stop_training),
            "seeds": [_seed_of(owner) for owner in _seeded(self.model)],
            "callbacks": states,
        }
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        if self.double_checkpoint and self.path.exists():
            os.replace(self.path, self.previous_path)
        write_tensors(self.path, arrays, {"format": _FORMAT, "state": json.dumps(told)})

    # --- restoring --------------------------------------------------------------------------
    def _restore(self) -> bool:
        """Take up the last backup that can be read; tell whether there is one."""
        found = [path for path in (self.path, self.previous_path) if path.exists()]
        for i, path in enumerate(found):
            try:
                arrays, metadata = read_tensors(path)
                told = self._told(path, metadata)
            except (ValueError, OSError):
                if i + 1 == len(found):
                    raise
                continue
            self._take_up(path, arrays, told)
            return True
        return False

    @staticmethod
    def _told(path: Path, metadata: dict[str, Any]) -> dict[str, Any]:
        if metadata.get("format") != _FORMAT:
            raise ValueError(f"{path} is no backup of a training run.")
        told: dict[str, Any] = json.loads(metadata["state"])
        return told

    def _take_up(self, path: Path, arrays: dict[str, np.ndarray], told: dict[str, Any]) -> None:
        model = self.model
        groups = _variables(model)
        seeded = list(_seeded(model))
        _check(path, groups, arrays, len(seeded), len(told["seeds"]))
        for group, variables in groups.items():
            for i, variable in enumerate(variables):
                variable.assign(arrays[f"{group}.{i}"])
        if told["seeds"] != [_seed_of(owner) for owner in seeded]:
            for owner, seed in zip(seeded, told["seeds"], strict=True):
                owner.seed = seed
            model.forget_steps()  # the seeds stand in the recorded steps
        known = {field.name for field in fields(model.progress)}
        for name, value in told["progress"].items():
            if name in known:
                setattr(model.progress, name, value)
        model.stop_training = told["stop_training"]
        self._hand_out(told["callbacks"], arrays)

    def _hand_out(self, states: Sequence[Any], arrays: dict[str, np.ndarray]) -> None:
        """Give each callback its state: the first of a class gets that of the first, and so on."""
        kept: dict[tuple[str, int], Any] = {}
        counts: Counter[str] = Counter()
        for name, state in states:
            kept[name, counts[name]] = state
            counts[name] += 1
        counts.clear()
        for callback in self.callbacks:
            name = type(callback).__name__
            state = _unpacked(kept.get((name, counts[name])), arrays)
            counts[name] += 1
            if state is not None:
                callback.set_state(state)


# --- what a run consists of -------------------------------------------------------------------
def _variables(model: Any) -> dict[str, list[Variable]]:
    """All variables that training changes, by what they belong to."""
    return {
        "weights": list(model.weights),
        "optimizer": list(model.optimizer.variables),
        "metrics": [v for metric in model.metrics for v in metric.variables],
    }


def _seeded(layer: Layer, seen: set[int] | None = None) -> Iterator[Any]:
    """Yield whatever draws random numbers in the layer and its inner layers: what has a seed."""
    seen = set() if seen is None else seen
    if id(layer) in seen:
        return
    seen.add(id(layer))
    if isinstance(getattr(layer, "seed", None), int):
        yield layer
    yield from (value for value in vars(layer).values() if isinstance(value, SeedGenerator))
    for inner in layer._sublayers():
        yield from _seeded(inner, seen)


def _seed_of(owner: Any) -> int:
    return int(owner.seed)


def _check(
    path: Path,
    groups: dict[str, list[Variable]],
    arrays: dict[str, np.ndarray],
    seeded: int,
    seeds: int,
) -> None:
    """Raise where the backup is of another model; nothing has been changed yet."""
    for group, variables in groups.items():
        kept = sum(name.startswith(f"{group}.") for name in arrays)
        if kept != len(variables):
            _refuse(path, f"{kept} arrays of the {group}; this run has {len(variables)}")
        for i, variable in enumerate(variables):
            array = arrays[f"{group}.{i}"]
            if array.shape != variable.shape or array.dtype != variable.dtype:
                _refuse(
                    path,
                    f"{array.dtype} {array.shape} for {variable.path or variable.name!r} of the "
                    f"{group}; here it is {variable.dtype} {variable.shape}",
                )
    if seeds != seeded:
        _refuse(path, f"{seeds} seeds of random layers; this model has {seeded}")


def _refuse(path: Path, what: str) -> None:
    raise ValueError(
        f"The backup {path} is not of this run: it holds {what}. If you changed the model, delete "
        "the backup or name another backup_dir."
    )


# --- states as plain data ---------------------------------------------------------------------
def _packed(value: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    """Return plain data for JSON; arrays go to ``arrays`` under the name of their place."""
    if isinstance(value, np.ndarray):
        arrays[place] = value
        return {"array": place}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        items = [[k, _packed(v, f"{place}.{i}", arrays)] for i, (k, v) in enumerate(value.items())]
        return {"items": items}
    if isinstance(value, (list, tuple)):
        return [_packed(v, f"{place}.{i}", arrays) for i, v in enumerate(value)]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(
        f"get_state() of a callback returned {value!r}; a state is made of numbers, texts, arrays, "
        "lists and dictionaries."
    )


def _unpacked(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_unpacked(v, arrays) for v in value]
    if isinstance(value, dict) and "array" in value:
        return arrays[value["array"]]
    if isinstance(value, dict):
        return {k: _unpacked(v, arrays) for k, v in value["items"]}
    return value
