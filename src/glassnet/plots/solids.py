"""Probabilities and predictions over a plane of inputs as a surface in space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet import inspection
from glassnet.checks import whole
from glassnet.inspection.boundaries import Boundary
from glassnet.inspection.inputs import MARGIN, Range
from glassnet.plots.boundaries import area, briefly_named, held_told, marker, mixed, numbers_scale
from glassnet.plots.contours import draw_sheet, told
from glassnet.plots.figures import TITLE, Theme, axes, legend, part
from glassnet.plots.wording import literal_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELLS = 61
_ERRORS = 150
"""Up to how many points have a line to the surface."""
_NAMED = 7
"""Up to so many classes each has its own colour and name."""
_ON = 0.03
"""So near below the surface, as a part of its height, a point counts as lying on it."""


@literal_names
def surface(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    which: int | str | None = None,
    features: Sequence[int | str] | None = None,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    kind: str | None = None,
    output: int | str | None = None,
    cells: int = CELLS,
    margin: float = MARGIN,
    extent: tuple[Range, Range] | None = None,
    view: tuple[float, float] = (32.0, -60.0),
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Axes:
    """Draw ``z = f(x₁, x₂)`` as a surface: a probability of one class, or a predicted number.

    Points stand at their truth: a number at its height, with a line to what is predicted for it;
    a class at 1 where it is the class of the surface and at 0 where it is another. For a
    probability the line at ½ is drawn on the surface.

    With more than two features two are chosen and the others held at their mean, as in `boundary`.

    Args:
        model: the network; or what `glassnet.inspection.boundary` found.
        x: points, (m, features).
        y: their truth; without it there are no points.
        which: of several classes, labels or numbers the one that is drawn, by number or name; the
            yes of yes or no, else the first, for None.
        features, feature_names, class_names, kind, output, cells, margin, extent: as in `boundary`.
        view: from where it is seen: the height of the eye, and its direction, in degrees.
        ax, theme: where to draw; see `learning_curves`. Axes have ``projection="3d"``.

    Raises:
        TypeError: where this is no model, or x holds no numbers.
        ValueError: where x, y or ``which`` does not fit the network, its answers are not finite, or
            the axes are flat.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    >>> model.compile(loss="mse")
    >>> gn.plots.surface(model, np.eye(2), np.ones(2), cells=5).get_zlabel()
    'y'
    """
    whole(cells, "surface: cells", least=2)
    found = model
    if not isinstance(model, Boundary):
        found = inspection.boundary(
            model, x, y, features=features, feature_names=feature_names, class_names=class_names,
            kind=kind, output=output, cells=cells, margin=margin, extent=extent,
        )  # fmt: skip
    number = _chosen(found, which)
    found = briefly_named(found)
    if not np.isfinite(found.values[..., number]).all():
        raise ValueError("surface: the network answers NaN or infinity to inputs of this plane.")
    drawn: Any
    drawn, look = axes(ax, theme, (6.6, 5.2), projection="3d")
    _sheet(drawn, look, found, number)
    if found.truth is not None:
        _stand(drawn, look, found, number)
    drawn.view_init(*view)
    drawn.set_box_aspect((1, 1, 0.62), zoom=1.08)
    drawn.set(
        xlabel=found.plane.labels[0], ylabel=found.plane.labels[1], zlabel=_height(found, number)
    )
    drawn.set_title(_title(found, number) + held_told(found.plane), fontsize=TITLE)
    return drawn


def _chosen(found: Boundary, which: int | str | None) -> int:
    """The place of what is drawn among the values."""
    if found.kind == "binary":
        if which not in (None, 1, found.names[1]):
            raise ValueError(
                f"surface: the network gives one probability, that of {found.names[1]!r}; got "
                f"which={which!r}."
            )
        return 0
    if which is None:
        return 0
    if isinstance(which, str) and which in found.names:
        return found.names.index(which)
    count = len(found.names)
    if isinstance(which, (int, np.integer)) and not isinstance(which, bool) and 0 <= which < count:
        return int(which)
    raise ValueError(
        f"surface: which is a number from 0 to {count - 1}, or one of {', '.join(found.names)}; "
        f"got {which!r}."
    )


def _sheet(ax: Any, look: Theme, found: Boundary, number: int) -> None:
    heights = found.values[..., number]
    if found.kind == "regression":
        shades = part("cm").ScalarMappable(cmap=numbers_scale(look)).get_cmap()
    else:
        name, other = _colours(found, number)
        shades = part("colors").LinearSegmentedColormap.from_list(
            "yes_no", [mixed(look, other, 0.62), look.background, mixed(look, name, 0.62)]
        )
    ends = (0.0, 1.0) if found.probable else (float(heights.min()), float(heights.max()))
    draw_sheet(
        ax, look, found.plane.a, found.plane.b, heights,
        cmap=shades, vmin=ends[0], vmax=ends[1], alpha=0.75 if found.kind == "regression" else 0.85,
    )  # fmt: skip
    if found.probable:
        ax.set_zlim(0, 1)
        if heights.min() < found.threshold < heights.max():
            a, b = np.meshgrid(found.plane.a, found.plane.b)
            ax.contour(
                a,
                b,
                heights,
                levels=[found.threshold],
                colors=[look.ink],
                linewidths=1.6,
                zorder=2.5,
            )


def _colours(found: Boundary, number: int) -> tuple[int, int | None]:
    """The colours of the class that is drawn and of the other; of several others none."""
    if found.kind == "classes":
        return number, None
    return 1, 0


def _stand(ax: Any, look: Theme, found: Boundary, number: int) -> None:
    """The points at the height of their truth."""
    truth = np.asarray(found.truth)
    said = found.said[:, number]
    if found.kind == "regression":
        heights, styles = (
            truth[:, number],
            [(np.ones(len(truth), bool), 0, f"true {found.names[number]}")],
        )
    else:
        heights, styles = _classes(found, number, truth)
    over = heights >= said - _ON * float(np.ptp(found.values[..., number]))
    if found.kind == "regression" and len(said) <= _ERRORS:
        for (p, q), low, high in zip(found.points, said, heights, strict=True):
            ax.plot([p, p], [q, q], [low, high], color=look.muted, linewidth=0.8, alpha=0.8,
                    zorder=3 if high > low else 1.5)  # fmt: skip
    for chosen, style, label in styles:
        named = False
        for above in (True, False):
            shown = chosen & (over == above)
            if not shown.any():
                continue
            ax.scatter(
                *found.points[shown].T, heights[shown], marker=marker(style),
                color=look.colour(style), s=area(len(truth)) * 0.7, edgecolors=look.background,
                linewidths=0.5, depthshade=False, zorder=4 if above else 1,
                label=None if named else label,
            )  # fmt: skip
            named = True
    legend(ax, look, loc="upper left", bbox_to_anchor=(0.0, 0.98))


def _classes(
    found: Boundary, number: int, truth: np.ndarray
) -> tuple[np.ndarray, list[tuple[np.ndarray, int, str]]]:
    """The heights of points by class, and which are drawn alike: places, style, name."""
    if found.kind == "labels":
        own = truth[:, number]
        name = found.names[number]
        return own.astype(float), [(own == 0, 0, f"not {name}"), (own == 1, 1, name)]
    wanted = 1 if found.kind == "binary" else number
    heights = (truth == wanted).astype(float)
    if len(found.names) > _NAMED:
        own = truth == number
        return heights, [(~own, number + 1, "other classes"), (own, number, found.names[number])]
    return heights, [(truth == k, k, name) for k, name in enumerate(found.names)]


# --- words ------------------------------------------------------------------------------------
def _height(found: Boundary, number: int) -> str:
    if found.kind == "regression":
        return found.names[number]
    name = found.names[1] if found.kind == "binary" else found.names[number]
    return f"P({name})" if found.probable else f"score of {name}"


def _title(found: Boundary, number: int) -> str:
    if found.kind == "regression":
        start = f"Predicted {found.names[number]}"
        return start if found.truth is None else f"{start}, off by {told(found.error[number])} RMS"
    name = found.names[1] if found.kind == "binary" else found.names[number]
    return f"Probability of {name}" if found.probable else f"Score of {name}"
