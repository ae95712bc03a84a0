"""Variables: the leaves that training changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

import numpy as np

from glassnet.graph import dtypes
from glassnet.graph.dimension import display
from glassnet.graph.recording import as_tensor, current_recording, held
from glassnet.graph.tensor import NUMPY_FUNCTIONS, Constant, Tensor

Make = Callable[[Callable[..., Any], tuple[int, ...], np.dtype], Any]

_named: list[Callable[[str], Any]] = []


def use_names(find: Callable[[str], Any]) -> None:
    """Name the function that finds an initializer by its name; initializers call this once."""
    _named[:] = [find]


_initial_values: ContextVar[Make | None] = ContextVar("glassnet_initial_values", default=None)


def _initialized(initializer: Callable[..., Any], shape: tuple[int, ...], dtype: np.dtype) -> Any:
    return initializer(shape, dtype=dtype)


def initial_values(make: Make) -> AbstractContextManager[Make]:
    """Let ``make(initializer, shape, dtype)`` give new variables their first values.

    Loading a file uses it: no initializer runs whose values would be replaced at once, and none
    that a hostile file made ask for more memory than there is.
    """
    return held(_initial_values, make)


class Variable(Tensor):
    """A leaf that holds an array which ``assign`` replaces: a weight, a moving mean, a counter.

    Args:
        initializer: an array, a number, a callable ``initializer(shape, dtype)`` or its name.
        shape: the shape; needed where ``initializer`` is a callable.
        dtype: the dtype; by default the initial array's, or the default float type.
        trainable: whether an optimizer changes it.
        name: its name, unique within a layer.

    Inside a recording ``assign`` notes the new value and later nodes read it; outside it takes
    effect at once. The array is replaced, never written into, so a value read before stays whole.

    >>> import glassnet as gn
    >>> w = gn.Variable([1.0, 2.0], name="w")
    >>> w.assign(w * 2)
    >>> w.numpy().tolist()
    [2.0, 4.0]
    """

    __slots__ = ("_value", "constraint", "path", "regularizer", "trainable")

    def __init__(
        self,
        initializer: Any,
        shape: tuple[int, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        if isinstance(initializer, str) and _named:
            initializer = _named[0](initializer)
        if callable(initializer) and not isinstance(initializer, Tensor):
            if shape is None:
                raise ValueError("Variable: a callable initializer needs shape=, for instance (3,)")
            found = dtypes.default_float() if dtype is None else dtypes.standard(dtype)
            make = _initial_values.get() or _initialized
            value = np.asarray(make(initializer, tuple(shape), found)).astype(found, copy=False)
        else:
            value = np.array(as_tensor(initializer, dtype))
            if dtype is not None:
                value = value.astype(dtypes.standard(dtype), copy=False)
        if shape is not None and value.shape != tuple(shape):
            raise ValueError(
                f"Variable {name!r}: expected an initial value of shape {display(shape)}; "
                f"got {display(value.shape)}."
            )
        super().__init__(None, (), value.shape, value.dtype, name=name)
        self._value = value
        self.trainable = trainable
        self.regularizer: Callable[[Tensor], Tensor] | None = None
        self.constraint: Callable[[Tensor], Tensor] | None = None
        self.path = name or ""

    @property
    def value(self) -> np.ndarray:
        """The array it holds now."""
        return self._value

    def numpy(self) -> np.ndarray:
        """Return the array it holds now."""
        return self._value

    def assign(self, value: Any) -> None:
        """Set the value; inside a recording, note the value it will get.

        Raises:
            ValueError: where the shape differs. Nothing is broadcast.
        """
        tensor = as_tensor(value, None if isinstance(value, Tensor) else self.dtype)
        if tensor.shape != self.shape:
            raise ValueError(
                f"Variable {self.path or self.name!r} holds {display(self.shape)}; "
                f"it was assigned {display(tensor.shape)}."
            )
        if tensor.dtype != self.dtype:
            tensor = NUMPY_FUNCTIONS[np.astype](tensor, self.dtype)
        opened = current_recording()
        if opened is not None:
            # A variable assigned as it is stands for its new value, as it does in an op.
            opened.updates[self] = opened.latest(tensor)
        else:
            self._value = np.array(tensor.numpy())

    def assign_add(self, value: Any) -> None:
        """Add ``value`` to the variable."""
        self.assign(self + value)

    def assign_sub(self, value: Any) -> None:
        """Subtract ``value`` from the variable."""
        self.assign(self - value)

    def replace_array(self, array: np.ndarray) -> None:
        """Take over ``array`` without a copy; an engine calls this with arrays it made."""
        self._value = array

    def __repr__(self) -> str:
        shown = Constant(self._value).__repr__()[len("<Tensor ") :]
        return f"<Variable {self.path or self.name!r} {shown}"


# Each of these two is a single call into C: neither a signal (a keyboard interrupt) nor another
# thread comes in between two variables, so weights are those of one step, whoever looks.
_set_array: Any = Variable.__dict__["_value"].__set__
_get_array: Any = Variable.__dict__["_value"].__get__


def replace_arrays(variables: Sequence[Variable], arrays: Sequence[np.ndarray]) -> None:
    """Let each variable take over its array, all at one moment."""
    deque(map(_set_array, variables, arrays), maxlen=0)


def arrays_of(variables: Sequence[Variable]) -> list[np.ndarray]:
    """Return the arrays that the variables hold at one moment."""
    return list(map(_get_array, variables))
