"""The numbers of a derivation: values by hand, difference quotients, what is shown of them."""

import numpy as np
import pytest

import glassnet as gn
from glassnet import layers, losses, ops
from glassnet.explain.abbreviation import abbreviated
from glassnet.ops.functions import Sigmoid

# A 2-2-1 network with numbers that float32 holds exactly.
X = np.array([[1.0, 0.5], [-0.5, 2.0], [0.25, -1.0]])
Y = np.array([[1.0], [0.0], [1.0]])
W1 = np.array([[0.5, -0.25], [0.75, 1.0]])
B1 = np.array([0.125, -0.5])
W2 = np.array([[1.5], [-0.75]])
B2 = np.array([0.25])
RATE = 0.5


def sigma(z):
    return 1 / (1 + np.exp(-z))


def cost(w1, b1, w2, b2):
    a2 = sigma(sigma(X @ w1 + b1) @ w2 + b2)
    return float(np.mean(-Y * np.log(a2) - (1 - Y) * np.log(1 - a2)))


def small_model(optimizer=None):
    model = gn.Sequential(
        [layers.Input((2,)), layers.Dense(2, "sigmoid"), layers.Dense(1, "sigmoid")]
    )
    model.compile(optimizer or gn.optimizers.SGD(RATE), "binary_crossentropy")
    model.set_weights([W1, B1, W2, B2])
    return model


def by_hand():
    """Backpropagation through the network, line by line, examples in rows."""
    m = 3
    found = {"X": X, "Y": Y, "W1": W1, "b1": B1[None], "W2": W2, "b2": B2[None]}
    found["Z1"] = X @ W1 + B1
    found["A1"] = sigma(found["Z1"])
    found["Z2"] = found["A1"] @ W2 + B2
    found["A2"] = a2 = sigma(found["Z2"])
    found["L"] = -Y * np.log(a2) - (1 - Y) * np.log(1 - a2)
    found["J"] = np.array(found["L"].sum() / m)
    found["dL"] = np.full((3, 1), 1 / m)
    found["dZ2"] = (a2 - Y) / m
    found["dW2"] = found["A1"].T @ found["dZ2"]
    found["db2"] = found["dZ2"].sum(0, keepdims=True)
    found["dA1"] = found["dZ2"] @ W2.T
    found["dZ1"] = found["dA1"] * found["A1"] * (1 - found["A1"])
    found["dW1"] = X.T @ found["dZ1"]
    found["db1"] = found["dZ1"].sum(0, keepdims=True)
    for name in ("W1", "b1", "W2", "b2"):
        found[f"{name}_new"] = found[name] - RATE * found[f"d{name}"]
    return found


def in_notation(name, value, notation):
    per_example = ("dL", "dZ2", "dA1", "dZ1")
    if notation == "course":
        value = 3 * value if name in per_example else value
        return value.T
    return value.T if notation == "torch" and name.lstrip("d")[0] == "W" else value


@pytest.mark.parametrize("notation", ["keras", "course", "torch"])
def test_values_are_those_of_backpropagation_by_hand(notation):
    d = small_model().derive(X, Y, notation=notation)
    for name, value in by_hand().items():
        expected = in_notation(name, value, notation)
        assert d[name].shape == expected.shape, name
        assert d[name].dtype == np.float64, name
        np.testing.assert_allclose(d[name], expected, rtol=1e-13, atol=1e-16, err_msg=name)


def test_every_equation_has_a_value_of_its_shape():
    for notation in ("keras", "course", "torch"):
        d = small_model().derive(X, Y, notation=notation)
        for step in d.steps:
            shape = tuple(3 if not isinstance(s, int) else s for s in step.equation.quantity.shape)
            assert d[step.name].shape == shape


def test_a_name_without_a_value_is_an_error_that_names_a_near_one():
    d = small_model().derive(X, Y)
    with pytest.raises(KeyError, match="Did you mean 'dW2'"):
        d["dW22"]
    with pytest.raises(ValueError, match=r"Write model\.derive\(x, y\)"):
        small_model().derive()["W1"]
    with pytest.raises(ValueError, match=r"Write model\.derive\(x, y\)"):
        _ = small_model().derive().checks


def test_values_are_those_of_the_moment_of_the_derivation():
    model = small_model()
    d = model.derive(X, Y)
    model.fit(X, Y, epochs=3, verbose=0)
    np.testing.assert_array_equal(d["W1"], W1)
    assert abs(float(d["J"]) - cost(W1, B1, W2, B2)) < 1e-14
    assert not np.allclose(model.derive(X, Y)["W1"], W1)


def test_new_weights_are_those_that_training_gives():
    model = small_model(gn.optimizers.Adam(0.01))
    for _ in range(3):
        d = model.derive(X, Y)
        model.train_on_batch(X, Y)
        w1, _, _, b2 = model.get_weights()
        np.testing.assert_allclose(d["W1_new"], w1, rtol=1e-5)
        np.testing.assert_allclose(d["b2_new"][0], b2, rtol=1e-5)
        assert int(d["t_new"]) == int(d["t"]) + 1


def test_random_masks_are_those_of_the_next_step():
    model = gn.Sequential(
        [layers.Input((2,)), layers.Dense(16, "tanh"), layers.Dropout(0.5, seed=3), layers.Dense(1)]
    )
    model.compile(gn.optimizers.SGD(0.0), "mse")
    costs = []
    for _ in range(3):
        costs.append(float(model.derive(X, Y)["J"]))
        assert model.fit(X, Y, shuffle=False, verbose=0).history["loss"][0] == pytest.approx(
            costs[-1], rel=1e-5
        )
    assert len(set(costs)) == 3


# --- difference quotients ---------------------------------------------------------------------
def test_quotients_are_those_of_the_cost():
    d = small_model().derive(X, Y)
    weights = {"W1": W1, "b1": B1, "W2": W2, "b2": B2}
    for name in weights:
        place = np.unravel_index(np.abs(d[f"d{name}"]).argmax(), weights[name].shape)
        sides = []
        for h in (1e-5, -1e-5):
            moved = {k: v.copy() for k, v in weights.items()}
            moved[name][place] += h
            sides.append(cost(*moved.values()))
        quotient = (sides[0] - sides[1]) / 2e-5
        assert d.checks[f"d{name}"].quotient == pytest.approx(quotient, rel=1e-7)


@pytest.mark.parametrize("notation", ["keras", "course", "torch"])
def test_every_derivative_is_checked(notation):
    d = small_model().derive(X, Y, notation=notation)
    assert set(d.checks) == {s.name for s in d.steps if s.phase == "backward"}
    for quotient, derivative, error in d.checks.values():
        assert quotient == pytest.approx(derivative, rel=1e-8)
        assert error < 1e-8


def test_the_course_takes_derivatives_of_the_examples_own_loss():
    model = small_model()
    keras, course = model.derive(X, Y).checks, model.derive(X, Y, notation="course").checks
    assert course["dZ2"].quotient == pytest.approx(3 * keras["dZ2"].quotient, rel=1e-8)
    assert course["dW2"].quotient == pytest.approx(keras["dW2"].quotient, rel=1e-8)


def test_a_wrong_rule_is_told(monkeypatch):
    right = Sigmoid.vjp
    sound = small_model().derive(X, Y)
    assert "DISAGREE" not in str(sound)
    assert "Every derivative agrees with its difference quotient" in " ".join(str(sound).split())
    monkeypatch.setattr(
        Sigmoid, "vjp", lambda self, g, y, x: tuple(1.01 * p for p in right(self, g, y, x))
    )
    wrong = small_model().derive(X, Y)
    assert wrong.checks["dW1"].error == pytest.approx(0.01, rel=0.05)
    assert wrong.checks["dW2"].error < 1e-8, "it lies before the wrong rule"
    assert "DISAGREE" in wrong.findings["dZ1"].text
    text = " ".join(str(wrong).split())
    assert "dZ1, db1 and dW1 do NOT agree with their difference quotients" in text
    assert "Every other derivative agrees" in text


@pytest.mark.parametrize("notation", ["keras", "course"])
def test_a_wrong_factor_for_one_unit_is_told(monkeypatch, notation):
    right = Sigmoid.vjp
    factors = np.array([1, 1.001], np.float32)
    monkeypatch.setattr(
        Sigmoid, "vjp", lambda self, g, y, x: tuple(factors * p for p in right(self, g, y, x))
    )
    model = gn.Sequential([layers.Input((2,)), layers.Dense(2, "sigmoid"), layers.Dense(1)])
    model.compile("sgd", "mse")
    d = model.derive(X, Y, notation=notation)
    assert d.findings["dZ1"].verdict == "differs"


def test_a_kink_is_no_alarm():
    """relu at exactly 0: black pixels and a bias of 0."""
    x = np.zeros((4, 6, 6, 1))
    x[:, 4:] = np.random.default_rng(0).random((4, 2, 6, 1))
    model = gn.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(2, 3, activation="relu", kernel_initializer="ones"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(1, kernel_initializer="ones"),
        ]
    )
    model.compile("sgd", "mse")
    d = model.derive(x, np.ones((4, 1)))
    assert d.findings["db1"].verdict == "kink"
    assert "the cost has a kink" in d.findings["db1"].text
    assert {f.verdict for f in d.findings.values()} <= {"agrees", "kink"}


def test_a_wrong_rule_is_told_at_a_kink_too(monkeypatch):
    from glassnet.ops.convolution import Convolution

    right = Convolution.vjp

    def wrong(self, g, y, *inputs):
        first, *rest = right(self, g, y, *inputs)
        return (first, *(1.001 * r for r in rest))

    monkeypatch.setattr(Convolution, "vjp", wrong)
    model = gn.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(2, 3, activation="relu", kernel_initializer="ones"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(1, kernel_initializer="ones"),
        ]
    )
    model.compile("sgd", "mse")
    x = np.zeros((4, 6, 6, 1))
    x[:, 4:] = np.random.default_rng(0).random((4, 2, 6, 1))
    assert model.derive(x, np.ones((4, 1))).findings["dW1"].verdict == "differs"


def test_a_derivative_of_zero_is_no_alarm():
    """A bias before a batch normalisation has no effect; rounding gives it a tiny derivative."""
    model = gn.Sequential(
        [layers.Input((2,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    found = []
    for seed in range(6):
        model.layers[0].kernel.assign(np.random.default_rng(seed).normal(size=(2, 3)))
        found.append(model.derive(X, Y).findings["db1"])
    assert {f.verdict for f in found} <= {"silent", "agrees"}
    silent = [f for f in found if f.verdict == "silent"]
    assert silent
    assert all("too small" in f.text for f in silent)


def test_a_cost_that_is_not_finite_is_told():
    model = small_model("sgd")
    model.layers[0].kernel.assign(np.full((2, 2), np.inf))
    d = model.derive(X, Y)
    assert "not finite" in d.findings["dW1"].text
    assert "not finite" in str(d)


def test_what_is_taken_out_of_the_derivative_is_no_alarm():
    model = gn.Sequential(
        [
            layers.Input((2,)),
            layers.Dense(2, "tanh"),
            layers.Lambda(lambda a: a * ops.stop_gradient(a) + ops.round(a)),
            layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    assert {f.verdict for f in model.derive(X, Y).findings.values()} == {"agrees"}


def test_float32_and_float64_models_have_the_same_numbers():
    narrow = small_model().derive(X, Y)
    gn.config.set_floatx("float64")
    try:
        wide = small_model().derive(X, Y)
    finally:
        gn.config.set_floatx("float32")
    assert wide.recorded.cost.dtype == np.float64
    assert narrow.recorded.cost.dtype == np.float32
    for name in by_hand():
        np.testing.assert_allclose(narrow[name], wide[name], rtol=1e-14, atol=1e-17)


def test_many_weights_are_checked_along_a_direction():
    rng = np.random.default_rng(0)
    model = gn.Sequential([layers.Input((60,)), layers.Dense(5, "tanh"), layers.Dense(2)])
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    d = model.derive(rng.random((8, 60)), rng.integers(0, 2, 8))
    assert "along a random direction" in d.findings["dW1"].text
    assert "over all 10 entries" in d.findings["dW2"].text
    assert all(c.error < 1e-7 for c in d.checks.values())


# --- what is shown ----------------------------------------------------------------------------
def test_small_matrices_are_shown_whole_and_in_line():
    assert abbreviated(np.array([[0.5, -1.25], [12.0, 1e-9]])) == (" 0.5  -1.25", "12     1e-9")
    assert abbreviated(np.array([[0.123456, -0.0]])) == ("0.1235  0",)
    assert abbreviated(np.array(2.0)) == ("2",)
    assert abbreviated(np.array([True, False])) == ("1  0",)


def test_of_large_matrices_the_corners_are_shown():
    lines = abbreviated(np.arange(70.0).reshape(10, 7))
    assert lines == (
        " 0   1   2  ...   5   6",
        " 7   8   9  ...  12  13",
        "14  15  16  ...  19  20",
        " :   :   :  ...   :   :",
        "56  57  58  ...  61  62",
        "63  64  65  ...  68  69",
    )


def test_of_images_the_first_example_is_shown():
    images = np.arange(2 * 3 * 2 * 2.0).reshape(2, 3, 2, 2)
    title, *lines = abbreviated(images, examples=True)
    assert "[0, :, :, 0]" in title
    assert lines == ["0   2", "4   6", "8  10"]
    assert "[:, :, 0, 0]" in abbreviated(images)[0]


def test_equations_stand_with_their_numbers():
    d = small_model().derive(X, Y, notation="course")
    block = next(b for b in d.document if getattr(b, "name", "") == "dW2")
    assert block.numbers == abbreviated(in_notation("dW2", by_hand()["dW2"], "course"))
    assert "ifference quotient" in block.check
    assert "relative error" in block.check
    plain = small_model().derive()
    assert all(not b.numbers and not b.check for b in plain.document if hasattr(b, "numbers"))
