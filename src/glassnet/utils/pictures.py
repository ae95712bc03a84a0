"""`plot_model`, under Keras's name. What draws stands above the models, and is named once."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

_plotters: list[Callable[..., Any]] = []


def use_plotter(plot: Callable[..., Any]) -> None:
    """Name the function that draws models; `glassnet.models` calls this once."""
    _plotters[:] = [plot]


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] | None = "model.svg",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: float = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Draw a model as a block diagram, write it, and return it: a notebook shows it.

    Keras writes a PNG with Graphviz; this is SVG and needs no other program.
    ``glassnet.plots.diagram`` shows more by itself.

    Args:
        model: any model.
        to_file: where to write it, .svg or .html; nowhere for None.
        show_shapes: whether blocks say the shapes of their outputs.
        show_dtype: whether they say the dtypes.
        show_layer_names: whether they say the layers' names.
        rankdir: "TB", from top to bottom, or "LR", from left to right.
        expand_nested: whether models in the model are opened.
        dpi: has no effect: SVG is sharp at any size.
        show_layer_activations: whether blocks say the activations of layers that have one.
        show_trainable: whether they say that their weights are trained; frozen ones say so always.
        splines: how wires turn: "ortho", "curved" or "spline" with rounder corners, "polyline" or
            "line" with sharp ones.

    Raises:
        TypeError: where ``model`` is no model.
        ValueError: for an unknown rankdir or splines, or a file that is neither .svg nor .html.

    >>> import glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    >>> gn.utils.plot_model(model, to_file=None, show_shapes=True).svg.count(">(m, ")
    2
    """
    return _plotters[0](
        model,
        to_file,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
    )
