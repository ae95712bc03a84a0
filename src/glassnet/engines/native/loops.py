"""Programs of clusters as instructions: row by row, or as one compiled loop.

Clusters with the same program on other arrays, the updates of several weights, are one instruction
with several segments. Its rows are calls of kernels that every network shares. Where a program has
many rows on many entries, they become one loop: the values of an entry stay in registers of the
machine from row to row. Such a loop is a kernel named by its rows, so that all networks that are
updated by the same optimizer share it. Its results are those of the rows, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from glassnet.engines.native.clusters import (
    FLAG,
    LOOP,
    PERIODIC,
    SLOTS,
    STRIDED,
    Program,
    Row,
)
from glassnet.engines.native.lowering.base import Builder, Instruction, Kernel, Table, Word
from glassnet.engines.native.lowering.elementwise import works_on_vectors

CACHE = 24 * 1024  # bytes of blocks that are alive at a time: most of the innermost cache
LOOP_ROWS = 4
"""Rows from which on a loop is made: two or three are done as quickly one by one."""
LOOP_OPERATIONS = 60_000
"""Entries times rows from which on a loop is worth the part of a second that it compiles."""
ADDRESS = 0
"""In place of a kernel that fills a register: the slot holds the address of the number itself."""


def may_join(programs: Sequence[Program], program: Program) -> bool:
    """Whether a program may be one instruction with those before it.

    They must be alike, and none may wait for another: threads share the blocks of them all.
    """
    if program.signature is None or program.signature != programs[-1].signature:
        return False
    return all(
        p.writes.isdisjoint(program.reads)
        and p.writes.isdisjoint(program.writes)
        and p.reads.isdisjoint(program.writes)
        for p in programs
    )


def is_worth_a_loop(programs: Sequence[Program]) -> bool:
    """Whether programs, which are alike, should run as one loop."""
    rows = [row for row in programs[0].rows if row.mode == SLOTS]
    return (
        len(rows) >= LOOP_ROWS
        and len(rows) * sum(p.size for p in programs) >= LOOP_OPERATIONS
        and all(works_on_vectors(row.kernel.name) for row in rows)
    )


def as_loop(program: Program) -> Program:
    """Return a program whose one row, after those that load, is the loop of all others.

    Its slots are blocks that are loaded, then addresses of numbers and of flags, then arrays.
    """
    loads = [row for row in program.rows if row.mode in (PERIODIC, STRIDED)]
    numbers = [*program.numbers, *dict.fromkeys(program.flags)]
    fills: list[tuple[Word, int]] = [(ADDRESS, len(loads) + i) for i in range(len(numbers))]
    registers = len(loads) + len(fills)
    now: dict[Word, str] = {slot: f"s{len(loads) + i}" for i, (_, slot) in enumerate(program.fills)}
    now |= {flag: f"f{len(loads) + numbers.index(flag)}" for flag in program.flags}
    now |= {program.registers + i: f"v{registers + i}" for i in range(len(program.arrays))}
    said: list[str] = []
    for row in program.rows:
        if row in loads:
            now[row.target] = f"v{loads.index(row)}"
            continue
        name = row.kernel.name.removeprefix("elementwise.").replace(":", ".")
        if row.mode == FLAG:
            said.append(f"{name},{now[row.b]},{now[row.a]}")
            continue
        operands = [now[slot] for slot in (row.a, row.b, row.c)[: name.count(".") - 1]]
        array = row.target - program.registers
        stored = f"o{registers + array}" if array >= 0 else "-"
        now[row.target] = f"r{len(said)}"
        said.append(",".join((name, *operands, stored)))
    whole = Row(LOOP, Kernel(":".join(("loops.program", *said))), 0)
    return replace(
        program,
        rows=[*(replace(row, target=i) for i, row in enumerate(loads)), whole],
        fills=fills,
        numbers=numbers,
        registers=registers,
    )


def is_a_loop(cluster: Instruction) -> bool:
    """Whether a cluster's program is one loop."""
    rows = cluster.words[3]
    return isinstance(rows, Table) and LOOP in rows.words[::6]


def emit(builder: Builder, programs: Sequence[Program]) -> None:
    """Add the instruction of one program, or of several with the same signature."""
    if is_worth_a_loop(programs):
        programs = [as_loop(p) for p in programs]
    first = programs[0]
    slots = first.registers + len(first.arrays)
    items = [v.dtype.itemsize for v in first.arrays]
    block = _block(first, max(p.size for p in programs))
    registers = builder.scratch(max(_blocks(first), 1) * block * 8)
    table = builder.scratch(max(slots, 1) * 8)
    rows: list[Word] = []
    for r in first.rows:
        rows += [r.mode, r.kernel, r.target, r.a, r.b, r.c]
    segments: list[Word] = []
    for p in programs:
        segments += [p.size, *p.numbers]
        for value, item in zip(p.arrays, items, strict=True):
            segments += [value, item]
    fills: list[Word] = []
    for kernel, slot in first.fills:
        fills += [kernel, slot]
    reads = [v for p in programs for v in (*p.numbers, *(p.arrays[i] for i in p.read), *p.loaded)]
    writes = [v for p in programs for v in (*(p.arrays[i] for i in p.written), *p.flags)]
    instruction = Instruction(
        "executor.cluster",
        (
            len(programs), block, len(first.rows), Table(tuple(rows)), len(first.fills),
            Table(tuple(fills)), first.registers, len(first.arrays), registers, table,
            Table(tuple(segments)), 0, 1,
        ),
        tuple(writes),
        tuple(reads),
        sum(p.size for p in programs) * len(first.nodes),
        (registers, table),
        " ".join(node.op.name for node in first.nodes if node.op is not None),
    )  # fmt: skip
    instruction.reuses = tuple(
        (out, value)
        for p in programs
        for out, value in p.reuses
        if not any(value.buffer in other.reads for other in programs if other is not p)
    )
    instruction.nodes = tuple(node for p in programs for node in p.nodes)
    builder.instructions.append(instruction)


def _blocks(program: Program) -> int:
    """How many slots are blocks of scratch memory."""
    return program.registers - sum(kernel == ADDRESS for kernel, _ in program.fills)


def _block(program: Program, size: int) -> int:
    """Entries of a block: as many as keep all that is alive in the innermost cache."""
    bytes_each = _blocks(program) * 8 + sum(v.dtype.itemsize for v in program.arrays)
    fitting = max(128, min(2048, CACHE // max(bytes_each, 1) // 64 * 64))
    return min(fitting, -(-size // 16) * 16)
