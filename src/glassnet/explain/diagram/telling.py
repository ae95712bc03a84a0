"""What a block says of a layer: its kind, what it computes in short, its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from glassnet.graph.dimension import Dim
from glassnet.layers import InputLayer
from glassnet.layers.base import Layer
from glassnet.models.model import Model

KINDS = {
    "input": "input",
    "weights": "weights",
    "activation": "activation",
    "shape": "shape, pooling",
    "regularisation": "regularisation, normalisation",
    "merge": "merge",
    "op": "operation",
    "model": "model in the model",
    "other": "other",
}
"""The kinds of blocks and what the key below a diagram calls them."""

_FAMILIES = {
    "activation": "activation",
    "reshaping": "shape",
    "pooling": "shape",
    "borders": "shape",
    "upsampling": "shape",
    "regularization": "regularisation",
    "normalization": "regularisation",
    "batch_normalization": "regularisation",
    "merging": "merge",
}
"""The kind of the layers of a family, by the file that the family is written in."""


def kind_of(layer: Layer) -> str:
    """Return the kind of a layer, one of `KINDS`.

    >>> import glassnet as gn
    >>> kind_of(gn.layers.Flatten()), kind_of(gn.layers.Dense(3))
    ('shape', 'weights')
    """
    if isinstance(layer, InputLayer):
        return "input"
    if isinstance(layer, Model):
        return "model"
    for cls in type(layer).__mro__:
        package, _, family = cls.__module__.rpartition(".")
        if package == "glassnet.layers" and family in _FAMILIES:
            return _FAMILIES[family]
    makes = type(layer).build is not Layer.build
    return "weights" if layer.weights or (makes and not layer.built) else "other"


# --- what it computes -------------------------------------------------------------------------
def _sizes(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        parts = [f"({_sizes(v)})" if isinstance(v, (tuple, list)) else str(v) for v in value]
        return " × ".join(parts)
    return str(value)


def _window(value: Any) -> str:
    """The size of a window; one number by itself would not say what it is."""
    flat = value if isinstance(value, (tuple, list)) else (value,)
    return f"width {flat[0]}" if len(flat) == 1 else _sizes(value)


def _not_one(word: str) -> Callable[[Any], str]:
    def say(value: Any) -> str:
        flat = set(value) if isinstance(value, (tuple, list)) else {value}
        if flat <= {1}:
            return ""
        return f"{word} {next(iter(flat)) if len(flat) == 1 else _sizes(value)}"

    return say


def _number(word: str) -> Callable[[Any], str]:
    return lambda value: f"{word} {value:g}" if isinstance(value, (int, float)) else ""


def _count(one: str, several: str) -> Callable[[Any], str]:
    return lambda n: f"{n:,} {one if n == 1 else several}" if isinstance(n, int) else ""


def _padding(value: Any) -> str:
    if isinstance(value, str):
        return "" if value == "valid" else value
    return _pairs(value)


def _pairs(value: Any) -> str:
    """Borders as Keras takes them: ((1, 0), (2, 2))."""
    return str(value).replace("[", "(").replace("]", ")")


_PHRASES: Mapping[str, Callable[[Any], str]] = {
    "units": _count("unit", "units"),
    "filters": _count("filter", "filters"),
    "kernel_size": _window,
    "pool_size": _window,
    "strides": _not_one("stride"),
    "padding": _padding,
    "dilation_rate": _not_one("dilation"),
    "groups": _not_one("groups"),
    "depth_multiplier": _not_one("per channel"),
    "cropping": _pairs,
    "size": lambda value: f"by {_sizes(value)}",
    "interpolation": lambda value: "" if value == "nearest" else str(value),
    "dims": _pairs,
    "n": _count("time", "times"),
    "rate": _number("rate"),
    "stddev": _number("deviation"),
    "l1": lambda value: f"l1 {float(value):g}" if value else "",
    "l2": lambda value: f"l2 {float(value):g}" if value else "",
    "negative_slope": lambda value: f"slope {float(value):g}" if value else "",
    "max_value": lambda value: f"at most {float(value):g}" if value is not None else "",
    "alpha": _number("alpha"),
    "axis": lambda value: "" if value == -1 else f"axis {value}",
    "axes": lambda value: f"axes {value}",
    "num_tokens": _count("token", "tokens"),
    "output_mode": str,
    "mask_value": _number("where all are"),
    "scale": _number("scale"),
}
"""How an attribute of a layer is said; attributes that say nothing new give no text."""


def does(layer: Layer) -> str:
    """Return in a few words what a layer computes, without its activation.

    >>> import glassnet as gn
    >>> does(gn.layers.Conv2D(8, 3, strides=2, padding="same"))
    '8 filters, 3 × 3, stride 2, same'
    """
    known = vars(layer)
    said = []
    if isinstance(known.get("input_dim"), int) and isinstance(known.get("output_dim"), int):
        said.append(f"{known['input_dim']:,} → {known['output_dim']:,}")
    for name, phrase in _PHRASES.items():
        value = known.get(name)
        if value is None or isinstance(value, bool):
            continue
        if name == "strides" and value == known.get("pool_size"):
            continue  # windows side by side
        said.append(phrase(value))
    if kind_of(layer) == "activation" and "activation" in known:
        said.append(activation_of(layer))
    elif callable(known.get("function")):
        said.append(str(getattr(known["function"], "__name__", "function")))
    return ", ".join(text for text in said if text)


def activation_of(layer: Layer) -> str:
    """Return the name of a layer's activation; nothing where it has none, or the linear one.

    >>> import glassnet as gn
    >>> activation_of(gn.layers.Dense(3, "tanh")), activation_of(gn.layers.Dense(3))
    ('tanh', '')
    """
    function = vars(layer).get("activation")
    if function is None:
        return ""
    name = getattr(function, "name", None) or getattr(function, "__name__", None)
    if not isinstance(name, str):
        name = type(function).__name__
    return "" if name == "linear" and kind_of(layer) != "activation" else name


# --- how much ---------------------------------------------------------------------------------
def parameters_of(layer: Layer, with_trainable: bool = False) -> str:
    """Return how many parameters a layer has; nothing where it has none.

    >>> import glassnet as gn
    >>> parameters_of(gn.Sequential([gn.Input((2,)), gn.layers.Dense(3)]))
    '9 parameters'
    """
    if not layer.built:
        return "not built" if type(layer).build is not Layer.build else ""
    count = layer.count_params()
    if not count:
        return ""
    text = f"{count:,} parameter{'' if count == 1 else 's'}"
    if layer.trainable_weights:
        return f"{text}, trained" if with_trainable else text
    return f"{text}, frozen"


def plain_sizes(shape: Any) -> tuple[int | None, ...]:
    """Return the sizes of one example, None for those that only a run tells.

    >>> plain_sizes((None, 28, 28, 1))
    (28, 28, 1)
    """
    return tuple(None if size is None or isinstance(size, Dim) else int(size) for size in shape[1:])
