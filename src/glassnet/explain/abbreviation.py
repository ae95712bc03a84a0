"""Arrays in a few lines of text: small ones whole, of larger ones the corners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

MOST = 6
"""How many rows and columns are shown; the dots between the corners count as one."""
DIGITS = 4


def abbreviated(value: np.ndarray, *, examples: bool = False) -> tuple[str, ...]:
    """Return the lines that show an array, its columns in line.

    Args:
        value: numbers, integers or truth values.
        examples: whether the first axis of an array of three axes or more counts examples; then
            the first one is shown. Of further axes, the first entry of the last ones is.

    >>> import numpy as np
    >>> print("\\n".join(abbreviated(np.array([[0.5, -1.25], [12.0, 1e-9]]))))
     0.5    -1.25
    12       1e-9
    >>> print("\\n".join(abbreviated(np.arange(100.0).reshape(10, 10))))
     0   1   2  ...   8   9
    10  11  12  ...  18  19
    20  21  22  ...  28  29
     :   :   :  ...   :   :
    80  81  82  ...  88  89
    90  91  92  ...  98  99
    """
    value = np.asarray(value)
    if value.size == 0:
        return (f"no entries, shape {value.shape}",)
    if value.ndim == 0:
        return (number(value.flat[0]),)
    if value.ndim > 2:
        title, matrix = _slice(value, examples)
        return (title, *_lines(matrix))
    return tuple(_lines(value.reshape(1, -1) if value.ndim == 1 else value))


def number(value: Any) -> str:
    """Return a number with four significant digits."""
    kind = np.asarray(value).dtype.kind
    if kind in "biu":
        return str(int(value))
    mantissa, _, exponent = f"{float(value):.{DIGITS}g}".partition("e")
    text = f"{mantissa}e{int(exponent)}" if exponent else mantissa
    return "0" if text == "-0" else text


def _slice(value: np.ndarray, examples: bool) -> tuple[str, np.ndarray]:
    """The matrix that is shown of an array of more axes, and where it stands there."""
    if examples and value.ndim == 3:
        index: tuple[int | slice, ...] = (0, slice(None), slice(None))
    elif examples:
        index = (0, slice(None), slice(None), *(0,) * (value.ndim - 3))
    else:
        index = (slice(None), slice(None), *(0,) * (value.ndim - 2))
    told = ", ".join(":" if isinstance(i, slice) else str(i) for i in index)
    return f"[{told}] of shape {' × '.join(map(str, value.shape))}:", value[index]


def _lines(matrix: np.ndarray) -> list[str]:
    rows, columns = (_corners(n) for n in matrix.shape)
    texts = [
        [number(matrix[i, j]) if i >= 0 and j >= 0 else ":" if j >= 0 else "..." for j in columns]
        for i in rows
    ]
    aligned = [_aligned([row[j] for row in texts]) for j in range(len(columns))]
    return ["  ".join(cells).rstrip() for cells in zip(*aligned, strict=True)]


def _corners(count: int) -> list[int]:
    """The places that are shown, -1 for the dots."""
    if count <= MOST:
        return list(range(count))
    return [0, 1, 2, -1, count - 2, count - 1]


def _aligned(cells: Sequence[str]) -> list[str]:
    """The texts of a column with their decimal points in line."""
    before = [len(_whole(c)) for c in cells]
    left = max(before)
    padded = [" " * (left - b) + c for b, c in zip(before, cells, strict=True)]
    width = max(map(len, padded))
    return [p.ljust(width) for p in padded]


def _whole(cell: str) -> str:
    """The part of a number that stands before its decimal point."""
    return cell.partition(".")[0].partition("e")[0]
