"""What can be checked: a model, a brick, a function of tensors, two functions of arrays.

Each becomes the same thing: a scalar function of named arrays in float64, with the gradients that
are under check.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.explain.doctor.arguments import (
    argument_names,
    as_arguments,
    differentiated,
    fixed_note,
    is_leaf,
)
from glassnet.explain.doctor.recorded_function import RecordedFunction
from glassnet.graph.dimension import display
from glassnet.graph.dtypes import is_float
from glassnet.graph.recording import as_tensor, recording
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.graph.variable import Variable
from glassnet.layers.base import Layer
from glassnet.layers.numpy_brick import NumpyLayer
from glassnet.models.data import Batch, source_of
from glassnet.models.model import Model
from glassnet.models.steps import placeholders, record_loss
from glassnet.nest import flatten, map_structure
from glassnet.ops.reduction import sum as sum_of

SEED = 20240
"""Of the random numbers that outputs are weighted with."""
AFFORDABLE = 0.1
"""About how many seconds the entries of one parameter may take one by one; else sums are taken."""


@dataclass(frozen=True)
class Parameter:
    """What a gradient is taken by: the layer it belongs to and its name."""

    layer: str
    name: str


@dataclass(frozen=True)
class Given:
    """The gradient under check by one parameter: an array, or why there is none."""

    array: np.ndarray
    wrong: str = ""
    verdict: str = ""


class Subject(ABC):
    """A scalar function of arrays and the gradient that is claimed for it.

    ``point`` holds all arrays that may move; the first ones belong to ``parameters`` and are
    differentiated by.
    """

    title: str
    parameters: list[Parameter]
    point: list[np.ndarray]
    eps: float = 2.0**-52
    notes: tuple[str, ...] = ()
    noise: float | None = None
    """How far rounding throws a value off, once it is measured."""

    @property
    def tolerance(self) -> float:
        """The relative error of an entry from which on it is wrong."""
        return max(1e-6, 3e3 * self.eps)

    @abstractmethod
    def value(self, point: Sequence[np.ndarray]) -> float:
        """Return the scalar."""

    @abstractmethod
    def along(self, k: int, point: Sequence[np.ndarray]) -> Callable[[np.ndarray], Any]:
        """Return the scalar as a function of parameter ``k``."""

    @abstractmethod
    def given(self, point: Sequence[np.ndarray]) -> list[Given]:
        """Return the gradients under check."""

    def entries_affordable(self, k: int) -> int:
        """Return how many entries of a parameter are checked one by one."""
        return 400

    def scale(self, point: Sequence[np.ndarray]) -> float:
        """Return the size of what the scalar is a sum of."""
        return abs(self.value(point))

    def where_not_finite(self) -> str:
        """Say where the value first is not finite; empty where it is."""
        value = self.value(self.point)
        return "" if np.isfinite(value) else f"The function gives {value} here."


class GraphSubject(Subject):
    """A subject whose value and gradient are recorded."""

    def __init__(
        self,
        title: str,
        parameters: Sequence[Parameter],
        function: RecordedFunction,
        point: Sequence[np.ndarray],
        parts: Tensor | None = None,
    ) -> None:
        self.title, self.parameters, self.function = title, list(parameters), function
        self.point = list(point)
        self._parts = parts
        self._recorded = False

    def value(self, point: Sequence[np.ndarray]) -> float:
        return self.function.value(point)

    def along(self, k: int, point: Sequence[np.ndarray]) -> Callable[[np.ndarray], Any]:
        return self.function.along(k, point)

    def scale(self, point: Sequence[np.ndarray]) -> float:
        values = self.function.values(point)
        parts = None if self._parts is None else values.get(id(self._parts))
        return float(np.abs(parts).sum()) if parts is not None else abs(self.value(point))

    def entries_affordable(self, k: int) -> int:
        moved: Any = self.function.along(k, self.point)
        return int(AFFORDABLE / (5e-6 * moved.calls + 8e-9 * moved.work + 1e-6))

    def given(self, point: Sequence[np.ndarray]) -> list[Given]:
        if not self._recorded:
            with recording():
                self.function.record_gradient()
            self._recorded = True
        arrays, wrong = self.function.gradient(point)
        leaves = self.function.leaves
        broken = [e for key, e in wrong.items() if key not in {id(leaf) for leaf in leaves}]
        result = []
        for k in range(len(self.parameters)):
            error = wrong.get(id(leaves[k]))
            if error is not None:
                result.append(Given(arrays[k], str(error), _kind(error)))
            elif broken and not np.isfinite(arrays[k]).all():
                told = f"nothing comes back to here, since {broken[0]}"
                result.append(Given(arrays[k], told, "missing"))
            else:
                result.append(Given(arrays[k]))
        return result

    def where_not_finite(self) -> str:
        found = self.function.not_finite(self.point)
        if found is None:
            return ""
        node, value = found
        bad = np.argwhere(~np.isfinite(value))
        where = f" at {[int(i) for i in bad[0]]} first" if value.ndim else ""
        place = f" of {node.scope!r}" if node.scope else ""
        what = f"op {node.op.name!r}{place}" if node.op is not None else repr(node)
        return (
            f"The value is {self.value(self.point)}: {what} gives numbers that are not finite, "
            f"{len(bad)} of {value.size}{where}, from inputs that all are."
        )


def _kind(error: Exception) -> str:
    text = str(error)
    if isinstance(error, (ValueError, TypeError)) and "must set self.d" in text:
        return "missing"
    return "shape" if isinstance(error, ValueError) and "with the shape" in text else "raised"


# --- a model ------------------------------------------------------------------------------------
def of_model(model: Model, x: Any, y: Any, sample_weight: Any, by_inputs: bool) -> GraphSubject:
    """Return the loss that training lowers as a function of the trainable weights."""
    if not model.compiled:
        raise ValueError(
            f"check_gradients holds the gradient that training uses, so it needs a loss: call "
            f"compile(optimizer=…, loss=…) on {model.name!r} first. To check the outputs of a "
            "model without a loss, pass x alone."
        )
    source = source_of(x, y, sample_weight, batch_size=2**62)
    batch = source.first()
    if batch is None:
        raise ValueError("check_gradients: there is no batch to check on; x yields none.")
    return recorded_model(model, batch, by_inputs)


def recorded_model(model: Model, batch: Batch, by_inputs: bool) -> GraphSubject:
    """Return the loss on one batch as a function of the trainable weights (and inputs)."""
    symbolic, made = placeholders(batch, np.dtype(model.dtype))
    with recording():
        outputs = model(symbolic.x, training=True)
        cost, _ = record_loss(model, symbolic, outputs, training=True)
    variables = model.trainable_weights
    arrays = [np.asarray(a) for a in flatten(batch) if a is not None]
    inputs = [p for p in flatten(symbolic.x) if p is not None and is_float(p.dtype)]
    given = dict(zip(map(id, made), arrays, strict=True))
    names = names_of(model)
    parameters = [_within(names.get(id(v), _by_path(v)), model.name) for v in variables]
    if by_inputs:
        parameters += [Parameter("", n) for n in _numbered("X", len(inputs))]
    leaves: list[Tensor] = [*variables, *inputs]
    point = [_wide(v.value) for v in variables] + [_wide(given[id(p)]) for p in inputs]
    fixed = [(p, given[id(p)]) for p in made]
    count = len(arrays[0])
    title = f"model {model.name!r} on {count} example{'s' if count != 1 else ''}"
    function = RecordedFunction(cost, leaves, fixed, {"m": count}, model.progress.seen)
    return GraphSubject(title, parameters, function, point)


def names_of(layer: Any) -> dict[int, Parameter]:
    """Return, by id, which layer a weight belongs to and what it is called there."""
    found: dict[int, Parameter] = {}
    for part in layer._sublayers():
        found |= names_of(part)
    if isinstance(layer, NumpyLayer):
        for name, value in layer.__dict__.items():
            for leaf in flatten(value) if name != "_weights" else ():
                if isinstance(leaf, Variable):
                    found.setdefault(id(leaf), Parameter(layer.name, name))
    else:
        for weight in layer._own:
            found.setdefault(id(weight), _by_path(weight))
    return found


def _within(parameter: Parameter, model: str) -> Parameter:
    """The parameter without the name of the model in front of its layer's."""
    return Parameter(parameter.layer.removeprefix(f"{model}/"), parameter.name)


def _by_path(variable: Variable) -> Parameter:
    layer, _, name = (variable.path or variable.name or "weight").rpartition("/")
    return Parameter(layer, name)


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}{i}" for i in range(count)]


def _wide(array: Any) -> np.ndarray:
    return np.array(array, dtype=np.float64)


# --- a brick ------------------------------------------------------------------------------------
def of_layer(
    layer: Layer, inputs: Sequence[Any], training: bool | None, upstream: Any = None
) -> GraphSubject:
    """Return ⟨C, layer(inputs)⟩ as a function of its weights and float inputs.

    C is random, so that an error in any entry of the output's derivative shows.
    """
    arrays = map_structure(lambda a: None if a is None else np.asarray(a), tuple(inputs))
    with recording():
        holes = map_structure(lambda a: _hole(a, np.dtype(layer.dtype)), arrays)
        outputs = layer(*holes, training=training)
    flat = [t for t in flatten(outputs) if isinstance(t, Tensor) and is_float(t.dtype)]
    pairs = [(h, a) for h, a in zip(flatten(holes), flatten(arrays), strict=True) if h is not None]
    variables = layer.trainable_weights
    names = names_of(layer)
    floats = [(h, a) for h, a in pairs if is_float(h.dtype)]
    parameters = [names.get(id(v), _by_path(v)) for v in variables]
    parameters += [Parameter(layer.name, n) for n in _input_names(layer, len(floats))]
    point = [_wide(v.value) for v in variables] + [_wide(a) for _, a in floats]
    made = _projected(flat, upstream)
    leaves: list[Tensor] = [*variables, *(h for h, _ in floats)]
    title = f"layer {layer.name!r} ({type(layer).__name__})"
    title += " in training" if training else ""
    function = RecordedFunction(made.cost, leaves, [*pairs, *made.weights])
    return GraphSubject(title, parameters, function, point, made.parts)


def _hole(array: np.ndarray | None, dtype: np.dtype) -> Placeholder | None:
    if array is None:
        return None
    kind = dtype if is_float(array.dtype) else array.dtype
    return Placeholder(array.shape, kind, name="x")


def _input_names(layer: Layer, count: int) -> list[str]:
    if count > 1 and isinstance(layer, NumpyLayer):
        named = [n for n in inspect.signature(layer.forward).parameters if n != "training"]
        if len(named) == count:
            return named
    return _numbered("X", count)


@dataclass(frozen=True)
class Projected:
    """⟨C, outputs⟩: the scalar, its summands where there is one output, and what C is."""

    cost: Tensor
    parts: Tensor | None
    weights: list[tuple[Tensor, np.ndarray]]


def _projected(outputs: Sequence[Tensor], upstream: Any) -> Projected:
    """Weight outputs; C is random where ``upstream`` gives none.

    ``upstream`` may be a function of the shape: ``np.ones``. C is a placeholder, so that nothing
    that depends on it alone is computed while recording, in the dtype of the output.
    """
    alike = upstream is None or callable(upstream)
    given = [upstream] * len(outputs) if alike else flatten(upstream)
    if not outputs or len(given) != len(outputs):
        raise ValueError(
            f"There are {len(outputs)} outputs of floats; got {len(given)} upstream arrays."
        )
    if len(outputs) == 1 and outputs[0].shape == () and given[0] is None:
        return Projected(outputs[0], None, [])
    rng = np.random.default_rng(SEED)
    products: list[Tensor] = []
    weights: list[tuple[Tensor, np.ndarray]] = []
    with recording():
        for output, weight in zip(outputs, given, strict=True):
            shape = tuple(int(s) for s in output.shape)
            draw = rng.standard_normal if weight is None else weight
            c = np.asarray(draw(shape) if callable(draw) else draw, np.float64)
            if c.shape != shape:
                raise ValueError(
                    f"The output has the shape {display(shape)}; upstream has {display(c.shape)}."
                )
            hole = Placeholder(shape, output.dtype, name="upstream")
            weights.append((hole, c))
            products.append(output * hole)
        total = sum_of(products[0])
        for product in products[1:]:
            total = total + sum_of(product)
    return Projected(total, products[0] if len(products) == 1 else None, weights)


# --- a function of tensors ----------------------------------------------------------------------
def of_function(f: Callable[..., Any], inputs: Sequence[Any], upstream: Any = None) -> GraphSubject:
    """Return f, weighted at random where it gives an array, as a function of its float inputs."""
    names = argument_names(f, inputs)
    leaves = [leaf for a in inputs for leaf in ([a] if is_leaf(a) else flatten(a))]
    values = as_arguments(leaves)
    places = [i for i, v in enumerate(values) if differentiated(v)]
    holes = {i: Placeholder(values[i].shape, values[i].dtype, name=f"x{i}") for i in places}
    given = iter([holes.get(i, v) for i, v in enumerate(values)])
    arguments = [
        next(given) if is_leaf(a) else map_structure(lambda _: next(given), a) for a in inputs
    ]
    with recording():
        outputs = [as_tensor(t) for t in flatten(f(*arguments))]
    floats = [t for t in outputs if is_float(t.dtype)]
    made = _projected(floats, upstream)
    title = function_title(f)
    point = [values[i] for i in places]
    fixed = [*zip(holes.values(), point, strict=True), *made.weights]
    function = RecordedFunction(made.cost, list(holes.values()), fixed)
    parameters = [Parameter("", names[i]) for i in places]
    found = GraphSubject(title, parameters, function, point, made.parts)
    found.notes = fixed_note(names, values)
    return found


def function_title(f: Callable[..., Any]) -> str:
    """Return what a function is called in a report."""
    name = getattr(f, "__name__", type(f).__name__)
    return "a lambda" if name == "<lambda>" else f"function {name!r}"
