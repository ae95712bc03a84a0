"""The derivation: what it says, in which words, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet as gn


def network(loss: object = "mse", last: str | None = None, optimizer: object = "sgd"):
    gn.utils.set_random_seed(1)
    model = gn.Sequential(
        [gn.Input((2,)), gn.layers.Dense(3, "tanh"), gn.layers.Dense(2, last)], name="small"
    )
    model.compile(optimizer, loss)
    return model


def lines(notation: str, **kwargs: object) -> dict[str, str]:
    derivation = network(**kwargs).derive(notation=notation)
    return {s.name: derivation.unicode(s.name) for s in derivation if s.phase != "update"}


def test_the_textbook_in_keras_notation() -> None:
    said = lines("keras", loss="categorical_crossentropy", last="softmax")
    # Written down by hand, from the derivation every course has.
    assert said["Z1"] == "Z[1] = X W[1] + b[1]"
    assert said["A1"] == "A[1] = tanh(Z[1])"
    assert said["A2"] == "A[2] = softmax(Z[2])"
    assert said["J"] == "J = 1/m · Σᵢ₌₁ᵐ ℒᵢ"
    assert said["dZ2"] == "dZ[2] = 1/m · (A[2] − Y)"
    assert said["dW2"] == "dW[2] = A[1]ᵀ dZ[2]"
    assert said["dA1"] == "dA[1] = dZ[2] W[2]ᵀ"
    assert said["dZ1"] == "dZ[1] = dA[1] ⊙ (1 − (A[1])²)"
    assert said["dW1"] == "dW[1] = Xᵀ dZ[1]"


def test_the_textbook_in_the_courses_notation() -> None:
    said = lines("course", loss="categorical_crossentropy", last="softmax")
    assert said["Z1"] == "Z[1] = W[1] X + b[1]"
    assert said["dZ2"] == "dZ[2] = A[2] − Y"
    assert said["dW2"] == "dW[2] = 1/m · dZ[2] A[1]ᵀ"
    assert said["dA1"] == "dA[1] = W[2]ᵀ dZ[2]"
    assert said["dW1"] == "dW[1] = 1/m · dZ[1] Xᵀ"


def test_the_textbook_in_pytorchs_notation() -> None:
    said = lines("torch")
    assert said["Z1"] == "Z[1] = X W[1]ᵀ + b[1]"
    assert said["dW2"] == "dW[2] = dZ[2]ᵀ A[1]"
    assert said["dA1"] == "dA[1] = dZ[2] W[2]"


def test_spaces_are_told_in_the_notation() -> None:
    model = network()
    spaces = {n: model.derive(notation=n).step("Z1").space for n in ("keras", "course", "torch")}
    assert spaces["keras"] == spaces["torch"] == r"\mathbb{R}^{m \times 3}"
    assert spaces["course"] == r"\mathbb{R}^{3 \times m}"
    assert model.derive(notation="torch").step("dW2").space == r"\mathbb{R}^{2 \times 3}"


def test_logits_get_class_numbers_as_rows() -> None:
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    said = lines("keras", loss=loss)
    assert said["dZ2"] == "dZ[2] = 1/m · (softmax(Z[2]) − Y)"


def test_targets_that_are_no_distribution_get_the_general_form() -> None:
    model = network(loss="categorical_crossentropy", last="softmax")
    x, y = np.ones((3, 2)), np.full((3, 2), 0.3)
    assert "Σ" in model.derive(x, y).unicode("dZ2")
    assert "Σ" not in model.derive(x, np.eye(2)[[0, 1, 1]]).unicode("dZ2")


def test_every_equation_of_the_backward_pass_has_its_rule() -> None:
    for step in network().derive():
        if step.phase == "backward":
            assert len(step.rule) > 20, step.name


def test_the_update_is_said_once_for_all_weights() -> None:
    text = " ".join(network(optimizer="adam").derive().text().split())
    assert text.count("θ ← θ − α") == 1
    assert "For each weight θ of W[1], b[1], W[2] and b[2]" in text


def test_a_wrong_rule_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    from glassnet.ops.functions import Tanh

    before = lines("keras")["dZ1"]
    monkeypatch.setattr(Tanh, "vjp", lambda self, g, y, x: (g * (1 - y),))
    assert lines("keras")["dZ1"] == "dZ[1] = dA[1] ⊙ (1 − A[1])" != before


def test_reading_changes_nothing() -> None:
    model = network(optimizer="adam")
    x, y = np.ones((4, 2), "float32"), np.zeros((4, 2), "float32")
    before = [w.copy() for w in model.get_weights()]
    model.derive(x, y).text()
    assert not model.optimizer.built
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_the_switch_is_the_default() -> None:
    model = network()
    gn.config.set_notation("course")
    try:
        assert model.derive().notation.name == "course"
    finally:
        gn.config.set_notation("keras")


def test_files_in_every_format(tmp_path) -> None:
    derivation = network().derive()
    for ending in ("html", "tex", "md", "txt"):
        path = tmp_path / f"page.{ending}"
        derivation.save(path)
        assert "Backpropagation through small" in path.read_text(encoding="utf-8")


def test_notebooks_show_derivation_model_and_tensor() -> None:
    model = network()
    assert "<math" in model.derive()._repr_html_()
    assert "<math" in model._repr_html_()
    assert "(m, 3)" in model._repr_html_()
    assert "0.5" in gn.Variable([[0.5, 1.0]])._repr_html_()


# --- what can't be ----------------------------------------------------------------------------
def test_unbuilt() -> None:
    model = gn.Sequential([gn.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"not built.*Input\(shape=…\)"):
        model.derive()


def test_uncompiled() -> None:
    with pytest.raises(ValueError, match=r"compile\(optimizer=…, loss=…\)"):
        gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)]).derive()


def test_unknown_notation_and_level() -> None:
    with pytest.raises(ValueError, match=r"notation.*'keras'"):
        network().derive(notation="cours")
    with pytest.raises(ValueError, match="level"):
        network().derive(level="tensor")


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (np.ones((4, 3)), np.ones((4, 2)), r"expected \(m, 2\); got \(m, 3\)"),
        (np.ones((4, 2)), np.ones((3, 2)), "equally many"),
        (np.ones((4, 2)), np.ones((4, 5)), r"\(4, 5\)|\(m, 5\)"),
        (np.ones((4, 2)), None, "without targets"),
        (None, np.ones((4, 2)), "without x"),
        (np.ones((0, 2)), np.ones((0, 2)), "empty"),
        ([[1, 2]], [[1, 2]], r"write np\.array"),
    ],
)
def test_batches_that_do_not_fit(x, y, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        network().derive(x, y)


def test_unknown_quantities() -> None:
    derivation = network().derive()
    with pytest.raises(KeyError, match="dW2"):
        derivation.step("dw2")
    with pytest.raises(ValueError, match=r"without a batch.*derive\(x, y\)"):
        derivation["dW2"]


class Affine(gn.layers.NumpyLayer):
    """The brick of the README."""

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[-1], 2), name="W")
        self.b = self.add_weight((2,), "zeros", name="b")

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dY):
        self.dW, self.db = self.X.T @ dY, dY.sum(axis=0)
        return dY @ self.W.T


def test_a_weight_called_b_is_b() -> None:
    model = gn.Sequential([gn.Input((3,)), Affine()])
    model.compile("sgd", "mse")
    x, y = np.eye(4, 3), np.ones((4, 2))
    derivation = model.derive(x, y)
    slope = 2 / 8 * (x @ np.asarray(model.weights[0].value, float) - y)
    np.testing.assert_allclose(derivation["dW1"], x.T @ slope, rtol=1e-6)
    np.testing.assert_allclose(np.ravel(derivation["db1"]), slope.sum(axis=0), rtol=1e-6)
    assert set(gn.explain.convert_weights(model, "course")) == {"W1", "b1"}


class Weighing(gn.Model):
    """A model with ops of its own between and after its layers."""

    def __init__(self):
        super().__init__()
        self.first, self.second = gn.layers.Dense(3), gn.layers.Dense(2)

    def call(self, x):
        h = np.tanh(self.first(x))
        return self.second(h * h) * np.exp(h[:, :1])


def test_a_models_own_ops_belong_to_the_layer_before_them() -> None:
    model = Weighing()
    model.compile("sgd", "mse")
    model(np.ones((2, 2)))
    derivation = model.derive()
    text = str(derivation)
    assert "Layer 0" not in text
    assert "A[0]" not in text
    lines = text.split("Backward pass")[1].splitlines()
    layers = [line for line in lines if line in ("The loss", "Layer 2", "Layer 1")]
    assert layers == ["The loss", "Layer 2", "Layer 1"]


def two_heads():
    gn.utils.set_random_seed(1)
    x, z = gn.Input((3,), name="left $"), gn.Input((3,), name="right")
    h = gn.layers.Dense(4, "tanh")(gn.layers.Add()([x, z]))
    kind, size = gn.layers.Dense(3, "softmax", name="kind")(h), gn.layers.Dense(1, name="size")(h)
    model = gn.Model([x, z], [kind, size], name="a $\\alfa$ `two`")
    model.compile("sgd", ["categorical_crossentropy", "huber"], loss_weights=[0.5, 2.0])
    return model


def test_several_losses() -> None:
    model = two_heads()
    x = [np.ones((3, 3)), np.eye(3)]
    derivation = model.derive(x, [np.eye(3), np.full((3, 1), 7.0)])  # one target sums to 1
    said = {s.name: s for s in derivation if s.phase == "backward"}
    assert derivation.unicode("dZ2") == "dZ[2] = 1/(2 m) · (A[2] − Y₁)"
    for rule in ("A choice receives", "Power rule", r"Chain rule through $\left| x \right|$"):
        assert rule in said["dZ3"].rule
    text = str(derivation)
    assert "ℒ₁ and ℒ₂ are the losses of each example" in text
    assert text.split("Backward pass")[1].count("\nThe loss\n") == 1


def test_names_with_signs_of_the_grammar_are_words(tmp_path) -> None:
    derivation = two_heads().derive()
    assert r"a $\alfa$ `two`" in str(derivation)
    for ending in ("tex", "html", "md", "txt"):
        derivation.save(tmp_path / f"heads.{ending}")
    assert r"\alfa" not in (tmp_path / "heads.tex").read_text(encoding="utf-8")


def test_a_term_stands_right_before_its_first_use() -> None:
    model = gn.Sequential(
        [gn.Input((4, 4, 2)), gn.layers.Conv2D(2, 2), gn.layers.GroupNormalization(1),
         gn.layers.GlobalMaxPooling2D(), gn.layers.Dense(2)]
    )  # fmt: skip
    model.compile("sgd", "mse")
    found = [(s.name, s.layer) for s in model.derive() if s.phase == "backward"]
    numbers = [layer for _, layer in found if layer is not None]
    assert numbers == sorted(numbers, reverse=True)
    assert found[0][0] == "dL"
