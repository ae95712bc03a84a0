"""What a comparison of optimizers found: curves, paths, a table, pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from glassnet import plots
from glassnet.callbacks.progress import short
from glassnet.explain.surfaces import Surface
from glassnet.inspection.planes import Plane, plane_through
from glassnet.optimizers import Optimizer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Vector = np.ndarray


@dataclass(frozen=True)
class Run:
    """One optimizer's way from the start.

    ``losses``, ``seconds``, ``counts`` and ``path`` belong to the steps numbered in ``steps``, the
    first of which is 0: the start.

    Args:
        name: the name it was given.
        optimizer: the copy that did the work, as it was at the end.
        steps: after how many steps the loss was computed.
        losses: the loss on all the data there.
        seconds: the time that the steps took until then, without recording and measuring.
        counts: how often values, gradients and products with the curvature (``"value"``,
            ``"gradient"``, ``"product"``) were computed until then.
        path: the points, (len(steps), n).
        seen: the loss on its batch that each step saw before it was made.
        told: what a second-order method tells of each step; empty for the others.
        ended: why it ended before the last step; empty where it did not.
    """

    KINDS: ClassVar[tuple[str, ...]] = ("value", "gradient", "product")
    COSTS: ClassVar[Mapping[str, float]] = {"value": 1 / 3, "gradient": 1.0, "product": 2.0}
    """What each is counted as, in gradients: the backward pass is about twice the forward pass, and
    a product with the Hessian is the gradient of a gradient."""

    name: str
    optimizer: Optimizer
    steps: np.ndarray
    losses: np.ndarray
    seconds: np.ndarray
    counts: Mapping[str, np.ndarray]
    path: np.ndarray = field(repr=False)
    seen: np.ndarray = field(repr=False)
    told: tuple[str, ...] = field(default=(), repr=False)
    ended: str = ""

    @property
    def evaluations(self) -> np.ndarray:
        """The work in gradients: a gradient counts 1, a value ⅓, a product 2."""
        zeros = np.zeros(len(self.steps))
        return sum((self.COSTS[k] * self.counts[k] for k in self.KINDS), zeros)

    def along(self, axis: str) -> np.ndarray:
        """Return steps, seconds or evaluations."""
        return {"steps": self.steps, "time": self.seconds, "evaluations": self.evaluations}[axis]

    def reaches(self, target: float) -> int | None:
        """Return the place of the first point that is as low as ``target``; None for none."""
        low = np.flatnonzero(self.losses <= target)
        return int(low[0]) if len(low) else None


@dataclass(frozen=True)
class Comparison:
    """Several optimizers from the same start: ``comparison["Adam"]`` is a `Run`.

    Args:
        title: what they were compared on.
        runs: the runs, by name.
        value: the loss as a function of one vector.
        surface: what is known of the function, where it is one of `glassnet.explain.surfaces`.
        counted: what the vector is made of: ``"weights"`` or ``"numbers"``.
    """

    title: str
    runs: dict[str, Run]
    value: Callable[[Vector], float] = field(repr=False)
    surface: Surface | None = field(default=None, repr=False)
    counted: str = "numbers"

    def __getitem__(self, name: str) -> Run:
        if name not in self.runs:
            raise KeyError(f"no run is called {name!r}; there are {', '.join(self.runs)}")
        return self.runs[name]

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs.values())

    def __len__(self) -> int:
        return len(self.runs)

    @property
    def size(self) -> int:
        """The number of entries of the vector."""
        return next(iter(self)).path.shape[1]

    @property
    def target(self) -> float:
        """A loss that counts as good: the lowest of all, and a hundredth of the way back up."""
        start = float(next(iter(self)).losses[0])
        lowest = min(float(run.losses.min()) for run in self)
        return lowest + (start - lowest) / 100

    # --- as text --------------------------------------------------------------------------------
    def table(self, target: float | None = None) -> str:
        """Return a line for each optimizer: where it ended, what it cost, when it was good.

        Args:
            target: the loss that counts as good; `Comparison.target` for None.
        """
        wanted = self.target if target is None else target
        header = (
            "optimizer", "last loss", "steps", "time", "work", "values", "gradients", "products",
            f"to {wanted:.3g}: steps", "time", "work",
        )  # fmt: skip
        rows = [header, *(_row(run, wanted) for run in self)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join(lines)

    def __str__(self) -> str:
        parts = [
            f"{self.title}, {self._size_told}; all begin at {self._first:.4g}",
            "",
            self.table(),
            "",
            f"{_LEGEND} {self._verdict()}",
        ]
        parts += [f"{run.name}: {run.ended}." for run in self if run.ended]
        return "\n".join(parts)

    @property
    def _size_told(self) -> str:
        return f"{self.size} {self.counted if self.size > 1 else self.counted.removesuffix('s')}"

    @property
    def _first(self) -> float:
        return float(next(iter(self)).losses[0])

    def _verdict(self) -> str:
        """Who is first at the target, by each measure."""
        found = {run.name: place for run in self if (place := run.reaches(self.target)) is not None}
        firsts = {
            axis: min(found, key=lambda name: self[name].along(axis)[found[name]])
            for axis in ("steps", "time", "evaluations")
        }
        words = {"steps": "by steps", "time": "by time", "evaluations": "by work"}
        if len(set(firsts.values())) == 1:
            return f"First at {self.target:.3g}: {firsts['steps']}, by steps, time and work."
        told = ", ".join(f"{words[axis]} {name}" for axis, name in firsts.items())
        return f"First at {self.target:.3g}: {told}."

    # --- as pictures ----------------------------------------------------------------------------
    @cached_property
    def plane(self) -> Plane:
        """The plane on which the paths are drawn: that of the two variables, where there are two.

        For more it is the plane nearest to all paths but those that ran away; see `plane_through`.
        """
        kept = [run.path for run in self if not run.ended]
        return plane_through(kept or [run.path for run in self])

    def plot(self, x: str | Sequence[str] = "steps", path: str | Path | None = None) -> Figure:
        """Draw the losses against steps, time or evaluations.

        Args:
            x: ``"steps"``, ``"time"`` or ``"evaluations"``; several are drawn side by side. A curve
                ends where it is down to rounding.
            path: the file to save the picture in.

        Raises:
            ImportError: where Matplotlib is missing.
            ValueError: for another ``x``.
        """
        return plots.draw_losses(self, [x] if isinstance(x, str) else list(x), path)

    def plot_paths(self, path: str | Path | None = None, cells: int | None = None) -> Figure:
        """Draw the paths on the surface.

        One variable: on the curve. Two: on contours. More: their feet on the plane nearest to
        them all, on the contours of the loss in that plane; the title says which part of the
        paths' variance lies in it.

        Args:
            path: the file to save the picture in.
            cells: how many heights are computed along each axis; a fitting number for None.

        Raises:
            ImportError: where Matplotlib is missing.
        """
        return plots.draw_paths(self, path, cells)


_LEGEND = "Work is in gradients: a value counts 1/3, a product with the curvature 2."


def _row(run: Run, target: float) -> tuple[str, ...]:
    counts = [f"{int(run.counts[kind][-1])}" for kind in Run.KINDS]
    place = run.reaches(target)
    reached = (
        ("never", "", "")
        if place is None
        else (f"{run.steps[place]}", short(run.seconds[place]), f"{run.evaluations[place]:.0f}")
    )
    return (
        run.name, f"{run.losses[-1]:.4g}", f"{len(run.seen)}", short(run.seconds[-1]),
        f"{run.evaluations[-1]:.0f}", *counts, *reached,
    )  # fmt: skip
