"""One step of training, of evaluation, of prediction: recorded once, run for each batch.

A training step is one graph: forward pass, loss, backward pass, update of weights, optimizer and
metrics. Its outputs are the loss and the new values of all variables, which are committed only
when the step has succeeded.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.engines import Program, choice
from glassnet.graph import dtypes
from glassnet.graph.derivative import gradients
from glassnet.graph.dimension import Dim, display
from glassnet.graph.order import topological
from glassnet.graph.recording import as_tensor, current_recording, recording
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.graph.variable import Variable, replace_arrays
from glassnet.models.compiled import leaves_by_output
from glassnet.models.data import Batch
from glassnet.models.guard import NonFiniteStep, all_finite
from glassnet.nest import flatten, map_structure
from glassnet.ops import shape as shape_of

if TYPE_CHECKING:
    from glassnet.engines.native.program import NativeProgram, Ready
    from glassnet.engines.native.session import Session
    from glassnet.models.model import Model

Signature = tuple[Any, ...]


def signature(batch: Batch) -> Signature:
    """Return what a recorded step depends on: structure, dtypes and all sizes but the batch's."""
    leaves = flatten(batch)
    return (
        repr(map_structure(lambda a: a is None, batch)),
        tuple(None if a is None else (a.dtype.str, a.shape[1:]) for a in leaves),
    )


def placeholders(batch: Batch, dtype: np.dtype) -> tuple[Batch, list[Placeholder]]:
    """Return symbolic stand-ins for a batch: floats in the model's dtype, the batch as ``m``."""
    made: list[Placeholder] = []

    def stand_in(name: str, array: Any) -> Placeholder | None:
        if array is None:
            return None
        kind = dtype if dtypes.is_float(array.dtype) else array.dtype.newbyteorder("=")
        made.append(Placeholder((Dim.named("m"), *array.shape[1:]), kind, name=name))
        return made[-1]

    labels = ("x", "y", "sample_weight")
    parts = [
        map_structure(partial(stand_in, name), part)
        for name, part in zip(labels, batch, strict=True)
    ]
    return Batch(*parts), made


@dataclass
class Forward:
    """The forward part of a step: what the loop and the reports look at."""

    loss: Tensor = field(default_factory=lambda: as_tensor(0.0))
    outputs: list[Tensor] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    losses: list[Any] = field(default_factory=list)


STATE_EVERY = 16
"""How often the optimizer's state is checked: with Adam it is twice the weights to read."""


class Step:
    """A recorded step that computes ``results`` and new values for variables.

    Args:
        inputs: the placeholders of a batch.
        results: what ``run`` returns.
        updates: the new values.
        watched: the variables that must stay finite, checked at every step.
        state: those checked at every 16th: a value that is not finite stays so.
        forward: the forward part, for explanations.
    """

    def __init__(
        self,
        inputs: Sequence[Placeholder],
        results: Sequence[Tensor],
        updates: dict[Variable, Tensor],
        watched: Sequence[Variable] = (),
        state: Sequence[Variable] = (),
        forward: Forward | None = None,
    ) -> None:
        self.updated = list(updates)
        self.count = len(results)
        self.program = Program(inputs, [*results, *updates.values()])
        self.forward = forward or Forward()
        self._watched = self._places(watched)
        self._state = self._places(state)
        self._spent = 0.0
        self.native: NativeProgram | None = None
        self.sessions: dict[Any, Session] = {}
        """Epochs of this step in compiled code, ready to be run again."""

    @property
    def watched_outputs(self) -> list[int]:
        """The places of what is checked at every step: results, weights."""
        return [*range(self.count), *(self.count + i for i in self._watched)]

    @property
    def state(self) -> list[Variable]:
        """The variables that are checked at every 16th step."""
        return [self.updated[i] for i in self._state]

    @property
    def checked(self) -> list[int]:
        """The places of what must be finite among results and new values."""
        return [*range(self.count), *(self.count + i for i in self._watched + self._state)]

    def _places(self, variables: Sequence[Variable]) -> list[int]:
        wanted = {id(v) for v in variables if dtypes.is_float(v.dtype)}
        return [i for i, v in enumerate(self.updated) if id(v) in wanted]

    def _values(self, arrays: list[np.ndarray], step: int, engine: str | None) -> list[np.ndarray]:
        """The values of all outputs by the engine, or by the reference where that is quicker."""
        if choice.wants_native(engine):
            try:
                ready, given = self._ready(arrays, step, engine)
            except (ImportError, OSError) as error:
                choice.go_without(engine, error)
                ready, given = None, []
            found = None if ready is None else ready.run(given)
            if found is not None:
                return found
        return self.program.run(*arrays, step=step)

    def _ready(
        self, arrays: list[np.ndarray], step: int, engine: str | None
    ) -> tuple[Ready | None, list[np.ndarray]]:
        """Return what runs the arrays natively, or None, and the arrays as it wants them."""
        if not self._is_worth_planning(arrays, engine):
            return None, []
        from glassnet.engines.native.program import NativeProgram

        if self.native is None:
            self.native = NativeProgram(self.program)
        given = [np.asarray(a, order="C") for a in self.program.prepare(*arrays, step=step)]
        return self.native.ready_for(given, engine), given

    def _is_worth_planning(self, arrays: list[np.ndarray], engine: str | None) -> bool:
        if self.native is None and not choice.is_asked_for(engine):
            self._spent += self.program.seconds({"m": len(arrays[0]) if arrays else 1})
            return choice.may_be_worth(engine, self.program.nodes, self._spent)
        return True

    def _is_finite(self, results: list[np.ndarray], news: list[np.ndarray], step: int) -> bool:
        if not all_finite(results, [news[i] for i in self._watched]):
            return False
        return step % STATE_EVERY != 0 or all_finite((), [news[i] for i in self._state])

    def run(
        self, batch: Batch, step: int, *, check: bool = False, engine: str | None = "numpy"
    ) -> list[np.ndarray]:
        """Run on a batch, commit the new values, return the results.

        Raises:
            NonFiniteStep: where ``check`` is set and a result or a new weight is not finite;
                then nothing is committed.
        """
        arrays = [a for a in flatten(batch) if a is not None]
        results, news = self.computed(arrays, step, check, engine)
        replace_arrays(self.updated, news)
        return results

    def computed(
        self, arrays: list[np.ndarray], step: int, check: bool, engine: str | None = "numpy"
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the results and the new values, which may become the variables' own arrays."""
        values = self._values(arrays, step, engine)
        results, news = values[: self.count], values[self.count :]
        if check and not self._is_finite(results, news, step):
            # Whether a sum overflows depends on the order of its terms: the reference decides.
            if choice.wants_native(engine):
                values = self.program.run(*arrays, step=step)
                results, news = values[: self.count], values[self.count :]
            if not self._is_finite(results, news, step):
                raise NonFiniteStep(self, arrays, step)
        return results, [_own(new) for new in news]


def _own(new: Any) -> np.ndarray:
    """The array itself; a copy of a view, which must not become a variable's own array."""
    if isinstance(new, np.ndarray) and new.base is None and new.flags.owndata:
        return new
    return np.array(new)


def train_step(model: Model, batch: Batch) -> Step:
    """Record the training step of a compiled model for batches like this one."""
    symbolic, inputs = placeholders(batch, np.dtype(model.dtype))
    with recording() as opened:
        forward = record_forward(model, symbolic, training=True)
        variables = model.trainable_weights
        _check_reached(forward.loss, variables)
        slopes = gradients([model.optimizer.scale_loss(forward.loss)], variables)
        if variables:
            model.optimizer.apply(slopes, variables)
    optimizer = model.optimizer
    # A NaN in a sum of gradients would spoil the next update.
    sums = optimizer.accumulators(variables) if variables else []
    return Step(
        inputs,
        [forward.loss],
        opened.updates,
        watched=[*model.weights, *sums],
        state=optimizer.variables,
        forward=forward,
    )


def _check_reached(loss: Tensor, variables: Sequence[Variable]) -> None:
    """Warn where no weight can have an effect on the loss."""
    reached = {id(node) for node in topological([loss])}
    if variables and not any(id(v) in reached for v in variables):
        warnings.warn(
            "The loss depends on no weight of the model, so nothing is trained. Compose it of "
            "y_pred, with NumPy's functions or glassnet.ops.",
            stacklevel=2,
        )


def test_step(model: Model, batch: Batch) -> Step:
    """Record the evaluation step: forward pass, loss and metrics."""
    symbolic, inputs = placeholders(batch, np.dtype(model.dtype))
    with recording() as opened:
        forward = record_forward(model, symbolic, training=False)
    return Step(inputs, [forward.loss], opened.updates, forward=forward)


def predict_step(model: Model, batch: Batch) -> tuple[Step, Any]:
    """Record the prediction; return it and the structure of the outputs."""
    symbolic, inputs = placeholders(Batch(batch.x), np.dtype(model.dtype))
    with recording():
        outputs = model(symbolic.x, training=False)
    return Step(inputs, flatten(outputs), {}), outputs


def total_loss(
    model: Model, y: Any, outputs: Any, sample_weight: Any
) -> tuple[Tensor, list[tuple[str, Tensor]]]:
    """Record the loss with all penalties, and each output's own where there are several."""
    names, flat = _by_name(model, outputs)
    targets = leaves_by_output(y, names, "y")
    weights = leaves_by_output(sample_weight, names, "sample_weight")
    loss, parts = model.compiled_loss(targets, flat, weights, names)
    opened = current_recording()
    for penalty in (*(opened.losses if opened is not None else ()), *model.losses):
        loss = penalty if loss is None else loss + penalty.astype(loss.dtype)
    if loss is None:
        raise ValueError("compile() was given no loss for any output; write loss='mse', say.")
    return loss, parts


def record_loss(
    model: Model, batch: Batch, outputs: Any, *, training: bool
) -> tuple[Tensor, list[tuple[str, Tensor]]]:
    """Record the loss of a batch: the model's own ``compute_loss``, or what was compiled."""
    if not model.computes_own_loss:
        return total_loss(model, batch.y, outputs, batch.sample_weight)
    names, flat = _by_name(model, outputs)
    model.compiled_loss.build(leaves_by_output(batch.y, names, "y"), flat, names)
    return _own_loss(model, batch, outputs, training), []


def _own_loss(model: Model, batch: Batch, outputs: Any, training: bool) -> Tensor:
    """Record what the model's own ``compute_loss`` gives."""
    known = {
        "x": batch.x,
        "y": batch.y,
        "y_pred": outputs,
        "sample_weight": batch.sample_weight,
        "training": training,
    }
    taken = inspect.signature(model.compute_loss).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        known = {name: value for name, value in known.items() if name in taken}
    loss = as_tensor(model.compute_loss(**known))
    if loss.shape != ():
        raise ValueError(
            f"{type(model).__name__}.compute_loss gives shape {display(loss.shape)}; training "
            "needs one number, say the mean: ops.mean(…)."
        )
    return loss


def _by_name(model: Model, outputs: Any) -> tuple[list[str], list[Tensor]]:
    names = model.names_of_outputs(outputs)
    if isinstance(outputs, dict):
        return names, [outputs[name] for name in names]
    return names, flatten(outputs)


def record_forward(model: Model, batch: Batch, *, training: bool) -> Forward:
    """Record the forward part of a step: outputs, loss and metrics."""
    outputs = model(batch.x, training=training)
    names, flat = _by_name(model, outputs)
    targets = leaves_by_output(batch.y, names, "y")
    weights = leaves_by_output(batch.sample_weight, names, "sample_weight")
    loss, parts = record_loss(model, batch, outputs, training=training)
    model.compiled_metrics.build(model.compiled_loss, targets, flat, names)
    size = shape_of(flatten(batch.x)[0])[0]
    model.track_losses(loss, parts, size)
    model.compiled_metrics.update(targets, flat, weights)
    return Forward(loss, flat, names, model.compiled_loss.for_outputs(names))
