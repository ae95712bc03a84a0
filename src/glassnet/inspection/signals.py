"""What runs through a network: the activations and derivatives of every layer for a batch.

The values are those of the library's own graph: the forward pass is recorded with the loss, the
derivative of the loss by every layer's output is that graph's, and both are run on the batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet import activations
from glassnet.checks import nearest
from glassnet.engines import Program
from glassnet.graph.derivative import gradients
from glassnet.graph.dtypes import is_float
from glassnet.graph.order import topological
from glassnet.graph.recording import recording
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.graph.variable import Variable
from glassnet.layers import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from glassnet.models.data import ArraySource, Batch, source_of
from glassnet.models.steps import placeholders, record_loss, signature
from glassnet.nest import flatten

if TYPE_CHECKING:
    from glassnet.layers.base import Layer
    from glassnet.models.model import Model

PERCENTILES = (5.0, 25.0, 50.0, 75.0, 95.0)
"""The percentiles by which distributions are told."""

BOUNDS: Mapping[str, tuple[float, float]] = {
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "sparse_sigmoid": (0.0, 1.0),
}
"""Between which values the bounded activations lie."""
NEAR = 0.01
"""An activation is saturated within this part of its range from a bound."""

ACTIVATION_LAYERS = (Activation, ReLU, LeakyReLU, PReLU, ELU, Softmax)
"""The layers that are an activation and nothing else."""


@dataclass(frozen=True, eq=False)
class Signal:
    """What one call of a layer gave for a batch, and the derivatives of the loss by it.

    Args:
        layer: the layer.
        name: its name, with the parts that it stands in: ``"block/hidden"``; the second call of
            a layer is ``"hidden (call 2)"``, the second of several outputs ``"hidden (output 2)"``.
        outputs: A, the examples on the first axis.
        before: Z, where the layer applies an activation ``A = g(Z)``; else None.
        gradient: ∂J/∂A, in the shape of A; None without targets, where A is no float, and where
            the loss is computed from Z in place of A (a cross-entropy of sigmoid or softmax).
        before_gradient: ∂J/∂Z, in the shape of Z, or None.
        weights: the layer's weights by name, as they were.
        weight_gradients: ∂J/∂w by name for the weights that are trained; for a layer that is
            called more than once the derivative through all of its calls.
    """

    layer: Layer
    name: str
    outputs: np.ndarray
    before: np.ndarray | None = None
    gradient: np.ndarray | None = None
    before_gradient: np.ndarray | None = None
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    weight_gradients: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def activation(self) -> str | None:
        """The name of g, where the layer names one that is not linear."""
        found = getattr(self.layer, "activation", None)
        if found is None or found is activations.linear:
            return None
        return str(getattr(found, "__name__", type(found).__name__))

    @property
    def mean(self) -> float:
        """The mean of all entries of A."""
        with np.errstate(invalid="ignore"):  # of infinite entries
            return float(np.mean(self.outputs, dtype=np.float64))

    @property
    def deviation(self) -> float:
        """The standard deviation of all entries of A."""
        with np.errstate(invalid="ignore"):  # of infinite entries
            return float(np.std(self.outputs, dtype=np.float64))

    @property
    def zeros(self) -> float:
        """The share of entries of A that are exactly 0."""
        return float(np.mean(self.outputs == 0))

    @property
    def dead(self) -> float:
        """The share of units whose entry of A is 0 for every example of the batch.

        A unit is an entry of the last axis: an output of a dense layer, a channel of a
        convolution. With a ReLU a unit that is 0 for all examples learns nothing from them.
        """
        flat = self.outputs.reshape(-1, self.outputs.shape[-1] if self.outputs.ndim > 1 else 1)
        return float(np.mean(np.all(flat == 0, axis=0)))

    @property
    def saturated(self) -> float | None:
        """The share of entries within 1 % of the range from a bound of g; None for unbounded g.

        For tanh that is ``|a| ≥ 0.98``, for the sigmoid ``a ≤ 0.01`` or ``a ≥ 0.99``: there the
        derivative of g is below 4 % of its largest value.
        """
        bounds = BOUNDS.get(self.activation or "")
        if bounds is None:
            return None
        low, high = bounds
        margin = NEAR * (high - low)
        return float(np.mean((self.outputs <= low + margin) | (self.outputs >= high - margin)))

    def percentiles(
        self, which: Sequence[float] = PERCENTILES, *, of: str = "outputs"
    ) -> np.ndarray | None:
        """Return percentiles of ``outputs``, ``before``, ``gradient`` or ``before_gradient``.

        None where the layer has none of these.
        """
        array = getattr(self, of)
        with np.errstate(invalid="ignore"):  # of infinite entries
            return None if array is None else np.percentile(array, which)


@dataclass(frozen=True, eq=False)
class Signals(Sequence[Signal]):
    """The signals of all layers, in the order of computation.

    Args:
        all: one `Signal` for each output of each call of a layer that is made of no others.
        loss: J of the batch with all penalties; None without targets.

    ``signals[0]``, ``signals["hidden"]`` and ``for signal in signals`` give a `Signal`.
    """

    all: tuple[Signal, ...]
    loss: float | None = None

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Signal]:
        return iter(self.all)

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return self.all[key]
        for signal in self.all:
            if signal.name == key:
                return signal
        names = [signal.name for signal in self.all]
        raise KeyError(
            f"No layer is called {key!r}; there are {', '.join(names)}.{nearest(key, names)}"
        )

    @property
    def names(self) -> list[str]:
        """The names, in order."""
        return [signal.name for signal in self.all]


def signals(
    model: Model, x: Any, y: Any = None, *, sample_weight: Any = None, training: bool = False
) -> Signals:
    """Return A, Z, ∂J/∂A, ∂J/∂Z and ∂J/∂w of every layer for a batch.

    Args:
        model: a model of any kind; compiled with a loss where ``y`` is given.
        x: the inputs of a batch.
        y: its targets; without them there are no derivatives.
        sample_weight: the weights of its examples in the loss.
        training: whether the layers behave as they do while training: dropout drops with the
            draws of the model's next step, batch normalization takes the batch's own mean.

    Nothing in the model changes. Layers that are made of layers (models in a model) are told by
    those that they are made of.

    Raises:
        ValueError: for targets without a loss, an empty batch, unequal numbers of examples.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(2, "relu", name="hidden"),
    ...                        gn.layers.Dense(1, name="output")])
    >>> model.layers[0].set_weights([np.array([[1.0, -1.0], [1.0, -1.0]]), np.zeros(2)])
    >>> found = gn.inspection.signals(model, np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> found["hidden"].outputs.tolist()
    [[3.0, 0.0], [7.0, 0.0]]
    >>> found["hidden"].dead
    0.5
    """
    batch = _batch(model, x, y, sample_weight)
    key = (signature(batch), bool(training))
    recorded: Any = model.step_for("signals", batch, partial(_record, bool(training)), key)
    found: Signals = recorded.run(batch, model.progress.seen)
    return found


def _batch(model: Model, x: Any, y: Any, sample_weight: Any) -> Batch:
    source = source_of(x, y, sample_weight)
    if not isinstance(source, ArraySource):
        raise TypeError("signals() takes the arrays of one batch; got an iterable of batches.")
    if y is not None and not model.compiled and not model.computes_own_loss:
        raise ValueError(
            "signals(model, x, y) takes derivatives of the loss, and the model was given none: "
            "call model.compile(loss=…) first, or leave y out."
        )
    return source.data


# --- the recording ----------------------------------------------------------------------------
@dataclass(frozen=True)
class _Place:
    """Where in the results of a run a signal's arrays stand; None for what there is not."""

    layer: Layer
    name: str
    outputs: int
    before: int | None
    gradient: int | None
    before_gradient: int | None
    weights: Mapping[str, Variable]
    weight_gradients: Mapping[str, int]


@dataclass(frozen=True)
class _Recorded:
    """Forward pass, loss and derivatives of a model, recorded for batches of one kind."""

    program: Program
    places: Sequence[_Place]
    loss: int | None

    def run(self, batch: Batch, step: int) -> Signals:
        arrays = [a for a in flatten(batch) if a is not None]
        values = self.program.run(*arrays, step=step)
        return Signals(
            tuple(_signal(place, values) for place in self.places),
            None if self.loss is None else float(values[self.loss]),
        )


def _signal(place: _Place, values: Sequence[np.ndarray]) -> Signal:
    def found(number: int | None) -> np.ndarray | None:
        return None if number is None else np.asarray(values[number])

    return Signal(
        place.layer,
        place.name,
        np.asarray(values[place.outputs]),
        found(place.before),
        found(place.gradient),
        found(place.before_gradient),
        {name: np.array(variable.value) for name, variable in place.weights.items()},
        {name: np.asarray(values[i]) for name, i in place.weight_gradients.items()},
    )


class _Results:
    """The tensors that a run computes, each once."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self._numbers: dict[int, int] = {}

    def add(self, tensor: Tensor | None) -> int | None:
        if tensor is None:
            return None
        if id(tensor) not in self._numbers:
            self._numbers[id(tensor)] = len(self.tensors)
            self.tensors.append(tensor)
        return self._numbers[id(tensor)]


@dataclass(frozen=True, eq=False)
class _Call:
    """An output of a layer's call: A, and Z where there is one."""

    layer: Layer
    name: str
    output: Tensor
    before: Tensor | None


def _record(training: bool, model: Model, batch: Batch) -> _Recorded:
    symbolic, inputs = placeholders(batch, np.dtype(model.dtype))
    loss: Tensor | None = None
    slopes: dict[int, Tensor] = {}
    with recording() as opened:
        outputs = model(symbolic.x, training=training)
        calls = list(_innermost(opened.calls, model.name))
        if batch.y is not None:
            loss, _ = record_loss(model, symbolic, outputs, training=training)
            wrt = [t for c in calls for t in (c.output, c.before) if t is not None]
            wrt = [t for t in wrt if is_float(t.dtype)] + list(model.trainable_weights)
            slopes = {id(t): g for t, g in zip(wrt, gradients([loss], wrt), strict=True)}
            _drop_passed_by(calls, slopes, loss)
    return _arranged(calls, slopes, loss, inputs)


def _drop_passed_by(calls: Sequence[_Call], slopes: dict[int, Tensor], loss: Tensor) -> None:
    """Take out ∂J/∂A where the loss was computed from Z: the graph's 0 is not the derivative."""
    reached = {id(node) for node in topological([loss])}
    for call in calls:
        through_z = call.before is not None and id(call.before) in reached
        if through_z and id(call.output) not in reached:
            slopes.pop(id(call.output), None)


def _arranged(
    calls: Sequence[_Call],
    slopes: Mapping[int, Tensor],
    loss: Tensor | None,
    inputs: Sequence[Placeholder],
) -> _Recorded:
    results = _Results()
    places = []
    for call in calls:
        weights = {str(w.name): w for w in call.layer.weights}
        numbers = {name: results.add(slopes.get(id(w))) for name, w in weights.items()}
        output = results.add(call.output)
        assert output is not None
        places.append(
            _Place(
                call.layer, call.name, output, results.add(call.before),
                results.add(slopes.get(id(call.output))),
                None if call.before is None else results.add(slopes.get(id(call.before))),
                weights, {name: n for name, n in numbers.items() if n is not None},
            )
        )  # fmt: skip
    number = results.add(loss)
    return _Recorded(Program(inputs, results.tensors), places, number)


def _innermost(calls: Sequence[tuple[Any, ...]], root: str) -> Iterator[_Call]:
    """The calls of layers that are made of no others, each with a name of its own."""
    scopes = {scope for _, scope, _, _ in calls}
    outer = {s.rsplit("/", n)[0] for s in scopes for n in range(1, s.count("/") + 1)}
    counted: Counter[str] = Counter()
    for layer, scope, given, outputs in calls:
        if scope in outer or scope == root:
            continue
        name = scope.removeprefix(f"{root}/")
        counted[name] += 1
        if counted[name] > 1:
            name += f" (call {counted[name]})"
        found = [t for t in flatten(outputs) if isinstance(t, Tensor)]
        for i, output in enumerate(found):
            told = name if i == 0 else f"{name} (output {i + 1})"
            yield _Call(layer, told, output, _before(layer, scope, given, output))


def _before(layer: Layer, scope: str, given: Any, output: Tensor) -> Tensor | None:
    """What the layer's activation was applied to; None where there is no activation."""
    inputs = [t for t in flatten(given) if isinstance(t, Tensor)]
    if isinstance(layer, ACTIVATION_LAYERS):
        return inputs[0]
    known = {id(t) for t in inputs}
    stack, seen = [output], {id(output)}
    while stack:
        tensor = stack.pop()
        if tensor.symbol == "Z" and tensor.scope == scope:
            return None if tensor is output else tensor
        for source in tensor.inputs:
            if id(source) not in seen and id(source) not in known and source.scope == scope:
                seen.add(id(source))
                stack.append(source)
    return None
