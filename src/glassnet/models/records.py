"""What a run keeps of itself: a sample of its data and the weights it began with, both bounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.callbacks.history import RunRecord
from glassnet.models.data import ArraySource, Batch
from glassnet.models.running import AnySource
from glassnet.nest import flatten, map_structure

if TYPE_CHECKING:
    from glassnet.models.model import Model

EXAMPLES = 1000
"""How many examples are kept at most."""
BYTES = 1 << 24
"""How many bytes are kept at most: of the examples, and of the weights again as many."""


def record_of(model: Model, source: AnySource, validation: AnySource | None) -> RunRecord:
    """Return the record of a run that is about to begin."""
    record = RunRecord(start=_weights(model))
    if isinstance(source, ArraySource):
        # Where nobody looks for NaN, the examples that hold it are worth keeping.
        record.sample = tuple(sampled(source.data, strange_first=not model.check_finite))
        record.size, record.batch_size = source.size, source.batch_size
    if isinstance(validation, ArraySource):
        record.validation = tuple(sampled(validation.data))
        record.validation_size = validation.size
    return record


def sampled(data: Batch, strange_first: bool = False) -> Batch:
    """Return some examples, copied: all of them where they are few, else drawn at random.

    Args:
        data: the arrays.
        strange_first: whether up to half of them are such that hold NaN or infinity.
    """
    leaves = [a for a in flatten(data) if a is not None]
    size = len(leaves[0])
    each = max(1, sum(a.nbytes for a in leaves) // size)
    wanted = min(size, EXAMPLES, max(1, BYTES // each))
    # Drawn at random: data may come in an order that repeats, class after class.
    rows = np.random.default_rng(size).permutation(size)
    if strange_first:
        strange = np.flatnonzero(_strange(leaves))[: max(1, wanted // 2)]
        rows = np.concatenate([strange, rows[~np.isin(rows, strange)]])
    rows = np.sort(rows[:wanted])
    return Batch(*(_rows(part, rows) for part in data))


def collect(record: RunRecord, batch: Batch) -> bool:
    """Add a batch of a run whose data come from an iterable; tell whether more is wanted."""
    known = [] if record.sample is None else [Batch(*record.sample)]
    if record.batch_size is None:
        record.batch_size = len(next(a for a in flatten(batch) if a is not None))
    joined = _joined([*known, batch])
    if joined is None:
        return False
    record.sample = tuple(sampled(joined))
    leaves = [a for a in flatten(joined) if a is not None]
    return len(leaves[0]) < EXAMPLES and sum(a.nbytes for a in leaves) < BYTES


def _joined(batches: Sequence[Batch]) -> Batch | None:
    """The examples of batches in one; None where their shapes or parts differ."""
    first = batches[0]
    leaves = [flatten(b) for b in batches]
    for several in zip(*leaves, strict=False):
        if len({None if a is None else (a.shape[1:], a.dtype) for a in several}) > 1:
            return None
    if len({len(found) for found in leaves}) > 1:
        return None
    joined = [
        None if several[0] is None else np.concatenate(several)
        for several in zip(*leaves, strict=True)
    ]
    parts = iter(joined)
    return Batch(*(None if p is None else map_structure(lambda _: next(parts), p) for p in first))


def _strange(leaves: Sequence[np.ndarray]) -> np.ndarray:
    """Which examples hold NaN or infinity."""
    found = np.zeros(len(leaves[0]), bool)
    for a in leaves:
        if a.dtype.kind == "f":
            found |= ~np.isfinite(a.reshape(len(a), -1)).all(axis=1)
    return found


def _rows(part: Any, rows: np.ndarray) -> Any:
    return None if part is None else map_structure(lambda a: np.array(a[rows]), part)


def _weights(model: Model) -> tuple[np.ndarray, ...] | None:
    """The weights as they are, copied; None where they are too many."""
    if sum(v.value.nbytes for v in model.weights) > BYTES:
        return None
    return tuple(np.array(v.value) for v in model.weights)
