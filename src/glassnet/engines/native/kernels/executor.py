"""The kernels that run others: a list of instructions, a cluster."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.engines.native.kernels.ahead import note_next
from glassnet.engines.native.kernels.primitives import call1, call5, view, words

ARGUMENTS = 1
SIGNATURES = {"load": 5}


def run() -> Any:
    """``[count, → (kernel, words) pairs]``: the instructions one after another."""

    def kernel(p: int) -> None:
        q = words(p)
        pairs = words(q[1])
        for i in range(q[0]):
            call1(pairs[2 * i], pairs[2 * i + 1])

    return kernel


def cluster() -> Any:
    """``[segments, block, rows, → rows, fills, → fills, registers, arrays, → register memory,
    → slots, → segments, part, parts]``: the part of a cluster's blocks, row by row.

    A row is (mode, kernel, target, a, b, c); a fill (kernel, register), or (0, slot) where the slot
    is to hold the address of the number; a segment (entries, the address of each number, then
    address and bytes an entry of each array).
    """

    def kernel(p: int) -> None:
        q = words(p)
        block, row_count, rows = q[1], q[2], words(q[3])
        fill_count, fills = q[4], words(q[5])
        registers, arrays, slots = q[6], q[7], words(q[9])
        segment = words(q[10])
        for r in range(registers):
            slots[r] = q[8] + r * block * 8
        part, parts, total = q[11], q[12], 0
        width = 1 + fill_count + 2 * arrays
        first, last = 0, 1 << 60
        if parts > 1:
            for s in range(q[0]):
                total += (segment[s * width] + block - 1) // block
            first, last = total * part // parts, total * (part + 1) // parts
        passed, held = 0, 0
        for s in range(q[0]):
            at = s * width
            size = segment[at]
            blocks = (size + block - 1) // block
            low, high = max(first - passed, 0), min(last - passed, blocks)
            passed += blocks
            if low >= high:
                continue
            filled, short = min(size, block), held
            for f in range(fill_count):
                number = segment[at + 1 + f]
                if fills[2 * f] == 0:
                    slots[fills[2 * f + 1]] = number
                    continue
                # Weights of one layer after another are multiplied by the same learning rate.
                if filled > held or number != segment[at - width + 1 + f]:
                    call5(fills[2 * f], slots[fills[2 * f + 1]], number, 0, 0, filled)
                    short = filled
            held = short
            at += 1 + fill_count
            for b in range(low, high):
                start = b * block
                n = min(block, size - start)
                for k in range(arrays):
                    slots[registers + k] = segment[at + 2 * k] + start * segment[at + 2 * k + 1]
                for i in range(row_count):
                    r = 6 * i
                    mode, function = rows[r], rows[r + 1]
                    if mode == 0:
                        call5(function, slots[rows[r + 2]], slots[rows[r + 3]],
                              slots[rows[r + 4]], slots[rows[r + 5]], n)  # fmt: skip
                    elif mode == 3:
                        call5(function, rows[r + 3], slots[rows[r + 4]], 0, 0, n)
                    elif mode == 4:
                        call5(function, q[9], 0, 0, 0, n)
                    else:
                        call5(function, slots[rows[r + 2]], rows[r + 3], start, rows[r + 5], n)

    return kernel


def load(T: np.dtype) -> Any:
    """``(target, → (address, axes, sizes, strides), start, _, n)``: entries from ``start`` on, in
    row-major order, of an array of any strides."""

    def kernel(target: int, table: int, start: int, unused: int, n: int) -> None:
        q = words(table)
        axes = q[1]
        inner, step = q[1 + axes], q[1 + 2 * axes]
        to = view(target, n, T)
        done = 0
        column = start % inner
        row = start // inner
        while done < n:
            rest, place = row, q[0] + column * step
            for i in range(axes - 2, -1, -1):
                size = q[2 + i]
                place += rest % size * q[2 + axes + i]
                rest //= size
            count = min(inner - column, n - done)
            for j in range(count):
                to[done + j] = view(place + j * step, 1, T)[0]
            done += count
            column = 0
            row += 1

    return kernel


def gather(S: np.dtype, D: np.dtype) -> Any:
    """``[out, source, → address of row numbers, first, rows, entries, note, batch]``: rows of a
    table, by the numbers that stand where the cell points to, from the ``first`` on; cast from S to
    D. A note, unless it is 0, takes down the rows that stand ``batch`` numbers later."""
    same = S == D
    size, width, cast = S.itemsize, D.itemsize, D.type

    def kernel(p: int) -> None:
        q = words(p)
        numbers = words(words(q[2])[0] + 8 * q[3])
        entries = q[5]
        if q[6]:
            note_next(q[6], q[1], words(q[2])[0] + 8 * (q[3] + q[7]), q[4], entries * size)
        for i in range(q[4]):
            to = view(q[0] + i * entries * width, entries, D)
            row = view(q[1] + numbers[i] * entries * size, entries, S)
            if same:
                for j in range(entries):
                    to[j] = row[j]
            else:
                for j in range(entries):
                    to[j] = cast(row[j])

    return kernel


def finite() -> Any:
    """``[kernel, → flag, array, entries]``: set the flag where an entry is not finite."""

    def kernel(p: int) -> None:
        q = words(p)
        call5(q[0], q[1], q[2], 0, 0, q[3])

    return kernel


STATE = ("step", "rows", "flag", "failed", "epoch", "batch", "made", "key")
"""The cells of a run, 64-bit integers in this order."""


def epochs() -> Any:
    """``[→ state, steps, full steps, program, program of the last batch, rows a batch, → order,
    shuffle, → its words, program before, program after, → results, → table, result words,
    epochs, budget, run, step, program of checks, steps between checks]``: steps, epoch after epoch,
    until the epochs or the budget are used up, a value is not finite, or the reference fails. A
    program is the address of the words of ``run``."""

    def kernel(p: int) -> None:
        q = words(p)
        state = words(q[0])
        run = q[16]
        results, table = words(q[11]), words(q[12])
        state[6] = 0
        while state[4] < q[14]:
            if state[6] >= q[15]:
                return
            if state[5] == 0:
                state[7] = state[0]
                if q[7]:
                    call1(q[7], q[8])
                if q[9]:
                    call1(run, q[9])
            while state[5] < q[1]:
                if state[6] >= q[15]:
                    return
                state[1] = q[6] + state[5] * q[5] * 8
                if state[5] < q[2]:
                    call1(run, q[3])
                else:
                    call1(run, q[4])
                if q[18] and state[0] % q[19] == 0:
                    call1(run, q[18])
                if state[2] or state[3]:
                    return
                state[0] += q[17]
                state[5] += 1
                state[6] += 1
            if q[10]:
                call1(run, q[10])
                for i in range(q[13]):
                    table[state[4] * q[13] + i] = results[i]
            state[4] += 1
            state[5] = 0

    return kernel
