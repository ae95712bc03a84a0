"""Descent along the gradient, and its kin that look at signs or at the sum of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from glassnet import initializers
from glassnet.checks import number
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.ops.comparison import clip
from glassnet.ops.elementwise import power, sign, square
from glassnet.optimizers.base import OPTIMIZERS, Common, Optimizer


@OPTIMIZERS.add()
class SGD(Optimizer):
    """Gradient descent: ``w ← w - η g``; with momentum μ: ``m ← μ m - η g``, ``w ← w + m``.

    Args:
        learning_rate: η.
        momentum: μ, from 0 to 1.
        nesterov: whether to look ahead: ``w ← w + μ m - η g`` with the new m.
        common: the arguments of `Optimizer`.

    Source: I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and
    momentum in deep learning", ICML 2013.

    >>> import numpy as np, glassnet as gn
    >>> w = gn.Variable([1.0])
    >>> optimizer = gn.optimizers.SGD(learning_rate=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.apply([np.array([1.0])], [w])
    >>> w.numpy().tolist()
    [-0.25]
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.momentum = number(momentum, "SGD: momentum", least=0, most=1)
        self.nesterov = nesterov

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        if self.momentum:
            self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        step = gradient * learning_rate
        if not self.momentum:
            variable.assign(variable - step)
            return
        slot = self.slot(variable, "momentum")
        m = slot * self.momentum - step
        slot.assign(m)
        variable.assign(variable + (m * self.momentum - step if self.nesterov else m))


@OPTIMIZERS.add()
class Lion(Optimizer):
    """``w ← w - η sign(β₁ m + (1 - β₁) g)``, then ``m ← β₂ m + (1 - β₂) g``.

    Every weight moves by η at each step, so η is chosen some ten times smaller than Adam's.

    Args:
        learning_rate: η.
        beta_1: β₁, above 0 and at most 1.
        beta_2: β₂.
        common: the arguments of `Optimizer`.

    Source: X. Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023.

    >>> import numpy as np, glassnet as gn
    >>> w = gn.Variable([1.0])
    >>> gn.optimizers.Lion(0.1).apply([np.array([2.0])], [w])
    >>> round(w.numpy().item(), 3)
    0.9
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = number(beta_1, "Lion: beta_1", above=0, most=1)
        self.beta_2 = number(beta_2, "Lion: beta_2", least=0, most=1)

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        m = self.slot(variable, "momentum")
        direction = sign(m * self.beta_1 + gradient * (1 - self.beta_1))
        variable.assign(variable - learning_rate * direction)
        m.assign(m * self.beta_2 + gradient * (1 - self.beta_2))


@OPTIMIZERS.add()
class Ftrl(Optimizer):
    """``w ← (clip(z, -λ₁, λ₁) - z) / q``: the weights that are best for all gradients so far.

    With ``n' = n + g²``, ``σ = (n'⁻ᵖ - n⁻ᵖ) / η`` and ``q = n'⁻ᵖ / η + 2 (λ₂ + β / 2η)``::

        z ← z + g + 2 s w - σ w

    A weight whose ``|z|`` is at most λ₁ is exactly 0.

    Args:
        learning_rate: η.
        learning_rate_power: p, at most 0.
        initial_accumulator_value: the first n, at least 0.
        l1_regularization_strength: λ₁, at least 0.
        l2_regularization_strength: λ₂, at least 0.
        l2_shrinkage_regularization_strength: s, at least 0.
        beta: β.
        common: the arguments of `Optimizer`.

    Source: H. B. McMahan et al., "Ad click prediction: a view from the trenches", KDD 2013.

    >>> import numpy as np, glassnet as gn
    >>> w = gn.Variable([1.0])
    >>> gn.optimizers.Ftrl(0.1).apply([np.array([2.0])], [w])
    >>> round(w.numpy().item(), 3)
    0.745
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        l1, l2 = l1_regularization_strength, l2_regularization_strength
        shrinkage = l2_shrinkage_regularization_strength
        self.learning_rate_power = number(learning_rate_power, "Ftrl: learning_rate_power", most=0)
        self.initial_accumulator_value = number(
            initial_accumulator_value, "Ftrl: initial_accumulator_value", least=0
        )
        self.l1_regularization_strength = number(l1, "Ftrl: l1_regularization_strength", least=0)
        self.l2_regularization_strength = number(l2, "Ftrl: l2_regularization_strength", least=0)
        self.l2_shrinkage_regularization_strength = number(
            shrinkage, "Ftrl: l2_shrinkage_regularization_strength", least=0
        )
        self.beta = beta

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        start = initializers.Constant(self.initial_accumulator_value)
        self.add_optimizer_variables(variables, ["accumulator", "linear"], [start, "zeros"])

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        n, z = self.slot(variable, "accumulator"), self.slot(variable, "linear")
        l1, shrinkage = self.l1_regularization_strength, self.l2_shrinkage_regularization_strength
        more = n + square(gradient)
        root = power(more, -self.learning_rate_power)
        pull = (root - power(n, -self.learning_rate_power)) / learning_rate
        if shrinkage:
            gradient = gradient + 2 * shrinkage * variable
        new = z + (gradient - pull * variable)
        quadratic = root / learning_rate + self._twice_l2(learning_rate)
        z.assign(new)
        variable.assign((clip(new, -l1, l1) - new if l1 else -new) / quadratic)
        n.assign(more)

    def _twice_l2(self, learning_rate: Tensor) -> Any:
        l2 = 2 * self.l2_regularization_strength
        return l2 + self.beta / learning_rate if self.beta else l2
