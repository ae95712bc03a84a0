"""Written down and made again: the configuration, a file."""

from __future__ import annotations

import inspect
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.explain.doctor.twins import Run, all_layers, built_twin, twin
from glassnet.layers import Input
from glassnet.models import Model, load_model
from glassnet.nest import map_structure
from glassnet.registry import constructor_arguments, deserialize, serialize
from glassnet.testing.layer.registry import failed, layer_check, passed, skipped
from glassnet.testing.layer.report import FAILED, SKIPPED, Result
from glassnet.testing.layer.specimen import Specimen, told


def _custom(specimen: Specimen) -> dict[str, Any]:
    """The classes of the layer and of those in it, by name."""
    return {type(part).__name__: type(part) for part in all_layers(specimen.given)}


@layer_check("configuration")
def configuration(specimen: Specimen) -> Result:
    """``get_config`` and ``from_config`` make an equal layer, where it can be written down."""
    cls = type(specimen.given)
    try:
        data = json.loads(json.dumps(serialize(specimen.plain)))
    except NotImplementedError as error:
        names = [n for n in constructor_arguments(cls) if not hasattr(specimen.plain, n)]
        if names and not specimen.is_own:  # it computes rightly all the same
            listed = ", ".join(f"self.{n} = {n}" for n in names)
            return skipped(f"a model with it can't be saved until __init__ keeps {listed}")
        return failed(str(error).split(". Write")[0] + ".", detail=error)
    except Exception as error:
        return failed(f"get_config raised {told(error)}.", detail=error)
    try:
        again = deserialize(data, _custom(specimen))
    except Exception as error:
        return failed(
            f"from_config could not make it again: {told(error)}.",
            "def __init__(self, units, **kwargs):\n    super().__init__(**kwargs)\n"
            "    self.units = units  # under the argument's own name, as it came",
            detail=error,
        )
    if again.get_config() != specimen.plain.get_config():
        return failed(
            "The layer made from get_config() has another configuration: what __init__ keeps is "
            "not what it was given.",
            "self.units = units  # under the argument's own name, as it came",
        )
    try:
        again = built_twin(again, specimen.inputs, specimen.call)
        again.set_weights(specimen.plain.get_weights())
        y, z = (_outputs(specimen, twin(layer, "float64")) for layer in (specimen.plain, again))
    except Exception as error:
        return failed(f"The layer made from get_config() does not run: {told(error)}.")
    if not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(y, z, strict=True)):
        return failed(
            "The layer made from get_config(), with the same weights, gives other outputs: "
            "something it computes with is neither an argument nor a weight.",
            "self.add_weight(…) for what changes, an argument of __init__ for what does not",
        )
    kept = [n for n in inspect.signature(cls).parameters if n not in _COMMON][:3]
    return passed(f"get_config() keeps {', '.join(kept)}" if kept else "made again as it was")


_COMMON = {"activity_regularizer", "trainable", "dtype", "autocast", "name", "kwargs"}


def _outputs(specimen: Specimen, layer: Any) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        return Run(layer, specimen.inputs, specimen.call, False).forward(*specimen.arrays())


@layer_check("saving")
def saving(specimen: Specimen) -> Result:
    """A model with the layer in it, saved and loaded, predicts the same."""
    if specimen.call:
        return skipped("the call takes more than the inputs")
    if specimen.verdicts.get("configuration") in (FAILED, SKIPPED):
        return skipped('a file holds the configuration; see "configuration"')
    dtype = specimen.plain.dtype
    arrays = map_structure(lambda a: a.astype(dtype) if a.dtype.kind == "f" else a, specimen.inputs)
    try:
        entry = map_structure(lambda a: Input(a.shape[1:], dtype=a.dtype.name), arrays)
        model = Model(entry, twin(specimen.plain)(entry))
    except Exception as error:
        return failed(f"No model can be made with it: {told(error)}.", detail=error)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        try:
            model.save(path)
            loaded = load_model(path, custom_objects=_custom(specimen))
        except Exception as error:
            return failed(f"A model with it can't be saved and loaded: {told(error)}.",
                          'see "configuration"', detail=error)  # fmt: skip
        with np.errstate(all="ignore"):
            first = np.asarray(model(arrays, training=False))
            second = np.asarray(loaded(arrays, training=False))
    if not np.array_equal(first, second, equal_nan=first.dtype.kind == "f"):
        return failed("A model with it predicts something else after saving and loading.",
                      'see "configuration"')  # fmt: skip
    return passed("a model with it predicts the same after saving and loading")
