"""A brick of your own whose forward and backward are plain NumPy, as one first writes them.

Such a layer is an op like any other in the graph: a network trains through it, freezes it, shares
it. What it can't do is what the graph can't see: no second derivative, no printed mathematics.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.formulas import FUNCTIONS, Function, Term, call, matrix_shape
from glassnet.graph.dimension import Dim, Shape, Size, bind, display, product, symbols
from glassnet.graph.dtypes import is_float, promote
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import record
from glassnet.graph.tensor import STEP, Tensor
from glassnet.graph.variable import Variable
from glassnet.layers.base import Layer
from glassnet.layers.calling import public_shape
from glassnet.nest import flatten, map_structure
from glassnet.ops import cast, reshape
from glassnet.ops.shaping import reshaped
from glassnet.ops.slicing import slice_from


class NumpyLayer(Layer):
    """A layer written as two functions of arrays: ``forward(X)`` and ``backward(dY)``.

    ``forward`` takes the inputs (arrays) and returns the output (an array); it may keep on
    ``self`` what ``backward`` needs. ``backward`` takes dL/dY, sets dL/dW as ``self.dW`` for every
    weight ``self.W``, and returns dL/dX. Inside both, the weights are arrays. A layer of several
    inputs, ``forward(self, A, B)``, is called on a list and returns a tuple from ``backward``. An
    argument ``training`` of ``forward`` tells the mode.

    Both run on a copy of the layer, made for the run and dropped after it: what they keep on
    ``self`` is never seen by another run, so that the layer may be shared within a network and
    between threads. The price is that the derivative runs ``forward`` again. Input arrays are
    read-only, and what is stored in lists or dictionaries on ``self`` is not copied.

    A generator of random numbers on ``self`` (``self.rng = np.random.default_rng(0)``, a
    ``RandomState``) draws anew in each training step, and in that step the same for ``backward``.

    The shape of the output is learned by trying ``forward`` on zeros, for small batches, each time
    the layer is recorded; where that won't do, write ``compute_output_shape(self, input_shape)``.

    >>> import numpy as np, glassnet as gn
    >>> class MyDense(gn.layers.NumpyLayer):
    ...     def __init__(self, units, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.units = units
    ...     def build(self, input_shape):
    ...         self.W = self.add_weight((input_shape[-1], self.units), "ones", name="W")
    ...         self.b = self.add_weight((self.units,), "zeros", name="b")
    ...     def forward(self, X):
    ...         self.X = X
    ...         return X @ self.W + self.b
    ...     def backward(self, dY):
    ...         self.dW = self.X.T @ dY
    ...         self.db = dY.sum(axis=0)
    ...         return dY @ self.W.T
    >>> np.asarray(MyDense(2)(np.array([[1.0, 2.0]]))).tolist()
    [[3.0, 3.0]]
    """

    def forward(self, *inputs: Any) -> Any:
        """Return the output for the inputs: arrays in, an array out."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward(). Write\n"
            "    def forward(self, X):\n        self.X = X\n        return ..."
        )

    def backward(self, dY: Any) -> Any:
        """Set dL/dW as ``self.dW`` for every weight ``self.W``; return dL/dX."""
        raise NotImplementedError(_no_backward(self))

    def call(self, inputs: Any, training: bool | None = None) -> Tensor:
        given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        weights = tuple(_weights_of(self))
        informed = "training" in inspect.signature(self.forward).parameters
        op = NumpyForward(self, weights, len(given), bool(training) if informed else None)
        step = [STEP] if _generators(self) else []
        return record(op.shaped(self._output_shape(op, inputs, given)), *given, *weights, *step)

    def _output_shape(self, op: NumpyForward, inputs: Any, given: Sequence[Tensor]) -> Shape:
        if type(self).compute_output_shape is Layer.compute_output_shape:
            return _tried_shape(op, given)
        declared = self.compute_output_shape(map_structure(lambda t: public_shape(t.shape), inputs))
        return _named(self, tuple(declared), given[0].shape)


def _no_backward(layer: NumpyLayer) -> str:
    return (
        f"Layer {layer.name!r}: {type(layer).__name__} has no backward(), so nothing can be "
        "trained through it. Write\n    def backward(self, dY):\n"
        "        self.dW = ...  # for every weight self.W\n        return dX"
    )


def _weights_of(layer: NumpyLayer) -> Iterator[Variable]:
    """The variables among the attributes, each once; those only noted by the base are not used."""
    seen: set[int] = set()
    for name, value in layer.__dict__.items():
        for leaf in flatten(value) if name != "_weights" else ():
            if isinstance(leaf, Variable) and id(leaf) not in seen:
                seen.add(id(leaf))
                yield leaf


# --- the ops ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class NumpyForward(Op):
    """``forward`` of a layer; the inputs are the layer's, then its weights.

    The layer is a parameter by its identity: no two layers are equal.
    """

    name = "numpy_forward"
    rules = ("The brick's own backward says how the derivative comes back",) * 16
    layer: Any = None
    weights: tuple[Any, ...] = ()
    count: int = 1
    training: bool | None = None
    shape: Shape = ()

    def shaped(self, shape: Shape) -> NumpyForward:
        """Return the op with the shape of its value."""
        return NumpyForward(self.layer, self.weights, self.count, self.training, shape)

    def infer(self, *inputs: Tensor) -> tuple[Shape, np.dtype]:
        floats = [t.dtype for t in inputs if is_float(t.dtype)]
        return self.shape, promote(floats or [np.dtype(self.layer.dtype)])

    def value(self, xp: Any, *arrays: Any) -> Any:
        y = self.run(arrays)[1]
        if y.shape != self.shape:
            raise ValueError(
                f"{self.where}: forward returned the shape {display(y.shape)}; "
                f"{display(self.shape)} was expected from the shapes of its inputs. If that is "
                "wrong, write compute_output_shape(self, input_shape)."
            )
        return y

    def formula(self, node: Tensor, *terms: Term) -> Term:
        known = terms[: self.count + len(self.weights)]
        return call(brick(self.layer), *known, shape=matrix_shape(node.shape))

    @property
    def where(self) -> str:
        """The layer, as messages name it."""
        return f"Layer {self.layer.name!r} ({type(self.layer).__name__})"

    def run(self, arrays: Sequence[Any]) -> tuple[Any, np.ndarray]:
        """Run ``forward`` on a copy of the layer; return the copy and the output."""
        given = [_read_only(a) for a in arrays]
        own = self.prepared(given)
        kwargs = {} if self.training is None else {"training": self.training}
        with _explained(self.where):
            result = own.forward(*given[: self.count], **kwargs)
        floats = [a.dtype for a in given if is_float(a.dtype)]
        dtype = promote(floats or [np.dtype(self.layer.dtype)])
        if any(a.dtype.kind == "c" for a in given):  # a complex step: the doctor's derivative
            return own, np.asarray(result, dtype=np.complex128)
        return own, self._output(result, dtype)

    def prepared(self, given: Sequence[Any]) -> Any:
        """Return a copy of the layer with these weights, its generators set to the step's draws."""
        end = self.count + len(self.weights)
        own = _with_arrays(self.layer, self.weights, given[self.count : end])
        step = int(given[end]) if len(given) > end else 0
        own.__dict__.update((n, _at_step(g, step)) for n, g in _generators(own).items())
        return own

    def _output(self, result: Any, dtype: np.dtype) -> np.ndarray:
        if not isinstance(result, (np.ndarray, np.generic, float)):
            raise TypeError(
                f"{self.where}: forward returns one array; got {type(result).__name__}."
                + (" Did you forget the return?" if result is None else "")
            )
        y = np.asarray(result)
        if not is_float(y.dtype):
            raise TypeError(
                f"{self.where}: forward returns an array of floats; got {y.dtype}. Write "
                "result.astype(float) where it holds whole numbers or truth values."
            )
        y = y.astype(dtype, copy=False)
        # An engine may write over the value: it must share no memory with what outlives the run.
        kept = any(y is value for value in flatten(list(self.layer.__dict__.values())))
        return y.copy() if kept or y.base is not None else y

    def vjp(self, g: Tensor, y: Tensor, *inputs: Tensor) -> tuple[Tensor | None, ...]:
        if type(self.layer).backward is NumpyLayer.backward:
            raise NotImplementedError(_no_backward(self.layer))
        sizes = tuple(product(t.shape) if is_float(t.dtype) else 0 for t in inputs)
        op = NumpyBackward(self.layer, self.weights, self.count, self.training, sizes)
        flat = record(op, g, *inputs)
        parts: list[Tensor | None] = []
        start: Size = 0
        for source, size in zip(inputs, sizes, strict=True):
            if is_float(source.dtype):
                part = reshape(slice_from(flat, (start,), (size,)), source.shape)
                parts.append(cast(part, source.dtype))
                start = size + start
            else:
                parts.append(None)
        return tuple(parts)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        # Values alone: backward stands against difference quotients in the tests of the layer.
        layer = _Sample(name="sample")
        x = np.linspace(-1, 2, 6).reshape(2, 3)
        yield Sample(cls(layer, (), 1, None, (2, 3)), (x,), wrt=())


@dataclass(frozen=True)
class NumpyBackward(Op):
    """``backward`` of a layer: dX and every dW one behind the other, since an op has one value.

    The inputs are dY, then those of `NumpyForward`; ``sizes`` says how many entries each gives.
    """

    name = "numpy_backward"
    layer: Any = None
    weights: tuple[Any, ...] = ()
    count: int = 1
    training: bool | None = None
    sizes: Shape = ()

    def infer(self, *inputs: Tensor) -> tuple[Shape, np.dtype]:
        total: Size = 0
        for size in self.sizes:
            total = size + total
        return (total,), promote(t.dtype for t in inputs if is_float(t.dtype))

    def formula(self, node: Tensor, *terms: Term) -> Term:
        function, terms = brick(self.layer, "backward"), terms[: 1 + self.count + len(self.weights)]
        given = [i.shape for i, n in zip(node.inputs[1:], self.sizes, strict=True) if n != 0]
        if len(given) == 1:  # the derivative by the only input
            found = call(function, *terms, shape=matrix_shape(given[0]))
            return reshaped(found, matrix_shape(node.shape))
        return call(function, *terms, shape=matrix_shape(node.shape))

    def value(self, xp: Any, *arrays: Any) -> Any:
        dY, given = arrays[0], arrays[1:]
        forward = NumpyForward(self.layer, self.weights, self.count, self.training)
        own, _ = forward.run(given)
        with _explained(forward.where):
            by_inputs = own.backward(_read_only(dY))
        derivatives = self._by_inputs(forward.where, by_inputs, given[: self.count])
        end = self.count + len(self.weights)
        derivatives += self._by_weights(forward.where, own, given[self.count : end])
        dtype = promote(a.dtype for a in arrays if is_float(a.dtype))
        return np.concatenate(derivatives).astype(dtype, copy=False)

    def attempt(self, *arrays: Any) -> tuple[np.ndarray, dict[int, Exception]]:
        """Return the value with NaN where ``backward`` went wrong, and what did, by input."""
        dY, given = arrays[0], arrays[1:]
        forward = NumpyForward(self.layer, self.weights, self.count, self.training)
        own, _ = forward.run(given)
        wrong: dict[int, Exception] = {}
        found: list[np.ndarray] = []
        where, result, failed = forward.where, None, None
        try:
            result = own.backward(_read_only(dY))
        except Exception as error:
            failed = error
        for place, array in enumerate(given):
            if not is_float(array.dtype):
                continue
            try:
                if failed is not None:
                    raise failed
                if place < self.count:
                    found.append(self._by_input(where, result, given[: self.count], place))
                else:
                    weight = self.weights[place - self.count]
                    found.append(self._by_weight(where, own, weight, array))
            except Exception as error:
                wrong[place] = error
                found.append(np.full(array.size, np.nan))
        return np.concatenate([part.astype(np.float64) for part in found]), wrong

    def _by_inputs(self, where: str, result: Any, given: Sequence[Any]) -> list[np.ndarray]:
        places = [i for i, array in enumerate(given) if is_float(array.dtype)]
        self._results(where, result, given)
        return [self._by_input(where, result, given, place) for place in places]

    def _results(self, where: str, result: Any, given: Sequence[Any]) -> Any:
        results = result if isinstance(result, (tuple, list)) else (result,)
        if len(results) != len(given):
            raise ValueError(
                f"{where}: backward returns one derivative for each of {len(given)} inputs, "
                f"(dA, dB, …); got {len(results)}."
            )
        return results

    def _by_input(self, where: str, result: Any, given: Sequence[Any], place: int) -> np.ndarray:
        value = self._results(where, result, given)[place]
        name = "dX" if len(given) == 1 else f"derivative {place} of"
        return _checked(where, f"backward returned {name}", value, given[place], "the input")

    def _by_weights(self, where: str, own: Any, given: Sequence[Any]) -> list[np.ndarray]:
        return [
            self._by_weight(where, own, weight, array)
            for weight, array in zip(self.weights, given, strict=True)
            if is_float(array.dtype)
        ]

    def _by_weight(self, where: str, own: Any, weight: Variable, array: Any) -> np.ndarray:
        name, value = self._derivative_by(weight, own)
        if value is None and not weight.trainable:
            value = np.zeros(array.shape)
        if value is None:
            raise ValueError(
                f"{where}: backward must set self.d{name}, the derivative by self.{name}: an "
                f"array of shape {display(array.shape)}."
            )
        return _checked(where, f"backward set self.d{name}", value, array, f"self.{name}")

    def _derivative_by(self, weight: Variable, own: Any) -> tuple[str, Any]:
        """The attribute that holds the weight, and what ``backward`` set for it."""
        for name, value in self.layer.__dict__.items():
            places = [i for i, v in enumerate(flatten(value)) if v is weight]
            if places and name != "_weights":
                leaves = flatten(getattr(own, f"d{name}", None))
                return name, leaves[places[0]] if places[0] < len(leaves) else None
        return weight.name or "weight", None

    def vjp(self, g: Tensor, y: Tensor, *inputs: Tensor) -> tuple[Tensor | None, ...]:
        raise NotImplementedError(
            f"Layer {self.layer.name!r}: its backward was written in NumPy, so it can't be "
            "differentiated again; compose ops instead: class MyLayer(Layer) with call(self, "
            "inputs), where NumPy's functions work on tensors."
        )

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        layer = _Sample(name="sample")
        x = np.linspace(-1, 2, 6).reshape(2, 3)
        yield Sample(cls(layer, (), 1, None, (6,)), (np.ones((2, 3)), x), wrt=())


def brick(layer: Any, suffix: str = "") -> Function:
    """Return what formulas call a brick: its class's name."""
    name = "".join(c for c in type(layer).__name__ if c.isalnum()) + suffix
    while name in FUNCTIONS and FUNCTIONS[name].meaning != _MEANING:
        name += "brick"  # another function has its name
    return Function(name, meaning=_MEANING)


_MEANING = "a brick of one's own; backward gives all its derivatives, one behind another"


class _Sample(NumpyLayer):
    """What the contract tests of the two ops run."""

    def forward(self, X: np.ndarray) -> np.ndarray:
        self.X = X
        return X**2

    def backward(self, dY: np.ndarray) -> np.ndarray:
        return 2 * self.X * dY


# --- running ----------------------------------------------------------------------------------
def _read_only(array: Any) -> np.ndarray:
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def _with_arrays(layer: Any, weights: Sequence[Variable], arrays: Sequence[np.ndarray]) -> Any:
    """A copy of the layer in which the weights are arrays."""
    own = copy.copy(layer)
    found = {id(w): a for w, a in zip(weights, arrays, strict=True)}
    for name, value in layer.__dict__.items():
        if name != "_weights" and any(id(leaf) in found for leaf in flatten(value)):
            own.__dict__[name] = map_structure(lambda v: found.get(id(v), v), value)
            if isinstance(layer.__dict__.get(f"d{name}"), np.ndarray):
                own.__dict__[f"d{name}"] = layer.__dict__[f"d{name}"].copy()  # self.dW += …
    return own


def _generators(layer: Any) -> dict[str, Any]:
    """The attributes that draw random numbers."""
    kinds = (np.random.Generator, np.random.RandomState)
    return {name: value for name, value in vars(layer).items() if isinstance(value, kinds)}


def _at_step(generator: Any, step: int) -> Any:
    """A generator whose draws are a function of this one's state and the step alone."""
    own = copy.deepcopy(generator)
    if isinstance(own, np.random.Generator):
        seed = own.integers(2**32, size=4).tolist()
        return np.random.default_rng([*seed, step])
    seed = own.randint(0, 2**32, size=4, dtype=np.uint64).tolist()
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence([*seed, step])))


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Say with an error of the person's code what may have caused it."""
    try:
        yield
    except ValueError as error:
        if "read-only" in str(error):
            error.add_note(
                f"{where}: inputs and weights are read-only, since other layers use them too. "
                "Write X = X - X.mean() in place of X -= X.mean(); weights are updated by the "
                "optimizer."
            )
        raise


def _checked(where: str, what: str, value: Any, like: Any, whose: str) -> np.ndarray:
    """The derivative as one row; it has the shape of what it is the derivative by."""
    if not isinstance(value, (np.ndarray, np.generic, float)):
        raise TypeError(
            f"{where}: {what} as {type(value).__name__}; expected an array of shape "
            f"{display(like.shape)}."
        )
    array = np.asarray(value)
    if array.shape != like.shape:
        raise ValueError(
            f"{where}: {what} with the shape {display(array.shape)}; {whose} has the shape "
            f"{display(like.shape)}, and so has its derivative."
        )
    if not is_float(array.dtype):
        raise TypeError(f"{where}: {what} with dtype {array.dtype}; expected floats.")
    return array.ravel()


# --- the shape of the output ------------------------------------------------------------------
def _tried_shape(op: NumpyForward, given: Sequence[Tensor]) -> Shape:
    """The shape that ``forward`` gives, learned on zeros.

    Every named size is 2 in one trial and 3 in another; what changes with it depends on it. A
    last trial, with other sizes, makes sure.
    """
    names = sorted(set().union(*(symbols(t.shape) for t in given)))
    base = _trial(op, given, dict.fromkeys(names, 2))
    sizes: list[Size] = list(base)
    for name in names:
        other = _trial(op, given, {**dict.fromkeys(names, 2), name: 3})
        if len(other) != len(base):
            raise _unclear(op)
        for axis, (first, second) in enumerate(zip(base, other, strict=True)):
            sizes[axis] = (Dim.named(name) + -2) * (second - first) + sizes[axis]
    last = {name: 4 + i for i, name in enumerate(names)}
    if names and _trial(op, given, last) != tuple(bind(size, last) for size in sizes):
        raise _unclear(op)
    return tuple(sizes)


def _trial(op: NumpyForward, given: Sequence[Tensor], sizes: dict[str, int]) -> tuple[int, ...]:
    shapes = [tuple(bind(size, sizes) for size in t.shape) for t in given]
    zeros = [np.zeros(s, t.dtype) for s, t in zip(shapes, given, strict=True)]
    try:
        with np.errstate(all="ignore"):
            return op.run([*zeros, *(w.value for w in op.weights)])[1].shape
    except Exception as error:
        error.add_note(
            f"{op.where}: this came up while trying forward on zeros of shape "
            f"{' and '.join(map(display, shapes))} to learn the shape of its output. Where zeros "
            "or so small a batch are no fair trial, write compute_output_shape(self, input_shape)."
        )
        raise


def _unclear(op: NumpyForward) -> ValueError:
    return ValueError(
        f"{op.where}: the shape of forward's output does not follow from that of the input in a "
        "simple way. Write compute_output_shape(self, input_shape), with None for the batch."
    )


def _named(layer: NumpyLayer, declared: tuple[Any, ...], given: Shape) -> Shape:
    """A declared shape with the input's named sizes in the place of None."""
    sizes: list[Size] = []
    for axis, size in enumerate(declared):
        source = given[axis] if axis < len(given) else None
        if size is None and not isinstance(source, Dim):
            raise ValueError(
                f"Layer {layer.name!r}: compute_output_shape gave {declared}; None on axis {axis} "
                f"stands for the input's size there, and the input has the shape {display(given)}."
            )
        sizes.append(source if size is None and source is not None else size)
    return tuple(sizes)
