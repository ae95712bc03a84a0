"""Curvature: spectra known on paper, dense eigenvalues of difference quotients, exact moments."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet as gn
from glassnet.explain import curvature
from glassnet.explain.curvature import Density, Spectrum, hutchinson, lanczos
from glassnet.explain.curvature.density import quadrature
from glassnet.explain.document import Table
from glassnet.explain.render import to_html, to_latex, to_markdown

XOR_X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
XOR_Y = np.array([[0.0], [1], [1], [0]])


def symmetric(spectrum, seed=0):
    """A dense matrix of that spectrum, with its eigenvectors in columns."""
    n = len(spectrum)
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))
    a = (q * np.asarray(spectrum)) @ q.T
    return (a + a.T) / 2, q


def quadratic(a):
    return lambda x: 0.5 * (x @ (a @ x))


def network(dtype="float64", optimizer="sgd", loss="mse"):
    """A 2-3-1 tanh network on XOR with fixed weights."""
    layers = [gn.layers.Dense(3, "tanh", dtype=dtype), gn.layers.Dense(1, dtype=dtype)]
    model = gn.Sequential([gn.Input((2,), dtype=dtype), *layers], name="xor", dtype=dtype)
    model.compile(optimizer, loss)
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(size=w.shape).astype(dtype) for w in model.get_weights()])
    return model


def dense_quotient(weights, x, y):
    """The Hessian of the mean squared error of the 2-3-1 network, from NumPy's own gradient."""

    def gradient(w):
        w1, b1, w2, b2 = w[:6].reshape(2, 3), w[6:9], w[9:12].reshape(3, 1), w[12:]
        a = np.tanh(x @ w1 + b1)
        dz2 = 2 * (a @ w2 + b2 - y) / len(x)
        dz1 = dz2 @ w2.T * (1 - a**2)
        parts = [x.T @ dz1, dz1.sum(0), a.T @ dz2, dz2.sum(0)]
        return np.concatenate([p.ravel() for p in parts])

    h, columns = 1e-3, []
    for unit in np.eye(13):
        near = gradient(weights + h * unit) - gradient(weights - h * unit)
        far = gradient(weights + 2 * h * unit) - gradient(weights - 2 * h * unit)
        columns.append((8 * near - far) / (12 * h))
    found = np.stack(columns, axis=1)
    return (found + found.T) / 2, gradient(weights)


def flat(model):
    return np.concatenate([w.ravel() for w in model.get_weights()]).astype(np.float64)


# --- plain functions ------------------------------------------------------------------------------
def test_a_bowl():
    """f = x² + 5 y²: Hessian diag(2, 10)."""
    report = curvature(lambda v: v[0] ** 2 + 5 * v[1] ** 2, [3.0, -1.0])
    assert report.kind == "convex"
    np.testing.assert_allclose(report.eigenvalues, [2, 10], rtol=1e-14)
    np.testing.assert_allclose(report.hessian, [[2, 0], [0, 10]], atol=1e-14)
    assert report.condition == pytest.approx(5, rel=1e-14)
    assert report.stable_rate == pytest.approx(0.2, rel=1e-14)
    assert (report.negative, report.zero, report.positive) == (0, 0, 2)
    assert report.trace == pytest.approx(12)
    assert report.trace_error == 0
    assert report.value == pytest.approx(14)
    assert report.slope == pytest.approx(np.hypot(6, 10))
    assert not report.is_stationary
    assert "convex, a bowl: all 2 directions curve up" in str(report)
    assert abs(report.sharpest.vector[1]) == pytest.approx(1)
    assert report.sharpest.entries[0] == ("x[1]", pytest.approx(1))
    assert report.rate is None


def test_a_saddle():
    report = curvature(lambda v: v[0] ** 2 - v[1] ** 2, np.zeros(2))
    assert report.kind == "saddle"
    assert report.eigenvalues.tolist() == [-2, 2]
    assert (report.negative, report.zero, report.positive) == (1, 0, 1)
    assert report.is_stationary
    assert "saddle: 1 direction curves up, 1 curves down" in str(report)
    assert "a saddle point" in str(report)
    assert report.blocks == ()


def test_a_hill_has_no_stable_rate():
    def hill(v):
        return -((v**2).sum())

    report = curvature(hill, np.ones(3))
    assert report.kind == "concave"
    assert report.eigenvalues.tolist() == [-2, -2, -2]
    assert report.stable_rate == np.inf
    assert report.condition == 1
    assert "concave, a hill: all 3 directions curve down" in str(report)
    assert "the plain Newton step climbs, towards the top" in " ".join(str(report).split())
    assert "no learning rate is too large" in str(report)
    assert curvature(hill, np.zeros(3)).is_stationary
    assert "a maximum" in str(curvature(hill, np.zeros(3)))
    assert "of hill, a function of 3 numbers" in str(report)


def test_a_flat_direction_is_counted_and_condition_is_infinite():
    """(x + y)² has H = [[2, 2], [2, 2]]: eigenvalues 0 and 4."""
    report = curvature(lambda v: (v[0] + v[1]) ** 2, np.zeros(2))
    assert report.kind == "convex"
    assert (report.negative, report.zero, report.positive) == (0, 1, 1)
    assert report.condition == np.inf
    told = " ".join(str(report).split())
    assert "1 direction curves up, 1 is flat" in told
    assert "second derivatives do not tell" in told
    assert "among the others it is 1" in told


def test_a_plane_is_flat():
    report = curvature(lambda v: v[0] - 3 * v[1], np.array([1.0, 2.0]))
    assert report.kind == "flat"
    assert (report.negative, report.zero, report.positive) == (0, 2, 0)
    assert report.stable_rate == np.inf
    assert not report.is_stationary
    assert report.slope == pytest.approx(np.sqrt(10))
    assert "along no direction does it curve" in str(report)
    assert "sharpest" not in str(report)


def test_one_number_and_a_point_of_two_axes():
    report = curvature(lambda x: x**2 if x.shape == () else (x**2).sum(), 3.0)
    assert report.eigenvalues.tolist() == [2.0]
    assert "its one direction curves up" in str(report)
    grid = curvature(lambda x: (x**2).sum() + 3 * x[1, 0] ** 2, np.zeros((2, 2)))
    np.testing.assert_allclose(grid.eigenvalues, [2, 2, 2, 8])
    assert grid.sharpest.entries[0][0] == "x[1, 0]"


def test_residuals_stand_for_least_squares():
    """½ ‖A x - b‖² has the Hessian Aᵀ A."""
    a = np.array([[1.0, 2], [3, 4], [5, 6]])
    report = curvature(lambda x: np.matmul(a, x) - 1, np.zeros(2))
    np.testing.assert_allclose(report.hessian, a.T @ a, rtol=1e-14)


def test_rosenbrock_at_its_minimum():
    """H = [[802, -400], [-400, 200]] at (1, 1)."""
    report = curvature(lambda v: (1 - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2, np.ones(2))
    np.testing.assert_allclose(report.hessian, [[802, -400], [-400, 200]], rtol=1e-13)
    assert report.condition == pytest.approx(2508.0096012772983, rel=1e-9)
    assert report.is_stationary
    assert "a stationary point, a minimum" in str(report)


@pytest.mark.parametrize("full", [True, False])
def test_a_known_spectrum(full):
    spectrum = np.array([-3.0, -1, 0, 0, 0.5, 1, 2, 4, 8, 16])
    a, q = symmetric(spectrum)
    x = np.random.default_rng(1).normal(size=10)
    report = curvature(quadratic(a), x, full=full)
    np.testing.assert_allclose(report.eigenvalues, spectrum, atol=1e-12)
    assert (report.negative, report.zero, report.positive) == (2, 2, 6)
    assert report.kind == "saddle"
    assert report.trace == pytest.approx(27.5)
    assert report.stable_rate == pytest.approx(2 / 16)
    assert abs(report.sharpest.vector @ q[:, -1]) == pytest.approx(1, abs=1e-10)
    np.testing.assert_allclose(report.gradient, a @ x, rtol=1e-10)


def test_tolerance_is_of_the_largest_eigenvalue():
    def bowl(v):
        return v[0] ** 2 + 1e-6 * v[1] ** 2

    assert curvature(bowl, np.zeros(2)).zero == 0
    assert curvature(bowl, np.zeros(2, np.float32)).zero == 0  # 1e-6 is more than the gap of 1e-7
    assert curvature(bowl, np.zeros(2), tolerance=1e-5).zero == 1
    narrow = curvature(lambda v: v[0] ** 2 + 1e-8 * v[1] ** 2, np.zeros(2, np.float32))
    assert narrow.zero == 1
    assert narrow.dtype == np.float32
    assert narrow.tolerance == pytest.approx(2 * np.finfo(np.float32).eps)


def test_rounding_does_not_count_as_curvature():
    """What cancels leaves rounding behind: H is not symmetric then, and that is the tolerance."""
    matrix = np.array([[1e-17, 3e-17], [-2e-17, -1e-17]])
    assert Spectrum.of(matrix, 1e-15).kind == "flat"
    assert Spectrum.of(np.diag([1.0, 1e-17]), 1e-15).zero == 1


# --- networks -------------------------------------------------------------------------------------
def test_the_spectrum_of_a_network_is_that_of_difference_quotients():
    model = network()
    report = curvature(model, XOR_X, XOR_Y)
    hessian, gradient = dense_quotient(flat(model), XOR_X, XOR_Y)
    values = np.linalg.eigvalsh(hessian)
    largest = np.abs(values).max()
    np.testing.assert_allclose(report.eigenvalues, values, rtol=0, atol=1e-9 * largest)
    np.testing.assert_allclose(report.hessian, hessian, rtol=0, atol=1e-9 * largest)
    np.testing.assert_allclose(report.gradient, gradient, rtol=1e-12)
    assert report.kind == "saddle"
    assert report.negative == np.sum(values < 0)
    assert report.products == 13


def test_each_weight_by_itself():
    model = network()
    report = curvature(model, XOR_X, XOR_Y)
    hessian, _ = dense_quotient(flat(model), XOR_X, XOR_Y)
    places = {"W1": slice(0, 6), "b1": slice(6, 9), "W2": slice(9, 12), "b2": slice(12, 13)}
    assert [block.name for block in report] == list(places)
    for name, place in places.items():
        values = np.linalg.eigvalsh(hessian[place, place])
        found = report[name].spectrum.eigenvalues
        np.testing.assert_allclose(found, values, rtol=0, atol=1e-9 * np.abs(values).max())
    assert report["W2"].kind == "convex"  # the outputs are linear in it, and the loss convex
    assert report["b2"].spectrum.greatest == pytest.approx(2)
    assert report["W1"].shape == (2, 3)
    assert curvature(model, XOR_X, XOR_Y, blocks=False).blocks == ()
    with pytest.raises(KeyError, match="W1, b1, W2, b2"):
        report["W3"]


def test_the_sharpest_direction_names_weights():
    model = network()
    report = curvature(model, XOR_X, XOR_Y)
    hessian, _ = dense_quotient(flat(model), XOR_X, XOR_Y)
    values, vectors = np.linalg.eigh(hessian)
    v = vectors[:, np.argmax(np.abs(values))]
    np.testing.assert_allclose(np.abs(report.sharpest.vector), np.abs(v), atol=1e-8)
    shares = report.sharpest.shares
    assert list(shares) == ["W1", "b1", "W2", "b2"]
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["W2"] == pytest.approx(np.sum(v[9:12] ** 2))
    name, component = report.sharpest.entries[0]
    place = int(np.argmax(np.abs(v)))
    names = [f"W1[{i}, {j}]" for i in range(2) for j in range(3)]
    names += [*(f"b1[{i}]" for i in range(3)), *(f"W2[{i}, 0]" for i in range(3)), "b2[0]"]
    assert name == names[place]
    assert abs(component) == pytest.approx(abs(v[place]))


def test_entries_are_named_as_the_notation_has_them():
    model = network()
    report = curvature(model, XOR_X, XOR_Y)
    before = gn.config.notation()
    try:
        gn.config.set_notation("course")
        turned = curvature(model, XOR_X, XOR_Y)
    finally:
        gn.config.set_notation(before)
    for (mine, a), (theirs, b) in zip(
        report.sharpest.entries, turned.sharpest.entries, strict=True
    ):
        assert a == b
        if mine.startswith("W"):
            i, j = mine[3:-1].split(", ")
            assert theirs == f"{mine[:2]}[{j}, {i}]"


@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy"])
def test_a_float32_model_is_computed_in_float64(loss):
    """The same weights in a float64 model: equal to 1e-12, where float32 would be off by 1e-7."""
    narrow, wide = network("float32", loss=loss), network("float64", loss=loss)
    for model in (narrow, wide):
        model.layers[-1].activation = gn.activations.get("sigmoid")
    wide.set_weights([w.astype("float64") for w in narrow.get_weights()])
    a, b = curvature(narrow, XOR_X, XOR_Y), curvature(wide, XOR_X, XOR_Y)
    assert a.dtype == np.float32
    np.testing.assert_allclose(a.eigenvalues, b.eigenvalues, rtol=0, atol=1e-12)
    np.testing.assert_allclose(a.gradient, b.gradient, rtol=0, atol=1e-12)
    assert a.value == pytest.approx(b.value, rel=1e-12)
    assert a.tolerance == pytest.approx(np.finfo(np.float32).eps * np.abs(a.eigenvalues).max())
    assert a.tolerance > b.tolerance


def test_linear_regression_by_hand():
    """H = 2/m [[Σ x², Σ x], [Σ x, m]]; with x = 1, 3 it is [[10, 4], [4, 2]], λ = 6 ± √32."""
    model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1)])
    model.compile(gn.optimizers.SGD(0.25), "mse")
    report = curvature(model, np.array([[1.0], [3.0]]), np.array([[2.0], [2.0]]))
    np.testing.assert_allclose(report.eigenvalues, [6 - np.sqrt(32), 6 + np.sqrt(32)], rtol=1e-12)
    assert report.stable_rate == pytest.approx(2 / (6 + np.sqrt(32)))
    assert report.rate == pytest.approx(0.25)
    told = " ".join(str(report).split())
    assert "SGD is 0.25, too large here: the factor is -1.914" in told


def test_the_largest_stable_rate_is_where_gradient_descent_begins_to_run_away():
    x, y = np.array([[1.0], [3.0]]), np.array([[2.0], [-1.0]])

    def after(factor):
        layers = [gn.Input((1,), dtype="float64"), gn.layers.Dense(1, dtype="float64")]
        model = gn.Sequential(layers, dtype="float64")
        model.compile("sgd", "mse")
        limit = curvature(model, x, y).stable_rate
        model.compile(gn.optimizers.SGD(factor * limit), "mse")
        history = model.fit(x, y, epochs=60, verbose=0, shuffle=False).history["loss"]
        return history[-1] / history[0]

    assert after(0.95) < 0.1
    assert after(1.05) > 100


@pytest.mark.parametrize(
    "optimizer",
    [
        gn.optimizers.SGD(0.1, momentum=0.9),
        gn.optimizers.SGD(0.1, clipnorm=1.0),
        gn.optimizers.SGD(0.1, weight_decay=0.1),
        gn.optimizers.Adam(0.1),
    ],
    ids=["momentum", "clipping", "decay", "adam"],
)
def test_other_optimizers_have_no_rate_to_compare(optimizer):
    report = curvature(network(optimizer=optimizer), XOR_X, XOR_Y)
    assert report.rate is None
    assert "SGD is" not in str(report)


def test_penalties_belong_to_the_loss():
    """An L2 penalty λ ‖W‖² adds 2 λ to the block of W."""
    reports = []
    for strength in (0.0, 0.25):
        dense = gn.layers.Dense(1, kernel_regularizer=gn.regularizers.L2(strength))
        model = gn.Sequential([gn.Input((2,)), dense])
        model.compile("sgd", "mse")
        reports.append(curvature(model, XOR_X, XOR_Y))
    plain, held = reports
    expected = plain.hessian + np.diag([0.5, 0.5, 0])
    np.testing.assert_allclose(held.hessian, expected, atol=1e-12)


def test_sample_weights():
    """mean of w_i (x_i a + b - y_i)²: H = 2/m Σ w_i [x_i², x_i; x_i, 1]."""
    model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, weights = np.array([1.0, 3.0]), np.array([2.0, 0.5])
    report = curvature(model, x[:, None], np.zeros((2, 1)), weights)
    expected = sum(w * np.array([[v * v, v], [v, 1]]) for v, w in zip(x, weights, strict=True))
    np.testing.assert_allclose(report.hessian, expected, rtol=1e-12)


def test_dropout_draws_as_the_next_step_of_training():
    dropout = gn.layers.Dropout(0.5, seed=1)
    model = gn.Sequential([gn.Input((20,)), dropout, gn.layers.Dense(1, use_bias=False)])
    model.compile("sgd", "mse")
    x = np.ones((1, 20))
    report = curvature(model, x, np.zeros((1, 1)))
    kept = np.abs(np.diag(report.hessian)) > 0
    assert 0 < kept.sum() < 20  # 2 · (1 / 0.5)² where kept
    np.testing.assert_allclose(np.diag(report.hessian)[kept], 8)
    whole = curvature(model, x, np.zeros((1, 1)), training=False)
    np.testing.assert_allclose(np.diag(whole.hessian), 2)
    before = model.layers[-1].get_weights()[0]
    model.compile(gn.optimizers.SGD(1.0), "mse")
    model.train_on_batch(x, np.zeros((1, 1)))
    moved = (model.layers[-1].get_weights()[0] != before).ravel()
    np.testing.assert_array_equal(moved, kept)


def test_looking_changes_nothing():
    model = gn.Sequential(
        [gn.Input((2,)), gn.layers.Dense(3), gn.layers.BatchNormalization(), gn.layers.Dense(1)]
    )
    model.compile("adam", "mse", metrics=["mae"])
    before = [w.copy() for w in model.get_weights()]
    report = curvature(model, XOR_X, XOR_Y)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not model.optimizer.built
    # A bias before a batch normalization has no effect: three directions are flat.
    assert report["b1"].kind == "flat"
    assert report.zero >= 3


def test_frozen_weights_are_no_directions():
    model = network()
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    report = curvature(model, XOR_X, XOR_Y)
    assert [b.name for b in report] == ["W2", "b2"]
    assert report.size == 4
    assert report.kind == "convex"
    model.layers[1].trainable = False
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="no weights to train"):
        curvature(model, XOR_X, XOR_Y)


# --- large ones -----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def both():
    """A network of 301 weights, in full and by Lanczos and Hutchinson."""
    gn.utils.set_random_seed(1)
    layers = [gn.layers.Dense(20, "tanh"), gn.layers.Dense(3, "softmax")]
    model = gn.Sequential([gn.Input((11,)), *layers])
    model.compile("sgd", "categorical_crossentropy")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 11)), np.eye(3)[rng.integers(0, 3, 40)]
    return curvature(model, x, y, full=True), curvature(model, x, y, full=False)


def test_the_ends_by_lanczos_are_those_of_the_whole(both):
    full, ends = both
    assert ends.eigenvalues is None
    assert ends.hessian is None
    assert full.size == ends.size == 303
    largest = full.spectrum.largest
    assert abs(ends.greatest - full.greatest) <= 1e-6 * largest
    assert abs(ends.least - full.least) <= 1e-6 * largest
    assert ends.residual <= 1e-6 * largest
    assert ends.kind == full.kind == "saddle"
    assert ends.stable_rate == pytest.approx(full.stable_rate, rel=1e-6)
    overlap = ends.sharpest.vector @ full.sharpest.vector
    assert abs(overlap) == pytest.approx(1, abs=1e-5)
    assert (ends.negative, ends.zero, ends.positive) == (None, None, None)
    assert ends.condition is None


def test_the_ends_of_blocks(both):
    full, ends = both
    for a, b in zip(full, ends, strict=True):
        assert a.name == b.name
        largest = a.spectrum.largest
        assert abs(a.spectrum.greatest - b.spectrum.greatest) <= 1e-6 * largest
        assert abs(a.spectrum.trace - b.spectrum.trace) <= 4 * b.spectrum.trace_error + 1e-9


def test_the_trace_is_within_its_standard_error(both):
    full, ends = both
    assert 0 < ends.trace_error < full.trace
    assert abs(ends.trace - full.trace) <= 3 * ends.trace_error


def test_the_density_is_that_of_the_whole(both):
    full, ends = both
    assert ends.density.moment(0) == pytest.approx(1, abs=1e-12)
    assert full.density.moment(1) * full.size == pytest.approx(full.trace)
    second = np.sum(full.hessian**2) / full.size
    assert full.density.moment(2) == pytest.approx(second)
    assert ends.density.moment(2) == pytest.approx(second, rel=0.5)


def test_a_large_one_is_told(both):
    told = " ".join(str(both[1]).split())
    assert "some directions curve up, others down" in told
    assert "(Lanczos)" in told
    assert "(Hutchinson)" in told
    assert "By the density" in told


def test_the_limit():
    a = np.concatenate([np.linspace(1, 2, 1198), [0.5, 3]])
    report = curvature(lambda v: (v * v * a).sum() / 2, np.zeros(1200))
    assert report.eigenvalues is None
    assert report.greatest == pytest.approx(3, rel=1e-6)
    assert report.kind == "convex"
    assert report.condition == pytest.approx(6, rel=1e-6)
    assert report.trace == pytest.approx(1198 * 1.5 + 3.5)
    assert report.trace_error == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match=r"900,000,000 entries, 7\.2 GB\. Write full=False"):
        curvature(lambda v: (v * v).sum(), np.zeros(30_000), full=True)


# --- the parts ------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(4))
def test_lanczos_finds_a_dense_spectrum(seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(60, 60))
    a = a + a.T
    values = np.linalg.eigvalsh(a)
    ritz = lanczos(lambda v: a @ v, rng.normal(size=60), 60, rng=rng)
    np.testing.assert_allclose(ritz.values, values, atol=1e-6 * np.abs(values).max())
    assert ritz.weights.sum() == pytest.approx(1)
    ends = lanczos(lambda v: a @ v, rng.normal(size=60), 60, tolerance=1e-7, rng=rng)
    np.testing.assert_allclose(ends.values[[0, -1]], values[[0, -1]], rtol=1e-6)
    assert ends.steps < 60
    for k in (0, ends.steps - 1):
        y = ends.vector(k)
        assert np.linalg.norm(a @ y - ends.values[k] * y) <= 2e-7 * np.abs(values).max()


def test_lanczos_keeps_its_vectors_orthogonal():
    """Without reorthogonalisation this spectrum gives copies of its largest eigenvalue."""
    a, _ = symmetric([*np.linspace(0, 1, 99), 1000.0])
    ritz = lanczos(lambda v: a @ v, np.random.default_rng(0).normal(size=100), 60)
    np.testing.assert_allclose(ritz.basis @ ritz.basis.T, np.eye(60), atol=1e-12)
    assert np.sum(ritz.values > 999) == 1


def test_lanczos_finds_eigenvalues_that_occur_several_times():
    a, _ = symmetric([1.0, 1, 1, 2, 2, 5])
    start = np.random.default_rng(0).normal(size=6)
    once = lanczos(lambda v: a @ v, start, 6)
    assert once.steps == 3
    np.testing.assert_allclose(once.values, [1, 2, 5])
    every = lanczos(lambda v: a @ v, start, 6, rng=np.random.default_rng(1))
    np.testing.assert_allclose(every.values, [1, 1, 1, 2, 2, 5])
    zero = lanczos(lambda v: 0 * v, start, 6, rng=np.random.default_rng(1))
    assert zero.values.tolist() == [0] * 6
    with pytest.raises(ValueError, match="start vector is 0"):
        lanczos(lambda v: v, np.zeros(3), 2)


def test_hutchinson_errs_as_much_as_it_says():
    """Over 200 seeds: two standard errors hold nearly always, and their size is the theory's."""
    a = np.random.default_rng(0).normal(size=(30, 30))
    a = a + a.T
    exact = np.trace(a)
    off = a - np.diag(np.diag(a))
    theory = np.sqrt(2 * np.sum(off**2) / 40)
    found = [hutchinson(lambda v: a @ v, 30, 40, np.random.default_rng(s)) for s in range(200)]
    errors = np.array([t.value - exact for t in found])
    stated = np.array([t.error for t in found])
    assert np.mean(np.abs(errors) <= 2 * stated) > 0.9
    assert stated.mean() == pytest.approx(theory, rel=0.1)
    assert errors.std() == pytest.approx(theory, rel=0.15)
    block = slice(3, 12)
    sums = np.mean([t.block(block).value for t in found])
    assert sums == pytest.approx(np.trace(a[block, block]), abs=0.5)


def test_quadrature_has_the_moments_of_the_matrix():
    """On average over the probes: tr(Aᵏ) / n; each within four of its standard errors."""
    spectrum = np.concatenate([np.linspace(-1, 0, 20), np.linspace(0, 3, 30)])
    a, _ = symmetric(spectrum)
    density = quadrature(lambda v: a @ v, 50, 200, 12, np.random.default_rng(0))
    t = np.linspace(-3, 5, 4001)
    assert np.trapezoid(density(t, 0.1), t) == pytest.approx(1, abs=1e-6)
    assert density.moment(0) == pytest.approx(1, abs=1e-12)
    for order in (1, 2, 3, 4):
        power = np.linalg.matrix_power(a, order)
        off = power - np.diag(np.diag(power))
        error = np.sqrt(2 * np.sum(off**2) / 200) / 50
        assert abs(density.moment(order) - np.mean(spectrum**order)) <= 4 * error
    assert density.share(-10, -1e-3) == pytest.approx(0.4, abs=0.05)


def test_the_density_of_a_whole_spectrum():
    density = Density.of(np.array([2.0, -1.0, 2.0]))
    assert density.nodes.tolist() == [-1, 2, 2]
    assert density.moment(1) == pytest.approx(1)
    assert density.share(0, 5) == pytest.approx(2 / 3)
    t = np.linspace(-3, 4, 2001)
    assert np.trapezoid(density(t), t) == pytest.approx(1, abs=1e-6)
    bell = np.exp(-0.5) / np.sqrt(2 * np.pi)
    assert density(3.0, 1.0) == pytest.approx(2 / 3 * bell + np.exp(-8) / np.sqrt(2 * np.pi) / 3)


# --- the report -----------------------------------------------------------------------------------
def test_the_report_is_a_document():
    report = curvature(network(), XOR_X, XOR_Y)
    (table,) = [b for b in report.document if isinstance(b, Table)]
    assert [row[0] for row in table.rows] == ["`W1`", "`b1`", "`W2`", "`b2`"]
    assert "<table" in report._repr_html_()
    assert "<html" not in report._repr_html_()
    for render in (to_html, to_latex, to_markdown):
        assert "xor" in render(report.document)
    assert repr(report) == "<CurvatureReport of model 'xor': saddle, 13 weights>"
    assert all(len(line) <= 100 for line in str(report).splitlines())


# --- mistakes -------------------------------------------------------------------------------------
def test_models_that_are_not_ready():
    unbuilt = gn.Sequential([gn.layers.Dense(1)], name="late")
    with pytest.raises(ValueError, match="'late' is not built"):
        curvature(unbuilt, XOR_X, XOR_Y)
    built = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    with pytest.raises(ValueError, match="compile"):
        curvature(built, XOR_X, XOR_Y)


def test_batches_that_do_not_fit():
    model = network()
    with pytest.raises(ValueError, match=r"expected \(m, 2\); got \(4, 3\)"):
        curvature(model, np.zeros((4, 3)), XOR_Y)
    with pytest.raises(ValueError, match="x 4, y 3"):
        curvature(model, XOR_X, XOR_Y[:3])
    with pytest.raises(ValueError, match="empty"):
        curvature(model, XOR_X[:0], XOR_Y[:0])
    with pytest.raises(ValueError, match="x is None"):
        curvature(model, None, XOR_Y)
    with pytest.raises(TypeError, match="one batch"):
        curvature(model, iter([(XOR_X, XOR_Y)]))
    with pytest.raises(ValueError, match="y is missing"):
        curvature(model, XOR_X)


def test_functions_and_points_that_do_not_fit():
    with pytest.raises(TypeError, match="expected a model, or a function"):
        curvature("xor", np.zeros(2))
    with pytest.raises(TypeError, match="Dense"):
        curvature(gn.layers.Dense(1), np.zeros(2))
    with pytest.raises(ValueError, match="no targets"):
        curvature(lambda v: v.sum(), np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match="array of numbers"):
        curvature(lambda v: v.sum(), ["a"])
    with pytest.raises(ValueError, match="steps is a whole number"):
        curvature(lambda v: v.sum(), np.zeros(2), steps=1)
    with pytest.raises(ValueError, match="tolerance"):
        curvature(lambda v: v.sum(), np.zeros(2), tolerance=-1.0)


def test_what_is_not_finite_is_told():
    with pytest.raises(ValueError, match="the loss of this function is not finite"):
        curvature(lambda v: np.log(v).sum(), np.array([-1.0, 1.0]))
    with pytest.raises(ValueError, match="gradient of this function is not finite"):
        curvature(lambda v: np.sqrt(v).sum(), np.array([0.0, 1.0]))
    model = network()
    model.set_weights([w * np.inf if w.ndim == 1 else w for w in model.get_weights()])
    with pytest.raises(ValueError, match="model 'xor' is not finite"):
        curvature(model, XOR_X, XOR_Y)
