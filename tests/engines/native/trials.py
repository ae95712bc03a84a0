"""An op on the native engine and by its own definition."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.engines.native.trial import run_op
from glassnet.graph.op import Op


def tried(op: Op, *arrays: Any, onto: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return what the native engine finds, which must not refuse, and what NumPy finds.

    Shape and dtype are held equal. With ``onto`` the value is added to an array.
    """
    with np.errstate(all="ignore"):
        expected = np.asarray(op.value(np, *arrays))
        expected = expected if onto is None else onto + expected
    found = run_op(op, *arrays, onto=onto)
    assert found is not None, f"{op} was refused"
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    return found, expected
