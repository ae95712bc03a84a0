"""Learning curves say what the history says."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import glassnet as gn
from glassnet import plots


@pytest.fixture(scope="module")
def history() -> Any:
    (x, y), validation = gn.datasets.moons.load_data(n=60)
    model = gn.Sequential(
        [gn.Input((2,)), gn.layers.Dense(4, "tanh"), gn.layers.Dense(1, "sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    slower = gn.callbacks.LearningRateScheduler(lambda epoch, rate: 0.01 / (epoch + 1))
    return model.fit(x, y, epochs=5, validation_data=validation, callbacks=[slower], verbose=0)


def lines(ax: Any) -> dict[str, Any]:
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def test_curves_are_the_history(history: Any) -> None:
    figure = plots.learning_curves(history)
    panels = {ax.get_title(): ax for ax in figure.axes}
    assert list(panels) == ["loss", "accuracy", "learning rate"]
    for title, ax in panels.items():
        name = title.replace(" ", "_")
        drawn = lines(ax)
        assert drawn["training"].get_xdata().tolist() == [1, 2, 3, 4, 5]
        np.testing.assert_array_equal(drawn["training"].get_ydata(), history.history[name])
        if name != "learning_rate":
            np.testing.assert_array_equal(
                drawn["validation"].get_ydata(), history.history[f"val_{name}"]
            )
        assert ax.get_xlabel() == "epoch"


def test_curves_are_named_where_they_end(history: Any) -> None:
    ax = plots.learning_curves(history).axes[1]
    for name in ("training", "validation"):
        (text,) = [t for t in ax.texts if t.get_text() == name]
        line = lines(ax)[name]
        assert text.xy == (line.get_xdata()[-1], line.get_ydata()[-1])
        assert text.get_color() == line.get_color()


def test_training_and_validation_differ_by_more_than_colour(history: Any) -> None:
    drawn = lines(plots.learning_curves(history).axes[0])
    assert drawn["training"].get_linestyle() != drawn["validation"].get_linestyle()


def test_the_best_epoch_is_marked() -> None:
    given = {
        "loss": [3.0, 2.0, 1.0, 0.5],
        "val_loss": [3.0, 1.5, 1.75, 2.0],
        "accuracy": [1, 2, 3, 4],
    }
    first, second = plots.learning_curves(given).axes
    (mark,) = [line for line in first.lines if line.get_label() == "_best"]
    assert (mark.get_xdata().tolist(), mark.get_ydata().tolist()) == ([2], [1.5])
    assert "best: 1.5\nepoch 2" in [text.get_text() for text in first.texts]
    assert any(list(line.get_xdata()) == [2, 2] for line in second.lines)
    (mark,) = [
        line
        for line in plots.learning_curves(given, best="accuracy").axes[1].lines
        if line.get_label() == "_best"
    ]
    assert mark.get_xdata().tolist() == [4]
    bare = plots.learning_curves(given, best=False)
    assert not [line for ax in bare.axes for line in ax.lines if line.get_label() == "_best"]


@pytest.mark.parametrize(
    ("given", "log"),
    [
        ({"loss": [1.0, 0.01]}, True),
        ({"loss": [1.0, 0.5]}, False),
        ({"loss": [1.0, -0.001]}, False),
        ({"accuracy": [0.01, 1.0]}, False),
        ({"learning_rate": [0.1, 0.01]}, True),
        ({"mae": [100.0, 1.0]}, True),
    ],
)
def test_the_scale_is_logarithmic_where_it_spans_decades(given: Any, log: bool) -> None:
    (ax,) = plots.learning_curves(given).axes
    assert (ax.get_yscale() == "log") is log
    assert plots.learning_curves(given, scale="linear").axes[0].get_yscale() == "linear"
    positive = min(min(values) for values in given.values()) > 0
    forced = plots.learning_curves(given, scale="log").axes[0].get_yscale()
    assert (forced == "log") is positive


def test_a_single_epoch_is_seen() -> None:
    (ax,) = plots.learning_curves({"loss": [0.5], "val_loss": [0.6]}).axes
    for line in lines(ax).values():
        assert line.get_marker() not in (None, "None", "")
    low, high = ax.get_xlim()
    assert low < 1 < high


def test_missing_epochs_are_left_out() -> None:
    (ax,) = plots.learning_curves({"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [5.0, 6.0]}).axes
    line = lines(ax)["validation"]
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([2, 4], [5.0, 6.0])


def test_a_run_that_diverged_is_drawn_as_far_as_it_went() -> None:
    (ax,) = plots.learning_curves(
        {"loss": [1.0, 9.0, np.inf, np.nan], "val_loss": [np.nan] * 4}
    ).axes
    drawn = lines(ax)
    assert drawn["training"].get_ydata().tolist() == [1.0, 9.0]
    assert drawn["validation"].get_ydata().tolist() == []
    (crosses,) = ax.collections
    assert crosses.get_offsets()[:, 0].tolist() == [3, 4]
    assert [text.get_text() for text in ax.texts[:1]] == ["NaN or infinite"]
    ax.figure.canvas.draw()


def test_a_gap_of_values_that_are_not_finite_is_no_line() -> None:
    (ax,) = plots.learning_curves(
        {"loss": [1.0, np.nan, 3.0, 2.0], "val_loss": [2.0, 1.0, np.inf, 1.5]}
    ).axes
    drawn = lines(ax)
    np.testing.assert_array_equal(drawn["training"].get_ydata(), [1.0, np.nan, 3.0, 2.0])
    np.testing.assert_array_equal(drawn["validation"].get_ydata(), [2.0, 1.0, np.nan, 1.5])
    assert [c.get_offsets()[:, 0].tolist() for c in ax.collections] == [[2], [3]]
    assert ax.get_ylim()[1] < 4


def test_a_run_without_a_finite_value_says_so() -> None:
    (ax,) = plots.learning_curves({"loss": [np.nan] * 3}).axes
    assert ax.texts[0].get_text() == "NaN or infinite"
    assert len(ax.get_yticks()) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as a layout that collapses
        FigureCanvasAgg(ax.figure).draw()


def test_the_best_is_told_where_no_curve_passes() -> None:
    falling = {"loss": [3.0, 2.0, 1.0]}
    high = {"loss": [0.0, 0.1, 0.2], "val_loss": [10.0, 9.9, 9.8]}
    for history, align in ((falling, "top"), (high, "center")):
        (ax,) = plots.learning_curves(history).axes
        (told,) = [text for text in ax.texts if text.get_text().startswith("best")]
        assert told.get_va() == align


def test_several_runs(history: Any, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss,val_loss\n0,2.0,NA\n1,1.0,NA\n")
    figure = plots.learning_curves({"kept": history, "read": path, "told": {"loss": [1.5, 1.25]}})
    drawn = lines(figure.axes[0])
    assert list(drawn) == ["kept, training", "kept, validation", "read, training", "told, training"]
    assert drawn["read, training"].get_ydata().tolist() == [2.0, 1.0]
    assert len({line.get_marker() for line in drawn.values()}) == 3
    (box,) = figure.legends
    told = {text.get_text(): h for text, h in zip(box.get_texts(), box.legend_handles, strict=True)}
    assert list(told) == ["kept", "read", "told", "training", "validation"]
    for name in ("kept", "read", "told"):
        line = drawn[f"{name}, training"]
        assert (told[name].get_color(), told[name].get_marker()) == (
            line.get_color(), line.get_marker(),
        )  # fmt: skip
    assert told["validation"].get_linestyle() == drawn["kept, validation"].get_linestyle()


def test_many_runs_can_be_told_apart() -> None:
    figure = plots.learning_curves({f"run {i}": {"loss": [i, 1.0]} for i in range(20)})
    looks = {(line.get_color(), line.get_marker()) for line in lines(figure.axes[0]).values()}
    assert len(looks) == 20
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert figure.axes[0].get_window_extent().height > 100


def test_metrics_are_chosen_in_order(history: Any) -> None:
    figure = plots.learning_curves(history, metrics=["accuracy", "val_loss"])
    assert [ax.get_title() for ax in figure.axes] == ["accuracy", "loss"]
    with pytest.raises(ValueError, match=r"holds no 'acuracy'.*Did you mean 'accuracy'"):
        plots.learning_curves(history, metrics="acuracy")
    with pytest.raises(ValueError, match="metrics is empty"):
        plots.learning_curves(history, metrics=[])
    with pytest.raises(ValueError, match="best='los'"):
        plots.learning_curves(history, best="los")


def test_inside_axes_of_ones_own(history: Any) -> None:
    figure = Figure(layout="constrained", facecolor="black")
    left, right = figure.subplots(1, 2)
    right.set_facecolor("black")
    found = plots.learning_curves(history, ax=right, title="moons")
    assert found is figure
    (inside,) = figure.subfigs
    assert inside.get_suptitle() == "moons"
    assert len(figure.axes) == 2 + 3
    assert not left.lines
    figure.canvas.draw()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_drawn_without_a_screen(history: Any, theme: str) -> None:
    figure = plots.learning_curves({"a": history, "b": history}, theme=theme)
    figure.canvas.draw()
