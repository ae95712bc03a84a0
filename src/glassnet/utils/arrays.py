"""Preparing arrays: one-hot labels, unit vectors, splits, padding. Names are Keras's.

These work on NumPy arrays and on what turns into one; they return arrays and change nothing given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import numpy as np

from glassnet.config import next_seed


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Return labels as one-hot rows: ``y[…, k] = 1`` where ``x[…] == k``, else 0.

    Args:
        x: labels, whole numbers from 0, of any shape. A last axis of length 1 is dropped where
            there are others, so ``(m,)`` and ``(m, 1)`` both give ``(m, num_classes)``.
        num_classes: how many classes there are; by default the largest label plus 1.

    Returns:
        A float64 array with the axis of the classes added at the end.

    Raises:
        ValueError: where a label is negative, not whole, or not below ``num_classes``; where
            there are no labels to count the classes of.

    Example:
        >>> from glassnet.utils import to_categorical
        >>> to_categorical([0, 2, 1])
        array([[1., 0., 0.],
               [0., 0., 1.],
               [0., 1., 0.]])
    """
    labels = _labels(np.asarray(x))
    if num_classes is None:
        if labels.size == 0:
            raise ValueError(
                "to_categorical: there are no labels, so the classes can't be counted; write "
                "num_classes=…"
            )
        num_classes = int(labels.max()) + 1
    elif not _is_integer(num_classes) or num_classes < 1:
        raise ValueError(
            f"to_categorical: num_classes is a whole number of at least 1; got {num_classes!r}."
        )
    if labels.size and labels.max() >= num_classes:
        raise ValueError(
            f"to_categorical: label {labels.max()} does not fit num_classes={num_classes}: labels "
            f"count from 0 to {num_classes - 1}. Labels that count from 1 need x - 1."
        )
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    return (labels[..., np.newaxis] == np.arange(num_classes)).astype(np.float64)


def _labels(x: np.ndarray) -> np.ndarray:
    """Return ``x`` as int64; raise where an entry is no whole number of at least 0."""
    if x.dtype.kind not in "biuf" and x.size:
        raise ValueError(
            f"to_categorical: labels are whole numbers from 0; got {x.dtype}. Number the names "
            "first: names, x = np.unique(labels, return_inverse=True)."
        )
    if x.dtype.kind == "f" and x.size:
        broken = x[~np.isfinite(x) | (x != np.floor(x))]
        if broken.size:
            raise ValueError(f"to_categorical: labels are whole numbers; got {broken[0]}.")
    if x.size and x.min() < 0:
        raise ValueError(
            f"to_categorical: labels count from 0; got {x.min()}. Of labels -1 and 1 make "
            "(x + 1) // 2."
        )
    return x.astype(np.int64)


def normalize(x: Any, axis: int = -1, order: float = 2) -> np.ndarray:
    """Return ``x / ‖x‖``, each vector along ``axis`` divided by its norm; zero vectors stay zero.

    ``‖x‖ = (Σ |x|^order)^(1/order)``.

    Args:
        x: numbers, of at least one axis.
        axis: the axis along which the vectors lie.
        order: which norm: 2 for the Euclidean length, 1 for the sum of absolute values,
            ``np.inf`` for the largest absolute value.

    Returns:
        An array of ``x``'s shape; float types are kept, others become float64.

    Example:
        >>> from glassnet.utils import normalize
        >>> normalize([[3.0, 4.0], [0.0, 0.0]])
        array([[0.6, 0.8],
               [0. , 0. ]])
    """
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"normalize: expected numbers; got {x.dtype}.")
    if not _is_integer(axis) or not -x.ndim <= axis < x.ndim:
        raise ValueError(f"normalize: there is no axis {axis!r} in an array of shape {x.shape}.")
    if x.dtype.kind != "f":
        x = x.astype(np.float64)
    norm = np.linalg.norm(x, order, axis=int(axis), keepdims=True)
    return x / np.where(norm == 0, 1, norm).astype(x.dtype)


# --- splitting ----------------------------------------------------------------------------------
def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Return the first and the last examples of ``dataset``: ``(left, right)``.

    Args:
        dataset: an array, or a tuple, list or dict of arrays with the same number of examples,
            also nested, such as ``((x1, x2), y)``.
        left_size: how many examples go left: an integer, or the fraction as a float between 0
            and 1. By default what the right leaves over.
        right_size: the same for the right. Where both are given, examples between them are in
            neither.
        shuffle: shuffle the examples first, all arrays alike.
        seed: fixes the shuffle; by default the next of ``set_random_seed``'s sequence.

    Returns:
        Two datasets of the same structure as the one given; views where nothing is shuffled.

    Raises:
        ValueError: where arrays differ in length, or where sizes do not fit or leave a side
            empty.
        TypeError: where a size or the dataset is of another type.

    Example:
        >>> import numpy as np
        >>> from glassnet.utils import split_dataset
        >>> x, y = np.arange(10.0).reshape(5, 2), np.arange(5)
        >>> (x_train, y_train), (x_test, y_test) = split_dataset((x, y), left_size=0.6)
        >>> y_train, y_test
        (array([0, 1, 2]), array([3, 4]))
    """
    arrays: list[np.ndarray] = []
    _visit(dataset, arrays.append)
    lengths = sorted({len(array) for array in arrays})
    if len(lengths) != 1:
        raise ValueError(
            "split_dataset: there is no array in the dataset."
            if not lengths
            else "split_dataset: all arrays need the same number of examples; got "
            f"{', '.join(str(array.shape) for array in arrays)}."
        )
    n = lengths[0]
    left, right = _sizes(left_size, right_size, n)
    # Slices where nothing is shuffled: views, so that a memory-mapped array stays on disk.
    first: Any = slice(0, left)
    last: Any = slice(n - right, n)
    if shuffle:
        order = np.random.default_rng(next_seed() if seed is None else seed).permutation(n)
        first, last = order[first], order[last]
    return _visit(dataset, lambda array: array[first]), _visit(dataset, lambda array: array[last])


def _visit(dataset: Any, change: Callable[[np.ndarray], Any]) -> Any:
    """Return ``dataset`` with every array changed, its tuples, lists and dicts kept."""
    if isinstance(dataset, dict):
        return {name: _visit(part, change) for name, part in dataset.items()}
    if isinstance(dataset, tuple) and hasattr(dataset, "_fields"):
        return type(dataset)(*(_visit(part, change) for part in dataset))
    if isinstance(dataset, (tuple, list)):
        return type(dataset)(_visit(part, change) for part in dataset)
    array = np.asarray(dataset) if hasattr(dataset, "__array__") else None
    if array is None or array.ndim == 0:
        raise TypeError(
            "split_dataset: expected arrays, or tuples, lists and dicts of arrays; got "
            f"{type(dataset).__name__}. Write np.array(…) around a list of numbers."
        )
    return change(array)


def _sizes(left: float | None, right: float | None, n: int) -> tuple[int, int]:
    """Return both sizes as counts of the ``n`` examples."""
    if left is None and right is None:
        raise ValueError("split_dataset: say how much goes where; write for instance left_size=0.8")
    if _is_float(left) and _is_float(right) and left + right > 1:
        raise ValueError(
            f"split_dataset: left_size={left} and right_size={right} are more than the whole."
        )
    first, last = _count("left_size", left, n), _count("right_size", right, n)
    if first is None or last is None:  # the other one takes what is left
        given = first if last is None else last
        assert given is not None
        first, last = (n - given, given) if first is None else (given, n - given)
    if first + last > n:
        raise ValueError(
            f"split_dataset: left_size={left} and right_size={right} ask for {first} + {last} "
            f"examples; there are {n}."
        )
    if first == 0 or last == 0:
        raise ValueError(
            f"split_dataset: of {n} examples, {first} would go left and {last} right; neither "
            "side can be empty."
        )
    return first, last


def _count(name: str, size: float | None, n: int) -> int | None:
    if size is None:
        return None
    if not _is_integer(size) and not _is_float(size):
        raise TypeError(
            f"split_dataset: {name} is an integer, a float or None; got {type(size).__name__}."
        )
    if _is_float(size):
        if not 0 < size < 1:
            raise ValueError(
                f"split_dataset: {name}={size!r} is no fraction; a float lies between 0 and 1, "
                "both excluded, and a number of examples is an integer."
            )
        return round(float(size) * n)
    if not 0 < size < n:
        raise ValueError(
            f"split_dataset: {name}={size} does not fit; of {n} examples, 1 to {n - 1} can go to "
            "one side."
        )
    return int(size)


# --- padding ------------------------------------------------------------------------------------
def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Return sequences of different lengths as the rows of one array.

    Args:
        sequences: sequences of numbers, or of arrays of one shape.
        maxlen: the length of the rows; by default that of the longest sequence.
        dtype: the type of the array; ``object`` for texts of any length.
        padding: where short sequences are filled up: ``"pre"``, before them, or ``"post"``.
        truncating: where long ones are cut: ``"pre"``, at their beginning, or ``"post"``.
        value: what they are filled up with.

    Returns:
        An array of shape ``(len(sequences), maxlen)``, or with the entries' shape after that.

    Raises:
        ValueError: where something is no sequence, entries differ in shape, a value does not fit
            ``dtype`` unchanged, or an argument is unknown.

    Example:
        >>> from glassnet.utils import pad_sequences
        >>> pad_sequences([[1], [2, 3], [4, 5, 6]])
        array([[0, 0, 1],
               [0, 2, 3],
               [4, 5, 6]], dtype=int32)
        >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2, padding="post", value=-1)
        array([[ 1, -1],
               [ 2,  3],
               [ 5,  6]], dtype=int32)
    """
    for name, given in (("padding", padding), ("truncating", truncating)):
        if given not in ("pre", "post"):
            raise ValueError(f"pad_sequences: {name} is 'pre' or 'post'; got {given!r}.")
    if not hasattr(sequences, "__len__") or isinstance(sequences, str):
        raise ValueError(
            f"pad_sequences: expected a list of sequences; got {type(sequences).__name__}."
        )
    for i, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__") or isinstance(sequence, str):
            raise ValueError(
                f"pad_sequences: expected a list of sequences; entry {i} is {sequence!r}."
            )
    if maxlen is None:
        maxlen = max(map(len, sequences), default=0)
    elif not _is_integer(maxlen) or maxlen < 1:
        raise ValueError(f"pad_sequences: maxlen is at least 1; got {maxlen!r}.")
    rows = [_fit(s[-maxlen:] if truncating == "pre" else s[:maxlen], dtype) for s in sequences]
    shapes = {row.shape[1:] for row in rows if len(row)} or {()}
    if len(shapes) > 1:
        raise ValueError(
            "pad_sequences: the entries of all sequences need one shape; got "
            f"{' and '.join(map(str, sorted(shapes)))}."
        )
    padded = np.empty((len(rows), maxlen, *shapes.pop()), dtype)
    padded[...] = _fit(value, dtype)
    for target, row in zip(padded, rows, strict=True):
        if len(row):
            start = maxlen - len(row) if padding == "pre" else 0
            target[start : start + len(row)] = row
    return padded


def _fit(values: Any, dtype: Any) -> np.ndarray:
    """Return ``values`` as ``dtype``; raise where an integer type would change numbers."""
    if np.dtype(dtype).kind == "O":
        return np.asarray(values, dtype)
    given = np.asarray(values)
    if given.dtype.kind in "US" and np.dtype(dtype).kind not in "US":
        raise ValueError(
            f"pad_sequences: {str(given.flat[0])!r} is a text and dtype is {np.dtype(dtype)}; "
            "write dtype=object."
        )
    if np.dtype(dtype).kind in "iu":
        # What is out of range is found by the comparison below.
        with np.errstate(invalid="ignore"):
            changed = given != given.astype(dtype)
        if np.any(changed):
            wrong = given[changed].flat[0]
            raise ValueError(
                f"pad_sequences: {wrong} does not fit {np.dtype(dtype)}; write for instance "
                "dtype='float32' or 'int64'."
            )
    return given.astype(dtype)


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_float(value: Any) -> TypeGuard[float]:
    return isinstance(value, (float, np.floating))
