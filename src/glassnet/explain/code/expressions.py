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

from glassnet.explain.code.literals import NotSayable, literal
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


Rule = Callable[["Dialect", Any, Sequence[Text]], "str | Text"]


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
            rule.format(
                *(o.text for o in operands), **{f"_{i}": o.atom for i, o in enumerate(operands)}
            )
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


def _negative(dialect: Dialect, node: Any, operands: Sequence[Text]) -> Text:
    return Text(f"-{operands[0].within(SIGN)}", SIGN)


def _same(dialect: Dialect, node: Any, operands: Sequence[Text]) -> Text:
    return operands[0]


def _slice(dialect: Dialect, node: Any, operands: Sequence[Text]) -> str:
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


def _number(dialect: Dialect, node: Any, operands: Sequence[Text]) -> Text:
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
def size_text(dialect: Dialect, size: Size, node: Any, operands: Sequence[Text]) -> str:
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


def shape_text(dialect: Dialect, node: Any, operands: Sequence[Text]) -> str:
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


def bound_text(node: Any, value: float) -> str:
    """A number that becomes one of the node's type."""
    return literal(node.dtype.type(value)) if node.dtype.kind == "f" else literal(value)


def whole_shape_text(dialect: Dialect, node: Any, operands: Sequence[Text]) -> str:
    """Return a whole shape as source."""
    sizes = [size_text(dialect, size, node, operands) for size in node.shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def forward_only(node: Any, text: str) -> str:
    """Return the text of a running sum; raise where it runs from the end."""
    if node.op.reverse:
        raise NotSayable("a running sum from the end can't be said")
    return text


# --- functions of one name ---------------------------------------------------------------------
PLAIN = [
    "exp",
    "log",
    "sqrt",
    "absolute",
    "sign",
    "relu",
    "sigmoid",
    "tanh",
    "softplus",
    "expm1",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "rsqrt",
    "reciprocal",
    "hypot",
    "erf",
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "arctan2",
    "sinh",
    "cosh",
    "arcsinh",
    "arccosh",
    "arctanh",
    "floor",
    "ceil",
    "round",
    "trunc",
    "maximum",
    "minimum",
    "where",
    "logical_and",
    "logical_or",
    "logical_xor",
    "logical_not",
    "isfinite",
    "isnan",
    "isinf",
    "equal",
    "not_equal",
    "square",
    "stop_gradient",
]
"""The ops that both frameworks have as functions of the operands alone."""
_OF_TWO = [
    "logaddexp",
    "hypot",
    "arctan2",
    "maximum",
    "minimum",
    "logical_and",
    "logical_or",
    "logical_xor",
    "equal",
    "not_equal",
]
ARITY = {"where": 3, **dict.fromkeys(_OF_TWO, 2)}
"""How many operands they take, where it is not one."""


def plain_function(name: str, count: int) -> str:
    """Return the template of a call with so many operands."""
    return f"{name}({', '.join(f'{{{i}}}' for i in range(count))})"
