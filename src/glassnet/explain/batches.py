"""The batch that a derivation is recorded for: the person's own, or one of the right shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet import losses
from glassnet.graph.dimension import Dim
from glassnet.graph.recording import recording
from glassnet.models.data import Batch
from glassnet.nest import flatten, map_structure, pack_like

if TYPE_CHECKING:
    from glassnet.models.model import Model


def check_ready(model: Model, what: str) -> None:
    """Raise where a model is not built or not compiled, and say what to write."""
    if not model.built:
        raise ValueError(
            f"{what} needs the network's weights, and {model.name!r} is not built: it makes them "
            "when it first sees data. Begin it with Input(shape=…), or call it on data."
        )
    if not model.compiled:
        raise ValueError(
            f"{what} shows a training step, so it needs a loss and an optimizer: call "
            f"compile(optimizer=…, loss=…) on {model.name!r} first."
        )


def _called(what: str) -> str:
    """``"derive("`` for ``"derive()"``; ``"diagnose(model, "``, a function of the model."""
    return "diagnose(model, " if what == "diagnose()" else what.removesuffix(")")


def batch_for(model: Model, x: Any, y: Any, what: str) -> Batch:
    """Return the batch of arrays to record for; where none is given, one of the right shapes."""
    check_ready(model, what)
    if x is None:
        if y is not None:
            raise ValueError(f"{what}: y was given without x. Write {_called(what)}x, y).")
        return shaped_batch(model, what)
    if y is None:
        raise ValueError(f"{what}: x was given without targets. Write {_called(what)}x, y).")
    dtype = np.dtype(model.dtype)

    def array(value: Any) -> np.ndarray | None:
        if value is None:
            return None  # an output without a loss has no target
        found = np.asarray(value)
        return found.astype(dtype) if found.dtype.kind == "f" else found

    batch = Batch(map_structure(array, x), map_structure(array, y), None)
    sizes = {a.shape[0] if a.ndim else None for a in flatten(batch) if a is not None}
    if None in sizes and any(isinstance(v, (list, tuple)) for v in (x, y)):
        raise ValueError(
            f"{what}: a list holds one array for each input or output, and its entries here are "
            f"numbers. For one array write np.array(…): {_called(what)}np.array(x), np.array(y))."
        )
    if len(sizes) != 1 or None in sizes:
        raise ValueError(
            f"{what}: x and y hold one row an example, equally many; got "
            f"{', '.join(str(a.shape) for a in flatten(batch) if a is not None)}."
        )
    if sizes == {0}:
        raise ValueError(f"{what}: the batch is empty; it needs at least one example.")
    return batch


def shaped_batch(model: Model, what: str) -> Batch:
    """Return zeros in the shapes of inputs and targets, a batch of two."""
    x = inputs_for(model, what)
    with recording():
        outputs = model(x, training=False)
    names = model.names_of_outputs(outputs)
    flat = flatten(outputs)
    wanted = losses_by_output(model, names)
    targets = [
        None if loss is None else _targets(loss, out.shape, np.dtype(model.dtype))
        for loss, out in zip(wanted, flat, strict=True)
    ]
    return Batch(x, targets[0] if len(targets) == 1 else targets, None)


def inputs_for(model: Model, what: str) -> Any:
    """Return zeros in the shapes of the inputs, a batch of two."""
    try:
        inputs = model.inputs
    except (ValueError, AttributeError):
        if model.first_inputs is None:
            raise ValueError(
                f"{what}: {model.name!r} has not been called yet, so its inputs are not known. "
                "Call it on a batch first."
            ) from None
        # A model of one's own is known by what it was called on.
        return map_structure(
            lambda spec: np.zeros(_known(spec.shape, what), spec.dtype or model.dtype),
            model.first_inputs,
        )
    return pack_like(model.input, [np.zeros(_known(t.shape, what), t.dtype) for t in inputs])


def losses_by_output(model: Model, names: list[str]) -> list[Any]:
    """Return what was compiled as the loss of each output."""
    from glassnet.models.compiled import by_output

    return by_output(model.compiled_loss.given, names, "loss")


def _known(shape: Any, what: str) -> tuple[int, ...]:
    sizes = tuple(2 if i == 0 else size for i, size in enumerate(shape))
    if any(size is None or isinstance(size, Dim) for size in sizes):
        raise ValueError(
            f"{what}: the input has sizes that only data tell, {shape}. Pass a batch: "
            f"{_called(what)}x, y)."
        )
    return tuple(int(s) for s in sizes)


def _targets(given: Any, shape: Any, dtype: np.dtype) -> np.ndarray:
    loss = losses.get(given)
    if getattr(loss, "integer_targets", False) or "sparse" in str(given).lower():
        return np.zeros(shape[:-1], np.int64)
    return np.zeros(shape, dtype)
