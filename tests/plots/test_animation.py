"""animate: the frames are read back from the files and held against what was drawn."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import glassnet as gn
from glassnet.callbacks import Recorder
from glassnet.plots import animate
from glassnet.plots.gif import Palette, gif_parts
from glassnet.plots.moving import PICTURES

X, Y = gn.datasets.xor.load_data()[0]
SMALL: dict[str, Any] = {"size": (2.0, 1.5), "dpi": 40}
WIDTH, HEIGHT = 80, 60


def xor(epochs: int = 4, **arguments: Any) -> tuple[gn.Sequential, Recorder]:
    gn.utils.set_random_seed(7)
    model = gn.Sequential(
        [gn.Input((2,)), gn.layers.Dense(3, "tanh", name="hidden"),
         gn.layers.Dense(1, "sigmoid", name="out")], name="xor",
    )  # fmt: skip
    model.compile(gn.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    recorder = Recorder(**arguments)
    model.fit(X, Y, epochs=epochs, verbose=0, callbacks=[recorder])
    return model, recorder


def filled(model: Any, frame: Any, figure: Any) -> None:
    """A frame of one colour that tells its epoch: red grows by 40 an epoch."""
    figure.set_facecolor((frame.epoch * 40 / 255, 0, 0.2))


def pictures(path: Path) -> list[np.ndarray]:
    frames = []
    with Image.open(path) as found:
        for i in range(getattr(found, "n_frames", 1)):
            found.seek(i)
            frames.append(np.asarray(found.convert("RGB")))
    return frames


def panels(figure: Any) -> list[Any]:
    """The axes that show something: not those whose place others took."""
    return [axes for axes in figure.axes if axes.axison]


# --- GIF --------------------------------------------------------------------------------------
def test_a_gif_holds_every_frame_in_its_colours(tmp_path: Path) -> None:
    _, recorder = xor(5)
    path = animate(recorder, tmp_path / "run.gif", filled, **SMALL)
    frames = pictures(path)
    assert len(frames) == len(recorder) == 6
    for epoch, frame in enumerate(frames):
        assert frame.shape == (HEIGHT, WIDTH, 3)
        assert (frame == (40 * epoch, 0, 51)).all()


def test_only_what_moves_is_written_and_all_is_read_back() -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (200, 3), dtype=np.uint8)
    frames = [colours[rng.integers(0, 200, (30, 40))]]
    for _ in range(6):
        frame = frames[-1].copy()
        row, column = rng.integers(0, 20, 2)
        frame[row : row + 8, column : column + 9] = colours[rng.integers(0, 200, (8, 9))]
        frames += [frame, frame]  # and one in which nothing moves
    data = b"".join(gif_parts(frames, Palette(frames), 10, 2.0))
    found = Image.open(BytesIO(data))
    assert getattr(found, "n_frames", 0) == len(frames)
    assert found.info["loop"] == 0
    palette = Palette(frames)
    worst = 0
    for i, frame in enumerate(frames):
        found.seek(i)
        assert found.info["duration"] == (2000 if i == len(frames) - 1 else 100)
        nearest = palette.rgb[palette.indices(frame)]
        worst = max(worst, int(np.abs(np.asarray(found.convert("RGB")) - nearest).max()))
    assert worst == 0
    assert len(data) < 5500  # the first frame and 72 pixels for each that moved


def test_the_palette_takes_the_nearest_colour() -> None:
    rng = np.random.default_rng(1)
    frame = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    frame[:20] = (250, 251, 252)
    palette = Palette([frame], ["#0072B2"])
    table = palette.rgb
    assert len(table) <= 255
    assert (table == (250, 251, 252)).all(axis=1).any()
    assert (table == (0x00, 0x72, 0xB2)).all(axis=1).any()
    indices = palette.indices(frame)
    for row, column in ((0, 0), (25, 3), (39, 49), (30, 20)):
        apart = [sum((int(a) - int(b)) ** 2 for a, b in zip(frame[row, column], c, strict=True))
                 for c in table]  # fmt: skip
        assert apart[indices[row, column]] == min(apart)


def test_frames_a_second(tmp_path: Path) -> None:
    _, recorder = xor(2)
    path = animate(recorder, tmp_path / "a.gif", filled, fps=4, hold=0.0, **SMALL)
    with Image.open(path) as found:
        assert found.info["duration"] == 250


# --- HTML -------------------------------------------------------------------------------------
class Page(HTMLParser):
    """What a page holds: its tags with attributes, its script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.script = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.script += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


def value(script: str, name: str) -> Any:
    found = re.search(rf"const {name} = (.*?);\n", script)
    assert found is not None
    return json.loads(found[1])


def test_a_page_holds_every_frame_and_its_caption(tmp_path: Path) -> None:
    _, recorder = xor(5)
    path = animate(recorder, tmp_path / "run.html", filled, title="</script> & more", **SMALL)
    text = path.read_text()
    page = Page(text)
    frames = re.findall(r'^"([A-Za-z0-9+/=]+)",$', page.script, re.MULTILINE)
    assert len(frames) == 6
    for epoch, frame in enumerate(frames):
        pixels = np.asarray(Image.open(BytesIO(base64.b64decode(frame))).convert("RGB"))
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        assert (pixels == (40 * epoch, 0, 51)).all()
    assert value(page.script, "labels") == recorder.labels
    assert value(page.script, "seen") == "filled"
    assert value(page.script, "fps") == 12
    assert "&lt;/script&gt; &amp; more</h1>" in text
    slider = next(attrs for tag, attrs in page.tags if tag == "input")
    assert (slider["type"], slider["min"], slider["max"]) == ("range", "0", "5")
    assert slider["aria-label"]


def test_a_page_asks_for_nothing_and_heeds_who_wants_no_motion(tmp_path: Path) -> None:
    _, recorder = xor(2)
    text = animate(recorder, tmp_path / "a.html", filled, theme="dark", **SMALL).read_text()
    page = Page(text)
    assert not {"link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert not [attrs for _, attrs in page.tags if {"src", "href"} & set(attrs)]
    assert "http" not in text
    assert "@import" not in text
    assert "url(" not in text
    assert "prefers-reduced-motion" in page.script
    assert "color-scheme: dark" in text
    assert {"lang": "en"} in [attrs for tag, attrs in page.tags if tag == "html"]


# --- MP4 --------------------------------------------------------------------------------------
FAKE = """#!{python}
import sys
data = sys.stdin.buffer.read()
open({told!r}, "w").write(repr((sys.argv[1:], len(data), data[0], data[-1])))
open(sys.argv[-1], "wb").write(b"film")
"""


def with_program(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script")
def test_ffmpeg_gets_every_frame_in_even_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told.txt"
    with_program(tmp_path, FAKE.format(python=sys.executable, told=str(told)), monkeypatch)
    _, recorder = xor(5)
    size: dict[str, Any] = {"size": (2.025, 1.525), "dpi": 40}
    path = animate(recorder, tmp_path / "run.mp4", filled, fps=10, hold=0.5, **size)
    assert path.read_bytes() == b"film"
    arguments, length, first, last = eval(told.read_text())
    given = dict(pairwise(arguments))
    assert given["-s"] == "82x62"
    assert given["-pix_fmt"] in ("rgb24", "yuv420p")
    assert given["-r"] == "10"
    assert length == (6 + 4) * 82 * 62 * 3  # the last frame stays for half a second
    assert (first, last) == (0, 51)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script")
def test_where_ffmpeg_fails_its_words_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"#!{sys.executable}\nimport sys\nprint('no such codec', file=sys.stderr)\nsys.exit(3)\n"
    with_program(tmp_path, text, monkeypatch)
    _, recorder = xor(2)
    with pytest.raises(RuntimeError, match=r"ffmpeg failed \(3\): no such codec"):
        animate(recorder, tmp_path / "run.mp4", filled, **SMALL)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bin"]


def test_without_ffmpeg_the_way_out_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    _, recorder = xor(1)
    drawn: list[int] = []
    with pytest.raises(FileNotFoundError, match=r"Install it .*\.gif or \.html"):
        animate(recorder, tmp_path / "a.mp4", lambda *_: drawn.append(1), **SMALL)
    assert drawn == []


# --- what a frame sees ------------------------------------------------------------------------
def test_the_model_has_the_weights_of_the_frame_and_afterwards_its_own(tmp_path: Path) -> None:
    model, recorder = xor(3, watch=X)
    own = [w.value for w in model.weights]
    seen: list[tuple[int, np.ndarray]] = []

    def look(shown: Any, frame: Any, figure: Any) -> None:
        assert shown is model
        assert not figure.axes
        figure.add_subplot()
        seen.append((frame.epoch, model.predict(X, verbose=0)))

    animate(recorder, tmp_path / "a.gif", look, **SMALL)
    assert {epoch for epoch, _ in seen} == {0, 1, 2, 3}
    for epoch, outputs in seen:
        assert np.array_equal(outputs, recorder.frames[epoch].outputs)
    assert all(w.value is kept for w, kept in zip(model.weights, own, strict=True))


def test_after_an_error_the_model_and_the_old_file_are_as_they_were(tmp_path: Path) -> None:
    model, recorder = xor(3)
    own = [w.value for w in model.weights]
    path = tmp_path / "a.gif"
    path.write_bytes(b"old")

    calls: list[int] = []

    def fail(shown: Any, frame: Any, figure: Any) -> None:
        calls.append(1)
        if len(calls) > 7:  # when the file is being written
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        animate(recorder, path, fail, **SMALL)
    assert len(calls) == 8
    assert all(w.value is kept for w, kept in zip(model.weights, own, strict=True))
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.gif"]


def test_axes_stand_still_though_titles_grow(tmp_path: Path) -> None:
    _, recorder = xor(3)

    def draw(model: Any, frame: Any, figure: Any) -> None:
        axes = figure.add_subplot()
        axes.plot([0, 10 ** (3 * frame.epoch)], [0, 10 ** (3 * frame.epoch)], color="red")
        figure.suptitle("long " * frame.epoch + "\n" * frame.epoch)

    frames = pictures(animate(recorder, tmp_path / "a.gif", draw, size=(4, 3), dpi=40))
    corners = set()
    for frame in frames:
        red = (frame[..., 0] > 200) & (frame[..., 1] < 120)
        rows, columns = np.nonzero(red)
        corners.add((rows.min(), rows.max(), columns.min(), columns.max()))
    assert len(corners) == 1


def test_a_recording_from_a_file_is_animated(tmp_path: Path) -> None:
    model, recorder = xor(2)
    recorder.save(tmp_path / "run.safetensors")
    found = Recorder.load(tmp_path / "run.safetensors")
    with pytest.raises(ValueError, match="knows no model"):
        animate(found, tmp_path / "a.gif", filled, **SMALL)
    path = animate(found, tmp_path / "a.gif", filled, model=model, **SMALL)
    assert len(pictures(path)) == 3


# --- the pictures by name ---------------------------------------------------------------------
def drawn(name: str, recorder: Recorder, data: Any = None, **options: Any) -> list[Any]:
    """The figures of all frames, as the picture of this name draws them."""
    from matplotlib.figure import Figure

    from glassnet.plots.figures import THEMES

    model = recorder.checked()
    draw, _, _ = PICTURES[name](recorder, model, data, THEMES["light"], **options)
    figures = []
    for frame in recorder.frames:
        figures.append(Figure(layout="constrained"))
        with recorder.showing(frame):
            draw(model, frame, figures[-1])
        assert figures[-1].get_suptitle() == frame.label(recorder.unit)
    return figures


@pytest.mark.parametrize("name", list(PICTURES))
def test_every_picture_is_animated(name: str, tmp_path: Path) -> None:
    _, recorder = xor(1)
    data = (X, Y) if name == "boundary" else None
    options = {"cells": 11} if name == "boundary" else {}
    path = animate(recorder, tmp_path / "a.gif", name, data, dpi=30, **options)
    frames = pictures(path)
    assert len(frames) == 2
    assert (frames[0] != frames[1]).any()


def test_boundaries_are_the_predictions_of_their_moment() -> None:
    _, recorder = xor(3)
    for frame, figure in zip(
        recorder.frames, drawn("boundary", recorder, (X, Y), cells=9, margin=0.5), strict=True
    ):
        axes = figure.axes[0]
        image = axes.images[0]
        a, b = np.linspace(*axes.get_xlim(), 9), np.linspace(*axes.get_ylim(), 9)
        grid = np.stack(np.meshgrid(a, b), axis=-1).reshape(-1, 2).astype("float32")
        with recorder.showing(frame) as model:
            expected = model.predict(grid, verbose=0).reshape(9, 9)
        assert np.allclose(np.asarray(image.get_array()), expected, atol=1e-6)
        assert image.get_clim() == (0, 1)


def test_colours_of_predicted_numbers_keep_their_scale() -> None:
    gn.utils.set_random_seed(1)
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    model.compile(gn.optimizers.SGD(0.3), "mse")
    recorder = Recorder()
    model.fit(X, 5.0 * X[:, 0], epochs=5, verbose=0, callbacks=[recorder])
    figures = drawn("boundary", recorder, X, kind="regression", cells=9)
    levels = {tuple(f.axes[0].collections[0].levels) for f in figures}
    assert len(levels) == 1
    (only,) = levels
    for frame in recorder.frames:
        with recorder.showing(frame):
            found = gn.inspection.boundary(model, X, kind="regression", cells=9).values
        assert only[0] <= found.min()
        assert found.max() <= only[-1]


def test_weights_keep_one_scale_and_are_those_of_the_moment() -> None:
    _, recorder = xor(4)
    figures = drawn("weights", recorder)
    largest = [max(np.abs(np.concatenate([f.weights[i].ravel(), f.weights[i + 1]])).max()
                   for f in recorder.frames) for i in (0, 2)]  # fmt: skip
    for frame, figure in zip(recorder.frames, figures, strict=True):
        maps = [axes for axes in panels(figure) if axes.images and axes.get_xlabel()]
        assert len(maps) == 2
        for number, axes in enumerate(maps):
            kernel = frame.weights[2 * number]
            assert np.array_equal(np.asarray(axes.images[0].get_array()), kernel)
            assert np.allclose(axes.images[0].get_clim(), (-largest[number], largest[number]))


def test_lines_of_a_network_are_as_wide_as_beside_the_largest_weight_of_the_run() -> None:
    _, recorder = xor(4)
    largest = max(np.abs(w).max() for f in recorder.frames for w in f.weights)
    for frame, figure in zip(recorder.frames, drawn("network", recorder), strict=True):
        lines = {line.get_gid(): line for line in figure.axes[0].lines if line.get_gid()}
        for (i, j), weight in np.ndenumerate(frame.weights[0]):
            width = 0.4 + 4.6 * abs(weight) / largest
            assert np.isclose(lines[f"weight 1 {i} {j}"].get_linewidth(), width)


def test_curves_end_at_the_moment_on_the_axes_of_the_whole_run() -> None:
    _, recorder = xor(6, every=2)
    figures = drawn("curves", recorder)
    losses = [f.logs["loss"] for f in recorder.frames[1:]]
    limits = {(a.get_xlim(), a.get_ylim()) for f in figures for a in panels(f)[:1]}
    assert len(limits) == 1
    for number, figure in enumerate(figures):
        line = panels(figure)[0].lines[0]
        assert line.get_xdata().tolist() == [2, 4, 6][:number]
        assert line.get_ydata().tolist() == losses[:number]


def test_curves_of_batches() -> None:
    _, recorder = xor(3, unit="batch")
    axes = panels(drawn("curves", recorder)[-1])[0]
    assert axes.get_xlabel() == "batch"
    assert axes.lines[0].get_xdata().tolist() == [1, 2, 3]


def bars(axes: Any) -> tuple[np.ndarray, np.ndarray]:
    (patch,) = axes.patches
    found = patch.get_data()
    return np.asarray(found.values), np.asarray(found.edges)


def test_distributions_of_weights_count_every_weight() -> None:
    _, recorder = xor(4)
    figures = drawn("distributions", recorder)
    for frame, figure in zip(recorder.frames, figures, strict=True):
        axes = [a for a in figure.axes if a.patches]
        assert [a.get_ylabel() for a in axes] == ["hidden/kernel", "out/kernel"]
        shares, edges = bars(axes[0])
        assert np.array_equal(edges, bars(next(a for a in figures[0].axes if a.patches))[1])
        for share, low, high in zip(shares[1:-1], edges[1:-2], edges[2:-1], strict=True):
            entries = frame.weights[0].astype(float).ravel()
            assert np.isclose(share, np.mean([low <= e < high for e in entries]))
        assert np.isclose(shares.sum(), 1)


def test_distributions_of_activations_are_those_of_the_moment() -> None:
    _, recorder = xor(4)
    figures = drawn("distributions", recorder, (X, Y))
    texts = [t.get_text() for a in figures[0].axes for t in a.texts]
    assert texts == ["the loss is computed from Z, not from A"]
    for frame, figure in zip(recorder.frames, figures, strict=True):
        axes = next(a for a in figure.axes if a.get_ylabel() == "hidden")
        shares, edges = bars(axes)
        hidden = np.tanh(X @ frame.weights[0] + frame.weights[1]).ravel()
        counts = np.histogram(np.clip(hidden, edges[0], edges[-1]), edges)[0]
        assert np.allclose(shares, counts / 12, atol=1.01 / 12)  # an entry may lie on an edge
        assert np.isclose(shares.sum(), 1)
        assert axes.get_ylim()[1] >= shares.max()


# --- arguments --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"path": "run.avi"}, ValueError, r"\.gif, \.mp4 or \.html"),
        ({"picture": "bondary"}, ValueError, "Did you mean 'boundary'"),
        ({"picture": 3}, TypeError, "a name or a function"),
        ({"picture": filled, "cells": 3}, TypeError, "cells would be handed on"),
        ({"fps": 60}, ValueError, "at most 50"),
        ({"hold": -1}, ValueError, "least 0"),
        ({"theme": "sepia"}, ValueError, "sepia"),
        ({"picture": "weights", "data": X}, ValueError, "looks at no data"),
        ({"data": (X, Y, Y)}, ValueError, "tuple of 3"),
        ({"picture": "distributions", "layers": ["middle"]}, ValueError, "the weights are hidden"),
    ],
)
def test_a_bad_argument_is_told(
    arguments: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    _, recorder = xor(1)
    path = tmp_path / arguments.pop("path", "a.gif")
    with pytest.raises(error, match=message):
        animate(recorder, path, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_recorder_says_so(tmp_path: Path) -> None:
    recorder = Recorder()
    recorder.set_model(gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)]))
    with pytest.raises(ValueError, match="holds no frames"):
        animate(recorder, tmp_path / "a.gif", filled)


# --- memory -----------------------------------------------------------------------------------
@pytest.mark.skipif(os.name == "nt", reason="resource is of POSIX")
def test_a_long_run_stays_under_200_megabytes(tmp_path: Path) -> None:
    """1,000 epochs, thinned to at most 10 frames; benchmarks/animation.py draws up to 200."""
    script = Path(__file__).with_name("animated_run.py")
    command = [sys.executable, str(script), str(tmp_path / "a.html"), "1000", "10"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    frames, megabytes = told.split()
    assert 5 <= int(frames) <= 10
    assert 30 < float(megabytes) < 200


def test_memory_does_not_grow_with_the_frames(tmp_path: Path) -> None:
    """Matplotlib's objects are counted when a frame is to be drawn, early and late, and after."""
    import gc

    counts: list[int] = []

    def count() -> None:
        gc.collect()
        counts.append(sum("matplotlib" in str(type(o)) for o in gc.get_objects()))

    def draw(model: Any, frame: Any, figure: Any) -> None:
        if frame.epoch in (2, 5):
            count()
        left, right = figure.subplots(1, 2)
        figure.colorbar(left.imshow(frame.weights[0]), ax=left)
        right.plot(frame.weights[1], label="bias")
        right.legend()

    _, recorder = xor(5)
    animate(recorder, tmp_path / "a.gif", draw, size=(6, 4), dpi=30)
    count()
    early, late = counts[1], counts[-2]
    assert abs(late - early) <= 50  # a frame has some hundreds
    assert counts[-1] <= early + 50
