"""compare_optimizers: the same start and batches, honest counts, paths, slices, pictures."""

from __future__ import annotations

import builtins
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize

import glassnet as gn
from glassnet.explain import compare_optimizers, surfaces
from glassnet.explain.surfaces import SURFACES, Surface
from glassnet.inspection.planes import plane_through
from glassnet.objective import Objective

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = np.tanh(X @ np.array([[1.0], [-2.0], [0.5]])).astype("float32") ** 2
O = gn.optimizers  # noqa: E741 - short, for it is written often


def network(dropout: float = 0.0) -> gn.Sequential:
    gn.utils.set_random_seed(5)
    model = gn.Sequential(
        [
            gn.Input((3,)),
            gn.layers.Dense(4, "tanh"),
            gn.layers.Dropout(dropout),
            gn.layers.BatchNormalization(),
            gn.layers.Dense(1),
        ]
    )
    model.compile(O.RMSprop(0.1), "mse", metrics=["mae"])
    return model


# --- same start, same batches -----------------------------------------------------------------
def test_all_begin_alike() -> None:
    model = network()
    begin = np.concatenate([w.numpy().ravel() for w in model.trainable_weights])
    found = compare_optimizers(
        {"a": O.SGD(0.1), "b": O.Adam(0.01), "c": O.LBFGS()}, model, (X, Y), steps=3, batch_size=8
    )
    assert len({run.seen[0] for run in found}) == 1
    assert len({run.losses[0] for run in found}) == 1
    for run in found:
        np.testing.assert_array_equal(run.path[0], begin)
        assert not np.array_equal(run.path[1], begin)


def test_batches_are_the_same_in_the_same_order() -> None:
    """An optimizer that stands still shows the batches by their losses."""
    found = compare_optimizers(
        {"a": O.SGD(0.0), "b": O.Adam(0.0)}, network(), (X, Y), steps=9, batch_size=6, seed=3
    )
    np.testing.assert_array_equal(found["a"].seen, found["b"].seen)
    assert len(set(found["a"].seen)) == 9  # three passes, three orders
    other = compare_optimizers({"a": O.SGD(0.0)}, network(), (X, Y), steps=9, batch_size=6, seed=4)
    assert not np.array_equal(found["a"].seen, other["a"].seen)


@pytest.mark.parametrize("name", ["sgd", "adam", "lbfgs", "levenberg_marquardt"])
@pytest.mark.parametrize("batch_size", [7, 20])
def test_a_run_is_what_fit_does(name: str, batch_size: int) -> None:
    """Epoch by epoch, dropout's draws and the order of the examples too."""
    model = network(dropout=0.3 if name in ("sgd", "adam") else 0.0)
    epochs, a_pass = 3, math.ceil(20 / batch_size)
    run = compare_optimizers(
        {name: name}, model, (X, Y), steps=epochs * a_pass, batch_size=batch_size, seed=11
    )[name]
    model.compile(name, "mse")
    model.progress.seed = 11
    history = model.fit(
        X, Y, batch_size=batch_size, epochs=epochs, shuffle=batch_size < 20, verbose=0
    )
    sizes = np.tile([min(batch_size, 20 - i) for i in range(0, 20, batch_size)], epochs)
    mean = (run.seen * sizes).reshape(epochs, a_pass).sum(axis=1) / 20
    np.testing.assert_allclose(mean, history.history["loss"], rtol=1e-6)
    ended = np.concatenate([w.numpy().ravel() for w in model.trainable_weights])
    np.testing.assert_array_equal(run.path[-1], ended)


def test_losses_are_those_of_the_points() -> None:
    model = network()
    run = compare_optimizers({"a": "adam"}, model, (X, Y), steps=5)["a"]
    np.testing.assert_allclose(run.losses[:-1], run.seen, rtol=1e-6)  # the batch is all the data
    found = compare_optimizers({"a": "adam"}, model, (X, Y), steps=5)
    at = [found.value(x) for x in found["a"].path]
    np.testing.assert_allclose(at, found["a"].losses, rtol=1e-7)


def test_generators_give_all_the_same_batches() -> None:
    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        yield X[:8], Y[:8]
        yield X[8:16], Y[8:16]

    found = compare_optimizers({"a": O.SGD(0.0), "b": O.SGD(0.0)}, network(), batches(), steps=5)
    np.testing.assert_array_equal(found["a"].seen, found["b"].seen)
    assert found["a"].seen[0] == found["a"].seen[2] != found["a"].seen[1]


def test_what_is_given_is_left_as_it_was() -> None:
    model = network(dropout=0.2)
    model.fit(X, Y, epochs=1, verbose=0)
    optimizer, progress = model.optimizer, model.progress
    weights = [w.numpy().copy() for w in model.weights]
    state = [v.numpy().copy() for v in optimizer.variables]
    logs = model.get_metrics_result()
    adam = O.Adam(0.01)
    compare_optimizers({"a": adam, "b": "newton_cg"}, model, (X, Y), steps=4)
    assert model.optimizer is optimizer
    assert model.progress is progress
    assert progress.seen == 1
    assert not adam.built
    for kept, now in zip(weights, model.weights, strict=True):
        np.testing.assert_array_equal(now.numpy(), kept)
    for kept, variable in zip(state, optimizer.variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), kept)
    assert model.get_metrics_result() == logs
    twin = network(dropout=0.2)
    twin.fit(X, Y, epochs=1, verbose=0)
    twin.progress.seed = model.progress.seed
    after = model.fit(X, Y, epochs=2, initial_epoch=1, verbose=0).history["loss"]
    assert after == twin.fit(X, Y, epochs=2, initial_epoch=1, verbose=0).history["loss"]


def test_an_error_leaves_the_model_as_it_was() -> None:
    model = network()
    kept, optimizer = model.get_weights(), model.optimizer
    with pytest.raises(ValueError, match="full Hessian"):
        compare_optimizers({"a": "sgd", "b": O.Newton(largest=3)}, model, (X, Y), steps=2)
    assert model.optimizer is optimizer
    for before, after in zip(kept, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


# --- counts -----------------------------------------------------------------------------------
def test_counts_of_what_was_computed() -> None:
    """Newton without a line search: value and gradient, n products, one value; each step."""
    ways = {"Newton": O.Newton(line_search=False), "descent": O.SGD(0.001)}
    found = compare_optimizers(ways, surfaces.rosenbrock, steps=4)
    newton = {kind: of.tolist() for kind, of in found["Newton"].counts.items()}
    assert newton == {
        "value": [0, 1, 2, 3, 4],
        "gradient": [0, 1, 2, 3, 4],
        "product": [0, 2, 4, 6, 8],
    }
    np.testing.assert_allclose(found["Newton"].evaluations, (1 / 3 + 1 + 4) * np.arange(5))
    assert found["descent"].evaluations.tolist() == [0, 1, 2, 3, 4]
    assert np.all(np.diff(found["descent"].seconds) > 0)


def test_counts_in_a_network() -> None:
    model = gn.Sequential([gn.Input((3,)), gn.layers.Dense(1)])
    model.compile(loss="mse")
    ways = {"Newton": O.Newton(line_search=False), "Adam": "adam"}
    found = compare_optimizers(ways, model, (X, Y), steps=2)
    assert found["Newton"].counts["product"].tolist() == [0, 4, 8]
    assert found["Adam"].counts["gradient"].tolist() == [0, 1, 2]
    assert len(found["Newton"].told) == 2
    assert "none negative" in found["Newton"].told[0]
    assert found["Adam"].told == ()
    slope, *_ = np.linalg.lstsq(np.c_[X, np.ones(20)].astype(float), Y.astype(float), rcond=None)
    np.testing.assert_allclose(found["Newton"].path[1], slope.ravel(), atol=1e-5)


# --- plain functions --------------------------------------------------------------------------
def test_descent_on_a_parabola_by_hand() -> None:
    found = compare_optimizers(
        {"descent": O.SGD(0.25), "Newton": O.Newton()}, lambda x: x**2, x0=1.0, steps=3
    )
    assert found["descent"].path.tolist() == [[1.0], [0.5], [0.25], [0.125]]
    assert found["descent"].losses.tolist() == [1, 0.25, 0.0625, 0.015625]
    assert found["descent"].seen.tolist() == [1, 0.25, 0.0625]
    assert found["Newton"].path[1].tolist() == [0.0]


def test_a_function_by_the_optimizer_itself() -> None:
    run = compare_optimizers({"a": O.Adam(0.1)}, surfaces.himmelblau, steps=6)["a"]
    adam, w = O.Adam(0.1), gn.Variable(np.array([0.0, -1.0]))
    slope = gn.grad(surfaces.himmelblau)
    for point in run.path[1:]:
        adam.apply([np.asarray(slope(w.numpy()))], [w])
        np.testing.assert_allclose(point, w.numpy(), rtol=1e-14)


def test_runaways_end_and_say_so() -> None:
    found = compare_optimizers({"wild": O.SGD(2.0), "calm": O.SGD(0.1)}, lambda x: x**2, x0=1.0)
    assert found["wild"].ended.startswith("ran away")
    assert "wild: ran away" in str(found)
    assert len(found["calm"].steps) == 101
    found = compare_optimizers({"wild": O.SGD(1e3)}, lambda x: np.exp(x), x0=5.0, steps=5)
    assert not found["wild"].ended  # it went left, where exp is 0
    found = compare_optimizers({"wild": O.SGD(1e3)}, lambda x: np.exp(x**2), x0=1.0, steps=5)
    assert found["wild"].ended.startswith("diverged")
    assert len(found["wild"].losses) == 1


def test_every_so_many_steps() -> None:
    found = compare_optimizers({"a": "sgd"}, lambda x: x**2, x0=1.0, steps=10, every=4)
    assert found["a"].steps.tolist() == [0, 4, 8, 10]
    assert len(found["a"].seen) == 10
    assert len(compare_optimizers({"a": "sgd"}, np.square, x0=1.0, steps=500)["a"].steps) == 251


# --- text -------------------------------------------------------------------------------------
def test_the_table() -> None:
    found = compare_optimizers(
        {"Newton": O.Newton(line_search=False), "descent": O.SGD(0.25)},
        lambda x: x**2, x0=1.0, steps=3,
    )  # fmt: skip
    assert found.target == 0.01
    header, newton, descent = found.table().splitlines()
    assert header.split()[:3] == ["optimizer", "last", "loss"]
    assert newton.split()[:3] == ["Newton", "0", "3"]
    assert newton.split()[4:8] == ["10", "3", "3", "3"]
    assert descent.split()[-1] == "never"
    assert found.table(target=0.3).splitlines()[2].split()[-3] == "1"
    assert "First at 0.01: Newton, by steps, time and work." in str(found)
    with pytest.raises(KeyError, match="Newton, descent"):
        found["Adam"]


# --- the plane through the paths --------------------------------------------------------------
def test_the_plane_of_paths_that_lie_in_one() -> None:
    u, v = np.eye(5)[1], np.array([0, 0, 3, 0, 4]) / 5
    shape = RNG.normal(size=(12, 2))
    paths = [2.0 + shape @ np.stack([u, v]), 2.0 + 3 * shape[:4] @ np.stack([u, v])]
    plane = plane_through(paths)
    assert plane.share == pytest.approx(1)
    np.testing.assert_allclose(plane.directions @ plane.directions.T, np.eye(2), atol=1e-12)
    for path in paths:
        back = np.array([plane.point(*ab) for ab in plane.coordinates(path)])
        np.testing.assert_allclose(back, path, atol=1e-12)


def test_the_share_is_that_of_the_largest_principal_components() -> None:
    paths = [RNG.normal(size=(30, 4)) * [4, 3, 2, 1], RNG.normal(size=(9, 4))]
    variances = np.sort(np.linalg.eigvalsh(np.cov(np.concatenate(paths).T)))
    expected = variances[-2:].sum() / variances.sum()
    assert plane_through(paths).share == pytest.approx(expected)


def test_the_plane_of_two_variables_is_theirs() -> None:
    plane = plane_through([RNG.normal(size=(4, 2))])
    assert plane.point(3.0, -2.0).tolist() == [3.0, -2.0]


def test_the_plane_of_a_single_point() -> None:
    plane = plane_through([np.ones((1, 3))])
    assert plane.share == 1
    np.testing.assert_allclose(plane.directions @ plane.directions.T, np.eye(2), atol=1e-12)


# --- pictures ---------------------------------------------------------------------------------
def test_contours_hold_the_values_of_f(tmp_path: Path) -> None:
    found = compare_optimizers({"a": "sgd"}, surfaces.himmelblau, steps=3)
    x, y = np.linspace(-5, 5, 7), np.linspace(-4, 4, 5)
    drawn = found.plane.heights(found.value, x, y)
    expected = [[(i**2 + j - 11) ** 2 + (i + j**2 - 7) ** 2 for i in x] for j in y]
    np.testing.assert_allclose(drawn, expected, rtol=1e-12)
    np.testing.assert_allclose(surfaces.grid(surfaces.himmelblau, x, y), expected, rtol=1e-12)


def test_heights_of_a_network_by_numpy_alone() -> None:
    model = gn.Sequential([gn.Input((3,)), gn.layers.Dense(1)])
    model.compile(loss="mse")
    found = compare_optimizers({"a": O.SGD(0.1), "b": O.Adam(0.1)}, model, (X, Y), steps=5)
    a, b = np.linspace(-1, 1, 3), np.linspace(-2, 2, 4)
    drawn = found.plane.heights(found.value, a, b)
    for i, j in np.ndindex(3, 4):
        w = found.plane.centre + a[i] * found.plane.directions[0] + b[j] * found.plane.directions[1]
        expected = np.mean((X @ w[:3] + w[3] - Y[:, 0]) ** 2)
        assert drawn[j, i] == pytest.approx(expected, rel=1e-5)


def drawn_lines(figure: Any, label: str) -> list[Any]:
    return [line for axes in figure.axes for line in axes.lines if line.get_label() == label]


def test_pictures_show_the_runs(tmp_path: Path) -> None:
    ways = {"Newton": O.Newton(), "descent": O.SGD(0.001)}
    found = compare_optimizers(ways, surfaces.rosenbrock, steps=15)
    figure = found.plot(["steps", "evaluations", "time"], tmp_path / "losses.png")
    by_steps, by_work, by_time = drawn_lines(figure, "descent")
    np.testing.assert_array_equal(by_steps.get_xdata(), np.arange(16))
    np.testing.assert_array_equal(by_work.get_xdata(), np.arange(16))
    np.testing.assert_array_equal(by_time.get_xdata(), found["descent"].seconds)
    np.testing.assert_array_equal(by_steps.get_ydata(), found["descent"].losses)
    assert figure.axes[0].get_yscale() == "log"
    figure = found.plot_paths(tmp_path / "paths.png", cells=15)
    (line,) = drawn_lines(figure, "descent")
    drawn = np.transpose(line.get_data())
    np.testing.assert_array_equal(drawn, found["descent"].path[: len(drawn)])
    axes = figure.axes[0]
    assert axes.get_aspect() == 1
    assert axes.get_xlim() == (-1.8, 1.8)
    for name in ("losses", "paths"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_slice_of_a_network_tells_its_share(tmp_path: Path) -> None:
    found = compare_optimizers({"a": "adam", "b": O.SGD(0.1)}, network(), (X, Y), steps=6)
    figure = found.plot_paths(cells=5)
    title = figure.axes[0].get_title()
    assert f"{100 * found.plane.share:.3g} %" in title or "over 99.9 %" in title
    assert "29 weights" in title  # 3·4 + 4, twice 4, 4 + 1
    figure.savefig(tmp_path / "slice.png")


@pytest.mark.filterwarnings("ignore:Plain Newton")
@pytest.mark.parametrize("surface", SURFACES, ids=lambda s: s.name)
def test_every_surface_can_be_drawn(surface: Surface, tmp_path: Path) -> None:
    ways = {"plain": O.Newton(modification="none"), "descent": O.SGD(0.001)}
    found = compare_optimizers(ways, surface, steps=5)
    found.plot_paths(tmp_path / "paths.png", cells=9)
    found.plot("steps", tmp_path / "losses.png")


def test_runs_that_go_nowhere_and_runs_that_leave_can_be_drawn(tmp_path: Path) -> None:
    ways = {"still": O.SGD(0.0), "wild": O.SGD(3.0)}
    for start in (1.0, [1.0, 2.0], [1.0, 2.0, 3.0]):
        found = compare_optimizers(ways, lambda x: (x**2).sum(), x0=start)
        found.plot_paths(tmp_path / "paths.png", cells=7)
        found.plot("time", tmp_path / "losses.png")


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compare_optimizers({"a": "sgd"}, surfaces.bowl, steps=2)
    for name in [n for n in sys.modules if n.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    original = builtins.__import__

    def refuse(name: str, *args: Any, **others: Any) -> Any:
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return original(name, *args, **others)

    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "glassnet\[plots\]"'):
        found.plot()


# --- wrong uses -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        (([O.SGD()], surfaces.bowl), TypeError, "dictionary"),
        (({}, surfaces.bowl), TypeError, "dictionary"),
        (({"a": None}, surfaces.bowl), TypeError, "'a' is None"),
        (({"a": "agd"}, surfaces.bowl), ValueError, "agd"),
        (({"a": "sgd"}, lambda x: x**2), ValueError, "x0="),
        (({"a": "sgd"}, surfaces.bowl, (X, Y)), ValueError, "takes no data"),
        (({"a": "sgd"}, 3), TypeError, "a model, or a function"),
        (({"a": "sgd"}, gn.layers.Dense(1)), TypeError, "a model, or a function"),
        (({"a": "sgd"}, network()), ValueError, "trained on data"),
        (({"a": "sgd"}, gn.Sequential([gn.Input((3,))]), (X, Y)), ValueError, "loss first"),
    ],
)  # fmt: skip
def test_wrong_uses(arguments: tuple[Any, ...], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        compare_optimizers(*arguments)


def test_wrong_numbers() -> None:
    with pytest.raises(ValueError, match="steps"):
        compare_optimizers({"a": "sgd"}, surfaces.bowl, steps=0)
    with pytest.raises(ValueError, match="set_weights"):
        compare_optimizers({"a": "sgd"}, network(), (X, Y), x0=[1.0])
    with pytest.raises(ValueError, match="not finite at the start"):
        compare_optimizers({"a": "sgd"}, lambda x: 1 / x, x0=np.zeros(()))
    with pytest.raises(ValueError, match="evaluations"):
        compare_optimizers({"a": "sgd"}, surfaces.bowl, steps=1).plot("work")


# --- the surfaces -----------------------------------------------------------------------------
def kind_of(hessian: np.ndarray) -> str:
    eigenvalues = np.linalg.eigvalsh(hessian)
    if (eigenvalues > 0).all():
        return "minima"
    return "maxima" if (eigenvalues < 0).all() else "saddles"


@pytest.mark.parametrize("surface", SURFACES, ids=lambda s: s.name)
def test_what_a_surface_says_of_itself(surface: Surface) -> None:
    """Its stationary points, against those that SciPy finds from many starts in the domain."""
    problem = Objective.of(surface, surface.start).at()
    slope, curvature = problem.gradient, problem.hessian
    for kind in ("minima", "saddles", "maxima"):
        for point in getattr(surface, kind):
            np.testing.assert_allclose(slope(np.array(point)), 0, atol=1e-7)
            hessian = curvature(np.array(point))
            assert kind_of(hessian) == kind
    rng = np.random.default_rng(1)
    known = [*surface.minima, *surface.saddles, *surface.maxima]
    for _ in range(40):
        start = [rng.uniform(*side) for side in surface.domain]
        found = scipy.optimize.root(slope, start, jac=curvature)
        (left, right), (low, high) = surface.domain
        if found.success and left < found.x[0] < right and low < found.x[1] < high:
            assert min(np.abs(found.x - point).max() for point in known) < 1e-3
    if surface.lowest is not None:
        best = min(float(surface(np.array(p))) for p in surface.minima)
        assert best == pytest.approx(surface.lowest, abs=1e-12)
    (left, right), (low, high) = surface.domain
    assert left < surface.start[0] < right
    assert low < surface.start[1] < high
