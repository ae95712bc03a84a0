"""Where a model errs: the residuals of a regression, the examples that are judged worst."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.checks import whole
from glassnet.inspection.examples import WorstExamples
from glassnet.inspection.examples import worst_examples as worst_examples_of
from glassnet.inspection.residuals import Residuals
from glassnet.inspection.residuals import residuals as residuals_of
from glassnet.models.model import Model
from glassnet.plots.evaluation import alone, need_data
from glassnet.plots.figures import (
    DASHES,
    LABEL,
    SMALL,
    TITLE,
    Theme,
    bare,
    headline,
    legend,
    panels,
    part,
)
from glassnet.plots.tiles import in_digits
from glassnet.plots.wording import literal, literal_names, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LETTERS = 20
"""So many letters of a name are written beside an example at most."""
_FEATURES = 8
"""So many features of an example are drawn: those farthest from the mean."""


# --- residuals --------------------------------------------------------------------------------
@literal_names
def residuals(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    names: Sequence[str] | None = None,
    bins: int | None = None,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Draw the residuals ``r = y - ŷ`` of a regression, three panels an output.

    Left the predictions against the targets: on the line all would be right. In the middle the
    residuals against the predictions: where the model is right on average they lie about 0
    everywhere, and evenly so. Right how often each residual occurs, with their mean and their
    standard deviation s.

    Args:
        model: a regression with one output, of one or several numbers; or what
            `inspection.residuals` found.
        x, y: the examples and their targets.
        names: the names of the numbers that are predicted.
        bins: of the histogram; about ``sqrt(m)`` for None.
        ax: axes whose place the panels take.
        theme: ``"light"`` or ``"dark"``.

    Raises:
        ValueError: as `inspection.residuals`.

    >>> from glassnet import inspection, plots
    >>> figure = plots.residuals(inspection.residuals([1.0, 2.0, 4.0], [1.5, 2.0, 3.0]))
    >>> figure.axes[1].collections[0].get_offsets().tolist()
    [[1.5, -0.5], [2.0, 0.0], [3.0, 1.0]]
    """
    if isinstance(model, Residuals):
        alone("residuals", "residuals", x, y)
        found = model
    else:
        need_data("residuals", "residuals", model, x, y)
        if not isinstance(model, Model):
            raise TypeError(f"residuals: expected a model of glassnet; got {type(model).__name__}.")
        said = model.predict(x, verbose=0)
        if not isinstance(said, np.ndarray):
            raise ValueError(
                "residuals: the model has several outputs; look at one at a time: "
                "plots.residuals(inspection.residuals(y[i], model.predict(x)[i]))."
            )
        found = residuals_of(y, said, names=names)
    rows = len(found.names)
    figure, places, look = panels(ax, theme, rows, 3, (12.6, 3.7 * rows + 0.3))
    for i in range(rows):
        _fit(places[i, 0], look, found, i)
        _about_zero(places[i, 1], look, found, i)
        _spread(places[i, 2], look, found, i, bins)
    return figure


def _fit(place: Axes, theme: Theme, found: Residuals, i: int) -> None:
    true, said = found.true[:, i], found.predicted[:, i]
    low = float(min(true.min(), said.min()))
    high = float(max(true.max(), said.max()))
    room = 0.04 * ((high - low) or 1.0)
    place.plot(
        [low - room, high + room], [low - room, high + room], color=theme.ink, linewidth=1,
        linestyle=DASHES[1], zorder=3, label="ŷ = y",
    )  # fmt: skip
    place.scatter(true, said, **_dots(theme, len(true)))
    place.set(xlim=(low - room, high + room), ylim=(low - room, high + room), aspect="equal")
    named = f" {found.names[i]}" if found.names[i] else ""
    place.set_xlabel(f"true{named} y", fontsize=LABEL)
    place.set_ylabel(f"predicted{named} ŷ", fontsize=LABEL)
    explained = found.explained[i]
    told = "" if np.isnan(explained) else f": R² = {explained:.3f}"
    place.set_title(f"Predicted against true{told}", fontsize=TITLE)
    legend(place, theme, loc="upper left")


def _about_zero(place: Axes, theme: Theme, found: Residuals, i: int) -> None:
    place.axhline(0, color=theme.ink, linewidth=1, linestyle=DASHES[1], zorder=3)
    place.scatter(found.predicted[:, i], found.values[:, i], **_dots(theme, len(found.true)))
    place.set_xlabel(f"predicted {found.names[i]} ŷ".replace("  ", " "), fontsize=LABEL)
    place.set_ylabel("residual y − ŷ", fontsize=LABEL)
    place.set_title("Residuals against predicted", fontsize=TITLE)


def _spread(place: Axes, theme: Theme, found: Residuals, i: int, bins: int | None) -> None:
    values = found.values[:, i]
    count = min(max(int(np.sqrt(len(values))), 5), 60) if bins is None else bins
    place.hist(
        values, bins=whole(count, "residuals: bins", least=1), color=theme.colour(1), alpha=0.55,
        edgecolor=theme.background, linewidth=0.8,
    )  # fmt: skip
    mean, deviation = float(found.means[i]), float(found.deviations[i])
    top = 1.14 * place.get_ylim()[1]
    place.set_ylim(0, top)
    for side, told in ((0, " mean"), (-1, " − s"), (1, " + s")):
        place.axvline(
            mean + side * deviation, color=theme.colour(0), linewidth=1.4 if side else 1.8,
            linestyle=DASHES[1] if side else "-", label="_deviation" if side else "_mean",
        )  # fmt: skip
        place.text(mean + side * deviation, top, told, fontsize=SMALL, color=theme.ink, va="top")
    place.yaxis.set_major_locator(part("ticker").MaxNLocator(5, integer=True))
    place.set_xlabel("residual y − ŷ", fontsize=LABEL)
    place.set_ylabel("examples", fontsize=LABEL)
    place.set_title(
        f"Residuals: mean {in_digits(mean)}, s = {in_digits(deviation)}", fontsize=TITLE
    )


def _dots(theme: Theme, count: int) -> dict[str, Any]:
    few = count <= 300
    return {
        "s": 22 if few else 9,
        "color": theme.colour(1),
        "alpha": 0.65 if few else max(0.08, 0.65 * (300 / count) ** 0.5),
        "linewidths": 0,
        "zorder": 2,
    }


# --- the worst --------------------------------------------------------------------------------
@literal_names
def worst_examples(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    count: int = 12,
    shape: tuple[int, ...] | None = None,
    names: Sequence[str] | None = None,
    features: Sequence[str] | None = None,
    output: int | str | None = None,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Draw the examples with the largest loss, the largest first: what they are, what was said.

    Images are drawn where the inputs are images: (m, h, w), (m, h, w, 1), (m, h, w, 3), (m, 784),
    or any that ``shape`` arranges. Otherwise each example is a chart of its features, in standard
    deviations from their mean over all examples, those farthest from it.

    Args:
        model: a compiled model with one input; or what `inspection.worst_examples` found.
        x, y: the examples and their targets.
        count: how many.
        shape: height and width (and channels) of an image, for inputs that are rows.
        names: the names of the classes.
        features: the names of the features.
        output: of several outputs, the one whose verdict is told.
        ax: axes whose place the panels take.
        theme: ``"light"`` or ``"dark"``.

    Raises:
        ValueError: as `inspection.worst_examples`; for a ``shape`` that the inputs don't fill.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, kernel_initializer="ones")])
    >>> model.compile(loss="mse")
    >>> x = np.array([[1.0], [2.0], [3.0]])
    >>> figure = gn.plots.worst_examples(model, x, np.array([1.0, 5.0, 4.0]), count=2)
    >>> [ax.get_xlabel() for ax in figure.axes]
    ['#1 · loss 9', '#2 · loss 1']
    """
    if isinstance(model, WorstExamples):
        alone("worst_examples", "worst_examples", x, y)
        found = model
    else:
        if x is None or y is None:
            raise TypeError(
                "worst_examples: expected a model and data, plots.worst_examples(model, x, y); "
                f"got {type(model).__name__}{'' if x is None else ' and x, without y'}."
            )
        found = worst_examples_of(model, x, y, count=count, names=names, output=output)
    images = _images(found.inputs, shape)
    number = len(found.losses)
    columns = min(number, 6 if images is not None else 3)
    rows = -(-number // columns)
    size = (1.85 * columns, 2.3 * rows + 0.4) if images is not None else (
        4.0 * columns, 2.4 * rows + 0.6
    )  # fmt: skip
    figure, places, look = panels(ax, theme, rows, columns, size)
    for place in places.flat[number:]:
        place.set_axis_off()
    limits = None if images is None else _range_of(images)
    for i, place in enumerate(places.flat[:number]):
        if images is not None:
            _image(place, images[i], limits)
        else:
            _features(place, look, found, i, features)
        _verdict(place, look, found, i)
    what = f"{number} example{'s'[: number > 1]}"
    if images is None:
        what += ", feature by feature in standard deviations from the mean"
    headline(figure, ax, f"Largest loss: {what}", look)
    return figure


def _images(inputs: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray | None:
    """Return the inputs as images (count, h, w) or (count, h, w, 3); None where they are none."""
    if shape is not None:
        if len(shape) not in (2, 3) or np.prod(shape) != np.prod(inputs.shape[1:]):
            raise ValueError(
                f"worst_examples: shape={shape!r} holds {int(np.prod(shape))} values, an example "
                f"{int(np.prod(inputs.shape[1:]))}; expected (height, width) or (height, width, "
                "channels) that hold as many."
            )
        inputs = inputs.reshape(len(inputs), *shape)
    elif inputs.ndim == 2 and inputs.shape[1] == 784:
        inputs = inputs.reshape(-1, 28, 28)
    if inputs.ndim == 4 and inputs.shape[-1] == 1:
        inputs = inputs[..., 0]
    if inputs.ndim == 3 or (inputs.ndim == 4 and inputs.shape[-1] in (3, 4)):
        return inputs.astype(np.float64)
    if inputs.ndim > 2:
        raise ValueError(
            f"worst_examples: inputs of shape {inputs.shape} are no images of 1, 3 or 4 channels; "
            "pass shape=(height, width), or look at inspection.worst_examples."
        )
    return None


def _range_of(images: np.ndarray) -> tuple[float, float]:
    low, high = float(images.min()), float(images.max())
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return (0.0, 255.0) if low >= 0 and high <= 255 else (low, high)


def _image(place: Axes, image: np.ndarray, limits: tuple[float, float] | None) -> None:
    low, high = limits or (0.0, 1.0)
    if image.ndim == 3:
        place.imshow((image - low) / ((high - low) or 1.0))
    else:
        place.imshow(image, cmap="gray", vmin=low, vmax=high)
    bare(place)


def _features(
    place: Axes, theme: Theme, found: WorstExamples, i: int, features: Sequence[str] | None
) -> None:
    centre = np.atleast_1d(found.centre)
    scale = np.atleast_1d(found.scale)
    values = np.atleast_1d(found.inputs[i]).astype(np.float64)
    if features is not None and len(features) != len(values):
        raise ValueError(
            f"worst_examples: expected {len(values)} names of features; got {len(features)}."
        )
    told = features or [f"x{j + 1}" for j in range(len(values))]
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.where(scale > 0, (values - centre) / scale, 0.0)
    shown = np.sort(np.argsort(-np.abs(apart), kind="stable")[:_FEATURES])[::-1]
    bars = place.barh(
        range(len(shown)), apart[shown], height=0.66,
        color=[theme.colour(0 if apart[j] > 0 else 1) for j in shown],
    )  # fmt: skip
    place.bar_label(
        bars, [f"{values[j]:.3g}" for j in shown], padding=3, fontsize=SMALL - 1, color=theme.muted
    )
    place.set_yticks(range(len(shown)), [literal(shortened(told[j], _LETTERS)) for j in shown])
    place.axvline(0, color=theme.muted, linewidth=0.9)
    reach = max(float(np.abs(apart[shown]).max(initial=0)), 1.0) * 1.35
    place.set_xlim(-reach, reach)
    place.set_ylim(-0.7, len(shown) - 0.3)


def _verdict(place: Axes, theme: Theme, found: WorstExamples, i: int) -> None:
    right = found.true[i] == found.predicted[i]
    chance = "" if found.chances is None else f" ({_percent(float(found.chances[i, 0]))})"
    said = f"predicted {shortened(found.predicted[i], _LETTERS)}{chance}"
    place.set_title(
        f"true {shortened(found.true[i], _LETTERS)}\n{said}", fontsize=SMALL,
        color=theme.ink, fontweight="normal" if right or found.chances is None else "bold",
    )  # fmt: skip
    loss = float(found.losses[i])
    told = f"{loss:.3g}" if loss < 1000 else f"{loss:,.0f}"
    place.set_xlabel(f"#{found.indices[i]} · loss {told}", fontsize=SMALL, color=theme.muted)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share < 0.995 else "> 99 %"
