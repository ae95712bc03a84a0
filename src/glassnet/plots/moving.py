"""The pictures that `animate` knows by name: each fixes its scales once, from the whole run.

Each function here gets the recorder, the model, the data, the theme, and what a person adds; it
returns what draws a frame, a size in inches in which that looks well, and what is seen, in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet import inspection
from glassnet.inspection.boundaries import Boundary
from glassnet.inspection.signals import Signal
from glassnet.inspection.wiring import Wiring
from glassnet.plots.boundaries import boundary as draw_boundary
from glassnet.plots.curves import learning_curves
from glassnet.plots.figures import LABEL, SMALL, TITLE, Theme, panels
from glassnet.plots.network import network as draw_network
from glassnet.plots.tiles import reach_of
from glassnet.plots.weights import heat_map, heat_map_height
from glassnet.plots.wording import literal, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from glassnet.callbacks import Frame, Recorder
    from glassnet.models import Model

Draw = Callable[["Model", "Frame", "Figure"], Any]
Made = tuple[Draw, tuple[float, float], str]

_SAMPLES = 30
"""How many frames, spread over the run, a scale is taken from where a frame costs something."""
_BARS = 40


# --- what is common ---------------------------------------------------------------------------
def caption(recorder: Recorder, frame: Frame, figure: Figure, theme: Theme) -> None:
    """Write over the picture which moment it shows."""
    figure.suptitle(frame.label(recorder.unit), fontsize=TITLE + 1, color=theme.ink)


def shown_frames(recorder: Recorder, model: Model, most: int) -> Iterator[Frame]:
    """Yield at most so many frames, spread over the run, while the model has their weights."""
    frames = recorder.frames
    for i in sorted({round(i) for i in np.linspace(0, len(frames) - 1, most)}):
        with recorder.showing(frames[i], model):
            yield frames[i]


def halves(data: Any, recorder: Recorder) -> tuple[Any, Any]:
    """Return x and y of ``(x, y)`` or of x alone; what was watched where there is nothing."""
    if data is None:
        return recorder.watch, None
    if isinstance(data, tuple):
        if len(data) != 2:
            raise ValueError(f"animate: data is (x, y), or x alone; got a tuple of {len(data)}.")
        return data[0], data[1]
    return data, None


# --- pictures ---------------------------------------------------------------------------------
def boundary(
    recorder: Recorder, model: Model, data: Any, theme: Theme, cells: int = 101, **options: Any
) -> Made:
    """What the network decides or predicts over a plane of two features; see `plots.boundary`."""
    x, y = halves(data, recorder)
    given = {"cells": cells, **options}
    found = inspection.boundary(model, x, y, **given)
    limits = None
    if not found.probable:
        ends = [
            _ends(inspection.boundary(model, x, y, **given))
            for _ in shown_frames(recorder, model, len(recorder))
        ]
        limits = min(low for low, _ in ends), max(high for _, high in ends)

    def draw(shown: Model, frame: Frame, figure: Figure) -> None:
        place = figure.add_subplot(facecolor=theme.background)
        draw_boundary(inspection.boundary(shown, x, y, **given), limits=limits, ax=place)
        caption(recorder, frame, figure, theme)

    count = found.values.shape[2] if found.kind in ("labels", "regression") else 1
    size = (5.4, 5.4) if count == 1 else (4.2 * min(count, 3), 4.6 * -(-count // 3))
    return draw, size, "what the network says over the plane of its inputs"


def _ends(found: Boundary) -> tuple[float, float]:
    return float(found.values.min()), float(found.values.max())


def weights(recorder: Recorder, model: Model, data: Any, theme: Theme, layer: Any = None) -> Made:
    """Each weight matrix as colours, positive and negative; one scale a matrix for the run."""
    _no_data("weights", data)
    found = inspection.weight_matrices(model, layer)
    reaches = [0.0] * len(found)
    for _ in shown_frames(recorder, model, len(recorder)):
        now = inspection.weight_matrices(model, layer)
        reaches = [max(r, reach_of(m.matrix, m.bias)) for r, m in zip(reaches, now, strict=True)]

    heights = [heat_map_height(matrix) for matrix in found]

    def draw(shown: Model, frame: Frame, figure: Figure) -> None:
        place = figure.add_subplot(facecolor=theme.background)
        _, drawn, look = panels(place, theme, len(found), 1, height_ratios=heights)
        now = inspection.weight_matrices(shown, layer)
        for one, matrix, reach in zip(drawn[:, 0], now, reaches, strict=True):
            heat_map(one, look, matrix, reach)
        caption(recorder, frame, figure, theme)

    return draw, (5.6, sum(heights) + 0.9 * len(found) + 0.5), "the weights as colours"


@dataclass(frozen=True, eq=False)
class _ScaledWiring(Wiring):
    """A wiring whose lines are as wide as they are beside the largest weight of the whole run."""

    most: float = 1.0

    @property
    def largest(self) -> float:
        return self.most


def network(recorder: Recorder, model: Model, data: Any, theme: Theme, **options: Any) -> Made:
    """A dense network as nodes and edges; with x, the activations of this example in the nodes."""
    x = halves(data, recorder)[0] if data is not None else None
    moments = shown_frames(recorder, model, len(recorder))
    most = max(inspection.wiring(model).largest for _ in moments)

    def scaled(shown: Model) -> Wiring:
        found = inspection.wiring(shown, x)
        return _ScaledWiring(found.name, found.columns, most)

    def draw(shown: Model, frame: Frame, figure: Figure) -> None:
        place = figure.add_subplot(facecolor=theme.background)
        draw_network(scaled(shown), **options, ax=place)
        caption(recorder, frame, figure, theme)

    alone: Any = draw_network(inspection.wiring(model, x), **options).figure
    size = alone.get_size_inches()
    return draw, (max(4.6, float(size[0])), float(size[1]) + 0.1), "neurons and connections"


@dataclass
class _Record:
    """What `learning_curves` takes a history from; it counts epochs from 0, as ``fit`` does."""

    history: dict[str, list[Any]]
    epoch: list[int]


def curves(recorder: Recorder, model: Model, data: Any, theme: Theme, **options: Any) -> Made:
    """Loss and metrics up to the moment, on the axes of the whole run; see `learning_curves`."""
    _no_data("curves", data)
    frames = [frame for frame in recorder.frames if frame.logs]
    if not frames:
        raise ValueError("animate: the recording holds no loss: no frame has logs.")
    counts = [f.epoch if recorder.unit == "epoch" else f.step for f in frames]
    names = dict.fromkeys(k for f in frames for k, v in f.logs.items() if not np.ndim(v))
    values = {name: [f.logs.get(name) for f in frames] for name in names}
    record = _Record(values, [n - 1 for n in counts])

    def draw(shown: Model, frame: Frame, figure: Figure) -> None:
        place = figure.add_subplot(facecolor=theme.background)
        learning_curves(record, best=False, ax=place, **options)
        now = frame.epoch if recorder.unit == "epoch" else frame.step
        for one in figure.axes:
            _cut_off(one, now, theme)
            if one.get_xlabel() == "epoch" and recorder.unit == "batch":
                one.set_xlabel("batch")
        caption(recorder, frame, figure, theme)

    count = len({name.removeprefix("val_") for name in names})
    size = (4.6 * min(count, 3) + 0.4, 3.3 * -(-count // 3) + 0.5)
    return draw, size, "loss and metrics up to the moment"


def _cut_off(place: Any, now: int, theme: Theme) -> None:
    """Let the curves end at the moment, with a dot, and the axes reach as far as they do."""
    limits = place.get_xlim(), place.get_ylim()
    for line in list(place.lines):
        x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
        line.set_data(x[x <= now], y[x <= now])
        if (x <= now).any():
            place.plot(
                x[x <= now][-1:], y[x <= now][-1:], marker="o", markersize=6, zorder=5,
                color=line.get_color(), markeredgecolor=theme.background, linestyle="none",
            )  # fmt: skip
    place.set(xlim=limits[0], ylim=limits[1])


def distributions(
    recorder: Recorder,
    model: Model,
    data: Any,
    theme: Theme,
    layers: Sequence[str] | None = None,
) -> Made:
    """How weights, or with x activations and with y derivatives too, are distributed by layer."""
    look = _Looked(recorder, model, data, layers)
    edges, tops = look.scales()
    lowest = [
        max(i for i, row in enumerate(look.rows) if (row, column) in edges)
        for column in look.columns
    ]

    def draw(shown: Model, frame: Frame, figure: Figure) -> None:
        place = figure.add_subplot(facecolor=theme.background)
        _, drawn, inked = panels(place, theme, len(look.rows), len(look.columns))
        now = look.at(shown)
        for (row, column), one in np.ndenumerate(drawn):
            name = (look.rows[row], look.columns[column])
            if row == lowest[column]:
                one.set_xlabel(look.columns[column])
            if name not in now:
                one.set_axis_off()
                one.text(
                    0.5, 0.5, "the loss is computed from Z, not from A", ha="center", va="center",
                    transform=one.transAxes, fontsize=SMALL, color=inked.muted,
                )  # fmt: skip
                continue
            shares = _shares(now[name], edges[name])
            one.stairs(
                shares, edges[name], fill=True, color=inked.colour(1 - column), alpha=0.8,
                linewidth=0,
            )  # fmt: skip
            one.axvline(0.0, color=inked.muted, linewidth=0.8)
            one.set(xlim=(edges[name][0], edges[name][-1]), ylim=(0, 1.05 * tops[name]), yticks=[])
            one.spines["left"].set_visible(False)
            one.grid(False)
            if column == 0:
                one.set_ylabel(
                    literal(shortened(name[0])), rotation=0, ha="right", va="center", fontsize=LABEL
                )
            one.tick_params(labelsize=SMALL)
        caption(recorder, frame, figure, theme)

    size = (4.4 * len(look.columns) + 0.8, 0.95 * len(look.rows) + 1.1)
    return draw, size, "how " + " and ".join(look.columns) + " are distributed"


Arrays = Mapping[tuple[str, str], np.ndarray]


class _Looked:
    """What distributions are drawn of: arrays by layer and kind, at any moment."""

    def __init__(
        self, recorder: Recorder, model: Model, data: Any, layers: Sequence[str] | None
    ) -> None:
        self.recorder, self.model, self.layers = recorder, model, layers
        self.x: Any = None
        self.y: Any = None
        if data is not None:
            self.x, self.y = halves(data, recorder)
        found = self.at(model)
        self.rows = list(dict.fromkeys(row for row, _ in found))
        self.columns = list(dict.fromkeys(column for _, column in found))

    def at(self, model: Model) -> Arrays:
        """Return the arrays as they are with the model's weights now."""
        if self.x is None:
            found = inspection.weight_matrices(model)
            chosen = [m for m in found if self.layers is None or m.name in self.layers]
            if not chosen:
                known = ", ".join(m.name for m in found)
                raise ValueError(f"animate: layers={self.layers!r}; the weights are {known}.")
            return {(m.name, "weights"): m.matrix.ravel() for m in chosen}
        arrays: dict[tuple[str, str], np.ndarray] = {}
        for signal in self._signals(model):
            arrays[signal.name, "activations A"] = signal.outputs.ravel()
            if signal.gradient is not None:
                arrays[signal.name, "derivatives ∂J/∂A"] = signal.gradient.ravel()
        return arrays

    def _signals(self, model: Model) -> Iterator[Signal]:
        found = inspection.signals(model, self.x, self.y)
        if self.layers is not None:
            yield from (found[name] for name in self.layers)
            return
        yield from [s for s in found if s.weights] or list(found)

    def scales(self) -> tuple[Arrays, Mapping[tuple[str, str], float]]:
        """Return the edges of the bars, and the largest share that a bar has in the run."""
        moments = [self.at(self.model) for _ in shown_frames(self.recorder, self.model, _SAMPLES)]
        edges: dict[tuple[str, str], np.ndarray] = {}
        tops: dict[tuple[str, str], float] = {}
        for name in moments[0]:
            ends = np.array([np.percentile(m[name], (0.5, 99.5)) for m in moments])
            low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
            room = 0.03 * (high - low) or 0.5
            edges[name] = np.linspace(low - room, high + room, _BARS + 1)
            tops[name] = max(float(_shares(m[name], edges[name]).max()) for m in moments) or 1.0
        return edges, tops


def _shares(entries: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The share of the entries in each bar; those beyond the ends are in the last."""
    counts, _ = np.histogram(np.clip(entries, edges[0], edges[-1]), edges)
    return counts / entries.size


def _no_data(picture: str, data: Any) -> None:
    if data is not None:
        raise ValueError(f"animate: the picture {picture!r} looks at no data; leave data out.")


PICTURES: dict[str, Callable[..., Made]] = {
    "boundary": boundary,
    "weights": weights,
    "network": network,
    "curves": curves,
    "distributions": distributions,
}
