"""The landscape of a loss about the weights, and the way of a training through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet import inspection
from glassnet.inspection.landscapes import CELLS, MARGIN, LossLandscape, PathLandscape
from glassnet.plots.contours import draw_contours, draw_scale, draw_sheet, levels, percent, told
from glassnet.plots.figures import LABEL, SMALL, TITLE, Theme, axes, part
from glassnet.plots.wording import literal_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@literal_names
def loss_landscape(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    sample_weight: Any = None,
    directions: int = 2,
    span: float = 1.0,
    cells: int = CELLS,
    seed: int = 0,
    batch_size: int | None = None,
    solid: bool = False,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Axes:
    """Draw ``f(a, b) = L(w + a u + b v)``, the loss about the weights along random directions.

    Each filter of u and v (the weights of one neuron, of one channel) is as long as the model's
    own, so that landscapes of different networks can be compared. The star is the model itself,
    with the loss that ``evaluate`` tells. With one direction the loss is a curve.

    Args:
        model: a compiled model; or what `glassnet.inspection.loss_landscape` found.
        x, y, sample_weight: the data, as ``evaluate`` takes them.
        directions: 1 for a curve, 2 for contours.
        span: how far it goes to each side; 1 changes each filter by its own length.
        cells: how many places along each axis are computed, an odd number.
        seed: of the directions.
        batch_size: examples computed at once, which bounds the memory; 1024 for None.
        solid: draw two directions as a surface in space; its heights go by powers of ten where
            the contours do.
        ax, theme: where to draw; see `learning_curves`. With ``solid`` axes have
            ``projection="3d"``.

    Raises:
        TypeError: where this is no model, or data or a number is of the wrong kind.
        ValueError: where the model is not compiled or has nothing to move, or a number is out of
            its range.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    >>> model.compile(loss="mse")
    >>> ax = gn.plots.loss_landscape(model, np.eye(2), np.ones(2), cells=5)
    >>> ax.get_xlabel()
    'along direction u, in lengths of the filters'

    Source: H. Li et al., "Visualizing the loss landscape of neural nets", NeurIPS 2018.
    """
    found = model
    if not isinstance(model, LossLandscape):
        found = inspection.loss_landscape(
            model, x, y, sample_weight=sample_weight, directions=directions, span=span,
            cells=cells, seed=seed, batch_size=batch_size,
        )  # fmt: skip
    if found.b is None:
        ax = _curve(ax, theme, found)
    elif solid:
        return _solid(ax, theme, found)
    else:
        ax = _contours(ax, theme, found)
    ax.set_xlabel(_ALONG.format("u"), fontsize=LABEL)
    ax.set_title(f"Loss along {_ways(found)}, seed {found.seed}", fontsize=TITLE)
    return ax


_ALONG = "along direction {}, in lengths of the filters"


def _ways(found: LossLandscape) -> str:
    return "a random direction" if found.b is None else "two random directions"


def _curve(ax: Any, theme: str | Theme, found: LossLandscape) -> Any:
    ax, look = axes(ax, theme, (6.0, 4.0))
    ax.plot(found.a, found.losses, color=look.colour(1), linewidth=2.2, label="loss")
    _star(ax, look, (0.0, found.loss), "the model")
    _remark(
        ax, look, (0.0, found.loss), f"loss of the model: {told(found.loss)}", (0, -18), "center"
    )
    finite = found.losses[np.isfinite(found.losses)]
    low, reach = float(finite.min()), float(np.ptp(finite)) or 1.0
    ax.set_ylim(low - 0.16 * reach, low + 1.05 * reach)
    ax.set_ylabel("loss", fontsize=LABEL)
    return ax


def _contours(ax: Any, theme: str | Theme, found: LossLandscape) -> Any:
    ax, look = axes(ax, theme, (6.3, 5.2))
    assert found.b is not None
    filled = draw_contours(ax, look, found.a, found.b, found.losses)
    draw_scale(ax, look, filled, "loss")
    _star(ax, look, (0.0, 0.0), "the model")
    _remark(ax, look, (0.0, 0.0), f"loss of the model: {told(found.loss)}", (0, 13), "center")
    ax.set_ylabel(_ALONG.format("v"), fontsize=LABEL)
    ax.set_aspect("equal")
    ax.grid(False)
    return ax


def _solid(ax: Any, theme: str | Theme, found: LossLandscape) -> Any:
    drawn: Any
    drawn, look = axes(ax, theme, (6.6, 5.4), projection="3d")
    assert found.b is not None
    heights, ticks = _heights(found.losses)
    shades = {"light": "YlGnBu_r", "dark": "cividis"}[look.name]
    draw_sheet(drawn, look, found.a, found.b, heights, cmap=shades)
    middle = heights[len(found.b) // 2, len(found.a) // 2]
    drawn.plot(
        [0.0], [0.0], [middle], marker="*", markersize=17, color="#F0E442",
        markeredgecolor=look.ink, linestyle="none", zorder=4,
    )  # fmt: skip
    if ticks is not None:
        drawn.set_zticks(np.log10(ticks), [told(t) for t in ticks])
    drawn.set(xlabel="along u", ylabel="along v", zlabel="loss")
    drawn.set_box_aspect((1, 1, 0.7), zoom=1.05)
    drawn.view_init(54, _open_side(heights))
    drawn.set_title(
        f"Loss along {_ways(found)}, seed {found.seed}; the model (star): {told(found.loss)}",
        fontsize=TITLE,
    )
    return drawn


def _open_side(heights: np.ndarray) -> float:
    """From which of four sides the middle is seen best: where least stands before it."""
    rows, columns = heights.shape
    reach = np.linspace(0.0, 1.0, 20)
    hidden = {}
    for degrees in (-60.0, 30.0, 120.0, 210.0):
        across, along = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        row = np.round((1 + reach * along) * (rows - 1) / 2).astype(int)
        column = np.round((1 + reach * across) * (columns - 1) / 2).astype(int)
        hidden[degrees] = float(heights[row, column].max())
    return min(hidden, key=lambda degrees: hidden[degrees])


def _heights(losses: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The heights as they are, or their logarithms with the losses that stand at the ticks."""
    finite = losses[np.isfinite(losses)]
    chosen = levels(finite)
    losses = np.where(np.isfinite(losses), losses, finite.max())  # a sheet in space has no holes
    if chosen[0] <= 0 or np.allclose(np.diff(chosen), chosen[1] - chosen[0]):
        return losses, None
    return np.log10(np.maximum(losses, chosen[0] / 10)), chosen[:: -(-len(chosen) // 7)]


# --- the path of a training -------------------------------------------------------------------
@literal_names
def training_path(
    model: Any,
    x: Any = None,
    y: Any = None,
    path: Any = None,
    *,
    sample_weight: Any = None,
    cells: int = CELLS,
    margin: float = MARGIN,
    batch_size: int | None = None,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Axes:
    """Draw the way of the weights in training, on contours of the loss.

    The plane goes through the last weights, along the first two principal components of the path;
    the axes say which part of the path's variance lies along each. Markers are the kept weights,
    or rather their feet on the plane; the numbers at the start and the end are the losses there,
    which off the plane differ from the contours.

    Args:
        model: a compiled model; or what `glassnet.inspection.training_path` found.
        x, y, sample_weight: the data, as ``evaluate`` takes them.
        path: the weights at moments of the training: a list of what ``model.get_weights()``
            returned, or a recorder that kept them.
        cells: how many places along each axis are computed.
        margin: how far the picture reaches beyond the path, as a part of its extent.
        batch_size: examples computed at once, which bounds the memory; 1024 for None.
        ax, theme: where to draw; see `learning_curves`.

    Raises:
        TypeError: where these are no weights, or this is no model.
        ValueError: for fewer than three points, weights that are not this model's, a path that
            stays where it is.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, use_bias=False)])
    >>> model.compile(loss="mse")
    >>> path = [[np.array([[2.0], [0.0]])], [np.array([[1.0], [1.0]])], [np.zeros((2, 1))]]
    >>> ax = gn.plots.training_path(model, np.eye(2), np.zeros((2, 1)), path, cells=5)
    >>> ax.get_xlabel()
    'first weight'

    Source: H. Li et al., "Visualizing the loss landscape of neural nets", NeurIPS 2018, section 7.
    """
    found = model
    if not isinstance(model, PathLandscape):
        found = inspection.training_path(
            model, x, y, path, sample_weight=sample_weight, cells=cells, margin=margin,
            batch_size=batch_size,
        )  # fmt: skip
    sides = [float(v[-1] - v[0]) for v in (found.a, found.b)]
    ratio = float(np.clip(sides[1] / sides[0], 0.3, 1.2))
    ax, look = axes(ax, theme, (6.9, 4.8 * ratio + 1.0))
    filled = draw_contours(ax, look, found.a, found.b, found.losses)
    draw_scale(ax, look, filled, "loss")
    ax.plot(*found.points.T, color=look.background, linewidth=4.2, zorder=2.5)
    ax.plot(
        *found.points.T, color=look.colour(0), linewidth=1.9, marker="o", markersize=4.0,
        markeredgecolor=look.background, markeredgewidth=0.5, zorder=3, label="path",
    )  # fmt: skip
    first, last = found.points[0], found.points[-1]
    ax.plot(
        *first, marker="o", markersize=10, color=look.background, markeredgecolor=look.ink,
        markeredgewidth=1.5, linestyle="none", zorder=4, label="start",
    )  # fmt: skip
    _star(ax, look, last, "end")
    ends = ("start", "end") if found.steps is None else (
        f"step {found.steps[0]}", f"step {found.steps[-1]}"
    )  # fmt: skip
    losses = (found.path_losses[0], found.path_losses[-1])
    for point, name, loss in zip((first, last), ends, losses, strict=True):
        up = 1 if point[1] >= found.b.mean() else -1
        _remark(ax, look, point, f"{name}: {told(loss)}", (0, 13 * up), "center")
    names = _names(found)
    ax.set_xlabel(names[0], fontsize=LABEL)
    ax.set_ylabel(names[1], fontsize=LABEL)
    ax.set_title(f"Loss along the training, {found.plane.centre.size} weights", fontsize=TITLE)
    ax.set(xlim=(found.a[0], found.a[-1]), ylim=(found.b[0], found.b[-1]), aspect="equal")
    ax.grid(False)
    return ax


def _names(found: PathLandscape) -> tuple[str, str]:
    shares = found.plane.shares
    if not shares:
        return "first weight", "second weight"
    return (
        f"first principal component ({percent(shares[0])} of the variance)",
        f"second ({percent(shares[1])})",
    )


# --- marks ------------------------------------------------------------------------------------
def _star(ax: Any, look: Theme, point: Any, label: str) -> None:
    ax.plot(
        *point, marker="*", markersize=16, color="#F0E442", markeredgecolor="#1b1f24",
        linestyle="none", zorder=5, label=label,
    )  # fmt: skip


def _remark(
    ax: Any, look: Theme, point: Any, text: str, offset: tuple[float, float], align: str
) -> None:
    """Write a word beside a point, with an edge in the colour of the page."""
    drawn = ax.annotate(
        text, point, xytext=offset, textcoords="offset points", ha=align,
        va="bottom" if offset[1] > 0 else "top", fontsize=SMALL + 0.5, color=look.ink, zorder=6,
    )  # fmt: skip
    drawn.set_path_effects(
        [part("patheffects").withStroke(linewidth=2.6, foreground=look.background)]
    )
