"""The learning rate of an optimizer: a number, a schedule, or a function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from glassnet import initializers, schedules
from glassnet.checks import number
from glassnet.graph import dtypes
from glassnet.graph.recording import as_tensor, current_recording
from glassnet.graph.substitution import substitute_tensors
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.graph.variable import Variable
from glassnet.optimizers.state import State
from glassnet.schedules import LearningRateSchedule


class Rated(State):
    """An optimizer's state with a learning rate, which is a variable where it is a number."""

    _iterations: Variable
    _learning_rate: Any

    def _as_rate(self, rate: Any) -> Any:
        if isinstance(rate, Mapping):
            rate = schedules.get(rate)
        if callable(rate) and not isinstance(rate, Tensor):
            return rate
        if isinstance(rate, str):
            raise TypeError(
                f"{type(self).__name__}: learning_rate: expected a number, a schedule or a "
                f"function; got {rate!r}."
            )
        value = number(np.asarray(rate).item(), f"{type(self).__name__}: learning_rate")
        return self.add_variable(
            (), initializers.Constant(value), dtypes.default_float(), name="learning_rate"
        )

    @property
    def learning_rate(self) -> Any:
        """The learning rate now; a number, a schedule or a function can be assigned."""
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate
        if current_recording() is not None:
            return self._rate_tensor()
        if isinstance(self._learning_rate, LearningRateSchedule):
            return as_tensor(self._learning_rate(self._iterations.value))
        return self._learning_rate()

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        if callable(rate) and not isinstance(rate, Tensor):
            self._variables = [v for v in self._variables if v is not self._learning_rate]
            self._learning_rate = rate
        elif isinstance(self._learning_rate, Variable):
            self._learning_rate.assign(np.asarray(rate))
        else:
            raise TypeError(
                f"This {type(self).__name__} was made with a schedule as learning_rate, so its "
                "rate can't be set to a number. Make it with a number, or assign a schedule."
            )

    def _rate_tensor(self) -> Tensor:
        """The learning rate as graph."""
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate
        if not isinstance(self._learning_rate, LearningRateSchedule):
            return as_tensor(self._learning_rate())
        # The schedule sees a step without a value. With the counter itself an `if step < 10` in
        # a schedule would be decided once, when the step is recorded.
        step = Placeholder((), np.int64, name="step")
        try:
            rate = as_tensor(self._learning_rate(step))
        except TypeError as error:
            raise TypeError(
                f"The schedule {type(self._learning_rate).__name__} can't be recorded: the step "
                "is a tensor that gets its value when training runs. Choose with "
                f"np.where(step < 10, a, b) in place of if. ({error})"
            ) from error
        return substitute_tensors([rate], {step: self._iterations})[0]

    def _rate_is_a_function(self) -> bool:
        return not isinstance(self._learning_rate, (Variable, LearningRateSchedule))
