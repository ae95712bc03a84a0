"""Values of a kernel in the making: operators on them write LLVM's instructions.

A ``Lanes`` is one number or a vector of numbers, as the compiled code will hold it. A function of
``Lanes`` is a formula: it is run once, when its kernel is compiled, and leaves the instructions
that compute it. So one formula serves numbers and vectors, is always inlined, and costs Numba
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core.registry import cpu_target
from numba.extending import intrinsic
from numba.np.numpy_support import as_dtype

BOOL = np.dtype(np.bool_)
INTEGER: dict[int, np.dtype] = {32: np.dtype(np.int32), 64: np.dtype(np.int64)}
FLOAT: dict[int, np.dtype] = {32: np.dtype(np.float32), 64: np.dtype(np.float64)}


def machine() -> frozenset[str]:
    """Return the features of the processor that Numba compiles for."""
    features = cpu_target.target_context.codegen().magic_tuple()[2]
    return frozenset(f[1:] for f in features.split(",") if f.startswith("+"))


def llvm_type(dtype: np.dtype, count: int = 1) -> Any:
    """Return LLVM's type of a number, or of a vector of numbers."""
    if dtype == BOOL:
        one: Any = ir.IntType(1)
    elif dtype.kind == "f":
        one = ir.FloatType() if dtype.itemsize == 4 else ir.DoubleType()
    else:
        one = ir.IntType(8 * dtype.itemsize)
    return one if count == 1 else ir.VectorType(one, count)


class Lanes:
    """One number or a vector of them; truth values are the dtype bool, one bit each."""

    def __init__(self, builder: Any, value: Any, dtype: np.dtype) -> None:
        self.builder, self.value, self.dtype = builder, value, dtype
        self.count: int = value.type.count if isinstance(value.type, ir.VectorType) else 1
        self.bits = 8 * dtype.itemsize
        self.floating = dtype.kind == "f"

    # --- making others ------------------------------------------------------------------------
    def _made(self, value: Any, dtype: np.dtype | None = None) -> Lanes:
        return Lanes(self.builder, value, self.dtype if dtype is None else dtype)

    def constant(self, number: Any) -> Lanes:
        """Return a number in every lane, in this dtype."""
        typed = self.dtype.type(number)
        held = float(typed) if self.floating else int(typed)
        kind = llvm_type(self.dtype, self.count)
        return self._made(ir.Constant(kind, held if self.count == 1 else [held] * self.count))

    def like(self, other: Any) -> Lanes:
        """Return a number or a ``Lanes`` as a ``Lanes`` that goes with this one."""
        return other if isinstance(other, Lanes) else self.constant(other)

    def call(self, name: str, *arguments: Lanes) -> Lanes:
        """Return an LLVM intrinsic of one dtype: ``x.call("llvm.sqrt")``."""
        letter = "f" if self.floating else "i"
        lanes = "" if self.count == 1 else f"v{self.count}"
        values = [self.value, *(a.value for a in arguments)]
        return self._made(_call(self.builder, f"{name}.{lanes}{letter}{self.bits}", values))

    def outside(self, name: str, *arguments: Lanes) -> Lanes:
        """Return a function of the C library, for one number: ``x.outside("sin")``."""
        values = [self.value, *(a.value for a in arguments)]
        return self._made(_call(self.builder, name + ("f" if self.bits == 32 else ""), values))

    def _operated(self, float_name: str, integer_name: str, other: Any, turned: bool) -> Lanes:
        a, b = self, self.like(other)
        if turned:
            a, b = b, a
        name = float_name if self.floating else integer_name
        return self._made(getattr(self.builder, name)(a.value, b.value))

    # --- arithmetic ---------------------------------------------------------------------------
    def __add__(self, other: Any) -> Lanes:
        return self._operated("fadd", "add", other, False)

    def __radd__(self, other: Any) -> Lanes:
        return self._operated("fadd", "add", other, True)

    def __sub__(self, other: Any) -> Lanes:
        return self._operated("fsub", "sub", other, False)

    def __rsub__(self, other: Any) -> Lanes:
        return self._operated("fsub", "sub", other, True)

    def __mul__(self, other: Any) -> Lanes:
        return self._operated("fmul", "mul", other, False)

    def __rmul__(self, other: Any) -> Lanes:
        return self._operated("fmul", "mul", other, True)

    def _quotient(self) -> str:
        return "udiv" if self.dtype.kind == "u" else "sdiv"

    def __truediv__(self, other: Any) -> Lanes:
        return self._operated("fdiv", self._quotient(), other, False)

    def __rtruediv__(self, other: Any) -> Lanes:
        return self._operated("fdiv", self._quotient(), other, True)

    def remainder(self, other: Any) -> Lanes:
        """Return the remainder with the sign of this one, as C's ``fmod`` and ``%``."""
        name = "urem" if self.dtype.kind == "u" else "srem"
        return self._operated("frem", name, other, False)

    def __neg__(self) -> Lanes:
        if self.floating:
            return self._made(self.builder.fneg(self.value))
        return 0 - self

    def plus_product(self, a: Any, b: Any) -> Lanes:
        """Return this plus a b, in one rounding where the machine can."""
        return self.like(a).call("llvm.fmuladd", self.like(b), self)

    def everywhere(self, count: int) -> Lanes:
        """Return this one number in every lane of a vector."""
        return self._made(everywhere(self.builder, self.value, count))

    # --- bits ---------------------------------------------------------------------------------
    def __and__(self, other: Any) -> Lanes:
        return self._made(self.builder.and_(self.value, self.like(other).value))

    def __or__(self, other: Any) -> Lanes:
        return self._made(self.builder.or_(self.value, self.like(other).value))

    def __xor__(self, other: Any) -> Lanes:
        return self._made(self.builder.xor(self.value, self.like(other).value))

    def __invert__(self) -> Lanes:
        return self._made(self.builder.not_(self.value))

    def __lshift__(self, places: int) -> Lanes:
        return self._made(self.builder.shl(self.value, self.like(places).value))

    def __rshift__(self, places: int) -> Lanes:
        """Shift to the right; the sign of a signed integer comes in."""
        shift = self.builder.lshr if self.dtype.kind == "u" else self.builder.ashr
        return self._made(shift(self.value, self.like(places).value))

    def as_integer(self) -> Lanes:
        """Return the bits of a float as a signed integer."""
        dtype = INTEGER[self.bits]
        return self._made(self.builder.bitcast(self.value, llvm_type(dtype, self.count)), dtype)

    def as_float(self) -> Lanes:
        """Return the float whose bits this integer is."""
        dtype = FLOAT[self.bits]
        return self._made(self.builder.bitcast(self.value, llvm_type(dtype, self.count)), dtype)

    # --- comparisons --------------------------------------------------------------------------
    def _compared(self, sign: str, other: Any, unordered: bool = False) -> Lanes:
        b = self.like(other).value
        if self.floating:
            compare = self.builder.fcmp_unordered if unordered else self.builder.fcmp_ordered
        elif self.dtype.kind in "ub":
            compare = self.builder.icmp_unsigned
        else:
            compare = self.builder.icmp_signed
        return self._made(compare(sign, self.value, b), BOOL)

    def __lt__(self, other: Any) -> Lanes:
        return self._compared("<", other)

    def __le__(self, other: Any) -> Lanes:
        return self._compared("<=", other)

    def __gt__(self, other: Any) -> Lanes:
        return self._compared(">", other)

    def __ge__(self, other: Any) -> Lanes:
        return self._compared(">=", other)

    def equals(self, other: Any) -> Lanes:
        """Return where they are equal."""
        return self._compared("==", other)

    def differs(self, other: Any) -> Lanes:
        """Return where they are not equal; NaN differs from all."""
        return self._compared("!=", other, unordered=True)

    def choose(self, a: Any, b: Any) -> Lanes:
        """Return ``a`` where this truth value holds, else ``b``; one of them is a ``Lanes``."""
        a, b = (a, a.like(b)) if isinstance(a, Lanes) else (b.like(a), b)
        return a._made(self.builder.select(self.value, a.value, b.value))

    # --- dtypes -------------------------------------------------------------------------------
    def to(self, dtype: np.dtype) -> Lanes:
        """Return the same numbers in another dtype, as C converts them."""
        if dtype == self.dtype:
            return self
        if dtype == BOOL:
            return self.differs(0)
        return self._made(
            getattr(self.builder, self._conversion(dtype))(
                self.value, llvm_type(dtype, self.count)
            ),
            dtype,
        )

    def _conversion(self, dtype: np.dtype) -> str:
        unsigned = self.dtype.kind in "ub"
        if self.floating and dtype.kind == "f":
            return "fpext" if dtype.itemsize == 8 else "fptrunc"
        if self.floating:
            return "fptoui" if dtype.kind == "u" else "fptosi"
        if dtype.kind == "f":
            return "uitofp" if unsigned else "sitofp"
        if dtype.itemsize == self.dtype.itemsize and self.dtype != BOOL:
            return "bitcast"
        if dtype.itemsize < self.dtype.itemsize:
            return "trunc"
        return "zext" if unsigned else "sext"


def _call(builder: Any, name: str, values: list[Any]) -> Any:
    kinds = [v.type for v in values]
    found = builder.module.globals.get(name)
    if found is None:
        found = ir.Function(builder.module, ir.FunctionType(kinds[0], kinds), name)
    return builder.call(found, values)


def everywhere(builder: Any, value: Any, count: int) -> Any:
    """Return the vector that holds one number in every lane."""
    places = ir.Constant(ir.VectorType(ir.IntType(32), count), None)
    empty = ir.Constant(ir.VectorType(value.type, count), ir.Undefined)
    one = builder.insert_element(empty, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, empty, places)


# --- formulas inside compiled Python ------------------------------------------------------------
def function(formula: Callable[..., Lanes]) -> Any:
    """Return a formula as a function that compiled code calls with numbers."""

    @intrinsic
    def call(typingctx: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return formula(Lanes(builder, arguments[0], as_dtype(signature.args[0]))).value

        return x(x), generate

    return call
