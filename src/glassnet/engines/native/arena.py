"""One arena: a place for every buffer, such that those alive at the same time do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from glassnet.engines.native.lowering.base import Instruction, Table, Word
from glassnet.engines.native.memory import Buffer, Value, rounded


@dataclass
class Arena:
    """How large the arena is, and the least that any order of places would need.

    Both in whole lines of the cache: no two buffers share one.
    """

    nbytes: int
    ideal: int


def values_in(words: Sequence[Word]) -> list[Value]:
    """Return the values that words name, those in tables included."""
    found: list[Value] = []
    for word in words:
        if isinstance(word, Value):
            found.append(word)
        elif isinstance(word, Table):
            found += values_in(word.words)
    return found


def arrange(instructions: Sequence[Instruction], role: str = "value") -> Arena:
    """Give every buffer of a role its offset.

    A written buffer takes the place of one that dies in the same instruction where that says it
    may. The others are placed largest first, each at the lowest free place (Pisarchyk & Lee,
    "Efficient memory management for deep neural net inference", 2020).
    """
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for i, instruction in enumerate(instructions):
        for value in (*instruction.reads, *instruction.writes, *instruction.scratch):
            if value.buffer.role == role:
                first.setdefault(value.buffer, i)
                last[value.buffer] = i
    host = _shared(instructions, first, last)
    spans: dict[Buffer, tuple[int, int]] = {}
    for buffer in first:
        owner = _owner(buffer, host)
        start, end = spans.get(owner, (first[buffer], last[buffer]))
        spans[owner] = (min(start, first[buffer]), max(end, last[buffer]))
    nbytes = _place(spans)
    for buffer in first:
        buffer.offset = _owner(buffer, host).offset
    return Arena(nbytes, _peak(spans, len(instructions)))


def _shared(
    instructions: Sequence[Instruction], first: dict[Buffer, int], last: dict[Buffer, int]
) -> dict[Buffer, Buffer]:
    """Return, for buffers that lie over another one, that other one."""
    host: dict[Buffer, Buffer] = {}
    taken: set[Buffer] = set()
    for i, instruction in enumerate(instructions):
        for out, source in instruction.reuses:
            a, b = out.buffer, source.buffer
            if a in host or a is b or b in taken or a not in first or b not in first:
                continue
            whole = a.nbytes == b.nbytes and out.offset == 0 and source.offset == 0
            if whole and first[a] == i and last[b] == i:
                host[a] = b
                taken.add(b)
    return host


def _owner(buffer: Buffer, host: dict[Buffer, Buffer]) -> Buffer:
    while buffer in host:
        buffer = host[buffer]
    return buffer


def _place(spans: dict[Buffer, tuple[int, int]]) -> int:
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first, last
    total = 0
    for buffer in sorted(spans, key=lambda b: (-b.nbytes, spans[b])):
        start, end = spans[buffer]
        size, offset = rounded(buffer.nbytes), 0
        for low, high, other_start, other_end in placed:
            if other_end < start or end < other_start:
                continue
            if offset + size <= low:
                break
            offset = max(offset, high)
        buffer.offset = offset
        placed.append((offset, offset + size, start, end))
        placed.sort()
        total = max(total, offset + size)
    return total


def _peak(spans: dict[Buffer, tuple[int, int]], length: int) -> int:
    change = [0] * (length + 2)
    for buffer, (start, end) in spans.items():
        change[start] += rounded(buffer.nbytes)
        change[end + 1] -= rounded(buffer.nbytes)
    alive = peak = 0
    for step in change:
        alive += step
        peak = max(peak, alive)
    return peak
