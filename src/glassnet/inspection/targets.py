"""What is true, read beside what a classifier says: class numbers, one-hot rows, labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def one_against_rest(
    y: Any, scores: Any, names: Sequence[str] | None, what: str
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return truths (n, c) of True and False, scores (n, c), and the names of these c columns.

    One score an example, or two classes: one column. k classes or labels: k columns.
    """
    values = numbers(scores, f"{what}: scores")
    if values.ndim == 1 or values.shape[-1] == 1:
        true = numbers(y, f"{what}: y").ravel()
        if len(true) != values.size:
            raise ValueError(f"{what}: {len(true)} targets and {values.size} scores.")
        if not set(np.unique(true)) <= {0.0, 1.0} and not set(np.unique(true)) <= {-1.0, 1.0}:
            raise ValueError(
                f"{what}: for one score an example y holds 0 and 1; got "
                f"{np.unique(true)[:5].tolist()}. k classes have scores of shape (m, k)."
            )
        named = names_of(names, 2, what)[1:] if names is not None else ("",)
        return (true > 0)[:, None], values.reshape(-1, 1), named
    k = values.shape[-1]
    truth = _rows(y, values.shape, what)
    flat, labels = values.reshape(-1, k), names_of(names, k, what)
    if k == 2 and (truth.sum(axis=1) == 1).all():
        return truth[:, 1:], flat[:, 1:], labels[1:]
    return truth, flat, labels


def _rows(y: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """Return targets as rows of True and False, (n, k)."""
    true, k = numbers(y, f"{what}: y"), shape[-1]
    if true.shape == shape:
        strange = true[(true != 0) & (true != 1)]
        if strange.size:
            raise ValueError(f"{what}: targets in k columns are 0 or 1; got {strange[0]:g}.")
        return true.reshape(-1, k) == 1
    classes = class_numbers(true, shape, what)
    rows: np.ndarray = classes[:, None] == np.arange(k)
    return rows


def class_numbers(y: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """Return class numbers, flat, of class numbers or one-hot rows for scores of this shape."""
    true, k = numbers(y, f"{what}: y"), shape[-1]
    if true.shape == shape and k > 1:
        rows = true.reshape(-1, k)
        if ((rows != 0) & (rows != 1)).any() or (rows.sum(axis=1) != 1).any():
            raise ValueError(
                f"{what}: expected one class an example; these targets have several labels, or "
                "none, or shares. Look at one label at a time: y[:, j] and p[:, j]."
            )
        return rows.argmax(axis=1)
    if true.shape not in (shape[:-1], (*shape[:-1], 1)):
        raise ValueError(
            f"{what}: for scores of shape {shape} expected class numbers of shape {shape[:-1]} or "
            f"one-hot rows of shape {shape}; got targets of shape {true.shape}."
        )
    flat = true.ravel()
    if (flat != np.floor(flat)).any() or flat.min() < 0 or flat.max() >= k:
        raise ValueError(
            f"{what}: class numbers are whole, 0 to {k - 1}; got {flat.min():g} to {flat.max():g}."
        )
    return flat.astype(np.int64)


def numbers(value: Any, what: str) -> np.ndarray:
    """Return an array as float64.

    Raises:
        ValueError: where it is empty, holds no numbers, or holds NaN.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiub" or array.ndim == 0 or array.size == 0:
        raise ValueError(
            f"{what}: expected an array of numbers, examples first; got {array.dtype} of shape "
            f"{array.shape}."
        )
    array = array.astype(np.float64)
    if np.isnan(array).any():
        raise ValueError(
            f"{what}: {int(np.isnan(array).sum())} of {array.size} numbers are NaN, the first of "
            f"example {int(np.argwhere(np.isnan(array))[0][0])}."
        )
    return array


def names_of(names: Sequence[str] | None, k: int, what: str) -> tuple[str, ...]:
    """Return the names of k classes: those given, or their numbers."""
    if names is None:
        return tuple(map(str, range(k)))
    if isinstance(names, str) or len(names) != k:
        raise ValueError(f"{what}: expected {k} names, one a class; got {names!r}.")
    return tuple(map(str, names))
