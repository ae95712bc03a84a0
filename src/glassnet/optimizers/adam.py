"""Adam and its kin: moving averages of the gradient and of its size, freed from their start at 0.

An average that starts at 0, ``m ← m + (1 - β)(g - m)``, is too small by the factor ``1 - βᵗ`` after
t steps; each optimizer here divides by that factor in its own way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from glassnet.checks import number
from glassnet.graph.recording import as_tensor, written
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.ops.comparison import maximum, where
from glassnet.ops.elementwise import absolute, cast, sqrt, square
from glassnet.ops.reduction import sum as sum_
from glassnet.optimizers.base import OPTIMIZERS, Common, Optimizer, Others


class _Averaging(Optimizer):
    """The base of optimizers with averages of the gradient (β₁) and of its square (β₂)."""

    def __init__(
        self,
        learning_rate: Any,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        what = type(self).__name__
        self.beta_1 = number(beta_1, f"{what}: beta_1", least=0, most=1)
        self.beta_2 = number(beta_2, f"{what}: beta_2", least=0, most=1)
        self.epsilon = number(epsilon, f"{what}: epsilon", least=0)

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def moments(self, gradient: Tensor, variable: Variable) -> tuple[Tensor, Tensor]:
        """Update both averages; return their new values."""
        slot_m, slot_v = self.slot(variable, "momentum"), self.slot(variable, "velocity")
        m = slot_m + (gradient - slot_m) * (1 - self.beta_1)
        v = slot_v + (square(gradient) - slot_v) * (1 - self.beta_2)
        slot_m.assign(m)
        slot_v.assign(v)
        return m, v

    def filled(self, beta: float, dtype: np.dtype) -> Tensor:
        """Return ``1 - βᵗ``: the part of an average that is no longer its start."""
        step = self.local_step(dtype)
        return self.once(("filled", beta, dtype), lambda: 1 - as_tensor(beta, dtype) ** step)


@OPTIMIZERS.add()
class Adam(_Averaging):
    """``w ← w - ηₜ m / (√v + ε)``: a step of about η for every weight, whatever its gradient.

    m and v are averages of g and g²; ηₜ makes up for their start at 0. At step t = 1, 2, …::

        m ← m + (1 - β₁) (g - m)
        v ← v + (1 - β₂) (g² - v)
        ηₜ = η √(1 - β₂ᵗ) / (1 - β₁ᵗ)

    Args:
        learning_rate: η.
        beta_1: β₁, how much of the average gradient is kept.
        beta_2: β₂, how much of the average square is kept.
        epsilon: ε, which keeps the denominator off 0.
        amsgrad: whether to divide by the largest v so far, so that steps never grow again.
        common: the arguments of `Optimizer`.

    Sources: D. Kingma, J. Ba, "Adam: A method for stochastic optimization", ICLR 2015 (the form
    before section 2.1). S. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and beyond",
    ICLR 2018.

    >>> import numpy as np, glassnet as gn
    >>> w = gn.Variable([1.0, 1.0])
    >>> gn.optimizers.Adam(learning_rate=0.25).apply([np.array([1e3, -1.0])], [w])
    >>> w.numpy().round(3).tolist()
    [0.75, 1.25]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        self.amsgrad = amsgrad

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        if self.amsgrad:
            self.add_optimizer_variables(variables, "velocity_hat")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        m, v = self.moments(gradient, variable)
        if self.amsgrad:
            largest = self.slot(variable, "velocity_hat")
            v = maximum(largest, v)
            largest.assign(v)
        alpha = self._step_size(learning_rate, variable.dtype)
        variable.assign(variable - m * alpha / (sqrt(v) + self.epsilon))

    def _step_size(self, rate: Tensor, dtype: np.dtype) -> Tensor:
        """η √(1 - β₂ᵗ) / (1 - β₁ᵗ)."""
        first, second = self.filled(self.beta_1, dtype), self.filled(self.beta_2, dtype)
        return self.once(("alpha", dtype), lambda: written(rate * sqrt(second) / first, "alpha"))


@OPTIMIZERS.add("adamw")
class AdamW(Adam):
    """Adam, with the weight decay ``w ← w - λ η w`` before each step.

    A penalty λ|w|² in the loss is no such decay in Adam, which would divide it by √v.

    Args:
        learning_rate: η.
        weight_decay: λ.
        beta_1: β₁, how much of the average gradient is kept.
        beta_2: β₂, how much of the average square is kept.
        epsilon: ε, which keeps the denominator off 0.
        amsgrad: whether to divide by the largest v so far.
        common: the other arguments of `Optimizer`.

    Source: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019.

    >>> import numpy as np, glassnet as gn
    >>> w = gn.Variable([1.0])
    >>> gn.optimizers.AdamW(0.1, weight_decay=0.1).apply([np.array([2.0])], [w])
    >>> round(w.numpy().item(), 3)
    0.89
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Unpack[Others],
    ) -> None:
        number(weight_decay, "AdamW: weight_decay", least=0)
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common
        )


@OPTIMIZERS.add()
class Adamax(Optimizer):
    """``w ← w - η / (1 - β₁ᵗ) · m / (u + ε)``: Adam with the largest gradient for the mean square.

    ``u ← max(β₂ u, |g|)``, and m is as in Adam.

    Args:
        learning_rate: η.
        beta_1: β₁, how much of the average gradient is kept.
        beta_2: β₂, by how much the largest gradient fades.
        epsilon: ε, which keeps the denominator off 0.
        common: the arguments of `Optimizer`.

    Source: D. Kingma, J. Ba, "Adam: A method for stochastic optimization", ICLR 2015, section 7.

    >>> import numpy as np, glassnet as gn
    >>> w = gn.Variable([1.0])
    >>> gn.optimizers.Adamax(0.1).apply([np.array([2.0])], [w])
    >>> round(w.numpy().item(), 3)
    0.9
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = number(beta_1, "Adamax: beta_1", least=0, most=1)
        self.beta_2 = number(beta_2, "Adamax: beta_2", least=0, most=1)
        self.epsilon = number(epsilon, "Adamax: epsilon", least=0)

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.add_optimizer_variables(variables, ["momentum", "norm"])

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        slot_m, slot_u = self.slot(variable, "momentum"), self.slot(variable, "norm")
        m = slot_m + (gradient - slot_m) * (1 - self.beta_1)
        u = maximum(slot_u * self.beta_2, absolute(gradient))
        slot_m.assign(m)
        slot_u.assign(u)
        alpha = self._step_size(learning_rate, variable.dtype)
        variable.assign(variable - m * alpha / (u + self.epsilon))

    def _step_size(self, rate: Tensor, dtype: np.dtype) -> Tensor:
        """η / (1 - β₁ᵗ)."""
        step = self.local_step(dtype)
        return self.once(
            ("alpha", dtype),
            lambda: written(rate / (1 - as_tensor(self.beta_1, dtype) ** step), "alpha"),
        )


@OPTIMIZERS.add()
class Nadam(_Averaging):
    """``w ← w - η m̂ / (√v̂ + ε)``: Adam that looks ahead as Nesterov's momentum does.

    With ``uₜ = β₁ (1 - 0.96ᵗ / 2)`` and the product ``Uₜ = u₁ … uₜ``::

        m̂ = uₜ₊₁ m / (1 - Uₜ₊₁) + (1 - uₜ) g / (1 - Uₜ)
        v̂ = v / (1 - β₂ᵗ)

    Args:
        learning_rate: η.
        beta_1: β₁, how much of the average gradient is kept.
        beta_2: β₂, how much of the average square is kept.
        epsilon: ε, which keeps the denominator off 0.
        common: the arguments of `Optimizer`.

    Source: T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016.

    >>> import numpy as np, glassnet as gn
    >>> w = gn.Variable([1.0])
    >>> gn.optimizers.Nadam(0.1).apply([np.array([2.0])], [w])
    >>> round(w.numpy().item(), 3)
    0.894
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        dtype = variables[0].dtype if variables else None
        self._u_product = self.add_variable((), "ones", dtype, name="u_product")

    def update_all(
        self, grads: Sequence[Tensor], variables: Sequence[Variable], rate: Tensor
    ) -> None:
        self._u_product.assign(self._u_product * self._u(0, self._u_product.dtype))
        super().update_all(grads, variables, rate)

    def _u(self, ahead: int, dtype: np.dtype) -> Tensor:
        """uₜ, or uₜ₊₁ for one ahead."""
        step = self.local_step(dtype)
        return self.once(
            ("u", ahead, dtype),
            lambda: written(
                self.beta_1 * (1 - 0.5 * as_tensor(0.96, dtype) ** (step + ahead)), "u"
            ),
        )

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        m, v = self.moments(gradient, variable)
        of_m, of_g, of_v = self._factors(learning_rate, variable.dtype)
        variable.assign(variable - (m * of_m + gradient * of_g) / (sqrt(v * of_v) + self.epsilon))

    def _factors(self, rate: Tensor, dtype: np.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """The factors of the average, the gradient and the mean square, η among the first two."""
        now, ahead, full = self._u(0, dtype), self._u(1, dtype), self.filled(self.beta_2, dtype)
        product = cast(1 * self._u_product, dtype)

        def compute() -> tuple[Tensor, Tensor, Tensor]:
            of_m = rate * ahead / (1 - product * ahead)
            return of_m, rate * (1 - now) / (1 - product), 1 / full

        return self.once(("factors", dtype), compute)


@OPTIMIZERS.add()
class Lamb(_Averaging):
    """``w ← w - η ‖w‖ / ‖r‖ · r`` with Adam's step r: as long as the variable itself, times η.

    ``r = m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + ε)``; where a length is 0 the quotient counts as 1.

    Args:
        learning_rate: η.
        beta_1: β₁, how much of the average gradient is kept.
        beta_2: β₂, how much of the average square is kept.
        epsilon: ε, which keeps the denominator off 0.
        common: the arguments of `Optimizer`.

    Source: Y. You et al., "Large batch optimization for deep learning", ICLR 2020.

    >>> import numpy as np, glassnet as gn
    >>> w = gn.Variable([1.0])
    >>> gn.optimizers.Lamb(0.1).apply([np.array([2.0])], [w])
    >>> round(w.numpy().item(), 3)
    0.9
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        m, v = self.moments(gradient, variable)
        first = self.filled(self.beta_1, variable.dtype)
        second = self.filled(self.beta_2, variable.dtype)
        r = written(m / first / (sqrt(v / second) + self.epsilon), "R")
        of_w, of_r = sqrt(sum_(square(variable))), sqrt(sum_(square(r)))
        ratio = where((of_w > 0) & (of_r > 0), of_w / of_r, 1)
        variable.assign(variable - ratio * learning_rate * r)
