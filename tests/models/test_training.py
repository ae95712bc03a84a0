"""Training against the same thing written by hand; determinism; what batches do to results."""

from __future__ import annotations

import gc
import threading
import tracemalloc

import numpy as np
import pytest

import glassnet as gn
from glassnet import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype(np.float32)
Y = (X @ np.array([[1.0], [-2.0], [0.5], [0.0]]) + 0.3).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)


def linear(**compiled: object) -> gn.Sequential:
    model = gn.Sequential([gn.Input((4,)), layers.Dense(1, kernel_initializer="zeros")])
    model.compile(gn.optimizers.SGD(0.1), loss="mse", **compiled)  # type: ignore[arg-type]
    return model


def classifier() -> gn.Sequential:
    model = gn.Sequential(
        [gn.Input((4,)), layers.Dense(8, "relu"), layers.Dropout(0.2), layers.Dense(3)]
    )
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss=loss, metrics=["accuracy"])
    return model


def test_gradient_descent_against_hand() -> None:
    model = linear()
    history = model.fit(X, Y, batch_size=10, epochs=3, shuffle=False, verbose=0)
    w, b, costs = np.zeros((4, 1)), 0.0, []
    for _ in range(3):
        epoch = []
        for i in range(0, 50, 10):
            x, y = X[i : i + 10].astype(float), Y[i : i + 10]
            error = x @ w + b - y
            epoch.append(np.mean(error**2))
            w, b = w - 0.1 * 2 * x.T @ error / 10, b - 0.1 * 2 * error.mean()
        costs.append(np.mean(epoch))
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], [b], rtol=1e-5)
    np.testing.assert_allclose(history.history["loss"], costs, rtol=1e-5)


def test_unequal_batches_weigh_by_their_examples() -> None:
    model = linear(metrics=["mae"])
    whole = model.evaluate(X, Y, batch_size=50, verbose=0)
    parts = model.evaluate(X, Y, batch_size=7, verbose=0)
    np.testing.assert_allclose(whole, parts, rtol=1e-6)
    np.testing.assert_allclose(whole, [np.mean(Y**2), np.mean(np.abs(Y))], rtol=1e-6)


def test_penalties_join_the_loss() -> None:
    model = gn.Sequential(
        [gn.Input((4,)), layers.Dense(1, kernel_initializer="ones", kernel_regularizer="l2")]
    )
    model.compile("sgd", "mse")
    plain = np.mean((X.sum(1, keepdims=True) - Y) ** 2)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(plain + 0.01 * 4, rel=1e-5)


def test_same_seed_same_weights_bitwise() -> None:
    def weights() -> list[np.ndarray]:
        gn.utils.set_random_seed(5)
        model = classifier()
        model.fit(X, LABELS, epochs=3, batch_size=8, verbose=0)
        return model.get_weights()

    for a, b in zip(weights(), weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_sample_weight_zero_drops_an_example() -> None:
    weights = np.ones(50)
    weights[25:] = 0
    a, b = linear(), linear()
    a.fit(X, Y, sample_weight=weights, batch_size=50, epochs=2, shuffle=False, verbose=0)
    # the mean divides by all 50 examples, so the half batch counts half
    b.compile(gn.optimizers.SGD(0.05), loss="mse")
    b.fit(X[:25], Y[:25], batch_size=25, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(a.get_weights()[0], b.get_weights()[0], rtol=1e-5)


def test_class_weight_is_sample_weight() -> None:
    gn.utils.set_random_seed(1)
    a = classifier()
    start = a.get_weights()
    table = {0: 1.0, 1: 2.0, 2: 0.5}
    b = classifier()
    b.set_weights(start)
    for model, kwargs in (
        (a, {"class_weight": table}),
        (b, {"sample_weight": np.array([table[int(k)] for k in LABELS])}),
    ):
        model.layers[1].rate = 0.0
        model.fit(X, LABELS, epochs=2, shuffle=False, verbose=0, **kwargs)
    for p, q in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-5, atol=1e-7)


def test_validation_and_history() -> None:
    model = linear(metrics=["mae"])
    history = model.fit(X, Y, epochs=3, validation_split=0.2, verbose=0, validation_freq=2)
    assert set(history.history) == {"loss", "mae", "val_loss", "val_mae"}
    assert len(history.history["loss"]) == 3
    assert len(history.history["val_loss"]) == 1
    loss, mae = model.evaluate(X[40:], Y[40:], verbose=0)
    history = model.fit(X, Y, epochs=1, validation_data=(X[40:], Y[40:]), verbose=0)
    assert mae > 0
    assert history.history["val_loss"][0] < loss


def test_steps_per_epoch_goes_on_through_the_data() -> None:
    seen: list[float] = []

    class Spy(gn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.progress.in_pass)

    linear().fit(X, Y, batch_size=10, epochs=3, steps_per_epoch=2, verbose=0, callbacks=[Spy()])
    assert seen == [2, 4, 1]


def test_generators() -> None:
    def endless():
        while True:
            yield X[:10], Y[:10]

    model = linear()
    history = model.fit(endless(), epochs=2, steps_per_epoch=3, verbose=0)
    assert len(history.history["loss"]) == 2
    with pytest.warns(UserWarning, match="ended after 1 of 3 batches"):
        model.fit(iter([(X, Y)]), epochs=1, steps_per_epoch=3, verbose=0)


def test_train_on_batch_is_a_step_of_fit() -> None:
    a, b = linear(), linear()
    a.fit(X, Y, batch_size=50, epochs=1, shuffle=False, verbose=0)
    loss = b.train_on_batch(X, Y)
    np.testing.assert_array_equal(a.get_weights()[0], b.get_weights()[0])
    assert loss == pytest.approx(np.mean(Y**2), rel=1e-5)
    assert b.predict_on_batch(X).shape == (50, 1)


def test_frozen_layers_stay() -> None:
    model = gn.Sequential([gn.Input((4,)), layers.Dense(3, name="kept"), layers.Dense(1)])
    model.get_layer("kept").trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, Y, epochs=1, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])
    model.get_layer("kept").trainable = True
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=1, verbose=0)
    assert not np.array_equal(after[0], model.get_weights()[0])


def test_several_outputs_losses_and_weights() -> None:
    inputs = gn.Input((4,))
    a = layers.Dense(1, name="a", kernel_initializer="zeros")(inputs)
    b = layers.Dense(1, name="b", kernel_initializer="zeros")(inputs)
    model = gn.Model(inputs, [a, b])
    model.compile("sgd", loss={"a": "mse", "b": "mae"}, loss_weights={"a": 1.0, "b": 0.5},
                  metrics={"b": ["mae"]})  # fmt: skip
    logs = model.evaluate(X, [Y, Y], verbose=0, return_dict=True)
    assert set(logs) == {"loss", "a_loss", "b_loss", "b_mae"}
    total = np.mean(Y**2) + 0.5 * np.mean(np.abs(Y))
    assert logs["loss"] == pytest.approx(total, rel=1e-5)
    model.fit(X, {"a": Y, "b": Y}, epochs=1, verbose=0)


def test_float64_throughout() -> None:
    model = gn.Sequential([gn.Input((4,), dtype="float64"), layers.Dense(1, dtype="float64")],
                          dtype="float64")  # fmt: skip
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=1, verbose=0)
    assert model.predict(X, verbose=0).dtype == np.float64
    assert all(w.dtype == np.float64 for w in model.get_weights())


def test_predict_is_safe_from_several_threads() -> None:
    model = classifier()
    expected = model.predict(X, verbose=0)
    fresh = gn.Sequential([gn.Input((4,)), *model.layers])
    found: list[np.ndarray] = []

    def ask(size: int) -> None:
        for _ in range(20):
            found.append(fresh.predict(X, batch_size=size, verbose=0))

    threads = [threading.Thread(target=ask, args=(size,)) for size in (7, 16, 50, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    for outputs in found:
        np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_memory_does_not_grow() -> None:
    model = classifier()
    model.fit(X, LABELS, epochs=3, verbose=0)
    model.train_on_batch(X, LABELS)
    model.predict(X, verbose=0)

    def traced(run) -> int:
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        run()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        return grown

    steps = lambda: [model.train_on_batch(X, LABELS) for _ in range(300)]  # noqa: E731
    asks = lambda: [model.predict(X, verbose=0) for _ in range(100)]  # noqa: E731
    assert traced(steps) < 100_000
    assert traced(asks) < 100_000


def test_compile_comes_first() -> None:
    model = gn.Sequential([gn.Input((4,)), layers.Dense(1)])
    with pytest.raises(ValueError, match=r"model\.compile\(optimizer"):
        model.fit(X, Y)
