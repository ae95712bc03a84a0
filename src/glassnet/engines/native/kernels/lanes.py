"""Values of a kernel in the making: operators on them write LLVM's instructions.

A ``Lanes`` is one number or a vector of numbers, as the compiled code will hold it. A function of
``Lanes`` is a formula: it is run once, when its kernel is compiled, and leaves the instructions
that compute it. So one formula serves numbers and vectors, is always inlined, and costs Numba
nothing.

``each`` makes the loop of a formula over arrays: whole vectors, then the rest under a mask (or one
by one where the machine has no masks). Entry i is read before it is written and by nobody after, so
the array that is written may be one of those that are read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.registry import cpu_target
from numba.extending import intrinsic
from numba.np.numpy_support import as_dtype

WORD = ir.IntType(64)
POINTER = ir.IntType(8).as_pointer()
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


# --- formulas inside compiled Python ------------------------------------------------------------
def function(formula: Callable[..., Lanes]) -> Any:
    """Return a formula as a function that compiled code calls with numbers."""

    @intrinsic
    def call(typingctx: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return formula(Lanes(builder, arguments[0], as_dtype(signature.args[0]))).value

        return x(x), generate

    return call


# --- loops over arrays --------------------------------------------------------------------------
class _Array:
    """Entries at an address, read and written as ``Lanes``; truth values are bytes there."""

    def __init__(self, builder: Any, address: Any, dtype: np.dtype) -> None:
        self.builder, self.address, self.dtype = builder, address, dtype
        self.stored = np.dtype(np.uint8) if dtype == BOOL else dtype

    def _place(self, index: Any, count: int) -> tuple[Any, Any]:
        step = self.builder.mul(index, ir.Constant(WORD, self.stored.itemsize))
        kind = llvm_type(self.stored, count)
        where = self.builder.add(self.address, step)
        return self.builder.inttoptr(where, kind.as_pointer()), kind

    def load(self, index: Any, count: int, mask: Any = None) -> Lanes:
        place, kind = self._place(index, count)
        size = self.stored.itemsize
        if mask is None:
            value = self.builder.load(place, align=size, typ=kind)
        else:
            value = _masked(self.builder, "load", kind, [place, None, mask, _zero(kind)], size)
        found = Lanes(self.builder, value, self.stored)
        return found.differs(0) if self.dtype == BOOL else found

    def store(self, made: Lanes, index: Any, mask: Any = None) -> None:
        value = made.to(self.stored).value if self.dtype == BOOL else made.value
        place, kind = self._place(index, made.count)
        if mask is None:
            self.builder.store(value, place, align=self.stored.itemsize)
        else:
            _masked(self.builder, "store", kind, [value, place, None, mask], self.stored.itemsize)


def _zero(kind: Any) -> Any:
    return ir.Constant(kind, None)


def _masked(builder: Any, what: str, kind: Any, values: list[Any], align: int) -> Any:
    """Call LLVM's load or store of the lanes that a mask names."""
    values = [ir.Constant(ir.IntType(32), align) if v is None else v for v in values]
    letter = "i" if isinstance(kind.element, ir.IntType) else "f"
    width = kind.element.width if letter == "i" else 8 * _bytes(kind.element)
    name = f"llvm.masked.{what}.v{kind.count}{letter}{width}.p0"
    returned = kind if what == "load" else ir.VoidType()
    found = builder.module.globals.get(name)
    if found is None:
        signature = ir.FunctionType(returned, [v.type for v in values])
        found = ir.Function(builder.module, signature, name)
    return builder.call(found, values)


def _bytes(kind: Any) -> int:
    return 4 if isinstance(kind, ir.FloatType) else 8


def lanes_of(dtypes: list[np.dtype]) -> int:
    """Return how many entries a vector holds: what fills a register with the widest dtype."""
    features = machine()
    wide = 32 if "avx2" in features else 16
    if {"avx512bw", "avx512dq", "avx512vl"} <= features:
        wide = 64
    return wide // max(d.itemsize for d in dtypes)


def has_masks(dtypes: list[np.dtype]) -> bool:
    """Tell whether the machine loads and stores some lanes of a vector of these dtypes."""
    features = machine()
    if {"avx512bw", "avx512vl"} <= features:
        return True
    return "avx2" in features and min(d.itemsize for d in dtypes) >= 4


def each(
    formula: Callable[..., Lanes], inputs: list[np.dtype], output: np.dtype, count: int = 0
) -> Any:
    """Return ``emit(dst, a, b, c, n)``: the loop of a formula over arrays, for compiled code.

    Args:
        formula: from the inputs' lanes to the output's.
        inputs: the dtypes of a, b and c, of as many as there are.
        output: the dtype of dst.
        count: lanes of a vector; 0 for what suits the machine, 1 for a loop over numbers.
    """

    @intrinsic
    def emit(typingctx: Any, dst: Any, a: Any, b: Any, c: Any, n: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _loops(builder, formula, inputs, output, count, arguments)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 5), generate

    return emit


def _loops(
    builder: Any,
    formula: Callable[..., Lanes],
    inputs: list[np.dtype],
    output: np.dtype,
    count: int,
    arguments: list[Any],
) -> None:
    dst, a, b, c, n = arguments
    read = [_Array(builder, x, d) for x, d in zip((a, b, c), inputs, strict=False)]
    written = _Array(builder, dst, output)
    count = count or lanes_of([*inputs, output])

    def body(index: Any, lanes: int, mask: Any = None) -> None:
        made = formula(*(x.load(index, lanes, mask) for x in read))
        written.store(made, index, mask)

    if count == 1:
        _loop(builder, ir.Constant(WORD, 0), n, 1, lambda i: body(i, 1))
        return
    rest = builder.and_(n, ir.Constant(WORD, count - 1))
    whole = builder.sub(n, rest)
    _loop(builder, ir.Constant(WORD, 0), whole, count, lambda i: body(i, count))
    if has_masks([*inputs, output]):
        with builder.if_then(builder.icmp_unsigned("!=", rest, ir.Constant(WORD, 0))):
            body(whole, count, _first(builder, rest, count))
    else:
        _loop(builder, whole, n, 1, lambda i: body(i, 1))


def _first(builder: Any, rest: Any, count: int) -> Any:
    """The mask of the first ``rest`` lanes."""
    kind = ir.VectorType(ir.IntType(32), count)
    number = builder.trunc(rest, ir.IntType(32))
    one = builder.insert_element(
        ir.Constant(kind, ir.Undefined), number, ir.Constant(ir.IntType(32), 0)
    )
    spread = builder.shuffle_vector(one, one, _zero(kind))
    return builder.icmp_unsigned("<", ir.Constant(kind, list(range(count))), spread)


def _loop(builder: Any, start: Any, stop: Any, step: int, body: Callable[[Any], None]) -> None:
    """``for i in range(start, stop, step): body(i)``; start ≤ stop, and the steps meet stop."""
    before = builder.block
    inside = builder.append_basic_block("inside")
    after = builder.append_basic_block("after")
    builder.cbranch(builder.icmp_signed("<", start, stop), inside, after)
    builder.position_at_end(inside)
    index = builder.phi(WORD)
    index.add_incoming(start, before)
    body(index)
    following = builder.add(index, ir.Constant(WORD, step))
    index.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, stop), inside, after)
    builder.position_at_end(after)
