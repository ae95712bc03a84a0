"""Ops as expressions of Keras and of PyTorch: what stands between layers, and what has no layer.

A `Dialect` is a table from the names of ops to how a framework says them: a template with the
operands in braces, or a function of the node and its operands. An op that a table lacks is one
clear error. Every dialect shares what Python itself says: arithmetic, comparisons, slices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassnet.explain.code.literals import NotSayable, array, literal
from glassnet.graph.dimension import Dim, Size
from glassnet.graph.order import topological
from glassnet.graph.tensor import Constant, Tensor

COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(6)
"""How strongly the parts of a text are bound, from a comparison to a name or a call."""


@dataclass(frozen=True)
class Text:
    """A piece of source and how strongly its parts are bound."""

    text: str
    level: int = ATOM

    def within(self, level: int) -> str:
        """Return the text as an operand of an operator of this strength."""
        return self.text if self.level >= level else f"({self.text})"

    @property
    def atom(self) -> str:
        """The text as something that can be called or indexed."""
        return self.within(ATOM)


Rule = Callable[["Dialect", Tensor, Sequence[Text]], "str | Text"]


@dataclass
class Dialect:
    """How a framework says the ops."""

    name: str
    rules: Mapping[str, str | Rule]
    constant: Callable[[np.ndarray], str]
    sizes: Mapping[str, str] = field(default_factory=dict)
    """Where the named sizes are found, for ops whose operands do not have them."""

    def expression(self, node: Tensor, operands: Sequence[Text]) -> Text:
        """Return the source of an op applied to operands.

        Raises:
            NotSayable: where the framework has no word for the op.
        """
        assert node.op is not None
        name = node.op.name
        if name in _OPERATORS:
            return _operator(name, operands)
        rule = self.rules.get(name, _COMMON_RULES.get(name))
        if rule is None:
            raise NotSayable(f"the op {name!r} is not among those that can be said in {self.name}")
        found = (
            rule.format(*(o.text for o in operands), **{f"_{i}": o.atom for i, o in enumerate(operands)})
            if isinstance(rule, str)
            else rule(self, node, operands)
        )
        return Text(found) if isinstance(found, str) else found

    def leaf(self, tensor: Constant) -> Text:
        """Return a constant as source."""
        value = tensor.value
        if value.ndim == 0:
            text = literal(value[()])
            return Text(text, SIGN if text.startswith("-") else ATOM)
        return Text(self.constant(value))

    def graph(self, output: Tensor, leaves: Mapping[Tensor, Text]) -> tuple[list[str], Text]:
        """Return a graph as lines of assignments and the expression of its output.

        Args:
            output: the last node.
            leaves: the placeholders and variables, as they are called in the program.
        """
        order = topological([output])
        uses = Counter(id(t) for node in order for t in node.inputs)
        found: dict[int, Text] = {id(t): text for t, text in leaves.items()}
        lines: list[str] = []
        for node in order:
            if id(node) in found:
                continue
            if isinstance(node, Constant):
                found[id(node)] = self.leaf(node)
                continue
            if node.op is None:
                raise NotSayable(f"it depends on {node!r}")
            text = self.expression(node, [found[id(t)] for t in node.inputs])
            if uses[id(node)] > 1 and (text.level < ATOM or "(" in text.text):
                name = f"t{len(lines) + 1}"
                lines.append(f"{name} = {text.text}")
                text = Text(name)
            found[id(node)] = text
        return lines, found[id(output)]


# --- what Python itself says ------------------------------------------------------------------
_OPERATORS = {
    "add": (SUM, "+"),
    "subtract": (SUM, "-"),
    "multiply": (PRODUCT, "*"),
    "divide": (PRODUCT, "/"),
    "floor_divide": (PRODUCT, "//"),
    "mod": (PRODUCT, "%"),
    "matmul": (PRODUCT, "@"),
    "power": (POWER, "**"),
    "less": (COMPARISON, "<"),
    "less_equal": (COMPARISON, "<="),
    "greater": (COMPARISON, ">"),
    "greater_equal": (COMPARISON, ">="),
}


def _operator(name: str, operands: Sequence[Text]) -> Text:
    level, sign = _OPERATORS[name]
    left, right = operands
    # Of equal strength the left one needs no brackets, but for powers and comparisons.
    left_level = level + 1 if level in (POWER, COMPARISON) else level
    return Text(f"{left.within(left_level)} {sign} {right.within(level + 1)}", level)


def _negative(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> Text:
    return Text(f"-{operands[0].within(SIGN)}", SIGN)


def _same(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> Text:
    return operands[0]


def _slice(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> str:
    x, op = node.inputs[0], node.op
    keys = []
    for start, size, step, whole in zip(op.starts, op.sizes, op.steps, x.shape, strict=True):
        if step < 0:
            raise NotSayable("a slice that runs backwards can't be said in every framework")
        first = "" if start == 0 else size_text(dialect, start, node, operands)
        if step == 1 and size == whole - start:
            keys.append(f"{first}:")
        else:
            stop = size_text(dialect, start + size * step, node, operands)
            keys.append(f"{first}:{stop}" + (f":{step}" if step > 1 else ""))
    while len(keys) > 1 and keys[-1] == ":":
        keys.pop()
    return f"{operands[0].atom}[{', '.join(keys)}]"


def _number(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> Text:
    text = size_text(dialect, node.op.size, node, operands)
    return Text(text, PRODUCT if " * " in text else ATOM)


_COMMON_RULES: dict[str, str | Rule] = {
    "negative": _negative,
    "identity": _same,
    "checked_index": _same,
    "slice": _slice,
    "number": _number,
    }


# --- parameters -------------------------------------------------------------------------------
def size_text(dialect: Dialect, size: Size, node: Tensor, operands: Sequence[Text]) -> str:
    """Return a size as source: a number, or where an operand or an input has it."""
    if not isinstance(size, Dim):
        return str(int(size))
    for tensor, text in zip(node.inputs, operands, strict=True):
        for axis, found in enumerate(tensor.shape):
            if found == size:
                return f"{text.atom}.shape[{axis}]"
    products = []
    for atoms, factor in size.terms:
        if not all(isinstance(a, str) and a in dialect.sizes for a in atoms):
            raise NotSayable(f"the size {size} is none of an operand's")
        factors = [str(factor)] if factor != 1 or not atoms else []
        products.append(" * ".join([*factors, *(dialect.sizes[str(a)] for a in atoms)]))
    return products[0] if len(products) == 1 else f"({' + '.join(products)})"


def shape_text(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> str:
    """Return the target of a reshape; -1 for the one size that only a run tells."""
    unknown = [i for i, size in enumerate(node.shape) if isinstance(size, Dim)]
    sizes = [
        "-1" if [i] == unknown else size_text(dialect, size, node, operands)
        for i, size in enumerate(node.shape)
    ]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def axes_text(axes: Sequence[int], rank: int, word: str, always: bool = False) -> str:
    """Return ``, axis=1`` for the axes of a reduction; nothing where all are reduced."""
    if len(axes) == rank and not always:
        return ""
    return f", {word}={axes[0] if len(axes) == 1 else literal(tuple(axes))}"


def kept_text(op: Any, word: str) -> str:
    """Return ``, keepdims=True`` where the reduced axes are kept."""
    return f", {word}=True" if op.keepdims else ""


def _bound(node: Tensor, value: float) -> str:
    """A number that becomes one of the node's type."""
    return literal(node.dtype.type(value)) if node.dtype.kind == "f" else literal(value)


# --- Keras ------------------------------------------------------------------------------------
def _keras_reduction(function: str) -> Rule:
    def rule(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> str:
        axes = axes_text(node.op.axis, node.inputs[0].ndim, "axis")
        return f"ops.{function}({operands[0].text}{axes}{kept_text(node.op, 'keepdims')})"

    return rule


def _keras_over(function: str) -> Rule:
    def rule(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> str:
        axis = node.op.axis
        axes = (axis,) if isinstance(axis, int) else axis
        return f"ops.{function}({operands[0].text}{axes_text(axes, -1, 'axis')})"

    return rule


_KERAS_PLAIN = ["exp", "log", "sqrt", "absolute", "sign", "relu", "sigmoid", "tanh", "softplus", "expm1", "log1p", "log2", "log10", "logaddexp", "rsqrt", "reciprocal", "hypot", "erf", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "arcsinh", "arccosh", "arctanh", "floor", "ceil", "round", "trunc", "maximum", "minimum", "where", "logical_and", "logical_or", "logical_xor", "logical_not", "isfinite", "isnan", "isinf", "equal", "not_equal", "square", "stop_gradient"]
_ARITY = {
    "where": 3,
    **dict.fromkeys(
        ["logaddexp", "hypot", "arctan2", "maximum", "minimum", "logical_and", "logical_or", "logical_xor", "equal", "not_equal"],
        2,
    ),
}


def _function(name: str, count: int) -> str:
    return f"{name}({', '.join(f'{{{i}}}' for i in range(count))})"


KERAS = Dialect(
    "Keras",
    {
        **{name: _function(f"ops.{name}", _ARITY.get(name, 1)) for name in _KERAS_PLAIN},
        "erfc": lambda d, n, o: Text(f"1 - ops.erf({o[0].text})", SUM),
        "cast": lambda d, n, o: f"ops.cast({o[0].text}, {literal(n.dtype)})",
        "clip": lambda d, n, o: (
            f"ops.clip({o[0].text}, {_bound(n, n.op.lower)}, {_bound(n, n.op.upper)})"
        ),
        "reshape": lambda d, n, o: f"ops.reshape({o[0].text}, {shape_text(d, n, o)})",
        "transpose": lambda d, n, o: f"ops.transpose({o[0].text}, {literal(n.op.axes)})",
        "broadcast_to": lambda d, n, o: (
            f"ops.broadcast_to({o[0].text}, {_whole_shape(d, n, o)})"
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
        **{
            name: _keras_over(name)
            for name in ("softmax", "log_softmax", "cumprod", "argsort")
        },
        "argmax": lambda d, n, o: f"ops.argmax({o[0].text}, axis={n.op.axis}{kept_text(n.op, 'keepdims')})",
        "argmin": lambda d, n, o: f"ops.argmin({o[0].text}, axis={n.op.axis}{kept_text(n.op, 'keepdims')})",
        "cumsum": lambda d, n, o: _forward(n, f"ops.cumsum({o[0].text}, axis={n.op.axis})"),
        "einsum": lambda d, n, o: (
            f"ops.einsum({literal(n.op.spec)}, {', '.join(t.text for t in o)})"
        ),
        "pick": lambda d, n, o: _keras_pick(n, o),
        "take_along_axis": lambda d, n, o: (
            f"ops.take_along_axis({o[0].text}, {o[1].text}, axis={n.op.axis})"
        ),
        "one_hot": lambda d, n, o: (
            f"ops.one_hot({o[0].text}, {n.op.num_classes}, axis={n.op.axis}, dtype={literal(n.dtype)})"
        ),
    },
    array,
)


def _whole_shape(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> str:
    sizes = [size_text(dialect, size, node, operands) for size in node.shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _forward(node: Tensor, text: str) -> str:
    if node.op.reverse:
        raise NotSayable("a running sum from the end can't be said")
    return text


def _keras_pick(node: Tensor, operands: Sequence[Text]) -> str:
    if len(node.op.axes) > 1:
        raise NotSayable("entries picked along several axes at once can't be said in Keras")
    return f"ops.take({operands[0].text}, {operands[1].text}, axis={node.op.axes[0]})"


# --- PyTorch ----------------------------------------------------------------------------------
def _torch_reduction(function: str) -> Rule:
    def rule(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> str:
        axes = axes_text(node.op.axis, node.inputs[0].ndim, "dim", bool(node.op.keepdims))[2:]
        inner = ", ".join(part for part in (axes, kept_text(node.op, "keepdim")[2:]) if part)
        return f"{operands[0].atom}.{function}({inner})"

    return rule


def _torch_single(function: str) -> Rule:
    """A reduction that takes one axis."""

    def rule(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> str:
        axes = node.op.axis
        if len(axes) == node.inputs[0].ndim and not node.op.keepdims:
            return f"{operands[0].atom}.{function}()"
        if len(axes) != 1:
            raise NotSayable(f"{function} along several axes can't be said in PyTorch")
        return f"{operands[0].atom}.{function}(dim={axes[0]}{kept_text(node.op, 'keepdim')})"

    return rule


def _torch_extreme(function: str, bound: str) -> Rule:
    """The larger or the smaller of two; beside a number a bound."""

    def rule(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> str:
        for i, (tensor, text) in enumerate(zip(node.inputs, operands, strict=True)):
            if isinstance(tensor, Constant) and tensor.ndim == 0:
                return f"{operands[1 - i].atom}.clamp({bound}={text.text})"
        return f"torch.{function}({operands[0].text}, {operands[1].text})"

    return rule


def _torch_softmax(function: str) -> Rule:
    def rule(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> str:
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


def _torch_pad(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> str:
    widths = list(node.op.widths)
    while len(widths) > 1 and widths[0] == (0, 0):
        widths.pop(0)
    flat = tuple(n for pair in reversed(widths) for n in pair)
    value = f", value={literal(node.op.fill)}" if node.op.fill else ""
    return f"F.pad({operands[0].text}, {literal(flat)}{value})"


def _torch_pick(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> str:
    keys = [":"] * (max(node.op.axes) + 1)
    for axis, index in zip(node.op.axes, operands[1:], strict=True):
        keys[axis] = index.text
    return f"{operands[0].atom}[{', '.join(keys)}]"


def _torch_one_hot(dialect: Dialect, node: Tensor, operands: Sequence[Text]) -> str:
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
    *(n for n in _KERAS_PLAIN if n not in ("maximum", "minimum", "stop_gradient")),
    "erfc",
]


def _torch_function(name: str) -> str:
    said = _TORCH_NAMES.get(name, name)
    return _function(said if "." in said else f"torch.{said}", _ARITY.get(name, 1))


TORCH = Dialect(
    "PyTorch",
    {
        **{name: _torch_function(name) for name in _TORCH_PLAIN},
        "equal": lambda d, n, o: Text(f"{o[0].within(SUM)} == {o[1].within(SUM)}", COMPARISON),
        "not_equal": lambda d, n, o: Text(f"{o[0].within(SUM)} != {o[1].within(SUM)}", COMPARISON),
        "maximum": _torch_extreme("maximum", "min"),
        "minimum": _torch_extreme("minimum", "max"),
        "stop_gradient": "{_0}.detach()",
        "cast": lambda d, n, o: f"{o[0].atom}.to({torch_dtype(n.dtype)})",
        "clip": lambda d, n, o: (
            f"{o[0].atom}.clamp({_bound(n, n.op.lower)}, {_bound(n, n.op.upper)})"
        ),
        "reshape": lambda d, n, o: f"{o[0].atom}.reshape({shape_text(d, n, o)})",
        "transpose": lambda d, n, o: f"{o[0].atom}.permute({literal(n.op.axes)})",
        "broadcast_to": lambda d, n, o: f"{o[0].atom}.expand({_whole_shape(d, n, o)})",
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
        "argmax": lambda d, n, o: f"{o[0].atom}.argmax(dim={n.op.axis}{kept_text(n.op, 'keepdim')})",
        "argmin": lambda d, n, o: f"{o[0].atom}.argmin(dim={n.op.axis}{kept_text(n.op, 'keepdim')})",
        "argsort": lambda d, n, o: f"{o[0].atom}.argsort(dim={n.op.axis}, stable=True)",
        "cumsum": lambda d, n, o: _forward(n, f"{o[0].atom}.cumsum(dim={n.op.axis})"),
        "cumprod": lambda d, n, o: f"{o[0].atom}.cumprod(dim={n.op.axis})",
        "einsum": lambda d, n, o: (
            f"torch.einsum({literal(n.op.spec)}, {', '.join(t.text for t in o)})"
        ),
        "pick": _torch_pick,
        "take_along_axis": lambda d, n, o: (
            f"torch.take_along_dim({o[0].text}, {o[1].text}, dim={n.op.axis})"
        ),
        "one_hot": _torch_one_hot,
    },
    torch_constant,
)
