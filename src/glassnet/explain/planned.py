"""``model.explain_plan``: what the native engine runs for a step, instruction by instruction."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.callbacks.messages import can_write
from glassnet.checks import one_of
from glassnet.engines.native.planning import Plan, Planner
from glassnet.engines.native.session import Recorded, plan_of
from glassnet.engines.native.telling import Choice, Line, Totals, choose, tell
from glassnet.explain.batches import batch_for, inputs_for
from glassnet.explain.planned_text import plan_text
from glassnet.explain.recorded import optimizer_for
from glassnet.graph.order import topological
from glassnet.graph.tensor import Tensor
from glassnet.models.compiled import CompiledLoss, CompiledMetrics
from glassnet.models.curved import needs_objective
from glassnet.models.data import Batch
from glassnet.models.steps import Step, predict_step, test_step, train_step
from glassnet.nest import flatten, map_structure

if TYPE_CHECKING:
    from glassnet.models.model import Model

KINDS = ("train", "test", "predict")
_WHAT = "explain_plan()"
_PLAIN = str.maketrans({"×": "x", "→": ">", "∂": "d", "≥": ">", "─": "-", "’": "'", "…": "."})


@dataclass(frozen=True, repr=False)
class PlanExplanation:
    """The plan of a step, as data and as text; ``print`` it."""

    model: str
    kind: str
    """``"train"``, ``"test"`` or ``"predict"``."""
    rows: int
    """The examples of a batch."""
    lines: tuple[Line, ...]
    totals: Totals
    choice: Choice
    plan: Plan

    def text(self, width: int = 100) -> str:
        """Return the plan as text in lines of no more than ``width`` columns, at least 60."""
        return plan_text(self, max(width, 60))

    def print(self, width: int | None = None) -> None:
        """Print the plan; ``width`` columns wide, by default the terminal's."""
        import shutil  # brings every archive format with it: too dear at import time

        text = self.text(width or shutil.get_terminal_size((100, 24)).columns)
        print(text if can_write(sys.stdout, text) else text.translate(_PLAIN))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        count, operations = self.totals.instructions, self.totals.operations
        return (
            f"<plan {self.kind} of {self.model!r}: {count} instructions, {operations} operations>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.text())}</pre>"


def explain_plan(
    model: Model, x: Any = None, y: Any = None, batch_size: int = 32, kind: str = "train"
) -> PlanExplanation:
    """Return the plan of a step of a model; see `Model.explain_plan`."""
    one_of(kind, KINDS, "explain_plan, kind")
    if batch_size < 1:
        raise ValueError(f"explain_plan: batch_size is at least 1; got {batch_size}.")
    batch = _batch(model, x, y, kind)
    with _left_as_it_was(model):
        step = _recorded(model, batch, kind)
        where = _places(model, step, kind)
    arrays = [np.asarray(a) for a in flatten(batch) if a is not None]
    rows = batch_size if x is None else min(batch_size, len(arrays[0]))
    plan = _planned(model, step, arrays, rows, kind)
    names = [p.name or "input" for p in step.program.inputs[:-1]]
    lines, totals = tell(plan, where, [*names, "step"], f"{model.name}/")
    chosen = choose(model.engine, plan, step.program.nodes, step.program.seconds({"m": rows}))
    return PlanExplanation(model.name, kind, rows, lines, totals, chosen, plan)


def _batch(model: Model, x: Any, y: Any, kind: str) -> Batch:
    """A batch of the kinds and shapes that the step is recorded for."""
    if kind != "predict":
        shaped = batch_for(model, x, y, _WHAT)
        return (
            shaped if x is None else Batch(map_structure(_array, x), map_structure(_array, y), None)
        )
    if not model.built and x is None:
        raise ValueError(
            f"{_WHAT} needs shapes, and {model.name!r} is not built. Begin it with "
            "Input(shape=…), call it on data, or pass x."
        )
    return Batch(inputs_for(model, _WHAT) if x is None else map_structure(_array, x))


def _array(value: Any) -> Any:
    return None if value is None else np.asarray(value)


@contextmanager
def _left_as_it_was(model: Model) -> Iterator[None]:
    """Record on copies of what a first step would build, so that reading changes nothing."""
    kept = model.optimizer, model.compiled_loss, model.compiled_metrics
    trackers = dict(model._loss_trackers)
    optimizer, loss, metrics = kept
    if optimizer is not None:
        model.optimizer = optimizer_for(model)
    if metrics.entries is None:
        model.compiled_loss = CompiledLoss(loss.given, loss.weights)
        model.compiled_metrics = CompiledMetrics(metrics.given, metrics.weighted)
    try:
        yield
    finally:
        model.optimizer, model.compiled_loss, model.compiled_metrics = kept
        model._loss_trackers.clear()
        model._loss_trackers.update(trackers)


def _recorded(model: Model, batch: Batch, kind: str) -> Step:
    if kind == "predict":
        return predict_step(model, batch)[0]
    if kind == "test":
        return test_step(model, batch)
    if needs_objective(model.optimizer):
        raise ValueError(
            f"{_WHAT}: {type(model.optimizer).__name__} looks at the loss at other weights too, "
            "several times a step, so a step is no single graph; the NumPy engine runs it. "
            "kind='test' and kind='predict' have plans."
        )
    return train_step(model, batch)


def _planned(model: Model, step: Step, arrays: list[np.ndarray], rows: int, kind: str) -> Plan:
    """The plan as `fit` and `evaluate` run it on arrays, or as `predict` does."""
    if kind != "predict":
        watched = step.watched_outputs if kind == "train" and model.check_finite else ()
        part = Recorded(step.program, step.count, step.updated, watched)
        return plan_of(part, [(a.shape, a.dtype) for a in arrays], rows)
    heads = [np.empty((rows, *a.shape[1:]), a.dtype) for a in arrays]
    sizes = step.program.sizes_of([*heads, np.zeros((), np.int64)])
    return Planner(step.program.inputs, step.program.outputs, sizes).plan()


def _places(model: Model, step: Step, kind: str) -> Callable[[Tensor], str]:
    """Return what tells where a node belongs: a layer, the way back through it, the update."""
    if kind == "predict":
        forward, learning = _above(step.program.outputs), set()
    else:
        new = zip(step.updated, step.program.outputs[step.count :], strict=True)
        taught = {id(v) for v in (*model.trainable_weights, *model.optimizer.variables)}
        forward = _above([step.forward.loss, *step.forward.outputs])
        learning = _above(tensor for v, tensor in new if id(v) in taught) - forward

    def where(tensor: Tensor) -> str:
        scope = tensor.scope.removeprefix(f"{model.name}/")
        if id(tensor) in learning:
            return f"∂{scope}" if scope else "update"
        return scope or ("" if id(tensor) in forward else "metrics")

    return where


def _above(tensors: Iterable[Tensor]) -> set[int]:
    """The ids of all nodes that tensors depend on."""
    return {id(node) for node in topological(list(tensors))}
