"""Delicate formulas that a network may compose, naive and stable ones, each with the other form.

A network may compose what one op does better: the logarithm of a softmax, the exponentials of a
softmax without its maximum taken out, a variance as the mean of squares minus the square of the
mean. A pattern is written as the ops it is made of; ops that only arrange entries are overlooked.
Source: N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002, 1.7-1.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from glassnet.graph.recording import record
from glassnet.graph.tensor import Tensor
from glassnet.ops.comparison import Clip, Maximum, maximum, where
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
from glassnet.ops.matching import ANY, COUNT, NUMBER, Named, Pattern
from glassnet.ops.reduction import Max, Sum, max, mean, sum
from glassnet.ops.rounding import StopGradient, stop_gradient
from glassnet.ops.shaping import reshape
from glassnet.ops.softmax import Softmax, log_softmax, logsumexp, softmax

Axes = tuple[int, ...]


@dataclass(frozen=True)
class Trap:
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
    spread: bool = False
    """Whether the other inputs must have fewer entries than the first, over which they are spread:
    a mean and a deviation do, the other side of a difference does not."""


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


def _length(axes: Axes, x: Tensor, bound: Tensor | None = None) -> Tensor:
    """√max(Σx², b) with the largest entry taken out: no square leaves the range of the dtype."""
    top = max(absolute(x), axes, keepdims=True)
    least = None if bound is None else sqrt(bound)
    if least is not None:
        top = maximum(top, least)
    scale = stop_gradient(where(top > 0, top, 1.0))
    squares = sum(square(x / scale), axes, keepdims=True)
    if least is not None:
        squares = maximum(squares, square(least / scale))
    kept = tuple(size for i, size in enumerate(x.shape) if i not in axes)
    return reshape(scale * sqrt(squares), kept)


_SUM_OF_SQUARES = (Sum, _square("x"))
_BOUNDED_SUM = (Maximum, _SUM_OF_SQUARES, Named("bound", NUMBER))


def _one_by_length(axes: Axes, x: Tensor, bound: Tensor | None = None) -> Tensor:
    return 1 / _length(axes, x, bound)


_SCALE_FIRST = (
    "Divide by the largest entry before squaring, and multiply by it after the root: squares leave "
    "the range long before roots."
)


def _two_pass(axes: Axes) -> Callable[..., Tensor]:
    return lambda x: mean(square(x - mean(x, axes, keepdims=True)), axes)


def _one_pass(axes: Axes) -> Callable[..., Tensor]:
    return lambda x: mean(square(x), axes) - square(mean(x, axes))


def _sigmoid_loss(x: Tensor, t: Tensor) -> Tensor:
    return record(SigmoidCrossEntropy(), x, t)


# --- normalisation ------------------------------------------------------------------------------
_X, _MEAN, _F = Named("x"), Named("mean"), Named("f")
_GAMMA, _BETA = Named("gamma"), Named("beta")
_ROOT = [(Sqrt, ANY), (Add, (Sqrt, ANY), NUMBER), (Maximum, (Sqrt, ANY), NUMBER)]
_SIGMA = Named("sigma", _ROOT)
_INVERSE = [(Rsqrt, ANY), (Reciprocal, _ROOT), (Divide, ANY, _ROOT)]
_FACTOR = Named("f", [*_INVERSE, (Multiply, _INVERSE, ANY)])
_X_LESS_MEAN = (Subtract, _X, _MEAN)
_SHIFT = [(Multiply, (Negative, _MEAN), _F), (Negative, (Multiply, _MEAN, _F))]
_MEAN_F = (Multiply, _MEAN, _F)
_FOLDED = [
    (Add, (Multiply, _X, _F), [(Add, _SHIFT, _BETA), (Subtract, _BETA, _MEAN_F)]),
    (Add, (Multiply, _X, _F), _SHIFT),
    (Subtract, (Multiply, _X, _FACTOR), _MEAN_F),
    (Add, (Subtract, (Multiply, _X, _FACTOR), _MEAN_F), _BETA),
    (Subtract, (Add, (Multiply, _X, _FACTOR), _BETA), _MEAN_F),
]


def _scaled(deviation: Pattern) -> list[Pattern]:
    """γ (x - μ) / σ, in the order in which programs write it."""
    op = Divide if deviation is _SIGMA else Multiply
    return [
        (Multiply, _GAMMA, (op, _X_LESS_MEAN, deviation)),
        (op, (Multiply, _GAMMA, _X_LESS_MEAN), deviation),
    ]


def _normalisations() -> Iterator[Trap]:
    """The folded form, which cancels; and those that take the mean out first."""
    yield Trap(
        "normalisation",
        _FOLDED,
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
        "Take the mean out first: (x - mean) * f + beta; or bring the inputs near 0 before "
        "(layers.Normalization). x f and mean f cancel where the mean is large beside the spread.",
        centred=True,
        spread=True,
    )
    for by in ("sigma", "f"):
        for weights in (("gamma", "beta"), ("gamma",), ("beta",), ()):
            yield _normalisation(by, weights)


def _normalisation(by: str, weights: tuple[str, ...]) -> Trap:
    """The form that takes the mean out first: by σ or a factor, with these of γ and β."""
    gamma, beta = "gamma" in weights, "beta" in weights
    deviation = _SIGMA if by == "sigma" else _FACTOR
    unit: Pattern = (Divide if by == "sigma" else Multiply, _X_LESS_MEAN, deviation)
    pattern: Pattern = _scaled(deviation) if gamma else unit

    def factor(spread: Tensor, more: tuple[Tensor, ...]) -> Tensor:
        inverse = 1 / spread if by == "sigma" else spread
        return more[0] * inverse if gamma else inverse

    def folded(x: Tensor, mean: Tensor, spread: Tensor, *more: Tensor) -> Tensor:
        f = factor(spread, more)
        return x * f + (more[-1] - mean * f if beta else -mean * f)

    def stable(x: Tensor, mean: Tensor, spread: Tensor, *more: Tensor) -> Tensor:
        value = (x - mean) / spread if by == "sigma" else (x - mean) * spread
        value = more[0] * value if gamma else value
        return value + more[-1] if beta else value

    own = "gamma " * gamma + ("(x - mean) / sigma" if by == "sigma" else "(x - mean) f")
    g = "g" if gamma and by == "f" else "f"
    meaning = {"sigma": f", f = {'gamma' if gamma else '1'} / sigma", "f": ", g = gamma f" * gamma}
    return Trap(
        "normalisation",
        (Add, pattern, _BETA) if beta else pattern,
        ("x", "mean", by, *weights),
        own + " + beta" * beta,
        (
            (f"x {g} + (beta - mean {g})" if beta else f"x {g} - mean {g}") + meaning[by],
            lambda axes: folded,
        ),
        "Take the mean out first, as this network does: x f and mean f cancel where the mean is "
        "large beside the spread.",
        exact=lambda axes: stable,
        stable=True,
        centred=True,
        spread=True,
    )


# --- the table ----------------------------------------------------------------------------------
TRAPS = (
    Trap(
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
    Trap(
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
    Trap(
        "log of softmax",
        (Log, _SHARES),
        ("x",),
        "log(p), p a softmax",
        ("log_softmax(x)", lambda axes: lambda x: log_softmax(x, axes)),
        "Write ops.log_softmax(x): it never forms the probability that rounds to 0.",
    ),
    Trap(
        "log of sigmoid",
        (Log, _guarded(_SIGMOID)),
        ("x",),
        "log(p), p a sigmoid",
        ("-softplus(-x)", lambda axes: lambda x: -softplus(-x)),
        "Write ops.log_sigmoid(x), that is -softplus(-x).",
    ),
    Trap(
        "log of 1 - sigmoid",
        (Log, _NOT_SIGMOID),
        ("x",),
        "log(1 - p), p a sigmoid",
        ("-softplus(x)", lambda axes: lambda x: -softplus(x)),
        "Write -ops.softplus(x): 1 - p cancels where p is near 1.",
    ),
    Trap(
        "softmax",
        _EXP_SHARES,
        ("x",),
        "exp(x) / sum(exp(x))",
        ("softmax(x)", lambda axes: lambda x: softmax(x, axes)),
        "Subtract the maximum first: np.exp(x - x.max(-1, keepdims=True)); or ops.softmax(x).",
        unless=_SHIFTED,
    ),
    Trap(
        "sigmoid",
        (Divide, (Exp, "x"), (Add, 1, (Exp, "x"))),
        ("x",),
        "exp(x) / (1 + exp(x))",
        ("1 / (1 + exp(-x))", lambda axes: sigmoid),
        "Write 1 / (1 + np.exp(-x)), or ops.sigmoid(x).",
    ),
    Trap(
        "log-sum-exp",
        (Log, (Sum, (Exp, "x"))),
        ("x",),
        "log(sum(exp(x)))",
        ("logsumexp(x)", lambda axes: lambda x: logsumexp(x, axes)),
        "Write ops.logsumexp(x): the maximum is taken out before the exponential.",
        unless=_SHIFTED,
    ),
    Trap(
        "softplus",
        (Log, (Add, 1, (Exp, "x"))),
        ("x",),
        "log(1 + exp(x))",
        ("softplus(x)", lambda axes: softplus),
        "Write ops.softplus(x), or np.logaddexp(0, x).",
    ),
    Trap(
        "log of 1 + x",
        (Log, (Add, 1, "x")),
        ("x",),
        "log(1 + x)",
        ("log1p(x)", lambda axes: log1p),
        "Write np.log1p(x): near 0, the sum 1 + x rounds x away.",
    ),
    Trap(
        "exp(x) - 1",
        (Subtract, (Exp, "x"), 1),
        ("x",),
        "exp(x) - 1",
        ("expm1(x)", lambda axes: expm1),
        "Write np.expm1(x): near 0, exp(x) is 1 and a little that rounding swallows.",
    ),
    Trap(
        "variance",
        (Subtract, _mean(_square(_X)), _square(_mean(_X))),
        ("x",),
        "mean(x**2) - mean(x)**2",
        ("mean((x - mean(x))**2)", _two_pass),
        "Take the mean out first: np.mean((x - np.mean(x))**2), or np.var(x).",
    ),
    Trap(
        "variance",
        _mean(_square((Subtract, _X, _mean(_X)))),
        ("x",),
        "mean((x - mean(x))**2)",
        ("mean(x**2) - mean(x)**2", _one_pass),
        "Take the mean out first, as this network does: the one-pass form cancels.",
        exact=_two_pass,
        stable=True,
    ),
    *_normalisations(),
    Trap(
        "norm",
        (Sqrt, _SUM_OF_SQUARES),
        ("x",),
        "sqrt(sum(x**2))",
        ("s sqrt(sum((x / s)**2)), s = max|x|", lambda axes: partial(_length, axes)),
        _SCALE_FIRST,
    ),
    Trap(
        "norm",
        (Sqrt, _BOUNDED_SUM),
        ("x", "bound"),
        "sqrt(max(sum(x**2), b))",
        ("s sqrt(max(sum((x/s)**2), b/s**2)), s = max|x|", lambda axes: partial(_length, axes)),
        _SCALE_FIRST,
    ),
    Trap(
        "1 / norm",
        (Rsqrt, _SUM_OF_SQUARES),
        ("x",),
        "1 / sqrt(sum(x**2))",
        ("1 / (s sqrt(sum((x / s)**2))), s = max|x|", lambda axes: partial(_one_by_length, axes)),
        _SCALE_FIRST,
    ),
    Trap(
        "1 / norm",
        (Rsqrt, _BOUNDED_SUM),
        ("x", "bound"),
        "1 / sqrt(max(sum(x**2), b))",
        ("1 / (s sqrt(max(sum((x/s)**2), b/s**2)))", lambda axes: partial(_one_by_length, axes)),
        _SCALE_FIRST,
    ),
    Trap(
        "hypotenuse",
        (Sqrt, (Add, _square("a"), _square("b"))),
        ("a", "b"),
        "sqrt(a**2 + b**2)",
        ("hypot(a, b)", lambda axes: hypot),
        "Write np.hypot(a, b): squares leave the range of the dtype long before the root does.",
    ),
)
