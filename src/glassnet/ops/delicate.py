"""Formulas of several ops that lose digits: found in a graph, with the form that does not.

A network may compose what one op does better: the logarithm of a softmax, the exponentials of a
softmax without its maximum taken out, a variance as the mean of squares minus the square of the
mean. A pattern is written as the ops it is made of; ops that only arrange entries are overlooked.
Source: N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002, 1.7-1.9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from glassnet.graph.dimension import Size
from glassnet.graph.order import topological
from glassnet.graph.recording import record
from glassnet.graph.stability import Form
from glassnet.graph.tensor import Constant, Tensor
from glassnet.ops.comparison import Clip, Maximum, where
from glassnet.ops.elementwise import (
    Add,
    Divide,
    Exp,
    Log,
    Multiply,
    Negative,
    Sqrt,
    Square,
    Subtract,
    absolute,
    sqrt,
    square,
)
from glassnet.ops.functions import (
    Reciprocal,
    Rsqrt,
    Sigmoid,
    expm1,
    hypot,
    log1p,
    sigmoid,
    softplus,
)
from glassnet.ops.logits import SigmoidCrossEntropy, SoftmaxCrossEntropy
from glassnet.ops.matching import COUNT, NUMBER, Match, Matcher, Pattern
from glassnet.ops.reduction import Max, Sum, max, mean, sum
from glassnet.ops.rounding import StopGradient, stop_gradient
from glassnet.ops.shaping import reshape
from glassnet.ops.softmax import Softmax, log_softmax, logsumexp, softmax

Axes = tuple[int, ...]


@dataclass(frozen=True)
class Composed:
    """A delicate formula of several nodes.

    Args:
        name: what it is: ``"log of softmax"``.
        node: the value.
        inputs: the tensors it is a formula of.
        stable: whether the form that the network runs is the one that keeps its digits.
        formula: how the form that it runs is written.
        other: the other form: the stable one, or the naive one.
        exact: the form to compute in higher precision.
        advice: the change that saves the digits.
        centred: whether the value lies around 0, so that its errors are to be measured by its
            largest entry: one that happens to be near 0 has few digits in any form.
        places: which input a node stands for, by the id of the node.
        inside: the nodes from the inputs to the value, in order, the value last.
    """

    name: str
    node: Tensor
    inputs: tuple[Tensor, ...]
    stable: bool
    formula: str
    other: Form
    exact: Callable[..., Tensor]
    advice: str
    centred: bool
    places: Mapping[int, int]
    inside: tuple[Tensor, ...]

    def run(self, sizes: Mapping[str, Size], *inputs: Tensor) -> Tensor:
        """Return the form that the network runs, recorded on other inputs."""
        made = {place: inputs[k] for place, k in self.places.items()}
        for node in self.inside:
            made[id(node)] = (
                node
                if node.op is None
                else record(node.op.bind(sizes), *(made[id(i)] for i in node.inputs))
            )
        return made[id(self.node)]


@dataclass(frozen=True)
class _Trap:
    """A pattern and what is known of it; ``other`` and ``exact`` take the axes it was found on."""

    name: str
    pattern: Pattern
    inputs: tuple[str, ...]
    formula: str
    other: tuple[str, Callable[[Axes], Callable[..., Tensor]]]
    advice: str
    exact: Callable[[Axes], Callable[..., Tensor]] | None = None
    stable: bool = False
    centred: bool = False
    unless: Pattern = None
    """What the first input is not to be: the maximum taken out already."""


# --- the patterns -------------------------------------------------------------------------------
def _mean(pattern: Pattern) -> Pattern:
    return (Divide, (Sum, pattern), COUNT)


def _square(pattern: Pattern) -> Pattern:
    return [(Square, pattern), (Multiply, pattern, pattern)]


def _guarded(pattern: Pattern) -> Pattern:
    """Probabilities as they are, scaled to sum to 1, and kept away from 0 in one way or another."""
    scaled = [pattern, (Divide, pattern, (Sum, pattern))]
    return [*scaled, (Clip, scaled), (Add, scaled, NUMBER), (Maximum, scaled, NUMBER)]


_EXP_SHARES = (Divide, (Exp, "x"), (Sum, (Exp, "x")))
_SHARES = _guarded([(Softmax, "x"), _EXP_SHARES])
_SIGMOID = [
    (Sigmoid, "x"),
    (Divide, 1, (Add, 1, (Exp, (Negative, "x")))),
    (Reciprocal, (Add, 1, (Exp, (Negative, "x")))),
    (Divide, (Exp, "x"), (Add, 1, (Exp, "x"))),
]
_NOT_SIGMOID = [(Subtract, 1, _guarded(_SIGMOID)), _guarded((Subtract, 1, _SIGMOID))]
_SHIFTED = (Subtract, "z", [(Max, "z"), (StopGradient, (Max, "z"))])
_SHIFT = [(Multiply, (Negative, "mean"), "f"), (Negative, (Multiply, "mean", "f"))]


def _length(axes: Axes, x: Tensor) -> Tensor:
    """√Σx² with the largest entry taken out, so that no square leaves the range of the dtype."""
    top = stop_gradient(max(absolute(x), axes, keepdims=True))
    scale = where(top > 0, top, 1.0)
    kept = tuple(size for i, size in enumerate(x.shape) if i not in axes)
    length = scale * sqrt(sum(square(x / scale), axes, keepdims=True))
    return reshape(length, kept)


def _two_pass(axes: Axes) -> Callable[..., Tensor]:
    return lambda x: mean(square(x - mean(x, axes, keepdims=True)), axes)


def _one_pass(axes: Axes) -> Callable[..., Tensor]:
    return lambda x: mean(square(x), axes) - square(mean(x, axes))


def _sigmoid_loss(x: Tensor, t: Tensor) -> Tensor:
    return record(SigmoidCrossEntropy(), x, t)


TRAPS = (
    _Trap(
        "cross-entropy of probabilities",
        (Sum, (Multiply, "t", (Log, _SHARES))),
        ("x", "t"),
        "sum(t log(p)), p a softmax",
        (
            "-softmax_cross_entropy(x, t)",
            lambda axes: lambda x, t: -record(SoftmaxCrossEntropy(axes[0]), x, t),
        ),
        "Give the loss logits: leave the softmax out of the last layer and write "
        "CategoricalCrossentropy(from_logits=True); or end in Activation('softmax').",
    ),
    _Trap(
        "cross-entropy of probabilities",
        (
            Add,
            (Multiply, "t", (Log, _guarded(_SIGMOID))),
            (Multiply, (Subtract, 1, "t"), (Log, _NOT_SIGMOID)),
        ),
        ("x", "t"),
        "t log(p) + (1 - t) log(1 - p), p a sigmoid",
        ("-sigmoid_cross_entropy(x, t)", lambda axes: lambda x, t: -_sigmoid_loss(x, t)),
        "Give the loss logits: leave the sigmoid out of the last layer and write "
        "BinaryCrossentropy(from_logits=True); or end in Activation('sigmoid').",
    ),
    _Trap(
        "log of softmax",
        (Log, _SHARES),
        ("x",),
        "log(p), p a softmax",
        ("log_softmax(x)", lambda axes: lambda x: log_softmax(x, axes)),
        "Write ops.log_softmax(x): it never forms the probability that rounds to 0.",
    ),
    _Trap(
        "log of sigmoid",
        (Log, _guarded(_SIGMOID)),
        ("x",),
        "log(p), p a sigmoid",
        ("-softplus(-x)", lambda axes: lambda x: -softplus(-x)),
        "Write ops.log_sigmoid(x), that is -softplus(-x).",
    ),
    _Trap(
        "log of 1 - sigmoid",
        (Log, _NOT_SIGMOID),
        ("x",),
        "log(1 - p), p a sigmoid",
        ("-softplus(x)", lambda axes: lambda x: -softplus(x)),
        "Write -ops.softplus(x): 1 - p cancels where p is near 1.",
    ),
    _Trap(
        "softmax",
        _EXP_SHARES,
        ("x",),
        "exp(x) / sum(exp(x))",
        ("softmax(x)", lambda axes: lambda x: softmax(x, axes)),
        "Subtract the maximum first: np.exp(x - x.max(-1, keepdims=True)); or ops.softmax(x).",
        unless=_SHIFTED,
    ),
    _Trap(
        "sigmoid",
        (Divide, (Exp, "x"), (Add, 1, (Exp, "x"))),
        ("x",),
        "exp(x) / (1 + exp(x))",
        ("1 / (1 + exp(-x))", lambda axes: sigmoid),
        "Write 1 / (1 + np.exp(-x)), or ops.sigmoid(x).",
    ),
    _Trap(
        "log-sum-exp",
        (Log, (Sum, (Exp, "x"))),
        ("x",),
        "log(sum(exp(x)))",
        ("logsumexp(x)", lambda axes: lambda x: logsumexp(x, axes)),
        "Write ops.logsumexp(x): the maximum is taken out before the exponential.",
        unless=_SHIFTED,
    ),
    _Trap(
        "softplus",
        (Log, (Add, 1, (Exp, "x"))),
        ("x",),
        "log(1 + exp(x))",
        ("softplus(x)", lambda axes: softplus),
        "Write ops.softplus(x), or np.logaddexp(0, x).",
    ),
    _Trap(
        "log of 1 + x",
        (Log, (Add, 1, "x")),
        ("x",),
        "log(1 + x)",
        ("log1p(x)", lambda axes: log1p),
        "Write np.log1p(x): near 0, the sum 1 + x rounds x away.",
    ),
    _Trap(
        "exp(x) - 1",
        (Subtract, (Exp, "x"), 1),
        ("x",),
        "exp(x) - 1",
        ("expm1(x)", lambda axes: expm1),
        "Write np.expm1(x): near 0, exp(x) is 1 and a little that rounding swallows.",
    ),
    _Trap(
        "variance",
        (Subtract, _mean(_square("x")), _square(_mean("x"))),
        ("x",),
        "mean(x**2) - mean(x)**2",
        ("mean((x - mean(x))**2)", _two_pass),
        "Take the mean out first: np.mean((x - np.mean(x))**2), or np.var(x).",
    ),
    _Trap(
        "variance",
        _mean(_square((Subtract, "x", _mean("x")))),
        ("x",),
        "mean((x - mean(x))**2)",
        ("mean(x**2) - mean(x)**2", _one_pass),
        "Take the mean out first, as this network does: the one-pass form cancels.",
        exact=_two_pass,
        stable=True,
    ),
    _Trap(
        "normalisation",
        (Add, (Multiply, "x", "f"), [*_SHIFT, (Add, _SHIFT, "beta")]),
        ("x", "f", "mean", "beta"),
        "x f + (beta - mean f)",
        (
            "(x - mean) f + beta",
            lambda axes: (
                lambda x, f, mean, beta=None: (
                    (x - mean) * f if beta is None else (x - mean) * f + beta
                )
            ),
        ),
        "Bring the inputs near 0 before (layers.Normalization, or a bias less): x f and mean f "
        "cancel where the mean is large beside the spread.",
        centred=True,
    ),
    _Trap(
        "norm",
        (Sqrt, (Sum, _square("x"))),
        ("x",),
        "sqrt(sum(x**2))",
        ("s sqrt(sum((x / s)**2)), s = max|x|", lambda axes: lambda x: _length(axes, x)),
        "Divide by the largest entry before squaring, and multiply by it after the root.",
    ),
    _Trap(
        "1 / norm",
        (Rsqrt, [(Sum, _square("x")), (Maximum, (Sum, _square("x")), NUMBER)]),
        ("x",),
        "1 / sqrt(sum(x**2))",
        ("1 / (s sqrt(sum((x / s)**2))), s = max|x|", lambda axes: lambda x: 1 / _length(axes, x)),
        "Divide by the largest entry before squaring: squares leave the range long before roots.",
    ),
    _Trap(
        "hypotenuse",
        (Sqrt, (Add, _square("a"), _square("b"))),
        ("a", "b"),
        "sqrt(a**2 + b**2)",
        ("hypot(a, b)", lambda axes: hypot),
        "Write np.hypot(a, b): squares leave the range of the dtype long before the root does.",
    ),
)


# --- finding them -------------------------------------------------------------------------------
def find_composed(order: Sequence[Tensor]) -> list[Composed]:
    """Return the delicate formulas among the nodes, in their order.

    A formula that is part of a larger one of the same layer is not told by itself: who sees that
    a cross-entropy is to be fused need not hear of its logarithm.
    """
    matcher = Matcher(order)
    found: list[Composed] = []
    claimed: dict[int, str] = {}
    for node in reversed(order):
        if claimed.get(id(node)) == node.scope:
            continue
        one = _composed(node, matcher)
        if one is not None:
            found.append(one)
            claimed |= {id(n): node.scope for n in one.inside}
    return found[::-1]


def _composed(node: Tensor, matcher: Matcher) -> Composed | None:
    for trap in TRAPS:
        match = matcher.find(trap.pattern, node)
        if match is None:
            continue
        inputs = tuple(match.names[name] for name in trap.inputs if name in match.names)
        if trap.unless is not None and matcher.find(trap.unless, inputs[0]):
            continue
        between = _between(node, inputs, matcher)
        if between is not None:
            return _told(trap, match, inputs, *between)
    return None


def _told(
    trap: _Trap,
    match: Match,
    inputs: tuple[Tensor, ...],
    places: Mapping[int, int],
    inside: tuple[Tensor, ...],
) -> Composed:
    axes = match.axes or ()
    formula, other = trap.other
    return Composed(
        trap.name,
        inside[-1],
        inputs,
        trap.stable,
        trap.formula,
        Form(formula, other(axes)),
        (trap.exact or other)(axes),
        trap.advice,
        trap.centred,
        places,
        inside,
    )


def _between(
    node: Tensor, inputs: Sequence[Tensor], matcher: Matcher
) -> tuple[dict[int, int], tuple[Tensor, ...]] | None:
    """Where the inputs stand, and the nodes from them to ``node``, in order.

    None where the value depends on something else than the inputs.
    """
    places: dict[int, int] = {}
    inside: dict[int, Tensor] = {}
    waiting = [node]
    while waiting:
        one = waiting.pop()
        place = next((k for k, i in enumerate(inputs) if _stands_for(one, i, matcher)), None)
        if place is not None:
            places[id(one)] = place
        elif one.op is None and not isinstance(one, Constant):
            return None
        elif id(one) not in inside:
            inside[id(one)] = one
            waiting += one.inputs
    return places, tuple(n for n in topological([node]) if id(n) in inside)


def _stands_for(node: Tensor, source: Tensor, matcher: Matcher) -> bool:
    alike = node.shape == source.shape and node.dtype == source.dtype
    return node is source or (alike and matcher.same(node, source))
