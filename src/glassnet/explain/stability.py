"""The stability microscope: digits lost at each delicate op, on the numbers of one batch.

Two formulas that are equal on paper differ in floating point. Each delicate op of a training step
is computed here in its naive and in its stable form, on the very inputs that it gets for a batch,
beside a reference in higher precision.
Source: N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002, ch. 1;
P. Blanchard, D. J. Higham, N. J. Higham, "Accurately computing the log-sum-exp and softmax
functions", IMA Journal of Numerical Analysis 41 (2021).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from glassnet.engines import Program
from glassnet.explain.accuracy import WIDE, accuracy
from glassnet.explain.stability_report import LADDER, Row, Rung, StabilityReport, Trial
from glassnet.graph.derivative import gradients
from glassnet.graph.dtypes import is_float
from glassnet.graph.order import topological
from glassnet.graph.recording import record
from glassnet.graph.stability import Form
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.models.data import ArraySource, Batch, source_of
from glassnet.models.model import Model
from glassnet.models.running import step_makers
from glassnet.models.steps import Step, signature
from glassnet.nest import flatten
from glassnet.ops.delicate import Composed, find_composed
from glassnet.ops.shaping import reshape

Compute = Callable[..., Tensor]


def stability(model: Model, x: Any, y: Any = None, sample_weight: Any = None) -> StabilityReport:
    """Return the digits that each delicate op of the training step loses on a batch.

    ``digits lost = log₁₀(relative error / ε)``, with ε the gap behind 1 of the model's dtype, and
    at most all digits that there are. Softmax, cross-entropies, sigmoid, log-sum-exp, variances,
    norms and their kin of the forward pass are computed in the naive and in the stable form, on
    the inputs that they get for this batch, in the model's dtype; the reference is computed in
    ``np.longdouble`` from the same inputs. Where weights are trained through an op, its gradient
    is measured too, for the derivative of the loss that arrives at the op. A gradient's errors are
    measured by its largest entry, those of a value by the entry's own size.

    Args:
        model: a compiled model, built.
        x: the inputs of one batch, examples first.
        y: the targets.
        sample_weight: a weight for each example.

    Raises:
        TypeError: where ``model`` is no model, or ``x`` yields batches instead of being one.
        ValueError: where the model is not built or compiled, or the batch does not fit it.

    >>> import numpy as np, glassnet as gn
    >>> from glassnet.explain.stability import stability
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(2, kernel_initializer="identity")])
    >>> loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile("sgd", loss)
    >>> report = stability(model, np.array([[1000.0, -1000.0]]), np.array([1]))
    >>> row = report.rows[-1]
    >>> row.naive.value.infinite + row.naive.value.nan, row.stable.value.worst < 1e-6
    (1, True)
    """
    batch = _batch_for(model, x, y, sample_weight)
    step = model.step_for("train", batch, step_makers(model)["train"], signature(batch))
    examples = len(flatten(batch.x)[0])
    spots = _spots(step, {"m": examples})
    found = [
        (spot, inputs, slope)
        for spot, inputs, slope in _on_batch(step, spots, batch, model.progress.seen)
        if spot.declared or _alike(spot, inputs, slope.shape)
    ]
    rows = tuple(_row(*one) for one in found)
    last = max((i for i, (spot, *_) in enumerate(found) if spot.in_loss), default=None)
    ladder = () if last is None else _ladder(*found[last])
    return StabilityReport(model.name, examples, np.dtype(model.dtype), rows, last, ladder)


# --- the batch ----------------------------------------------------------------------------------
def _batch_for(model: Any, x: Any, y: Any, sample_weight: Any) -> Batch:
    if not isinstance(model, Model):
        raise TypeError(f"stability(model, x, y): expected a model; got a {type(model).__name__}.")
    if not model.built:
        shape = getattr(x, "shape", ("…",))[1:] or "(…)"
        raise ValueError(
            f"Model {model.name!r} is not built: it has no weights yet, so there is nothing to "
            f"look at. Begin it with Input(shape={shape}), or call it on data first: model(x)."
        )
    if not model.compiled:
        raise ValueError(
            "stability() looks at the training step, which needs a loss and an optimizer:\n"
            "    model.compile(optimizer='adam', loss='mse')"
        )
    source = source_of(x, y, sample_weight)
    if not isinstance(source, ArraySource):
        raise TypeError("stability() takes one batch of arrays; got an iterable. Pass x and y.")
    model.check_data(source.data.x)
    return source.data


# --- the delicate places of a step --------------------------------------------------------------
@dataclass(frozen=True)
class _Spot:
    """A delicate formula in the graph: its forms, as functions of its inputs.

    ``forms`` are the naive ones first and the stable one last; ``runs`` is the place of the one
    that the network runs. ``trained`` are the inputs through which weights are trained.
    """

    node: Tensor
    name: str
    inputs: tuple[Tensor, ...]
    forms: tuple[Form, ...]
    runs: int
    exact: Compute
    advice: str
    in_loss: bool
    trained: tuple[int, ...]
    declared: bool = True
    centred: bool = False


def _spots(step: Step, sizes: Mapping[str, int]) -> list[_Spot]:
    """The delicate ops and formulas of the forward pass, in the order of computation."""
    forward = step.forward
    order = topological([forward.loss, *forward.outputs])
    reached = {id(node) for node in topological([forward.loss])}
    trained = _trained(order)
    composed = {id(found.node): found for found in find_composed(order)}
    spots: list[_Spot] = []
    seen: set[Any] = set()
    for node in order:
        key = (node.op, tuple(map(id, node.inputs)))
        if node.op is None or not is_float(node.dtype) or key in seen:
            continue
        seen.add(key)
        rest = id(node) in reached, trained
        if id(node) in composed:
            spots.append(_composed_spot(composed[id(node)], sizes, *rest))
        declared = _declared_spot(node, *rest)
        if declared is not None:
            spots.append(declared)
    return spots


def _trained(order: Sequence[Tensor]) -> set[int]:
    """The nodes that depend on a trainable weight."""
    found: set[int] = set()
    for node in order:
        if getattr(node, "trainable", False) or any(id(i) in found for i in node.inputs):
            found.add(id(node))
    return found


def _places(inputs: Sequence[Tensor], trained: set[int], in_loss: bool) -> tuple[int, ...]:
    if not in_loss:
        return ()
    return tuple(k for k, i in enumerate(inputs) if id(i) in trained and is_float(i.dtype))


def _declared_spot(node: Tensor, in_loss: bool, trained: set[int]) -> _Spot | None:
    op = node.op
    told = None if op is None else op.stability()
    if op is None or told is None:
        return None
    itself = partial(record, op)
    return _Spot(
        node,
        op.name,
        node.inputs,
        (*told.naive, Form(told.stable, itself)),
        len(told.naive),
        told.exact or itself,
        told.advice,
        in_loss,
        _places(node.inputs, trained, in_loss),
    )


def _composed_spot(
    found: Composed, sizes: Mapping[str, int], in_loss: bool, trained: set[int]
) -> _Spot:
    own = Form(found.formula, partial(found.run, sizes))
    forms = (found.other, own) if found.stable else (own, found.other)
    return _Spot(
        found.node,
        found.name,
        found.inputs,
        forms,
        forms.index(own),
        found.exact,
        found.advice,
        in_loss,
        _places(found.inputs, trained, in_loss),
        declared=False,
        centred=found.centred,
    )


def _on_batch(
    step: Step, spots: Sequence[_Spot], batch: Batch, number: int
) -> list[tuple[_Spot, list[np.ndarray], np.ndarray]]:
    """Each spot with its inputs on the batch and the derivative of the loss by its value."""
    slopes = gradients([step.forward.loss], [spot.node for spot in spots])
    wanted = [t for spot, g in zip(spots, slopes, strict=True) for t in (*spot.inputs, g)]
    arrays = [a for a in flatten(batch) if a is not None]
    program = Program(step.program.inputs[:-1], wanted)
    results = iter(program.run(*arrays, step=number))
    return [
        (spot, [np.asarray(next(results)) for _ in spot.inputs], np.asarray(next(results)))
        for spot in spots
    ]


# --- measuring ----------------------------------------------------------------------------------
def _row(spot: _Spot, inputs: Sequence[np.ndarray], slope: np.ndarray) -> Row:
    entries = np.asarray(inputs[0], np.float64)
    return Row(
        spot.node.scope,
        spot.name,
        spot.node.dtype,
        (float(entries.min(initial=np.inf)), float(entries.max(initial=-np.inf))),
        _trials(spot, inputs, slope),
        spot.advice,
    )


def _trials(spot: _Spot, inputs: Sequence[np.ndarray], slope: np.ndarray) -> tuple[Trial, ...]:
    """Every form on the same inputs, beside the exact one in higher precision."""
    matters = bool(np.isfinite(slope).all() and np.any(slope))
    # An input that is spread over many entries gets the sum of their slopes, which may cancel in
    # any form: that is no matter of this op.
    trained = [k for k in spot.trained if matters and inputs[k].size >= slope.size]
    wide = [a.astype(WIDE) if is_float(a.dtype) else a for a in inputs]
    truth, *true_slopes = _computed(spot.exact, wide, slope.astype(WIDE), trained)
    trials = []
    for k, form in enumerate(spot.forms):
        value, *slopes = _computed(form.compute, inputs, slope, trained)
        by_input = [
            accuracy(one, true, by_largest=True)
            for one, true in zip(slopes, true_slopes, strict=True)
        ]
        trials.append(
            Trial(
                form.formula,
                k == spot.runs,
                k == len(spot.forms) - 1,
                accuracy(value, truth, by_largest=spot.centred),
                max(by_input, key=lambda a: (a.worst, a.nan)) if by_input else None,
            )
        )
    return tuple(trials)


def _computed(
    compute: Compute, inputs: Sequence[np.ndarray], slope: np.ndarray, by: Sequence[int]
) -> list[np.ndarray]:
    """The value in the shape of ``slope``, and the derivative of Σ slope · value by some inputs."""
    given = [Placeholder(a.shape, a.dtype) for a in inputs]
    value = compute(*given)
    if value.shape != slope.shape:
        value = reshape(value, slope.shape)
    seed = Placeholder(slope.shape, value.dtype)
    slopes = gradients([value], [given[k] for k in by], [seed])
    return Program([*given, seed], [value, *slopes]).run(*inputs, slope)


def _alike(spot: _Spot, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> bool:
    """Tell whether all forms agree on tame numbers: a formula was recognised for what it is."""
    rng = np.random.default_rng(0)
    tame = [rng.uniform(0.1, 0.9, a.shape).astype(a.dtype) for a in inputs]
    try:
        first, *others = [_computed(f.compute, tame, np.ones(shape), ())[0] for f in spot.forms]
    except ValueError:
        return False
    return all(np.allclose(first, other, rtol=0.02, atol=0.02) for other in others)


def _ladder(spot: _Spot, inputs: Sequence[np.ndarray], slope: np.ndarray) -> tuple[Rung, ...]:
    """The forms on the same inputs, the first of which is scaled to larger and larger numbers."""
    first = inputs[0]
    largest = float(np.abs(first).max(initial=0))
    # Numbers that are scaled alone do not lie around their mean any more.
    if spot.centred or len(spot.trained) > 1 or not 0 < largest < np.inf:
        return ()
    scaled = [(top, (first * (top / largest)).astype(first.dtype)) for top in LADDER]
    return tuple(Rung(top, _trials(spot, [x, *inputs[1:]], slope)) for top, x in scaled)
