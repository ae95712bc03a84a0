"""Loading a model from a file that nobody vouches for.

The description is checked part by part, then the model is made with zeros for weights and no more
of them than the file holds, then everything is held against the file's tensors, and only then are
values assigned. Whatever goes wrong is one error, and no model that was there before has changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from glassnet.errors import FileFormatError
from glassnet.graph.dimension import display
from glassnet.graph.variable import Variable, initial_values
from glassnet.layers.base import InputSpec
from glassnet.models.encoding import expect, shortened
from glassnet.models.fitting import (
    MODEL_KEY,
    Path,
    assign_all,
    checked_path,
    explaining,
    fault,
    in_order,
)
from glassnet.models.model import Model
from glassnet.models.naming import named_weights, seeded_parts
from glassnet.models.saving import ARRAY, FORMAT, OPTIMIZER
from glassnet.registry import deserialize, document
from glassnet.storage import parse_json, read_tensors

_SPARE = 1 << 26  # bytes that metrics and the like may take beside what the file holds


def load_model(
    filepath: Path, custom_objects: Mapping[str, Any] | None = None, compile: bool = True
) -> Model:
    """Return the model of a file that ``model.save`` wrote.

    It predicts bitwise what the saved model did, and goes on training as that would have.

    Args:
        filepath: the file.
        custom_objects: your own classes and functions by the names they were saved under.
            Nothing else that a file names is ever looked up.
        compile: whether to compile it as it was; without, your own losses and metrics need not
            be given.

    Raises:
        FileFormatError: where the file is damaged, of another format, written by hand with
            something impossible in it, or names what is not glassnet's and not in
            ``custom_objects``. It is a ValueError, too.
        FileNotFoundError: where there is no such file.

    >>> import os, tempfile, numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, activation="tanh")])
    >>> x = np.ones((4, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(os.path.join(folder, "model.safetensors"))
    ...     again = gn.load(os.path.join(folder, "model.safetensors"))
    >>> bool(np.all(again.predict(x, verbose=0) == model.predict(x, verbose=0)))
    True
    """
    path = checked_path(filepath)
    arrays, texts = read_tensors(path, require_checksum=False)
    if MODEL_KEY not in texts:
        raise FileFormatError(
            f"{os.fspath(path)} holds weights and no architecture. Make the model in code, then "
            f"model.load_weights({os.fspath(path)!r})."
        )
    told = parse_json(texts[MODEL_KEY].encode(), f"the architecture in {os.fspath(path)}")
    with explaining(path):
        _check_told(told)
        kept = _kept_arrays(arrays)
        with document(kept):
            model = _built_model(told, custom_objects, arrays)
        own = named_weights(model)
        pairs = in_order(path, own, {name: arrays[name] for name in told["weights"]})
        _check_tensors(told, arrays, len(kept))
        assign_all(pairs)
        _restore_flags(model, own, told)
        if compile and told["compile"] is not None:
            with document(kept), initial_values(_within(_SPARE + 8 * _size(arrays))):
                _compile(model, told, custom_objects)
                _restore_optimizer(model, list(own.values()), told, arrays)
    return model


# --- the description ------------------------------------------------------------------------
_PARTS: dict[str, type | tuple[type, ...]] = {
    "format": int,
    "glassnet": str,
    "architecture": dict,
    "built_on": (dict, type(None)),
    "weights": list,
    "frozen": list,
    "seeds": list,
    "compile": (dict, type(None)),
    "optimizer": (dict, type(None)),
    "progress": dict,
}


def _check_told(told: Any) -> None:
    expect(told, dict, "the description")
    number = expect(told.get("format"), int, "the number of the format")
    if number != FORMAT:
        raise FileFormatError(
            f"It is a model of format {number}, written by glassnet {told.get('glassnet')}; this "
            f"glassnet reads format {FORMAT}."
        )
    for name, kind in _PARTS.items():
        expect(told.get(name), kind, name)
    for name in (*told["weights"], *told["frozen"]):
        expect(name, str, "the name of a weight")
    if len(set(told["weights"])) != len(told["weights"]):
        raise ValueError("a weight is listed twice")


def _check_tensors(told: Mapping[str, Any], arrays: Mapping[str, Any], kept: int) -> None:
    """Every tensor of the file belongs to something."""
    state = told["optimizer"] or {"variables": 0}
    count = expect(state["variables"], int, "the number of the optimizer's variables")
    known = {*told["weights"], *(f"{ARRAY}{i}" for i in range(kept))}
    known |= {name for name in arrays if name.startswith(OPTIMIZER)}
    if count != sum(name.startswith(OPTIMIZER) for name in arrays):
        raise ValueError(f"the optimizer's state is not made of {count} tensors")
    if set(arrays) - known:
        raise ValueError(f"nothing needs its tensor {shortened(min(set(arrays) - known))}")


# --- the model --------------------------------------------------------------------------------
def _size(arrays: Mapping[str, np.ndarray]) -> int:
    return sum(array.nbytes for array in arrays.values())


def _within(limit: int, zeros: bool = False) -> Callable[..., Any]:
    """Return a maker of first values that refuses to take more than ``limit`` bytes in all."""
    taken = 0

    def make(initializer: Callable[..., Any], shape: tuple[int, ...], dtype: np.dtype) -> Any:
        nonlocal taken
        size = dtype.itemsize
        for length in shape:
            size *= int(length)  # Python's integers don't overflow
        taken += size
        if taken > limit:
            raise FileFormatError(
                f"The model asks for a variable of shape {display(shape)}, which is more than the "
                "file holds."
            )
        return np.zeros(shape, dtype) if zeros else initializer(shape, dtype=dtype)

    return make


def _kept_arrays(arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    count = sum(name.startswith(ARRAY) for name in arrays)
    return [arrays[f"{ARRAY}{i}"] for i in range(count)]


def _built_model(
    told: Mapping[str, Any], custom_objects: Any, arrays: Mapping[str, np.ndarray]
) -> Model:
    """Make the model, with zeros for weights and no more of them than the file holds."""
    held = sum(arrays[name].nbytes for name in told["weights"])
    with initial_values(_within(held, zeros=True)):
        model = deserialize(told["architecture"], custom_objects)
        if not isinstance(model, Model):
            raise ValueError("its architecture is that of no model.")
        if told["built_on"] is not None:
            model.rebuild(_spec_of(told["built_on"]))
    return model


def _restore_flags(model: Model, own: Mapping[str, Variable], told: Mapping[str, Any]) -> None:
    """What weights and layers are beside their values: frozen or not, their seeds, the progress."""
    frozen = set(told["frozen"])
    for name, weight in zip(told["weights"], own.values(), strict=True):
        weight.trainable = name not in frozen
    parts = seeded_parts(model)
    if len(parts) != len(told["seeds"]):
        raise ValueError(f"it holds {len(told['seeds'])} seeds for {len(parts)} random layers")
    for part, seed in zip(parts, told["seeds"], strict=True):
        part.seed = _count(seed, "a seed")
    seen, seed = told["progress"]["seen"], told["progress"]["seed"]
    model.progress.seen = _count(seen, "progress")
    model.progress.seed = None if seed is None else _count(seed, "progress")


def _count(value: Any, what: str) -> int:
    if not 0 <= expect(value, int, what) < 2**64:
        raise ValueError(f"{what}: expected a number from 0 to 2**64 - 1; got {value}.")
    return int(value)


def _compile(model: Any, told: Mapping[str, Any], custom_objects: Any) -> None:
    model.compile(**deserialize(told["compile"], custom_objects))


def _restore_optimizer(
    model: Model,
    weights: Sequence[Variable],
    told: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
) -> None:
    state, optimizer = told["optimizer"], model.optimizer
    if state is None or optimizer is None:
        return
    if state["built"]:
        trained = [_by_number(weights, i) for i in state["trained"]]
        optimizer.exclude_from_weight_decay([_by_number(weights, i) for i in state["undecayed"]])
        optimizer.build(trained)
    variables = optimizer.variables
    held = [arrays[f"{OPTIMIZER}{i}"] for i in range(state["variables"])]
    if len(held) != len(variables):
        raise ValueError(
            f"the optimizer has {len(variables)} variables and the file's state {len(held)}"
        )
    for i, (variable, array) in enumerate(zip(variables, held, strict=True)):
        for text in fault(variable.path or f"variable {i}", variable, array, exactly=True):
            raise ValueError(f"the state of the optimizer does not fit: {text}")
    assign_all(list(zip(variables, held, strict=True)))


def _by_number(weights: Sequence[Variable], number: Any) -> Variable:
    if not 0 <= expect(number, int, "the number of a weight") < len(weights):
        raise ValueError(f"there is no weight number {number}")
    return weights[number]


def _spec_of(data: Any) -> Any:
    told = expect(data, Mapping, "built_on")
    if set(told) == {"shape", "dtype"}:
        shape = expect(told["shape"], list, "a shape")
        if not all(s is None or (type(s) is int and s >= 0) for s in shape):
            raise ValueError(f"built_on: {shortened(shape)} is no shape.")
        return InputSpec(tuple(shape), expect(told["dtype"], str, "a dtype"))
    ((kind, items),) = told.items()
    expect(items, list, "built_on")
    if kind == "dict":
        return {expect(key, str, "a key"): _spec_of(item) for key, item in items}
    found = [_spec_of(item) for item in items]
    return tuple(found) if kind == "tuple" else found
