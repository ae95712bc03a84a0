"""Schedules: learning rates that are functions of the training step.

A schedule is written in ops, so it is part of the recorded training step. Called with a number it
gives a number (a concrete tensor), called with a symbolic step it gives graph. Own schedules are
computed in float64, so that no number of steps is too large, and give the default float type.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from glassnet.checks import number
from glassnet.graph import dtypes
from glassnet.graph.recording import as_tensor
from glassnet.graph.tensor import Tensor
from glassnet.ops.comparison import maximum, minimum, where
from glassnet.ops.elementwise import cast, log
from glassnet.ops.rounding import ceil, floor
from glassnet.ops.trigonometry import cos
from glassnet.registry import Configurable, Registry
from glassnet.registry import serialize as serialize

SCHEDULES = Registry("schedule")


class LearningRateSchedule(Configurable):
    """The base of schedules: ``schedule(step)`` is the learning rate of a step, counted from 0.

    A subclass stores its arguments under their names in ``__init__`` and writes ``__call__(step)``
    in ops or NumPy functions. The step is a tensor that gets its value when training runs, so a
    choice is ``np.where(step < 10, a, b)``, not ``if``.

    >>> import numpy as np
    >>> from glassnet.schedules import LearningRateSchedule
    >>> class Halved(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return np.where(step < 10, 0.1, 0.05)
    >>> Halved()(12)
    array(0.05)
    """

    @abstractmethod
    def __call__(self, step: Any) -> Any:
        """Return the learning rate of this step."""
        raise NotImplementedError(
            f"{type(self).__name__} has no __call__. Write\n"
            "    def __call__(self, step):\n        return ..."
        )


class _Schedule(LearningRateSchedule):
    """The base of the schedules given here: from a float64 step to the default float type."""

    def __call__(self, step: Any) -> Tensor:
        rate = self.rate(cast(as_tensor(step), "float64"))
        return cast(rate, dtypes.default_float())

    @abstractmethod
    def rate(self, t: Tensor) -> Tensor:
        """Return the learning rate at step ``t``."""


@SCHEDULES.add()
class ExponentialDecay(_Schedule):
    """``η · rᵗᐟˢ``: the rate is multiplied by ``decay_rate`` every ``decay_steps`` steps.

    Args:
        initial_learning_rate: the first rate η.
        decay_steps: s, above 0.
        decay_rate: r.
        staircase: whether the exponent t/s is rounded down, so that the rate falls in steps.
        name: a name.

    >>> from glassnet.schedules import ExponentialDecay
    >>> ExponentialDecay(0.5, decay_steps=10, decay_rate=0.5)(20).item()
    0.125
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = number(decay_steps, "ExponentialDecay: decay_steps", above=0)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def rate(self, t: Tensor) -> Tensor:
        p = t / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (floor(p) if self.staircase else p)


@SCHEDULES.add()
class InverseTimeDecay(_Schedule):
    """``η / (1 + r t/s)``.

    Args:
        initial_learning_rate: the first rate η.
        decay_steps: s, above 0.
        decay_rate: r.
        staircase: whether t/s is rounded down, so that the rate falls in steps.
        name: a name.

    >>> from glassnet.schedules import InverseTimeDecay
    >>> InverseTimeDecay(0.5, decay_steps=10, decay_rate=0.5)(20).item()
    0.25
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = number(decay_steps, "InverseTimeDecay: decay_steps", above=0)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def rate(self, t: Tensor) -> Tensor:
        p = t / self.decay_steps
        return self.initial_learning_rate / (
            1 + self.decay_rate * (floor(p) if self.staircase else p)
        )


@SCHEDULES.add()
class PolynomialDecay(_Schedule):
    """``(η - η_end) (1 - t/s)ᵖ + η_end``, constant after ``decay_steps`` steps.

    Args:
        initial_learning_rate: the first rate η.
        decay_steps: s, above 0.
        end_learning_rate: the last rate.
        power: p; 1 falls in a line.
        cycle: whether, past s steps, s is replaced by its next multiple, so that the rate rises
            again and falls more slowly.
        name: a name.

    >>> from glassnet.schedules import PolynomialDecay
    >>> PolynomialDecay(0.5, decay_steps=10, end_learning_rate=0.25)(5).item()
    0.375
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = number(decay_steps, "PolynomialDecay: decay_steps", above=0)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def rate(self, t: Tensor) -> Tensor:
        if self.cycle:
            fraction = t / (self.decay_steps * maximum(ceil(t / self.decay_steps), 1.0))
        else:
            fraction = minimum(t, float(self.decay_steps)) / self.decay_steps
        span = self.initial_learning_rate - self.end_learning_rate
        return span * (1 - fraction) ** self.power + self.end_learning_rate


@SCHEDULES.add("PiecewiseConstant")
class PiecewiseConstantDecay(_Schedule):
    """``values[i]`` with i the number of boundaries that lie before step t.

    Args:
        boundaries: rising step numbers; a boundary still belongs to the value before it.
        values: the rates, one more than the boundaries.
        name: a name.

    Raises:
        ValueError: where the lengths do not fit or the boundaries do not rise.

    >>> from glassnet.schedules import PiecewiseConstantDecay
    >>> schedule = PiecewiseConstantDecay([10, 20], [0.5, 0.25, 0.125])
    >>> [schedule(step).item() for step in (0, 10, 11, 21)]
    [0.5, 0.5, 0.25, 0.125]
    """

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "PiecewiseConstantDecay: expected one value more than boundaries; got "
                f"{len(boundaries)} boundaries and {len(values)} values."
            )
        if any(b <= a for a, b in itertools.pairwise(boundaries)):
            raise ValueError(
                f"PiecewiseConstantDecay: the boundaries must rise; got {list(boundaries)}."
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def rate(self, t: Tensor) -> Tensor:
        rate = as_tensor(float(self.values[-1]), "float64")
        pairs = list(zip(self.boundaries, self.values, strict=False))
        for boundary, value in reversed(pairs):
            rate = where(t <= float(boundary), as_tensor(float(value), "float64"), rate)
        return rate


@SCHEDULES.add()
class CosineDecay(_Schedule):
    """``η ((1 - α) (1 + cos(π t/s)) / 2 + α)``, after a warm-up in a line where one is asked for.

    Args:
        initial_learning_rate: the first rate; η where there is no warm-up.
        decay_steps: s, above 0, counted from the end of the warm-up.
        alpha: the last rate as a fraction of η.
        name: a name.
        warmup_target: η, to which the rate rises from ``initial_learning_rate`` in a line during
            ``warmup_steps`` steps; no warm-up for None.
        warmup_steps: the number of steps of the warm-up.

    Source: I. Loshchilov, F. Hutter, "SGDR: Stochastic gradient descent with warm restarts",
    ICLR 2017.

    >>> from glassnet.schedules import CosineDecay
    >>> schedule = CosineDecay(0.0, 10, warmup_target=1.0, warmup_steps=4)
    >>> [schedule(step).item() for step in (0, 2, 4, 9, 14)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = number(decay_steps, "CosineDecay: decay_steps", above=0)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = number(warmup_steps, "CosineDecay: warmup_steps", least=0)

    def rate(self, t: Tensor) -> Tensor:
        if self.warmup_target is None:
            return self._decayed(t, self.initial_learning_rate)
        decayed = self._decayed(maximum(t - self.warmup_steps, 0.0), self.warmup_target)
        if not self.warmup_steps:
            return decayed
        rise = (self.warmup_target - self.initial_learning_rate) / self.warmup_steps
        return where(t < self.warmup_steps, self.initial_learning_rate + rise * t, decayed)

    def _decayed(self, t: Tensor, top: float) -> Tensor:
        fraction = minimum(t / self.decay_steps, 1.0)
        return top * ((1 - self.alpha) * (0.5 * (1 + cos(math.pi * fraction))) + self.alpha)


@SCHEDULES.add()
class CosineDecayRestarts(_Schedule):
    """Cosine decays, one after the other: the i-th takes ``s · t_mulⁱ`` steps from ``η · m_mulⁱ``.

    Within a period the rate is ``η ((1 - α) m_mulⁱ (1 + cos(π f)) / 2 + α)``, with f the part of
    the period that is over.

    Args:
        initial_learning_rate: the first rate η.
        first_decay_steps: the length s of the first period, above 0.
        t_mul: the length of a period as a multiple of that before it.
        m_mul: the height of a period as a multiple of that before it.
        alpha: the last rate of a period as a fraction of η.
        name: a name.

    Source: I. Loshchilov, F. Hutter, "SGDR: Stochastic gradient descent with warm restarts",
    ICLR 2017.

    >>> from glassnet.schedules import CosineDecayRestarts
    >>> schedule = CosineDecayRestarts(1.0, 10, t_mul=2.0, m_mul=0.5)
    >>> [round(schedule(step).item(), 4) for step in (0, 5, 10, 20, 30)]
    [1.0, 0.5, 0.5, 0.25, 0.25]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        what = "CosineDecayRestarts"
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = number(first_decay_steps, f"{what}: first_decay_steps", above=0)
        self.t_mul = number(t_mul, f"{what}: t_mul", least=1)
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def rate(self, t: Tensor) -> Tensor:
        period, fraction = self._position(t / self.first_decay_steps)
        wave = 0.5 * self.m_mul**period * (1 + cos(math.pi * fraction))
        return self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha)

    def _position(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """The number of the period and the part of it that is over, for time in first periods."""
        if self.t_mul == 1:
            period = floor(t)
            return period, t - period
        # Period i starts after 1 + q + … + qⁱ⁻¹ = (qⁱ - 1) / (q - 1). The logarithm may fall short
        # of a whole number by a rounding error, and a period must not start one step late.
        q = self.t_mul
        period = floor(log(1 + (q - 1) * t) / math.log(q) + 1e-9)
        length = q**period
        return period, (t - (length - 1) / (q - 1)) / length


deserialize = SCHEDULES.get


def get(identifier: Any) -> Any:
    """Return a schedule from its saved form, or as it is.

    Raises:
        ValueError: for an unknown name, naming the nearest right one.
    """
    return SCHEDULES.get(identifier)
