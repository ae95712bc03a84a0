"""Runs of entries written at once: copies of memory, and one number many times."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from glassnet.engines.native.kernels.arrays import (
    WORD,
    Array,
    first_lanes,
    has_masks,
    lanes_of,
    loop,
)

POINTER = ir.IntType(8).as_pointer()


@intrinsic
def _move(typingctx: Any, target: Any, source: Any, nbytes: Any) -> Any:
    """Copy bytes from an address to another; they do not overlap."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to, start = (builder.inttoptr(a, POINTER) for a in arguments[:2])
        cgutils.raw_memcpy(builder, to, start, arguments[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


move: Any = _move


def spread(dtype: np.dtype) -> tuple[Any, int]:
    """Return ``put(target, source, room)`` for compiled code, and how many entries it writes.

    The entry at ``source`` is written that often from ``target`` on, or ``room`` times if that is
    less.
    """
    count = lanes_of([dtype])

    @intrinsic
    def put(typingctx: Any, target: Any, source: Any, room: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            to, start = (Array(builder, a, dtype) for a in arguments[:2])
            zero, left = ir.Constant(WORD, 0), arguments[2]
            one = start.load(zero, 1)
            whole = builder.icmp_signed(">=", left, ir.Constant(WORD, count))
            with builder.if_else(whole) as (then, otherwise):
                with then:
                    to.store(one.everywhere(count), zero)
                with otherwise:
                    if has_masks([dtype]):
                        mask = first_lanes(builder, left, count)
                        to.store(one.everywhere(count), zero, mask)
                    else:
                        loop(builder, zero, left, 1, lambda i: to.store(one, i))
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64), generate

    return put, count
