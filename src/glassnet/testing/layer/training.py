"""In a network: two steps of training, with layers before it and behind it."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.explain.doctor.twins import named_weights, twin
from glassnet.layers import Dense, Flatten, Input, Layer, NumpyLayer
from glassnet.layers.numpy_brick import NumpyForward, _weights_of
from glassnet.models import Model
from glassnet.nest import flatten, map_structure
from glassnet.optimizers import SGD
from glassnet.testing.layer.registry import failed, layer_check, passed, skipped
from glassnet.testing.layer.report import FAILED, PASSED, Result
from glassnet.testing.layer.specimen import Specimen, told


@layer_check("in a network")
def in_a_network(specimen: Specimen) -> Result:
    """A network with it trains for two steps: behind other layers, and before them."""
    if specimen.call:
        return skipped("the call takes more than the inputs")
    outputs = specimen.run().outputs
    if len(outputs) != 1 or outputs[0].dtype.kind != "f":
        return skipped("the output is not one array of floats")
    if specimen.in_numpy and not specimen.run().wrt:
        return skipped("there is nothing to train")
    loose = _no_weights(specimen)
    if loose:
        names = ", ".join(name for name, _ in loose)
        return failed(
            f"Nothing is learned of {names}: what is assigned to self is an array and no weight, "
            "so training does not change it.",
            "\n".join(f"self.{n} = self.add_weight({shape}, name={n!r})" for n, shape in loose),
        )
    places = [False, True] if specimen.float_inputs else [False]
    for behind in places:
        found = _trained(specimen, behind)
        if found is not None:
            return found
    return passed("two steps of fit, before other layers" + (" and behind" * (len(places) > 1)))


def _no_weights(specimen: Specimen) -> list[tuple[str, tuple[int, ...]]]:
    """Arrays of a brick by hand that backward sets a derivative of, and that are no weights."""
    layer = specimen.layer
    if not isinstance(layer, NumpyLayer) or isinstance(specimen.inputs, (list, dict)):
        return []
    weights = tuple(_weights_of(layer))
    op = NumpyForward(layer, weights, 1, True if True in specimen.modes else None)
    try:
        with np.errstate(all="ignore"):
            own, y = op.run([specimen.inputs, *(w.value for w in weights)])
            own.backward(specimen.slopes([y])[0])
    except Exception:
        return []
    found = vars(own)
    return [
        (name, value.shape)
        for name, value in vars(layer).items()
        if isinstance(value, np.ndarray)
        and value.ndim
        and isinstance(found.get(f"d{name}"), np.ndarray)
        and found[f"d{name}"].shape == value.shape
    ]


def _trained(specimen: Specimen, behind: bool) -> Result | None:
    layer = twin(specimen.plain)
    dtype = layer.dtype
    inputs = map_structure(lambda a: a.astype(dtype) if a.dtype.kind == "f" else a, specimen.inputs)
    where = "behind another layer" if behind else "as the first layer"
    try:
        model = _network(layer, inputs, behind)
    except Exception as error:
        return failed(f"No network can be made with it {where}: {told(error)}.", detail=error)
    model.compile(SGD(1e-3), "mse")
    before = [w.value.copy() for w in layer.trainable_weights]
    count = len(flatten(inputs)[0])
    target = np.random.default_rng(specimen.seed).normal(size=(count, 2))
    try:
        with np.errstate(all="ignore"):
            history = model.fit(inputs, target, batch_size=count, epochs=2, verbose=0)
    except Exception as error:
        if FAILED in (specimen.verdicts.get(n) for n in ("gradients", "gradients in training")):
            return skipped('backward does not run; see "gradients"')
        return failed(f"Training fails with it {where}: {told(error)}.", _mend(error),
                      detail=error)  # fmt: skip
    if not np.isfinite(history.history["loss"]).all():
        return failed(f"With it {where} the loss is {history.history['loss']}.")
    still = [
        place for place, (w, old) in enumerate(zip(layer.trainable_weights, before, strict=True))
        if np.array_equal(w.value, old)
    ]  # fmt: skip
    return _unlearned(specimen, still) if still else None


def _unlearned(specimen: Specimen, still: list[int]) -> Result | None:
    """Weights that training left as they were: without use, or without a derivative.

    A derivative that is 0 is right where the output does not depend on the weight but for
    rounding, as on the bias of keys in attention.
    """
    names = {id(w): name for name, w in named_weights(specimen.layer)}
    for place in still:
        weight = specimen.layer.trainable_weights[place]
        name, kept = names[id(weight)], weight.value
        outputs = specimen.forward()
        weight.assign(kept * 2 + 1)
        changed = specimen.forward()
        weight.assign(kept)
        if all(np.array_equal(a, b, equal_nan=True) for a, b in zip(outputs, changed, strict=True)):
            return failed(
                f"Nothing is learned of {name}: the output does not depend on it.",
                f"use self.{name} in forward, or do not make it",
            )
        if specimen.verdicts.get("gradients") != PASSED:
            return failed(
                f"In two steps of training {name} did not change at all: nothing is learned there.",
                f"self.d{name} = …  # its derivative, not zeros" if specimen.in_numpy else "",
            )
    return None


def _mend(error: Exception) -> str:
    return str(error).split("Write\n", 1)[1] if "Write\n" in str(error) else ""


def _network(layer: Layer, inputs: Any, behind: bool) -> Model:
    entry = map_structure(lambda a: Input(a.shape[1:], dtype=a.dtype.name), inputs)
    x = map_structure(_before, entry) if behind else entry
    y = layer(x)
    if y.ndim > 2 or y.ndim == 1:
        y = Flatten()(y)
    return Model(entry, Dense(2)(y))


def _before(entry: Any) -> Any:
    return Dense(entry.shape[-1])(entry) if entry.ndim > 1 else entry
