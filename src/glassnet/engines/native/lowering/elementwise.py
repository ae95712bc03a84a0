"""Which kernel computes an op that works entry by entry; the planner lays the loops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glassnet.graph.op import Op
from glassnet.ops import comparison as c
from glassnet.ops import elementwise as e
from glassnet.ops import error_function as n
from glassnet.ops import functions as f
from glassnet.ops import rounding as r
from glassnet.ops import trigonometry as t
from glassnet.ops.logits import SigmoidCrossEntropy

FLOATS = frozenset({"f4", "f8"})
INTEGERS = frozenset({"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"})
NUMBERS = FLOATS | INTEGERS
ALL = NUMBERS | {"b1"}

NATIVE: dict[type[Op], frozenset[str]] = {
    **dict.fromkeys(
        (e.Add, e.Multiply, e.Absolute, e.Cast, c.Maximum, c.Minimum, c.Exceeds, c.Where), ALL
    ),
    **dict.fromkeys(
        (c.Equal, c.NotEqual, c.Less, c.LessEqual, c.Greater, c.GreaterEqual, c.LogicalAnd,
         c.LogicalOr, c.LogicalXor, c.LogicalNot, c.IsFinite, c.IsInf, c.IsNaN, r.Identity,
         r.StopGradient), ALL
    ),
    **dict.fromkeys(
        (e.Subtract, e.Negative, e.Square, e.Sign, f.Relu, r.FloorDivide, r.Mod), NUMBERS
    ),
    **dict.fromkeys(
        (e.Divide, e.Power, e.Sqrt, e.Exp, e.Log, c.Clip, f.Sigmoid, f.Tanh, f.Softplus, f.Expm1,
         f.Log1p, f.Log2, f.Log10, f.LogAddExp, f.Rsqrt, f.Reciprocal, f.Hypot, r.Floor, r.Ceil,
         r.Round, r.Trunc, SigmoidCrossEntropy, t.Sin, t.Cos, t.Tan, t.Arcsin, t.Arccos, t.Arctan,
         t.Arctan2, n.Erf, n.Erfc, n.NormalCdf, n.NormalDensity, t.Sinh,
         t.Cosh, t.Arcsinh, t.Arccosh, t.Arctanh),
        FLOATS,
    ),
}  # fmt: skip
"""The ops with a kernel, and the dtypes of their (last) operand that it is made for.

Left out on purpose: integers to a power, where a negative exponent raises; checked indices, which
have a rule of their own; float16; operands of several dtypes.
"""
COPIES = (r.Identity, r.StopGradient)
ONE_BY_ONE = frozenset(
    {"arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cos", "cosh",
     "floor_divide", "hypot", "log10", "log2", "mod", "sin", "sinh", "tan"}
)  # fmt: skip
"""The kernels that work on one number at a time, as does ``power`` on float64."""


def code(dtype: np.dtype) -> str:
    """Return a dtype as the names of kernels write it: ``"f4"``."""
    return np.dtype(dtype).str[1:]


def finite_kernel(dtype: np.dtype) -> str:
    """Return the kernel that sets a flag where an entry is not finite."""
    return f"elementwise.finite:{code(dtype)}"


def works_on_vectors(kernel: str) -> bool:
    """Whether a kernel's formula is one on vectors: several such can be one loop."""
    name, *codes = kernel.removeprefix("elementwise.").split(":")
    return name not in ONE_BY_ONE and (name, codes[0]) != ("power", "f8")


def constants(op: Op) -> tuple[float, ...]:
    """Return numbers that the op's kernel takes as further operands, of the input's dtype."""
    return (op.lower, op.upper) if isinstance(op, c.Clip) else ()


def element_kernel(op: Op, inputs: Sequence[np.dtype], output: np.dtype) -> str | None:
    """Return the name of the kernel of an op that works entry by entry, or None.

    ``inputs`` are the dtypes of the op's inputs, then those of ``constants(op)``: who does not lay
    out these gets None for an op that has them.
    """
    codes = [code(d) for d in inputs]
    made_for = NATIVE.get(type(op))
    if made_for is None or not codes or codes[-1] not in made_for or code(output) not in ALL:
        return None
    operands = codes[1:] if isinstance(op, c.Where) else codes
    if len(set(operands)) > 1 or (constants(op) and len(codes) != 1 + len(constants(op))):
        return None
    name = "copy" if isinstance(op, COPIES) else op.name
    return ":".join([f"elementwise.{name}", *codes, code(output)])
