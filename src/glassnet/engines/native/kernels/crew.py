"""The kernels by which threads share work: parts of an instruction, claimed one by one.

Whoever runs the plan publishes an instruction and takes parts of it like everybody else. It waits
only for parts that somebody has begun, so a helper that the system does not let run costs nothing.
Which thread computes a part has no effect on its value.

The control block holds: the claim (generation, parts, next part in one word), the parts done, the
address of the published words, the number of the generation, whether helpers shall leave, the
address of the function that sleeps, the number of threads.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from glassnet.engines.native.kernels.primitives import (
    atomic_add,
    atomic_load,
    atomic_store,
    atomic_swap,
    call1,
    words,
)

ARGUMENTS = 1
CLAIM, DONE, WORK, GENERATION, LEAVE = 0, 8, 16, 24, 32
SPINS = 50_000
"""How often who publishes looks whether all is done before it sleeps between two looks."""
PATIENCE = 50_000
"""How often a helper looks for work before it sleeps between two looks."""
NAP = 20
"""Microseconds. The core that a sleeper leaves free takes over the thread it waits for, if another
process keeps that from running."""


@njit
def work(descriptor: int, part: int, parts: int) -> None:
    """Run one part with the memory of one thread.

    ``[slices, instructions, → (kernel, words) pairs, patches, → (address, base, step, lane),
    zeros, → (address, lane, bytes), divided, → part and parts of the cluster]``
    """
    d = words(descriptor)
    count, pairs, patches = d[1], words(d[2]), words(d[4])
    if d[7]:
        cell = words(d[8])
        cell[0] = part
        cell[1] = parts
    zeros = words(d[6])
    for z in range(d[5]):
        to = words(zeros[3 * z] + part * zeros[3 * z + 1])
        for i in range(zeros[3 * z + 2] // 8):
            to[i] = 0
    for s in range(d[0]):
        number = part * d[0] + s
        for k in range(d[3]):
            at = 4 * k
            words(patches[at])[0] = (
                patches[at + 1] + number * patches[at + 2] + part * patches[at + 3]
            )
        for i in range(count):
            call1(pairs[2 * i], pairs[2 * i + 1])


@njit
def take(control: int, generation: int, thread: int) -> None:
    """Claim parts of a generation and run them until none is left."""
    while True:
        claim = atomic_load(control + CLAIM)
        parts = (claim >> 16) & 0xFFFF
        part = claim & 0xFFFF
        if claim >> 32 != generation or part >= parts:
            return
        if atomic_swap(control + CLAIM, claim, claim + 1):
            q = words(words(control + WORK)[0])
            work(words(q[3])[thread], part, parts)
            atomic_add(control + DONE, 1)


def parallel() -> Any:
    """``[→ control, parts, threads, → descriptor of each thread]``."""

    def kernel(p: int) -> None:
        q = words(p)
        control, parts = q[0], q[1]
        if words(control)[6] < 2:
            own = words(q[3])[0]
            for part in range(parts):
                work(own, part, parts)
            return
        state = words(control)
        generation = (state[3] + 1) & 0x3FFFFFFF
        state[2] = p
        atomic_store(control + DONE, 0)
        atomic_store(control + CLAIM, (generation << 32) | (parts << 16))
        atomic_store(control + GENERATION, generation)
        take(control, generation, 0)
        spins = 0
        while atomic_load(control + DONE) < parts:
            spins += 1
            if spins > SPINS:
                call1(state[5], NAP)

    return kernel


def helper() -> Any:
    """``[→ control, number of the thread]``: take parts until told to leave."""

    def kernel(p: int) -> None:
        q = words(p)
        control, thread = q[0], q[1]
        last, spins = -1, 0
        while atomic_load(control + LEAVE) == 0:
            generation = atomic_load(control + GENERATION)
            if generation != last:
                last, spins = generation, 0
                take(control, generation, thread)
            else:
                spins += 1
                if spins > PATIENCE:
                    call1(words(control)[5], NAP)

    return kernel
