"""Curves as SVG: the points read back through the scale are the history."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from svg_reader import SVG, Rect, box_of, classes, corners

import glassnet as gn
from glassnet.explain.diagram.chart import Axis, axis_of, thinned, ticks
from glassnet.explain.diagram.history import history_svg


def read(history):
    """The points of every series by panel and name, in values; with the panels themselves."""
    root = ET.fromstring(history_svg(history))
    found, panels = {}, {}
    for group in root.iter(f"{SVG}g"):
        if "panel" not in classes(group):
            continue
        panels[group.get("data-title")] = group
        logarithmic = group.get("data-scale") == "log"
        for series in group.iter(f"{SVG}g"):
            if "series" not in classes(series):
                continue
            points = []
            for path in series.findall(f"{SVG}path"):
                if "gap" not in classes(path):
                    points += corners(path.get("d"))
            points += [
                (float(c.get("cx")), float(c.get("cy"))) for c in series.findall(f"{SVG}circle")
            ]
            points.sort()
            xs = [value_at(group.get("data-x"), x, False) for x, _ in points]
            ys = [value_at(group.get("data-y"), y, logarithmic) for _, y in points]
            found[group.get("data-title"), series.get("data-name")] = (np.array(xs), np.array(ys))
    return found, panels, root


def value_at(ends, pixel, logarithmic):
    low, high, start, end = map(float, ends.split())
    share = (pixel - start) / (end - start)
    if logarithmic:
        return low * (high / low) ** share
    return low + (high - low) * share


def words(panel):
    return [t.text for t in panel.iter(f"{SVG}text")]


def trained(**how):
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, "tanh"), gn.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 2)), rng.normal(size=(24, 1))
    return model.fit(x, y, validation_split=0.25, verbose=0, **how)


def test_curves_are_the_history():
    history = trained(epochs=12)
    found, _, _ = read(history)
    assert set(found) == {
        (title, name) for title in ("loss", "mae") for name in ("training", "validation")
    }
    for (title, name), (x, y) in found.items():
        recorded = history.history[("val_" if name == "validation" else "") + title]
        spread = max(recorded) - min(recorded)
        np.testing.assert_allclose(x, np.arange(1, 13), atol=0.01)
        np.testing.assert_allclose(y, recorded, atol=0.002 * spread + 1e-6, rtol=1e-3)


def test_validation_after_some_epochs_stands_at_these():
    history = trained(epochs=9, validation_freq=[2, 3, 7])
    x, y = read(history)[0]["loss", "validation"]
    np.testing.assert_allclose(x, [2, 3, 7], atol=0.01)
    np.testing.assert_allclose(y, history.history["val_loss"], rtol=2e-3)


def test_one_epoch_is_a_point():
    found, panels, root = read({"loss": [0.5], "val_loss": [0.75]})
    assert found["loss", "training"][1] == pytest.approx([0.5], abs=2e-3)
    assert found["loss", "validation"][1] == pytest.approx([0.75], abs=2e-3)
    assert "last 0.5" in words(panels["loss"])
    assert "Curves of 1 epoch of training" in root.find(f"{SVG}title").text


def test_values_that_are_not_finite_are_gaps():
    values = [3.0, 2.0, math.nan, 1.5, math.inf, 1.25, 1.0]
    found, panels, _ = read({"loss": values})
    x, y = found["loss", "training"]
    np.testing.assert_allclose(x, [1, 2, 4, 6, 7], atol=0.01)
    np.testing.assert_allclose(y, [3, 2, 1.5, 1.25, 1], atol=0.01)
    assert "last 1, 2 not finite · best 1 at 7" in words(panels["loss"])
    gaps = [p for p in panels["loss"].iter(f"{SVG}path") if "gap" in classes(p)]
    assert len(gaps) == 2


def test_a_run_that_ends_in_nan_says_since_when():
    panels = read({"loss": [2.0, 1.0, math.nan, math.nan]})[1]
    assert "last nan, NaN from 3 on · best 1 at 2" in words(panels["loss"])


def test_without_any_finite_value():
    found, panels, _ = read({"loss": [math.nan] * 3})
    assert len(found["loss", "training"][0]) == 0
    assert {"never finite", "no finite value"} <= set(words(panels["loss"]))


def test_the_best_is_the_highest_where_more_is_better():
    history = {"accuracy": [0.5, 0.75, 0.625], "loss": [0.5, 0.125, 0.25], "lr": [0.5, 0.5, 0.25]}
    panels = read(history)[1]
    assert list(panels) == ["loss", "accuracy", "lr"]
    assert "last 0.625 · best 0.75 at 2" in words(panels["accuracy"])
    assert "last 0.25 · best 0.125 at 2" in words(panels["loss"])
    assert "last 0.25" in words(panels["lr"])


def test_many_epochs_are_thinned_and_no_peak_is_lost():
    rng = np.random.default_rng(0)
    values = rng.random(10_000) + 1
    values[4321], values[8765] = 9.0, 0.5
    found, _, root = read({"loss": values.tolist()})
    x, y = found["loss", "training"]
    assert len(x) < 1500
    assert y.max() == pytest.approx(9, abs=0.05)
    assert x[y.argmax()] == pytest.approx(4322, abs=40)  # a column is 37 epochs wide
    assert y.min() == pytest.approx(0.5, abs=0.05)
    assert len(ET.tostring(root)) < 40_000


def test_thinning_keeps_the_extremes_of_every_column():
    x = np.arange(1.0, 5001.0)
    y = np.sin(x * 12.9898) * np.cos(x / 100)
    tx, ty = thinned(x, y, 50)
    naive = [
        (min(part), max(part))
        for part in ([v for u, v in zip(x, y, strict=True) if 100 * i < u <= 100 * (i + 1)]
                     for i in range(50))
    ]  # fmt: skip
    for i, (low, high) in enumerate(naive):
        inside = ty[(tx > 100 * i - 1.1) & (tx <= 100 * (i + 1) + 1.1)]
        assert inside.min() <= low
        assert inside.max() >= high
    assert set(zip(tx, ty, strict=True)) <= set(zip(x, y, strict=True))


def test_losses_far_apart_have_a_logarithmic_scale():
    values = [10.0 ** (-k / 2) for k in range(12)]
    found, panels, _ = read({"loss": values})
    assert panels["loss"].get("data-scale") == "log"
    np.testing.assert_allclose(found["loss", "training"][1], values, rtol=0.01)
    assert read({"loss": [1.0, 0.5]})[1]["loss"].get("data-scale") == "linear"
    assert read({"loss": [1.0, 0.0]})[1]["loss"].get("data-scale") == "linear"


@pytest.mark.parametrize(
    "values", [[5.0, 5.0], [0.0, 0.0], [1e300, -1e300], [-1e-310, 1e-310], [1e-5, 2e-5], [-3, 400]]
)
def test_any_values_have_a_scale(values):
    axis = axis_of(np.array(values, float), 100.0, 0.0, "auto")
    assert axis.low < axis.high
    assert all(-1 <= axis.at(v) <= 101 for v in values)


def test_ticks_are_round():
    assert ticks(Axis(0.0, 1.0, 0, 1), 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert ticks(Axis(-37.0, 81.0, 0, 1), 5) == pytest.approx([0, 50])
    assert ticks(Axis(1e-4, 10.0, 0, 1, True), 6) == pytest.approx([1e-4, 1e-3, 0.01, 0.1, 1, 10])


def test_texts_stay_on_the_page_and_apart():
    names = ["loss", "a_metric_with_quite_a_long_name_that_goes_on_and_on", "mae", "auc"]
    history = {n: [1234.5678, 1e-9] for n in [*names, *(f"val_{n}" for n in names)]}
    root = ET.fromstring(history_svg(history))
    page = Rect(*map(float, root.get("viewBox").split()))
    boxes = [box_of(t) for t in root.iter(f"{SVG}text")]
    assert all(page.holds(box) for box in boxes)
    assert not any(a.meets(b, 0.01) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
