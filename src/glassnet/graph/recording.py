"""Recording: how nodes come to be, and what a recording notes beside them.

`record` is the one way a node is made. A `Recording` notes what is no node: the new values that
variables get (`Variable.assign` of a tensor), the losses that layers add, how many random
streams each seed has handed out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar, copy_context
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from glassnet.graph import dtypes
from glassnet.graph.tensor import Constant, Tensor

if TYPE_CHECKING:
    from glassnet.graph.op import Op
    from glassnet.graph.variable import Variable


class Recording:
    """What one recording notes beside its nodes."""

    def __init__(self) -> None:
        self.updates: dict[Variable, Tensor] = {}
        self.losses: list[Tensor] = []
        self.calls: list[tuple[Any, str, tuple[Any, Any], Any]] = []
        """(layer, scope, its arguments, its outputs) of every call of a layer, inner ones first."""
        self._streams: Counter[int] = Counter()

    def latest(self, tensor: Tensor) -> Tensor:
        """Return what ``tensor`` stands for now: an assigned variable, for its new value."""
        updates: Mapping[Any, Tensor] = self.updates
        return updates.get(tensor, tensor)

    def next_stream(self, seed: int) -> int:
        """Return how often ``seed`` was drawn from in this recording, counting from 0.

        A layer used twice in one network draws two different masks, and recording the network
        again gives the same two.
        """
        self._streams[seed] += 1
        return self._streams[seed] - 1


P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
_current: ContextVar[Recording | None] = ContextVar("glassnet_recording", default=None)
_scope: ContextVar[str] = ContextVar("glassnet_scope", default="")


def current_recording() -> Recording | None:
    """Return the recording that is under way, if any."""
    return _current.get()


@contextmanager
def held(variable: ContextVar[Any], value: T) -> Iterator[T]:
    """Let a context variable hold a value inside.

    What an interrupt left half entered is closed late, by the garbage collector: then its context
    may be over, and there is nothing to put back.
    """
    token = variable.set(value)
    try:
        yield value
    finally:
        with suppress(ValueError):
            variable.reset(token)


def recording() -> AbstractContextManager[Recording]:
    """Open a recording; what is assigned inside is noted in it and changes no variable."""
    return held(_current, Recording())


def apart(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function run in a context of its own: scope and recording end with it, come what may.

    An interrupt (Ctrl-C) may arrive between setting a scope and the ``try`` that would reset it.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return copy_context().run(function, *args, **kwargs)

    return run


def outside_recording() -> AbstractContextManager[Any]:
    """Step out of the recording under way: a functional model is wired, and noted nowhere."""
    return held(_current, None)


def scope(name: str) -> AbstractContextManager[Any]:
    """Name the part of the network that records what follows: ``"block/dense_1"``."""
    outer = _scope.get()
    return held(_scope, f"{outer}/{name}" if outer else name)


def current_scope() -> str:
    """Return the path of the part that is recording."""
    return _scope.get()


def scoped(name: str) -> str:
    """Return the path to the part called ``name``: the scope, which may be that part's own."""
    outer = _scope.get()
    return outer if outer.split("/")[-1] == name else f"{outer}/{name}" if outer else name


def within(name: str) -> AbstractContextManager[Any]:
    """Record what follows in the part called ``name``, which may have been entered already."""
    return held(_scope, scoped(name))


def in_scope_of(tensor: Tensor) -> AbstractContextManager[Any]:
    """Record what follows in the name of the part that recorded ``tensor``."""
    return held(_scope, tensor.scope)


def written(tensor: Tensor, symbol: str) -> Tensor:
    """Return ``tensor``, to be written as ``symbol`` in formulas: ``written(z, "Z")``."""
    if tensor.symbol is None and tensor.op is not None:
        tensor.symbol = symbol
    return tensor


def record(op: Op, *inputs: Tensor) -> Tensor:
    """Return the node ``op(*inputs)``: the one way a node is made.

    Shape and dtype are inferred here, so a mistake is an error where it is written. A variable
    that was assigned earlier in this recording stands for its new value. What depends on
    constants alone is computed at once and is a constant.
    """
    opened = _current.get()
    if opened is not None and opened.updates:
        inputs = tuple(map(opened.latest, inputs))
    shape, dtype = op.infer(*inputs)
    simpler = op.simplify(*inputs)
    if simpler is not None:
        return simpler
    arrays = [i.value for i in inputs if isinstance(i, Constant)]
    if arrays and len(arrays) == len(inputs) and not op.symbols():
        with np.errstate(all="ignore"):
            return Constant(op.value(np, *arrays))
    return Tensor(op, inputs, shape, dtype, scope=_scope.get())


def as_tensor(value: Any, dtype: Any = None) -> Tensor:
    """Return ``value`` as a tensor: a tensor as it is, anything else as a constant.

    Arrays keep their dtype; Python floats and lists of them get the default float type.

    Raises:
        TypeError: for what is no array of numbers (texts, ragged lists, None).
    """
    if isinstance(value, Tensor):
        return value
    if dtype is None and not isinstance(value, (np.ndarray, np.generic)):
        array = _array(value)
        if dtypes.is_float(array.dtype) and not hasattr(value, "__array__"):
            dtype = dtypes.default_float()
    else:
        array = _array(value)
    found = dtypes.standard(array.dtype if dtype is None else dtype)
    return Constant(array.astype(found, copy=False))


def _array(value: Any) -> np.ndarray:
    if isinstance(value, (list, tuple)) and any(isinstance(v, Tensor) for v in value):
        if all(not isinstance(v, Tensor) or isinstance(v, Constant) for v in value):
            return np.asarray([np.asarray(v) for v in value])
        raise TypeError(
            "A list that holds tensors is no tensor itself. Join them with np.stack(list) or "
            "np.concatenate(list)."
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise TypeError(
            f"Expected numbers in a regular arrangement; got a {type(value).__name__} whose parts "
            f"differ in length ({error}). Pad them to one length, or pass them one by one."
        ) from None
    if array.dtype.kind in "OUSVMm":
        raise TypeError(
            f"Expected numbers; got a {type(value).__name__} of dtype {array.dtype}. "
            "Turn texts and missing values into numbers first."
        )
    return array
