"""Numbers beside the symbols: the value of every named quantity on a batch, in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.models.data import Batch
from glassnet.nest import flatten

if TYPE_CHECKING:
    from glassnet.explain.derivation import Derivation


def targets_sum_to_one(batch: Batch) -> bool:
    """Tell whether the targets of every example sum to 1, as a distribution does."""
    targets = [np.asarray(t) for t in flatten(batch.y) if t is not None]
    return all(bool(np.allclose(t.sum(-1), 1)) for t in targets if t.ndim > 1)


def values_of(derivation: Derivation) -> dict[str, Any]:
    """Return the values of all named quantities, in the derivation's notation."""
    raise NotImplementedError
