"""Which dtype comes out of which: floats win over integers, integers over truth values.

NumPy turns ``int32 + float32`` into ``float64``, which would silently double the memory and halve
the speed of a network. Here an integer takes the float it meets (Keras's rule).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from glassnet import config


def is_float(dtype: np.dtype) -> bool:
    """Tell whether ``dtype`` is a real float type."""
    return dtype.kind == "f"


def default_float() -> np.dtype:
    """Return the default float type as a dtype."""
    return np.dtype(config.floatx())


def promote(dtypes: Iterable[np.dtype]) -> np.dtype:
    """Return the dtype that holds all of ``dtypes``: the widest float, else NumPy's rule."""
    dtypes = list(dtypes)
    floats = [d for d in dtypes if is_float(d)]
    return np.result_type(*(floats or dtypes))


def accumulator(dtype: np.dtype) -> np.dtype:
    """Return the dtype that sums and products are held in: integers and truth values as int64."""
    return np.dtype(np.int64) if dtype.kind in "biu" and dtype != np.uint64 else dtype


def standard(dtype: Any) -> np.dtype:
    """Return ``dtype`` as a NumPy dtype of a kind that glassnet computes in.

    Raises:
        TypeError: for complex, text and object types, and for names that NumPy does not know.
    """
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise TypeError(
            f"{dtype!r} is no dtype; write for instance 'float32', 'float64', 'int64' or 'bool'."
        ) from None
    if found.kind not in "fiub":
        raise TypeError(
            f"glassnet computes with floats, integers and truth values; got dtype {found}. "
            "Turn texts into numbers first (for instance with a table of categories), and drop "
            "columns that hold objects."
        )
    return found
