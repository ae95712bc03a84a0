"""How PyTorch says the ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet.explain.code.expressions import (
    ARITY,
    COMPARISON,
    PLAIN,
    PRODUCT,
    SUM,
    Dialect,
    Rule,
    Text,
    axes_text,
    bound_text,
    forward_only,
    kept_text,
    plain_function,
    shape_text,
    whole_shape_text,
)
from glassnet.explain.code.literals import NotSayable, array, literal
from glassnet.graph.tensor import Constant


def _torch_reduction(function: str) -> Rule:
    def rule(dialect: Dialect, node: Any, operands: Sequence[Text]) -> str:
        axes = axes_text(node.op.axis, node.inputs[0].ndim, "dim", bool(node.op.keepdims))[2:]
        inner = ", ".join(part for part in (axes, kept_text(node.op, "keepdim")[2:]) if part)
        return f"{operands[0].atom}.{function}({inner})"

    return rule


def _torch_single(function: str) -> Rule:
    """A reduction that takes one axis."""

    def rule(dialect: Dialect, node: Any, operands: Sequence[Text]) -> str:
        axes = node.op.axis
        if len(axes) == node.inputs[0].ndim and not node.op.keepdims:
            return f"{operands[0].atom}.{function}()"
        if len(axes) != 1:
            raise NotSayable(f"{function} along several axes can't be said in PyTorch")
        return f"{operands[0].atom}.{function}(dim={axes[0]}{kept_text(node.op, 'keepdim')})"

    return rule


def _torch_extreme(function: str, bound: str) -> Rule:
    """The larger or the smaller of two; beside a number a bound."""

    def rule(dialect: Dialect, node: Any, operands: Sequence[Text]) -> str:
        for i, (tensor, text) in enumerate(zip(node.inputs, operands, strict=True)):
            if isinstance(tensor, Constant) and tensor.ndim == 0:
                return f"{operands[1 - i].atom}.clamp({bound}={text.text})"
        return f"torch.{function}({operands[0].text}, {operands[1].text})"

    return rule


def _torch_softmax(function: str) -> Rule:
    def rule(dialect: Dialect, node: Any, operands: Sequence[Text]) -> str:
        if len(node.op.axis) == 1:
            return f"{operands[0].atom}.{function}(dim={node.op.axis[0]})"
        x, axes = operands[0], literal(node.op.axis)
        log = f"{x.within(SUM)} - torch.logsumexp({x.text}, dim={axes}, keepdim=True)"
        return f"({log})" if function == "log_softmax" else f"torch.exp({log})"

    return rule


def torch_dtype(dtype: np.dtype) -> str:
    """Return a dtype as PyTorch calls it."""
    return f"torch.{dtype.name}"


def torch_constant(value: np.ndarray) -> str:
    """Return an array as a tensor."""
    text = array(value)
    inner, _ = text.removeprefix("np.array(").rsplit(", ", 1)
    if not text.startswith("np.array("):
        return f"torch.from_numpy({text})"
    return f"torch.tensor({inner.replace('np.', 'math.')}, dtype={torch_dtype(value.dtype)})"


def _torch_pad(dialect: Dialect, node: Any, operands: Sequence[Text]) -> str:
    widths = list(node.op.widths)
    while len(widths) > 1 and widths[0] == (0, 0):
        widths.pop(0)
    flat = tuple(n for pair in reversed(widths) for n in pair)
    value = f", value={literal(node.op.fill)}" if node.op.fill else ""
    return f"F.pad({operands[0].text}, {literal(flat)}{value})"


def _torch_pick(dialect: Dialect, node: Any, operands: Sequence[Text]) -> str:
    keys = [":"] * (max(node.op.axes) + 1)
    for axis, index in zip(node.op.axes, operands[1:], strict=True):
        keys[axis] = index.text
    return f"{operands[0].atom}[{', '.join(keys)}]"


def _torch_one_hot(dialect: Dialect, node: Any, operands: Sequence[Text]) -> str:
    hot = f"F.one_hot({operands[0].atom}.long(), {node.op.num_classes})"
    moved = "" if node.op.axis == node.ndim - 1 else f".movedim(-1, {node.op.axis})"
    return f"{hot}{moved}.to({torch_dtype(node.dtype)})"


_TORCH_NAMES = {
    "absolute": "abs",
    "softplus": "F.softplus",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "equal": "eq",
    "not_equal": "ne",
}
_TORCH_PLAIN = [
    *(n for n in PLAIN if n not in ("maximum", "minimum", "stop_gradient")),
    "erfc",
]


def _torch_function(name: str) -> str:
    said = _TORCH_NAMES.get(name, name)
    return plain_function(said if "." in said else f"torch.{said}", ARITY.get(name, 1))


TORCH = Dialect(
    "PyTorch",
    {
        **{name: _torch_function(name) for name in _TORCH_PLAIN},
        "equal": lambda d, n, o: Text(f"{o[0].within(SUM)} == {o[1].within(SUM)}", COMPARISON),
        "not_equal": lambda d, n, o: Text(f"{o[0].within(SUM)} != {o[1].within(SUM)}", COMPARISON),
        "maximum": _torch_extreme("maximum", "min"),
        "minimum": _torch_extreme("minimum", "max"),
        "stop_gradient": "{_0}.detach()",
        "normal_cdf": "torch.special.ndtr({0})",
        "cast": lambda d, n, o: f"{o[0].atom}.to({torch_dtype(n.dtype)})",
        "clip": lambda d, n, o: (
            f"{o[0].atom}.clamp({bound_text(n, n.op.lower)}, {bound_text(n, n.op.upper)})"
        ),
        "reshape": lambda d, n, o: f"{o[0].atom}.reshape({shape_text(d, n, o)})",
        "transpose": lambda d, n, o: f"{o[0].atom}.permute({literal(n.op.axes)})",
        "broadcast_to": lambda d, n, o: f"{o[0].atom}.expand({whole_shape_text(d, n, o)})",
        "concatenate": lambda d, n, o: (
            f"torch.cat([{', '.join(t.text for t in o)}], dim={n.op.axis})"
        ),
        "pad": _torch_pad,
        "sum": _torch_reduction("sum"),
        "max": _torch_reduction("amax"),
        "min": _torch_reduction("amin"),
        "all": _torch_reduction("all"),
        "any": _torch_reduction("any"),
        "prod": _torch_single("prod"),
        "logsumexp": lambda d, n, o: (
            f"torch.logsumexp({o[0].text}{axes_text(n.op.axis, -1, 'dim')}"
            f"{kept_text(n.op, 'keepdim')})"
        ),
        "softmax": _torch_softmax("softmax"),
        "log_softmax": _torch_softmax("log_softmax"),
        "argmax": lambda d, n, o: (
            f"{o[0].atom}.argmax(dim={n.op.axis}{kept_text(n.op, 'keepdim')})"
        ),
        "argmin": lambda d, n, o: (
            f"{o[0].atom}.argmin(dim={n.op.axis}{kept_text(n.op, 'keepdim')})"
        ),
        "argsort": lambda d, n, o: f"{o[0].atom}.argsort(dim={n.op.axis}, stable=True)",
        "cumsum": lambda d, n, o: forward_only(n, f"{o[0].atom}.cumsum(dim={n.op.axis})"),
        "cumprod": lambda d, n, o: f"{o[0].atom}.cumprod(dim={n.op.axis})",
        "einsum": lambda d, n, o: (
            f"torch.einsum({literal(n.op.spec)}, {', '.join(t.text for t in o)})"
        ),
        "pick": _torch_pick,
        "sigmoid_cross_entropy": 'F.binary_cross_entropy_with_logits({0}, {1}, reduction="none")',
        "softmax_cross_entropy": lambda d, n, o: (
            f"-({o[1].within(PRODUCT)} * {o[0].atom}.log_softmax(dim={n.op.axis}))"
            f".sum(dim={n.op.axis})"
        ),
        "sparse_softmax_cross_entropy": lambda d, n, o: (
            f'F.cross_entropy({o[0].atom}.movedim({n.op.axis}, 1), {o[1].text}, reduction="none")'
        ),
        "take_along_axis": lambda d, n, o: (
            f"torch.take_along_dim({o[0].text}, {o[1].text}, dim={n.op.axis})"
        ),
        "one_hot": _torch_one_hot,
    },
    torch_constant,
)
