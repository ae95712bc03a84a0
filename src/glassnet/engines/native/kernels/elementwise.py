"""Kernels of ops that work entry by entry, and of what a cluster of them needs besides.

``kernel(dst, a, b, c, n)``: addresses of n entries each; operands that an op does not have are 0.
dst may be the address of an operand. A template takes the dtypes of the operands and of dst.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.engines.native.kernels import error_function, formulas
from glassnet.engines.native.kernels.arrays import each
from glassnet.engines.native.kernels.lanes import BOOL, INTEGER, Lanes
from glassnet.engines.native.kernels.primitives import view
from glassnet.engines.native.kernels.runs import move, spread

ARGUMENTS = 5
FEW = 32
"""Up to so many entries a copy is made one by one."""
Formula = Callable[..., Lanes]


def _kernel(formula: Formula, dtypes: tuple[np.dtype, ...], count: int) -> Any:
    *inputs, output = dtypes
    emit = each(formula, inputs, output, count)

    def kernel(dst: int, a: int, b: int, c: int, n: int) -> None:
        emit(dst, a, b, c, n)

    return kernel


@dataclass(frozen=True)
class _Vectors:
    """The template of a formula on vectors."""

    formula: Formula

    def __call__(self, *dtypes: np.dtype) -> Any:
        return _kernel(self.formula, dtypes, 0)


def _numbers(formula: Formula) -> Callable[..., Any]:
    """The template of a formula on one number at a time."""
    return lambda *dtypes: _kernel(formula, dtypes, 1)


def formula_of(name: str, dtypes: Sequence[np.dtype]) -> Formula:
    """Return the formula on vectors of a kernel: of ``"add"`` with the dtypes of a, b and dst.

    Raises:
        KeyError: where the kernel works on one number at a time.
    """
    if name == "cast":
        return lambda x: _cast(x, dtypes[-1])
    if name == "power" and dtypes[0].itemsize < 8:
        return formulas.power
    template = globals()[name]
    if not isinstance(template, _Vectors):
        raise KeyError(f"The kernel {name!r} works on one number at a time.")
    return template.formula


# --- arithmetic -------------------------------------------------------------------------------
def _sum(a: Lanes, b: Lanes) -> Lanes:
    return a | b if a.dtype == BOOL else a + b


def _product(a: Lanes, b: Lanes) -> Lanes:
    return a & b if a.dtype == BOOL else a * b


def _absolute(x: Lanes) -> Lanes:
    if x.floating:
        return formulas.absolute(x)
    return (x < 0).choose(-x, x) if x.dtype.kind == "i" else x


def _sign(x: Lanes) -> Lanes:
    above = (x > 0).choose(x.constant(1), x)
    return above if x.dtype.kind == "u" else (x < 0).choose(x.constant(-1), above + 0)


def _floor_divide(a: Lanes, b: Lanes) -> Lanes:
    """⌊a / b⌋; an integer divided by 0 gives 0, the least by -1 itself: NumPy's rules."""
    if not a.floating:
        return _whole_quotient(a, b)
    rest = a.remainder(b)
    turned = (rest.differs(0)) & ((b < 0) ^ (rest < 0))
    quotient = (a - rest) / b
    quotient = turned.choose(quotient - 1, quotient)
    below = quotient.call("llvm.floor")
    below = (quotient - below > 0.5).choose(below + 1, below)
    nothing = formulas.with_sign(quotient.constant(0.0), a / b)
    return b.equals(0).choose(a / b, quotient.equals(0).choose(nothing, below))


def _whole_quotient(a: Lanes, b: Lanes) -> Lanes:
    zero = b.equals(0)
    if a.dtype.kind == "u":
        return zero.choose(0, a / zero.choose(1, b))
    opposite = b.equals(-1)
    safe = (zero | opposite).choose(1, b)
    rest = a.remainder(safe)
    turned = rest.differs(0) & ((safe < 0) ^ (a < 0))
    quotient = a / safe
    quotient = turned.choose(quotient - 1, quotient)
    return zero.choose(0, opposite.choose(-a, quotient))


def _mod(a: Lanes, b: Lanes) -> Lanes:
    """a - b ⌊a / b⌋ with the sign of b; for integers 0 where b is 0."""
    if a.floating:
        rest = a.remainder(b)
        turned = rest.differs(0) & ((b < 0) ^ (rest < 0))
        nothing = formulas.with_sign(rest.constant(0.0), b)
        return rest.equals(0).choose(nothing, turned.choose(rest + b, rest))
    zero = b.equals(0) if a.dtype.kind == "u" else b.equals(0) | b.equals(-1)
    safe = zero.choose(1, b)
    rest = a.remainder(safe)
    if a.dtype.kind == "i":
        turned = rest.differs(0) & ((safe < 0) ^ (a < 0))
        rest = turned.choose(rest + safe, rest)
    return zero.choose(0, rest)


add = _Vectors(_sum)
subtract = _Vectors(lambda a, b: a - b)
multiply = _Vectors(_product)
divide = _Vectors(lambda a, b: a / b)
negative = _Vectors(lambda x: -x)
square = _Vectors(lambda x: x * x)
absolute = _Vectors(_absolute)
sign = _Vectors(_sign)
sqrt = _Vectors(formulas.root)
rsqrt = _Vectors(lambda x: 1 / formulas.root(x))
reciprocal = _Vectors(lambda x: 1 / x)
floor_divide = _numbers(_floor_divide)
mod = _numbers(_mod)
floor = _Vectors(lambda x: x.call("llvm.floor"))
ceil = _Vectors(lambda x: x.call("llvm.ceil"))
trunc = _Vectors(lambda x: x.call("llvm.trunc"))
round = _Vectors(lambda x: x.call("llvm.rint"))
copy = _Vectors(lambda x: x)


def power(*dtypes: np.dtype) -> Any:
    """aᵇ for floats."""
    return _kernel(formulas.power, dtypes, 1 if dtypes[0].itemsize == 8 else 0)


# --- comparisons and choices ------------------------------------------------------------------
def _truth(x: Lanes) -> Lanes:
    return x if x.dtype == BOOL else x.differs(0)


def _never(x: Lanes) -> Lanes:
    return x.differs(x)


def _maximum(a: Lanes, b: Lanes) -> Lanes:
    if a.dtype == BOOL:
        return a | b
    larger = (a > b).choose(a, b)
    return a.differs(a).choose(a, larger) if a.floating else larger


def _minimum(a: Lanes, b: Lanes) -> Lanes:
    if a.dtype == BOOL:
        return a & b
    smaller = (a < b).choose(a, b)
    return a.differs(a).choose(a, smaller) if a.floating else smaller


def _exceeds(a: Lanes, b: Lanes) -> Lanes:
    """1 where a > b, ½ where they are equal; what the dtype makes of ½."""
    if a.dtype == BOOL:
        return a | ~b
    above = (a > b).choose(a.constant(1), 0)
    return a.equals(b).choose(0.5, above) if a.floating else above


def _finite(x: Lanes) -> Lanes:
    return formulas.absolute(x) < math.inf if x.floating else x.equals(x)


equal = _Vectors(lambda a, b: a.equals(b))
not_equal = _Vectors(lambda a, b: a.differs(b))
less = _Vectors(lambda a, b: a < b)
less_equal = _Vectors(lambda a, b: a <= b)
greater = _Vectors(lambda a, b: a > b)
greater_equal = _Vectors(lambda a, b: a >= b)
logical_and = _Vectors(lambda a, b: _truth(a) & _truth(b))
logical_or = _Vectors(lambda a, b: _truth(a) | _truth(b))
logical_xor = _Vectors(lambda a, b: _truth(a) ^ _truth(b))
logical_not = _Vectors(lambda x: ~_truth(x))
isnan = _Vectors(_never)
isinf = _Vectors(lambda x: formulas.absolute(x).equals(math.inf) if x.floating else _never(x))
isfinite = _Vectors(_finite)
where = _Vectors(lambda condition, a, b: condition.choose(a, b))
maximum = _Vectors(_maximum)
minimum = _Vectors(_minimum)
exceeds = _Vectors(_exceeds)
relu = _Vectors(lambda x: (x < 0).choose(0, x) if x.dtype.kind != "u" else x)
clip = _Vectors(lambda x, least, most: _minimum(_maximum(x, least), most))


def cast(source: np.dtype, target: np.dtype) -> Any:
    """The same number in another dtype, as C converts it."""
    return _kernel(lambda x: _cast(x, target), (source, target), 0)


def _cast(x: Lanes, target: np.dtype) -> Lanes:
    if not x.floating or target.kind not in "iu":
        return x.to(target)
    # A float that no integer of the target is: the least one, as x86 converts.
    wide = INTEGER[32 if target.itemsize < 4 or target == np.int32 else 64]
    limit = 2.0 ** (8 * wide.itemsize - 1)
    inside = (x >= -limit) & (x < limit)
    whole = inside.choose(inside.choose(x, 0).to(wide), -int(limit)).to(target)
    if target.kind == "i" or target.itemsize < 8:
        return whole
    high = (x >= limit) & (x < 2 * limit)
    return high.choose(high.choose(x - limit, 0).to(wide).to(target) + int(limit), whole)


# --- functions --------------------------------------------------------------------------------
exp = _Vectors(formulas.exp)
expm1 = _Vectors(formulas.expm1)
tanh = _Vectors(formulas.tanh)
sigmoid = _Vectors(formulas.sigmoid)
log = _Vectors(formulas.log)
log1p = _Vectors(formulas.log1p)
softplus = _Vectors(formulas.softplus)
logaddexp = _Vectors(formulas.logaddexp)
sigmoid_cross_entropy = _Vectors(formulas.sigmoid_cross_entropy)
erf = _Vectors(error_function.erf)
erfc = _Vectors(error_function.erfc)
normal_cdf = _Vectors(error_function.normal_cdf)
normal_density = _Vectors(error_function.normal_density)
log2 = _numbers(formulas.library("log2"))
log10 = _numbers(formulas.library("log10"))
hypot = _numbers(formulas.library("hypot"))
sin = _numbers(formulas.library("sin"))
cos = _numbers(formulas.library("cos"))
tan = _numbers(formulas.library("tan"))
arcsin = _numbers(formulas.library("asin"))
arccos = _numbers(formulas.library("acos"))
arctan = _numbers(formulas.library("atan"))
arctan2 = _numbers(formulas.library("atan2"))
sinh = _numbers(formulas.library("sinh"))
cosh = _numbers(formulas.library("cosh"))
arcsinh = _numbers(formulas.library("asinh"))
arccosh = _numbers(formulas.library("acosh"))
arctanh = _numbers(formulas.library("atanh"))


# --- what a cluster needs besides -------------------------------------------------------------
def fill(T: np.dtype, _: np.dtype) -> Any:
    """dst[i] = a[0]."""

    def kernel(dst: int, a: int, b: int, c: int, n: int) -> None:
        to, value = view(dst, n, T), view(a, 1, T)[0]
        for i in range(n):
            to[i] = value

    return kernel


def finite(T: np.dtype) -> Any:
    """The int64 at dst becomes 1 where an entry of a is infinite or no number; else it stays."""
    integer = np.dtype(f"i{T.itemsize}")
    infinite = int(np.array(np.inf, T).view(integer))

    def kernel(dst: int, a: int, b: int, c: int, n: int) -> None:
        bits = view(a, n, integer)
        largest = integer.type(0)
        for i in range(n):
            largest = max(largest, bits[i] & infinite)
        if largest == infinite:
            view(dst, 1, np.int64)[0] = 1

    return kernel


def periodic(T: np.dtype) -> Any:
    """dst[i] = a[(b + i) % c]: rows of c entries, from entry b on."""
    size = T.itemsize

    def kernel(dst: int, a: int, b: int, c: int, n: int) -> None:
        start = b % c
        if n <= FEW:
            to, source = view(dst, n, T), view(a, c, T)
            for i in range(n):
                to[i] = source[start]
                start = start + 1 if start + 1 < c else 0
            return
        done = min(c - start, n)
        move(dst, a + start * size, done * size)
        more = min(start, n - done)
        move(dst + done * size, a, more * size)
        done += more
        while done < n:  # what stands there already is repeated, twice as much each time
            more = min(done, n - done)
            move(dst + done * size, dst, more * size)
            done += more

    return kernel


def repeated(T: np.dtype) -> Any:
    """dst[i] = a[(b + i) // c]: each entry of a column c times, from place b on."""
    size = T.itemsize
    put, step = spread(T)

    def kernel(dst: int, a: int, b: int, c: int, n: int) -> None:
        row, i = b // c, 0
        stop = (row + 1) * c - b
        while i < n:
            # What is put beyond the run belongs to the next ones, which come and write over it.
            while i < min(stop, n):
                put(dst + i * size, a + row * size, n - i)
                i += step
            row, i, stop = row + 1, stop, stop + c

    return kernel
