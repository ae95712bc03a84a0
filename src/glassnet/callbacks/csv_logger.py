"""The results of every epoch, as a table in a file."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from glassnet.callbacks.base import CALLBACKS, Callback


@CALLBACKS.add()
class CSVLogger(Callback):
    """Writes a line an epoch to a file of comma-separated values.

    The first line names the columns: ``epoch`` (counted from 0), then the logs by name. A value
    that an epoch doesn't have is ``NA``. Every line is handed to the system at once, so a run that
    dies leaves all its epochs. A run that `BackupAndRestore` takes up goes on in the same file,
    without the lines that came after the backup.

    Args:
        filename: the file.
        separator: what stands between two values.
        append: whether to go on at the end of a file that exists; otherwise it is overwritten.

    >>> import pathlib, tempfile, numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile("sgd", "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "log.csv")
    ...     log = gn.callbacks.CSVLogger(file)
    ...     history = model.fit(np.zeros((4, 1)), np.ones((4, 1)), callbacks=[log], verbose=0)
    ...     print(file.read_text())
    epoch,loss,val_loss
    0,1.0,NA
    <BLANKLINE>
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        self.filename = filename
        self.separator = separator
        self.append = append
        self._forget()

    def _forget(self) -> None:
        self._file: TextIO | None = None
        self._keys: list[str] | None = None
        self._kept: int | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._close()
        self._forget()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        if self._keys is None:
            self._keys = sorted(logs)
            if not any(key.startswith("val_") for key in self._keys):
                # A later epoch may validate, and a table's columns stay.
                self._keys += [f"val_{key}" for key in self._keys]
        if self._file is None:
            self._open()
        self._write([epoch, *(_cell(logs.get(key, "NA")) for key in self._keys)])

    def _open(self) -> None:
        path = Path(self.filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._kept is not None and path.exists() and path.stat().st_size >= self._kept:
            os.truncate(path, self._kept)  # later lines are of epochs that are run again
        goes_on = self.append or self._kept is not None
        self._file = path.open("a" if goes_on else "w", newline="", encoding="utf-8")
        if self._file.tell() == 0:
            self._write(["epoch", *(self._keys or ())])

    def _write(self, cells: list[Any]) -> None:
        assert self._file is not None
        csv.writer(self._file, delimiter=self.separator, lineterminator="\n").writerow(cells)
        self._file.flush()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._close()

    def on_train_abort(self, error: BaseException) -> None:
        self._close()

    def get_state(self) -> dict[str, Any] | None:
        if self._keys is None:
            return None
        size = self._file.tell() if self._file is not None else self._kept
        return {"keys": self._keys, "size": size}

    def set_state(self, state: dict[str, Any]) -> None:
        self._keys, self._kept = state["keys"], state["size"]


def _cell(value: Any) -> Any:
    """A number as it is, an array as ``[1.0, 2.0]``."""
    array = np.asarray(value)
    return str(array.tolist()) if array.ndim else value
