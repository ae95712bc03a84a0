"""What an op is: one small class that says everything about itself.

An op instance holds its static parameters and nothing else, so two ops with equal parameters are
equal; a node is an op applied to input nodes. Readers of a graph (engines, the derivative, the
printers) ask the op and know none by its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from glassnet.graph.dimension import Dim, Shape, Size, substitute, symbols

if TYPE_CHECKING:
    from glassnet.graph.slip import Slip
    from glassnet.graph.stability import Stability
    from glassnet.graph.tensor import Tensor

OPS: dict[str, type[Op]] = {}
"""Every op by its name. The contract tests walk this table."""


@dataclass(frozen=True)
class Sample:
    """One trial of an op: an instance and the arrays it is tried on.

    ``wrt`` names the inputs whose derivatives are checked; by default every float input. The
    arrays keep away from kinks and poles, where a difference quotient means nothing.
    """

    op: Op
    inputs: tuple[np.ndarray, ...] = ()
    wrt: tuple[int, ...] | None = None


class Work(NamedTuple):
    """What NumPy does for a value, in numbers from which an engine tells how long it takes."""

    entries: float
    """As many entries of an addition would take as long, products of matrices aside."""
    operations: int = 0
    """Floating-point operations of products of matrices."""


@dataclass(frozen=True)
class Op(ABC):
    """The base of every op: shape rule, value, derivative rule, samples.

    A subclass is a frozen dataclass whose fields are its static parameters (numbers, texts,
    tuples of those, sizes). It is registered under ``name`` when it is defined.
    """

    name: ClassVar[str]
    differentiable: ClassVar[bool] = True
    """False where the derivative is zero everywhere it exists (comparisons, rounding, argmax)."""
    elementwise: ClassVar[bool] = False
    """True where entry i of the value depends on entry i of the (broadcast) inputs alone."""
    pitfall: ClassVar[str] = ""
    """How the value comes to be NaN or infinite, in a few words, where that is typical."""
    spreads: ClassVar[bool] = False
    """True where an input of a smaller shape that broadcasts to the stated one does as well."""
    additive: ClassVar[bool] = False
    """True for the sum of two inputs."""
    rules: ClassVar[tuple[str, ...]] = ()
    """For each input, the sentence by which the derivative goes back to it; mathematics in $…$."""
    quiet: ClassVar[bool] = False
    """True where its rule goes without saying beside another one's."""
    lesson: ClassVar[tuple[tuple[str, str], ...]] = ()
    """The steps that lead to the derivative, where it is no one-liner: (sentence, LaTeX)."""
    distributions: ClassVar[tuple[int, ...]] = ()
    """The places of inputs that are meant to sum to 1 over the op's axis."""
    effort: ClassVar[float] = 1.0
    """What NumPy spends on an entry of the largest array, as against an addition."""
    calls: ClassVar[int] = 1
    """What NumPy spends however small the arrays are, as against a call of ``np.add``."""
    view: ClassVar[bool] = False
    """True where the value may share memory with an input, or with what somebody else holds."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            taken = OPS.get(cls.name)
            if taken is not None and taken.__qualname__ != cls.__qualname__:
                raise ValueError(f"There is an op called {cls.name!r} already: {taken!r}.")
            OPS[cls.name] = cls

    @abstractmethod
    def infer(self, *inputs: Tensor) -> tuple[Shape, np.dtype]:
        """Return the shape and dtype of the value; raise where the inputs do not fit."""

    @abstractmethod
    def value(self, xp: Any, *arrays: Any) -> Any:
        """Return the value on arrays of the namespace ``xp`` (NumPy, or one like it)."""

    def writer(self) -> Callable[..., Any] | None:
        """Return the NumPy function ``f(*arrays, out=array)`` of the value, or None.

        An engine may call it with ``out`` one of the inputs, where nobody needs that any more.
        """
        return None

    def work(self, out: tuple[int, ...], *inputs: tuple[int, ...]) -> Work:
        """Return what NumPy does for a value of shape ``out`` from inputs of these shapes."""
        return Work(0 if self.view else self.effort * max(map(prod, (out, *inputs))))

    def vjp(self, g: Tensor, out: Tensor, *inputs: Tensor) -> tuple[Tensor | None, ...]:
        """Return, for each input, the derivative of ``sum(g * out)`` by it, as graph.

        ``None`` stands for zero. ``out`` is the node itself, so that a rule can reuse its value:
        the derivative of ``s = sigmoid(x)`` is ``g * s * (1 - s)``.
        """
        raise NotImplementedError(f"op {self.name!r} has no derivative rule")

    def formula(self, node: Tensor, *terms: Any) -> Any:
        """Return the value as a term of mathematics, made of the terms of the inputs.

        The page and the emitted program are both printed from it. ``node`` is the node itself,
        whose inputs have the shapes that parameters such as axes refer to. None asks for the
        plain writing: the op's name with its parameters.
        """
        return None

    def rows(self, place: int, *inputs: Tensor) -> Tensor | None:
        """Return R (places, n) where the value is a matrix product with input ``place``, else None.

        With that input as the matrix W (n, f), all its axes but the last as rows, the value as
        (places, f) is R W.
        """
        return None

    def stability(self) -> Stability | None:
        """Return the naive forms of the value that lose digits, or None where there is no trap."""
        return None

    def slips(self) -> Iterable[Slip]:
        """Yield the wrong derivative rules that people write for this op."""
        return ()

    def simplify(self, *inputs: Tensor) -> Tensor | None:
        """Return a tensor that already is the value (``x + 0`` is ``x``), or None."""
        return None

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        """Yield the trials by which the contract tests try this op."""
        return ()

    # --- sizes in the parameters --------------------------------------------------------------
    def symbols(self) -> set[str]:
        """Return the names of the sizes that the parameters mention."""
        return set().union(*(symbols(getattr(self, name)) for name in _parameters(type(self))))

    def bind(self, sizes: Mapping[str, Size]) -> Op:
        """Return this op with the named sizes in its parameters replaced."""
        if not self.symbols():
            return self
        names = _parameters(type(self))
        return replace(self, **{name: _bound(getattr(self, name), sizes) for name in names})

    def __str__(self) -> str:
        parameters = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self))
        return f"{self.name}({parameters})"


@cache
def _parameters(kind: type[Op]) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))


def _bound(value: object, sizes: Mapping[str, Size]) -> object:
    if isinstance(value, Dim):
        return substitute(value, sizes)
    if isinstance(value, tuple):
        return tuple(_bound(item, sizes) for item in value)
    return value
