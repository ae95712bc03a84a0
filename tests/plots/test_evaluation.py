"""Pictures of classifiers say what the metrics say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

import glassnet as gn
from glassnet import inspection, metrics, plots


@pytest.fixture(scope="module")
def flowers() -> Any:
    gn.utils.set_random_seed(0)
    (x, y), _ = gn.datasets.iris.load_data()
    model = gn.Sequential([gn.Input((4,)), gn.layers.Dense(3)])
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(gn.optimizers.Adam(0.05), loss)
    model.fit(x, y, epochs=20, verbose=0)
    return model, x, y


@pytest.fixture(scope="module")
def halves() -> Any:
    gn.utils.set_random_seed(0)
    (x, y), _ = gn.datasets.moons.load_data(n=300, noise=0.3)
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, "sigmoid")])
    model.compile(gn.optimizers.Adam(0.1), "binary_crossentropy")
    model.fit(x, y, epochs=20, verbose=0)
    return model, x, y


def cells(ax: Any, k: int) -> list[str]:
    return [text.get_text() for text in ax.texts[: k * k]]


# --- confusion --------------------------------------------------------------------------------
def test_counts_are_the_metrics(flowers: Any) -> None:
    model, x, y = flowers
    expected = np.asarray(metrics.ConfusionMatrix(3)(y, model.predict(x, verbose=0)))
    ax = plots.confusion_matrix(model, x, y, names=gn.datasets.iris.CLASSES)
    assert cells(ax, 3) == [f"{int(c)}" for c in expected.ravel()]
    shares = expected / expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ax.images[0].get_array(), shares)
    names = list(gn.datasets.iris.CLASSES)
    assert [t.get_text() for t in ax.get_xticklabels()] == names
    assert [t.get_text() for t in ax.get_yticklabels()] == names
    right = np.trace(expected) / len(y)
    assert f"{100 * right:.1f} % of 120" in ax.get_title()
    recalls = [t.get_text() for t in ax.texts[9:12]]
    told = [float(recall.removesuffix(" %")) for recall in recalls]
    np.testing.assert_allclose(told, 100 * np.diag(shares), atol=0.051)


@pytest.mark.parametrize("one_hot", [False, True])
def test_one_hot_targets_count_the_same(flowers: Any, one_hot: bool) -> None:
    model, x, y = flowers
    found = cells(plots.confusion_matrix(model, x, np.eye(3)[y] if one_hot else y[:, None]), 3)
    assert found == cells(plots.confusion_matrix(model, x, y), 3)


def test_yes_and_no_from_one_output(halves: Any) -> None:
    model, x, y = halves
    said = model.predict(x, verbose=0).ravel() > 0.5
    expected = [((y == i) & (said == j)).sum() for i in (0, 1) for j in (0, 1)]
    assert cells(plots.confusion_matrix(model, x, y), 2) == [str(c) for c in expected]


def test_logits_of_one_output_are_cut_at_zero() -> None:
    model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, kernel_initializer="ones")])
    model.compile(loss=gn.losses.BinaryCrossentropy(from_logits=True))
    x, y = np.array([[-0.2], [0.3], [0.4], [2.0]]), np.array([0, 0, 1, 1])
    assert cells(plots.confusion_matrix(model, x, y), 2) == ["1", "1", "0", "2"]


def test_a_hinge_is_cut_at_zero_too() -> None:
    model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, kernel_initializer="ones")])
    model.compile(loss="hinge")
    x, y = np.array([[-0.2], [0.3], [0.4], [2.0]]), np.array([-1, -1, 1, 1])
    assert cells(plots.confusion_matrix(model, x, y), 2) == ["1", "1", "0", "2"]
    assert plots.roc(model, x, y).lines[0].get_ydata().tolist() == [0, 0.5, 1, 1, 1]


@pytest.mark.parametrize("over", ["true", "pred", "all"])
def test_shares_stand_beside_the_counts(over: Any) -> None:
    found = inspection.confusion([0, 0, 0, 1, 1], [0, 0, 1, 1, 1])
    ax = plots.confusion_matrix(found, normalize=over)
    counts = np.array([[2, 1], [0, 2]])
    whole = {"true": counts.sum(1, keepdims=True), "pred": counts.sum(0), "all": 5}[over]
    np.testing.assert_allclose(ax.images[0].get_array(), counts / whole)
    first = (counts / whole)[0, 0]
    assert cells(ax, 2)[0] == (f"{100 * first:.1f} %" if first < 1 else "100 %") + "\n2"
    assert cells(ax, 2)[2] == "0"


def test_a_class_without_examples() -> None:
    ax = plots.confusion_matrix(inspection.confusion([0, 0], [0, 2]))
    assert "no example" in [text.get_text() for text in ax.texts]


def test_many_classes_are_not_written_out() -> None:
    y = np.arange(60)
    ax = plots.confusion_matrix(inspection.confusion(y, y))
    assert len(ax.texts) < 5
    assert len(ax.get_xticks()) <= 25


# --- ROC, precision over recall ---------------------------------------------------------------
def test_one_roc_curve(halves: Any) -> None:
    model, x, y = halves
    p = model.predict(x, verbose=0).ravel()
    ax = plots.roc(model, x, y)
    curve = ax.lines[0]
    for threshold in (0.1, 0.5, 0.9):
        hits, misses = (p[y == 1] >= threshold).mean(), (p[y == 0] >= threshold).mean()
        marks = [(*line.get_xdata(), *line.get_ydata()) for line in ax.lines[2:]]
        assert (misses, hits) in marks
        assert (misses, hits) in zip(curve.get_xdata(), curve.get_ydata(), strict=True)
    metric = metrics.AUC(num_thresholds=20_000)
    area = float(metric(y, p))
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert float(labels[0].removeprefix("AUC ")) == pytest.approx(area, abs=2e-4)
    assert labels[1].startswith("chance")
    assert list(ax.lines[1].get_xdata()) == [0, 1] == list(ax.lines[1].get_ydata())


def test_a_roc_curve_for_each_class(flowers: Any) -> None:
    model, x, y = flowers
    p = special.softmax(model.predict(x, verbose=0).astype(float), axis=1)
    ax = plots.roc(model, x, y, names=gn.datasets.iris.CLASSES)
    for k, (name, line) in enumerate(zip(gn.datasets.iris.CLASSES, ax.lines, strict=False)):
        (expected,) = inspection.roc(y == k, p[:, k]).curves
        np.testing.assert_allclose(line.get_xdata(), expected.false_positive_rates)
        np.testing.assert_allclose(line.get_ydata(), expected.true_positive_rates)
        assert line.get_label() == f"{name}  AUC {expected.area:.4f}"
    assert len({str(line._unscaled_dash_pattern) for line in ax.lines[:3]}) == 3


def test_curves_in_the_corner_are_enlarged() -> None:
    y = np.arange(30) % 3
    near = 0.9 * np.eye(3)[y] + 0.1 * np.random.default_rng(0).random((30, 3))
    for found, draw, across in (
        (inspection.roc(y, near), plots.roc, (0, 0.2)),
        (inspection.precision_recall(y, near), plots.precision_recall, (0.8, 1)),
    ):
        ax = draw(found)  # type: ignore[operator]
        (inside,) = ax.child_axes
        assert inside.get_xlim() == across
        for inner, outer in zip(inside.lines, ax.lines, strict=False):
            np.testing.assert_array_equal(inner.get_ydata(), outer.get_ydata())


def test_precision_over_recall(halves: Any) -> None:
    model, x, y = halves
    p = model.predict(x, verbose=0).ravel()
    ax = plots.precision_recall(model, x, y)
    curve = ax.lines[0]
    assert curve.get_drawstyle() == "steps-pre"
    points = set(zip(curve.get_xdata().tolist(), curve.get_ydata().tolist(), strict=True))
    for threshold in p[::30]:
        yes = p >= threshold
        recall, precision = (yes & (y == 1)).sum() / y.sum(), y[yes].mean()
        assert any(abs(a - recall) < 1e-12 and abs(b - precision) < 1e-12 for a, b in points)
    assert list(ax.lines[1].get_ydata()) == [y.mean()] * 2
    metric = metrics.AUC(num_thresholds=20_000, curve="PR", summation_method="minoring")
    told = ax.get_legend().get_texts()[0].get_text()
    assert float(told.removeprefix("AP ")) == pytest.approx(float(metric(y, p)), abs=0.02)


def test_several_labels_have_a_curve_each() -> None:
    draw = np.random.default_rng(0)
    y, p = draw.integers(0, 2, (40, 2)), draw.random((40, 2))
    model = gn.Sequential([gn.Input((2,)), gn.layers.Activation("sigmoid")])
    model.compile(loss="binary_crossentropy")
    x = np.log(p / (1 - p))
    for picture in (plots.roc, plots.precision_recall):
        curves = [c for c in picture(model, x, y).lines if c.get_label()[0] in "01"]
        assert len(curves) == 2


def test_absent_classes_are_told() -> None:
    ax = plots.roc(inspection.roc([0, 1, 0, 1], np.random.default_rng(0).random((4, 3))))
    assert ax.get_legend().get_title().get_text() == "without examples:\n2"


# --- calibration ------------------------------------------------------------------------------
def test_calibration_is_drawn_bin_by_bin(halves: Any) -> None:
    model, x, y = halves
    p = model.predict(x, verbose=0).ravel().astype(float)
    figure = plots.calibration(model, x, y, bins=4)
    above, below = figure.axes
    inside = [(p > i / 4) & (p <= (i + 1) / 4) for i in range(4)]
    np.testing.assert_allclose(above.lines[0].get_xdata(), [p[i].mean() for i in inside])
    np.testing.assert_allclose(above.lines[0].get_ydata(), [y[i].mean() for i in inside])
    assert [bar.get_height() for bar in below.patches] == [i.sum() for i in inside]
    assert [bar.get_x() for bar in below.patches] == [0, 0.25, 0.5, 0.75]
    error = sum(i.mean() * abs(p[i].mean() - y[i].mean()) for i in inside)
    assert f"{error:.3f}" in figure.get_suptitle()
    assert list(above.lines[1].get_xdata()) == [0, 1] == list(above.lines[1].get_ydata())


def test_empty_bins_have_no_bar() -> None:
    found = inspection.calibration([0, 1, 1], [0.05, 0.95, 0.97])
    below = plots.calibration(found).axes[1]
    heights = [bar.get_height() for bar in below.patches]
    assert heights == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2]


# --- all --------------------------------------------------------------------------------------
PICTURES = [plots.confusion_matrix, plots.roc, plots.precision_recall, plots.calibration]


@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_need_data_once(picture: Any, halves: Any) -> None:
    model, x, y = halves
    with pytest.raises(TypeError, match=r"expected a model and data.*got Sequential"):
        picture(model)
    with pytest.raises(TypeError, match="without y"):
        picture(model, x)
    make = {
        "confusion_matrix": inspection.confusion, "roc": inspection.roc,
        "precision_recall": inspection.precision_recall, "calibration": inspection.calibration,
    }[picture.__name__]  # fmt: skip
    found = make([0, 1], [0.2, 0.9])
    with pytest.raises(TypeError, match="has its data"):
        picture(found, x, y)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_are_drawn_into_axes_of_ones_own(picture: Any, theme: str, halves: Any) -> None:
    figure = picture(*halves, theme=theme)
    getattr(figure, "figure", figure).canvas.draw()
    from matplotlib.figure import Figure

    own = Figure(layout="constrained")
    ax = own.subplots(1, 2)[0]
    found = picture(*halves, ax=ax)
    assert found is (own if picture is plots.calibration else ax)
    own.canvas.draw()


def test_curves_of_labels_are_of_labels() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 2)).astype("float32")
    many = np.stack([x[:, 0] > 0, x[:, 1] > 0, x.sum(axis=1) > 0], axis=1).astype(int)
    labels = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, "sigmoid")])
    classes = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, "softmax")])
    assert plots.roc(labels, x, many).get_title() == "ROC curve of each label"
    assert "of each label" in plots.precision_recall(labels, x, many).get_title()
    one = np.arange(20) % 3
    assert plots.roc(classes, x, one).get_title() == "ROC curve, each class against all others"
    assert "of each class" in plots.precision_recall(classes, x, one).get_title()
