"""check_gradients: right gradients pass, planted faults are found, kinks and jumps are no faults.

Expected numbers are worked out by hand or come from SciPy. `benchmarks/doctor_gradients.py` runs
1,000 seeds and plants a fault at every place.
"""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import expit

import glassnet as gn
from glassnet.explain import GradientReport, check_gradients, true_gradients
from glassnet.explain.doctor.differences import Line, complex_slope, noise_of
from glassnet.explain.doctor.subjects import of_model

L = gn.layers


# --- networks ---------------------------------------------------------------------------------
def compiled(*layers, loss="mse", shape=(4,), **kwargs):
    model = gn.Sequential([gn.Input(shape), *layers])
    model.compile("sgd", loss, **kwargs)
    return model


BETWEEN = {
    "none": list,
    "batch": lambda: [L.BatchNormalization()],
    "layer": lambda: [L.LayerNormalization()],
    "dropout": lambda: [L.Dropout(0.4)],
    "noise": lambda: [L.GaussianNoise(0.2)],
    "prelu": lambda: [L.PReLU()],
}


@pytest.mark.parametrize("seed", range(60))
def test_correct_networks_pass(seed):
    rng = np.random.default_rng(seed)
    gn.utils.set_random_seed(seed)
    m, kind = int(rng.integers(1, 8)), ["mse", "mae", "huber", "categorical_crossentropy"][seed % 4]
    between = list(BETWEEN.values())[seed % len(BETWEEN)]()
    hidden = str(rng.choice(["relu", "tanh", "gelu", "leaky_relu", "sigmoid", "elu", "softplus"]))
    penalty = [None, "l1", "l2"][seed % 3]
    last = "softmax" if kind == "categorical_crossentropy" else None
    model = compiled(
        L.Dense(5, hidden, kernel_regularizer=penalty, dtype=["float32", "float64"][seed % 2]),
        *between, L.Dense(4, hidden), L.Dense(3, last), loss=kind,
    )  # fmt: skip
    x = rng.normal(size=(m, 4)) * [0.1, 1, 10][seed % 3]
    y = np.eye(3)[rng.integers(0, 3, m)]
    report = check_gradients(model, x, y, inputs=True)
    assert report.ok, report
    assert report.worst.error < 1e-6
    assert len(report.checks) == len(model.trainable_weights) + 1


def test_what_is_checked_is_the_gradient_by_hand():
    # J = ½·2·(w x − y)² / 1 = (w x − y)², dJ/dw = 2 x (w x − y) = 2·3·(2·3 − 1) = 30
    model = compiled(L.Dense(1, use_bias=False), shape=(1,))
    model.set_weights([np.array([[2.0]])])
    report = check_gradients(model, np.array([[3.0]]), np.array([[1.0]]), inputs=True)
    by_weight, by_input = report.findings
    assert by_weight.given == pytest.approx(30.0)
    assert by_weight.expected == pytest.approx(30.0)
    assert by_input.expected == pytest.approx(2 * 2 * 5)
    assert (by_weight.layer, by_weight.parameter) == (model.layers[0].name, "kernel")
    assert (by_weight.index, by_input.parameter) == ((0, 0), "X")


def test_penalties_and_sample_weights_belong_to_the_cost():
    # J = 0.5·(w·1 − 0)²·4 / 1 + 0.1 w² at w = 1: dJ/dw = 2·w·weight + 0.2 w
    model = compiled(
        L.Dense(1, use_bias=False, kernel_regularizer=gn.regularizers.L2(0.1)), shape=(1,)
    )
    model.set_weights([np.array([[1.0]])])
    one = np.ones((1, 1))
    plain = check_gradients(model, one, 0 * one).worst.expected
    weighted = check_gradients(model, one, 0 * one, sample_weight=np.array([3.0])).worst.expected
    assert plain == pytest.approx(2.2)
    assert weighted - plain == pytest.approx(4.0)


def test_frozen_layers_and_shared_ones():
    a = gn.Input((3,))
    shared = L.Dense(3, "tanh", name="shared")
    frozen = L.Dense(2, name="frozen")
    frozen.trainable = False
    out = frozen(shared(shared(a)))
    model = gn.Model(a, [out, L.Dense(1, name="side")(shared(a))])
    model.compile("sgd", ["mse", "mae"], loss_weights=[1.0, 0.5])
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 3))
    report = check_gradients(model, x, [rng.normal(size=(4, 2)), rng.normal(size=(4, 1))])
    assert report.ok, report
    assert {c.layer for c in report.checks} == {"shared", "side"}


def test_a_model_of_ones_own_and_masks():
    class Mine(gn.Model):
        def __init__(self):
            super().__init__()
            self.embed = L.Embedding(6, 3, mask_zero=True)
            self.pool = L.GlobalAveragePooling1D()
            self.out = L.Dense(2, "softmax")

        def call(self, tokens):
            return self.out(self.pool(self.embed(tokens)))

    model = Mine()
    model.compile("sgd", "sparse_categorical_crossentropy")
    report = check_gradients(model, np.array([[1, 2, 0], [3, 0, 0]]), np.array([0, 1]))
    assert report.ok, report
    assert len(report.checks) == 3


def test_large_networks_are_checked_in_sums():
    gn.utils.set_random_seed(1)
    model = compiled(L.Dense(100, "relu"), L.Dense(30, "relu"), L.Dense(10), shape=(100,))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 100)), rng.normal(size=(16, 10))
    report = check_gradients(model, x, y)
    assert report.ok, report
    first = report.checks[0]
    assert (first.size, first.projections, first.method) == (10_000, 8, "complex step")
    assert first.singles < 20
    assert first.resolution < 1e-10


# --- planted faults ---------------------------------------------------------------------------
class Mine(L.NumpyLayer):
    """A dense layer by hand; one entry of one gradient may be off."""

    def __init__(self, units, kind="tanh", spoil=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.kind, self.spoil = units, kind, spoil

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[-1], self.units), name="W")
        self.b = self.add_weight((self.units,), "random_normal", name="b")

    def forward(self, X):
        self.X = X
        self.A = X @ self.W + self.b
        if self.kind == "tanh":
            self.A = np.tanh(self.A)
        return self.A

    def backward(self, dY):
        dZ = dY * (1 - self.A**2) if self.kind == "tanh" else dY
        self.dW, self.db = self.X.T @ dZ, dZ.sum(axis=0)
        dX = dZ @ self.W.T
        return dX if self.spoil is None else self.spoil(self, dX)


def three_layers(seed, sizes=(3, 6, 5, 2)):
    gn.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    made = [Mine(n, k) for n, k in zip(sizes[1:], ("tanh", "tanh", ""), strict=True)]
    model = compiled(*made, shape=(sizes[0],))
    return model, rng.normal(size=(6, sizes[0])), rng.normal(size=(6, sizes[-1]))


def off(name, place, factor):
    def spoil(layer, dX):
        getattr(layer, name).reshape(-1)[place] *= factor
        return dX

    return spoil


PLACES = [(i, n, p) for i, s in ((0, 18), (1, 30), (2, 10)) for n, size in (("dW", s), ("db", 2))
          for p in range(0, size, 4)]  # fmt: skip


@pytest.mark.parametrize("fault", [1e-4, -1e-4, 3e-6, 1e-2, -1.0, -2.0, 1e6])
def test_a_fault_in_one_entry_is_found_and_it_alone(fault):
    for number, (layer, name, place) in enumerate(PLACES[:: 1 if fault == 1e-4 else 6]):
        model, x, y = three_layers(number % 3)
        model.layers[layer].spoil = off(name, place, 1 + fault)
        report = check_gradients(model, x, y)
        (found,) = report.wrong
        weight = getattr(model.layers[layer], name[1:])
        assert (found.layer, f"d{found.parameter}") == (model.layers[layer].name, name)
        assert found.index == np.unravel_index(place, weight.shape)
        expected = abs(fault) / max(1.0, abs(1 + fault))
        assert found.error == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("place", [0, 1234, 9_999])
def test_a_fault_of_1e_4_is_found_among_10_000_entries(place):
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(4, 100)), rng.normal(size=(100, 100)) * 0.1

    def f(W):
        return np.sum(np.tanh(x @ W) ** 2)

    def gradient(W):
        A = np.tanh(x @ W)
        dW = x.T @ (2 * A * (1 - A**2))
        dW.reshape(-1)[place] *= 1 + 1e-4
        return dW

    (found,) = check_gradients((f, gradient), W).wrong
    assert found.index == np.unravel_index(place, W.shape)


def test_a_fault_is_found_in_a_small_derivative_beside_large_ones():
    scale = np.logspace(0, -8, 500)  # derivatives from 1 to 1e-8
    f = lambda x: np.sum(scale * np.sin(x))  # noqa: E731
    for place in (0, 250, 499):
        wrong = np.ones(500)
        wrong[place] += 1e-4
        report = check_gradients((f, lambda x, w=wrong: w * scale * np.cos(x)), np.full(500, 0.3))
        assert [r.index for r in report.wrong] == [(place,)]


def test_several_faults_in_a_large_gradient():
    rng = np.random.default_rng(2)
    c = rng.normal(size=5000)
    wrong = c.copy()
    wrong[[7, 70, 700]] *= 1.01
    report = check_gradients((lambda x: np.sum(c * x), lambda x: wrong), np.zeros(5000))
    assert {r.index for r in report.wrong} == {(7,), (70,), (700,)}


def test_errors_that_cancel_in_a_plain_sum_are_found():
    wrong = np.ones(1000)
    wrong[3] += 0.5
    wrong[900] -= 0.5
    report = check_gradients((np.sum, lambda a: wrong), np.zeros(1000))
    assert {(3,), (900,)} <= {r.index for r in report.wrong}


def test_where_all_is_wrong_it_is_said_of_how_many():
    report = check_gradients((lambda x: np.sum(x**2), lambda x: x), np.arange(1.0, 5.0))
    assert not report
    assert "4 of 4 entries are off" in str(report)
    big = check_gradients((lambda x: np.sum(x**2), lambda x: x), np.arange(1.0, 3000.0))
    assert "8 of 8 entries drawn are off" in " ".join(str(big).split())


# --- bricks -----------------------------------------------------------------------------------
def dropped_bias(layer, dX):
    del layer.db
    return dX


def turned(layer, dX):
    layer.dW = layer.dW.T
    return dX


def failing(layer, dX):
    return dX @ layer.W.T @ np.ones((99, 99))


SPOILT = {
    "missing": (dropped_bias, {"b": "missing"}),
    "turned": (turned, {"W": "shape"}),
    "raises": (failing, {"W": "raised", "b": "raised", "X": "raised"}),
    "dX": (lambda layer, dX: dX[:, :1], {"X": "shape"}),
    "nothing": (lambda layer, dX: None, {"X": "raised"}),
    "mean": (lambda layer, dX: setattr(layer, "db", layer.db / 5) or dX, {"b": "differs"}),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_wrong_backward_is_told_parameter_by_parameter(name):
    spoil, expected = SPOILT[name]
    report = check_gradients(Mine(3, spoil=spoil), np.random.default_rng(0).normal(size=(5, 4)))
    assert {c.parameter: c.worst.verdict for c in report.checks if not c.ok} == expected
    assert not report.ok
    assert "glassnet.diagnose" in str(report)


def test_a_right_backward_passes():
    report = check_gradients(Mine(3), np.random.default_rng(0).normal(size=(5, 4)))
    assert report.ok, report
    assert {c.parameter for c in report.checks} == {"W", "b", "X"}


def test_nothing_comes_back_to_layers_before_a_wrong_dX():
    model, x, y = three_layers(0)
    model.layers[1].spoil = lambda layer, dX: dX[:, :-1]
    report = check_gradients(model, x, y)
    first = report.checks[0].worst
    assert (first.layer, first.verdict) == (model.layers[0].name, "missing")
    assert "nothing comes back to here" in first.note
    assert report.checks[2].ok


def test_the_mode_of_a_layer():
    class Doubling(L.NumpyLayer):
        def forward(self, X, training=False):
            self.factor = 2.0 if training else 1.0
            return self.factor * X

        def backward(self, dY):
            return 2.0 * dY

    x = np.ones((2, 2))
    assert check_gradients(Doubling(), x, training=True).ok
    assert not check_gradients(Doubling(), x, training=False).ok


def test_layers_of_several_inputs():
    class Product(L.NumpyLayer):
        def forward(self, A, B):
            self.A, self.B = A, B
            return A * B

        def backward(self, dY):
            return dY * self.B, dY * self.A * 1.5

    rng = np.random.default_rng(0)
    report = check_gradients(Product(), [rng.normal(size=(2, 3)), rng.normal(size=(2, 3))])
    assert {c.parameter: c.ok for c in report.checks} == {"A": True, "B": False}
    assert check_gradients(L.Dot(axes=1), [rng.normal(size=(2, 3)), rng.normal(size=(2, 3))]).ok


def test_the_true_gradients_of_a_brick_are_those_of_its_forward():
    brick = Mine(2, kind="")
    brick.backward = None
    X, dY = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 10.0]])
    found = true_gradients(brick, X, upstream=dY)
    assert sorted(found) == ["dW", "dX", "db"]
    np.testing.assert_allclose(found["dW"], X.T @ dY, rtol=1e-12)
    np.testing.assert_allclose(found["db"], [1.0, 10.0], rtol=1e-12)
    np.testing.assert_allclose(found["dX"], dY @ np.asarray(brick.W).T, rtol=1e-6)


def test_the_true_gradients_of_functions():
    rng = np.random.default_rng(0)
    x = rng.normal(size=4)

    def f(x, k):
        return np.sum(np.abs(x) ** 1.5) * k

    found = true_gradients(f, x, 2.0)
    np.testing.assert_allclose(found["dx"], 3 * np.sqrt(np.abs(x)) * np.sign(x), rtol=1e-8)
    np.testing.assert_allclose(found["dx"], approx_fprime(x, f, 1e-7, 2.0), rtol=1e-4)
    assert found["dk"] == pytest.approx(np.sum(np.abs(x) ** 1.5))


# --- functions --------------------------------------------------------------------------------
def test_functions_of_arrays_right_and_wrong():
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(6, 3)), rng.integers(0, 2, 6).astype(float), rng.normal(size=3)

    def cost(w):
        p = expit(X @ w)
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    right = lambda w: X.T @ (expit(X @ w) - y) / 6  # noqa: E731
    assert check_gradients((cost, right), w).ok
    report = check_gradients((cost, lambda w: 6 * right(w)), w)
    by_scipy = approx_fprime(w, cost, 1e-7)[report.worst.index]
    assert report.worst.expected == pytest.approx(by_scipy, rel=1e-4)
    assert report.worst.error == pytest.approx(5 / 6)
    assert {f.parameter for f in report.wrong} == {"w"}


def test_functions_that_give_arrays_take_an_upstream():
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(3, 2)), rng.normal(size=(4, 3))
    f = lambda w, x: x @ w  # noqa: E731
    assert check_gradients((f, lambda w, x, g: (x.T @ g, g @ w.T)), *arrays).ok
    report = check_gradients((f, lambda w, x, g: (g.T @ x, g @ w.T)), *arrays)
    assert [(r.parameter, r.verdict) for r in report.wrong] == [("w", "shape")]
    assert "(2, 3)" in report.wrong[0].note


def test_integers_texts_and_none_are_no_arguments_to_differentiate_by():
    x, labels = np.random.default_rng(0).normal(size=(4, 3)), [0, 2, 1, 2]

    def cost(w, y, power, mode=None):
        assert mode in (None, "mean")
        p = np.exp(w) / np.exp(w).sum(axis=1, keepdims=True)
        return -sum(np.log(p[range(4), y]).mean() for _ in range(power))

    def slopes(w, y, power, mode=None):
        return power * (np.exp(w) / np.exp(w).sum(axis=1, keepdims=True) - np.eye(3)[y]) / 4

    for mode in (None, "mean"):
        report = check_gradients((cost, slopes), x, labels, 2, mode)
        assert report.ok
        assert [c.parameter for c in report.checks] == ["w"]
        assert "y, power hold integers" in str(report)
    assert check_gradients(lambda x, n: sum((x[i] ** 2 for i in range(n)), 0.0), x, 3).ok
    alone = check_gradients((lambda a: a**2, lambda a: 3 * a), 3)  # nothing else to vary
    assert alone.worst.expected == pytest.approx(6.0)
    assert not check_gradients((lambda a: np.mean(a**2), lambda a: a), np.array([1, 2, 3]))


def test_gradients_come_as_lists_of_numbers_and_dictionaries():
    w, b = np.array([1.0, 2.0, 3.0]), 0.5
    f = lambda w, b: np.sum(w**2) * b  # noqa: E731
    assert check_gradients((lambda w: np.sum(w**2), lambda w: [2 * v for v in w]), w).ok
    for names in (("w", "b"), ("dw", "db")):
        found = lambda w, b, n=names: dict(zip(n, (2 * w * b, np.sum(w**2)), strict=True))  # noqa: E731
        assert check_gradients((f, found), w, b).ok
    with pytest.raises(ValueError, match="a dictionary with 'W'"):
        check_gradients((f, lambda w, b: {"W": 2 * w * b}), w, b)


def test_an_array_of_one_number_is_a_number_where_the_gradient_takes_it_so():
    x = np.array([[1.0], [-2.0]])
    f = lambda w: (w.T @ w) / 2  # noqa: E731
    assert check_gradients((f, lambda w: w), x).ok
    assert check_gradients((f, lambda w, g: w * g), x).ok
    assert not check_gradients((f, lambda w: 2 * w), x)
    with pytest.raises(TypeError, match=r"gradient_of_f\(w, upstream\)"):
        check_gradients((lambda w: w**2, lambda w: 2 * w), x)


def test_functions_that_insist_on_float32():
    def cost(x):
        assert x.dtype == np.float32
        return np.sum(x**2)

    assert check_gradients((cost, lambda x: 2 * x), np.ones(3, np.float32)).ok


def test_functions_of_tensors():
    assert check_gradients(lambda x: np.sum(np.exp(x) * np.tanh(x)), np.linspace(-1, 1, 5)).ok
    assert check_gradients(gn.activations.softmax, np.ones((2, 3))).ok


def test_a_wrong_rule_of_an_op_is_found(monkeypatch):
    from glassnet.graph import OPS

    rule = OPS["tanh"].vjp
    monkeypatch.setattr(OPS["tanh"], "vjp", lambda op, g, y, x: (rule(op, g, y, x)[0] * 1.001,))
    assert not check_gradients(lambda x: np.tanh(x), np.ones(3)).ok


# --- kinks, jumps, other dtypes ---------------------------------------------------------------
@pytest.mark.parametrize("at_zero", [0.0, 0.5, 1.0, -3.0])
def test_whatever_stands_for_the_slope_of_relu_at_0_is_no_fault(at_zero):
    gradient = lambda x: np.where(x > 0, 1.0, np.where(x < 0, 0.0, at_zero))  # noqa: E731
    f = lambda x: np.sum(np.maximum(x, 0))  # noqa: E731
    report = check_gradients((f, gradient), np.array([0.0, 1.0, -1.0]))
    assert report.ok
    if at_zero != 0.5:  # the slope that a central difference finds there
        assert report.findings[0].verdict == "kink"
        assert "kink" in str(report)


def test_a_wrong_rule_is_not_excused_by_a_kink():
    f = lambda x: np.sum(np.maximum(x, 0))  # noqa: E731
    report = check_gradients((f, lambda x: 1.1 * (x > 0)), np.array([0.0, 1.0, -1.0]))
    assert (1,) in {r.index for r in report.wrong}


def test_a_gradient_wrong_at_one_smooth_point_is_no_kink():
    gradient = lambda x: 2 * x + (x == 0)  # noqa: E731
    report = check_gradients((lambda x: np.sum(x**2), gradient), np.array([0.0, 1.0]))
    assert [r.index for r in report.wrong] == [(0,)]


def test_a_network_of_zeros_and_ties_of_a_maximum():
    dead = compiled(L.Dense(5, "relu", kernel_initializer="zeros"), L.Dense(2))
    rng = np.random.default_rng(0)
    report = check_gradients(dead, rng.normal(size=(6, 4)), rng.normal(size=(6, 2)))
    assert report.ok, report
    assert report.checks[0].worst.verdict == "kink"
    assert check_gradients(L.MaxPooling2D(2), np.ones((1, 4, 4, 1))).ok
    assert check_gradients(lambda x: np.max(x), np.ones(4)).ok
    assert check_gradients(lambda x: np.sum(np.abs(x)), np.zeros(3)).ok


def test_kinks_near_by_hide_nothing():
    x = np.array([1e-9, -1e-7, 1e-5, 0.3])
    f = lambda x: np.sum(np.maximum(x, 0) * np.arange(1, 5))  # noqa: E731
    assert check_gradients((f, lambda x: (x > 0) * np.arange(1.0, 5)), x).ok
    assert not check_gradients((f, lambda x: (x > 0) * np.arange(1.0, 5) * [1, 1, 1.0001, 1]), x).ok


def test_a_jump_is_told_as_such():
    report = check_gradients((lambda x: np.sum(np.round(x)), np.zeros_like), np.array([0.5, 1.2]))
    assert report.findings[0].verdict == "jump"
    assert "jumps here" in str(report)
    assert report.ok


def test_functions_that_compute_in_float32():
    def f(x):
        return np.sum(np.sin(x.astype(np.float32)))

    x = np.linspace(-1, 1, 6)
    report = check_gradients((f, np.cos), x)
    assert report.ok, report
    assert "float32" in report.notes[0]
    assert not check_gradients((f, lambda x: 1.005 * np.cos(x)), x).ok

    def strict(x):
        if x.dtype != np.float32:
            raise TypeError("float32 alone")
        return np.sum(np.exp(x))

    assert check_gradients((strict, np.exp), x.astype(np.float32)).ok
    assert not check_gradients((strict, lambda x: 1.01 * np.exp(x)), x.astype(np.float32)).ok


def test_float32_hidden_inside_is_rounding():
    f = lambda x: float(np.sum(np.sin(x.astype(np.float32))))  # noqa: E731
    assert check_gradients((f, np.cos), np.linspace(-1, 1, 6)).ok


def test_functions_that_only_look_analytic():
    assert check_gradients(
        (lambda x: np.linalg.norm(x), lambda x: x / np.linalg.norm(x)), np.ones(3)
    ).ok
    f = lambda x: np.sum(np.conj(x) * x + 1e-3 * np.abs(x) ** 3)  # noqa: E731
    assert check_gradients(
        (f, lambda x: 2 * x + 3e-3 * x * np.abs(x)), np.array([1.0, -2.0, 0.5])
    ).ok
    casting = lambda x: np.sum(np.array([v**2 for v in x], dtype=float))  # noqa: E731
    report = check_gradients((casting, lambda x: 2 * x), np.array([1.0, 2.0]))
    assert report.ok
    assert report.checks[0].method == "differences"


# --- what can't be checked --------------------------------------------------------------------
def test_what_draws_numbers_or_is_not_finite_is_said():
    rng = np.random.default_rng(0)
    drawing = check_gradients((lambda x: np.sum(x * rng.normal(size=3)), np.ones_like), np.ones(3))
    assert not drawing.ok
    assert not drawing.wrong
    assert "Two calls" in str(drawing)
    report = check_gradients(lambda x: np.sum(np.log(x)), np.array([1.0, -1.0, 2.0]))
    assert not report.ok
    assert "'log'" in report.troubles[0]
    assert "[1] first" in report.troubles[0]


def test_a_gradient_that_is_not_finite_is_a_fault():
    wrong = lambda x: np.array([1.0, np.nan, 1.0])  # noqa: E731
    (found,) = check_gradients((np.sum, wrong), np.zeros(3)).wrong
    assert (found.index, found.verdict) == ((1,), "not finite")
    assert found.expected == pytest.approx(1.0)


def test_a_function_that_changes_its_argument():
    def f(x):
        x *= 2
        return np.sum(x)

    x = np.ones(3)
    report = check_gradients((f, lambda x: np.full(3, 2.0)), x)
    assert report.ok
    assert "changes its argument x in place" in str(report)
    assert x.tolist() == [1, 1, 1]


def test_a_report_is_kept_when_nothing_is_there_to_check():
    assert check_gradients(L.Activation("tanh"), np.ones((0, 3))).ok
    assert (
        check_gradients(L.Embedding(3, 2), np.array([[0, 1]])).checks[0].parameter == "embeddings"
    )


# --- the report -------------------------------------------------------------------------------
def test_the_report_names_the_entry_and_both_values():
    report = check_gradients((lambda w: np.sum(w**2), lambda w: w), np.array([[1.0, 2.0]]))
    text = str(report)
    for part in ("WRONG", "w[0, 0]: given 1, expected 2, relative error 0.5", "glassnet.diagnose"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80
    with pytest.raises(AssertionError, match="relative error"):
        report.raise_if_wrong()
    assert "<table" in report._repr_html_()
    assert "relative error" in report._repr_html_()


def test_a_wide_report_leaves_out_the_values_that_agree():
    f = lambda a_long_name_of_weights: np.sum(a_long_name_of_weights**2)  # noqa: E731
    point = np.linspace(-1, 1, 600).reshape(20, 30)
    fault = np.ones((20, 30))
    fault[12, 27] = 1 + 1e-4
    text = str(check_gradients((f, lambda w: 2 * w * fault), point))
    assert max(map(len, text.splitlines())) <= 80
    value = 2 * point[12, 27]
    assert f"given {value * fault[12, 27]:.8g}" in text
    assert f"expected {value:.8g}" in text


def test_a_good_report_raises_nothing():
    report = check_gradients(lambda x: np.sum(x), np.ones(2))
    report.raise_if_wrong()
    assert isinstance(report, GradientReport)
    assert report
    assert report.worst.verdict == "agrees"
    assert report._repr_html_()


# --- misuse -----------------------------------------------------------------------------------
def test_misuse_is_one_clear_error():
    model = gn.Sequential([gn.Input((2,)), L.Dense(1)])
    with pytest.raises(ValueError, match="compile"):
        check_gradients(model, np.ones((1, 2)), np.ones((1, 1)))
    assert check_gradients(model, np.ones((1, 2))).ok  # its outputs, without a loss
    with pytest.raises(TypeError, match="arrays to check on"):
        check_gradients(np.sin)
    with pytest.raises(TypeError, match="two functions"):
        check_gradients((np.sin,), 1.0)
    with pytest.raises(TypeError, match="takes a model"):
        check_gradients(3, 1.0)
    with pytest.raises(ValueError, match="one is needed for each"):
        check_gradients((lambda a, b: np.sum(a * b), lambda a, b: b), np.ones(2), np.ones(2))
    with pytest.raises(TypeError, match="needs floats"):
        check_gradients((lambda a: 3, np.ones_like), np.ones(2))
    with pytest.raises(TypeError, match="argument 'p' is a dict with 'W', 'b'"):
        check_gradients((lambda p: p["W"], lambda p: p), {"W": np.ones(2), "b": 1.0})
    with pytest.raises(TypeError, match="a tuple of 2 that make no array"):
        check_gradients((lambda p: p[0], lambda p: p), (np.ones(2), np.ones(3)))
    with pytest.raises(TypeError, match="no argument holds real numbers"):
        check_gradients((lambda p: 1.0, lambda p: p), "text")
    with pytest.raises(TypeError, match="Dense is a class"):
        check_gradients(L.Dense, np.ones((1, 2)))
    with pytest.raises(ValueError, match="upstream has"):
        check_gradients(L.Dense(2), np.ones((1, 2)), upstream=np.ones((3, 3)))


# --- the numbers underneath -------------------------------------------------------------------
SLOPES = {np.sin: np.cos(0.7), np.exp: np.exp(0.7), np.log: 1 / 0.7, np.sqrt: 0.5 / np.sqrt(0.7)}


@pytest.mark.parametrize(("f", "slope"), SLOPES.items())
def test_slopes_are_as_exact_as_they_say(f, slope):
    x, v = np.array(0.7), np.array(1.0)
    found = Line(f, x, v).slope()
    assert abs(found.value - slope) <= found.doubt <= 1e-9
    assert complex_slope(f, x, v) == pytest.approx(slope, rel=1e-14)


def test_noise_is_measured():
    rng = np.random.default_rng(0)
    values = np.linspace(0, 1, 7) ** 2 + 1e-6 * rng.normal(size=7)
    assert 1e-7 < noise_of(values) < 1e-5
    rough = Line(lambda x: float(np.float32(np.sin(x))), np.array(0.7), np.array(1.0))
    assert 1e-9 < rough.noise < 1e-6


def test_the_draws_of_dropout_are_those_of_the_next_step():
    model = compiled(L.Dense(50), L.Dropout(0.5), L.Dense(1))
    subject = of_model(model, np.ones((2, 4)), np.ones((2, 1)), None, False)
    values = {subject.value([p.copy() for p in subject.point]) for _ in range(3)}
    assert len(values) == 1
    assert check_gradients(model, np.ones((2, 4)), np.ones((2, 1))).ok
