"""A case without a network: gradients that are known as numbers, for plain functions and bricks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from glassnet.explain.doctor.diagnosis.catalogue.bookkeeping import of_arrays
from glassnet.explain.doctor.diagnosis.report import Diagnosis
from glassnet.explain.doctor.diagnosis.variant import Arrays, Variant


class AnyCase(Protocol):
    """What the search asks of a case."""

    @property
    def examples(self) -> int:
        """The number of examples m."""

    @property
    def averaged(self) -> bool:
        """Whether the cost is a mean over the examples."""

    @property
    def squared(self) -> bool:
        """Whether it is a squared error."""

    @property
    def learning_rate(self) -> float:
        """η; 0 where there is none."""

    def predicted(self, variant: Variant | None, names: Sequence[str]) -> Arrays:
        """The gradients that a mistake gives; the right ones for None."""

    def variants(self, names: list[str]) -> Iterable[Variant]:
        """The mistakes to try."""

    def is_weight(self, name: str) -> bool:
        """Whether a derivative is by a weight."""

    def output_sizes(self) -> list[int]:
        """How many numbers are predicted for an example."""

    def positions(self, name: str) -> list[int]:
        """At how many positions a weight is used."""

    def equation(self, name: str) -> str:
        """The line of mathematics that a derivative follows."""


@dataclass(frozen=True)
class PlainCase:
    """Gradients that are known as numbers alone.

    Args:
        right: what they should be, by name.
        examples: m.
        extra: mistakes that are tried besides those with finished arrays.
        outputs: how many numbers there may be for an example.
    """

    right: Arrays
    examples: int = 1
    extra: tuple[Variant, ...] = ()
    averaged: bool = True
    squared: bool = True
    learning_rate: float = 0.0
    outputs: tuple[int, ...] = ()

    def predicted(self, variant: Variant | None, names: Sequence[str]) -> Arrays:
        found = {name: self.right[name] for name in names}
        for after in variant.after if variant is not None else ():
            found = after(found)
        return found

    def variants(self, names: list[str]) -> Iterable[Variant]:
        yield from self.extra
        yield from of_arrays(names, {name: self.right[name].shape for name in names})

    def is_weight(self, name: str) -> bool:
        return True

    def output_sizes(self) -> list[int]:
        return list(self.outputs)

    def positions(self, name: str) -> list[int]:
        return []

    def equation(self, name: str) -> str:
        return ""


def diagnose_pair(pair: tuple[Any, ...], arrays: Sequence[Any]) -> Diagnosis:
    """Diagnose ``(f, gradient_of_f)``: plain functions of arrays.

    The right gradient is told by f's values alone, so what is looked for are mistakes with
    finished arrays: factors, signs, transposes, gradients swapped, dtypes.
    """
    from glassnet.explain.doctor.diagnosis.solving import solved
    from glassnet.explain.doctor.gradients import true_gradients

    if len(pair) != 2 or not all(map(callable, pair)):
        raise TypeError(
            "diagnose: a tuple holds two functions, (f, gradient_of_f); got "
            f"({', '.join(type(p).__name__ for p in pair)})."
        )
    f, gradient = pair
    given = [np.asarray(a, np.float64) if np.asarray(a).dtype.kind == "f" else np.asarray(a)
             for a in arrays]  # fmt: skip
    with_upstream = np.ndim(f(*given)) > 0
    upstream = np.random.default_rng(0).normal(size=np.shape(f(*given)))
    right = true_gradients(pair, *given, upstream=upstream if with_upstream else None)
    found = gradient(*given, upstream) if with_upstream else gradient(*given)
    results = list(found) if isinstance(found, (tuple, list)) else [found]
    names = _names(f, given)
    floats = [n for n, a in zip(names, given, strict=True) if a.dtype.kind == "f"]
    if len(results) != len(floats):
        raise ValueError(
            f"diagnose: the gradient function returned {len(results)} arrays; one is expected for "
            f"each of {', '.join(floats)}."
        )
    theirs = {f"d{n}": np.asarray(r) for n, r in zip(floats, results, strict=True)}
    examples, outputs = _batch_of(f, given)
    return solved(PlainCase({n: right[n] for n in theirs}, examples, outputs=outputs), theirs)


def _batch_of(f: Callable[..., Any], arrays: Sequence[np.ndarray]) -> tuple[int, tuple[int, ...]]:
    """The likely number of examples, and of outputs: by the arrays that f reads besides its own."""
    read: list[np.ndarray] = []
    with suppress(TypeError, ValueError):
        seen = inspect.getclosurevars(f)
        read = [a for a in (*seen.nonlocals.values(), *seen.globals.values())
                if isinstance(a, np.ndarray) and a.ndim]  # fmt: skip
    if read:
        rows = [a.shape[0] for a in read]
        sizes = {int(np.prod(a.shape[1:])) for a in read if a.ndim > 1}
        return max(rows, key=rows.count), tuple(sorted(sizes - {1}))
    several = {a.shape[0] for a in arrays if a.ndim > 1}
    return max(several, default=max((a.size for a in arrays), default=1)), ()


def _names(f: Callable[..., Any], arrays: Sequence[Any]) -> list[str]:
    try:
        found = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        found = []
    return found if len(found) == len(arrays) else [f"x{i}" for i in range(len(arrays))]
