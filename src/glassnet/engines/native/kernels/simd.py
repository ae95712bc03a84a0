"""Vectors of 64 bytes as values of compiled code, for loops that the compiler doesn't vectorise.

Loads and stores take a mask of the lanes that are there: memory beyond is neither read nor
written. Where registers are smaller, LLVM takes several for a vector.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

_SHORT, _BIT = ir.IntType(32), ir.IntType(1)


class Vector(types.Type):
    """A vector of floats, or of truth values for as many lanes."""

    def __init__(self, dtype: Any, lanes: int) -> None:
        self.dtype, self.lanes = dtype, lanes
        super().__init__(name=f"Vector({dtype}, {lanes})")

    @property
    def mask(self) -> Vector:
        """The type of truth values for its lanes."""
        return Vector(types.boolean, self.lanes)

    @property
    def kind(self) -> Any:
        """The type in LLVM."""
        found = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
        return ir.VectorType(found.get(self.dtype, _BIT), self.lanes)


@register_model(Vector)
class _Model(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, kind.kind)


def _of(dtype: Any) -> Vector:
    return Vector(dtype, 64 // (dtype.bitwidth // 8))


def _spread(builder: Any, value: Any, count: int) -> Any:
    """Return a vector that holds a number in each lane."""
    start = ir.Constant(ir.VectorType(value.type, count), ir.Undefined)
    one = builder.insert_element(start, value, _SHORT(0))
    places = ir.Constant(ir.VectorType(_SHORT, count), [_SHORT(0)] * count)
    return builder.shuffle_vector(one, start, places)


def _masked(builder: Any, what: str, kind: Vector, result: Any, arguments: list[Any]) -> Any:
    """Call LLVM's load or store of some lanes."""
    name = f"llvm.masked.{what}.v{kind.lanes}f{kind.dtype.bitwidth}.p0"
    function = builder.module.globals.get(name)
    if function is None:
        made = ir.FunctionType(result, [a.type for a in arguments])
        function = ir.Function(builder.module, made, name)
    return builder.call(function, arguments)


@intrinsic  # type: ignore[untyped-decorator]
def lanes(typingctx: Any, count: Any, dtype: Any) -> Any:
    """Return the mask of the first ``count`` lanes of a vector."""
    kind = _of(dtype.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        narrow = builder.trunc(arguments[0], _SHORT)
        numbers = ir.VectorType(_SHORT, kind.lanes)
        places = ir.Constant(numbers, [_SHORT(i) for i in range(kind.lanes)])
        return builder.icmp_signed("<", places, _spread(builder, narrow, kind.lanes))

    return kind.mask(types.int64, dtype), generate


@intrinsic  # type: ignore[untyped-decorator]
def load(typingctx: Any, address: Any, mask: Any, dtype: Any) -> Any:
    """Return the numbers at an address where the mask holds, and zeros elsewhere."""
    kind = _of(dtype.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], kind.kind.as_pointer())
        align, none = _SHORT(kind.dtype.bitwidth // 8), ir.Constant(kind.kind, None)
        return _masked(builder, "load", kind, kind.kind, [pointer, align, arguments[1], none])

    return kind(types.int64, mask, dtype), generate


@intrinsic  # type: ignore[untyped-decorator]
def store(typingctx: Any, vector: Any, address: Any, mask: Any) -> Any:
    """Write the numbers of a vector to an address where the mask holds."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[1], vector.kind.as_pointer())
        align = _SHORT(vector.dtype.bitwidth // 8)
        given = [arguments[0], pointer, align, arguments[2]]
        _masked(builder, "store", vector, ir.VoidType(), given)
        return context.get_dummy_value()

    return types.void(vector, types.int64, mask), generate


@intrinsic  # type: ignore[untyped-decorator]
def spread(typingctx: Any, number: Any) -> Any:
    """Return a vector with a number in each lane."""
    kind = _of(number)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _spread(builder, arguments[0], kind.lanes)

    return kind(number), generate


def _binary(write: Any, truth: bool = False) -> Any:
    @intrinsic  # type: ignore[untyped-decorator]
    def operation(typingctx: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return write(builder, *arguments)

        return (a.mask if truth else a)(a, b), generate

    return operation


def _write_larger(builder: Any, a: Any, b: Any) -> Any:
    taken = builder.or_(builder.fcmp_ordered(">", a, b), builder.fcmp_unordered("uno", a, a))
    return builder.select(taken, a, b)


plus = _binary(lambda builder, a, b: builder.fadd(a, b))
"""``plus(a, b)``"""
times = _binary(lambda builder, a, b: builder.fmul(a, b))
"""``times(a, b)``"""
larger = _binary(_write_larger)
"""``larger(a, b)``: in each lane the larger one, or the one that is not a number."""
equal = _binary(lambda builder, a, b: builder.fcmp_ordered("==", a, b), truth=True)
"""``equal(a, b)``: where the two are equal, as truth values."""
both = _binary(lambda builder, a, b: builder.and_(a, b))
"""``both(p, q)``, of truth values."""
but = _binary(lambda builder, a, b: builder.and_(a, builder.not_(b)))
"""``but(p, q)``: where p holds and q doesn't."""


@intrinsic  # type: ignore[untyped-decorator]
def where(typingctx: Any, mask: Any, a: Any, b: Any) -> Any:
    """Return a where the mask holds, else b."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return a(mask, a, b), generate
