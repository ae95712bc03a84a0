"""What kernels are made of: memory at an address, calls through an address, bits of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype


@intrinsic  # type: ignore[untyped-decorator]
def _void_pointer(typingctx: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@njit(inline="always")
def view(address: int, size: int, dtype: Any) -> Any:
    """Return the ``size`` entries of ``dtype`` that lie at an address, as an array."""
    return carray(_void_pointer(address), (size,), dtype)


@njit(inline="always")
def words(address: int) -> Any:
    """Return the integers that lie at an address: the parameters of an instruction."""
    return carray(_void_pointer(address), (1 << 30,), np.int64)


def _calling(count: int) -> Any:
    @intrinsic  # type: ignore[untyped-decorator]
    def call(typingctx: Any, address: Any, *arguments: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            integer = ir.IntType(64)
            kind = ir.FunctionType(ir.VoidType(), [integer] * count)
            taken = [builder.extract_value(given[1], i) for i in range(count)]
            builder.call(builder.inttoptr(given[0], kind.as_pointer()), taken)
            return context.get_dummy_value()

        return types.void(types.int64, types.StarArgTuple([types.int64] * count)), generate

    return call


call1 = _calling(1)
"""``call1(address, a)``: call the kernel at an address with one integer."""
call5 = _calling(5)
"""``call5(address, a, b, c, d, e)``: call the kernel at an address with five integers."""


@intrinsic  # type: ignore[untyped-decorator]
def float_of_bits(typingctx: Any, bits: Any) -> Any:
    """Return the float64 whose bits an integer holds."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


def numba_type(dtype: Any) -> Any:
    """Return Numba's type of a NumPy dtype."""
    return from_dtype(np.dtype(dtype))


def stack(nbytes: int) -> Any:
    """Return a function for kernels that gives the address of so many bytes on the stack.

    They last as long as the kernel runs, and every call at the same place gives the same bytes.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def address(typingctx: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.ArrayType(ir.IntType(8), nbytes)
            place = cgutils.alloca_once(builder, kind)
            place.align = 64
            return builder.ptrtoint(place, ir.IntType(64))

        return types.int64(), generate

    return address
