"""A plan as text for a terminal: two lines or so for each instruction, then what they add up to."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glassnet.engines.native.telling import Array, Choice, Line, Totals
    from glassnet.explain.planned import PlanExplanation

_STEPS = {"train": "training", "test": "evaluation", "predict": "prediction"}
_LEGEND = (
    "Each number is an instruction: one call of one compiled kernel. Its first line says which "
    "ops of the graph it computes, and the shapes that go in and come out; ∂dense is the way back "
    "through dense. Its second line has the kernel, floating-point operations, bytes read and "
    "written, and where the result lies: at a byte of the arena, or over the old value of a "
    "weight; = says that an operand lay there."
)
_CLUSTERS = (
    "A cluster takes ops that work entry by entry together: by 16 are 16 entries at a time, for "
    "which it does all its ops, with registers for what nobody else needs."
)
_LOOPS = "One loop: the ops of a cluster are compiled as one, and registers are the processor's."
_LANES = (
    "A lane is a share of the batch that one thread computes; a slice is so much of it as fits "
    "into the cache, and goes through all that is numbered under the lanes before the next does. "
    "There figures are those of one slice, and own is the thread's own memory."
)
_SHOWN = 3
_HELPERS = ("copy", "zeros", "fill", "padding", "accumulate")
"""Notes that say more than the names of the ops."""


def plan_text(told: PlanExplanation, width: int) -> str:
    """Return the text, no line longer than ``width``."""
    title = f"A {_STEPS[told.kind]} step of {told.model!r} on {_count(told.rows, 'example')}"
    lines = [title, "─" * len(title), ""]
    lines += textwrap.wrap(_choice(told.choice), width)
    lines += ["", *textwrap.wrap(_LEGEND, width)]
    if any(line.block for line in told.lines):
        lines += textwrap.wrap(_CLUSTERS, width)
    if any(line.loop for line in told.lines):
        lines += textwrap.wrap(_LOOPS, width)
    if any(line.lanes for line in told.lines):
        lines += textwrap.wrap(_LANES, width)
    lines.append("")
    deepest = max((_label(line) for line in told.lines), key=len, default="")
    for line in told.lines:
        lines += _instruction(line, told.rows, len(deepest) + 2, width)
    lines.append("")
    for text in _totals(told.totals):
        lines += textwrap.wrap(text, width, subsequent_indent="  ")
    return "\n".join(lines)


# --- one instruction --------------------------------------------------------------------------
def _label(line: Line) -> str:
    return ".".join(map(str, line.number))


def _instruction(line: Line, rows: int, indent: int, width: int) -> Iterator[str]:
    room = " " * indent
    head = _label(line).rjust(indent - 2) + "  "
    shapes = "" if line.lanes else _shapes(line)
    text = _lanes(line, rows) if line.lanes else _computed(line)
    if len(head) + len(text) + 2 + len(shapes) <= width:
        gap = max(2, min(64, width - len(shapes)) - len(head) - len(text)) if shapes else 0
        yield (head + text + " " * gap + shapes).rstrip()
    else:
        yield from textwrap.wrap(text, width, initial_indent=head, subsequent_indent=room)
        yield from textwrap.wrap(shapes, width, initial_indent=room, subsequent_indent=room + "  ")
    yield from _figures(line, room, width)


def _lanes(line: Line, rows: int) -> str:
    size = rows // (line.lanes * line.slices)
    lanes, slices = _count(line.lanes, "lane"), _count(line.slices, "slice")
    return f"{lanes} of {slices} of {_count(size, 'example')}"


def _computed(line: Line) -> str:
    left = len(line.ops) // line.arrays
    parts = []
    for where, ops in line.computes:
        own = ops[:left]
        left -= len(own)
        if own:
            parts.append(f"{where}: {', '.join(own)}" if where else ", ".join(own))
    if line.arrays > 1:
        parts.append(f"for {line.arrays} arrays in turn")
    if line.checks:
        parts.append("in range?" if line.kernel.startswith("indexing.") else "is it finite?")
    if not parts:
        return line.note
    helps = " " in line.note or line.note in _HELPERS
    return "; ".join(parts) + (f" ({line.note})" if helps and not line.reference else "")


def _shapes(line: Line) -> str:
    return f"{_listed(line.reads) or 'nothing'} → {_listed(line.writes) or 'nothing'}"


def _listed(arrays: Sequence[Array]) -> str:
    """Shapes, equal ones together; single numbers only where there is nothing else."""
    large = [a for a in arrays if a.shape] or arrays
    counts = Counter(_shape(a) for a in large)
    return ", ".join(f"{n} of {shape}" if n > 1 else shape for shape, n in counts.items())


def _shape(array: Array) -> str:
    if array.place.startswith("all of "):
        return array.place
    return "×".join(map(str, array.shape)) or "a number"


def _figures(line: Line, room: str, width: int) -> Iterator[str]:
    kernel = line.kernel
    if line.block:
        means = "one loop" if line.loop else _count(line.registers, "register")
        kernel += f" by {line.block}, {means}"
    if line.parts > 1:
        kernel += f"; {line.parts} parts"
    read, written = _bytes(line.bytes_read), _bytes(line.bytes_written)
    figures = f"{line.operations:>12,} op {read:>9} in {written:>9} out"
    place = "" if line.lanes else _placed(line)
    first = room + kernel.ljust(max(0, min(36, width - 64)))
    text = f"{first} {figures}  {place}".rstrip()
    if len(text) <= width:
        yield text
        return
    yield from textwrap.wrap(f"{first} {figures}", width, subsequent_indent=room)
    yield from textwrap.wrap(f"to {place}" if place else "", width, initial_indent=room,
                             subsequent_indent=room + "  ")  # fmt: skip


def _placed(line: Line) -> str:
    places, before = [], ""
    for array in line.writes[:_SHOWN]:
        name = "" if array.place == before and array.offset is not None else array.place
        offset = "" if array.offset is None else f"{array.offset:,}"
        places.append(f"{name} {offset}".strip())
        before = array.place
    more = f" and {len(line.writes) - _SHOWN} more" if len(line.writes) > _SHOWN else ""
    over = any(a.offset is not None for a in line.writes) and line.in_place
    return ("=" if over else "") + ", ".join(places) + more


# --- all of it --------------------------------------------------------------------------------
def _choice(found: Choice) -> str:
    text = f"engine={found.asked!r}: "
    compiled = "all compiled on this machine" if not found.missing else (
        f"{found.missing} of them not compiled on this machine yet, about "
        f"{found.compile_seconds:.1f} s"
    )  # fmt: skip
    if found.engine == "none":
        return f"{text}this plan can't run here. {found.why}"
    if found.engine == "numpy":
        return f"{text}the NumPy engine runs, not this plan, for {found.why}"
    if found.asked == "native":
        return f"{text}the native engine runs this plan. Its kernels: {compiled}."
    return (
        f"{text}the native engine runs this plan from {_count(found.steps, 'step')} on; fewer are "
        f"sooner done by NumPy. Its kernels: {compiled}."
    )


def _totals(totals: Totals) -> Iterator[str]:
    yield (
        f"In all: {_count(totals.instructions, 'instruction')}, {totals.operations:,} operations, "
        f"{_bytes(totals.bytes_read)} read, {_bytes(totals.bytes_written)} written; "
        f"{_count(totals.kernels, 'kernel')}."
    )
    yield (
        f"Ops of the graph: {totals.native} native, {totals.by_reference} by the reference, "
        f"{totals.views} only another view of their input."
    )
    threads = ""
    if totals.thread_memory:
        threads = (
            f", and {_bytes(totals.thread_memory)} for each of {_count(totals.threads, 'thread')}"
        )
    yield (
        f"Memory: arena {totals.arena:,} B (never more than {totals.ideal:,} B in use at a time)"
        f"{threads}; variables {_bytes(totals.variables)}."
    )


def _bytes(count: int) -> str:
    if count < 10_000:
        return f"{count:,} B"
    if count < 10_000_000:
        return f"{count / 1e3:,.0f} kB"
    return f"{count / 1e6:,.0f} MB"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
