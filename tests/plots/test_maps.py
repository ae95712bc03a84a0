"""Pictures of boundaries, neurons, activations, landscapes, descents: what the artists say."""

from __future__ import annotations

import io
from typing import Any

import matplotlib.colors
import matplotlib.figure
import numpy as np
import pytest
from mpl_toolkits.mplot3d import Axes3D

import glassnet as gn
from glassnet import inspection, plots

RNG = np.random.default_rng(5)
X = RNG.normal(size=(24, 2)).astype(np.float32)
YES = (X[:, 0] > 0.2).astype(int)
THREE = (X[:, 0] > -0.3).astype(int) + (X[:, 1] > 0.3)
L = gn.layers


def network(outputs: int, activation: str | None, loss: Any, features: int = 2) -> gn.Model:
    gn.utils.set_random_seed(2)
    hidden = L.Dense(4, "tanh", name="hidden")
    model = gn.Sequential([gn.Input((features,)), hidden, L.Dense(outputs, activation, name="out")])
    model.compile(gn.optimizers.Adam(0.05), loss)
    return model


@pytest.fixture(scope="module")
def binary() -> gn.Model:
    model = network(1, "sigmoid", "binary_crossentropy")
    model.fit(X, YES, epochs=30, verbose=0)
    return model


@pytest.fixture(scope="module")
def classes() -> gn.Model:
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = network(3, None, loss)
    model.fit(X, THREE, epochs=30, verbose=0)
    return model


@pytest.fixture(scope="module")
def regression() -> gn.Model:
    model = network(1, None, "mse")
    model.fit(X, X[:, 0], epochs=20, verbose=0)
    return model


def centres(image: Any) -> tuple[np.ndarray, np.ndarray]:
    """The middles of an image's cells, from where the image lies."""
    rows, columns = image.get_array().shape[:2]
    left, right, bottom, top = image.get_extent()
    a = left + (np.arange(columns) + 0.5) * (right - left) / columns
    b = bottom + (np.arange(rows) + 0.5) * (top - bottom) / rows
    return a, b


def inputs_of(image: Any) -> np.ndarray:
    a, b = np.meshgrid(*centres(image))
    return np.stack([a.ravel(), b.ravel()], axis=1).astype(np.float32)


def offsets(ax: Any, label: str) -> np.ndarray:
    (found,) = [c for c in ax.collections if c.get_label() == label]
    return np.asarray(found.get_offsets(), np.float32)


def names(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


# --- boundary ---------------------------------------------------------------------------------
def test_shades_are_the_probabilities_that_predict_gives(binary: gn.Model) -> None:
    ax = plots.boundary(binary, X, YES, cells=21)
    (image,) = ax.get_images()
    drawn = np.asarray(image.get_array())
    assert image.origin == "lower"
    expected = binary.predict(inputs_of(image), verbose=0).reshape(21, 21)
    np.testing.assert_allclose(drawn, expected, atol=1e-5)
    assert (image.norm.vmin, image.norm.vmax) == (0, 1)


def test_the_line_is_where_the_probability_is_one_half(binary: gn.Model) -> None:
    ax = plots.boundary(binary, X, YES, cells=151)
    (line,) = [c for c in ax.collections if hasattr(c, "levels")]
    points = np.concatenate([path.vertices for path in line.get_paths()]).astype(np.float32)
    assert line.levels.tolist() == [0.5]
    np.testing.assert_allclose(binary.predict(points, verbose=0), 0.5, atol=2e-3)


def test_points_stand_with_their_class_and_the_wrong_ones_are_ringed(binary: gn.Model) -> None:
    y = YES.copy()
    y[:3] = 1 - y[:3]
    ax = plots.boundary(binary, X, y, cells=5, class_names=["no", "yes"])
    wrong = (binary.predict(X, verbose=0)[:, 0] > 0.5) != y
    assert np.array_equal(offsets(ax, "no"), X[y == 0])
    assert np.array_equal(offsets(ax, "yes"), X[y == 1])
    assert np.array_equal(offsets(ax, "misjudged"), X[wrong])
    assert names(ax) == ["no", "yes", "misjudged"]
    assert ax.get_title() == f"Decision boundary: {24 - wrong.sum()} of 24 points right"


def test_regions_without_points_of_a_known_class_have_their_names(classes: gn.Model) -> None:
    ax = plots.boundary(classes, X, cells=31, class_names=["a", "b", "c"])
    places = np.array([text.get_position() for text in ax.texts], np.float32)
    decided = classes.predict(places, verbose=0).argmax(axis=1)
    assert [text.get_text() for text in ax.texts] == ["abc"[k] for k in decided] == list("abc")
    assert ax.get_legend() is None


def test_many_classes_look_different_each() -> None:
    model = network(14, "softmax", "sparse_categorical_crossentropy")
    ax = plots.boundary(model, X, np.arange(24) % 14, cells=21)
    looks = {
        (tuple(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes())
        for c in ax.collections
        if c.get_label().startswith("class")
    }
    assert len(looks) == 14
    assert {text.get_text() for text in ax.texts} <= {f"class {k}" for k in range(14)}
    assert ax.texts


def test_colours_of_classes_are_those_of_the_likeliest(classes: gn.Model) -> None:
    """Between the page and the class, by ``(p - 1/3) / (2/3)``, with a trace that stays."""
    ax = plots.boundary(classes, X, THREE, cells=17)
    (image,) = ax.get_images()
    z = classes.predict(inputs_of(image), verbose=0)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    look = plots.figures.THEMES["light"]
    full = np.array([matplotlib.colors.to_rgb(c) for c in look.colours])[p.argmax(axis=1)]
    share = 0.62 * (0.18 + 0.82 * (p.max(axis=1, keepdims=True) - 1 / 3) * 1.5)
    np.testing.assert_allclose(
        np.asarray(image.get_array()).reshape(-1, 3), 1 + (full - 1) * share, atol=1e-5
    )
    assert names(ax)[:3] == ["class 0", "class 1", "class 2"]


def test_the_lines_between_classes_are_where_two_are_alike(classes: gn.Model) -> None:
    ax = plots.boundary(classes, X, THREE, cells=151)
    lines = [c for c in ax.collections if hasattr(c, "levels")]
    points = np.concatenate([path.vertices for c in lines for path in c.get_paths()])
    z = np.sort(classes.predict(points.astype(np.float32), verbose=0), axis=1)
    assert np.quantile(z[:, 2] - z[:, 1], 0.95) < 0.02


def test_labels_have_a_panel_each() -> None:
    model = network(3, "sigmoid", "binary_crossentropy")
    y = np.stack([YES, 1 - YES, YES], axis=1)
    figure = plots.boundary(model, X, y, cells=9, class_names=["a", "b", "c"])
    assert isinstance(figure, matplotlib.figure.Figure)
    panels = [ax for ax in figure.axes if ax.get_images()]
    right = ((model.predict(X, verbose=0) > 0.5) == y).sum(axis=0)
    assert [ax.get_title() for ax in panels] == [
        f"{name}: {count} of 24 right" for name, count in zip("abc", right, strict=True)
    ]
    for number, ax in enumerate(panels):
        (image,) = ax.get_images()
        expected = model.predict(inputs_of(image), verbose=0)[:, number].reshape(9, 9)
        np.testing.assert_allclose(np.asarray(image.get_array()), expected, atol=1e-5)
        assert np.array_equal(offsets(ax, f"not {'abc'[number]}"), X[y[:, number] == 0])


def test_contours_of_a_regression_are_predictions(regression: gn.Model) -> None:
    ax = plots.boundary(regression, X, X[:, 0], cells=101)
    lines = next(c for c in ax.collections if hasattr(c, "levels") and not c.filled)
    checked = 0
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        if len(path.vertices):
            said = regression.predict(path.vertices.astype(np.float32), verbose=0)
            np.testing.assert_allclose(said, level, atol=5e-3)
            checked += 1
    assert checked >= 3
    (points,) = [c for c in ax.collections if c.get_label() == "true y"]
    assert np.array_equal(np.asarray(points.get_array()), X[:, 0])
    error = np.sqrt(np.mean((regression.predict(X, verbose=0)[:, 0] - X[:, 0]) ** 2))
    assert ax.get_title() == f"Predicted y, off by {error:.3g} RMS"


def test_what_is_held_stands_in_the_title() -> None:
    x = RNG.normal(size=(10, 4)).astype(np.float32)
    model = network(1, "sigmoid", "binary_crossentropy", features=4)
    ax = plots.boundary(model, x, features=(3, 0), feature_names=list("abcd"), cells=4)
    mean = x.mean(axis=0)
    assert ax.get_title().endswith(f"held at the mean: b = {mean[1]:.3g}, c = {mean[2]:.3g}")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("d", "a")
    wide = RNG.normal(size=(10, 9)).astype(np.float32)
    many = network(1, "sigmoid", "binary_crossentropy", features=9)
    title = plots.boundary(many, wide, features=(0, 1), cells=4).get_title()
    assert title.endswith("the other 7 features held at their mean")


def test_scores_of_a_hinge_have_their_line_at_zero() -> None:
    model = network(1, None, "hinge")
    model.fit(X, 2 * YES - 1, epochs=30, verbose=0)
    ax = plots.boundary(model, X, 2 * YES - 1, cells=15)
    (image,) = ax.get_images()
    (line,) = [c for c in ax.collections if hasattr(c, "levels")]
    assert line.levels.tolist() == [0]
    assert image.norm.vmin == -image.norm.vmax
    drawn = np.asarray(image.get_array()).ravel()
    np.testing.assert_allclose(
        drawn, model.predict(inputs_of(image), verbose=0)[:, 0], rtol=1e-4, atol=1e-6
    )


# --- surface ----------------------------------------------------------------------------------
@pytest.fixture
def sheets(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The points (n, 3) of each surface that is drawn; Matplotlib keeps them to itself."""
    seen: list[np.ndarray] = []
    drawing = Axes3D.plot_surface

    def spied(self: Axes3D, a: Any, b: Any, heights: Any, **look: Any) -> Any:
        seen.append(np.stack([np.ravel(v) for v in (a, b, heights)], axis=1))
        return drawing(self, a, b, heights, **look)

    monkeypatch.setattr(Axes3D, "plot_surface", spied)
    return seen


def test_the_surface_has_the_heights_that_predict_gives(
    regression: gn.Model, sheets: list[np.ndarray]
) -> None:
    ax = plots.surface(regression, X, X[:, 0], cells=6)
    (points,) = sheets
    said = regression.predict(points[:, :2].astype(np.float32), verbose=0)[:, 0]
    assert len(points) == 36
    np.testing.assert_allclose(points[:, 2], said, atol=1e-5)
    drawn = np.concatenate(
        [np.stack(c._offsets3d, axis=1) for c in ax.collections if hasattr(c, "_offsets3d")]
    )
    expected = np.column_stack([X, X[:, 0]])
    assert np.allclose(sorted(drawn.tolist()), sorted(expected.tolist()), atol=1e-6)


def test_one_class_as_a_surface(classes: gn.Model, sheets: list[np.ndarray]) -> None:
    ax = plots.surface(classes, X, THREE, which="b", class_names=["a", "b", "c"], cells=5)
    (points,) = sheets
    z = classes.predict(points[:, :2].astype(np.float32), verbose=0)
    np.testing.assert_allclose(points[:, 2], np.exp(z[:, 1]) / np.exp(z).sum(axis=1), atol=1e-5)
    heights = np.concatenate(
        [np.asarray(c._offsets3d[2]) for c in ax.collections if hasattr(c, "_offsets3d")]
    )
    assert sorted(heights) == sorted((THREE == 1).astype(float))
    assert ax.get_zlabel() == "P(b)"


def test_wrong_surfaces_are_told(classes: gn.Model, binary: gn.Model) -> None:
    with pytest.raises(ValueError, match="which is a number from 0 to 2, or one of class 0"):
        plots.surface(classes, X, which=3, cells=3)
    with pytest.raises(ValueError, match="one probability, that of 'class 1'; got which=0"):
        plots.surface(binary, X, which=0, cells=3)
    flat = matplotlib.figure.Figure().add_subplot()
    with pytest.raises(ValueError, match="projection='3d'"):
        plots.surface(binary, X, cells=3, ax=flat)


# --- neurons ----------------------------------------------------------------------------------
def test_maps_are_the_answers_of_neurons(classes: gn.Model) -> None:
    figure = plots.neuron_maps(classes, X, cells=8, most=3)
    w1, b1, w2, b2 = classes.get_weights()
    images = [ax.get_images()[0] for ax in figure.axes if ax.get_images()]
    assert len(images) == 6
    inputs = inputs_of(images[0])
    hidden = np.tanh(inputs @ w1 + b1)
    for number, image in enumerate(images):
        answers = hidden[:, number] if number < 3 else (hidden @ w2 + b2)[:, number - 3]
        np.testing.assert_allclose(np.asarray(image.get_array()).ravel(), answers, atol=1e-5)
        assert image.norm.vmin == -image.norm.vmax
    assert images[0].norm.vmax == pytest.approx(np.abs(hidden[:, :3]).max(), rel=1e-5)
    assert [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()] == [
        "hidden\ntanh\nfirst 3 of 4", "out"
    ]  # fmt: skip


# --- activations ------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["tanh", "relu", "hard_shrink", "softmax"])
def test_an_activation_and_its_derivative(name: str) -> None:
    ax = plots.activation(name)
    curve, slope = ax.lines[:2]
    z, y = (np.asarray(v, float) for v in curve.get_data())
    formulas = {
        "tanh": (np.tanh, lambda v: 1 - np.tanh(v) ** 2),
        "relu": (lambda v: np.maximum(v, 0), lambda v: (v > 0) * 1.0),
        "hard_shrink": (lambda v: v * (abs(v) > 0.5), lambda v: (abs(v) > 0.5) * 1.0),
        "softmax": (lambda v: 1 / (1 + np.exp(-v)), lambda v: np.exp(-v) / (1 + np.exp(-v)) ** 2),
    }
    for line, formula in zip((curve, slope), formulas[name], strict=True):
        z, y = (np.asarray(v, float) for v in line.get_data())
        far = np.isfinite(z) & (np.abs(np.abs(z) - 0.5) > 1e-3) & (np.abs(z) > 1e-3)
        assert far.sum() > 700
        np.testing.assert_allclose(y[far], formula(z[far]), atol=1e-9)
    assert np.isnan(slope.get_xdata()).sum() == {"relu": 1, "hard_shrink": 2}.get(name, 0)
    assert np.isnan(curve.get_xdata()).sum() == {"hard_shrink": 2}.get(name, 0)
    assert slope.get_linestyle() != curve.get_linestyle()


def test_all_activations_have_a_panel() -> None:
    figure = plots.activations()
    titles = [ax.get_title().split("(")[0] for ax in figure.axes if ax.get_title()]
    assert titles == sorted(gn.activations.ACTIVATIONS.entries)
    with pytest.raises(ValueError, match="nothing to draw"):
        plots.activations([])


# --- landscapes -------------------------------------------------------------------------------
def test_the_star_of_a_landscape_is_the_loss(binary: gn.Model) -> None:
    told = binary.evaluate(X, YES, verbose=0)
    ax = plots.loss_landscape(binary, X, YES, directions=1, cells=5)
    curve, star = ax.lines
    assert curve.get_ydata()[2] == pytest.approx(told, rel=1e-6)
    assert star.get_xydata()[0] == pytest.approx((0, told), rel=1e-6)
    flat = plots.loss_landscape(binary, X, YES, cells=5)
    assert flat.lines[0].get_xydata().tolist() == [[0, 0]]
    (remark,) = flat.texts
    assert remark.get_text() == f"loss of the model: {told:.3g}"
    solid = plots.loss_landscape(binary, X, YES, cells=5, solid=True)
    assert f"(star): {told:.3g}" in solid.get_title()


def test_landscapes_with_infinite_losses_are_drawn() -> None:
    model = network(1, "exponential", "mse")
    for options in ({}, {"solid": True}, {"directions": 1}):
        found = inspection.loss_landscape(
            model, X, X[:, 0], cells=5, span=300, directions=options.pop("directions", 2)
        )
        assert np.isinf(found.losses).any()
        plots.loss_landscape(found, **options).figure.savefig(io.BytesIO(), dpi=20)


def test_contours_of_a_landscape_lie_at_their_losses(binary: gn.Model) -> None:
    found = inspection.loss_landscape(binary, X, YES, cells=41, span=0.5)
    ax = plots.loss_landscape(found)
    lines = next(c for c in ax.collections if hasattr(c, "levels") and not c.filled)
    kept = [v.value for v in binary.trainable_weights]
    ends = np.cumsum([v.size for v in kept])[:-1]
    checked = 0
    try:
        for level, path in zip(lines.levels, lines.get_paths(), strict=True):
            for a, b in path.vertices[::40]:
                w = found.centre + a * found.directions[0] + b * found.directions[1]
                for v, part in zip(binary.trainable_weights, np.split(w, ends), strict=True):
                    v.assign(part.reshape(v.shape).astype(np.float32))
                assert binary.evaluate(X, YES, verbose=0) == pytest.approx(level, rel=0.02)
                checked += 1
    finally:
        for v, old in zip(binary.trainable_weights, kept, strict=True):
            v.assign(old)
    assert checked > 5


def test_a_path_is_drawn_at_its_projections() -> None:
    model = network(1, "sigmoid", "binary_crossentropy")
    recorder = gn.callbacks.Recorder()
    model.fit(X, YES, epochs=8, verbose=0, callbacks=[recorder])
    ax = plots.training_path(model, X, YES, recorder, cells=9)
    joined = np.stack([np.concatenate([w.ravel() for w in ws]) for ws in recorder.weights])
    differences = joined.astype(float) - joined[-1]
    vectors = np.linalg.svd(differences - differences.mean(axis=0))[2][:2]
    drawn = ax.lines[1].get_xydata()
    np.testing.assert_allclose(np.abs(drawn), np.abs(differences @ vectors.T), atol=1e-5)
    first, last = (text.get_text() for text in ax.texts)
    model_loss = model.evaluate(X, YES, verbose=0)
    assert last == f"step {recorder.steps[-1]}: {model_loss:.3g}"
    model.set_weights(recorder.weights[0])
    assert first == f"step 0: {model.evaluate(X, YES, verbose=0):.3g}"


# --- descents ---------------------------------------------------------------------------------
def test_descents_are_the_steps_of_gradient_descent() -> None:
    def bowl(w: Any) -> Any:
        return w[0] ** 2 + 3 * w[1] ** 2

    starts = [(2.0, 1.0), (-1.0, 1.5)]
    ax = plots.descent_paths(bowl, starts, {"slow": gn.optimizers.SGD(0.1)}, steps=6, cells=9)
    drawn = [line.get_xydata() for line in ax.lines if len(line.get_xdata()) > 2]
    for start in starts:
        w, path = np.array(start), [np.array(start)]
        for _ in range(6):
            w = w - 0.1 * np.array([2 * w[0], 6 * w[1]])
            path.append(w)
        assert any(len(p) == 7 and np.allclose(p, path, atol=1e-6) for p in drawn)
    assert names(ax) == ["slow", "start"]


def test_descents_of_a_comparison_and_wrong_ones() -> None:
    bowl = gn.explain.surfaces.bowl
    found = gn.explain.compare_optimizers({"n": "newton", "g": "sgd"}, bowl, steps=3)
    ax = plots.descent_paths(found, cells=9)
    assert names(ax) == ["n", "g", "start", "minimum"]
    assert ax.get_xlim() == bowl.domain[0]
    with pytest.raises(ValueError, match="a function of two variables; this is one of 3"):
        plots.descent_paths(gn.explain.compare_optimizers({"g": "sgd"}, np.sum, x0=np.ones(3)))
    with pytest.raises(ValueError, match="two optimizers are called 'sgd'"):
        plots.descent_paths(bowl, optimizers=["sgd", "sgd"])
    with pytest.raises(ValueError, match=r"points \(x, y\), or a list"):
        plots.descent_paths(bowl, [1, 2, 3])


# --- all of them ------------------------------------------------------------------------------
PICTURES = {
    "boundary": lambda m, **k: plots.boundary(m["binary"], X, YES, cells=9, **k),
    "boundary without truth": lambda m, **k: plots.boundary(m["classes"], X, cells=9, **k),
    "numbers": lambda m, **k: plots.boundary(m["regression"], X, X[:, 0], cells=9, **k),
    "neurons": lambda m, **k: plots.neuron_maps(m["binary"], X, cells=9, **k),
    "activation": lambda m, **k: plots.activation("relu", **k),
    "activations": lambda m, **k: plots.activations(["relu", "tanh"], **k),
    "landscape": lambda m, **k: plots.loss_landscape(m["binary"], X, YES, cells=5, **k),
    "curve": lambda m, **k: plots.loss_landscape(
        m["binary"], X, YES, directions=1, cells=5, **k
    ),
    "descent": lambda m, **k: plots.descent_paths(
        gn.explain.surfaces.bowl, steps=3, cells=9, **k
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def models(binary: gn.Model, classes: gn.Model, regression: gn.Model) -> dict[str, gn.Model]:
    return {"binary": binary, "classes": classes, "regression": regression}


@pytest.mark.parametrize("name", PICTURES)
def test_each_picture_is_drawn_in_axes_handed_in_and_in_the_dark(
    name: str, models: dict[str, gn.Model]
) -> None:
    before = dict(matplotlib.rcParams)
    alone = PICTURES[name](models, theme="dark")
    page = alone if isinstance(alone, matplotlib.figure.Figure) else alone.figure
    assert np.mean(matplotlib.colors.to_rgb(page.get_facecolor())) < 0.2
    figure = matplotlib.figure.Figure(figsize=(6, 4))
    left, right = figure.subplots(1, 2)
    drawn = PICTURES[name](models, ax=left)
    assert drawn is left or drawn is figure
    assert not right.has_data()
    figure.savefig(io.BytesIO(), dpi=30)
    assert dict(matplotlib.rcParams) == before


def test_nothing_in_the_models_changes(models: dict[str, gn.Model]) -> None:
    weights = {n: [v.value.tobytes() for v in m.weights] for n, m in models.items()}
    for draw in PICTURES.values():
        draw(models)
    assert weights == {n: [v.value.tobytes() for v in m.weights] for n, m in models.items()}
