"""Vectors of 64 bytes as values of compiled code, for loops that the compiler doesn't vectorise.

Loads and stores take a mask of the lanes that are there: memory beyond is neither read nor
written. Where registers are smaller, LLVM takes several for a vector.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model
from numba.np.numpy_support import from_dtype

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
class _Model(models.PrimitiveModel):
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


def _first(builder: Any, kind: Vector, count: Any) -> Any:
    """Return the mask of the first ``count`` lanes."""
    narrow = builder.trunc(count, _SHORT)
    places = ir.Constant(ir.VectorType(_SHORT, kind.lanes), [_SHORT(i) for i in range(kind.lanes)])
    return builder.icmp_signed("<", places, _spread(builder, narrow, kind.lanes))


def _masked(builder: Any, what: str, kind: Vector, result: Any, arguments: list[Any]) -> Any:
    """Call LLVM's load or store of some lanes."""
    name = f"llvm.masked.{what}.v{kind.lanes}f{kind.dtype.bitwidth}.p0"
    function = builder.module.globals.get(name)
    if function is None:
        made = ir.FunctionType(result, [a.type for a in arguments])
        function = ir.Function(builder.module, made, name)
    return builder.call(function, arguments)


@intrinsic
def lanes(typingctx: Any, count: Any, dtype: Any) -> Any:
    """Return the mask of the first ``count`` lanes of a vector."""
    kind = _of(dtype.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _first(builder, kind, arguments[0])

    return kind.mask(types.int64, dtype), generate


@intrinsic
def load(typingctx: Any, address: Any, mask: Any, dtype: Any) -> Any:
    """Return the numbers at an address where the mask holds, and zeros elsewhere."""
    kind = _of(dtype.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], kind.kind.as_pointer())
        align, none = _SHORT(kind.dtype.bitwidth // 8), ir.Constant(kind.kind, None)
        return _masked(builder, "load", kind, kind.kind, [pointer, align, arguments[1], none])

    return kind(types.int64, mask, dtype), generate


@intrinsic
def store(typingctx: Any, vector: Any, address: Any, mask: Any) -> Any:
    """Write the numbers of a vector to an address where the mask holds."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[1], vector.kind.as_pointer())
        align = _SHORT(vector.dtype.bitwidth // 8)
        given = [arguments[0], pointer, align, arguments[2]]
        _masked(builder, "store", vector, ir.VoidType(), given)
        return context.get_dummy_value()

    return types.void(vector, types.int64, mask), generate


@intrinsic
def spread(typingctx: Any, number: Any) -> Any:
    """Return a vector with a number in each lane."""
    kind = _of(number)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _spread(builder, arguments[0], kind.lanes)

    return kind(number), generate


def _binary(write: Any, truth: bool = False) -> Any:
    @intrinsic
    def operation(typingctx: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return write(builder, *arguments)

        return (a.mask if truth else a)(a, b), generate

    return operation


def _write_larger(builder: Any, a: Any, b: Any) -> Any:
    # The first choice is one instruction of most machines, and keeps a b that is not a number.
    found = builder.select(builder.fcmp_ordered(">", a, b), a, b)
    return builder.select(builder.fcmp_unordered("uno", a, a), a, found)


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


@intrinsic
def fused(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a·b + c, in one instruction where the machine has it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, y, z = arguments
        return builder.fadd(builder.fmul(x, y, flags=("contract",)), z, flags=("contract",))

    return a(a, b, c), generate


@intrinsic
def where(typingctx: Any, mask: Any, a: Any, b: Any) -> Any:
    """Return a where the mask holds, else b."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return a(mask, a, b), generate


def turn(dtype: Any) -> Any:
    """Return ``turn(to, pitch, source, step, rows, columns)``: a small matrix turned over.

    Entry (i, j) of the source, whose rows lie ``step`` bytes apart, goes to (j, i), rows ``pitch``
    bytes apart; at most as many rows and columns as a vector has lanes. Zipping the first half of
    the rows with the second half, log₂ n times, turns n × n entries over.
    """
    kind = _of(from_dtype(dtype))
    n, size = kind.lanes, kind.dtype.bitwidth // 8
    none, align = ir.Constant(kind.kind, None), _SHORT(size)

    def zipped(builder: Any, a: Any, b: Any, half: int) -> Any:
        order = [_SHORT(half * n // 2 + i // 2 + i % 2 * n) for i in range(n)]
        return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_SHORT, n), order))

    def there(builder: Any, place: int, rows: Any, mask: Any) -> Any:
        """Return the mask where a row is there, else none of it."""
        inside = builder.icmp_signed("<", rows.type(place), rows)
        return builder.select(inside, mask, ir.Constant(mask.type, None))

    def write(builder: Any, to: Any, pitch: Any, at: Any, step: Any, rows: Any, cols: Any) -> None:
        wide, high = _first(builder, kind, cols), _first(builder, kind, rows)
        lines = []
        for i in range(n):
            pointer = builder.inttoptr(at, kind.kind.as_pointer())
            given = [pointer, align, there(builder, i, rows, wide), none]
            lines.append(_masked(builder, "load", kind, kind.kind, given))
            at = builder.add(at, step)
        for _ in range(n.bit_length() - 1):
            pairs = zip(lines[: n // 2], lines[n // 2 :], strict=True)
            lines = [zipped(builder, a, b, half) for a, b in pairs for half in (0, 1)]
        for i, line in enumerate(lines):
            pointer = builder.inttoptr(to, kind.kind.as_pointer())
            given = [line, pointer, align, there(builder, i, cols, high)]
            _masked(builder, "store", kind, ir.VoidType(), given)
            to = builder.add(to, pitch)

    @intrinsic
    def turned(
        typingctx: Any, to: Any, pitch: Any, source: Any, step: Any, rows: Any, columns: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            write(builder, *arguments)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), generate

    return turned


# --- stretches of memory ----------------------------------------------------------------------
def _bytes(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, ir.IntType(8).as_pointer())


@intrinsic
def clear(typingctx: Any, address: Any, count: Any) -> Any:
    """Fill so many bytes at an address with zeros."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to, size = _bytes(builder, arguments[0]), arguments[1]
        kinds = [to.type, size.type]
        function = builder.module.declare_intrinsic("llvm.memset", kinds)
        builder.call(function, [to, ir.IntType(8)(0), size, _BIT(0)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def copy(typingctx: Any, to: Any, source: Any, count: Any) -> Any:
    """Copy so many bytes; the two places may not overlap."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, size = _bytes(builder, arguments[0]), _bytes(builder, arguments[1]), arguments[2]
        function = builder.module.declare_intrinsic("llvm.memcpy", [a.type, b.type, size.type])
        builder.call(function, [a, b, size, _BIT(0)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate
