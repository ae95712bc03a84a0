"""What kernels are made of: memory at an address, calls through an address, bits of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import from_dtype


# Numba's `carray` would do the same, at the price of a quarter of the time of compilation.
def _array(context: Any, builder: Any, kind: Any, address: Any, size: Any) -> Any:
    """Emit an array of one axis at an address, whose memory nobody counts."""
    made = make_array(kind)(context, builder)
    item = context.get_data_type(kind.dtype)
    step = context.get_constant(types.intp, context.get_abi_sizeof(item))
    data = builder.inttoptr(address, item.as_pointer())
    populate_array(made, data=data, shape=[size], strides=[step], itemsize=step, meminfo=None)
    return made._getvalue()


@intrinsic
def view(typingctx: Any, address: Any, size: Any, dtype: Any) -> Any:
    """Return the ``size`` entries of ``dtype`` that lie at an address, as an array."""
    kind = types.Array(dtype.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _array(context, builder, kind, arguments[0], arguments[1])

    return kind(types.int64, types.int64, dtype), generate


@intrinsic
def words(typingctx: Any, address: Any) -> Any:
    """Return the integers that lie at an address: the parameters of an instruction."""
    kind = types.Array(types.int64, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        size = context.get_constant(types.intp, 1 << 30)
        return _array(context, builder, kind, arguments[0], size)

    return kind(types.int64), generate


def _calling(count: int) -> Any:
    @intrinsic
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


@intrinsic
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

    They last as long as the kernel runs. Each place where it is called in the code has bytes of its
    own, the same ones every time: call it once and keep the address.
    """

    @intrinsic
    def address(typingctx: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.ArrayType(ir.IntType(8), nbytes)
            with builder.goto_entry_block():  # Numba's own way would write zeros
                place = builder.alloca(kind)
            place.align = 64
            return builder.ptrtoint(place, ir.IntType(64))

        return types.int64(), generate

    return address


def cells(dtype: Any) -> tuple[Any, Any]:
    """Return ``get(address)`` and ``put(address, value)`` for an entry of a dtype in memory.

    They cost the compiler much less time than an array made by ``view``.
    """
    kind = numba_type(dtype)

    def pointer(context: Any, builder: Any, address: Any) -> Any:
        return builder.inttoptr(address, context.get_data_type(kind).as_pointer())

    @intrinsic
    def get(typingctx: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return context.unpack_value(builder, kind, pointer(context, builder, given[0]))

        return kind(types.int64), generate

    @intrinsic
    def put(typingctx: Any, address: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            place = pointer(context, builder, given[0])
            context.pack_value(builder, kind, given[1], place)
            return context.get_dummy_value()

        return types.void(types.int64, kind), generate

    return get, put


@intrinsic
def _word(typingctx: Any, address: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        integer = ir.IntType(64)
        at = builder.add(given[0], builder.mul(given[1], integer(8)))
        return builder.load(builder.inttoptr(at, integer.as_pointer()))

    return types.int64(types.int64, types.int64), generate


word: Any = _word
"""``word(p, i)``: the word of an instruction at place ``i``; cheaper to compile than ``words``."""


def _pointer(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, ir.IntType(64).as_pointer())


@intrinsic
def atomic_load(typingctx: Any, address: Any) -> Any:
    """Return the integer at an address; what others wrote before they stored it is seen after."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load_atomic(_pointer(builder, given[0]), "acquire", 8)

    return types.int64(types.int64), generate


@intrinsic
def atomic_store(typingctx: Any, address: Any, value: Any) -> Any:
    """Store an integer at an address, after all that was written before."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.store_atomic(given[1], _pointer(builder, given[0]), "release", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def atomic_add(typingctx: Any, address: Any, value: Any) -> Any:
    """Add to the integer at an address; return what stood there."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.atomic_rmw("add", _pointer(builder, given[0]), given[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@intrinsic
def atomic_swap(typingctx: Any, address: Any, expected: Any, value: Any) -> Any:
    """Replace the integer at an address if it is the expected one; tell whether it was (1 or 0)."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place = _pointer(builder, given[0])
        found = builder.cmpxchg(place, given[1], given[2], "seq_cst", "seq_cst")
        return builder.zext(builder.extract_value(found, 1), ir.IntType(64))

    return types.int64(types.int64, types.int64, types.int64), generate
