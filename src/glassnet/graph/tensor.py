"""Tensors: the nodes of a graph, with NumPy's operators and functions on them.

A tensor is a node: an op applied to input tensors, with a shape and a dtype. It holds no array.
Three kinds of leaves carry or await one: a `Constant` holds an array, a `Variable` holds an array
that training changes, a `Placeholder` gets one when the graph runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.graph import dtypes
from glassnet.graph.dimension import Shape, display, product

if TYPE_CHECKING:
    from glassnet.graph.op import Op

NUMPY_FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""NumPy's functions and what each does on tensors; `implements` fills it where an op is defined."""

_evaluators: list[Callable[[Tensor], np.ndarray]] = []


def implements(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """Make NumPy's ``functions`` work on tensors through the decorated function."""

    def register(ours: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            NUMPY_FUNCTIONS[function] = ours
        return ours

    return register


_displays: list[Callable[[Tensor], str]] = []


def use_display(display: Callable[[Tensor], str]) -> None:
    """Name the function that shows a tensor in a notebook; the package calls this once."""
    _displays[:] = [display]


def use_evaluator(evaluate: Callable[[Tensor], np.ndarray]) -> None:
    """Name the function that computes a tensor's value; an engine calls this once."""
    _evaluators[:] = [evaluate]


class Tensor:
    """A node of the graph: ``op(*inputs)``, with its shape and dtype, known before anything runs.

    NumPy's operators and functions apply (``x @ w + b``, ``np.tanh(x)``, ``x[:, 0]``) and give
    tensors. Where no placeholder is involved the value is there for the asking:
    ``np.asarray(x)``, ``x.numpy()``, ``float(x)``.
    """

    __slots__ = ("__weakref__", "dtype", "inputs", "mask", "name", "op", "origin", "scope", "shape",
                 "symbol")  # fmt: skip

    op: Op | None
    inputs: tuple[Tensor, ...]
    shape: Shape
    dtype: np.dtype
    scope: str  # the path of the layer that recorded it
    name: str | None
    mask: Tensor | None  # which time steps count, as Keras's masks
    symbol: str | None  # how formulas write it: "Z", "mu"
    origin: Any  # the layer call whose output this is, for models made of such calls

    __array_priority__ = 100

    def __init__(
        self,
        op: Op | None,
        inputs: tuple[Tensor, ...],
        shape: Shape,
        dtype: np.dtype,
        *,
        scope: str = "",
        name: str | None = None,
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.shape = shape
        self.dtype = dtype
        self.scope = scope
        self.name = name
        self.mask = None
        self.origin = None
        self.symbol = None

    # --- what it is -------------------------------------------------------------------------
    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Any:
        """The number of entries; a named size where the batch is involved."""
        return product(self.shape)

    @property
    def T(self) -> Tensor:
        """The tensor with its axes in reverse order."""
        return apply(np.transpose, self)

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        return f"<{self._kind()}{name} shape={display(self.shape)} dtype={self.dtype}>"

    def _repr_html_(self) -> str:
        return _displays[0](self) if _displays else f"<code>{escape(repr(self))}</code>"

    def _kind(self) -> str:
        return f"Tensor {self.op.name}" if self.op is not None else type(self).__name__

    # --- its value --------------------------------------------------------------------------
    def numpy(self) -> np.ndarray:
        """Return the value as an array.

        Raises:
            TypeError: where the value depends on a placeholder, which has none before a run.
        """
        return _evaluators[0](self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        value = self.numpy()
        if dtype is not None and value.dtype != dtype:
            return value.astype(dtype)
        return value.copy() if copy else value

    def item(self) -> float | int | bool:
        """Return the single entry as a Python number."""
        return self.numpy().item()

    def tolist(self) -> Any:
        """Return the value as nested lists."""
        return self.numpy().tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self.numpy().__index__()

    def __bool__(self) -> bool:
        try:
            return bool(self.numpy())
        except TypeError as error:
            raise TypeError(
                f"{error} An `if` on a tensor can't be recorded: write np.where(condition, a, b)."
            ) from None

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without axes")
        return int(self.shape[0])

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    # --- NumPy's protocols ------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        reductions = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
        if method == "__call__":
            return apply(ufunc, *inputs, **kwargs)
        if method == "reduce" and ufunc in reductions:
            kwargs.setdefault("axis", 0)
            return apply(reductions[ufunc], *inputs, **kwargs)
        raise TypeError(f"np.{ufunc.__name__}.{method} does not work on glassnet tensors.")

    def __array_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return apply(func, *args, **kwargs)

    # --- operators --------------------------------------------------------------------------
    def __add__(self, other: Any) -> Tensor:
        return apply(np.add, self, other)

    def __radd__(self, other: Any) -> Tensor:
        return apply(np.add, other, self)

    def __sub__(self, other: Any) -> Tensor:
        return apply(np.subtract, self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return apply(np.subtract, other, self)

    def __mul__(self, other: Any) -> Tensor:
        return apply(np.multiply, self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return apply(np.multiply, other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return apply(np.true_divide, self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return apply(np.true_divide, other, self)

    def __floordiv__(self, other: Any) -> Tensor:
        return apply(np.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return apply(np.floor_divide, other, self)

    def __mod__(self, other: Any) -> Tensor:
        return apply(np.mod, self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return apply(np.mod, other, self)

    def __pow__(self, other: Any) -> Tensor:
        return apply(np.power, self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return apply(np.power, other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return apply(np.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return apply(np.matmul, other, self)

    def __neg__(self) -> Tensor:
        return apply(np.negative, self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return apply(np.absolute, self)

    def __invert__(self) -> Tensor:
        return apply(np.logical_not, self)

    def __and__(self, other: Any) -> Tensor:
        return apply(np.logical_and, self, other)

    def __rand__(self, other: Any) -> Tensor:
        return apply(np.logical_and, other, self)

    def __or__(self, other: Any) -> Tensor:
        return apply(np.logical_or, self, other)

    def __ror__(self, other: Any) -> Tensor:
        return apply(np.logical_or, other, self)

    def __lt__(self, other: Any) -> Tensor:
        return apply(np.less, self, other)

    def __le__(self, other: Any) -> Tensor:
        return apply(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Tensor:
        return apply(np.greater, self, other)

    def __ge__(self, other: Any) -> Tensor:
        return apply(np.greater_equal, self, other)

    def __eq__(self, other: object) -> Any:
        return apply(np.equal, self, other)

    def __ne__(self, other: object) -> Any:
        return apply(np.not_equal, self, other)

    # A node is found in dictionaries by identity; == compares entries, as in NumPy.
    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> Tensor:
        return NUMPY_FUNCTIONS[getitem](self, index)

    # --- NumPy's methods --------------------------------------------------------------------
    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return the sum over ``axis``."""
        return apply(np.sum, self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return the mean over ``axis``."""
        return apply(np.mean, self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return the largest entry along ``axis``."""
        return apply(np.max, self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return the smallest entry along ``axis``."""
        return apply(np.min, self, axis=axis, keepdims=keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return the product over ``axis``."""
        return apply(np.prod, self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return the variance over ``axis``."""
        return apply(np.var, self, axis=axis, keepdims=keepdims)

    def std(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return the standard deviation over ``axis``."""
        return apply(np.std, self, axis=axis, keepdims=keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return whether all entries along ``axis`` are true."""
        return apply(np.all, self, axis=axis, keepdims=keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return whether any entry along ``axis`` is true."""
        return apply(np.any, self, axis=axis, keepdims=keepdims)

    def argmax(self, axis: Any = None) -> Tensor:
        """Return the place of the largest entry along ``axis``."""
        return apply(np.argmax, self, axis=axis)

    def argmin(self, axis: Any = None) -> Tensor:
        """Return the place of the smallest entry along ``axis``."""
        return apply(np.argmin, self, axis=axis)

    def clip(self, min: Any = None, max: Any = None) -> Tensor:
        """Return the tensor with its entries kept between ``min`` and ``max``."""
        return apply(np.clip, self, min, max)

    def dot(self, other: Any) -> Tensor:
        """Return the dot product with ``other``, as ``np.dot``."""
        return apply(np.dot, self, other)

    def squeeze(self, axis: Any = None) -> Tensor:
        """Return the tensor without its axes of length 1."""
        return apply(np.squeeze, self, axis=axis)

    def ravel(self) -> Tensor:
        """Return the entries as one axis."""
        return apply(np.ravel, self)

    flatten = ravel

    def copy(self) -> Tensor:
        """Return the tensor: it is never written into, so it is its own copy."""
        return self

    def reshape(self, *shape: Any) -> Tensor:
        """Return the same entries in another shape."""
        return apply(np.reshape, self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Tensor:
        """Return the tensor with its axes in another order."""
        return apply(np.transpose, self, (axes[0] if len(axes) == 1 else axes) or None)

    def astype(self, dtype: Any) -> Tensor:
        """Return the tensor with its entries turned into ``dtype``."""
        return apply(np.astype, self, dtype)


def getitem(tensor: Tensor, index: Any) -> Tensor:
    """Stand in the table of NumPy's functions for ``tensor[index]``, which has no name there."""
    raise NotImplementedError


def apply(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Return what NumPy's ``function`` is on tensors, as the table of such functions says."""
    ours = NUMPY_FUNCTIONS.get(function)
    if ours is None:
        name = getattr(function, "__name__", repr(function))
        raise TypeError(
            f"np.{name} does not work on glassnet tensors yet. See glassnet.ops for what does; "
            "for arrays that need no derivative, compute with np.asarray(tensor)."
        )
    for key in ("out", "where", "casting", "order", "subok"):
        if key in kwargs:
            raise TypeError(
                f"np.{function.__name__} on a glassnet tensor takes no {key}=: a node of a graph "
                "is never written into. Use the value it returns (ops.where selects entries)."
            )
    return ours(*args, **kwargs)


class Constant(Tensor):
    """A leaf that holds an array."""

    __slots__ = ("value",)

    value: np.ndarray

    def __init__(self, value: Any, *, name: str | None = None) -> None:
        self.value = np.asarray(value)
        super().__init__(None, (), self.value.shape, self.value.dtype, name=name)

    def numpy(self) -> np.ndarray:
        """Return the array."""
        return self.value

    def __repr__(self) -> str:
        value = np.array2string(self.value, threshold=20, precision=6, prefix="<Tensor ")
        return f"<Tensor {value} shape={display(self.shape)} dtype={self.dtype}>"

    def __reduce__(self) -> Any:
        return (Constant, (self.value,))


class Placeholder(Tensor):
    """A leaf that gets its array when the graph runs: an input of a network."""

    __slots__ = ()

    def __init__(self, shape: Shape, dtype: Any = None, *, name: str | None = None) -> None:
        dtype = dtypes.default_float() if dtype is None else dtypes.standard(dtype)
        super().__init__(None, (), tuple(shape), dtype, name=name)


STEP = Placeholder((), np.int64, name="step")
"""The number of the training step, an input of every graph that draws random numbers.

A random op is a pure function of (seed, stream, step), so a resumed run draws what the
uninterrupted one would have drawn.
"""


def static_shape(value: Any) -> Shape:
    """Return the shape of a tensor or of anything that NumPy turns into an array."""
    return value.shape if isinstance(value, Tensor) else np.shape(value)
