"""The loss of every single example, and the examples that a model judges worst."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.checks import whole
from glassnet.engines import Program
from glassnet.graph.recording import recording
from glassnet.graph.tensor import Tensor
from glassnet.inspection.scores import NoScores, Scores, chosen_output, scores
from glassnet.inspection.targets import class_numbers, names_of, numbers
from glassnet.models.compiled import by_output, leaves_by_output
from glassnet.models.data import ArraySource, Batch, source_of
from glassnet.models.model import Model
from glassnet.models.steps import placeholders
from glassnet.nest import flatten
from glassnet.ops import cast, mean


def example_losses(model: Model, x: Any, y: Any, *, batch_size: int | None = None) -> np.ndarray:
    """Return the loss ``L_i`` of each example, (m,): their mean is the loss that is trained.

    Of a loss with a value a place (the steps of a sequence, the points of an image) the mean over
    the places is taken; of several outputs the weighted sum. Penalties on weights belong to no
    example and are left out. It is computed as in ``evaluate``, from the same graph: no dropout,
    and a softmax or sigmoid before a cross-entropy loses no digits.

    Args:
        model: a compiled model.
        x: the inputs, arrays as ``evaluate`` takes them.
        y: the targets.
        batch_size: examples computed at once.

    Raises:
        ValueError: where the model has no loss, or one that gives no value an example.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, kernel_initializer="ones")])
    >>> model.compile(loss="mse")
    >>> gn.inspection.example_losses(model, np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]]))
    array([0., 9.])
    """
    if not isinstance(model, Model):
        raise TypeError(f"example_losses: expected a model; got {type(model).__name__}.")
    if not model.compiled or model.computes_own_loss:
        raise ValueError(
            "example_losses: expected a model with a loss for each output: "
            "model.compile(loss='mse'), say."
            + (" A compute_loss() of its own tells no loss an example." if model.compiled else "")
        )
    source = source_of(x, y, batch_size=batch_size)
    if not isinstance(source, ArraySource):
        raise TypeError("example_losses: x yields batches; expected arrays, examples first.")
    model.check_data(source.data.x)
    program = _program(model, source)
    parts = []
    for batch in source.batches(0):
        arrays = [a for a in flatten(batch) if a is not None]
        parts.append(np.asarray(program.run(*arrays)[0], np.float64))
    return np.concatenate(parts)


def _program(model: Model, source: ArraySource) -> Program:
    symbolic, inputs = placeholders(Batch(source.data.x, source.data.y), np.dtype(model.dtype))
    with recording():
        structure = model(symbolic.x, training=False)
        outputs: list[Tensor] = flatten(structure)
        names = model.names_of_outputs(structure)
        if isinstance(structure, dict):
            outputs = [structure[name] for name in names]
        targets = leaves_by_output(symbolic.y, names, "y")
        given = leaves_by_output(source.data.y, names, "y")
        model.compiled_loss.build(targets, outputs, names)
        weights = by_output(model.compiled_loss.weights, names, "loss_weights")
        total: Tensor | None = None
        for loss, target, seen, output, weight in zip(
            model.compiled_loss.for_outputs(names), targets, given, outputs, weights, strict=True
        ):
            if loss is None:
                continue
            if target is None:
                raise ValueError("example_losses: y is missing for an output with a loss.")
            loss.check_targets(seen, output.shape)
            part = _per_example(loss, target, output)
            part = part if weight is None else part * weight
            total = part if total is None else total + cast(part, total.dtype)
    if total is None:
        raise ValueError("example_losses: compile() was given no loss; write loss='mse', say.")
    return Program(inputs, [total])


def _per_example(loss: Any, target: Tensor, output: Tensor) -> Tensor:
    alone = copy.copy(loss)
    alone.reduction = None
    values: Tensor = alone(target, output)
    if values.ndim == 0 or values.shape[0] != output.shape[0]:
        raise ValueError(
            f"The loss {loss.name!r} gives one number for a whole batch, so no example has a loss "
            "of its own. Let it return one value an example: the mean over axis=-1, say."
        )
    return values if values.ndim == 1 else mean(values, axis=tuple(range(1, values.ndim)))


# --- the worst --------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class WorstExamples:
    """The examples with the largest loss, the largest first.

    Attributes:
        indices: their places in the data.
        losses: the loss of each.
        inputs: what was shown, (count, …).
        true: the true class or number, in words.
        predicted: the class or number that the model gives, in words.
        chances: the probability of the predicted class and that of the true one, (count, 2); None
            where the model gives no probabilities of classes.
        centre, scale: mean and standard deviation of every entry of the inputs over all examples.
    """

    indices: np.ndarray
    losses: np.ndarray
    inputs: np.ndarray
    true: tuple[str, ...]
    predicted: tuple[str, ...]
    chances: np.ndarray | None
    centre: np.ndarray
    scale: np.ndarray


def worst_examples(
    model: Model,
    x: Any,
    y: Any,
    *,
    count: int = 12,
    names: Sequence[str] | None = None,
    output: int | str | None = None,
    batch_size: int | None = None,
) -> WorstExamples:
    """Return the examples with the largest loss, what they are and what the model says of them.

    Args:
        model: a compiled model with one input.
        x: the inputs, an array.
        y: the targets.
        count: how many; fewer where there are no more.
        names: the names of the classes.
        output: of several outputs, the one whose verdict is told.
        batch_size: examples computed at once.

    Raises:
        ValueError: where the model has no loss or several inputs, or a loss is NaN.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, kernel_initializer="ones")])
    >>> model.compile(loss="mse")
    >>> x = np.array([[1.0], [2.0], [3.0]])
    >>> found = gn.inspection.worst_examples(model, x, np.array([1.0, 5.0, 4.0]), count=2)
    >>> found.indices.tolist(), found.losses.tolist(), found.true, found.predicted
    ([1, 2], [9.0, 1.0], ('5', '4'), ('2', '3'))
    """
    whole(count, "worst_examples: count", least=1)
    arrays = flatten(x) if isinstance(x, (dict, tuple)) or _is_several(x) else [x]
    if len(arrays) != 1:
        raise ValueError("worst_examples: expected a model with one input; x has several.")
    losses = example_losses(model, x, y, batch_size=batch_size)
    if np.isnan(losses).any():
        raise ValueError(
            f"worst_examples: the loss of example {int(np.flatnonzero(np.isnan(losses))[0])} is "
            "NaN. Look at its inputs, and at the weights."
        )
    inputs = np.asarray(arrays[0])
    chosen = np.argsort(-losses, kind="stable")[:count]
    picked = inputs[chosen]
    true, predicted, chances = _verdicts(model, picked, y, chosen, names, output, losses.size)
    numeric = inputs.astype(np.float64)
    centre, scale = numeric.mean(axis=0), numeric.std(axis=0)
    return WorstExamples(chosen, losses[chosen], picked, true, predicted, chances, centre, scale)


def _verdicts(
    model: Model,
    picked: np.ndarray,
    y: Any,
    chosen: np.ndarray,
    names: Sequence[str] | None,
    output: int | str | None,
    size: int,
) -> tuple[tuple[str, ...], tuple[str, ...], np.ndarray | None]:
    targets = np.asarray(_target_of(model, y, output))[chosen]
    try:
        said = scores(model, picked, output=output)
    except NoScores:
        found = model.predict(picked, verbose=0)
        values = found if isinstance(found, np.ndarray) else _target_of(model, found, output)
        return _told(targets), _told(np.asarray(values)), None
    one_a_row = said.values.ndim == 1 or (said.values.ndim == 2 and said.values.shape[1] == 1)
    if said.kind == "classes" and said.values.ndim == 2:
        true, decided, chances = _of_classes(said, targets)
        labels = names_of(names, said.values.shape[-1], "worst_examples")
    elif said.kind == "binary" and one_a_row:
        true, decided, chances = _of_two(said, targets)
        labels = names_of(names, 2, "worst_examples")
    else:
        return _told(targets), _told(said.values), None
    return (
        tuple(labels[i] for i in true),
        tuple(labels[i] for i in decided),
        chances if said.probable else None,
    )


def _of_classes(said: Scores, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if targets.shape == said.values.shape:
        true = targets.argmax(axis=-1)  # shares of classes too: the largest is named
    else:
        true = class_numbers(targets, said.values.shape, "worst_examples")
    rows, decided = np.arange(len(true)), said.decided
    return true, decided, np.stack([said.values[rows, decided], said.values[rows, true]], axis=1)


def _of_two(said: Scores, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    true = (numbers(targets, "worst_examples: y").ravel() > 0.5).astype(np.int64)
    yes, decided = said.values.ravel(), said.decided.ravel()
    both = np.stack([1 - yes, yes], axis=1)
    rows = np.arange(len(true))
    return true, decided, np.stack([both[rows, decided], both[rows, true]], axis=1)


def _target_of(model: Model, y: Any, output: int | str | None) -> Any:
    leaves = flatten(y) if isinstance(y, (dict, tuple)) or _is_several(y) else [y]
    names = list(y) if isinstance(y, dict) else [f"output_{i + 1}" for i in range(len(leaves))]
    if isinstance(y, dict):
        leaves = [y[name] for name in names]
    elif model._network is not None and len(leaves) == len(model.output_names):
        names = model.output_names
    return leaves[chosen_output(output if len(leaves) > 1 else None, names)]


def _is_several(y: Any) -> bool:
    return isinstance(y, list) and bool(y) and all(isinstance(part, np.ndarray) for part in y)


def _told(values: np.ndarray) -> tuple[str, ...]:
    """Numbers in words: one, or the first few of several."""
    rows = values.reshape(len(values), -1)
    return tuple(
        ", ".join(f"{v:.3g}" for v in row[:3]) + (" …" if len(row) > 3 else "") for row in rows
    )
