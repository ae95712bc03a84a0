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
