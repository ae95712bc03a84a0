"""What an op says of rounding: the forms of its formula that lose digits, and what saves them.

Two formulas that are equal on paper differ in floating point: ``exp(x) / sum(exp(x))`` overflows
where ``softmax(x)`` does not. An op whose obvious form is such a trap declares it here, for readers
that measure it.
Source: N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002, ch. 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glassnet.graph.tensor import Tensor


@dataclass(frozen=True)
class Form:
    """One way to compute a value.

    Args:
        formula: how a program writes it: ``"log(exp(x) / sum(exp(x)))"``.
        compute: the same on tensors, written in ops, so that it has a derivative too.
    """

    formula: str
    compute: Callable[..., Tensor]


@dataclass(frozen=True)
class Stability:
    """The delicate side of an op.

    Args:
        naive: the obvious forms, which lose digits or overflow; functions of the op's inputs.
        stable: how the form that does not is written.
        advice: the change that saves the digits, in a sentence.
        exact: the form that is computed in higher precision as the reference; where it is None,
            the op itself is. Needed where the op's derivative rule cancels.
    """

    naive: tuple[Form, ...]
    stable: str
    advice: str
    exact: Callable[..., Any] | None = None
