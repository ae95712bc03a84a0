"""The base of optimizers: everything but the formula of the update.

`Optimizer.apply` is written in ops. Inside a recording it notes the new values of weights and
state, so that a training step (forward, loss, backward, update) is one graph. Called with arrays
it records such a graph itself, runs it, and commits all new values at once or, on an error, none.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypedDict, TypeVar

import numpy as np

from glassnet.checks import number
from glassnet.graph.dimension import display
from glassnet.graph.recording import Recording, as_tensor, current_recording
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.ops.comparison import clip, maximum, where
from glassnet.ops.elementwise import cast, sqrt, square
from glassnet.ops.reduction import sum as sum_
from glassnet.ops.shaping import zeros_like
from glassnet.optimizers.eager import Same, Updates
from glassnet.optimizers.rate import Rated
from glassnet.registry import Registry, constructor_arguments, serialize

OPTIMIZERS = Registry("optimizer")

T = TypeVar("T")


class Others(TypedDict, total=False):
    """The arguments that every optimizer takes beside its own, but for the weight decay."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


class Common(Others, total=False):
    """The arguments that every optimizer takes beside its own."""

    weight_decay: float | None


class Optimizer(Rated):
    """The base of optimizers.

    A subclass stores its arguments under their names in ``__init__``, makes its state in
    ``build(variables)`` with ``add_optimizer_variables`` and writes
    ``update_step(gradient, variable, learning_rate)`` in ops, with ``slot(variable, name)`` and
    ``variable.assign(new)``.

    Args:
        learning_rate: η: a number, a schedule, or a function without arguments. The function is
            asked when an update is recorded: at every ``apply`` on arrays, but once in ``fit``.
        weight_decay: λ: every step first takes ``λ η w`` from each weight w; none for None.
        clipnorm: the greatest length of the gradient of one variable.
        clipvalue: the greatest absolute value of an entry of a gradient.
        global_clipnorm: the greatest length of all gradients together.
        use_ema: whether to keep a moving average of the weights.
        ema_momentum: how much of the average is kept at each step.
        ema_overwrite_frequency: after how many steps the weights are set to the average; None
            leaves that to ``finalize_variable_values``, which ``fit`` calls at its end.
        loss_scale_factor: what the loss was multiplied by; gradients are divided by it.
        gradient_accumulation_steps: of how many batches the mean gradient makes one update.
        name: a name, in front of the names of its variables.

    Raises:
        ValueError: where numbers are out of range or two ways of clipping are asked for.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__.lower() if name is None else name
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._check_common()
        self.built = False
        self._undecayed: set[int] = set()
        self._undecayed_names: re.Pattern[str] | None = None
        self._shared: dict[Hashable, Any] | None = None
        self._updates = Updates()
        arguments = constructor_arguments(type(self))
        self._hyperparameters = [n for n in arguments if n != "learning_rate"]
        self._iterations = self.add_variable((), "zeros", "int64", name="iteration")
        self._learning_rate = self._as_rate(learning_rate)

    def _check_common(self) -> None:
        what = type(self).__name__
        clips = ("clipnorm", "clipvalue", "global_clipnorm")
        given = [name for name in clips if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(
                f"{what}: gradients can be clipped in one way only; got {' and '.join(given)}."
            )
        for name in given:
            number(getattr(self, name), f"{what}: {name}", least=0)
        if self.weight_decay is not None:
            number(self.weight_decay, f"{what}: weight_decay", least=0)
        number(self.ema_momentum, f"{what}: ema_momentum", least=0, most=1)
        for name, least in (("ema_overwrite_frequency", 1), ("gradient_accumulation_steps", 2)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, (int, np.integer)) or value < least):
                raise ValueError(
                    f"{what}: {name}: expected an integer of at least {least}, or None; "
                    f"got {value!r}."
                )

    # --- state --------------------------------------------------------------------------------
    @property
    def iterations(self) -> Tensor:
        """The number of updates so far."""
        if self.gradient_accumulation_steps:
            return self._iterations // self.gradient_accumulation_steps
        return self._iterations

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the state for these variables; a subclass adds its own after ``super().build``."""
        if self.built:
            return
        self._trainable = list(variables)
        self._places = {id(v): i for i, v in enumerate(self._trainable)}
        if self.use_ema:
            self.add_optimizer_variables(self._trainable, "average")
        if self.gradient_accumulation_steps:
            self.add_optimizer_variables(self._trainable, "gradient_accumulator")
        self.built = True

    def _build(self, variables: Sequence[Variable]) -> None:
        """Make the state, all of it or, where that is interrupted, none."""
        kept = len(self._variables)
        try:
            self.build(variables)
        except BaseException:
            del self._variables[kept:]
            self._slots.clear()
            self.built = False
            raise

    # --- one update ---------------------------------------------------------------------------
    @abstractmethod
    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """Assign new values to a variable and its state; gradient and rate have its dtype."""
        raise NotImplementedError(f"{type(self).__name__} has no update_step().")

    def update_all(
        self, grads: Sequence[Tensor], variables: Sequence[Variable], rate: Tensor
    ) -> None:
        """Update every variable."""
        for gradient, variable in zip(grads, variables, strict=True):
            local = self._local_rate(rate, variable.dtype)
            self.update_step(cast(gradient, variable.dtype), variable, local)

    def _local_rate(self, rate: Tensor, dtype: np.dtype) -> Tensor:
        return self.once(("rate", dtype), lambda: cast(rate, dtype))

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return ``compute()``, computed once for all variables of this update.

        Bias corrections and the like are the same for all variables; recorded once, they are
        computed once.
        """
        if self._shared is None:
            return compute()
        if key not in self._shared:
            self._shared[key] = compute()
        return self._shared[key]

    def local_step(self, dtype: np.dtype) -> Tensor:
        """Return the number of this update, counted from 1, in the dtype of a weight."""
        return self.once(("step", dtype), lambda: cast(self.iterations + 1, dtype))

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Tensor:
        """Update from pairs (gradient, variable); return the counter of updates."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None
    ) -> None:
        """Update the variables.

        Args:
            grads: the gradients, arrays or tensors, one a variable.
            trainable_variables: the variables; by default those that ``build`` was given.

        Raises:
            ValueError: where a gradient is missing or does not fit its variable, or a variable is
                none of those that the optimizer was built for. Then nothing is changed.

        >>> import numpy as np, glassnet as gn
        >>> w = gn.Variable([1.0, 2.0])
        >>> gn.optimizers.SGD(learning_rate=0.5).apply([np.array([1.0, 1.0])], [w])
        >>> w.numpy().tolist()
        [0.5, 1.5]
        """
        given = list(grads)
        if not given:
            return
        variables = self._checked(given, trainable_variables)
        opened = current_recording()
        if opened is not None:
            self._record([as_tensor(g) for g in given], variables, opened)
            return
        kept = None if self._rate_is_a_function() else self._settings(variables)
        self._updates.run(self._record, given, variables, kept)

    def _checked(
        self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None
    ) -> list[Variable]:
        what = type(self).__name__
        if trainable_variables is None:
            if not self.built:
                raise ValueError(
                    f"{what}.apply(grads) without variables needs build(variables) first; or "
                    "write apply(grads, variables)."
                )
            variables = self._trainable
        else:
            variables = list(trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(
                f"{what}.apply: expected one gradient for each of {len(variables)} variables; "
                f"got {len(grads)}."
            )
        if not self.built:
            self._build(variables)
        for gradient, variable in zip(grads, variables, strict=True):
            self._check_pair(gradient, variable)
        return variables

    def _check_pair(self, gradient: Any, variable: Variable) -> None:
        if id(variable) not in self._places:
            raise ValueError(
                f"{type(self).__name__} was built for other variables; it does not know "
                f"{_label(variable)}. Make a new optimizer for new variables."
            )
        if gradient is None:
            raise ValueError(
                f"{type(self).__name__}.apply: the gradient of {_label(variable)} is None. A "
                "variable that the loss does not depend on has a gradient of zeros; leave it out "
                "of the list to keep it."
            )
        shape = gradient.shape if isinstance(gradient, Tensor) else np.shape(gradient)
        if tuple(shape) != variable.shape:
            raise ValueError(
                f"{type(self).__name__}.apply: the gradient of {_label(variable)} has shape "
                f"{display(shape)}; the variable has {display(variable.shape)}."
            )

    def _settings(self, variables: Sequence[Variable]) -> Hashable:
        """What the recorded update depends on beside the gradients."""
        return (
            tuple(repr(getattr(self, name)) for name in self._hyperparameters),
            Same(self._learning_rate),
            tuple(Same(v.constraint) for v in variables),
        )

    # --- what surrounds the formula -----------------------------------------------------------
    def _record(self, grads: list[Tensor], variables: list[Variable], opened: Recording) -> None:
        self._shared = {}
        try:
            if self.loss_scale_factor is not None:
                grads = [g / self.loss_scale_factor for g in grads]
            if self.gradient_accumulation_steps:
                self._record_accumulating(grads, variables, opened)
            else:
                self._record_update(grads, variables)
            if self.use_ema:
                self._record_average()
            for variable in variables:
                if variable.constraint is not None:
                    variable.assign(variable.constraint(variable))
            self._iterations.assign_add(1)
        finally:
            self._shared = None

    def _record_update(self, grads: list[Tensor], variables: list[Variable]) -> None:
        rate = self._rate_tensor()
        grads = self._clipped(grads)
        if self.weight_decay is not None:
            for variable in variables:
                if self._decays(variable):
                    variable.assign(variable - variable * self._decay(rate, variable.dtype))
        self.update_all(grads, variables, rate)

    def _decay(self, rate: Tensor, dtype: np.dtype) -> Tensor:
        """λ η."""
        local = self._local_rate(rate, dtype)
        return self.once(("decay", dtype), lambda: local * self.weight_decay)

    def _record_accumulating(
        self, grads: list[Tensor], variables: list[Variable], opened: Recording
    ) -> None:
        """Every k-th call makes an update from the mean of k gradients; the others only add."""
        steps = self.gradient_accumulation_steps
        due = (self._iterations + 1) % steps == 0
        sums = self.accumulators(variables)
        totals = [s + cast(g, s.dtype) for s, g in zip(sums, grads, strict=True)]
        before = dict(opened.updates)
        self._record_update([total / steps for total in totals], variables)
        after = dict(opened.updates)
        # A variable stands for its newest value; where no update is due it keeps the one before.
        opened.updates.clear()
        opened.updates.update(before)
        for variable in [*variables, *self._variables]:
            if variable in after and after[variable] is not before.get(variable):
                after[variable] = where(due, after[variable], variable)
        opened.updates.update(after)
        for kept, total in zip(sums, totals, strict=True):
            kept.assign(where(due, zeros_like(total), total))

    def accumulators(self, variables: Sequence[Variable]) -> list[Variable]:
        """Return the sums of gradients that are kept for an update to come; none by default."""
        if not self.gradient_accumulation_steps:
            return []
        return [self.slot(v, "gradient_accumulator") for v in variables]

    def _record_average(self) -> None:
        """The average starts as the weights of the first step: w̄ ← μ w̄ + (1 - μ) w."""
        for variable in self._trainable:
            average, momentum = self.slot(variable, "average"), self._momentum(variable.dtype)
            average.assign(momentum * average + (1 - momentum) * variable)
        if self.ema_overwrite_frequency:
            due = (self.iterations + 1) % self.ema_overwrite_frequency == 0
            for variable in self._trainable:
                variable.assign(where(due, self.slot(variable, "average"), variable))

    def _momentum(self, dtype: np.dtype) -> Tensor:
        """μ, but 0 at the first step."""
        started = self.iterations != 0
        return self.once(("ema", dtype), lambda: cast(started, dtype) * self.ema_momentum)

    def _clipped(self, grads: list[Tensor]) -> list[Tensor]:
        if self.clipvalue:
            return [clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        if self.clipnorm:
            return [g * _shrinking(sum_(square(g)), self.clipnorm) for g in grads]
        if self.global_clipnorm:
            total = sum_(square(grads[0]))
            for g in grads[1:]:
                total = total + sum_(square(g))
            scale = _shrinking(total, self.global_clipnorm)
            return [g * cast(scale, g.dtype) for g in grads]
        return grads

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss times ``loss_scale_factor``, of which the gradients are taken."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # --- weight decay and average -------------------------------------------------------------
    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Variable] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Keep variables out of the weight decay; call it before the optimizer is built.

        Args:
            var_list: the variables.
            var_names: patterns (regular expressions) of which one occurs in the variable's name.
        """
        if self.built:
            raise ValueError(
                "exclude_from_weight_decay must be called before the optimizer is built, that is "
                "before the first training step."
            )
        self._undecayed = {id(v) for v in var_list or ()}
        names = sorted(set(var_names or ()))
        self._undecayed_names = re.compile("|".join(names)) if names else None

    def _decays(self, variable: Variable) -> bool:
        if id(variable) in self._undecayed:
            return False
        pattern = self._undecayed_names
        return pattern is None or pattern.search(variable.name or "") is None

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Set the weights to their moving averages, where ``use_ema`` is on."""
        if self.use_ema and self.built:
            for variable in var_list:
                variable.assign(self.slot(variable, "average"))

    # --- configuration ------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer, as plain data."""
        rate = self._learning_rate
        saved = float(rate.value) if isinstance(rate, Variable) else serialize(rate)
        others = {name: serialize(getattr(self, name)) for name in self._hyperparameters}
        return {"learning_rate": saved, **others}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r}, learning_rate={self._learning_rate!r}>"


def _label(variable: Variable) -> str:
    return repr(variable.path) if variable.path else repr(variable)


def _shrinking(squares: Tensor, length: float) -> Tensor:
    """The factor that brings a vector to at most ``length``; NaN where its length is no number."""
    norm = sqrt(squares)
    return length / maximum(norm, length) + (norm - norm)
