"""How a model, a history and a tensor show themselves in a notebook.

What shows itself never raises: of an odd model the page has its text.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.explain.diagram.diagrams import drawn
from glassnet.explain.diagram.history import history_svg, panels_of
from glassnet.explain.diagram.plan import Shown
from glassnet.explain.document import (
    Block,
    Document,
    Drawing,
    Paragraph,
    Table,
    as_code,
    literally,
)
from glassnet.explain.latex import space_latex
from glassnet.explain.notation import notation_table
from glassnet.explain.render.html import to_html
from glassnet.formulas import matrix_shape
from glassnet.graph.tensor import Constant, Tensor
from glassnet.graph.variable import Variable
from glassnet.notation import get_notation

if TYPE_CHECKING:
    from glassnet.callbacks import History
    from glassnet.models.model import Model

SHOWN = 6
"""How many rows and columns of a tensor's value are shown."""


def _or_text(html: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return the function so that it gives the thing's text where it fails."""

    @functools.wraps(html)
    def wrapped(thing: Any) -> str:
        try:
            return html(thing)
        except Exception:
            return f"<pre>{escape(_text_of(thing))}</pre>"

    return wrapped


def _text_of(thing: Any) -> str:
    try:
        return repr(thing)
    except Exception:
        return object.__repr__(thing)


@_or_text
def model_html(model: Model) -> str:
    """Return a model as a fragment of HTML: its diagram, its parameters, the shapes of all."""
    notation = get_notation()
    blocks: list[Block] = [
        Paragraph(f"`{type(model).__name__}`, notation `{notation.name}`: ${notation.dense}$.")
    ]
    picture = drawn(model, Shown(notation), theme="page", heading=False)
    blocks.append(Drawing(picture.svg, picture.title))
    if model.built:
        blocks.append(Paragraph(_counts(model)))
        blocks += _shapes(model)
    else:
        blocks.append(Paragraph("Not built: it makes its weights when it first sees data."))
    return to_html(Document(literally(model.name), tuple(blocks)), standalone=False)


def _counts(model: Model) -> str:
    total = model.count_params()
    trained = sum(w.value.size for w in model.trainable_weights)
    text = f"{total:,} parameter{'' if total == 1 else 's'}"
    return f"{text}, {trained:,} of them trained." if trained != total else f"{text}."


def _shapes(model: Model) -> list[Block]:
    """The shapes of what a model computes; nothing where they can't be told."""
    notation = get_notation()
    try:
        table = notation_table(model)
    except Exception:  # the diagram is shown all the same
        return []
    column = table.header.index(notation.name)
    rows = tuple(
        (row[0], row[column])
        for row in table.rows
        if row[0].startswith("$") and not row[column].startswith("$")  # shapes, no formulas
    )
    return [Table(("quantity", "shape"), rows)] if rows else []


@_or_text
def history_html(history: History) -> str:
    """Return a history as a fragment of HTML: its curves, the last and the best values."""
    if not history.epoch:
        return to_html(Document("History", (Paragraph("No epoch yet."),)), standalone=False)
    panels = panels_of(history)
    said = [f"{p.title}, {c.name}: {c.note}" for p in panels for c in p.curves]
    count = len(history.epoch)
    title = f"History of {count:,} epoch{'' if count == 1 else 's'}"
    drawing = Drawing(history_svg(history, "page"), "; ".join(said))
    blocks: list[Block] = [drawing]
    left = [name for name, values in history.history.items() if values and np.ndim(values[0])]
    if left:
        blocks.append(Paragraph(f"Without a curve: {', '.join(map(as_code, left))}."))
    return to_html(Document(title, tuple(blocks)), standalone=False)


@_or_text
def tensor_html(tensor: Tensor) -> str:
    """Return a tensor as a fragment of HTML: what it is, its space, its value where it has one."""
    kind = type(tensor).__name__ if tensor.op is None else f"Tensor `{tensor.op.name}`"
    name = f" {as_code(tensor.name)}" if tensor.name else ""
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
