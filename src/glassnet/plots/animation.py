"""Recorded runs as moving pictures: GIF, MP4, or an HTML page that is scrubbed to and fro."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.callbacks import Recorder
from glassnet.checks import nearest, number
from glassnet.plots.figures import Theme, named_theme, new_figure, part
from glassnet.plots.gif import Palette, gif_parts
from glassnet.plots.moving import PICTURES
from glassnet.plots.scrubber import page_parts
from glassnet.plots.video import ffmpeg, mp4_parts
from glassnet.storage.writing import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from glassnet.callbacks import Frame
    from glassnet.models import Model

DPI = {".gif": 80, ".mp4": 150, ".html": 120}
"""How many dots an inch has where nobody says; a page is shown on fine screens."""
_CSS = 96  # pixels an inch in CSS
_SAMPLES = 8  # frames that the palette is chosen from

Picture = Callable[["Model", "Frame", "Figure"], Any]
"""Draws one frame: gets the model with the frame's weights, the frame, an empty figure."""


def animate(
    recorder: Recorder,
    path: str | os.PathLike[str],
    picture: str | Picture = "boundary",
    data: Any = None,
    *,
    fps: float = 12,
    hold: float = 1.5,
    size: tuple[float, float] | None = None,
    dpi: float | None = None,
    theme: str | Theme = "light",
    title: str | None = None,
    model: Model | None = None,
    **options: Any,
) -> Path:
    """Draw a picture for every frame of a recording and write them as one animation.

    The ending of the name decides: ``.gif`` repeats for ever, ``.mp4`` is written where the
    program ffmpeg is found, ``.html`` is one page with a slider, to play and to go to and fro, that
    needs no network. Axes and colours have the same scale in all frames, taken from the whole run.
    One frame is in memory at a time. The file appears whole or not at all.

    Args:
        recorder: the recording, a `callbacks.Recorder` that was trained with.
        path: where to write.
        picture: what is drawn. "boundary": what a model of two features predicts over the plane.
            "weights": each weight as a colour. "network": neurons and connections. "curves": loss
            and metrics up to the moment. "distributions": weights, or activations, by layer.
            Or a function ``draw(model, frame, figure)``: the model has the weights of the frame
            while it is called, the figure is empty.
        data: ``(x, y)``, or x alone: what the picture draws or looks at.
        fps: frames a second, at most 50.
        hold: for how many seconds a film stays at its last frame.
        size: width and height in inches.
        dpi: dots an inch.
        theme: "light" or "dark", the page too.
        title: the heading of a page; by default the model's name.
        model: the model, where the recording was loaded from a file without it.
        options: handed on to the picture.

    Returns:
        The path.

    Raises:
        TypeError: where this is no recorder, or the picture neither a name nor a function.
        ValueError: for another ending or picture; where nothing was recorded.
        FileNotFoundError: for ``.mp4`` without ffmpeg.
        ImportError: without Matplotlib.

    The weights of the model are afterwards, also after an error, what they were.

    >>> import tempfile, glassnet as gn
    >>> x, y = gn.datasets.xor.load_data()[0]
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, "sigmoid")])
    >>> model.compile("sgd", "binary_crossentropy")
    >>> recorder = gn.callbacks.Recorder()
    >>> history = model.fit(x, y, epochs=2, verbose=0, callbacks=[recorder])
    >>> def bars(model, frame, figure):
    ...     axes = figure.add_subplot(ylim=(-2, 2), title=frame.label())
    ...     axes.bar(["first", "second"], frame.weights[0][:, 0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = gn.plots.animate(recorder, folder + "/weights.gif", bars, size=(3, 2), dpi=50)
    ...     path.read_bytes()[:6]
    b'GIF89a'
    """
    target = Path(path)
    ending = target.suffix.lower()
    if ending not in DPI:
        raise ValueError(f"animate writes .gif, .mp4 or .html; got {os.fspath(path)!r}.")
    if not isinstance(recorder, Recorder):
        raise TypeError(
            f"animate: expected a callbacks.Recorder; got {type(recorder).__name__}. Train with "
            "one: model.fit(…, callbacks=[recorder])."
        )
    number(fps, "animate: fps", above=0, most=50)
    number(hold, "animate: hold", least=0)
    if ending == ".mp4":
        ffmpeg()  # before anything is drawn
    look = named_theme(theme)
    shown = recorder.checked(model)
    draw, standard, seen = _drawer(picture, recorder, shown, data, look, options)
    stage = _Stage(recorder, shown, draw, size or standard, dpi or DPI[ending], look)
    if ending == ".mp4":
        parts = mp4_parts(stage.frames(), fps, hold)
    elif ending == ".gif":
        parts = gif_parts(stage.frames(), stage.palette(), fps, hold)
    else:
        parts = page_parts(
            stage.frames(),
            stage.palette(),
            recorder.labels,
            title=f"{shown.name} while it trains" if title is None else title,
            seen=seen,
            fps=fps,
            width=round(stage.size[0] * _CSS),
            theme=look,
        )
    write_whole(target, parts)
    return target


def _drawer(
    picture: str | Picture,
    recorder: Recorder,
    model: Model,
    data: Any,
    theme: Theme,
    options: dict[str, Any],
) -> tuple[Picture, tuple[float, float], str]:
    """What draws a frame, the size it looks well in, and what is seen."""
    if not isinstance(picture, str):
        if not callable(picture):
            raise TypeError(
                "animate: picture is a name or a function draw(model, frame, figure); got "
                f"{picture!r}."
            )
        if options:
            raise TypeError(
                f"animate: {', '.join(options)} would be handed on to a picture by name; yours is "
                "a function, which can have them by itself."
            )
        return picture, (5.0, 4.0), getattr(picture, "__name__", "picture")
    if picture not in PICTURES:
        raise ValueError(
            f"animate: there is no picture {picture!r}; there are "
            f"{', '.join(map(repr, PICTURES))}.{nearest(picture, list(PICTURES))}"
        )
    return PICTURES[picture](recorder, model, data, theme, **options)


class _Stage:
    """One figure, on which the frames are drawn one after the other."""

    def __init__(
        self,
        recorder: Recorder,
        model: Model,
        draw: Picture,
        size: tuple[float, float],
        dpi: float,
        theme: Theme,
    ) -> None:
        self.recorder, self.model, self.draw = recorder, model, draw
        self.size, self.theme = size, theme
        self.figure = new_figure(*size, theme)
        self.figure.set_dpi(dpi)
        self.canvas = part("backends.backend_agg").FigureCanvasAgg(self.figure)
        self._places: list[Any] | None = None

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the pictures, (height, width, 3) of bytes."""
        for frame in self.recorder.frames:
            yield self.pixels(frame)

    def palette(self) -> Palette:
        """Return the colours, chosen from frames spread over the run."""
        frames = self.recorder.frames
        chosen = sorted({round(i) for i in np.linspace(0, len(frames) - 1, _SAMPLES)})
        look = self.theme
        named = (look.background, look.ink, look.muted, look.faint, *look.colours)
        return Palette([self.pixels(frames[i]) for i in chosen], named)

    def pixels(self, frame: Frame) -> np.ndarray:
        """Draw a frame. The model has its own weights again afterwards."""
        if self._places is None:
            self._draw(frame)
            self.figure.draw_without_rendering()
            self._places = [one.get_position(original=True) for one in self.figure.axes]
            self.figure.set_layout_engine("none")
        self._draw(frame)
        # The axes stand where they stood in the first frame: nothing moves but what is meant.
        if len(self.figure.axes) == len(self._places):
            for one, place in zip(self.figure.axes, self._places, strict=True):
                one.set_position(place)
        self.canvas.draw()
        return np.array(self.canvas.buffer_rgba())[..., :3].copy()

    def _draw(self, frame: Frame) -> None:
        self.figure.clear()
        with self.recorder.showing(frame, self.model):
            self.draw(self.model, frame, self.figure)
