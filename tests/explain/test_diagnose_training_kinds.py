"""First aid for networks and data of other kinds: branches, bricks by hand, standardised data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from benchmarks import doctor_training as trials

import glassnet as gn
from glassnet import layers as L
from glassnet.explain import diagnose_training
from glassnet.explain.doctor.training.bench import Bench
from glassnet.explain.doctor.training.case import Case
from glassnet.explain.doctor.training.data import commonest
from glassnet.explain.doctor.training.labels import nearest
from glassnet.explain.doctor.training.rate import look
from glassnet.models.data import Batch


@pytest.fixture(scope="module")
def digits() -> trials.Digits:
    return trials.digits(300)


class ByHand(L.NumpyLayer):
    """Tanh of a dense map, its backward by hand."""

    def build(self, shape: Any) -> None:
        self.W = self.add_weight((shape[-1], 16))

    def forward(self, X: Any) -> Any:
        self.X = X
        self.A = np.tanh(X @ self.W)
        return self.A

    def backward(self, dA: Any) -> Any:
        dZ = dA * (1 - self.A**2)
        self.dW = self.X.T @ dZ
        return dZ @ self.W.T


class InOps(L.Layer):
    """The same in ops."""

    def build(self, shape: Any) -> None:
        self.W = self.add_weight((shape[-1], 16))

    def call(self, inputs: Any) -> Any:
        return np.tanh(inputs @ self.W)


def test_a_backward_by_hand_is_looked_at_as_the_same_layer_in_ops_is(digits: trials.Digits) -> None:
    looks = []
    weights: list[np.ndarray] = []
    for layer in (ByHand(), InOps()):
        model = trials.network(layer, L.Dense(10, "softmax"))
        model.compile(gn.optimizers.SGD(0.5), trials.SPARSE)
        weights = weights or model.get_weights()
        model.set_weights(weights)
        case = Case(model, None, Batch(digits.flat, digits.y), None, 300, np.random.default_rng(0))
        looks.append(look(case, Bench(model, case.small, 300, None)))
    assert looks[0] is not None
    np.testing.assert_allclose(looks[0].rho, looks[1].rho, rtol=1e-4)


def test_a_network_with_a_brick_by_hand(digits: trials.Digits) -> None:
    gn.utils.set_random_seed(0)
    model = trials.network(ByHand(), L.Dense(10, "softmax"))
    assert trials.examined(model, digits.flat, digits.y, gn.optimizers.Adam(0.003)).ok
    gn.utils.set_random_seed(0)
    model = trials.network(ByHand(), L.Dense(10, "softmax"))
    report = trials.examined(model, digits.flat, digits.y, gn.optimizers.SGD(50.0))
    assert report.names[0] == "learning rate too high"


def test_a_loss_of_ones_own_has_no_best_constant_guess(digits: trials.Digits) -> None:
    own = lambda y, p: gn.losses.sparse_categorical_crossentropy(y, p)  # noqa: E731
    model = trials.mlp(width=16)
    assert trials.examined(model, digits.flat, digits.y, loss=own, epochs=12).ok


def test_branches_are_no_depth(digits: trials.Digits) -> None:
    gn.utils.set_random_seed(0)
    first, second = gn.Input((392,)), gn.Input((392,))
    parts = [L.Dense(8, "relu")(entry) for entry in (first, second)]
    model = gn.Model([first, second], L.Dense(10, "softmax")(L.Concatenate()(parts)))
    model.compile("adam", trials.SPARSE)
    x = [digits.flat[:, :392], 5000 * digits.flat[:, 392:]]
    report = diagnose_training(model, model.fit(x, digits.y, epochs=2, verbose=0))
    assert report.names[0] == "unscaled inputs"
    assert "exploding gradients" not in report.names


def test_several_outputs_are_each_an_end(digits: trials.Digits) -> None:
    gn.utils.set_random_seed(0)
    entry = gn.Input((784,))
    hidden = L.Dense(16, "relu")(entry)
    digit = L.Dense(10, "softmax", name="digit")(hidden)
    odd = L.Dense(1, "sigmoid", name="odd", kernel_initializer="zeros", bias_initializer=faint)(
        hidden
    )
    model = gn.Model(entry, [digit, odd])
    model.compile(gn.optimizers.SGD(0.01), [trials.SPARSE, "binary_crossentropy"])
    always = np.ones((300, 1), np.float32)  # that output gets no gradient to speak of
    report = diagnose_training(model, None, digits.flat, [digits.y, always])
    assert "exploding gradients" not in report.names, str(report)


def faint(shape: Any, dtype: Any = None) -> np.ndarray:
    return np.full(shape, 9.0, np.float32)


def test_gradients_that_had_vanished_at_the_start_held_the_run_back(digits: trials.Digits) -> None:
    gn.utils.set_random_seed(9)
    start = gn.initializers.RandomUniform(-0.02, 0.02)  # Adam makes the weights grow meanwhile
    hidden = [L.Dense(64, "tanh", kernel_initializer=start) for _ in range(5)]
    model = trials.network(*hidden, L.Dense(10, "softmax"))
    adam = gn.optimizers.Adam(1e-4)
    report = trials.examined(model, digits.flat, digits.y, adam, epochs=9)
    found = report["vanishing gradients"]
    assert found is report.findings[0]
    assert found.numbers["ratio"] > 1e-2


def test_a_class_of_three_in_eighty_is_rare(digits: trials.Digits) -> None:
    (x, y), _ = gn.datasets.iris.load_data()
    keep = (y != 2) | (np.cumsum(y == 2) <= 3)
    adam = gn.optimizers.Adam(0.01)
    model = trials.network(L.Dense(3, "softmax"), shape=(4,))
    report = trials.examined(model, x[keep], y[keep], adam, epochs=10)
    assert "classes out of balance" in report.names


def test_standardised_pictures_are_scaled() -> None:
    many = trials.digits(1500)  # statistics of all, of which the record holds a part
    x = (many.flat - many.flat.mean(axis=0)) / (many.flat.std(axis=0) + 1e-8)
    gn.utils.set_random_seed(0)
    report = trials.examined(trials.mlp(width=32), x, many.y, epochs=2)
    assert report.ok, str(report)


def test_the_share_of_the_commonest_value() -> None:
    x = np.array([[1.0, 0.0, 5.0], [1.0, 2.0, 5.0], [1.0, 3.0, 7.0], [1.0, 4.0, 5.0]])
    np.testing.assert_array_equal(commonest(x), [1.0, 0.25, 0.75])


def test_spirals_are_related_to_their_inputs() -> None:
    rng = np.random.default_rng(0)
    turns = np.sqrt(rng.uniform(0.02, 1, 160)) * 3 * np.pi
    labels = np.arange(160) % 2
    angle = turns + np.pi * labels
    x = np.stack([turns * np.cos(angle), turns * np.sin(angle)], axis=1) / 6
    assert nearest(x, labels) > 0.75
    assert abs(nearest(x, rng.permutation(labels)) - 0.5) < 0.12
    gn.utils.set_random_seed(0)
    model = trials.network(L.Dense(1, "sigmoid"), shape=(2,))
    adam = gn.optimizers.Adam(0.05)
    report = trials.examined(model, x, labels[:, None], adam, "binary_crossentropy", epochs=30)
    assert report.names == ["underfitting"], str(report)


def test_classes_are_called_as_the_targets_call_them(digits: trials.Digits) -> None:
    y = np.where(digits.y == 7, 1, -1)[:, None]
    model = trials.network(L.Dense(1))
    report = trials.examined(model, digits.flat, y, "sgd", "hinge")
    found = report["classes out of balance"]
    assert found.evidence[0].startswith("Class -1 is ")
    place: dict[str, Any] = {"np": np, "y": y, "x": digits.flat, "model": model}
    model.fit = lambda x, y, sample_weight: place.update(given=sample_weight)
    exec(found.code, place)
    shares = [place["given"][y[:, 0] == label].sum() for label in (-1, 1)]
    np.testing.assert_allclose(shares, [150, 150])  # both weigh the same


@pytest.mark.parametrize("form", ["column", "rows", "one-hot"])
def test_the_code_that_weighs_classes_runs(digits: trials.Digits, form: str) -> None:
    few = (digits.y < 2) & ((digits.y == 0) | (np.arange(300) % 15 == 0))
    x, y = digits.flat[few], digits.y[few]
    given = {"column": y[:, None].astype(np.float32), "rows": y, "one-hot": np.eye(2)[y]}[form]
    end = L.Dense(1, "sigmoid") if form == "column" else L.Dense(2, "softmax")
    loss = {"column": "binary_crossentropy", "rows": trials.SPARSE}.get(
        form, "categorical_crossentropy"
    )
    model = trials.network(end)
    found = trials.examined(model, x, given, loss=loss)["classes out of balance"]
    place: dict[str, Any] = {"np": np, "y": given, "x": x, "model": model}
    model.fit = lambda x, y, class_weight: place.update(weights=class_weight)
    exec(found.code, place)
    counts = np.bincount(y)
    assert place["weights"] == {k: pytest.approx(len(y) / (2 * counts[k])) for k in (0, 1)}
