"""What a classifier says: probabilities or scores, told from its last op and its loss.

How a network's raw outputs become probabilities stands in two places: in the last op that it
computes with (softmax, sigmoid, none) and in the loss that it was compiled with (``from_logits``).
Everything that looks at a classifier asks here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from glassnet import losses
from glassnet.graph.tensor import Tensor
from glassnet.losses.history import how_made
from glassnet.models import steps as recorded
from glassnet.models.compiled import by_output
from glassnet.models.data import ArraySource, Batch, source_of
from glassnet.models.model import Model
from glassnet.nest import flatten

Kind = Literal["binary", "classes", "labels"]

_YES_NO: tuple[Callable[..., Any], ...] = (
    losses.binary_crossentropy,
    losses.binary_focal_crossentropy,
)
_CLASSES: tuple[Callable[..., Any], ...] = (
    losses.categorical_crossentropy,
    losses.sparse_categorical_crossentropy,
    losses.categorical_focal_crossentropy,
    losses.categorical_generalized_cross_entropy,
    losses.kl_divergence,
)
_SIGNS: tuple[Callable[..., Any], ...] = (losses.hinge, losses.squared_hinge)
_MARGINS: tuple[Callable[..., Any], ...] = (losses.categorical_hinge,)


class NoScores(ValueError):
    """It can't be told how this model's outputs become classes."""


@dataclass(frozen=True, eq=False)
class Scores:
    """What a classifier says of some examples.

    Attributes:
        values: probabilities, or scores where ``probable`` is False, float64; the classes are the
            last axis, (m, k), or there is one number for a yes, (m,) or (m, 1).
        kind: ``"binary"`` (one number for a yes), ``"classes"`` (one of k) or ``"labels"`` (k
            times yes or no).
        probable: whether the values are probabilities.
        outputs: what ``predict`` gives.
        told_by: how it was decided, in words.
    """

    values: np.ndarray
    kind: Kind
    probable: bool
    outputs: np.ndarray = field(repr=False)
    told_by: str

    @property
    def threshold(self) -> float:
        """Above which a value says yes: 0.5 for probabilities, 0 for scores with a sign."""
        return 0.5 if self.probable else 0.0

    @property
    def decided(self) -> np.ndarray:
        """The classes that the model decides for: the largest value, or yes above the threshold.

        (m,) for classes; 0 and 1 in the shape of the values otherwise.
        """
        if self.kind == "classes":
            return self.values.argmax(axis=-1)
        return (self.values > self.threshold).astype(np.int64)


def probabilities(
    model: Model, x: Any, *, output: int | str | None = None, batch_size: int | None = None
) -> np.ndarray:
    """Return the probabilities that a classifier gives, ``σ(z)`` or ``softmax(z)`` of its outputs.

    How it decides, the first that applies:

    1. The loss was compiled with ``from_logits=True``: the sigmoid of the outputs for a loss of
       yes and no (`BinaryCrossentropy`, `BinaryFocalCrossentropy`), the softmax over the classes
       for one of classes (`CategoricalCrossentropy`, `SparseCategoricalCrossentropy` …).
    2. The last op of the network, but for such as only arrange entries, is a softmax or a sigmoid,
       whether a layer, an activation or a function made it: the outputs as they are.
    3. The loss is a cross-entropy that expects probabilities: the outputs as they are, which must
       be numbers from 0 to 1.

    Args:
        model: a built model; a compiled one where its last op doesn't tell (2).
        x: inputs, arrays as ``predict`` takes them.
        output: which output, by place or name, of a model with several.
        batch_size: as for ``predict``.

    Returns:
        float64, in the shape that ``predict`` gives; the classes are the last axis.

    Raises:
        ValueError: where none of these applies, such as a linear output with ``loss="mse"``, or
            where two contradict each other (a sigmoid, and ``from_logits=True``).

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, kernel_initializer="ones")])
    >>> model.compile(loss=gn.losses.BinaryCrossentropy(from_logits=True))
    >>> gn.inspection.probabilities(model, np.array([[0.0], [np.log(3.0)]])).round(6).tolist()
    [[0.5], [0.75]]
    """
    found = scores(model, x, output=output, batch_size=batch_size)
    if not found.probable:
        raise NoScores(
            f"probabilities: {found.told_by}: its outputs are scores, no probabilities. Train with "
            "a cross-entropy for those."
        )
    return found.values


def scores(
    model: Model, x: Any, *, output: int | str | None = None, batch_size: int | None = None
) -> Scores:
    """Return what a classifier says: probabilities, or what its decisions rest on.

    As `probabilities`, but a model trained with a hinge loss has scores too: above 0 is a yes for
    `Hinge` and `SquaredHinge`, the largest counts for `CategoricalHinge`.

    Raises:
        ValueError: as `probabilities`.
    """
    symbolic, array, loss = _output_of(model, x, output, batch_size)
    loss_axis = _axis(loss)
    axis = loss_axis % max(symbolic.ndim, 1)
    link, kind, told_by = _decided(model, symbolic, loss, axis)
    z = np.asarray(array, np.float64)
    if link != "sigmoid" and z.ndim > 1:
        z = np.moveaxis(z, axis, -1)
    if np.isnan(z).any():
        raise ValueError(
            f"The outputs of {model.name!r} hold NaN for {_rows_with_nan(z)} of {len(z)} examples; "
            "a class can't be told from those. Look at the inputs, and at the weights."
        )
    if link == "checked" and (z.min() < -1e-6 or z.max() > 1 + 1e-6):
        raise _undecided(
            model,
            f"{told_by} expects probabilities, and the outputs go from {z.min():.3g} to "
            f"{z.max():.3g}",
        )
    values = _LINKS[link](z)
    return Scores(values, kind, link != "scores", np.asarray(array), told_by)


# --- deciding ---------------------------------------------------------------------------------
def _decided(model: Model, symbolic: Tensor, loss: Any, axis: int) -> tuple[str, Kind, str]:
    """Return how outputs become values, what they tell apart, and why."""
    made, function = how_made(symbolic, axis), _function(loss)
    named = _named(loss)
    several: Kind = "binary" if symbolic.ndim < 2 or symbolic.shape[-1] == 1 else "labels"
    if _from_logits(loss) and function in (*_YES_NO, *_CLASSES):
        if made.by in ("softmax", "sigmoid"):
            raise _undecided(
                model, f"the network ends in {made.by}, and {named} takes it once more"
            )
        if function in _YES_NO:
            return "sigmoid", several, f"{named}(from_logits=True)"
        return "softmax", "classes", f"{named}(from_logits=True)"
    if made.by == "softmax":
        return "as it is", "classes", "the network ends in softmax"
    if made.by == "sigmoid":
        return "as it is", several, "the network ends in sigmoid"
    if function in _SIGNS:
        return "scores", several, f"{model.name!r} was compiled with {named}"
    if function in _MARGINS:
        return "scores", "classes", f"{model.name!r} was compiled with {named}"
    if function in (*_YES_NO, *_CLASSES) and made.by != "raw":
        return "checked", several if function in _YES_NO else "classes", named
    end = "ends in a linear map" if made.by == "raw" else "ends in neither softmax nor sigmoid"
    with_loss = f"its loss is {named}" if loss is not None else "it has no loss"
    raise _undecided(model, f"the network {end}, and {with_loss}")


def _undecided(model: Model, why: str) -> NoScores:
    return NoScores(
        f"It can't be told how the outputs of {model.name!r} become probabilities: {why}. End the "
        'network in activation="sigmoid" (yes or no) or "softmax" (one of k classes), or compile '
        "it with the loss that takes raw outputs:\n"
        "    model.compile(loss=losses.BinaryCrossentropy(from_logits=True))\n"
        "    model.compile(loss=losses.SparseCategoricalCrossentropy(from_logits=True))\n"
        "Or pass the probabilities themselves instead of the model."
    )


def _function(loss: Any) -> Any:
    return getattr(type(loss), "function", None) or getattr(loss, "fn", None)


def _from_logits(loss: Any) -> bool:
    given = getattr(loss, "kwargs", {}).get("from_logits", False)
    return bool(getattr(loss, "from_logits", given))


def _axis(loss: Any) -> int:
    if _function(loss) in _YES_NO:
        return -1
    given = getattr(loss, "kwargs", {}).get("axis", -1)
    axis = getattr(loss, "axis", given)
    return axis if isinstance(axis, int) else -1


def _named(loss: Any) -> str:
    wrapped = getattr(loss, "fn", None)
    return getattr(wrapped, "__name__", None) or type(loss).__name__


# --- outputs ----------------------------------------------------------------------------------
def _output_of(
    model: Model, x: Any, output: int | str | None, batch_size: int | None
) -> tuple[Tensor, np.ndarray, Any]:
    """Return one output as it was recorded, its values, and its loss."""
    if not isinstance(model, Model):
        raise TypeError(f"expected a model of glassnet; got {type(model).__name__}.")
    source = source_of(x, batch_size=batch_size)
    if not isinstance(source, ArraySource):
        raise TypeError("x yields batches; expected arrays, examples first.")
    arrays = flatten(model.predict(x, batch_size=batch_size, verbose=0))
    first = Batch(source.first().x)
    found: Any = model.step_for("predict", first, recorded.predict_step, recorded.signature(first))
    structure = found[1]
    names = model.names_of_outputs(structure)
    place = chosen_output(output, names)
    symbolic = flatten(structure)[place]
    return symbolic, arrays[place], loss_of(model, names, place)


def chosen_output(output: int | str | None, names: list[str]) -> int:
    """Return the place of an output given by place or name.

    Raises:
        ValueError: where there is none such, or several and none is chosen.
    """
    if output is None and len(names) == 1:
        return 0
    if isinstance(output, str) and output in names:
        return names.index(output)
    if isinstance(output, (int, np.integer)) and -len(names) <= output < len(names):
        return int(output) % len(names)
    given = "" if output is None else f"; got {output!r}"
    raise ValueError(
        f"output: expected one of {', '.join(map(repr, names))} or its place from 0 to "
        f"{len(names) - 1}{given}."
    )


def loss_of(model: Model, names: list[str], place: int) -> Any:
    """Return the loss that belongs to an output, None for none."""
    given = by_output(model.compiled_loss.given, names, "loss")[place]
    return None if given is None else losses.get(given)


def _rows_with_nan(z: np.ndarray) -> int:
    return int(np.isnan(z.reshape(len(z), -1)).any(axis=1).sum())


def _sigmoid(z: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.exp(-np.logaddexp(0.0, -z))
    return found


def _softmax(z: np.ndarray) -> np.ndarray:
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    found: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return found


_LINKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigmoid": _sigmoid,
    "softmax": _softmax,
    "as it is": lambda z: z,
    "checked": lambda z: z,
    "scores": lambda z: z,
}
