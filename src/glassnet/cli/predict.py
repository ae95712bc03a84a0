"""``glassnet predict FILE DATA`` and ``glassnet summary FILE``."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import numpy as np

import glassnet


def summary(options: Namespace) -> int:
    """Print the layers of a saved model."""
    glassnet.load(options.file).summary()
    return 0


def predict(options: Namespace) -> int:
    """Print a saved model's outputs for the rows of a data file, as CSV."""
    model = glassnet.load(options.file)
    outputs = model.predict(read_data(Path(options.data)), verbose=0)
    if not isinstance(outputs, np.ndarray):
        raise ValueError("The model has several outputs; predict from Python: glassnet.load(FILE).")
    rows = outputs.reshape(len(outputs), -1)
    if options.classes:
        if rows.shape[1] == 1:
            rows = np.hstack([1 - rows, rows])
        for label in rows.argmax(axis=1):
            print(int(label))
    else:
        np.savetxt(sys.stdout, rows, delimiter=",", fmt="%.7g")
    return 0


def read_data(path: Path) -> np.ndarray:
    """Return the examples of a ``.npy``, ``.npz`` or ``.csv`` file.

    Raises:
        ValueError: for other kinds of files, and for tables with gaps or texts.
    """
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            names = archive.files
            if "x" not in names and len(names) != 1:
                raise ValueError(f"{path} holds {', '.join(names)}; call the examples x.")
            return archive["x" if "x" in names else names[0]]
    if path.suffix in (".csv", ".txt"):
        table = np.genfromtxt(path, delimiter=",", ndmin=2, dtype=np.float64)
        if len(table) > 1 and np.isnan(table[0]).all():  # names of the columns
            table = table[1:]
        if np.isnan(table).any():
            row, column = np.argwhere(np.isnan(table))[0]
            raise ValueError(
                f"{path}: row {row + 1}, column {column + 1} is no number. A table of numbers is "
                "expected, with commas between them and at most one line of names on top."
            )
        return table
    raise ValueError(f"{path}: expected a .npy, .npz or .csv file.")
