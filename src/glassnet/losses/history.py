"""How predictions were made: the last activation of the network, seen in the graph.

A prediction *ends in softmax* (or sigmoid) where that op made it, and only ops that arrange or
cast entries came after. It is *raw* where the last op that is not shaping is a matrix product or
convolution with a weight, or adds something (a bias, a skip connection) to such a one.
Everything else, and every array, is taken as given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from glassnet.errors import LossMismatchError
from glassnet.graph.dtypes import is_float
from glassnet.graph.op import Op
from glassnet.graph.recording import record
from glassnet.graph.tensor import Constant, Tensor
from glassnet.graph.variable import Variable
from glassnet.ops.convolution import Convolution, TransposedConvolution
from glassnet.ops.elementwise import Add, Cast, Elementwise
from glassnet.ops.functions import Sigmoid
from glassnet.ops.linear import MatMul
from glassnet.ops.shaping import Reshape
from glassnet.ops.softmax import Softmax

_LINEAR = (MatMul, Convolution, TransposedConvolution)


@dataclass(frozen=True)
class Made:
    """How a prediction was made.

    ``by`` is ``"softmax"``, ``"sigmoid"``, ``"raw"`` or ``""`` for anything else; ``logits`` are
    the numbers that the activation was taken of, arranged as the prediction is.
    """

    by: str = ""
    logits: Tensor | None = None
    width: int = 0
    """The number of entries that a softmax brings together; 0 where it is not known."""


def how_made(y_pred: Tensor, axis: int) -> Made:
    """Return how ``y_pred`` was made; ``axis`` is that of the classes, from the front."""
    source, arranged = _before_shaping(y_pred)
    if isinstance(source.op, Softmax):
        widths = [source.shape[a] for a in source.op.axis]
        width = widths[0] if len(widths) == 1 and isinstance(widths[0], int) else 0
        if _still_over(axis, source, y_pred, arranged):
            return Made("softmax", _again(arranged, source.inputs[0]), width)
        return Made("softmax", None, width)
    if isinstance(source.op, Sigmoid):
        return Made("sigmoid", _again(arranged, source.inputs[0]))
    return Made("raw") if _is_raw(y_pred) else Made()


def _before_shaping(y: Tensor) -> tuple[Tensor, list[Op]]:
    """Return the last tensor that was not only arranged or cast, and what was done to it since."""
    arranged: list[Op] = []
    while y.op is not None and len(y.inputs) == 1:
        (source,) = y.inputs
        cast = isinstance(y.op, Cast) and is_float(y.dtype) and is_float(source.dtype)
        if not (cast or y.op.view):
            break
        arranged.append(y.op)
        y = source
    return y, arranged[::-1]


def _again(arranged: list[Op], logits: Tensor) -> Tensor:
    for op in arranged:
        logits = record(op, logits)
    return logits


def _still_over(axis: int, source: Tensor, y_pred: Tensor, arranged: list[Op]) -> bool:
    """Tell whether the softmax that made ``source`` is one over ``axis`` of ``y_pred``."""
    assert isinstance(source.op, Softmax)
    if all(isinstance(op, Elementwise) for op in arranged):
        return source.op.axis == (axis,)
    return (
        all(isinstance(op, (Elementwise, Reshape)) for op in arranged)
        and source.op.axis == (source.ndim - 1,)
        and axis == y_pred.ndim - 1
        and len({source.shape[-1], y_pred.shape[-1]}) == 1
        and all(op.shape[-1:] == source.shape[-1:] for op in arranged if isinstance(op, Reshape))
    )


def _is_raw(y: Tensor) -> bool:
    waiting = [y]
    while waiting:
        source, _ = _before_shaping(waiting.pop())
        if isinstance(source.op, _LINEAR) and any(isinstance(i, Variable) for i in source.inputs):
            return True
        if isinstance(source.op, Add):
            waiting += source.inputs
    return False


# --- what does not belong together --------------------------------------------------------------
def check_binary(made: Made, y_pred: Tensor, from_logits: bool, loss: str) -> None:
    """Raise where the last activation and a loss of yes and no do not belong together."""
    if made.by == "softmax" and made.width == 1:
        _refuse_softmax_over_one(loss)
    if from_logits and made.by in ("softmax", "sigmoid"):
        _refuse_activation_twice(made.by, "sigmoid", y_pred, loss)
    if not from_logits and made.by == "raw":
        _refuse_raw("sigmoid", y_pred, loss)


def check_categorical(made: Made, y_pred: Tensor, axis: int, from_logits: bool, loss: str) -> None:
    """Raise where the last activation and a loss of one among k classes do not belong together."""
    if isinstance(y_pred, (Constant, Variable)):
        return
    if y_pred.shape[axis] == 1:
        if made.by == "softmax":
            _refuse_softmax_over_one(loss)
        _refuse_one_class(made, loss)
    if from_logits and made.by in ("softmax", "sigmoid"):
        _refuse_activation_twice(made.by, "softmax", y_pred, loss)
    if not from_logits and made.by == "sigmoid":
        _refuse_sigmoid(y_pred, loss)
    if not from_logits and made.by == "raw":
        _refuse_raw("softmax", y_pred, loss)


def _refuse(what: str, wrong: tuple[str, str], *right: tuple[str, str]) -> NoReturn:
    """Raise, with the wrong code beside the right code."""
    rows = [("wrong", *wrong), *(("right" if i == 0 else "or", *r) for i, r in enumerate(right))]
    width = max(len(layer) for _, layer, _ in rows)
    lines = [f"    {name + ':':<7}{layer:<{width}}  with  {loss}" for name, layer, loss in rows]
    raise LossMismatchError("\n".join([what, *lines]))


def _dense(y_pred: Tensor, activation: str = "") -> str:
    units = y_pred.shape[-1]
    return f'Dense({units}, activation="{activation}")' if activation else f"Dense({units})"


def _refuse_activation_twice(by: str, own: str, y_pred: Tensor, loss: str) -> NoReturn:
    _refuse(
        f"{loss}(from_logits=True) takes {own} itself, so it expects raw outputs; the network "
        f"ends in {by}. Its outputs would be squeezed twice and hardly learn.",
        (_dense(y_pred, by), f"{loss}(from_logits=True)"),
        (_dense(y_pred), f"{loss}(from_logits=True)"),
        (_dense(y_pred, own), f"{loss}()"),
    )


def _refuse_raw(own: str, y_pred: Tensor, loss: str) -> NoReturn:
    _refuse(
        f"{loss}() expects probabilities; the network ends in a linear map, so its outputs are "
        "any numbers and their logarithms mean nothing.",
        (_dense(y_pred), f"{loss}()"),
        (_dense(y_pred), f"{loss}(from_logits=True)"),
        (_dense(y_pred, own), f"{loss}()"),
    )


def _refuse_sigmoid(y_pred: Tensor, loss: str) -> NoReturn:
    _refuse(
        f"{loss}() expects probabilities that sum to 1 over the classes; the network ends in "
        "sigmoid, which judges each output by itself. One class an example takes softmax; "
        "several labels an example take the binary cross-entropy.",
        (_dense(y_pred, "sigmoid"), f"{loss}()"),
        (_dense(y_pred, "softmax"), f"{loss}()"),
        (_dense(y_pred, "sigmoid"), "BinaryCrossentropy()"),
    )


def _refuse_softmax_over_one(loss: str) -> NoReturn:
    _refuse(
        "The network ends in softmax over one output, which is 1 whatever the weights are. "
        "A single yes or no takes sigmoid.",
        ('Dense(1, activation="softmax")', f"{loss}()"),
        ('Dense(1, activation="sigmoid")', "BinaryCrossentropy()"),
        ('Dense(2, activation="softmax")', "SparseCategoricalCrossentropy()"),
    )


def _refuse_one_class(made: Made, loss: str) -> NoReturn:
    activation = made.by if made.by == "sigmoid" else ""
    layer = f'Dense(1, activation="{activation}")' if activation else "Dense(1)"
    _refuse(
        f"{loss} tells k classes apart by k outputs; there is one output. "
        "A single yes or no takes the binary cross-entropy.",
        (layer, f"{loss}()"),
        ('Dense(1, activation="sigmoid")', "BinaryCrossentropy()"),
        ("Dense(1)", "BinaryCrossentropy(from_logits=True)"),
    )
