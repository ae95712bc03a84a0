"""The natural gradient: Fisher matrices by enumeration of targets, factors by hand, steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet.models.curved import curved_step
from glassnet.models.data import Batch
from glassnet.objective import Objective, Problem

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 3))
LABELS = np.array([0, 2, 1, 1, 0, 2, 2])


@pytest.fixture(autouse=True)
def _in_float64() -> Iterator[None]:
    before = gn.config.floatx()
    gn.config.set_floatx("float64")
    yield
    gn.config.set_floatx(before)


def network(loss: Any, last: Any = None, outputs: int = 3, **arguments: Any) -> Any:
    gn.utils.set_random_seed(1)
    model = gn.Sequential(
        [
            gn.Input((3,)),
            gn.layers.Dense(2, "tanh", bias_initializer="normal"),
            gn.layers.Dense(outputs, last, bias_initializer="normal"),
        ]
    )
    arguments = {"fisher": "kronecker", "samples": None, **arguments}
    model.compile(gn.optimizers.NaturalGradient(**arguments), loss)
    return model


def softmax_network(**arguments: Any) -> Any:
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    return network(loss, **arguments)


def problem_of(model: Any, x: np.ndarray, y: np.ndarray) -> tuple[Problem, np.ndarray]:
    problem = curved_step(model, Batch(x, y)).objective.at(x, y)
    return problem, problem.joined([w.value for w in model.trainable_weights])


def moved(model: Any, x: np.ndarray, y: np.ndarray) -> tuple[Any, Problem, np.ndarray]:
    problem, start = problem_of(model, x, y)
    move = model.optimizer.move(problem, start)
    model.optimizer.finished(move)
    return move, problem, start


def slot(model: Any, weight: int, name: str) -> np.ndarray:
    return model.optimizer.slot(model.trainable_weights[weight], name).value


# --- scores by hand -----------------------------------------------------------------------------
def probabilities(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max())
    return e / e.sum()


def targets_drawn(kind: str, z: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
    """(probability, d(-log p)/dz) of every target that the distribution of z can give."""
    if kind == "categorical":
        p = probabilities(z)
        for c in range(len(z)):
            yield p[c], p - np.eye(len(z))[c]
    elif kind == "bernoulli":  # the loss is the mean over k outputs, so is log p
        p = 1 / (1 + np.exp(-z))
        for code in range(2 ** len(z)):
            t = np.array([(code >> i) & 1 for i in range(len(z))])
            yield float(np.prod(np.where(t == 1, p, 1 - p))), (p - t)
    else:  # -log p = (y - z)² / k: a Gaussian of variance k/2; ±σ has its two first moments
        sigma = np.sqrt(len(z) / 2)
        for code in range(2 ** len(z)):
            t = np.array([sigma if (code >> i) & 1 else -sigma for i in range(len(z))])
            yield 0.5 ** len(z), -2 * t / len(z)


def score(weights: list[np.ndarray], x: np.ndarray, dz: np.ndarray) -> np.ndarray:
    w1, b1, w2, _ = weights
    a = np.tanh(x @ w1 + b1)
    da = (w2 @ dz) * (1 - a**2)
    parts = [np.outer(x, da), da, np.outer(a, dz), dz]
    return np.concatenate([p.ravel() for p in parts])


def logits(weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    w1, b1, w2, b2 = weights
    return np.tanh(x @ w1 + b1) @ w2 + b2


def fisher_by_enumeration(kind: str, weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """The covariance of the score under the network's own distribution, over the examples."""
    total: Any = 0
    for row in x:
        for p, dz in targets_drawn(kind, logits(weights, row)):
            s = score(weights, row, dz)
            total = total + p * np.outer(s, s) / len(x)
    return total


@pytest.mark.parametrize("kind", ["categorical", "bernoulli", "gaussian"])
def test_the_fisher_matrix_is_the_covariance_of_the_score(kind: str) -> None:
    if kind == "categorical":
        model, y = softmax_network(), LABELS
    elif kind == "bernoulli":  # k times the loss, which is a mean over the outputs

        def summed(y_true: Any, y_pred: Any) -> Any:
            return 3 * gn.losses.binary_crossentropy(y_true, y_pred, from_logits=True)

        model, y = network(summed), np.eye(3)[LABELS]
    else:
        model, y = network("mse"), RNG.normal(size=(7, 3))
    problem, start = problem_of(model, X, y)
    expected = fisher_by_enumeration(kind, model.get_weights(), X)
    np.testing.assert_allclose(problem.gauss_newton(start), expected, rtol=1e-10, atol=1e-14)


def test_the_softmax_layer_counts_as_logits() -> None:
    model = network("sparse_categorical_crossentropy", "softmax")
    problem, start = problem_of(model, X, LABELS)
    expected = fisher_by_enumeration("categorical", model.get_weights(), X)
    np.testing.assert_allclose(problem.gauss_newton(start), expected, rtol=1e-10, atol=1e-14)


# --- the factors --------------------------------------------------------------------------------
def factors_by_hand(weights: list[np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """A₁, G₁, A₂, G₂, example by example and target by target."""
    w1, b1, w2, _ = weights
    a1, g1, a2, g2 = np.zeros((4, 4)), np.zeros((2, 2)), np.zeros((3, 3)), np.zeros((3, 3))
    for row in x:
        hidden = np.tanh(row @ w1 + b1)
        a1 += np.outer([*row, 1], [*row, 1]) / len(x)
        a2 += np.outer([*hidden, 1], [*hidden, 1]) / len(x)
        for p, dz in targets_drawn("categorical", logits(weights, row)):
            da = (w2 @ dz) * (1 - hidden**2)
            g1 += p * np.outer(da, da) / len(x)
            g2 += p * np.outer(dz, dz) / len(x)
    return [a1, g1, a2, g2]


def test_the_factors_of_two_layers_are_those_by_hand() -> None:
    model = softmax_network()
    expected = factors_by_hand(model.get_weights(), X)
    move, _, _ = moved(model, X, LABELS)
    found = [slot(model, w, f) for w in (0, 2) for f in ("input_factor", "output_factor")]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)
    assert move.notes == ["Kronecker factors for 2 layers: all weights."]


def test_the_inverses_are_damped_by_pi() -> None:
    model = softmax_network(damping=0.04)
    a, g = factors_by_hand(model.get_weights(), X)[:2]
    moved(model, X, LABELS)
    pi = np.sqrt((np.trace(a) / 4) / (np.trace(g) / 2))
    by_hand = [np.linalg.inv(a + pi * 0.2 * np.eye(4)), np.linalg.inv(g + 0.2 / pi * np.eye(2))]
    for name, expected in zip(("input_inverse", "output_inverse"), by_hand, strict=True):
        np.testing.assert_allclose(slot(model, 0, name), expected, rtol=1e-9)


def test_the_factors_are_averaged_over_steps() -> None:
    model = softmax_network(learning_rate=1e-12, decay=0.6)
    one, two, three = X[:3], X[2:5], X[4:]
    for part in (one, two, three):
        moved(model, part, LABELS[:3])
    a = [factors_by_hand(model.get_weights(), part)[0] for part in (one, two, three)]
    # The weights of the averages: 1, then 1/2 (1 - 1/2 < 0.6), then 0.6 (1 - 1/3 > 0.6).
    expected = 0.6 * (a[0] + a[1]) / 2 + 0.4 * a[2]
    np.testing.assert_allclose(slot(model, 0, "input_factor"), expected, rtol=1e-9)


def test_drawn_targets_give_the_expectation() -> None:
    expected = factors_by_hand(softmax_network().get_weights(), X)[1]
    model = softmax_network(samples=3000)
    moved(model, X, LABELS)
    found = slot(model, 0, "output_factor")
    np.testing.assert_allclose(found, expected, atol=0.05 * np.abs(expected).max())
    assert np.abs(found - expected).max() > 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("bias", [True, False])
def test_the_factors_of_a_convolution_are_those_by_hand(bias: bool) -> None:
    gn.utils.set_random_seed(2)
    model = gn.Sequential(
        [
            gn.Input((4, 5, 2)),
            gn.layers.Conv2D(3, (2, 3), 2, activation="tanh", use_bias=bias),
            gn.layers.Flatten(dtype="float64"),
            gn.layers.Dense(3),
        ]
    )
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(gn.optimizers.NaturalGradient(fisher="kronecker", samples=None), loss)
    images = np.random.default_rng(1).normal(size=(7, 4, 5, 2))
    k, *rest = model.get_weights()
    b, w = (rest[0] if bias else np.zeros(3)), rest[-2]
    a, g = np.zeros((13, 13)), np.zeros((3, 3))
    for image in images:
        patches = [
            image[i : i + 2, j : j + 3].ravel() for i in (0, 2) for j in (0, 2)
        ]  # the four places of a 2×3 kernel with strides 2
        hidden = np.array([np.tanh(p @ k.reshape(12, 3) + b) for p in patches])  # (4, 3)
        for p in patches:
            a += np.outer([*p, 1], [*p, 1]) / (7 * 4)
        for q, dz in targets_drawn("categorical", hidden.ravel() @ w + rest[-1]):
            for d in (w @ dz).reshape(4, 3) * (1 - hidden**2):
                g += q * np.outer(d, d) / 7
    moved(model, images, LABELS)
    if not bias:
        a[-1], a[:, -1] = 0, 0
    np.testing.assert_allclose(slot(model, 0, "input_factor"), a, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(slot(model, 0, "output_factor"), g, rtol=1e-9, atol=1e-14)


def test_other_weights_go_by_the_diagonal_which_is_told() -> None:
    gn.utils.set_random_seed(2)
    model = gn.Sequential(
        [
            gn.Input((3,)),
            gn.layers.Dense(4, "tanh"),
            gn.layers.LayerNormalization(name="norm"),
            gn.layers.Dense(3),
        ]
    )
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(gn.optimizers.NaturalGradient(fisher="kronecker", samples=None), loss)
    # With one example there are no products of different examples, so the diagonal is exact.
    move, problem, start = moved(model, X[:1], LABELS[:1])
    parts = problem.split(np.diag(problem.gauss_newton(start)))
    for weight in (2, 3):
        found = slot(model, weight, "fisher_diagonal")
        np.testing.assert_allclose(found, parts[weight], rtol=1e-9, atol=1e-15)
    told = [part.split("/", 1)[1] for part in move.notes[0].split(": ")[1].split(", ")]
    assert "by the diagonal of the Fisher matrix" in move.notes[0]
    assert told == ["norm/gamma", "norm/beta."]


# --- steps --------------------------------------------------------------------------------------
def test_one_step_solves_a_linear_layer_with_squares() -> None:
    # The derivatives by the outputs of a Gaussian don't depend on the example: F = A ⊗ G exactly.
    gn.utils.set_random_seed(0)
    model = gn.Sequential([gn.Input((3,)), gn.layers.Dense(2)])
    optimizer = gn.optimizers.NaturalGradient(fisher="kronecker", damping=1e-18, samples=None)
    model.compile(optimizer, "mse")
    y = RNG.normal(size=(7, 2))
    model.fit(X, y, batch_size=7, epochs=1, verbose=0)
    expected = np.linalg.lstsq(np.hstack([X, np.ones((7, 1))]), y, rcond=None)[0]
    np.testing.assert_allclose(np.vstack(model.get_weights()), expected, rtol=1e-6)
    assert optimizer.last is not None
    assert optimizer.last.rate == pytest.approx(1, rel=1e-6)


def test_the_factored_and_the_exact_step_agree_where_the_factors_are_exact() -> None:
    y = RNG.normal(size=(7, 2))
    found = []
    for fisher in ("exact", "kronecker"):
        gn.utils.set_random_seed(0)
        inputs = gn.Input((3,))
        model = gn.Sequential([inputs, gn.layers.Dense(2)])
        model.compile(
            gn.optimizers.NaturalGradient(fisher=fisher, damping=1e-18, samples=None), "mse"
        )
        model.fit(X, y, batch_size=7, epochs=1, verbose=0)
        found.append(np.vstack(model.get_weights()))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


def test_the_step_minimises_the_quadratic_model_in_two_directions() -> None:
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = network(loss, damping=0.01, adapt_damping=False)
    model.layers[0].kernel.regularizer = gn.regularizers.L2(0.1)
    optimizer = model.optimizer
    first, problem, start = moved(model, X, LABELS)
    last = first.x - start
    second = optimizer.move(problem, first.x)
    fisher, g = problem.gauss_newton(first.x), problem.gradient(first.x)
    step = second.x - first.x
    # The step is a combination of p and d that is stationary along both, and so along d and itself.
    damped = fisher @ step + 0.01 * step + g
    scale = np.linalg.norm(g)
    assert abs(damped @ last) < 1e-8 * scale * np.linalg.norm(last)
    assert abs(damped @ step) < 1e-8 * scale * np.linalg.norm(step)
    assert second.predicted == pytest.approx(-(g @ step) - step @ fisher @ step / 2, rel=1e-8)
    assert second.after == pytest.approx(problem.value(second.x))


def test_curvatures_hold_the_penalty_too() -> None:
    gn.utils.set_random_seed(1)
    dense = gn.layers.Dense(2, "tanh", kernel_regularizer="l2")
    model = gn.Sequential([gn.Input((3,)), dense])
    model.compile(gn.optimizers.NaturalGradient(fisher="kronecker"), "mse")
    y = RNG.normal(size=(7, 2))
    problem, start = problem_of(model, X, y)
    directions = np.random.default_rng(3).normal(size=(2, problem.size))
    statistics = model.optimizer._statistics_of(problem)
    found = statistics.curvatures(problem, start, list(directions))
    # J by difference quotients, H = 2/(m k) I for the mean of squares, and 2 λ on the kernel.
    h = 1e-6

    def outputs(x: np.ndarray) -> np.ndarray:
        return np.tanh(X @ x[:6].reshape(3, 2) + x[6:]).ravel()

    unit = np.eye(problem.size)
    j = np.array([(outputs(start + h * e) - outputs(start - h * e)) / (2 * h) for e in unit]).T
    fisher = j.T @ j * 2 / 14 + np.diag([0.02] * 6 + [0.0] * 2)
    np.testing.assert_allclose(found, directions @ fisher @ directions.T, rtol=1e-7)


@pytest.mark.parametrize("fisher", ["exact", "kronecker"])
def test_kl_clip_bounds_the_distance(fisher: str) -> None:
    model = softmax_network(fisher=fisher, damping=1e-4, kl_clip=1e-3)
    move, problem, start = moved(model, X, LABELS)
    step = move.x - start
    assert step @ problem.gauss_newton(start) @ step / 2 == pytest.approx(1e-3)
    assert any("kl_clip" in note for note in move.notes)


def test_a_step_that_climbs_is_halved_and_then_refused() -> None:
    model = softmax_network(learning_rate=40.0, rescale=False, momentum=0.0)
    move, _, _ = moved(model, X, LABELS)
    assert move.after <= move.before
    assert any("The whole step would climb" in note for note in move.notes)
    model = softmax_network(learning_rate=1e9, rescale=False, momentum=0.0)
    move, _, start = moved(model, X, LABELS)
    np.testing.assert_array_equal(move.x, start)
    assert any("the weights stayed" in note for note in move.notes)
    assert float(model.optimizer._damping.value) > 0.01


def test_a_move_that_is_thrown_away_leaves_no_trace() -> None:
    model = softmax_network()
    moved(model, X, LABELS)
    problem, start = problem_of(model, X, LABELS)
    before = [np.array(v.value) for v in model.optimizer.variables]
    one, two = (model.optimizer.move(problem, start) for _ in range(2))
    np.testing.assert_array_equal(one.x, two.x)
    for variable, value in zip(model.optimizer.variables, before, strict=True):
        np.testing.assert_array_equal(variable.value, value)


# --- in fit -------------------------------------------------------------------------------------
def digits(optimizer: Any, epochs: int, batch_size: int = 500) -> list[float]:
    (images, labels), _ = gn.datasets.mnist.load_data()
    x = images[:500].reshape(500, 784).astype(np.float32) / 255
    gn.config.set_floatx("float32")
    gn.utils.set_random_seed(0)
    model = gn.Sequential(
        [
            gn.Input((784,)),
            gn.layers.Dense(25, "relu"),
            gn.layers.Dense(15, "relu"),
            gn.layers.Dense(10),
        ]
    )
    model.compile(optimizer, gn.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(x, labels[:500], batch_size=batch_size, epochs=epochs, verbose=0)
    assert all(w.dtype == np.float32 for w in model.trainable_weights)
    return history.history["loss"]


def test_the_digits_fall_faster_by_step_than_with_gradient_descent() -> None:
    steepest = min(digits(gn.optimizers.SGD(rate), 15)[-1] for rate in (0.05, 0.1, 0.2, 0.5))
    natural = digits(gn.optimizers.NaturalGradient(), 15)[-1]
    assert natural < 0.1 * steepest


def test_small_batches_train_too() -> None:
    optimizer = gn.optimizers.NaturalGradient(
        0.1, damping=0.03, adapt_damping=False, rescale=False, kl_clip=1e-2
    )
    losses = digits(optimizer, 4, batch_size=64)  # the last batch has 52
    assert losses[-1] < 0.4 * losses[0]
    assert int(optimizer.iterations) == 32


def test_a_saved_training_goes_on_bitwise(tmp_path: Path) -> None:
    def fitted(model: Any, epochs: int) -> Any:
        model.fit(X, LABELS, batch_size=7, epochs=epochs, shuffle=False, verbose=0)
        return model

    whole = fitted(softmax_network(samples=1, refresh=4), 11)
    part = fitted(softmax_network(samples=1, refresh=4), 6)
    part.save(tmp_path / "part.safetensors")
    resumed = fitted(gn.models.load_model(tmp_path / "part.safetensors"), 5)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_is_known_by_name_and_exact_for_small_networks() -> None:
    model = network("mse")
    model.compile("natural_gradient", "mse")
    y = RNG.normal(size=(7, 3))
    history = model.fit(X, y, batch_size=7, epochs=10, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    assert len(model.optimizer.last.eigenvalues) == 17


def test_outputs_of_sequences_count_by_place() -> None:
    x = np.random.default_rng(0).normal(size=(5, 4, 3))
    y = np.random.default_rng(1).integers(0, 3, size=(5, 4))
    gn.utils.set_random_seed(0)
    model = gn.Sequential([gn.Input((4, 3)), gn.layers.Dense(3)])
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = gn.optimizers.NaturalGradient(fisher="kronecker", samples=None)
    model.compile(optimizer, loss)
    kernel, bias = model.get_weights()
    expected: Any = 0
    for row in x.reshape(20, 3):
        for p, dz in targets_drawn("categorical", row @ kernel + bias):
            expected = expected + p * np.outer(dz, dz) / 20
    moved(model, x, y)
    np.testing.assert_allclose(slot(model, 0, "output_factor"), expected, rtol=1e-9, atol=1e-14)


# --- errors -------------------------------------------------------------------------------------
def test_without_factors_kronecker_is_refused_and_auto_is_exact() -> None:
    words = np.array([[0, 1], [2, 1], [3, 0]])
    y = np.array([[1.0], [0.0], [2.0]])

    def model_with(fisher: str) -> Any:
        gn.utils.set_random_seed(0)
        layers = [gn.layers.Embedding(300, 2), gn.layers.GlobalAveragePooling1D()]
        model = gn.Sequential([gn.Input((2,), dtype="int64"), *layers])
        model.compile(gn.optimizers.NaturalGradient(fisher=fisher), "mse")
        return model

    with pytest.raises(ValueError, match="found no weights that a matrix product"):
        model_with("kronecker").fit(words, np.hstack([y, y]), verbose=0)
    model = model_with("auto")
    model.fit(words, np.hstack([y, y]), verbose=0)
    assert any("No layer has Kronecker factors" in note for note in model.optimizer.last.notes)


def test_a_loss_that_joins_examples_is_refused() -> None:
    def joined(y_true: Any, y_pred: Any) -> Any:
        return gn.ops.mean(gn.ops.square(gn.ops.mean(y_pred - y_true, axis=0)), axis=-1)

    model = network(joined)
    with pytest.raises(ValueError, match="joins several examples"):
        model.fit(X, RNG.normal(size=(7, 3)), verbose=0)


def test_a_plain_function_needs_residuals() -> None:
    optimizer = gn.optimizers.NaturalGradient()
    bowl = Objective.of(lambda x: (x**2).sum(), np.ones(2))
    with pytest.raises(ValueError, match="vector of residuals"):
        optimizer.move(bowl.at(), np.ones(2))
    line = Objective.of(lambda x: 2 * x - np.array([2.0, 4.0]), np.zeros(2))
    # F = 4 I, so the damped step goes 4 / 4.01 of the way to (1, 2).
    move = optimizer.move(line.at(), np.zeros(2))
    np.testing.assert_allclose(move.x, np.array([1.0, 2.0]) * 4 / 4.01)
    with pytest.raises(ValueError, match="is for networks"):
        gn.optimizers.NaturalGradient(fisher="kronecker").move(line.at(), np.zeros(2))


@pytest.mark.parametrize(
    ("argument", "value"),
    [("damping", 0.0), ("fisher", "kfac"), ("refresh", 0), ("decay", 1.5), ("samples", 0)],
)
def test_arguments_are_checked(argument: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"NaturalGradient: {argument}"):
        gn.optimizers.NaturalGradient(**{argument: value})
