"""The paths of optimizers over a function of two variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.checks import whole
from glassnet.plots.beside import legend_below
from glassnet.plots.comparison import on_contours
from glassnet.plots.figures import Theme, theme_of
from glassnet.plots.wording import literal_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from glassnet.explain.comparison import Comparison

CELLS = 161


@literal_names
def descent_paths(
    function: Callable[[Any], Any],
    starts: Any = None,
    optimizers: Any = "sgd",
    *,
    steps: int = 100,
    domain: tuple[tuple[float, float], tuple[float, float]] | None = None,
    cells: int = CELLS,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Axes:
    """Draw ``x_{t+1} = x_t - η ∇f(x_t)``, or another optimizer's steps, on the contours of f.

    Each optimizer goes from each start; copies of them do the work. A path has a marker at each
    step, or where there are many at some of them, and a large one at its end. The shades are
    darker where f is lower; their levels go by powers of ten where f is steep.

    Args:
        function: f of one array of two numbers, in NumPy's functions and operators so that it has
            a derivative; `glassnet.explain.surfaces` has classic ones. Or the comparison that
            `glassnet.explain.compare_optimizers` found, or a list of such.
        starts: where they begin: ``(x, y)``, or a list of such; the function's own ``start`` for
            None.
        optimizers: a dictionary of optimizers by the names that they have in the legend; or one
            optimizer or its name, or a list of them.
        steps: how many steps each makes.
        domain: what is shown, ``((x₀, x₁), (y₀, y₁))``; the function's own ``domain``, or what the
            paths need, for None.
        cells: at how many places along each axis f is computed.
        ax, theme: where to draw; see `learning_curves`.

    Returns:
        The axes.

    Raises:
        TypeError: where these are no optimizers or no function.
        ValueError: for a function of another number of variables, or a start that is missing.

    >>> import glassnet as gn
    >>> ax = gn.plots.descent_paths(gn.explain.surfaces.bowl, steps=5, cells=20)
    >>> ax.get_title()
    'ill-conditioned bowl: ½ (x² + 50 y²)'
    """
    whole(cells, "descent_paths: cells", least=2)
    found = _compared(function, starts, optimizers, steps)
    if any(one.size != 2 for one in found):
        raise ValueError(
            f"descent_paths: expected a function of two variables; this is one of {found[0].size}. "
            "For more, compare_optimizers(…).plot_paths() draws the plane nearest to the paths."
        )
    drawn: Axes = on_contours(found, cells, ax, theme, domain)
    legend_below(drawn, theme_of(drawn))
    return drawn


def _compared(function: Any, starts: Any, optimizers: Any, steps: int) -> list[Comparison]:
    """A comparison from each start."""
    # Explanation draws with this package, so it is not loaded before something is drawn.
    from glassnet.explain.comparing import compare_optimizers
    from glassnet.explain.comparison import Comparison

    if isinstance(function, Comparison):
        return [function]
    if isinstance(function, Sequence) and function and isinstance(function[0], Comparison):
        return list(function)
    named = _named(optimizers)
    if starts is None and getattr(function, "start", None) is None:
        raise ValueError(
            "descent_paths: this function has no start of its own; say where the paths begin: "
            "starts=(x, y), or a list of such."
        )
    points = [None] if starts is None else _points(starts)
    return [compare_optimizers(named, function, steps=steps, x0=point) for point in points]


def _points(starts: Any) -> list[np.ndarray]:
    points = np.atleast_2d(np.asarray(starts, np.float64))
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(
            "descent_paths: starts are points (x, y), or a list of such; got an array of shape "
            f"{np.shape(starts)}."
        )
    return list(points)


def _named(optimizers: Any) -> dict[str, Any]:
    if isinstance(optimizers, Mapping):
        return dict(optimizers)
    several = optimizers if isinstance(optimizers, (list, tuple)) else [optimizers]
    named: dict[str, Any] = {}
    for one in several:
        name = one if isinstance(one, str) else getattr(one, "name", type(one).__name__)
        if name in named:
            raise ValueError(
                f"descent_paths: two optimizers are called {name!r}; pass a dictionary with a "
                "name for each: {'slow': SGD(0.01), 'fast': SGD(0.1)}."
            )
        named[str(name)] = one
    return named
