"""What the curvature at a point is: numbers, sentences, a document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from glassnet.explain.curvature import telling
from glassnet.explain.curvature.density import Density
from glassnet.explain.curvature.spectrum import Spectrum
from glassnet.explain.document import Block as DocumentBlock
from glassnet.explain.document import Document, Formula, Heading, Paragraph, Table
from glassnet.explain.render.html import to_html
from glassnet.explain.render.text import to_text


@dataclass(frozen=True)
class Block:
    """A weight by itself: the block that belongs to it on the diagonal of the Hessian.

    Args:
        name: its name in the derivation, ``"W2"``.
        layer: the name of its layer.
        shape: its shape.
        spectrum: the eigenvalues of the block: the curvature when this weight alone moves.
    """

    name: str
    layer: str
    shape: tuple[int, ...]
    spectrum: Spectrum

    @property
    def kind(self) -> str:
        """``"convex"``, ``"concave"``, ``"saddle"`` or ``"flat"``."""
        return self.spectrum.kind


@dataclass(frozen=True)
class Direction:
    """A direction among the weights.

    Args:
        curvature: how the function curves along it.
        vector: all its components, of length 1, in the order of the weights.
        shares: for each weight the sum of the squares of its components; together they are 1.
        entries: the foremost components, by name: ``("W1[0, 2]", 0.61)``; counted from 0 in the
            array as the notation in use has it.
    """

    TOLD: ClassVar[int] = 3

    curvature: float
    vector: np.ndarray = field(repr=False)
    shares: dict[str, float]
    entries: tuple[tuple[str, float], ...]


@dataclass(frozen=True, repr=False)
class CurvatureReport:
    """The curvature of a loss, or of a plain function, at a point.

    Args:
        name: what was looked at: ``"model 'mlp'"``, the name of a function, or nothing.
        of: what the point consists of: ``"weights"`` or ``"numbers"``.
        examples: the number of examples of the batch; None for a function.
        dtype: the float type in which the point is known; all is computed in float64.
        value: the function's value.
        gradient: its gradient, in the order of the weights.
        length: the length of the point itself, as a vector.
        spectrum: the eigenvalues of the Hessian.
        blocks: each weight by itself.
        density: how the eigenvalues lie.
        sharpest: the direction of the eigenvalue with the largest absolute value.
        hessian: the Hessian, where it was computed.
        residual: how far the ends of the spectrum are from eigenvalues, at most.
        products: how many products with the Hessian it took.
        rate: the learning rate where the optimizer is plain gradient descent.
    """

    name: str
    of: str
    examples: int | None
    dtype: np.dtype
    value: float
    gradient: np.ndarray
    length: float
    spectrum: Spectrum
    blocks: tuple[Block, ...]
    density: Density
    sharpest: Direction
    hessian: np.ndarray | None = None
    residual: float = 0.0
    products: int = 0
    rate: float | None = None

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)

    def __getitem__(self, name: str) -> Block:
        """The block of a weight, by its name: ``report["W1"]``."""
        for block in self.blocks:
            if block.name == name:
                return block
        known = ", ".join(block.name for block in self.blocks) or "no blocks"
        raise KeyError(f"There is no block {name!r}; this report has {known}.")

    # --- what is asked most -------------------------------------------------------------------
    @property
    def size(self) -> int:
        """The number of weights."""
        return self.spectrum.size

    @property
    def kind(self) -> str:
        """``"convex"``, ``"concave"``, ``"saddle"`` or ``"flat"``."""
        return self.spectrum.kind

    @property
    def eigenvalues(self) -> np.ndarray | None:
        """All eigenvalues in ascending order; None where only the ends are known."""
        return self.spectrum.eigenvalues

    @property
    def least(self) -> float:
        """λmin."""
        return self.spectrum.least

    @property
    def greatest(self) -> float:
        """λmax."""
        return self.spectrum.greatest

    @property
    def tolerance(self) -> float:
        """Up to this absolute value an eigenvalue counts as 0."""
        return self.spectrum.tolerance

    @property
    def negative(self) -> int | None:
        """The number of negative eigenvalues; None where only the ends are known."""
        return self.spectrum.negative

    @property
    def zero(self) -> int | None:
        """The number of eigenvalues that count as 0; None where only the ends are known."""
        return self.spectrum.zero

    @property
    def positive(self) -> int | None:
        """The number of positive eigenvalues; None where only the ends are known."""
        return self.spectrum.positive

    @property
    def trace(self) -> float:
        """The sum of the eigenvalues."""
        return self.spectrum.trace

    @property
    def trace_error(self) -> float:
        """The standard error of the trace; 0 where it is exact."""
        return self.spectrum.trace_error

    @property
    def condition(self) -> float | None:
        """``max |λ| / min |λ|``; ∞ where a direction is flat, None where it is not known."""
        return self.spectrum.condition

    @property
    def stable_rate(self) -> float:
        """``2 / λmax``, the largest stable learning rate of gradient descent."""
        return self.spectrum.stable_rate

    @property
    def slope(self) -> float:
        """The length of the gradient."""
        return float(np.linalg.norm(self.gradient))

    @property
    def is_stationary(self) -> bool:
        """Whether the gradient counts as 0: ``‖∇f‖ ≤ √ε · max |λ| · max(1, ‖x‖)``.

        A gradient as small as that comes from a point off by a part √ε of its own size.
        """
        reach = float(np.sqrt(np.finfo(self.dtype).eps)) * max(1.0, self.length)
        return self.slope <= reach * self.spectrum.largest

    # --- as text and as a document ------------------------------------------------------------
    def __repr__(self) -> str:
        name = self.name or "a function"
        return f"<CurvatureReport of {name}: {self.kind}, {self.size} {self.of}>"

    def __str__(self) -> str:
        return to_text(self.document, 100)

    @property
    def document(self) -> Document:
        """The report as a document, which every format is rendered from."""
        blocks: list[DocumentBlock] = [
            Paragraph(telling.verdict(self)),
            Paragraph(telling.place(self)),
            Heading("Eigenvalues of the Hessian"),
            Formula(rf"\nabla^{{2}} {'f' if self.examples is None else 'J'} \, v = \lambda v"),
            Paragraph(telling.eigenvalues(self)),
        ]
        if self.spectrum.eigenvalues is None:
            blocks.append(Paragraph(telling.shares(self)))
        if self.kind != "flat":
            blocks.append(Paragraph(telling.condition(self.spectrum)))
        blocks += [Heading("Gradient descent"), Paragraph(telling.rate(self))]
        if self.kind != "flat":
            blocks.append(Paragraph(telling.sharpest(self)))
        if self.blocks:
            rows = tuple(telling.row(block) for block in self.blocks)
            blocks += [Heading("Each weight by itself"), Table(telling.HEADER, rows)]
        return Document(telling.title(self), tuple(blocks))

    def _repr_html_(self) -> str:
        return to_html(self.document, standalone=False)
