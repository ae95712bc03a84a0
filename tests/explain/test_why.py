"""The chain from the cost to a weight, and what each example contributes to its derivative."""

import numpy as np
import pytest

import glassnet as gn
from glassnet import layers, losses, regularizers

X = np.array([[1.0, 0.5], [-0.5, 2.0], [0.25, -1.0]])
Y = np.array([[1.0], [0.0], [1.0]])
W1 = np.array([[0.5, -0.25], [0.75, 1.0]])
B1 = np.array([0.125, -0.5])
W2 = np.array([[1.5], [-0.75]])
B2 = np.array([0.25])
NOTATIONS = ("keras", "course", "torch")


def sigma(z):
    return 1 / (1 + np.exp(-z))


def small_model(loss="binary_crossentropy", **dense):
    model = gn.Sequential(
        [layers.Input((2,)), layers.Dense(2, "sigmoid", **dense), layers.Dense(1, "sigmoid")]
    )
    model.compile("sgd", loss)
    model.set_weights([W1, B1, W2, B2])
    return model


def one_example(i):
    """Backpropagation for one example alone: its loss, and its share of each derivative."""
    x, y = X[i : i + 1], Y[i : i + 1]
    a1 = sigma(x @ W1 + B1)
    a2 = sigma(a1 @ W2 + B2)
    loss = float((-y * np.log(a2) - (1 - y) * np.log(1 - a2))[0, 0])
    dz2 = (a2 - y) / 3
    dz1 = dz2 @ W2.T * a1 * (1 - a1)
    return loss, {"W1": x.T @ dz1, "b1": dz1, "W2": a1.T @ dz2, "b2": dz2}


def as_shown(value, name, notation):
    turned = notation == "course" or (notation == "torch" and name[0] == "W")
    return value.T if turned else value


# --- the chain --------------------------------------------------------------------------------
def test_the_chain_has_what_lies_between_and_nothing_else():
    model = gn.Sequential(
        [
            layers.Input((2,)),
            layers.Dense(4, "tanh"),
            layers.Dense(3, "tanh"),
            layers.Dense(3),
        ]
    )
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    d = model.derive()
    assert [s.name for s in d.why("W2").steps] == ["J", "L", "dZ3", "dA2", "dZ2", "dW2"]
    assert [s.name for s in d.why("dW2").steps] == ["J", "L", "dZ3", "dA2", "dZ2", "dW2"]
    assert [s.name for s in d.why("b3").steps] == ["J", "L", "dZ3", "db3"]
    longest = [s.name for s in d.why("W1").steps]
    assert longest == ["J", "L", "dZ3", "dA2", "dZ2", "dA1", "dZ1", "dW1"]
    assert d.why("W2").steps[-1] is d.step("dW2")


def test_each_step_uses_only_steps_before_it_and_leaves_of_the_forward_pass():
    a, b = layers.Input((3,)), layers.Input((3,))
    shared = layers.Dense(4, "tanh")
    h, k = shared(a), shared(b)
    first = layers.Dense(1)(layers.Concatenate()([h, k]))
    second = layers.Dense(3, "softmax")(layers.Add()([h, k]))
    model = gn.Model([a, b], [first, second])
    model.compile("sgd", loss=["mse", "categorical_crossentropy"])
    d = model.derive()
    steps = d.why("W1").steps
    forward = {s.name for s in d.steps if s.phase in ("forward", "cost")}
    known = {"W1", "b1", "W2", "b2", "W3", "b3", "X_a", "X_b", "Y_a", "Y_b"}
    done = set()
    for step in steps:
        if step.phase == "backward":
            for part in step.equation.term.walk():
                if hasattr(part, "name"):
                    assert str(part.name) in forward | known | done
        done.add(step.name)
    assert steps[0].name == "J"
    assert sum(s.name[0] == "L" for s in steps) == 2
    assert steps[-1].name == "dW1"


def test_the_text_tells_rules_and_numbers():
    d = small_model().derive(X, Y)
    text = " ".join(str(d.why("W1")).split())
    assert "J → ℒ → dZ[2] → dA[1] → dZ[1] → dW[1]" in text
    assert "Chain rule through σ" in text
    assert "relative error" in text
    assert repr(d.why("W1")) == "<Chain to W1: J → L → dZ2 → dA1 → dZ1 → dW1>"
    page = d.why("W1")._repr_html_()
    assert "<math" in page
    assert "relative error" in page
    assert "relative error" not in str(small_model().derive().why("W1"))


def test_one_weight_without_a_batch_in_words():
    text = " ".join(str(small_model().derive().why("W1", index=(0, 1))).split())
    assert "W1[0, 1] reaches the cost J by way of Z[1], A[1], Z[2] and ℒ" in text
    assert "the sum over the examples i of X[i, 0] * dZ1[i, 1]" in text
    course = " ".join(str(small_model().derive(notation="course").why("W1", index=(0, 1))).split())
    assert "1/m times the sum over the examples i of dZ1[0, i] * X[1, i]" in course


# --- contributions ----------------------------------------------------------------------------
@pytest.mark.parametrize("notation", NOTATIONS)
def test_contributions_are_those_of_backpropagation_for_each_example(notation):
    d = small_model().derive(X, Y, notation=notation)
    for name in ("W1", "b1", "W2", "b2"):
        for index in np.ndindex(d[name].shape):
            found = d.why(name, index=index).contributions
            alone = [as_shown(one_example(i)[1][name], name, notation)[index] for i in range(3)]
            np.testing.assert_allclose(found.values, alone, rtol=1e-12, atol=1e-17)
            np.testing.assert_allclose(found.losses, [one_example(i)[0] for i in range(3)])
            assert found.values.sum() == pytest.approx(float(d[f"d{name}"][index]), rel=1e-12)
            assert found.regularisation == found.shared == 0


def test_the_strongest_come_first():
    found = small_model().derive(X, Y).why("W1", index=(0, 0)).contributions
    values = [one_example(i)[1]["W1"][0, 0] for i in range(3)]
    order = sorted(range(3), key=lambda i: -abs(values[i]))
    strongest = found.strongest(2)
    assert [c.example for c in strongest] == order[:2]
    for c in strongest:
        assert c.direction == ("down" if values[c.example] > 0 else "up")
        assert f"example {c.example} pushes W1[0, 0] {c.direction} by {abs(c.value):.4g}" in str(c)
        assert f"its loss is {one_example(c.example)[0]:.4g}" in str(c)
    assert len(found) == 3
    assert sum(c.value for c in found) == pytest.approx(found.gradient, rel=1e-12)
    assert "the other 1" not in str(found)
    text = " ".join(str(small_model().derive(X, Y).why("W1", index=(0, 0))).split())
    assert str(strongest[0])[1:] in text


def test_examples_that_meet_in_batch_normalisation():
    """A contribution is the slope of the example's own loss, by all ways from the weight to it."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 2)), rng.normal(size=(5, 1))
    w1, w2 = rng.normal(size=(2, 3)), rng.normal(size=(3, 1))
    model = gn.Sequential(
        [layers.Input((2,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    model.layers[0].kernel.assign(w1)
    model.layers[2].kernel.assign(w2)
    d = model.derive(x, y)

    def own_losses(kernel):
        z = d["X"] @ kernel
        z = (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-3)
        return ((z @ d["W3"] - d["Y"]) ** 2)[:, 0]

    for index in ((0, 0), (1, 2)):
        moved = np.zeros((2, 3))
        moved[index] = 1e-5
        slopes = (own_losses(d["W1"] + moved) - own_losses(d["W1"] - moved)) / 2e-5 / 5
        found = d.why("W1", index=index).contributions
        np.testing.assert_allclose(found.values, slopes, rtol=1e-6, atol=1e-9)
        assert found.values.sum() == pytest.approx(float(d["dW1"][index]), rel=1e-11)
        np.testing.assert_allclose(found.losses, own_losses(d["W1"]), rtol=1e-9)


def test_a_penalty_is_an_item_of_its_own():
    model = small_model(kernel_regularizer=regularizers.L2(0.25))
    for notation in NOTATIONS:
        d = model.derive(X, Y, notation=notation)
        index = (1, 0)
        found = d.why("W1", index=index).contributions
        penalty = 2 * 0.25 * as_shown(W1, "W1", notation)[index]
        assert found.regularisation == pytest.approx(penalty, rel=1e-12)
        assert found.values.sum() + penalty == pytest.approx(float(d["dW1"][index]), rel=1e-12)
        assert f"regularisation: {penalty:.4g}" in str(found)
        assert "regularisation" in str(d.why("W1", index=index))
        assert d.why("W2", index=(0, 0)).contributions.regularisation == 0


def test_losses_that_are_summed_and_activity_penalties():
    model = small_model(losses.BinaryCrossentropy(reduction="sum"), activity_regularizer="l2")
    d = model.derive(X, Y)
    found = d.why("W1", index=(0, 0)).contributions
    np.testing.assert_allclose(found.losses, [one_example(i)[0] for i in range(3)], rtol=1e-12)
    a1 = sigma(X @ W1 + B1)[:, 0]
    activity = 0.01 * 2 * a1 * a1 * (1 - a1) * X[:, 0] / 3
    alone = np.array([3 * one_example(i)[1]["W1"][0, 0] for i in range(3)]) + activity
    np.testing.assert_allclose(found.values, alone, rtol=1e-7)
    assert found.values.sum() == pytest.approx(float(d["dW1"][0, 0]), rel=1e-12)


def test_several_outputs_and_a_shared_layer():
    rng = np.random.default_rng(1)
    a, b = layers.Input((3,)), layers.Input((3,))
    shared = layers.Dense(4, "tanh")
    h, k = shared(a), shared(b)
    first = layers.Dense(1)(layers.Concatenate()([h, k]))
    second = layers.Dense(3, "softmax")(layers.Add()([h, k]))
    model = gn.Model([a, b], [first, second])
    model.compile("sgd", loss=["mse", "categorical_crossentropy"], loss_weights=[2.0, 0.5])
    x = [rng.normal(size=(6, 3)), rng.normal(size=(6, 3))]
    y = [rng.normal(size=(6, 1)), np.eye(3)[rng.integers(0, 3, 6)]]
    whole = model.derive(x, y)
    found = whole.why("W1", index=(2, 3)).contributions
    assert found.values.sum() == pytest.approx(float(whole["dW1"][2, 3]), rel=1e-12)
    assert found.losses.mean() == pytest.approx(float(whole["J"]), rel=1e-12)
    for i in range(6):  # nothing mixes examples: each alone is a batch of one
        alone = model.derive([v[i : i + 1] for v in x], [v[i : i + 1] for v in y])
        assert found[i].value == pytest.approx(float(alone["dW1"][2, 3]) / 6, rel=1e-10)
        assert found[i].loss == pytest.approx(float(alone["J"]), rel=1e-10)


def test_a_loss_for_each_step_of_a_sequence():
    rng = np.random.default_rng(2)
    model = gn.Sequential(
        [layers.Input((4,), dtype="int32"), layers.Embedding(7, 3), layers.Dense(3)]
    )
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = rng.integers(0, 7, (5, 4)), rng.integers(0, 3, (5, 4))
    d = model.derive(x, y)
    found = d.why("W2", index=(0, 1)).contributions
    assert len(found) == 5
    assert found.values.sum() == pytest.approx(float(d["dW2"][0, 1]), rel=1e-12)
    logits = d["E1"][x] @ d["W2"] + d["b2"]
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    slope = (p - np.eye(3)[y])[..., 1] * d["E1"][x][..., 0] / 20
    np.testing.assert_allclose(found.values, slope.sum(1), rtol=1e-10, atol=1e-16)


def test_a_weight_that_no_example_pushes():
    model = gn.Sequential([layers.Input((2,)), layers.Dense(2, "relu"), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.set_weights([W1, np.array([-100.0, 0.0]), W2, B2])
    chain = model.derive(X, Y).why("W1", index=(0, 0))
    assert not chain.contributions.values.any()
    assert "no example contributes" in " ".join(str(chain).split())
    assert chain.strongest(1)[0].direction == "nowhere"


# --- mistakes ---------------------------------------------------------------------------------
def test_what_is_no_weight_is_an_error():
    model = small_model()
    model.layers[0].trainable = False
    model.compile("sgd", "binary_crossentropy")
    d = model.derive()
    with pytest.raises(KeyError, match=r"Did you mean 'W2'.*Its weights are W2, b2"):
        d.why("W22")
    with pytest.raises(KeyError, match="Z2 is no weight"):
        d.why("Z2")
    with pytest.raises(KeyError, match="W1 is a weight that is not trained"):
        d.why("W1")
    with pytest.raises(TypeError, match="expected the name of a weight"):
        d.why(2)


def test_an_index_that_is_none_is_an_error():
    d = small_model().derive(X, Y, notation="course")
    with pytest.raises(IndexError, match=r"lies outside of W2, which has the shape \(1, 2\)"):
        d.why("W2", index=(1, 0))
    with pytest.raises(IndexError, match="its index has 2 numbers"):
        d.why("W1", index=(0, 0, 0))
    with pytest.raises(TypeError, match="made of integers"):
        d.why("W1", index=(0.5, 0))
    assert d.why("b1", index=1).index == (1, 0)
    assert d.why("W1", index=(-1, 0)).index == (1, 0)


def test_contributions_need_a_batch_and_an_index():
    with pytest.raises(ValueError, match=r"Write model\.derive\(x, y\)"):
        _ = small_model().derive().why("W1", index=(0, 0)).contributions
    with pytest.raises(ValueError, match=r"index=\(0, 0\)"):
        _ = small_model().derive(X, Y).why("W1").contributions


def test_a_brick_with_its_own_backward_keeps_its_chain():
    class Own(gn.layers.NumpyLayer):
        def build(self, input_shape):
            self.W = self.add_weight((input_shape[-1], 2), name="W")

        def forward(self, X):
            self.X = X
            return X @ self.W

        def backward(self, dY):
            self.dW = self.X.T @ dY
            return dY @ self.W.T

    model = gn.Sequential([gn.Input((3,)), Own(), gn.layers.Dense(1)])
    model.compile("sgd", "mse")
    told = str(model.derive(np.ones((4, 3)), np.zeros((4, 1))).why("W1", index=(0, 1)))
    assert "W1[0, 1]" in told
    assert "What each example contributes is not known" in told
