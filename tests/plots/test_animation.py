"""animate: what its frames show, and what it does to the model."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recorded_xor import SMALL, X, Y, filled, panels, pictures, xor

import glassnet as gn
from glassnet.callbacks import Recorder
from glassnet.plots import animate
from glassnet.plots.moving import PICTURES


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
    # What is held is the memory of recording and drawing; a compiler in the process has its own.
    plain = {**os.environ, "GLASSNET_ENGINE": "numpy"}
    told = subprocess.run(command, check=True, capture_output=True, text=True, env=plain).stdout
    frames, megabytes = told.split()
    assert 5 <= int(frames) <= 10
    assert 30 < float(megabytes) < 200


def test_memory_does_not_grow_with_the_frames(tmp_path: Path) -> None:
    """Matplotlib's objects are counted when a frame is to be drawn, early and late, and after."""
    import gc

    counts: list[int] = []

    def count() -> None:
        gc.collect()
        kinds = Counter(map(type, gc.get_objects()))
        counts.append(sum(n for kind, n in kinds.items() if "matplotlib" in str(kind)))

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
