"""How Keras says the ops: nearly all under their own names, in ``keras.ops``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glassnet.explain.code.expressions import (
    ARITY,
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


def _keras_reduction(function: str) -> Rule:
    def rule(dialect: Dialect, node: Any, operands: Sequence[Text]) -> str:
        axes = axes_text(node.op.axis, node.inputs[0].ndim, "axis")
        return f"ops.{function}({operands[0].text}{axes}{kept_text(node.op, 'keepdims')})"

    return rule


def _keras_over(function: str) -> Rule:
    def rule(dialect: Dialect, node: Any, operands: Sequence[Text]) -> str:
        axis = node.op.axis
        axes = (axis,) if isinstance(axis, int) else axis
        return f"ops.{function}({operands[0].text}{axes_text(axes, -1, 'axis')})"

    return rule


KERAS = Dialect(
    "Keras",
    {
        **{name: plain_function(f"ops.{name}", ARITY.get(name, 1)) for name in PLAIN},
        "erfc": lambda d, n, o: Text(f"1 - ops.erf({o[0].text})", SUM),
        "normal_cdf": lambda d, n, o: Text(
            f"(1 + ops.erf({o[0].within(PRODUCT)} / 2**0.5)) / 2", PRODUCT
        ),
        "cast": lambda d, n, o: f"ops.cast({o[0].text}, {literal(n.dtype)})",
        "clip": lambda d, n, o: (
            f"ops.clip({o[0].text}, {bound_text(n, n.op.lower)}, {bound_text(n, n.op.upper)})"
        ),
        "reshape": lambda d, n, o: f"ops.reshape({o[0].text}, {shape_text(d, n, o)})",
        "transpose": lambda d, n, o: f"ops.transpose({o[0].text}, {literal(n.op.axes)})",
        "broadcast_to": lambda d, n, o: (
            f"ops.broadcast_to({o[0].text}, {whole_shape_text(d, n, o)})"
        ),
        "concatenate": lambda d, n, o: (
            f"ops.concatenate([{', '.join(t.text for t in o)}], axis={n.op.axis})"
        ),
        "pad": lambda d, n, o: (
            f"ops.pad({o[0].text}, {literal(n.op.widths)}"
            + (f", constant_values={literal(n.op.fill)})" if n.op.fill else ")")
        ),
        **{
            name: _keras_reduction(name)
            for name in ("sum", "max", "min", "prod", "all", "any", "logsumexp")
        },
        **{name: _keras_over(name) for name in ("softmax", "log_softmax", "cumprod", "argsort")},
        "argmax": lambda d, n, o: (
            f"ops.argmax({o[0].text}, axis={n.op.axis}{kept_text(n.op, 'keepdims')})"
        ),
        "argmin": lambda d, n, o: (
            f"ops.argmin({o[0].text}, axis={n.op.axis}{kept_text(n.op, 'keepdims')})"
        ),
        "cumsum": lambda d, n, o: forward_only(n, f"ops.cumsum({o[0].text}, axis={n.op.axis})"),
        "einsum": lambda d, n, o: (
            f"ops.einsum({literal(n.op.spec)}, {', '.join(t.text for t in o)})"
        ),
        "pick": lambda d, n, o: _keras_pick(n, o),
        "take_along_axis": lambda d, n, o: (
            f"ops.take_along_axis({o[0].text}, {o[1].text}, axis={n.op.axis})"
        ),
        "one_hot": lambda d, n, o: (
            f"ops.one_hot({o[0].text}, {n.op.num_classes}, axis={n.op.axis}, "
            f"dtype={literal(n.dtype)})"
        ),
    },
    array,
)


def _keras_pick(node: Any, operands: Sequence[Text]) -> str:
    if len(node.op.axes) > 1:
        raise NotSayable("entries picked along several axes at once can't be said in Keras")
    return f"ops.take({operands[0].text}, {operands[1].text}, axis={node.op.axes[0]})"
