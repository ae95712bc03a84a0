"""Optimizers that divide each gradient by its own usual size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from glassnet import initializers
from glassnet.checks import number
from glassnet.graph.recording import as_tensor, written
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.ops.comparison import maximum, minimum
from glassnet.ops.elementwise import sqrt, square
from glassnet.ops.reduction import mean
from glassnet.ops.shaping import expand_dims
from glassnet.optimizers.base import OPTIMIZERS, Common, Optimizer


@OPTIMIZERS.add("rmsprop")
class RMSprop(Optimizer):
    """``v ← ρ v + (1 - ρ) g²``, ``w ← w - η g / √(v + ε)``.

    Args:
        learning_rate: η.
        rho: ρ, how much of the average square is kept.
        momentum: μ: where it is above 0 the step is ``m ← μ m + η g / √(v + ε)``, ``w ← w - m``.
        epsilon: ε, which keeps the denominator off 0.
        centered: whether to divide by the deviation from the average gradient a, that is by
            ``√(v - a² + ε)``.
        common: the arguments of `Optimizer`.

    Sources: T. Tieleman, G. Hinton, "Neural networks for machine learning", lecture 6.5, 2012.
    A. Graves, "Generating sequences with recurrent neural networks", 2013 (centered).

    >>> import numpy as np, glassnet as gn
    >>> w = gn.Variable([1.0])
    >>> gn.optimizers.RMSprop(0.1).apply([np.array([2.0])], [w])
    >>> round(w.numpy().item(), 3)
    0.684
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho = number(rho, "RMSprop: rho", least=0, most=1)
        self.momentum = number(momentum, "RMSprop: momentum", least=0, most=1)
        self.epsilon = number(epsilon, "RMSprop: epsilon", least=0)
        self.centered = centered

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.add_optimizer_variables(variables, "velocity")
        if self.momentum:
            self.add_optimizer_variables(variables, "momentum")
        if self.centered:
            self.add_optimizer_variables(variables, "average_gradient")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        v = self._averaged(variable, "velocity", square(gradient))
        if self.centered:
            v = v - square(self._averaged(variable, "average_gradient", gradient))
        step = learning_rate * gradient / sqrt(v + self.epsilon)
        if self.momentum:
            slot = self.slot(variable, "momentum")
            step = slot * self.momentum + step
            slot.assign(step)
        variable.assign(variable - step)

    def _averaged(self, variable: Variable, name: str, value: Tensor) -> Tensor:
        slot = self.slot(variable, name)
        new = slot * self.rho + value * (1 - self.rho)
        slot.assign(new)
        return new


@OPTIMIZERS.add()
class Adagrad(Optimizer):
    """``a ← a + g²``, ``w ← w - η g / √(a + ε)``: weights that moved much move less.

    Args:
        learning_rate: η.
        initial_accumulator_value: the first a, at least 0.
        epsilon: ε, which keeps the denominator off 0.
        common: the arguments of `Optimizer`.

    Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods", JMLR 2011.

    >>> import numpy as np, glassnet as gn
    >>> w = gn.Variable([1.0])
    >>> gn.optimizers.Adagrad(0.1).apply([np.array([2.0])], [w])
    >>> round(w.numpy().item(), 3)
    0.901
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.initial_accumulator_value = number(
            initial_accumulator_value, "Adagrad: initial_accumulator_value", least=0
        )
        self.epsilon = number(epsilon, "Adagrad: epsilon", least=0)

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        start = initializers.Constant(self.initial_accumulator_value)
        self.add_optimizer_variables(variables, "accumulator", start)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        slot = self.slot(variable, "accumulator")
        a = slot + square(gradient)
        slot.assign(a)
        variable.assign(variable - learning_rate * gradient / sqrt(a + self.epsilon))


@OPTIMIZERS.add()
class Adadelta(Optimizer):
    """``w ← w - η Δ`` with ``Δ = g √(d + ε) / √(a + ε)``.

    a and d are averages of g² and Δ²: ``a ← ρ a + (1 - ρ) g²`` before the step and
    ``d ← ρ d + (1 - ρ) Δ²`` after it.

    Args:
        learning_rate: η; the paper's form has 1.
        rho: ρ, how much of the averages is kept.
        epsilon: ε, which keeps the roots off 0.
        common: the arguments of `Optimizer`.

    Source: M. Zeiler, "ADADELTA: An adaptive learning rate method", 2012.

    >>> import numpy as np, glassnet as gn
    >>> w = gn.Variable([1.0])
    >>> gn.optimizers.Adadelta(1.0).apply([np.array([2.0])], [w])
    >>> round(w.numpy().item(), 3)
    0.999
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho = number(rho, "Adadelta: rho", least=0, most=1)
        self.epsilon = number(epsilon, "Adadelta: epsilon", least=0)

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.add_optimizer_variables(variables, ["accumulated_grad", "accumulated_delta_var"])

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        of_grads = self.slot(variable, "accumulated_grad")
        of_steps = self.slot(variable, "accumulated_delta_var")
        a = of_grads * self.rho + square(gradient) * (1 - self.rho)
        of_grads.assign(a)
        step = written(sqrt(of_steps + self.epsilon) * gradient / sqrt(a + self.epsilon), "Delta")
        of_steps.assign(of_steps * self.rho + square(step) * (1 - self.rho))
        variable.assign(variable - learning_rate * step)


@OPTIMIZERS.add()
class Adafactor(Optimizer):
    """``w ← w - α u / max(1, rms(u) / d)`` with ``u = g / √v``: Adam in little memory.

    There is no momentum, and the mean squares of a matrix are kept as one row and one column: v is
    estimated as ``r cᵀ / mean(r)``, from the averages r over its rows and c over its columns.
    ``ρₜ = min(η, 1/√t)`` and ``α = max(ε₂, rms(w)) ρₜ``.

    Args:
        learning_rate: η.
        beta_2_decay: how fast the average comes to rest: it keeps ``1 - t^beta_2_decay``.
        epsilon_1: what is added to g².
        epsilon_2: ε₂, the least size that a variable counts as having.
        clip_threshold: d.
        relative_step: accepted as in Keras, where the rate is at most ``1/√t`` either way.
        common: the arguments of `Optimizer`.

    Source: N. Shazeer, M. Stern, "Adafactor: Adaptive learning rates with sublinear memory cost",
    ICML 2018.

    >>> import numpy as np, glassnet as gn
    >>> w = gn.Variable([1.0])
    >>> gn.optimizers.Adafactor(0.1).apply([np.array([2.0])], [w])
    >>> round(w.numpy().item(), 3)
    0.9
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_2_decay = number(beta_2_decay, "Adafactor: beta_2_decay", most=0)
        self.epsilon_1 = number(epsilon_1, "Adafactor: epsilon_1", least=0)
        self.epsilon_2 = number(epsilon_2, "Adafactor: epsilon_2", least=0)
        self.clip_threshold = number(clip_threshold, "Adafactor: clip_threshold", above=0)
        self.relative_step = relative_step

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        for variable in variables:
            shape = variable.value.shape
            if len(shape) >= 2:
                for name, kept in (("row", shape[:-1]), ("column", (*shape[:-2], shape[-1]))):
                    path = variable.path.replace("/", "_")
                    slot = self.add_variable(kept, dtype=variable.dtype, name=f"{path}_{name}")
                    self._slots[id(variable), name] = slot
            self.add_variable_from_reference(variable, "velocity")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        rho, fresh = self._pace(learning_rate, variable.dtype)
        squares = square(gradient) + self.epsilon_1
        if variable.ndim >= 2:
            row = self._averaged(variable, "row", mean(squares, axis=-1), fresh)
            column = self._averaged(variable, "column", mean(squares, axis=-2), fresh)
            share = row / mean(row, axis=-1, keepdims=True)
            v = expand_dims(share, -1) * expand_dims(column, -2)
            self.slot(variable, "velocity").assign(v)
        else:
            v = self._averaged(variable, "velocity", squares, fresh)
        u = written(gradient / sqrt(v), "R")
        clipped = rho / maximum(_rms(u) / self.clip_threshold, 1)
        variable.assign(variable - u * (maximum(_rms(variable), self.epsilon_2) * clipped))

    def _pace(self, rate: Tensor, dtype: np.dtype) -> tuple[Tensor, Tensor]:
        """ρₜ = min(η, 1/√t), and the weight t^beta_2_decay of what is new in an average."""
        step = self.local_step(dtype)
        return self.once(
            ("pace", dtype),
            lambda: (
                written(minimum(rate, 1 / sqrt(step)), "rho"),
                written(step ** as_tensor(self.beta_2_decay, dtype), "tau"),
            ),
        )

    def _averaged(self, variable: Variable, name: str, value: Tensor, fresh: Tensor) -> Tensor:
        slot = self.slot(variable, name)
        new = slot * (1 - fresh) + value * fresh
        slot.assign(new)
        return new


def _rms(x: Tensor) -> Tensor:
    """The root of the mean square."""
    return sqrt(mean(square(x)))
