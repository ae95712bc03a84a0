"""`diagram`: any model as a block diagram."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from glassnet.checks import number, one_of
from glassnet.explain.diagram.drawing import Drawer
from glassnet.explain.diagram.palette import checked_theme
from glassnet.explain.diagram.picture import Picture, check_ending
from glassnet.explain.diagram.plan import Shown, plan_of
from glassnet.models.model import Model
from glassnet.notation import get_notation

DIRECTIONS = ("down", "right")
SPLINES = {"ortho": 6.0, "curved": 20.0, "spline": 20.0, "polyline": 0.0, "line": 0.0}
"""Keras's names for the ways of wires, with the radius of their corners."""
_PIXELS = 96
"""The pixels of an inch, as browsers count them."""


class Diagram(Picture):
    """A block diagram: ``svg`` is its text, ``save`` writes it; a notebook shows it."""


def diagram(
    model: Any,
    path: str | Path | None = None,
    *,
    theme: str | None = None,
    expand_nested: bool = False,
    direction: str = "down",
    notation: str | None = None,
    dpi: float = 96,
) -> Diagram:
    """Draw a model: a block for each layer, a wire for each tensor that goes from one to another.

    A block says the layer's class and name, what it computes, the shape of its output in the
    notation that is set, and its number of parameters; the small body at its right grows with the
    logarithms of the sizes. A layer called twice has two blocks, the second with a broken edge:
    its weights are those of the first.

    Args:
        model: any model; one that is not built shows the layers that are known.
        path: where to write it, .svg or .html; nowhere for None.
        theme: "light" or "dark"; as the reader's screen is for None.
        expand_nested: whether models in the model are opened.
        direction: "down" or "right".
        notation: the notation of the shapes; the one that is set for None.
        dpi: how many pixels of a screen the picture takes for each 96th of an inch of it, times
            96: 192 shows it twice as large.

    Raises:
        TypeError: where ``model`` is no model.
        ValueError: for an unknown theme, direction or notation, or another ending of the path.

    Source: as for the layout, K. Sugiyama et al., "Methods for Visual Understanding of
    Hierarchical System Structures", 1981.

    >>> import glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, "tanh"), gn.layers.Dense(1)])
    >>> picture = gn.plots.diagram(model)
    >>> picture.svg.count('class="block ')
    3
    """
    one_of(direction, DIRECTIONS, "direction")
    number(dpi, "dpi", above=0)
    shown = Shown(get_notation(notation), expand_nested=expand_nested)
    return drawn(
        model,
        shown,
        path,
        theme=checked_theme(theme),
        right=direction == "right",
        scale=dpi / _PIXELS,
    )


def plot_model(
    model: Any,
    to_file: str | Path | None = "model.svg",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: float = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Diagram:
    """Draw a model under Keras's name and arguments; see ``glassnet.utils.plot_model``."""
    one_of(rankdir, ("TB", "LR"), "rankdir")
    one_of(splines, tuple(SPLINES), "splines")
    number(dpi, "dpi", above=0)
    shown = Shown(
        get_notation(),
        shapes=bool(show_shapes),
        names=bool(show_layer_names),
        activations=bool(show_layer_activations),
        dtypes=bool(show_dtype),
        trainable=bool(show_trainable),
        expand_nested=bool(expand_nested),
    )
    return drawn(model, shown, to_file, right=rankdir == "LR", radius=SPLINES[splines])


def drawn(model: Any, shown: Shown, path: str | Path | None = None, **how: Any) -> Diagram:
    """Return the diagram of a model; ``how`` are the arguments of `Drawer`."""
    if not isinstance(model, Model):
        raise TypeError(f"A diagram is drawn of a model; got {type(model).__name__}.")
    if path is not None:
        check_ending(Path(path))
    drawer = Drawer(plan_of(model, shown), with_names=shown.names, **how)
    picture = Diagram(drawer.svg(), f"Diagram of the model {model.name}")
    if path is not None:
        picture.save(path)
    return picture
