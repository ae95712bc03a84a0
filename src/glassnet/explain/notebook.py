"""How a model and a tensor show themselves in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.explain.document import Block, Document, Paragraph, Table
from glassnet.explain.latex import space_latex
from glassnet.explain.notation import notation_table
from glassnet.explain.render.html import to_html
from glassnet.formulas import matrix_shape
from glassnet.graph.tensor import Constant, Tensor
from glassnet.graph.variable import Variable
from glassnet.notation import get_notation

if TYPE_CHECKING:
    from glassnet.models.model import Model

SHOWN = 6
"""How many rows and columns of a tensor's value are shown."""


def model_html(model: Model) -> str:
    """Return a model as a fragment of HTML: its layers, and the shapes of all it computes."""
    notation = get_notation()
    blocks: list[Block] = [
        Paragraph(f"`{type(model).__name__}`, notation `{notation.name}`: ${notation.dense}$.")
    ]
    if model.built:
        table = notation_table(model)
        column = table.header.index(notation.name)
        rows = tuple((row[0], row[column]) for row in table.rows if row[0].startswith("$"))
        blocks.append(Table(("quantity", "shape"), rows))
        blocks.append(Paragraph(f"{model.count_params():,} parameters."))
    else:
        blocks.append(Paragraph("Not built: it makes its weights when it first sees data."))
    return to_html(Document(model.name, tuple(blocks)), standalone=False)


def tensor_html(tensor: Tensor) -> str:
    """Return a tensor as a fragment of HTML: what it is, its space, its value where it has one."""
    kind = type(tensor).__name__ if tensor.op is None else f"Tensor `{tensor.op.name}`"
    name = f" `{tensor.name}`" if tensor.name else ""
    space = space_latex(matrix_shape(tensor.shape))
    blocks: list[Block] = [Paragraph(rf"{kind}{name} $\in {space}$, `{tensor.dtype}`")]
    if isinstance(tensor, (Constant, Variable)):
        blocks += _values(np.asarray(tensor.value))
    return to_html(Document("", tuple(blocks)), standalone=False)


def _values(array: np.ndarray) -> list[Any]:
    if array.ndim > 2 or not array.size:
        return []
    grid = np.atleast_2d(array)[:SHOWN, :SHOWN]
    more = np.atleast_2d(array).shape
    rows = [tuple(f"{v:.4g}" for v in row) for row in grid]
    header = tuple(str(i + 1) for i in range(grid.shape[1]))
    if more[1] > SHOWN:
        header, rows = (*header, "…"), [(*row, "…") for row in rows]
    if more[0] > SHOWN:
        rows.append(("…",) * len(header))
    return [Table(header, tuple(rows))]
