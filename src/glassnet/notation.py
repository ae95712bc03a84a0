r"""The three notations in which a network is shown, and how arrays lie in each.

What runs has examples as rows. A notation is a way to write that down: ``"keras"`` writes what
runs, ``"course"`` has examples as columns, ``"torch"`` stores the weights of a dense layer the
other way round. `glassnet.config.set_notation` chooses.

An array lies in a notation with its axes in some order, and some of them written as one, so nothing
is computed on the way from one to another and every bit comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet import config
from glassnet.checks import one_of
from glassnet.graph.dimension import Dim, display, product

Sizes = tuple[Any, ...]
"""The sizes of a shape: numbers, named sizes, or None for a size that only a run tells."""


@dataclass(frozen=True)
class Notation:
    """How a network is written down.

    Args:
        name: the name by which `glassnet.config.set_notation` knows it.
        title: the notation in half a sentence.
        dense: the equation of a dense layer, in LaTeX.
        gradients: what goes back through it, in LaTeX: dW, db, and the derivative by its input.
        derivative: what dQ stands for, in LaTeX; for a quantity Q that has one row or column an
            example, and for the weights.
        examples: ``"rows"`` or ``"columns"``.
        transposed: the kinds of matrices (see `shape`) that lie transposed, seen from what runs.
    """

    name: str
    title: str
    dense: str
    gradients: tuple[str, str, str]
    derivative: tuple[str, str]
    examples: str
    transposed: tuple[str, ...] = ()

    def shape(self, of: Any, kind: str = "examples") -> Sizes:
        """Return how the shape of a tensor, an array or a shape is written; see `shape`."""
        sizes = tuple(of) if isinstance(of, (tuple, list)) else tuple(of.shape)
        return arrangement(kind, sizes, self.name).shape


_SLOPE = r"\frac{\partial J}{\partial Q}"

KERAS = Notation(
    "keras",
    "examples as rows, Z = A W + b",
    "Z = A W + b",
    (
        r"\mathrm{d}W = A^{\top} \mathrm{d}Z",
        r"\mathrm{d}b = \sum_{i=1}^{m} \mathrm{d}Z_{i,:}",
        r"\mathrm{d}A = \mathrm{d}Z W^{\top}",
    ),
    (_SLOPE, _SLOPE),
    "rows",
)
COURSE = Notation(
    "course",
    "examples as columns, Z = W A + b",
    "Z = W A + b",
    (
        r"\mathrm{d}W = \frac{1}{m} \mathrm{d}Z A^{\top}",
        r"\mathrm{d}b = \frac{1}{m} \sum_{i=1}^{m} \mathrm{d}Z_{:,i}",
        r"\mathrm{d}A = W^{\top} \mathrm{d}Z",
    ),
    (f"m {_SLOPE}", _SLOPE),
    "columns",
    ("examples", "kernel", "table"),
)
TORCH = Notation(
    "torch",
    "examples as rows, Z = A Wᵀ + b",
    r"Z = A W^{\top} + b",
    (
        r"\mathrm{d}W = \mathrm{d}Z^{\top} A",
        r"\mathrm{d}b = \sum_{i=1}^{m} \mathrm{d}Z_{i,:}",
        r"\mathrm{d}A = \mathrm{d}Z W",
    ),
    (_SLOPE, _SLOPE),
    "rows",
    ("kernel",),
)
_ALL = {notation.name: notation for notation in (KERAS, COURSE, TORCH)}


def get_notation(name: str | Notation | None = None) -> Notation:
    """Return the notation called ``name``; for None the one that is set.

    Raises:
        ValueError: where there is none; names those there are.

    >>> from glassnet.explain import get_notation
    >>> get_notation("course").dense
    'Z = W A + b'
    """
    if isinstance(name, Notation):
        return name
    return _ALL[one_of(config.notation() if name is None else name, config.NOTATIONS, "notation")]


def shape(of: Any, kind: str = "examples", notation: str | Notation | None = None) -> Sizes:
    """Return how the shape of a tensor, an array or a shape is written in a notation.

    Args:
        of: a tensor, an array, or its shape as it is in what runs.
        kind: ``"examples"`` for what has a row an example; for weights what the layer declares in
            ``weight_layouts``, one of `LAYOUTS`.
        notation: the notation; the one that is set for None.

    >>> from glassnet.explain import shape
    >>> shape((32, 25), notation="course"), shape((25, 10), "kernel", "torch")
    ((25, 32), (10, 25))
    >>> shape((32, 28, 28, 1), notation="course")
    (32, 28, 28, 1)
    """
    return get_notation(notation).shape(of, kind)


# --- how arrays lie -----------------------------------------------------------------------------
@dataclass(frozen=True)
class Arrangement:
    """The way of an array into a notation: its axes in another order, then reshaped."""

    order: tuple[int, ...]
    shape: Sizes
    own: Sizes
    """The shape in what runs."""

    def of(self, array: np.ndarray) -> np.ndarray:
        """Return what lies as in what runs as it lies in the notation, in memory of its own."""
        return np.array(np.transpose(array, self.order).reshape(self.shape), order="C")

    def back(self, array: np.ndarray) -> np.ndarray:
        """Return what lies as in the notation as it lies in what runs, in memory of its own."""
        turned = array.reshape([self.own[axis] for axis in self.order])
        return np.array(np.transpose(turned, np.argsort(self.order)), order="C")


Placed = tuple[Sequence[int], Sequence[Any] | None]
"""The new order of the axes, and the new shape where axes are joined or added."""
Rule = Callable[[Sizes, str, int], Placed]
"""From the shape, the name of the notation, and the number of axes of the layer's input."""


def _as_it_is(own: Sizes, notation: str, rank: int) -> Placed:
    return range(len(own)), None


def _examples(own: Sizes, notation: str, rank: int) -> Placed:
    """Matrices alone: the course keeps the examples of images in front."""
    return (1, 0) if notation == "course" and len(own) == 2 else range(len(own)), None


def _kernel(own: Sizes, notation: str, rank: int) -> Placed:
    return (0, 1) if notation == "keras" else (1, 0), None


def _table(own: Sizes, notation: str, rank: int) -> Placed:
    return (1, 0) if notation == "course" else (0, 1), None


def _vector(own: Sizes, notation: str, rank: int) -> Placed:
    """A column beside columns; beside images it broadcasts over the last axis as it is."""
    if notation == "course" and len(own) == 1 and rank == 2:
        return (0,), (own[0], 1)
    return range(len(own)), None


def _slopes(own: Sizes, notation: str, rank: int) -> Placed:
    """`torch.nn.PReLU` holds one number for each channel, without the axes that share it."""
    if notation == "torch" and all(size == 1 for size in own[:-1]):
        return range(len(own)), own[-1:]
    return _vector(own, notation, rank)


def _filters(own: Sizes, notation: str, rank: int) -> Placed:
    """The last axis, then the one before, then the cells.

    Of a convolution that is (out, in / groups, cells…), of a transposed one, whose kernel has its
    filters before its channels, (in, out, cells…): each as torch has it.
    """
    last = len(own) - 1
    return (last, last - 1, *range(last - 1)) if notation == "torch" else range(len(own)), None


def _depthwise(own: Sizes, notation: str, rank: int) -> Placed:
    """In torch a convolution with as many groups as channels: (channels · filters each, 1, …)."""
    if notation != "torch":
        return range(len(own)), None
    *cells, channels, each = own
    last = len(own) - 1
    return (last - 1, last, *range(last - 1)), (product((channels, each)), 1, *cells)


LAYOUTS: Mapping[str, Rule] = {
    "examples": _examples,
    "kernel": _kernel,
    "vector": _vector,
    "filters": _filters,
    "depthwise": _depthwise,
    "table": _table,
    "slopes": _slopes,
    "as it is": _as_it_is,
}
"""The kinds of arrays by how they lie in the notations. As what runs has them:

- ``"examples"``: a row an example, (m, …);
- ``"kernel"``: the matrix of a dense layer, (inputs, outputs);
- ``"vector"``: a number for each feature or channel, (n,): a bias, a scale, a mean;
- ``"filters"``: the kernel of a convolution, (cells…, in, out), or of a transposed one;
- ``"depthwise"``: filters of each channel alone, (cells…, channels, filters each);
- ``"table"``: a row a category, (categories, n);
- ``"slopes"``: the slopes of PReLU, the shape of an example, or 1 where they are shared;
- ``"as it is"``: the same in every notation.
"""
_AXES = {"kernel": 2, "table": 2}


def arrangement(kind: str, own: Sizes, notation: str, rank: int | None = None) -> Arrangement:
    """Return how an array of a kind and shape lies in a notation.

    Args:
        kind: one of `LAYOUTS`.
        own: the shape in what runs.
        notation: the name of the notation.
        rank: the number of axes of the input of the layer whose weight it is; for None, one more
            than the weight has.

    Raises:
        ValueError: for an unknown kind.
    """
    rule = LAYOUTS[one_of(kind, list(LAYOUTS), "A kind of array")]
    if len(own) != _AXES.get(kind, len(own)) or (kind in ("filters", "depthwise") and len(own) < 3):
        raise ValueError(f"An array of shape {display(own)} is no {kind!r}: see LAYOUTS.")
    order, new = rule(own, notation, len(own) + 1 if rank is None else rank)
    shape = [own[axis] for axis in order] if new is None else new
    return Arrangement(tuple(order), tuple(shape), own)


# --- what messages say --------------------------------------------------------------------------
def shape_text(shape: Sequence[Any], notation: str | Notation | None = None) -> str:
    """Return the shape of examples as text in a notation; an unknown number of examples is m.

    >>> from glassnet.notation import shape_text
    >>> shape_text((None, 25), "course")
    '(25, m)'
    """
    sizes = [Dim.named("m") if i == 0 and size is None else size for i, size in enumerate(shape)]
    return display(get_notation(notation).shape(sizes))


def inputs_in_notation(expected: Sequence[Any], got: Sequence[Any]) -> str:
    """Return what a message about an input adds for readers of another notation; often nothing.

    Args:
        expected: the shape that was expected, with m or None for the number of examples.
        got: the shape that came.
    """
    notation = get_notation()
    if notation.examples == "rows" or len(expected) != 2 or len(got) != 2:
        return ""
    opening = (
        f" In {notation.name} notation: expected X with {expected[1]} rows (features), one column "
        f"an example: {shape_text(expected)}"
    )
    if got[0] == expected[1]:  # it came as the notation has it
        return f"{opening}, as yours is; glassnet takes examples as rows: pass X.T."
    came = f"got {shape_text(got)}"
    return f"{opening}; {came}. glassnet takes examples as rows: such an X goes in as X.T."


def targets_in_notation(targets: Sequence[Any], outputs: Sequence[Any]) -> str:
    """Return what a message about targets adds for readers of another notation; often nothing."""
    notation = get_notation()
    if notation.examples == "rows" or len(targets) != 2 or len(outputs) != 2:
        return ""
    return (
        f" In {notation.name} notation, one column an example: the targets are "
        f"{shape_text(targets)}, the predictions {shape_text(outputs)}. glassnet takes examples as "
        "rows: such targets go in as Y.T."
    )


def examples_in_notation() -> str:
    """Return what a message about the number of examples adds; often nothing."""
    notation = get_notation()
    if notation.examples == "rows":
        return ""
    return (
        f" In {notation.name} notation examples are columns; glassnet takes them as rows: pass X.T "
        "and Y.T."
    )
