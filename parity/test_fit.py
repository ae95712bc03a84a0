"""Agreement with Keras 3: what ``fit``, ``evaluate`` and their kin do with what they are given.

Each scenario is one function of the library ``k``. It returns what a person can see, and both
libraries must return the same: names and order of results, numbers, the weights at the end.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest
from harness import assert_close

import glassnet

# Keras's variables turn into arrays in NumPy's former way; it warns where generators end.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

TOLERANCE = 1e-5

Scenario = Callable[[Any], dict[str, Any]]
SCENARIOS: list[Scenario] = []


def scenario(function: Scenario) -> Scenario:
    SCENARIOS.append(function)
    return function


@pytest.mark.parametrize("run", SCENARIOS, ids=lambda f: f.__name__)
def test_as_in_keras(run: Scenario) -> None:
    results = []
    for k in (glassnet, keras):
        k.utils.clear_session()
        k.utils.set_random_seed(1)
        results.append(run(k))
    compare(*results, "result")


def compare(ours: Any, theirs: Any, where: str) -> None:
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        for name in theirs:
            compare(ours[name], theirs[name], f"{where}[{name!r}]")
    elif isinstance(theirs, (list, tuple)) and not all(map(_is_number, theirs)):
        assert len(ours) == len(theirs), where
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            compare(a, b, f"{where}[{i}]")
    elif isinstance(theirs, str) or theirs is None:
        assert ours == theirs, where
    else:
        assert_close(ours, theirs, where, TOLERANCE)


def _is_number(value: Any) -> bool:
    return not isinstance(value, str) and np.ndim(value) == 0


# --- networks and data ------------------------------------------------------------------------
def data(m: int = 21, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, 4)).astype("float32"), rng.integers(0, classes, m)


def seeded(model: Any, seed: int = 0) -> Any:
    """Give the model drawn weights."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.5, w.shape).astype("float32") for w in model.weights])
    return model


def classifier(k: Any, metrics: Any = ("accuracy",), **compiled: Any) -> Any:
    model = k.Sequential(
        [k.Input((4,)), k.layers.Dense(5, "tanh"), k.layers.Dense(3, "softmax", name="out")]
    )
    given = {"loss": "sparse_categorical_crossentropy", "metrics": list(metrics), **compiled}
    model.compile(k.optimizers.SGD(0.1), **given)
    return seeded(model)


def two_headed(k: Any, outputs: str = "list") -> Any:
    inputs = k.Input((4,), name="x")
    h = k.layers.Dense(5, "tanh")(inputs)
    a = k.layers.Dense(1, name="first")(h)
    b = k.layers.Dense(3, "softmax", name="second")(h)
    arranged = {"list": [a, b], "dict": {"one": a, "two": b}, "tuple": (a, b)}[outputs]
    return seeded(k.Model(inputs, arranged))


def seen(model: Any, history: Any = None, **others: Any) -> dict[str, Any]:
    """Return what a person sees after training."""
    result: dict[str, Any] = {"weights": [np.asarray(w) for w in model.get_weights()]}
    if history is not None:
        result |= {"history": history.history, "epoch": history.epoch}
    return result | others


PLAIN: dict[str, Any] = {"shuffle": False, "verbose": 0, "batch_size": 8}


# --- fit --------------------------------------------------------------------------------------
@scenario
def validation_split_takes_the_last_examples(k: Any) -> dict[str, Any]:
    model, (x, y) = classifier(k), data(23)
    weights = np.linspace(0.5, 2, 23)
    return seen(
        model, model.fit(x, y, validation_split=0.3, epochs=2, sample_weight=weights, **PLAIN)
    )


@scenario
def initial_epoch(k: Any) -> dict[str, Any]:
    model = classifier(k)
    history = model.fit(*data(), epochs=5, initial_epoch=3, **PLAIN)
    return seen(model, history, iterations=int(model.optimizer.iterations))


@scenario
def steps_per_epoch_goes_on_where_it_stopped(k: Any) -> dict[str, Any]:
    model = classifier(k)
    history = model.fit(*data(40), steps_per_epoch=2, epochs=2, **PLAIN)
    return seen(model, history, iterations=int(model.optimizer.iterations))


@scenario
def validation_frequency(k: Any) -> dict[str, Any]:
    model, (x, y) = classifier(k), data()
    history = model.fit(x, y, epochs=4, validation_data=(x, y), validation_freq=2, **PLAIN)
    return seen(model, history)


@scenario
def validation_steps(k: Any) -> dict[str, Any]:
    model, (x, y) = classifier(k), data()
    given = {"validation_data": (x, y), "validation_steps": 2, "validation_batch_size": 5}
    return seen(model, model.fit(x, y, epochs=2, **given, **PLAIN))


@scenario
def class_weights(k: Any) -> dict[str, Any]:
    model, (x, y) = classifier(k, weighted_metrics=["accuracy"]), data()
    history = model.fit(x, y, class_weight={0: 1.0, 1: 3.0, 2: 0.2}, epochs=2, **PLAIN)
    return seen(model, history)


@scenario
def class_weights_of_one_hot_rows(k: Any) -> dict[str, Any]:
    model, (x, y) = classifier(k, loss="categorical_crossentropy"), data()
    rows = np.eye(3, dtype="float32")[y]
    return seen(model, model.fit(x, rows, class_weight={0: 1.0, 1: 3.0, 2: 0.2}, **PLAIN))


@scenario
def sample_weights(k: Any) -> dict[str, Any]:
    model, (x, y) = classifier(k, weighted_metrics=["accuracy"]), data()
    weights = np.linspace(0, 2, len(x)).astype("float32")
    history = model.fit(
        x, y, sample_weight=weights, validation_data=(x, y, weights), epochs=2, **PLAIN
    )
    return seen(model, history)


@scenario
def binary_targets_without_an_axis(k: Any) -> dict[str, Any]:
    model = seeded(k.Sequential([k.Input((4,)), k.layers.Dense(1, "sigmoid")]))
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", "mae"])
    x, y = data(classes=2)
    return seen(model, model.fit(x, y, **PLAIN))


@scenario
def a_column_of_class_numbers(k: Any) -> dict[str, Any]:
    model, (x, y) = classifier(k), data()
    return seen(model, model.fit(x, y[:, None], **PLAIN))


@scenario
def integer_and_double_features(k: Any) -> dict[str, Any]:
    model = classifier(k)
    x, y = data()
    first = model.fit((x * 10).astype("int64"), y.astype("int8"), **PLAIN)
    second = model.fit(x.astype("float64"), y.astype("float32"), **PLAIN)
    return seen(model, first, second=second.history)


@scenario
def a_generator_of_three(k: Any) -> dict[str, Any]:
    x, y = data()

    def batches() -> Iterator[Any]:
        while True:
            for i in range(3):
                rows = slice(7 * i, 7 * i + 7)
                yield x[rows], y[rows], np.linspace(0.5, 1.5, 7)

    model = classifier(k)
    same = next(batches())
    given = {"validation_data": (same for _ in itertools.count()), "validation_steps": 1}
    # Keras begins with the first batch of a validation generator again; ours goes on.
    history = model.fit(batches(), steps_per_epoch=2, epochs=2, verbose=0, **given)
    return seen(model, history)


@scenario
def batches_by_number(k: Any) -> dict[str, Any]:
    x, y = data()

    class Batches(k.utils.PyDataset):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> Any:
            rows = slice(8 * index, 8 * index + 8)
            return x[rows], y[rows]

    model = classifier(k)
    history = model.fit(Batches(), epochs=2, shuffle=False, class_weight={0: 1, 1: 2, 2: 1},
                        verbose=0)  # fmt: skip
    return seen(model, history, predicted=model.predict(Batches(), verbose=0))


@scenario
def early_stopping_and_rates(k: Any) -> dict[str, Any]:
    model, (x, y) = classifier(k), data()
    callbacks = [
        k.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=0.05),
        k.callbacks.EarlyStopping(
            monitor="val_loss", patience=2, min_delta=0.05, restore_best_weights=True
        ),
    ]
    history = model.fit(
        x, y, epochs=12, validation_data=(x[:5], y[:5]), callbacks=callbacks, **PLAIN
    )
    return seen(model, history)


@scenario
def an_average_of_weights_replaces_them_at_the_end(k: Any) -> dict[str, Any]:
    model, (x, y) = classifier(k, metrics=()), data()
    model.compile(
        k.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3),
        "sparse_categorical_crossentropy",
    )
    return seen(model, model.fit(x, y, epochs=2, **PLAIN))


@scenario
def gradients_gathered_over_steps(k: Any) -> dict[str, Any]:
    model, (x, y) = classifier(k, metrics=()), data(32)
    model.compile(
        k.optimizers.Adam(0.05, gradient_accumulation_steps=2), "sparse_categorical_crossentropy"
    )
    return seen(model, model.fit(x, y, epochs=2, **PLAIN))


@scenario
def freezing(k: Any) -> dict[str, Any]:
    model, (x, y) = classifier(k, metrics=()), data()
    model.layers[0].trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    history = model.fit(x, y, epochs=2, **PLAIN)
    frozen = [np.asarray(w) for w in model.get_weights()]
    model.layers[0].trainable = True
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, **PLAIN)
    names = [w.path for w in model.trainable_weights]
    return seen(model, history, frozen=frozen, names=names)


# --- one batch --------------------------------------------------------------------------------
@scenario
def batch_by_batch(k: Any) -> dict[str, Any]:
    model, (x, y) = classifier(k), data()
    steps = [model.train_on_batch(x[i : i + 7], y[i : i + 7]) for i in (0, 7, 14)]
    model.reset_metrics()
    tests = [model.test_on_batch(x[i : i + 7], y[i : i + 7]) for i in (0, 7)]
    weighted = model.train_on_batch(x, y, sample_weight=np.linspace(0, 1, 21), return_dict=True)
    by_class = model.train_on_batch(x, y, class_weight={0: 0.1, 1: 1, 2: 2}, return_dict=True)
    return seen(
        model,
        steps=[list(map(float, s)) for s in steps],
        tests=[list(map(float, s)) for s in tests],
        weighted=weighted,
        by_class=by_class,
        predicted=model.predict_on_batch(x),
    )


@scenario
def evaluation(k: Any) -> dict[str, Any]:
    rows = np.eye(3, dtype="float32")
    model = classifier(k, ("accuracy", "mse"), loss="categorical_crossentropy")
    x, y = data()
    y = rows[y]
    return {
        "list": model.evaluate(x, y, batch_size=8, verbose=0),
        "dict": model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True),
        "steps": model.evaluate(x, y, batch_size=8, steps=2, verbose=0),
        "predicted": model.predict(x, batch_size=8, verbose=0),
        "two batches": model.predict(x, batch_size=8, steps=2, verbose=0),
    }


# --- names ------------------------------------------------------------------------------------
@scenario
def one_output_and_every_form_of_metrics(k: Any) -> dict[str, Any]:
    x, y = data()

    def bias(y_true: Any, y_pred: Any) -> Any:
        return k.ops.mean(y_pred, axis=-1) - 0.5

    forms: list[Any] = [
        ["accuracy"],
        ["acc", "mse"],
        [["accuracy", "mae"]],
        ["AUC", "categorical_crossentropy"],
        {"out": ["accuracy"]},
        [bias, k.metrics.CategoricalAccuracy(name="right")],
        [k.metrics.categorical_crossentropy, k.losses.MeanSquaredError(name="squares")],
        ["categorical_accuracy", "top_k_categorical_accuracy"],
        [k.metrics.AUC(), k.metrics.AUC(curve="PR")],
    ]
    found = {}
    for i, form in enumerate(forms):
        model = classifier(k, metrics=())
        loss = "categorical_crossentropy"
        model.compile("sgd", loss, metrics=form)
        rows = np.eye(3, dtype="float32")[y]
        found[str(i)] = model.evaluate(x, rows, verbose=0, return_dict=True)
    return found


def _both(k: Any, outputs: str, y: Any, **compiled: Any) -> dict[str, Any]:
    model = two_headed(k, outputs)
    model.compile(k.optimizers.SGD(0.1), **compiled)
    x = data()[0]
    history = model.fit(x, y, epochs=2, **PLAIN)
    return seen(
        model,
        history,
        list=model.evaluate(x, y, verbose=0),
        predicted=model.predict(x, verbose=0),
    )


MIXED = ("mse", "sparse_categorical_crossentropy")


@scenario
def two_outputs_by_lists(k: Any) -> dict[str, Any]:
    x, y = data()
    metrics = [["mae"], ["accuracy"]]
    return _both(k, "list", [x[:, :1], y], loss=list(MIXED), loss_weights=[1.5, 0.5],
                 metrics=metrics)  # fmt: skip


@scenario
def two_outputs_by_the_names_of_layers(k: Any) -> dict[str, Any]:
    x, y = data()
    return _both(
        k,
        "list",
        {"first": x[:, :1], "second": y},
        loss={"first": MIXED[0], "second": MIXED[1]},
        loss_weights={"first": 0.5, "second": 2.0},
        metrics={"second": ["accuracy"]},
    )


@scenario
def two_outputs_in_a_dict(k: Any) -> dict[str, Any]:
    x, y = data()
    return _both(
        k,
        "dict",
        {"one": x[:, :1], "two": y},
        loss={"one": MIXED[0], "two": MIXED[1]},
        metrics={"one": ["mae"], "two": ["accuracy"]},
        weighted_metrics={"two": [k.metrics.SparseCategoricalAccuracy(name="weighted")]},
    )


@scenario
def one_loss_for_both(k: Any) -> dict[str, Any]:
    x, y = data()
    rows = np.eye(3, dtype="float32")[y]
    return _both(k, "tuple", (x[:, :1], rows), loss="mse", metrics=["mae", "mse"])


@scenario
def an_output_without_loss(k: Any) -> dict[str, Any]:
    x, y = data()
    return _both(k, "list", [x[:, :1], y], loss=[None, MIXED[1]], metrics=[None, ["accuracy"]])


@scenario
def weights_for_each_output(k: Any) -> dict[str, Any]:
    x, y = data()
    model = two_headed(k, "dict")
    model.compile(
        k.optimizers.SGD(0.1),
        loss={"one": MIXED[0], "two": MIXED[1]},
        weighted_metrics={"one": ["mae"], "two": ["accuracy"]},
    )
    weights = {"one": np.linspace(0, 1, 21), "two": np.linspace(2, 1, 21)}
    history = model.fit(x, {"one": x[:, :1], "two": y}, sample_weight=weights, **PLAIN)
    return seen(model, history)


@scenario
def outputs_without_names_of_their_own(k: Any) -> dict[str, Any]:
    inputs = k.Input((4,))
    model = seeded(k.Model(inputs, [k.layers.Dense(1)(inputs), k.layers.Dense(2)(inputs)]))
    model.compile("sgd", ["mse", "mae"], metrics=[["mae"], ["mse"]])
    x = data()[0]
    return seen(model, model.fit(x, [x[:, :1], x[:, :2]], **PLAIN), names=model.output_names)


@scenario
def outputs_of_a_subclass(k: Any) -> dict[str, Any]:
    class Both(k.Model):
        def __init__(self) -> None:
            super().__init__()
            self.a = k.layers.Dense(1, kernel_initializer="ones")
            self.b = k.layers.Dense(2, kernel_initializer="ones")

        def call(self, inputs: Any) -> Any:
            return {"a": self.a(inputs), "b": self.b(inputs)}

    model = Both()
    model.compile("sgd", {"a": "mse", "b": "mae"}, metrics={"a": ["mae"], "b": ["mse"]})
    x = data()[0]
    return seen(model, model.fit(x, {"a": x[:, :1], "b": x[:, :2]}, epochs=2, **PLAIN))


@scenario
def paths_and_order_of_weights(k: Any) -> dict[str, Any]:
    class Block(k.layers.Layer):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.inner = k.layers.Dense(units)
            self.norm = k.layers.BatchNormalization(name="norm")
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

        def build(self, input_shape: Any) -> None:
            self.shift = self.add_weight(shape=(input_shape[-1],), name="shift", trainable=False)
            self.late = self.add_weight(shape=(2,), name="late")
            self.inner.build(input_shape)

        def call(self, inputs: Any) -> Any:
            return self.norm(self.inner(inputs + self.shift)) * self.scale

    class Own(k.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.blocks = [Block(3), Block(2, name="last")]
            self.stack = k.Sequential([k.layers.Dense(2), k.layers.Dense(1)])

        def call(self, inputs: Any) -> Any:
            h = inputs
            for block in self.blocks:
                h = block(h)
            return self.stack(h)

    own = Own(name="own")
    own(np.zeros((2, 4), "float32"))
    inputs = k.Input((4,))
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(2), k.layers.PReLU()], name="inner")
    outer = k.Model(inputs, k.layers.Dense(1)(Block(2)(inner(inputs))), name="outer")
    late = k.Sequential([k.layers.Dense(2), Block(1)])
    late.build((None, 3))
    groups = ("weights", "trainable_weights", "non_trainable_weights")
    return {
        f"{model.name} {group}": [f"{w.path} {tuple(w.shape)}" for w in getattr(model, group)]
        for model in (own, inner, outer, late)
        for group in groups
    }


@scenario
def several_inputs(k: Any) -> dict[str, Any]:
    a, b = k.Input((4,), name="a"), k.Input((1,), name="b")
    h = k.layers.Concatenate()([a, k.layers.Dense(2)(b)])
    model = seeded(k.Model({"a": a, "b": b}, k.layers.Dense(1, name="out")(h)))
    model.compile("sgd", {"out": "mse"})
    x = data()[0]
    history = model.fit({"b": x[:, 0], "a": x}, x[:, 1], **PLAIN)
    return seen(model, history, predicted=model.predict({"a": x, "b": x[:, :1]}, verbose=0))


# --- masks ------------------------------------------------------------------------------------
def _padded() -> np.ndarray:
    rng = np.random.default_rng(0)
    x = rng.integers(1, 9, (21, 6))
    for row, kept in zip(x, rng.integers(2, 7, 21), strict=True):
        row[kept:] = 0
    return x


def _tagger(k: Any, **compiled: Any) -> Any:
    model = k.Sequential(
        [
            k.Input((None,), dtype="int32"),
            k.layers.Embedding(9, 4, mask_zero=True),
            k.layers.Dense(4, "tanh"),
            k.layers.Dense(3, "softmax"),
        ]
    )
    model.compile(k.optimizers.SGD(0.1), "sparse_categorical_crossentropy", **compiled)
    return seeded(model)


@scenario
def a_masked_loss_and_metrics(k: Any) -> dict[str, Any]:
    # Keras on JAX loses the mask on its way to the metrics of training, not of evaluation.
    model = _tagger(k, metrics=["accuracy"])
    x = _padded()
    before = model.evaluate(x, x % 3, batch_size=8, verbose=0)
    loss = model.fit(x, x % 3, epochs=2, **PLAIN).history["loss"]
    return seen(model, before=before, loss=loss)


@scenario
def a_masked_loss_with_weights(k: Any) -> dict[str, Any]:
    model = _tagger(k, weighted_metrics=["accuracy"])
    x = _padded()
    weights = np.linspace(0.5, 2, x.size).reshape(x.shape).astype("float32")
    given = {"sample_weight": weights}
    before = model.evaluate(x, x % 3, batch_size=8, verbose=0, **given)
    loss = model.fit(x, x % 3, epochs=2, **given, **PLAIN).history["loss"]
    return seen(model, before=before, loss=loss)


@scenario
def a_masked_loss_with_one_weight_an_example(k: Any) -> dict[str, Any]:
    model = _tagger(k)
    x = _padded()
    weights = np.linspace(0.5, 2, len(x)).astype("float32")[:, None]
    return seen(model, model.fit(x, x % 3, sample_weight=weights, **PLAIN))


@scenario
def a_masked_batch_normalization(k: Any) -> dict[str, Any]:
    inputs = k.Input((None, 4))
    h = k.layers.BatchNormalization(momentum=0.8)(k.layers.Masking()(inputs))
    model = k.Model(inputs, k.layers.GlobalAveragePooling1D()(h))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(21, 5, 4)).astype("float32")
    x[::2, 3:] = 0
    model.compile("sgd", "mse")
    history = model.fit(x, x[:, 0], epochs=2, **PLAIN)
    return seen(model, history, predicted=model.predict(x, verbose=0))


# --- losses of one's own ----------------------------------------------------------------------
@scenario
def losses_added_in_call(k: Any) -> dict[str, Any]:
    class Penalized(k.layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(0.1 * k.ops.mean(k.ops.square(inputs)))
            return inputs

    inputs = k.Input((4,))
    h = Penalized()(k.layers.Dense(3, kernel_regularizer="l2")(inputs))
    model = seeded(k.Model(inputs, k.layers.Dense(1)(h)))
    model.compile(k.optimizers.SGD(0.1), "mse", metrics=["mse"])
    x = data()[0]
    return seen(model, model.fit(x, x[:, 0], validation_split=0.3, **PLAIN))


@scenario
def a_loss_as_a_function(k: Any) -> dict[str, Any]:
    def asymmetric(y_true: Any, y_pred: Any) -> Any:
        error = y_true - y_pred
        return k.ops.where(error > 0, 2 * error, -error)

    model = seeded(k.Sequential([k.Input((4,)), k.layers.Dense(2)]))
    model.compile(k.optimizers.SGD(0.1), asymmetric, metrics=[asymmetric])
    x = data()[0]
    return seen(model, model.fit(x, x[:, :2], epochs=2, **PLAIN))
