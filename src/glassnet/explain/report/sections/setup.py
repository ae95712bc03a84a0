"""What was trained on what: the network, the data, the settings of the run, the versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from glassnet.explain.assembly import described
from glassnet.explain.report.markup import clean, counted, facts, fold, table, told, value
from glassnet.explain.report.subject import Subject
from glassnet.explain.report.versions import versions
from glassnet.inspection.histories import run_histories
from glassnet.models.data import Batch
from glassnet.nest import flatten

_MOST_CLASSES = 200


def setup(subject: Subject) -> Iterator[str]:
    """Yield the tables of what was trained, on what, and how."""
    yield facts("The network and how it was trained", list(_run(subject)))
    yield facts("The data", list(_data(subject)))
    classes = _classes(subject)
    if classes:
        yield classes
    yield facts("The programs", [(name, f"{value}") for name, value in versions().items()])


def _run(subject: Subject) -> Iterator[tuple[str, str]]:
    model = subject.model
    total = model.count_params()
    trained = sum(w.value.size for w in model.trainable_weights)
    layers = counted(len(model.layers), "layer")
    yield "network", f"<code>{clean(model.name)}</code>, {type(model).__name__} of {layers}"
    yield "parameters", value(total) + (f", {value(trained)} of them trained" * (trained != total))
    yield "loss", ", ".join(_code(loss) for loss in flatten(model.compiled_loss.given) if loss)
    yield "optimizer", _code(model.optimizer)
    metrics = [_code(m) for m in flatten(model.compiled_metrics.given) if m is not None]
    if metrics:
        yield "metrics", ", ".join(metrics)
    yield from _training(subject)


def _training(subject: Subject) -> Iterator[tuple[str, str]]:
    if subject.history is None:
        yield "training", "no history was passed"
    else:
        epochs = int(run_histories(subject.history)[0].epochs[-1])
        record = getattr(subject.history, "record", None)
        batch = getattr(record, "batch_size", None)
        size = subject.train_size or getattr(record, "size", None)
        yield "epochs", value(epochs)
        if batch:
            each = f", {counted(-(-size // batch), 'step')} an epoch" if size else ""
            yield "batch size", value(batch) + each
        if record is not None and record.stopped:
            yield "ended early", clean(record.stopped)
    if subject.seconds is not None:
        yield "time of training", f"{value(subject.seconds, told(subject.seconds, 3))} s"
    if subject.seed is not None:
        yield "seed", value(subject.seed)


def _data(subject: Subject) -> Iterator[tuple[str, str]]:
    if subject.train is not None and subject.train is not subject.held:
        kept = len(flatten(subject.train.x)[0])
        size = subject.train_size or kept
        of = f" (of which the run kept {value(kept)}, told of here)" if kept < size else ""
        yield "training examples", value(size) + of
        yield from _shapes(subject.train, "training ")
    yield subject.held_name, value(subject.size)
    yield from _shapes(subject.held, "")


def _shapes(batch: Batch, prefix: str) -> Iterator[tuple[str, str]]:
    for kind, part in (("inputs", batch.x), ("targets", batch.y)):
        yield prefix + kind, "; ".join(_array(name, a) for name, a in _named(part))


def _named(part: Any) -> list[tuple[str, Any]]:
    if isinstance(part, Mapping):
        return [(str(name), array) for name, array in part.items()]
    return [("", array) for array in flatten(part)]


def _array(name: str, array: Any) -> str:
    found = np.asarray(array)
    shape = " × ".join(f"{size:,}" for size in found.shape)
    text = f"{clean(name)} {shape}, {found.dtype}".strip()
    if found.dtype.kind in "fiub" and found.size:
        missing = int(np.isnan(found).sum()) if found.dtype.kind == "f" else 0
        low, high = (np.nanmin(found), np.nanmax(found)) if missing < found.size else (0, 0)
        text += f", from {told(low)} to {told(high)}"
        text += f", {counted(missing, 'number')} missing" if missing else ""
    return text


# --- classes ----------------------------------------------------------------------------------
def _classes(subject: Subject) -> str:
    """How many examples of each class there are; nothing where there are no classes."""
    batches = [("examples", subject.held)]
    if subject.train is not None and subject.train is not subject.held:
        batches = [("training", subject.train), (subject.held_name.split()[0], subject.held)]
    counts = [_count(batch.y) for _, batch in batches]
    if any(count is None for count in counts):
        return ""
    width = max(len(count) for count in counts if count is not None)
    if width > _MOST_CLASSES:
        return ""
    names = _names(subject.names, width)
    rows = []
    for i, name in enumerate(names):
        cells = [value(int(c[i]) if i < len(c) else 0) for c in counts if c is not None]
        rows.append((clean(name), *cells))
    made = table("Examples of each class", ("class", *(what for what, _ in batches)), rows)
    return made if width <= 12 else fold(f"Examples of each of {width} classes", made, "data")


def _names(given: Sequence[str] | None, width: int) -> list[str]:
    if given is not None and len(given) == width:
        return list(map(str, given))
    return list(map(str, range(width)))


def _count(y: Any) -> np.ndarray | None:
    """The examples of each class, of class numbers or one-hot rows; None for other targets."""
    leaves = flatten(y)
    if len(leaves) != 1:
        return None
    array = np.asarray(leaves[0])
    if array.ndim == 2 and array.shape[1] > 1:
        one = ((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all()
        return array.sum(axis=0).astype(int) if one else None
    flat = array.ravel()
    if array.dtype.kind not in "fiub" or not flat.size or len(flat) != len(array):
        return None
    whole = np.isfinite(flat).all() and (flat == np.floor(flat)).all() and flat.min() >= 0
    if not whole or (flat.max() >= _MOST_CLASSES or len(np.unique(flat)) * 2 > max(len(flat), 6)):
        return None
    return np.bincount(flat.astype(int), minlength=2)


# --- bricks in words --------------------------------------------------------------------------
def _code(brick: Any) -> str:
    return f"<code>{clean(described(brick).strip('`'))}</code>"
