"""Agreement with Keras 3: the same layer in both libraries, held against each other.

`assert_layer_parity` builds a layer in Keras (on JAX) and in glassnet, gives both the same weights
and compares everything that a person can see: weights (order, names, shapes, what is trainable),
outputs, derivatives by inputs and weights, new values of moving statistics, penalties,
``compute_output_shape`` and ``get_config``. `assert_same_signature` compares the constructors.

Numbers agree to 1e-5 of the largest entry in float32.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np

from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder, Tensor, gradients, recording
from glassnet.nest import flatten, map_structure

TOLERANCE = 1e-5
"""Of the largest entry, in float32."""

Draw = Callable[[str, tuple[int, ...], np.random.Generator], np.ndarray]


def assert_close(ours: Any, theirs: Any, what: str, tolerance: float = TOLERANCE) -> None:
    """Raise where shapes differ, or entries by more than ``tolerance`` of the largest."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape, f"{what}: shape {ours.shape}; Keras has {theirs.shape}"
    if not theirs.size:
        return
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        difference = np.max(np.where(same, 0.0, np.abs(a - b)))
    scale = max(np.max(np.abs(b[np.isfinite(b)]), initial=0.0), 1e-30)
    assert difference <= tolerance * scale, (
        f"{what}: differs by {difference:.3g}, that is {difference / scale:.2g} of the largest "
        f"entry {scale:.3g}\nours:   {ours.ravel()[:8]}\nKeras's: {theirs.ravel()[:8]}"
    )


def draw_weight(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return a random weight: positive where it is a variance, about ±0.5 otherwise."""
    if "variance" in name:
        return rng.uniform(0.5, 1.5, shape)
    return rng.normal(0.0, 0.5, shape)


def assert_layer_parity(
    keras_cls: type,
    our_cls: type,
    kwargs: Mapping[str, Any],
    inputs: Any,
    call_kwargs: Mapping[str, Any] | None = None,
    *,
    weights: Draw = draw_weight,
    named_batch: bool = True,
    differentiate_inputs: bool = True,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    our_kwargs: Mapping[str, Any] | None = None,
) -> tuple[Any, Any]:
    """Hold a layer of ours against Keras's; return both.

    Args:
        keras_cls: the class in ``keras.layers``.
        our_cls: the class in ``glassnet.layers``.
        kwargs: the constructor's arguments, for both.
        inputs: an array, or a list of arrays for a layer of several inputs.
        call_kwargs: further arguments of the call: ``training``, ``mask`` (an array) …
        weights: draws the weights that both get.
        named_batch: whether the first axis of the inputs becomes the named size m in the graph.
        differentiate_inputs: whether derivatives by float inputs are compared.
        tolerance: as a part of the largest entry.
        seed: of weights and projections.
        our_kwargs: arguments that only our constructor gets instead of ``kwargs`` (an object in
            place of Keras's).
    """
    rng = np.random.default_rng(seed)
    call_kwargs = dict(call_kwargs or {})
    theirs = keras_cls(**kwargs)
    ours = our_cls(**(kwargs if our_kwargs is None else our_kwargs))
    shapes = _shapes(inputs)
    theirs.build(shapes)
    theirs.built = True
    ours.build(shapes)
    ours.built = True
    values = _same_weights(ours, theirs, weights, rng)

    outputs, updated, penalty = _keras_run(theirs, inputs, call_kwargs)
    seeds = [rng.normal(size=np.shape(o)).astype(np.float32) for o in outputs]
    _compare_eager(ours, values, inputs, call_kwargs, outputs, updated, tolerance)
    graph = _our_graph(ours, inputs, call_kwargs, named_batch, differentiate_inputs)
    found = graph(seeds)
    for i, (a, b) in enumerate(zip(found["outputs"], outputs, strict=True)):
        assert_close(a, b, f"recorded output {i}", tolerance)
    assert_close(found["penalty"], penalty, "the sum of losses", tolerance)
    expected = _keras_gradients(theirs, inputs, call_kwargs, seeds, differentiate_inputs)
    assert len(found["gradients"]) == len(expected)
    for (what, a), b in zip(found["gradients"], expected, strict=True):
        assert_close(a, b, f"derivative by {what}", tolerance)

    assert_same_output_shape(ours, theirs, shapes)
    assert_same_config(ours, theirs)
    return ours, theirs


def _shapes(inputs: Any) -> Any:
    return map_structure(np.shape, inputs)


def _same_weights(ours: Any, theirs: Any, draw: Draw, rng: np.random.Generator) -> list[np.ndarray]:
    """Compare how the weights are arranged; give both layers the same values."""
    for group in ("weights", "trainable_weights", "non_trainable_weights"):
        mine = [(w.name, tuple(w.shape)) for w in getattr(ours, group)]
        hers = [(w.name, tuple(w.shape)) for w in getattr(theirs, group)]
        assert mine == hers, f"{group}: {mine}; Keras has {hers}"
    values = []
    for w in ours.weights:
        old = np.asarray(w.value)
        new = draw(w.name, w.shape, rng) if old.dtype.kind == "f" else old
        values.append(np.asarray(new, dtype=old.dtype))
    ours.set_weights(values)
    theirs.set_weights(values)
    assert ours.count_params() == theirs.count_params()
    return values


# --- Keras ------------------------------------------------------------------------------------
def _keras_run(layer: Any, inputs: Any, call_kwargs: Mapping[str, Any]) -> Any:
    """Return outputs, the non-trainable weights after the call, the sum of the losses."""
    result, others = layer.stateless_call(
        [v.value for v in layer.trainable_variables],
        [v.value for v in layer.non_trainable_variables],
        inputs,
        **call_kwargs,
    )
    kept = {id(w) for w in layer.non_trainable_weights}
    updated = [
        np.asarray(value)
        for variable, value in zip(layer.non_trainable_variables, others, strict=True)
        if id(variable) in kept
    ]
    before = [np.asarray(w.value) for w in layer.weights]
    layer(inputs, **call_kwargs)  # stateless_call leaves out the penalty on the output
    penalty = sum((float(loss) for loss in layer.losses), 0.0)
    layer.set_weights(before)
    return [np.asarray(o) for o in flatten(result)], updated, penalty


def _keras_gradients(
    layer: Any,
    inputs: Any,
    call_kwargs: Mapping[str, Any],
    seeds: Sequence[np.ndarray],
    differentiate_inputs: bool,
) -> list[np.ndarray]:
    others = [v.value for v in layer.non_trainable_variables]
    leaves = flatten(inputs)
    chosen = _float_places(leaves) if differentiate_inputs else []

    def projected(moved: list[Any], trainable: list[Any]) -> Any:
        given = list(leaves)
        for place, value in zip(chosen, moved, strict=True):
            given[place] = value
        found = iter(given)
        arranged = map_structure(lambda _: next(found), inputs)
        result, _ = layer.stateless_call(trainable, others, arranged, **call_kwargs)
        return sum((o * s).sum() for o, s in zip(flatten(result), seeds, strict=True))

    trainable = [v.value for v in layer.trainable_variables]
    if not chosen and not trainable:
        return []
    moved = [jax.numpy.asarray(leaves[place]) for place in chosen]
    by_inputs, by_weights = jax.grad(projected, argnums=(0, 1))(moved, trainable)
    return [np.asarray(g) for g in (*by_inputs, *by_weights)]


def _float_places(leaves: Sequence[Any]) -> list[int]:
    return [i for i, leaf in enumerate(leaves) if np.asarray(leaf).dtype.kind == "f"]


# --- glassnet ---------------------------------------------------------------------------------
def _compare_eager(
    layer: Any,
    values: Sequence[np.ndarray],
    inputs: Any,
    call_kwargs: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    updated: Sequence[np.ndarray],
    tolerance: float,
) -> None:
    """Compare a call on arrays, and the weights it leaves; put the weights back."""
    result = flatten(layer(inputs, **call_kwargs))
    assert len(result) == len(outputs)
    for i, (a, b) in enumerate(zip(result, outputs, strict=True)):
        assert_close(a, b, f"output {i}", tolerance)
        assert np.asarray(a).dtype == b.dtype, f"output {i}: {np.asarray(a).dtype}, not {b.dtype}"
    for weight, theirs in zip(layer.non_trainable_weights, updated, strict=True):
        assert_close(weight.value, theirs, f"{weight.name} after the call", tolerance)
    layer.set_weights(values)


def _our_graph(
    layer: Any,
    inputs: Any,
    call_kwargs: Mapping[str, Any],
    named_batch: bool,
    differentiate_inputs: bool,
) -> Callable[[Sequence[np.ndarray]], dict[str, Any]]:
    """Record the layer, its losses and its derivatives; return what runs the graph."""
    holes: list[Placeholder] = []
    arrays: list[np.ndarray] = []
    batch = np.shape(flatten(inputs)[0])[0]

    def hole(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        shape: tuple[Any, ...] = value.shape
        if named_batch and shape and shape[0] == batch:
            shape = (Dim.named("m"), *shape[1:])
        holes.append(Placeholder(shape, value.dtype))
        arrays.append(value)
        return holes[-1]

    given = map_structure(hole, inputs)
    leaves = flatten(given)
    with recording() as opened:
        outputs = flatten(layer(given, **map_structure(hole, dict(call_kwargs))))
        losses = [*opened.losses, *layer.losses]
    wrt: list[tuple[str, Tensor]] = []
    if differentiate_inputs:
        wrt += [(f"input {i}", leaves[i]) for i in _float_places(arrays[: len(leaves)])]
    wrt += [(w.name or "", w) for w in layer.trainable_weights]
    seed_holes = [Placeholder(o.shape, o.dtype) for o in outputs]
    derivatives = gradients(outputs, [w for _, w in wrt], seed_holes) if wrt else []
    program = Program([*holes, *seed_holes], [*outputs, *losses, *derivatives])

    def run(seeds: Sequence[np.ndarray]) -> dict[str, Any]:
        values = program.run(*arrays, *seeds)
        n, k = len(outputs), len(outputs) + len(losses)
        names = [name for name, _ in wrt]
        return {
            "outputs": values[:n],
            "penalty": sum(map(float, values[n:k]), 0.0),
            "gradients": list(zip(names, values[k:], strict=True)),
        }

    return run


# --- shapes, configurations, constructors --------------------------------------------------------
def assert_same_output_shape(ours: Any, theirs: Any, shapes: Any) -> None:
    """Compare ``compute_output_shape`` for a batch of unknown size."""
    open_shapes = _without_batch(shapes)
    mine = _as_lists(ours.compute_output_shape(open_shapes))
    hers = _as_lists(theirs.compute_output_shape(open_shapes))
    assert mine == hers, f"compute_output_shape: {mine}; Keras has {hers}"


def _without_batch(shapes: Any) -> Any:
    if isinstance(shapes, tuple):
        return (None, *shapes[1:])
    if isinstance(shapes, Mapping):
        return {key: _without_batch(shape) for key, shape in shapes.items()}
    return [_without_batch(shape) for shape in shapes]


def _as_lists(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_as_lists(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _as_lists(item) for key, item in value.items()}
    return value


def assert_same_config(ours: Any, theirs: Any) -> None:
    """Compare the plain values that both configurations have."""
    mine, hers = ours.get_config(), theirs.get_config()
    for key in mine.keys() & hers.keys() - {"name", "dtype"}:
        a, b = _as_lists(mine[key]), _as_lists(hers[key])
        if not isinstance(a, dict) and not isinstance(b, dict):
            assert a == b, f"get_config()[{key!r}]: {a!r}; Keras has {b!r}"


NOT_OURS = frozenset(
    {"lora_rank", "lora_alpha", "quantization_config", "gptq_unpacked_column_size"}
)
"""Arguments of Keras's constructors for fine-tuning and quantization, which glassnet has not."""


def assert_same_signature(keras_cls: type, our_cls: type, extra: Sequence[str] = ()) -> None:
    """Compare names, order and defaults of the constructors' arguments.

    A pair of equal integers and the integer are the same default; ours may have a default where
    Keras has none. ``extra`` names arguments of ours that Keras has not; they stand last.
    """
    theirs = [p for p in _parameters(keras_cls) if p.name not in NOT_OURS]
    ours = _parameters(our_cls)
    mine, hers = [p.name for p in ours], [p.name for p in theirs]
    assert mine == [*hers, *extra], f"arguments {mine}; Keras has {hers}"
    for a, b in zip(ours, theirs, strict=False):
        assert b.default is b.empty or _single(a.default) == _single(b.default), (
            f"{a.name} is {a.default!r} by default; in Keras {b.default!r}"
        )


def _single(default: Any) -> Any:
    """Return one integer for equal integers: 1 for (1, 1), 0 for ((0, 0), (0, 0))."""
    if not isinstance(default, (tuple, list)):
        return default
    items = [_single(item) for item in default]
    return items[0] if items and all(item == items[0] for item in items) else items


def _parameters(cls: type) -> list[inspect.Parameter]:
    found = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    return [p for p in found if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]


__all__ = [
    "TOLERANCE",
    "assert_close",
    "assert_layer_parity",
    "assert_same_config",
    "assert_same_output_shape",
    "assert_same_signature",
    "draw_weight",
    "keras",
]
