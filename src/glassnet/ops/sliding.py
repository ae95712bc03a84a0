"""The ops of convolution: a kernel slides over images or sequences and is multiplied at each place.

With one spatial axis, stride s, dilation d and padded input,

    y[i, p, f] = Σₒ Σ_c x[i, s·p + d·o, c] · K[o, c, f],

which mathematics calls correlation and every framework calls convolution. As a number
⟨g, y⟩ = Σ g·x·K is linear in g, x and K alike. Its derivative by g is `Convolution` (x, K), by x
is `TransposedConvolution` (g, K), by K is `KernelCorrelation` (x, g). The derivative of each of the
three is made of the other two, so they can be differentiated any number of times.

Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from glassnet.formulas import (
    Applied,
    Function,
    Term,
    call,
    matrix_product,
    matrix_shape,
    transposed,
)
from glassnet.formulas.arranging import RESHAPE, arranged, reshaped, whole
from glassnet.formulas.sliding import (
    CORR,
    DEPTHWISE_CORR,
    DEPTHWISE_FULL_CONV,
    DEPTHWISE_KERNEL_CORR,
    FULL_CONV,
    GROUPED_CORR,
    GROUPED_FULL_CONV,
    GROUPED_KERNEL_CORR,
    KERNEL_CORR,
)
from glassnet.graph.dimension import Dim, Shape, Size, display, divide, product
from glassnet.graph.op import Op, Sample, Work
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.slip import Slip
from glassnet.graph.tensor import Tensor
from glassnet.ops import columns, slips
from glassnet.ops.columns import Slide
from glassnet.ops.elementwise import Grads
from glassnet.ops.shaping import reshape
from glassnet.ops.windows import (
    Pairs,
    cells_of,
    check_even,
    negated,
    padded,
    pairs_of,
    placed,
    places,
    said,
    said_padding,
    said_pairs,
    span,
    spanned,
)


def operations_of(y: tuple[int, ...], kernel: tuple[int, ...]) -> int:
    """Return the floating-point operations of a product over windows.

    ``y`` has the shape of the places, (m, o…, f), ``kernel`` that of K, (k…, c/groups, f); they are
    the same for all three ops.

    >>> operations_of((1, 4, 4, 8), (3, 3, 2, 8))
    4608
    """
    return 2 * prod(y) * prod(kernel[:-1])


@dataclass(frozen=True)
class Sliding(Op):
    """What the three ops share: how the kernel moves.

    ``padding`` is in the form of `glassnet.ops.windows`, in which windows end with the padded
    axis, so that each of the three shapes follows from the other two.
    """

    strides: tuple[int, ...] = (1,)
    padding: Pairs = ((0, 0),)
    dilation: tuple[int, ...] = (1,)
    groups: int = 1

    @property
    def motion(self) -> tuple[Any, ...]:
        """The parameters, which the two other ops have in common with this one."""
        return self.strides, self.padding, self.dilation, self.groups

    def work_over(self, y: tuple[int, ...], kernel: tuple[int, ...]) -> Work:
        """Return the work, given the shapes of the places and the kernel.

        NumPy writes out what every window covers, then makes one product.
        """
        operations = operations_of(y, kernel)
        covered = operations * self.groups // (2 * max(kernel[-1], 1))
        return Work(self.effort * covered, operations)

    def slide(self) -> Slide:
        """Return the motion with all sizes known."""
        pairs = tuple((int(lo), int(hi)) for lo, hi in self.padding)
        return Slide(self.strides, pairs, self.dilation)

    def reaches(self, kernel: Shape) -> tuple[int, ...]:
        """Return over how many cells a kernel of this shape reaches along each axis."""
        return tuple(span(int(k), d) for k, d in zip(kernel[:-2], self.dilation, strict=True))

    def check_rank(self, **tensors: Tensor) -> None:
        """Raise where a tensor does not have the spatial axes and two more."""
        for what, tensor in tensors.items():
            if tensor.ndim != len(self.strides) + 2:
                raise ValueError(
                    f"{self.name}: {what} must have {len(self.strides) + 2} axes for "
                    f"{len(self.strides)} spatial axes; got shape {display(tensor.shape)}."
                )

    def check_number(self, what: str, found: Size, expected: Size) -> None:
        """Raise where a number of channels is not what the other input asks for."""
        if found != expected:
            raise ValueError(f"{self.name}: expected {what} to be {expected}; got {found}.")

    # --- the formula ----------------------------------------------------------------------------
    def said(self) -> dict[str, Any]:
        """Return the parameters that are not the usual ones, as formulas say them."""
        padding = said_padding(self.padding, self.strides)
        found = {
            "stride": said(self.strides), "padding": padding, "dilation": said(self.dilation),
            "groups": self.groups,
        }  # fmt: skip
        usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
        return {key: value for key, value in found.items() if value != usual[key]}

    def said_pairs(self) -> Pairs:
        """Return the padding that formulas say."""
        return said_pairs(said_padding(self.padding, self.strides), len(self.strides))

    @property
    def plain(self) -> bool:
        """Whether the kernel moves by 1 over an input without padding, in one group."""
        return not self.said()

    def applied(self, function: Function, a: Term, b: Term, shape: Shape, **also: Any) -> Term:
        """Return a function of the formulas with the parameters that must be said."""
        parameters = {**self.said(), **also}
        if function in (DEPTHWISE_CORR, DEPTHWISE_FULL_CONV, DEPTHWISE_KERNEL_CORR):
            del parameters["groups"]  # a group is a channel
        return call(function, a, b, shape=shape, **parameters)

    def channelwise(self, term: Term, kernel: Shape) -> Term | None:
        """Return the (k…, c, r) of which a depthwise convolution makes its kernel, or None."""
        if self.groups == 1 or kernel[-2] != 1 or not isinstance(term, Applied):
            return None
        inner = term.arguments[0] if term.function is RESHAPE else term
        shape = matrix_shape((*kernel[:-2], self.groups, divide(kernel[-1], self.groups)))
        return inner if inner.shape == shape else None

    # --- any array namespace, no writing into arrays --------------------------------------------
    def columns(self, xp: Any, x: Any, cells: tuple[int, ...]) -> Any:
        """Return the windows of ``x`` as one matrix for each group, (G, m·∏o, ∏k·c/G)."""
        slide = self.slide()
        counts = slide.counts(x.shape[1:-1], cells)
        x = padded(xp, x, slide.padding)
        read = [x[cell] for cell in cells_of(cells, counts, self.strides, self.dilation)]
        rows, channels = x.shape[0] * prod(counts), x.shape[-1] // self.groups
        split = xp.reshape(xp.stack(read, axis=-2), (rows, len(read), self.groups, channels))
        turned = xp.transpose(split, (2, 0, 1, 3))
        return xp.reshape(turned, (self.groups, rows, len(read) * channels))

    def weights(self, xp: Any, kernel: Any) -> Any:
        """Return the kernel as one matrix for each group, (G, ∏k·c/G, f/G)."""
        rows = prod(kernel.shape[:-1])
        split = xp.reshape(kernel, (rows, self.groups, kernel.shape[-1] // self.groups))
        return xp.transpose(split, (1, 0, 2))

    def matrices(self, xp: Any, y: Any) -> Any:
        """Return the places of ``y`` as one matrix for each group, (G, m·∏o, f/G)."""
        split = xp.reshape(y, (prod(y.shape[:-1]), self.groups, y.shape[-1] // self.groups))
        return xp.transpose(split, (1, 0, 2))

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        rng = np.random.default_rng(0)
        for sizes, kernel, strides, padding, dilation, groups in _TRIALS:
            pairs = pairs_of(padding, sizes[1:-1], kernel[:-2], strides, dilation, cls.name)
            op = cls(strides, pairs, dilation, groups)
            counts = op.slide().counts(sizes[1:-1], kernel[:-2])
            x, k = rng.normal(size=sizes), rng.normal(size=kernel)
            g = rng.normal(size=(sizes[0], *counts, kernel[-1]))
            yield Sample(op, cls._inputs(x, k, g))

    @staticmethod
    def _inputs(x: np.ndarray, kernel: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        raise NotImplementedError


# x, kernel, strides, padding, dilation, groups
_Trial = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], Any, tuple[int, ...], int]
_TRIALS: tuple[_Trial, ...] = (
    ((2, 5, 6, 3), (3, 2, 3, 4), (1, 1), "valid", (1, 1), 1),
    ((1, 5, 4, 2), (2, 4, 2, 3), (2, 3), "same", (1, 1), 1),  # even kernel, same with strides
    ((2, 6, 5, 4), (2, 2, 2, 6), (1, 1), "same", (2, 3), 2),  # dilation with groups
    ((2, 4, 3, 3), (3, 3, 1, 3), (1, 1), "same", (1, 1), 3),  # one filter a channel
    ((1, 4, 3, 2), (2, 2, 1, 6), (2, 1), "valid", (1, 1), 2),  # three filters a channel
    ((2, 3, 3, 1), (3, 3, 1, 2), (1, 1), "valid", (1, 1), 1),  # kernel as large as the input
    ((1, 1, 4, 2), (1, 1, 2, 3), (1, 1), "valid", (1, 1), 1),  # pointwise
    ((2, 7, 2), (2, 2, 3), (3,), "valid", (1,), 1),  # stride larger than kernel
    ((2, 4, 2), (3, 2, 2), (1,), "full", (1,), 1),
    ((2, 5, 2), (3, 2, 2), (2,), ((0, 3),), (1,), 1),
    ((1, 3, 2, 3, 2), (2, 2, 2, 2, 2), (1, 2, 1), "same", (1, 1, 1), 1),
)


class Convolution(Sliding):
    """x (m, n…, c), K (k…, c/groups, f) → (m, o…, f)."""

    name = "convolution"
    effort = 3.5
    calls = 20
    rules = (
        "Each entry of the input was met by every cell of the kernel in turn: the derivative comes "
        "back through full convolution, that is correlation with the kernel turned by 180° (with "
        "zeros between the entries where the stride is above 1)",
        "Each cell of the kernel gets, summed over examples and places, what it met in the input "
        "times the derivative there: the correlation of the input with it",
    )

    def infer(self, x: Tensor, kernel: Tensor) -> tuple[Shape, np.dtype]:
        self.check_rank(x=x, kernel=kernel)
        self.check_number("the channels of x", x.shape[-1], kernel.shape[-2] * self.groups)
        reaches = self.reaches(kernel.shape)
        for size, pair, reach, s in zip(
            x.shape[1:-1], self.padding, reaches, self.strides, strict=True
        ):
            check_even(size, pair, reach, s, self.name)
        counts = map(places, x.shape[1:-1], self.padding, reaches, self.strides)
        return (x.shape[0], *counts, kernel.shape[-1]), x.dtype

    def value(self, xp: Any, x: Any, kernel: Any) -> Any:
        slide = self.slide()
        counts = slide.counts(x.shape[1:-1], kernel.shape[:-2])
        if min(counts) < 1:
            raise ValueError(
                f"convolution: the kernel {display(kernel.shape)} reaches over more than the input "
                f"of shape {display(x.shape)} has. Use a smaller kernel, or padding='same'."
            )
        if xp is np:
            return columns.convolution(x, kernel, slide, self.groups)
        y = xp.matmul(self.columns(xp, x, kernel.shape[:-2]), self.weights(xp, kernel))
        return xp.reshape(xp.transpose(y, (1, 0, 2)), (x.shape[0], *counts, kernel.shape[-1]))

    def work(self, out: tuple[int, ...], *inputs: tuple[int, ...]) -> Work:
        return self.work_over(out, inputs[1])

    def formula(self, node: Tensor, a: Term, kernel: Term) -> Term:
        x, k = (i.shape for i in node.inputs)
        if self.plain and set(k[:-2]) == {1}:  # one cell: the same product everywhere
            return matrix_product(a, reshaped(kernel, k[-2:]))
        a = whole(a, x)
        channelwise = self.channelwise(kernel, k)
        if channelwise is not None:
            return self.applied(DEPTHWISE_CORR, a, channelwise, node.shape)
        return self.applied(GROUPED_CORR if self.groups > 1 else CORR, a, kernel, node.shape)

    def slips(self) -> Iterable[Slip]:
        return slips.CONVOLUTION

    def vjp(self, g: Tensor, y: Tensor, x: Tensor, kernel: Tensor) -> Grads:
        return (
            record(TransposedConvolution(*self.motion), g, kernel),
            record(KernelCorrelation(*self.motion), x, g),
        )

    def rows(self, place: int, *inputs: Tensor) -> Tensor | None:
        x, kernel = inputs
        if place != 1 or self.groups != 1:
            return None
        # With a filter for each of its own cells the kernel copies out what it meets.
        cells = int(product(kernel.shape[:-1]))
        copying = as_tensor(np.eye(cells).reshape(*kernel.shape[:-1], cells), x.dtype)
        met = record(self, x, copying)
        return reshape(met, (product(met.shape[:-1]), cells))

    @staticmethod
    def _inputs(x: np.ndarray, kernel: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        return x, kernel


class TransposedConvolution(Sliding):
    """g (m, o…, f), K (k…, c/groups, f) → (m, n…, c): the derivative of ⟨g, x ∗ K⟩ by x.

    Every entry of g adds the kernel, weighted by it, to the place where it stands.
    """

    name = "transposed_convolution"
    effort = 6.0
    calls = 30
    rules = (
        "What spread an entry over the places that the kernel covers gathers the derivative from "
        "there: correlation with the kernel",
        "Each cell of the kernel gets, summed over examples and places, the derivative that it met "
        "times the entry that it was multiplied with",
    )

    def infer(self, g: Tensor, kernel: Tensor) -> tuple[Shape, np.dtype]:
        self.check_rank(g=g, kernel=kernel)
        self.check_number("the channels of the input", g.shape[-1], kernel.shape[-1])
        reaches = self.reaches(kernel.shape)
        sizes = map(spanned, g.shape[1:-1], self.padding, reaches, self.strides)
        return (g.shape[0], *sizes, kernel.shape[-2] * self.groups), g.dtype

    def value(self, xp: Any, g: Any, kernel: Any) -> Any:
        slide, cells = self.slide(), kernel.shape[:-2]
        if xp is np:
            return columns.by_input(g, kernel, slide, self.groups)
        sizes = slide.sizes(g.shape[1:-1], cells)
        wide = tuple(n + lo + hi for n, (lo, hi) in zip(sizes, slide.padding, strict=True))
        turned = xp.transpose(self.weights(xp, kernel), (0, 2, 1))
        products = xp.transpose(xp.matmul(self.matrices(xp, g), turned), (1, 0, 2))
        # (m, o…, G, ∏k, c/G) → for each cell of the kernel what it adds
        parts = xp.reshape(products, (*g.shape[:-1], self.groups, prod(cells), kernel.shape[-2]))
        total: Any = 0
        for i, offset in enumerate(np.ndindex(*cells)):
            part = xp.reshape(parts[..., i, :], (*g.shape[:-1], kernel.shape[-2] * self.groups))
            total = total + placed(xp, part, offset, wide, self.strides, self.dilation)
        return padded(xp, total, negated(slide.padding))

    def work(self, out: tuple[int, ...], *inputs: tuple[int, ...]) -> Work:
        return self.work_over(*inputs)

    def formula(self, node: Tensor, g: Term, kernel: Term) -> Term:
        shape, k = (i.shape for i in node.inputs)
        if self.plain and set(k[:-2]) == {1}:
            return matrix_product(g, reshaped(kernel, k[-2:]).T)
        sizes = tuple(map(spanned, shape[1:-1], self.said_pairs(), self.reaches(k), self.strides))
        also = {} if sizes == node.shape[1:-1] else {"size": said(node.shape[1:-1])}
        g, channelwise = whole(g, shape), self.channelwise(kernel, k)
        if channelwise is not None:
            return self.applied(DEPTHWISE_FULL_CONV, g, channelwise, node.shape, **also)
        return self.applied(
            GROUPED_FULL_CONV if self.groups > 1 else FULL_CONV, g, kernel, node.shape, **also
        )

    def vjp(self, h: Tensor, x: Tensor, g: Tensor, kernel: Tensor) -> Grads:
        return record(Convolution(*self.motion), h, kernel), record(
            KernelCorrelation(*self.motion), h, g
        )

    @staticmethod
    def _inputs(x: np.ndarray, kernel: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        return g, kernel


class KernelCorrelation(Sliding):
    """x (m, n…, c), g (m, o…, f) → (k…, c/groups, f): the derivative of ⟨g, x ∗ K⟩ by K.

    Each cell of the kernel gets the sum, over all examples and places, of what it met times g.
    """

    name = "kernel_correlation"
    effort = 3.5
    calls = 20
    rules = (
        "An entry of the input met every cell of the kernel: full convolution of the second factor "
        "with the derivative by the kernel",
        "The second factor stood where the kernel was multiplied: correlation of the input with "
        "the derivative by the kernel",
    )

    def infer(self, x: Tensor, g: Tensor) -> tuple[Shape, np.dtype]:
        self.check_rank(x=x, g=g)
        cells = []
        for n, o, (lo, hi), s, d in zip(
            x.shape[1:-1], g.shape[1:-1], self.padding, self.strides, self.dilation, strict=True
        ):
            k = divide(n + lo + hi - 1 - (o - 1) * s, d) + 1
            if isinstance(k, Dim):
                raise ValueError(
                    f"{self.name}: the kernel's size follows from {n} and {o} and must be known."
                )
            cells.append(k)
        return (*cells, divide(x.shape[-1], self.groups), g.shape[-1]), x.dtype

    def value(self, xp: Any, x: Any, g: Any) -> Any:
        slide = self.slide()
        if xp is np:
            return columns.by_kernel(x, g, slide, self.groups)
        cells = slide.cells(x.shape[1:-1], g.shape[1:-1])
        turned = xp.transpose(self.columns(xp, x, cells), (0, 2, 1))
        sums = xp.transpose(xp.matmul(turned, self.matrices(xp, g)), (1, 0, 2))
        return xp.reshape(sums, (*cells, x.shape[-1] // self.groups, g.shape[-1]))

    def work(self, out: tuple[int, ...], *inputs: tuple[int, ...]) -> Work:
        return self.work_over(inputs[1], out)

    def formula(self, node: Tensor, a: Term, g: Term) -> Term:
        x, outer = (i.shape for i in node.inputs)
        moves = zip(
            x[1:-1], outer[1:-1], self.said_pairs(), self.strides, self.dilation, strict=True
        )
        cells = tuple(
            divide(n + lo + hi - 1 - (o - 1) * s, d) + 1 for n, o, (lo, hi), s, d in moves
        )
        also = {} if cells == node.shape[:-2] else {"size": said(node.shape[:-2])}
        if self.plain and set(node.shape[:-2]) == {1}:
            rows = product(x[:-1])
            a, g = arranged(a, (rows, x[-1])), arranged(g, (rows, outer[-1]))
            return matrix_product(transposed(a), g)
        a, g = whole(a, x), whole(g, outer)
        if self.groups > 1 and node.shape[-2] == 1:
            *size, _, filters = node.shape
            shape = (*size, self.groups, divide(filters, self.groups))
            found = self.applied(DEPTHWISE_KERNEL_CORR, a, g, shape, **also)
            return reshaped(found, node.shape)
        return self.applied(
            GROUPED_KERNEL_CORR if self.groups > 1 else KERNEL_CORR, a, g, node.shape, **also
        )

    def vjp(self, h: Tensor, kernel: Tensor, x: Tensor, g: Tensor) -> Grads:
        return record(TransposedConvolution(*self.motion), g, h), record(
            Convolution(*self.motion), x, h
        )

    @staticmethod
    def _inputs(x: np.ndarray, kernel: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        return x, g
